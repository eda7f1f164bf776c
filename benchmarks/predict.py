"""Measure the predictions per second of a server: in batches, one by one in a `def` handler, and of other frameworks.

Run `python -m benchmarks.predict [ROUNDS]` from the repository's folder. Each row is a server in its own process; all
get the same house and return the same response. `plain` predicts one row in a `def` handler with OpenMP's default of
one thread for each processor, `plain, one thread` with `OMP_NUM_THREADS=1`. `plain again` is the same as `plain, one
thread` and shows the noise. `no model` returns its input: nothing can be faster. LitServe and BentoML are included if
`make bench` has installed them. This process sends requests over 64 connections without a pause, and then over one.
Each round measures every row once.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import cast

import httpx
import psutil
from uvloop import run

from benchmarks.environments import BENTOML, FRAMEWORKS, OWN, REPOSITORY, is_there, python_of
from benchmarks.predictors import KEY
from benchmarks.report import Limit, Row, Section, Table, output_of, text
from benchmarks.served import wait_until_answered
from tests.blocks import BLOCK
from tests.serving import Server, serving

CONNECTIONS, SECONDS, ROUNDS = 64, 3.0, 7
OURS, BASE = "composer, together", "plain, one thread"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
INTRODUCTION = f"""
`POST /predict` of one block of houses, with the gradient boosting model of `apps/house_price`. A plain endpoint
predicts each row separately; the example app (with `composer.contrib.models`), LitServe and BentoML predict
concurrent requests in batches. The ratio is to the plain endpoint with one OpenMP thread: higher is better. Requests
per second of processor time count all processes of a server, and so measure the capacity of a machine; requests per
second also depend on the number of processors in use. *plain again* is the noise. *no model* responds without
predicting: the upper limit with uvicorn, which serves the plain endpoints. composer's row runs `composer serve`;
LitServe and BentoML run their own commands. All except these two check an API key. Both have a maximum batch size of
{CONNECTIONS}, one worker, one OpenMP thread, and no access log. BentoML receives the block in a list, as its batches
require.
""".strip()


@dataclass(frozen=True)
class Served:
    """A server: its command, environment and address, and the body of its requests."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    installed_in: str = OWN
    body: object = field(default_factory=lambda: BLOCK)


def ours(factory: str, environment: Mapping[str, str] | None = None) -> Served:
    """Return a server of one of our own apps."""
    target = ["uvicorn", "--factory", f"benchmarks.predictors:{factory}", "--port", "{port}", "--no-access-log"]
    return Served(target, environment or {})


ROWS: Mapping[str, Served] = {
    OURS: Served(["composer", "serve", "--settings", "benchmarks/predict.toml", "--port", "{port}"]),
    "plain": ours("plain"),
    BASE: ours("plain", ONE_THREAD),
    "plain again": ours("plain", ONE_THREAD),
    "no model": ours("no_model"),
    "LitServe": Served(
        ["benchmarks.environments", FRAMEWORKS, "benchmarks.predict_by_litserve", "{port}"], ONE_THREAD, FRAMEWORKS
    ),
    "BentoML": Served(
        ["benchmarks.environments", BENTOML, "bentoml", "serve", "benchmarks.predict_by_bentoml:HousePrice",
         "--host", "127.0.0.1", "--port", "{port}"],
        ONE_THREAD, BENTOML, {"blocks": [BLOCK]},
    ),
}  # fmt: skip
OTHERS = {"LitServe": ("litserve", "fastapi", "uvicorn"), "BentoML": ("bentoml", "starlette", "uvicorn")}


