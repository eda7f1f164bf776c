"""Measure how many predictions a server makes: together, and one by one as a plain `def` endpoint makes them.

Run `python -m benchmarks.predict [ROUNDS]` from the repository's folder. Each row is the app of `apps/house_price`,
composed with its key and served by uvicorn in a process of its own; all answer the same. `plain` predicts one row in a
`def` handler, with what OpenMP does by itself (one thread for each processor), `plain, one thread` with
`OMP_NUM_THREADS=1`. `plain again` is the same as `plain, one thread`, and shows the noise. `no model` answers with what
it got: nothing can be faster. This process asks over 64 connections, without a pause, and then over one. In each round
every row is measured once, and its ratio is that to `plain, one thread`.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import cast

import psutil
from fastapi import APIRouter, FastAPI, Request, Security
from starlette.types import Lifespan
from uvloop import run

import composer
from apps import house_price
from apps.house_price._predict import Block, Prediction, Regressor, as_regressor, values
from shared import auth, models
from shared.auth import Auth, hash_key
from shared.models import Models
from tests.blocks import BLOCK
from tests.serving import REPOSITORY, Server, serving

CONNECTIONS, SECONDS, ROUNDS = 64, 3.0, 7
KEY = "a key of the benchmark"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
BASE = "plain, one thread"
# Each row: the function that composes it, and its environment.
ROWS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "together": ("together", {}),
    "plain": ("plain", {}),
    BASE: ("plain", ONE_THREAD),
    "plain again": ("plain", ONE_THREAD),
    "no model": ("no_model", {}),
}


def composed(create_app: Callable[..., FastAPI]) -> FastAPI:
    """Compose one app with the cornerstones that it needs."""
    cornerstones = [
        composer.Cornerstone("auth", auth.create_cornerstone, settings={"keys": [hash_key(KEY)]}),
        composer.Cornerstone("models", models.create_cornerstone, settings={"folder": REPOSITORY / "artefacts"}),
    ]
    return composer.compose([composer.App("predict", "/", create_app)], cornerstones=cornerstones)


def together() -> FastAPI:
    """Compose the app as it is."""
    return composed(house_price.create_app)


def guarded(auth: Auth, router: APIRouter, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Return an app whose routes ask for a key, as the real one does."""
    app = FastAPI(lifespan=lifespan)
    app.include_router(router, dependencies=[Security(auth)])
    return app


def plain() -> FastAPI:
    """Compose the app as one writes it without a second thought."""

    def create_app(auth: Auth, models: Models) -> FastAPI:
        router = APIRouter()

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Regressor]]:
            yield {"model": as_regressor(await models.load("house_price"))}

        @router.post("/predict")
        def predict(block: Block, request: Request) -> Prediction:
            return Prediction(median_house_value=values(request.state.model, [block.features()])[0])

        return guarded(auth, router, lifespan)

    return composed(create_app)


def no_model() -> FastAPI:
    """Compose an app that does everything but predict."""

    def create_app(auth: Auth) -> FastAPI:
        router = APIRouter()

        @router.post("/predict")
        async def predict(block: Block, request: Request) -> Prediction:
            return Prediction(median_house_value=block.features()[0])

        return guarded(auth, router)

    return composed(create_app)


@contextmanager
def served(factory: str, environment: Mapping[str, str]) -> Iterator[Server]:
    """Serve what a function of this module returns, by uvicorn, in a process of its own."""
    arguments = ["uvicorn", "--factory", f"benchmarks.predict:{factory}", "--port", "{port}", "--no-access-log"]
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(arguments, REPOSITORY, Path(folder) / "log", environment) as server,
    ):
        server.wait_until_ready()
        yield server


class Client(asyncio.Protocol):
    """One connection, that asks again as soon as it is answered, until the time is over."""

    def __init__(self, took: list[float], until: float) -> None:
        body = json.dumps(BLOCK).encode()
        head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\ntoken: {KEY}\r\nContent-Type: application/json\r\n"
        self._request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self._took, self._until = took, until
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._ask()

    def _ask(self) -> None:
        self._asked, self._answer = time.perf_counter(), b""
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Ask again, once the answer is complete."""
        self._answer += data
        if not self._answer.endswith(b"}"):
            return
        if not self._answer.startswith(b"HTTP/1.1 200"):
            self.ended.set_exception(RuntimeError(f"answered {self._answer!r}"))
            return
        now = time.perf_counter()
        self._took.append(now - self._asked)
        # A percentile needs two, however long they take.
        if now > self._until and len(self._took) > 1:
            self.ended.set_result(None)
        else:
            self._ask()


async def ask(port: int, connections: int, seconds: float) -> list[float]:
    """Ask for some seconds over some connections, and return the seconds that each answer took.

    What is under way at the end is waited for, and counts: it would be in the way of the next row.
    """
    took: list[float] = []
    loop, until = asyncio.get_running_loop(), time.perf_counter() + seconds
    made = [await loop.create_connection(lambda: Client(took, until), "127.0.0.1", port) for _ in range(connections)]
    await asyncio.gather(*(client.ended for _, client in made))
    for transport, _ in made:
        transport.abort()
    return took


def measured(server: Server, connections: int, seconds: float) -> tuple[float, float, float, float]:
    """Ask for some seconds; return requests per second, and per second of the processor, and its two latencies."""
    process = psutil.Process(server.process.pid)
    before, start = process.cpu_times(), time.perf_counter()
    took = run(ask(server.port, connections, seconds))
    after, passed = process.cpu_times(), time.perf_counter() - start
    used = after.user + after.system - before.user - before.system
    return len(took) / passed, len(took) / used, median(took) * 1000, quantiles(took, n=100)[98] * 1000


def table(connections: int, rounds: int, servers: Mapping[str, Server], seconds: float) -> None:
    """Measure some rounds, after one that isn't counted, and print the table."""
    found = [
        {name: measured(server, connections, seconds) for name, server in servers.items()} for _ in range(rounds + 1)
    ][1:]
    print(f"\n{connections} connections, medians of {rounds} rounds of {seconds:g} s")
    columns = f"{'req/s':>8} {'ratio':>7} {'ratios':>14} {'req/cpu-s':>10} {'ratio':>7} {'ms':>7} {'p99 ms':>8}"
    print(f"{'':18} {columns}")
    for name in servers:
        rate, per_cpu, middle, late = (median(each[name][column] for each in found) for column in range(4))
        ratios, cpu_ratios = (sorted(each[name][column] / each[BASE][column] for each in found) for column in (0, 1))
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        numbers = f"{rate:8.0f} {median(ratios):7.2f} {spread:>14} {per_cpu:10.0f} {median(cpu_ratios):7.2f}"
        print(f"{name:18} {numbers} {middle:7.2f} {late:8.2f}")


def main(rounds: int) -> None:
    """Measure, and print the tables."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(served(*row)) for name, row in ROWS.items()}
        table(CONNECTIONS, rounds, servers, SECONDS)
        table(1, rounds, servers, SECONDS / 2)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
