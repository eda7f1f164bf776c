"""Measure one app's `def` handler while 200 clients block all threads of another app.

Run `python -m benchmarks.apart [ROUNDS]` from the repository's folder. Both apps have `def` handlers, which run in
threads: those of `stuck` sleep for a second, that of `quick` responds immediately. Each round measures `quick` alone
and then with 200 clients of `stuck`; the ratio of a round is between its two p99. The last row is the same pair of apps
under `FastAPI.mount`, where all apps share one thread pool.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median, quantiles

from fastapi import FastAPI

import composer
from benchmarks.report import Row, Section, Table, text
from tests.serving import REPOSITORY, Server, serving

CLIENTS, ROUNDS = 200, 7
# Requests of one measurement, by four clients; with shared threads each takes seconds.
REQUESTS, REQUESTS_SHARED, ASKING = 2000, 40, 4
STUCK_FOR = 1.0
INTRODUCTION = """
Handlers written with `def` run in threads. If one app blocks all its threads, other apps still respond, because each
app has its own threads. Under `FastAPI.mount`, all apps share one thread pool, and all of them wait. The ratio is
between the two p99 of a round.
""".strip()


def quick_app() -> FastAPI:
    """Return the app whose time is measured."""
    app = FastAPI()

    @app.get("/")
    def answer() -> dict[str, str]:
        return {"answer": "at once"}

    return app


def stuck_app() -> FastAPI:
    """Return the app whose handlers hold their threads."""
    app = FastAPI()

    @app.get("/")
    def answer() -> dict[str, str]:
        time.sleep(STUCK_FOR)
        return {"answer": "late"}

    return app


def composed() -> FastAPI:
    """Compose both."""
    return composer.compose([composer.App("quick", "/quick", quick_app), composer.App("stuck", "/stuck", stuck_app)])


def mounted() -> FastAPI:
    """Mount both as FastAPI does."""
    app = FastAPI()

    @app.get("/readyz")
    async def ready() -> None:
        """Respond like composer's own probe."""

    app.mount("/quick", quick_app())
    app.mount("/stuck", stuck_app())
    return app


@contextmanager
def served(factory: str) -> Iterator[Server]:
    """Serve what a function of this module returns, by uvicorn, in a process of its own."""
    arguments = ["uvicorn", "--factory", f"benchmarks.apart:{factory}", "--port", "{port}", "--no-access-log"]
    with (
        tempfile.TemporaryDirectory() as folder,
        serving([*arguments, "--timeout-graceful-shutdown", "2"], REPOSITORY, Path(folder) / "log") as server,
    ):
        server.wait_until_ready()
        yield server


async def ask(server: Server, path: str, times: int, tell: Callable[[float], None]) -> None:
    """Request a path repeatedly over one connection, and return the seconds of each response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 16)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    try:
        for _ in range(times):
            start = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            _, _, length = head.lower().partition(b"content-length: ")
            await reader.readexactly(int(length.split(b"\r\n")[0]))
            tell(time.perf_counter() - start)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"{path} answered {head!r}")
    finally:
        writer.close()


async def p99(server: Server, requests: int) -> float:
    """Return the 99th percentile of the milliseconds that `quick` takes."""
    took: list[float] = []
    await asyncio.gather(*(ask(server, "/quick/", requests // ASKING, took.append) for _ in range(ASKING)))
    return quantiles(took, n=100)[98] * 1000


@asynccontextmanager
async def stuck(server: Server) -> AsyncIterator[None]:
    """Send requests of 200 clients to `stuck` without a pause."""
    tasks = [asyncio.create_task(ask(server, "/stuck/", sys.maxsize, lambda _: None)) for _ in range(CLIENTS)]
    try:
        await asyncio.sleep(2 * STUCK_FOR)
        if any(task.done() for task in tasks):
            raise RuntimeError("a client of the blocked app has ended")
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Their requests must be completed, though the clients have disconnected.
        await asyncio.sleep(CLIENTS / 40 * STUCK_FOR + 1)


async def round_of(server: Server, requests: int) -> tuple[float, float]:
    """Return the p99 alone, and with the blocked app."""
    alone = await p99(server, REQUESTS)
    async with stuck(server):
        return alone, await p99(server, requests)


def row(name: str, rounds: list[tuple[float, float]]) -> Row:
    """Return one row of the table."""
    alone, blocked = (median(column) for column in zip(*rounds, strict=True))
    return Row(name, {"alone, ms": alone, "other blocked, ms": blocked}, [blocked / alone for alone, blocked in rounds])


def measured(factory: str, rounds: int, requests: int) -> list[tuple[float, float]]:
    """Measure some rounds on one server, after a warm-up round."""

    async def run() -> list[tuple[float, float]]:
        await p99(server, REQUESTS)
        return [await round_of(server, requests) for _ in range(rounds)]

    with served(factory) as server:
        return asyncio.run(run())


def section(rounds: int = ROUNDS) -> Section:
    """Measure."""
    title = f"p99 of one app's def handler, alone and while {CLIENTS} clients block another app"
    rows = [
        row("composer", measured("composed", rounds, REQUESTS)),
        row("FastAPI.mount", measured("mounted", min(rounds, 2), REQUESTS_SHARED)),
    ]
    return Section("apart", "An app that blocks its threads", INTRODUCTION, [Table(f"{title}; {rounds} rounds", rows)])


if __name__ == "__main__":
    print(text(section(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)))
