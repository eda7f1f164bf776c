"""Measure the merged document of 400 apps with five routes each, beside the one of a FastAPI that has all 2,000 routes.

Run `python -m benchmarks.document [ROUNDS]` from the repository's folder. In each round both are made anew and asked
for their first document; then one of the apps gets another route, and the composition is asked again; then what is
known by now is asked for again and again, beside a static file with the same bytes. All are asked over ASGI, without a
socket. `held up` is the longest time for which the event loop did nothing else meanwhile.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import httpx
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, Field, create_model
from starlette.staticfiles import StaticFiles

import composer

APPS, ROUTES, ROUNDS, AGAIN = 400, 5, 5, 200


@dataclass(frozen=True)
class Round:
    """Seconds of one round, and for how many the event loop was held up."""

    plain: float
    plain_held: float
    first: float
    first_held: float
    changed: float
    changed_held: float
    again: float
    static: float


def thing(number: int) -> type[BaseModel]:
    """Return a model that one app has to itself."""
    part = create_model(f"Part{number}", label=(str, Field(max_length=40)), weight=(float, 1.0))
    return create_model(f"Thing{number}", id=(int, Field(ge=1)), name=(str, ...), parts=(list[part], []))  # type: ignore[valid-type]


def add_routes(router: APIRouter, number: int, model: type[BaseModel]) -> None:
    """Add five routes that read and write such a model."""
    for each in range(ROUTES):

        async def answer(body: BaseModel, thing_id: int, verbose: bool = False) -> BaseModel:
            return body

        answer.__annotations__["body"] = model
        router.put(f"/things{each}/{{thing_id}}", response_model=model, name=f"write_{number}_{each}")(answer)


def service(number: int) -> FastAPI:
    """Return one of the apps."""
    app = FastAPI(title=f"Service {number}")
    add_routes(app.router, number, thing(number))
    return app


def plain() -> FastAPI:
    """Return the app that has all the routes."""
    app = FastAPI()
    for number in range(APPS):
        router = APIRouter(prefix=f"/service{number}")
        add_routes(router, number, thing(number))
        app.include_router(router)
    return app


async def timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return the seconds that something took, and the longest time for which the event loop was held up meanwhile."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before - 0.001)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.01)
    start, longest = time.perf_counter(), 0.0
    await work()
    took = time.perf_counter() - start
    await asyncio.sleep(0)
    ticking.cancel()
    return took, max(longest, 0.0)


def asking(app: FastAPI, path: str) -> Callable[[], Awaitable[httpx.Response]]:
    """Return what asks an app for a path, and sees that it is answered."""
    plain_text = {"Accept-Encoding": "identity"}
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", headers=plain_text)

    async def ask() -> httpx.Response:
        answer = await client.get(path)
        answer.raise_for_status()
        return answer

    return ask


async def seconds_of_each(ask: Callable[[], Awaitable[httpx.Response]]) -> float:
    """Return the time of one request, from many."""
    start = time.perf_counter()
    for _ in range(AGAIN):
        await ask()
    return (time.perf_counter() - start) / AGAIN


async def round_of(folder: Path) -> Round:
    """Measure everything once."""
    took, held = await timed(asking(plain(), "/openapi.json"))
    services = [service(number) for number in range(APPS)]
    root = composer.compose([composer.App(f"s{n}", f"/service{n}", each) for n, each in enumerate(services)])
    ask = asking(root, "/openapi.json")
    async with composer.composition_of(root).lifecycle.running():
        first = await timed(ask)
        changing = services[APPS // 2]
        add_routes(changing.router, APPS, thing(APPS))
        changing.openapi_schema = None
        changed = await timed(ask)
        (folder / "openapi.json").write_bytes((await ask()).content)
        files = FastAPI()
        files.mount("/", StaticFiles(directory=folder))
        again, static = await seconds_of_each(ask), await seconds_of_each(asking(files, "/openapi.json"))
    return Round(took, held, *first, *changed, again, static)


def row(name: str, ratios: list[float], *more: str) -> str:
    """Write one row of the table."""
    return f"{name:34} {median(ratios):7.3f}   {min(ratios):.3f} to {max(ratios):.3f}   {'; '.join(more)}"


def ms(seconds: list[float]) -> str:
    """Write the median in milliseconds."""
    return f"{median(seconds) * 1000:.2f} ms"


def main(count: int) -> None:
    """Measure, and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        rounds = [asyncio.run(round_of(Path(folder))) for _ in range(count)]
    print(f"{APPS} apps with {ROUTES} routes each; fastapi {version('fastapi')}, Python {sys.version.split()[0]}")
    print(f"{'':34} {'ratio':>7}   ratios of {count} rounds")
    held = (
        f"held up {ms([each.first_held for each in rounds])}, at most {max(r.first_held for r in rounds) * 1e3:.1f} ms"
    )
    one = f"one FastAPI took {ms([each.plain for each in rounds])}, held up {ms([each.plain_held for each in rounds])}"
    print(row("first document, to one FastAPI's", [r.first / r.plain for r in rounds], held, one))
    held = f"held up at most {max(r.changed_held for r in rounds) * 1e3:.1f} ms"
    print(row("one app changed, to one FastAPI's", [r.changed / r.plain for r in rounds], held))
    took = f"{ms([each.again for each in rounds])}, a static file {ms([each.static for each in rounds])}"
    print(row("from the cache, to a static file", [r.again / r.static for r in rounds], took))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
