"""Measure the merged document of 400 apps with five routes each, compared with one FastAPI with all 2,000 routes.

Run `python -m benchmarks.document [ROUNDS]` from the repository's folder. Each round
builds both and requests their first document. Then one of the apps gets another route, and the composition's document
is requested again. Then the cached document is requested repeatedly, compared with a static file of the same content.
All requests are made over ASGI, without a socket.
"""

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, Field, create_model
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message

import composer
from benchmarks.calls import receive, scope_of
from benchmarks.report import Limit, Row, Section, Table, text

APPS, ROUTES, ROUNDS, AGAIN = 400, 5, 5, 200

INTRODUCTION = """
The merged document of 400 apps with five routes each, compared with the document of one FastAPI with all 2,000 routes.
*Blocked* is the longest time for which the event loop was blocked. It is compared with a thread that only counts for a
second: that much is due to Python and the machine.
""".strip()


@dataclass(frozen=True)
class Round:
    """The durations of one round, and how long the event loop was blocked."""

    plain: float
    plain_held: float
    plain_again: float
    first: float
    first_held: float
    changed: float
    changed_held: float
    again: float
    static: float
    counting_held: float


def thing(number: int) -> type[BaseModel]:
    """Return a model that only one app uses."""
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
    """Return the duration of a call, and the longest time that it blocked the event loop."""
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
    # Not stopped immediately, so that it also records the last interval.
    await asyncio.sleep(0.01)
    ticking.cancel()
    return took, max(longest, 0.0)


def asking(app: ASGIApp, path: str) -> Callable[[], Awaitable[bytes]]:
    """Return a function that requests a path of an app and returns the response."""

    async def ask() -> bytes:
        sent: list[Message] = []
        body = iter([await receive()])

        async def receive_body_and_wait() -> Message:
            # As from a server: after the body, the client disconnects; file responses wait for that.
            return next(body, None) or await asyncio.get_running_loop().create_future()

        async def send(message: Message) -> None:
            sent.append(message)

        await app(scope_of(path), receive_body_and_wait, send)
        if sent[0]["status"] != HTTPStatus.OK:
            raise RuntimeError(f"{path} answered {sent[0]['status']}")
        return b"".join(message.get("body", b"") for message in sent[1:])

    return ask


async def seconds_of_each(ask: Callable[[], Awaitable[bytes]]) -> float:
    """Return the time of one request, from many."""
    start = time.perf_counter()
    for _ in range(AGAIN):
        await ask()
    return (time.perf_counter() - start) / AGAIN


def count_for_a_second() -> None:
    """Keep a thread busy."""
    number, end = 0, time.perf_counter() + 1
    while time.perf_counter() < end:
        number += 1


async def first_of_plain() -> tuple[float, float]:
    """Measure the first document of one FastAPI."""
    app = plain()
    # Start without the garbage of the previous measurement.
    gc.collect()
    return await timed(asking(app, "/openapi.json"))


async def round_of(folder: Path) -> Round:
    """Measure everything once."""
    took, held = await first_of_plain()
    took_again, _ = await first_of_plain()
    services = [service(number) for number in range(APPS)]
    root = composer.compose([composer.App(f"s{n}", f"/service{n}", each) for n, each in enumerate(services)])
    ask = asking(root, "/openapi.json")
    async with composer.composition_of(root).lifecycle.running():
        gc.collect()
        first = await timed(ask)
        changing = services[APPS // 2]
        add_routes(changing.router, APPS, thing(APPS))
        changing.openapi_schema = None
        changed = await timed(ask)
        document = await ask()
        (folder / "openapi.json").write_bytes(document)
        ask_file = asking(StaticFiles(directory=folder), "/openapi.json")
        if await ask_file() != document:
            raise RuntimeError("the static file differs from the document")
        again, static = await seconds_of_each(ask), await seconds_of_each(ask_file)
    _, counting = await timed(lambda: asyncio.to_thread(count_for_a_second))
    return Round(took, held, took_again, *first, *changed, again, static, counting)


def section(count: int = ROUNDS) -> Section:
    """Measure some rounds, and return the results."""
    with tempfile.TemporaryDirectory() as folder:
        rounds = [asyncio.run(round_of(Path(folder))) for _ in range(count)]
    times = [
        row("first document, compared with one FastAPI's", [(each.first, each.plain) for each in rounds], Limit(0.75)),
        row(
            "one app changed, compared with one FastAPI's", [(each.changed, each.plain) for each in rounds], Limit(0.03)
        ),
        row("from the cache, compared with a static file", [(each.again, each.static) for each in rounds], Limit(1.0)),
    ]
    times.append(row("A/A: one FastAPI's again", [(each.plain_again, each.plain) for each in rounds]))
    held = Limit(20, figure="ms")
    holdups = [
        row("first document", [(each.first_held, each.counting_held) for each in rounds], held),
        row("one app changed", [(each.changed_held, each.counting_held) for each in rounds], held),
        row("first document of one FastAPI", [(each.plain_held, each.counting_held) for each in rounds]),
    ]
    tables = [
        Table(f"Duration of a request for the document; medians of {count} rounds", times),
        Table("Longest time that the event loop was blocked, compared with a thread that only counts", holdups),
    ]
    return Section("document", "The document", INTRODUCTION, tables)


def row(name: str, pairs: list[tuple[float, float]], limit: Limit | None = None) -> Row:
    """Return a row that compares two durations."""
    ours, theirs = (median(column) * 1000 for column in zip(*pairs, strict=True))
    return Row(name, {"ms": ours, "other, ms": theirs}, [mine / other for mine, other in pairs], limit)


if __name__ == "__main__":
    print(text(section(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)))
