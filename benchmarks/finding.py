"""Measure what it costs to find the app: one request through N apps, against the same app called directly.

Run `python -m benchmarks.finding [ROUNDS]` from the repository's folder. Each of the apps has five routes, and answers
a small JSON from an `async def` handler; the first of its own routes is asked for. All is called as a server calls it,
without a socket, and what is measured is the time of the processor. A row's `ratio` is to the app that answers it,
called directly with the scope that it gets under its prefix; `to alone` is to an app of the same kind that nobody has
touched, served without a prefix, which finds its routes a little faster. The unknown path is `/nowhere/0`. In each
round every row is measured right after its two measures; a round's ratio is between those. `direct again` is the noise:
the direct app against itself.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from platform import python_version
from statistics import median

from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

import composer
from benchmarks.calls import receive, scope_of
from composer._asgi import ASGIApp, Message, Scope

ROUNDS, ROUTES, SIZES = 15, 5, (1, 100, 1000)
# Seconds that one measurement takes, and the fewest requests that it has.
LENGTH, FEWEST = 0.02, 3
UNKNOWN = "/nowhere/0"
PACKAGES = ("fastapi", "starlette", "anyio", "opentelemetry-api")


@dataclass(frozen=True)
class Row:
    """One row of the table: what is asked for which path, and the direct call that answers the same."""

    name: str
    apps: int
    place: str
    asked: ASGIApp
    path: str
    direct: ASGIApp
    prefix: str


def add_routes(app: FastAPI | APIRouter) -> None:
    """Give an app its routes, `/0` to `/4`."""

    async def answer() -> dict[str, int]:
        return {"note": 7}

    for number in range(ROUTES):
        app.get(f"/{number}")(answer)


def small_app() -> FastAPI:
    """Return one of the apps."""
    app = FastAPI()
    add_routes(app)
    return app


def prefix_of(number: int) -> str:
    """Return where the app of that number is mounted."""
    return f"/app{number}"


def composed(apps: Sequence[FastAPI], root: FastAPI | None = None) -> FastAPI:
    """Compose them, into a root that is given or into one that composer makes."""
    return composer.compose(
        [composer.App(f"app{number}", prefix_of(number), lambda app=app: app) for number, app in enumerate(apps)],
        root=root,
    )


def composed_into_a_root(apps: Sequence[FastAPI]) -> FastAPI:
    """Compose them into a root that a user gives."""
    return composed(apps, FastAPI())


def mounted(apps: Sequence[FastAPI]) -> FastAPI:
    """Mount them as FastAPI does."""
    root = FastAPI()
    for number, app in enumerate(apps):
        root.mount(prefix_of(number), app)
    return root


def mounted_by_starlette(apps: Sequence[FastAPI]) -> Starlette:
    """Mount them as Starlette does."""
    return Starlette(routes=[Mount(prefix_of(number), app) for number, app in enumerate(apps)])


def included(apps: Sequence[FastAPI]) -> FastAPI:
    """Include as many routers as there are apps, with the same routes."""
    root = FastAPI()
    for number in range(len(apps)):
        router = APIRouter(prefix=prefix_of(number))
        add_routes(router)
        root.include_router(router)
    return root


WAYS: dict[str, Callable[[Sequence[FastAPI]], Starlette]] = {
    "composer": composed,
    "composer, root given": composed_into_a_root,
    "FastAPI.mount": mounted,
    "include_router": included,
    "Starlette Mount": mounted_by_starlette,
}

COMPOSED = ("composer", "composer, root given")


async def send(message: Message) -> None:
    """Take no note of what is answered."""


async def status_of(app: ASGIApp, scope: Scope) -> int:
    """Return the status of one answer."""
    told: list[Message] = []

    async def tell(message: Message) -> None:
        told.append(message)

    await app(scope, receive, tell)
    return int(told[0]["status"])


async def microseconds(app: ASGIApp, path: str, root_path: str, requests: int) -> float:
    """Return the time of the processor that one request takes, from some."""
    scopes = [scope_of(path, root_path) for _ in range(requests)]
    start = time.process_time()
    for scope in scopes:
        await app(scope, receive, send)
    return (time.process_time() - start) / requests * 1e6


async def enough(app: ASGIApp, path: str, root_path: str) -> int:
    """Return how many requests one measurement needs, after one that isn't counted."""
    took = await microseconds(app, path, root_path, 1)
    return max(FEWEST, int(LENGTH * 1e6 / max(took, 1.0)))