class Client(asyncio.Protocol):
    """One connection, which sends the next request after each response, until the time is over."""

    def __init__(self, body: object, took: list[float], until: float) -> None:
        data = json.dumps(body).encode()
        head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\ntoken: {KEY}\r\nContent-Type: application/json\r\n"
        self._request = f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data
        self._took, self._until = took, until
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._ask()

    def _ask(self) -> None:
        self._asked, self._answer = time.perf_counter(), b""
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Send the next request when the response is complete: an object, or a list of one."""
        self._answer += data
        if not self._answer.endswith((b"}", b"}]")):
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


async def ask(port: int, body: object, connections: int, seconds: float) -> list[float]:
    """Send requests for some seconds over some connections, and return the seconds of each response.

    It waits for the requests in flight at the end and counts them: they would disturb the next row.
    """
    took: list[float] = []
    loop, until = asyncio.get_running_loop(), time.perf_counter() + seconds
    made = [
        await loop.create_connection(lambda: Client(body, took, until), "127.0.0.1", port) for _ in range(connections)
    ]
    await asyncio.gather(*(client.ended for _, client in made))
    for transport, _ in made:
        transport.abort()
    return took


@contextmanager
def served(name: str) -> Iterator[Server]:
    """Run the server of a row during the block."""
    row = ROWS[name]
    children: list[psutil.Process] = []
    with tempfile.TemporaryDirectory() as folder:
        with serving(row.arguments, REPOSITORY, Path(folder) / "log", row.environment) as server:
            url = f"{server.url}/predict"
            wait_until_answered(server, lambda: httpx.post(url, json=row.body, headers={"token": KEY}, timeout=30))
            try:
                yield server
            finally:
                children += processes_of(server)[1:]
        # The child processes of LitServe outlive it.
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()


def processes_of(server: Server) -> list[psutil.Process]:
    """Return all processes of a server, the parent first."""
    parent = psutil.Process(server.process.pid)
    return [parent, *parent.children(recursive=True)]


def processor_seconds(server: Server) -> float:
    """Return the processor time that all processes of a server have used so far, in seconds."""
    times = [process.cpu_times() for process in processes_of(server)]
    return sum(each.user + each.system for each in times)


def measured(server: Server, body: object, connections: int, seconds: float) -> dict[str, float]:
    """Send requests for some seconds; return the figures of one round."""
    before, start = processor_seconds(server), time.perf_counter()
    took = run(ask(server.port, body, connections, seconds))
    used, passed = processor_seconds(server) - before, time.perf_counter() - start
    late = quantiles(took, n=100)[98]
    return {
        "requests/s": len(took) / passed,
        "per CPU second": len(took) / used,
        "ms": median(took) * 1000,
        "p99 ms": late * 1000,
    }


Rounds = list[dict[str, dict[str, float]]]


def rounds_of(servers: Mapping[str, Server], connections: int, rounds: int, seconds: float) -> Rounds:
    """Measure every server once in each round, after a warm-up round."""
    return [
        {name: measured(server, ROWS[name].body, connections, seconds) for name, server in servers.items()}
        for _ in range(rounds + 1)
    ][1:]


def rows(found: Rounds, figure: str, shown: Sequence[str], limit: Limit | None = None, load: str = "") -> list[Row]:
    """Return a row for each server, with the ratios of one figure to the plain endpoint."""
    return [
        Row(
            f"{name}{load}",
            {each: median(one[name][each] for one in found) for each in shown},
            [one[name][figure] / one[BASE][figure] for one in found],
            limit if name == OURS else None,
        )
        for name in found[0]
    ]


def compared_with_others(found: Rounds) -> list[Row]:
    """Return the ratios of composer's requests per second of processor time to those of the other frameworks."""
    figure, asked = "per CPU second", Limit(4.0, at_least=True)
    return [
        Row(
            f"composer, to {name}",
            {
                "composer": median(one[OURS][figure] for one in found),
                "other": median(one[name][figure] for one in found),
            },
            [one[OURS][figure] / one[name][figure] for one in found],
            asked,
        )
        for name in OTHERS
        if name in found[0]
    ]


def tables(many: Rounds, one: Rounds) -> list[Table]:
    """Return the tables of the figures over 64 connections and over one."""
    shown = ["requests/s", "ms", "p99 ms"]
    every, cpu = f"{CONNECTIONS} connections, medians of {len(many)} rounds", "per second of processor time"
    made = [
        Table(f"Requests per second; {every}", rows(many, shown[0], shown, Limit(5.0, at_least=True))),
        Table(f"Requests {cpu}; {every}", rows(many, "per CPU second", ["per CPU second"])),
        Table(f"composer's requests {cpu}, as a ratio to the others'", compared_with_others(many)),
        Table(
            "Requests per second; one connection",
            rows(one, shown[0], shown, Limit(1 / 1.10, at_least=True), ", one client"),
        ),
    ]
    return [table for table in made if table.rows]


def section(rounds: int = ROUNDS, seconds: float = SECONDS) -> Section:
    """Measure."""
    names = [name for name, row in ROWS.items() if is_there(row.installed_in)]
    with ExitStack() as stack:
        servers = {name: stack.enter_context(served(name)) for name in names}
        many = rounds_of(servers, CONNECTIONS, rounds, seconds)
        one = rounds_of(servers, 1, rounds, seconds / 2)
    notes = [f"{name}: {versions_there(name)}." for name in OTHERS if name in names]
    missing = [name for name in ROWS if name not in names]
    notes += [f"Not measured, because `make bench` hasn't installed them: {', '.join(missing)}."] if missing else []
    plot = {name: {key: median(each[name][key] for each in many) for key in many[0][name]} for name in names}
    return Section("predict", "The model", INTRODUCTION, tables(many, one), notes=notes, plot=plot)


def versions_there(name: str) -> str:
    """Return the versions of one of the other frameworks in its environment."""
    program = f"from benchmarks.report import versions; print(versions({OTHERS[name]!r}))"
    return output_of(str(python_of(ROWS[name].installed_in)), "-c", program).strip()


if __name__ == "__main__":
    print(text(section(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)))
