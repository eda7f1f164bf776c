"""Measure the requests per second of the last of 100 apps over a socket, compared with that app served alone.

Run `python -m benchmarks.served [ROUNDS]` from the repository's folder; it needs wrk (Debian's package of that name).
uvicorn serves with httptools and uvloop, each row in its own process; wrk uses 64 connections. On a machine with two
processors, the servers use one of them and wrk the other. Each round measures every row once. After some rounds, all
servers are restarted, because the speed of the same code varies between processes.
"""

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import httpx
from fastapi import FastAPI

from benchmarks import ways
from benchmarks.environments import REPOSITORY
from benchmarks.report import Limit, Row, Section, Table, output_of, ratios, text
from benchmarks.small_apps import prefix_of, small_app
from tests.serving import Server, serving

APPS, CONNECTIONS, SECONDS, ROUNDS, LAUNCHES = 100, 64, 1, 5, 5
ALONE = "the app alone"
PREFIX = prefix_of(APPS - 1)
# Each row: the function of this module that returns the app, and the path to request.
ROWS = {
    ALONE: ("alone", "/0"),
    "alone again": ("alone", "/0"),
    "composer": ("composed", f"{PREFIX}/0"),
    "FastAPI.mount": ("mounted", f"{PREFIX}/0"),
    "include_router": ("included", f"{PREFIX}/0"),
}
INTRODUCTION = f"""
Requests per second of the last of {APPS} apps, as a ratio to the same app served alone: higher is better, 1.00 is
equal. uvicorn with httptools and uvloop uses one processor, wrk with {CONNECTIONS} connections the other. Each row is
served by its own process, and they are measured in turn. All are restarted several times, because one process can be up
to 10 % faster than another one with the same code. *alone again* is a second process with the app alone: the noise.
""".strip()


def alone() -> FastAPI:
    """Return one app."""
    return small_app()


def composed() -> FastAPI:
    """Compose the apps."""
    return ways.composed([small_app() for _ in range(APPS)])


def mounted() -> FastAPI:
    """Mount them as FastAPI does."""
    return ways.mounted([small_app() for _ in range(APPS)])


def included() -> FastAPI:
    """Include as many routers."""
    return ways.included([small_app() for _ in range(APPS)])


@contextmanager
def on_processor(place: int) -> Iterator[None]:
    """Run processes that are started in the block on one processor only, if there are several and the system can."""
    if not hasattr(os, "sched_setaffinity") or len(every := sorted(os.sched_getaffinity(0))) < 2:
        yield
        return
    os.sched_setaffinity(0, {every[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


@contextmanager
def served(factory: str, path: str) -> Iterator[str]:
    """Serve the app that a function of this module returns, and yield the URL to request."""
    arguments = ["uvicorn", "--factory", f"benchmarks.served:{factory}", "--port", "{port}", "--no-access-log"]
    arguments += ["--loop", "uvloop", "--http", "httptools"]
    with tempfile.TemporaryDirectory() as folder, serving(arguments, REPOSITORY, Path(folder) / "log") as server:
        url = f"{server.url}{path}"
        wait_until_answered(server, lambda: httpx.get(url, timeout=30))
        yield url


def wait_until_answered(server: Server, ask: Callable[[], httpx.Response], seconds: float = 120) -> None:
    """Wait until a server responds with 200; raise TimeoutError with its output if it doesn't in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.process.poll() is None:
        try:
            if ask().status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"no successful response:\n{server.output}")


def requests_per_second(url: str, seconds: int) -> float:
    """Run wrk and return its requests per second; raise RuntimeError if a response wasn't a 200."""
    told = output_of(
        "wrk", "--threads=1", "--timeout=30s", f"--connections={CONNECTIONS}", f"--duration={seconds}s", url
    )
    # The server finishes the requests that wrk abandoned before the next server gets the processor.
    httpx.get(url, timeout=30)
    found = re.search(r"^Requests/sec: +([\d.]+)$", told, re.MULTILINE)
    if not found or "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"wrk on {url}:\n{told}")
    return float(found[1])


def launched(rounds: int, seconds: int) -> list[dict[str, float]]:
    """Start all servers and measure some rounds, after a warm-up round, alternating the order."""
    with ExitStack() as stack:
        with on_processor(0):
            urls = {name: stack.enter_context(served(*row)) for name, row in ROWS.items()}
        with on_processor(-1):
            orders = [list(urls), list(reversed(urls))]
            found = [
                {name: requests_per_second(urls[name], seconds) for name in orders[number % 2]}
                for number in range(rounds + 1)
            ]
    return found[1:]


def section(rounds: int = ROUNDS, seconds: int = SECONDS, launches: int = LAUNCHES) -> Section:
    """Measure, or report that wrk is missing."""
    if not shutil.which("wrk"):
        return Section(
            "served", "Over a socket", INTRODUCTION, notes=["Not measured: wrk is not installed on this machine."]
        )
    found = [one for _ in range(launches) for one in launched(rounds, seconds)]
    rows = [
        Row(
            name,
            {"requests/s": median(each[name] for each in found)},
            ratios(found, name, ALONE),
            Limit(0.95, at_least=True) if name == "composer" else None,
        )
        for name in ROWS
    ]
    table = Table(f"Medians of {launches} launches with {rounds} rounds of {seconds} s each", rows)
    plot = {row.name: row.figures["requests/s"] for row in rows}
    return Section("served", "Over a socket", INTRODUCTION, [table], plot=plot)


if __name__ == "__main__":
    print(text(section(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)))