def rows_of(name: str, root: Starlette, apps: Sequence[FastAPI]) -> Iterator[Row]:
    """Return the rows of one way to put the apps together."""
    last = len(apps) - 1
    places = {"first": 0, "middle": last // 2, "last": last} if last else {"last": last}
    for place, number in places.items():
        prefix = prefix_of(number)
        yield Row(name, len(apps), place, root, f"{prefix}/0", apps[number], prefix)
    yield Row(name, len(apps), "unknown", root, UNKNOWN, apps[last], prefix_of(last))


async def round_of(row: Row, alone: ASGIApp) -> tuple[float, float, float]:
    """Measure one row and its two measures: alone, direct, and as it is asked."""
    untouched = await microseconds(alone, "/0", "", await enough(alone, "/0", ""))
    direct = await microseconds(row.direct, "/0", row.prefix, await enough(row.direct, "/0", row.prefix))
    return untouched, direct, await microseconds(row.asked, row.path, "", await enough(row.asked, row.path, ""))


async def again(app: FastAPI, alone: ASGIApp) -> tuple[float, float, float]:
    """Measure the direct app twice: what differs is noise."""
    prefix = prefix_of(0)
    untouched = await microseconds(alone, "/0", "", await enough(alone, "/0", ""))
    first, second = [await microseconds(app, "/0", prefix, await enough(app, "/0", prefix)) for _ in range(2)]
    return untouched, first, second


async def started(stack: AsyncExitStack) -> list[Row]:
    """Put the apps together in each way, start what has to be started, and see that all answer as they should."""
    rows: list[Row] = []
    for size in SIZES:
        for name, way in WAYS.items():
            apps = [small_app() for _ in range(size)]
            root = way(apps)
            if name in COMPOSED:
                # The others serve without; a thousand included routers can't even start, for each is in the one before.
                await stack.enter_async_context(root.router.lifespan_context(root))
            rows += rows_of(name, root, apps)
    for row in rows:
        if (status := await status_of(row.asked, scope_of(row.path))) != (404 if row.place == "unknown" else 200):
            raise RuntimeError(f"{row.name} of {row.apps} answers {status} to {row.path}")
    return sorted(rows, key=lambda row: list(WAYS).index(row.name))


async def measured(rounds: int) -> dict[str, list[tuple[float, float, float]]]:
    """Measure some rounds, after one that isn't counted; return them by the text that stands before the figures."""
    async with AsyncExitStack() as stack:
        rows, alone = await started(stack), small_app()
        noise = small_app()
        # What stands in memory is the same for all rows; only what a request makes is to be collected meanwhile.
        gc.collect()
        gc.freeze()
        asked = {heading("direct again", 1, ""): partial(again, noise, alone)}
        asked |= {heading(row.name, row.apps, row.place): partial(round_of, row, alone) for row in rows}
        found: dict[str, list[tuple[float, float, float]]] = {text: [] for text in asked}
        for number in range(rounds + 1):
            for text, measure in asked.items():
                figures = await measure()
                if number:
                    found[text].append(figures)
        return found


def heading(name: str, apps: int, place: str) -> str:
    """Return how a row begins."""
    return f"{name:21} {apps:5} {place:8}"


def line(text: str, rounds: Sequence[tuple[float, float, float]]) -> str:
    """Write one row of the table."""
    ratios = sorted(took / direct for _, direct, took in rounds)
    to_alone = median(took / alone for alone, _, took in rounds)
    took = median(took for _, _, took in rounds)
    return f"{text} {took:9.1f} {median(ratios):8.3f}  {ratios[0]:8.3f} to {ratios[-1]:8.3f} {to_alone:9.3f}"


def main(rounds: int) -> None:
    """Measure, and print the table."""
    found = asyncio.run(measured(rounds))
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(f"processor time of one request, without a socket; medians of {rounds} rounds")
    print(f"Python {python_version()}, {versions}")
    print(f"{'':21} {'apps':>5} {'place':8} {'µs':>9} {'ratio':>8}  {'of the rounds':>20} {'to alone':>9}")
    for text, rows in found.items():
        print(line(text, rows))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
