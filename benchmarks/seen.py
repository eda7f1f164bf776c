"""Measure the cost of observing requests: the log, the metrics, and both.

Run `python -m benchmarks.seen [ROUNDS]` from the repository's folder. The same app is composed five times and called as
a server would, but without a socket, so that the times contain nothing else; its `async def` handler returns a small
object. `off` is the log under a server other than `composer serve` without a logging configuration. The lines of `log`
are written as JSON to /dev/null. `uvicorn's access log` is `off` plus that line, as uvicorn writes it. Each round
measures every row once, and its ratio is that to `off`.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, redirect_stderr
from pathlib import Path
from statistics import median
from typing import TextIO

from fastapi import FastAPI
from starlette.types import Message
from uvicorn.config import LOGGING_CONFIG
from uvicorn.logging import AccessFormatter

import composer
from benchmarks.calls import receive, scope_of
from benchmarks.report import Row, Section, Table, ratios, text
from composer._cli.log import configure_logging

REQUESTS, ROUNDS = 2000, 15
ACCESS_LOG = "uvicorn's access log"
AGAIN = "off again"
INTRODUCTION = """
Processor time of the request log and the metrics, both of which are optional: a request of a small app without a
socket, as a ratio to the same request without them. *off again* is the noise.
""".strip()
# Each row, and whether it has the metrics.
ROWS: Mapping[str, bool] = {
    "off": False,
    AGAIN: False,
    "log": False,
    "metrics": True,
    "log and metrics": True,
    ACCESS_LOG: False,
}


def notes() -> FastAPI:
    """Return the app that is called."""
    app = FastAPI()

    @app.get("/{note_id}")
    async def read(note_id: int) -> dict[str, int]:
        return {"note": note_id}

    return app


def composed(*, metrics: bool) -> FastAPI:
    """Compose it, with the metrics or without."""
    return composer.compose([composer.App("notes", "/notes", notes)], metrics=metrics)


async def call(app: FastAPI) -> None:
    """Call the app as a server does, once."""

    async def send(message: Message) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(f"answered {message['status']}")

    await app(scope_of("/notes/7"), receive, send)


def configure_access_log(stream: TextIO) -> None:
    """Configure uvicorn's access logger as uvicorn does, without propagation."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(AccessFormatter(LOGGING_CONFIG["formatters"]["access"]["fmt"]))
    logger = logging.getLogger("uvicorn.access")
    logger.handlers, logger.propagate = [handler], False


def tell_as_uvicorn() -> None:
    """Write the access log line of uvicorn for the request."""
    client, line = "127.0.0.1:50000", ("GET", "/notes/7", "1.1", 200)
    logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', client, *line)


async def microseconds(app: FastAPI, name: str) -> float:
    """Return the processor time of one request, from some thousand."""
    # The first call checks whether the log is enabled.
    logging.getLogger("composer.request").setLevel(logging.INFO if name.startswith("log") else logging.WARNING)
    start = time.process_time()
    for _ in range(REQUESTS):
        await call(app)
        if name == ACCESS_LOG:
            tell_as_uvicorn()
    return (time.process_time() - start) / REQUESTS * 1e6


async def round_of(apps: Mapping[str, FastAPI]) -> dict[str, float]:
    """Measure each row once."""
    return {name: await microseconds(app, name) for name, app in apps.items()}


async def measured(rounds: int) -> list[dict[str, float]]:
    """Measure some rounds, after a warm-up round."""
    apps = {name: composed(metrics=metrics) for name, metrics in ROWS.items()}
    async with AsyncExitStack() as stack:
        for app in apps.values():
            await stack.enter_async_context(app.router.lifespan_context(app))
        await round_of(apps)
        return [await round_of(apps) for _ in range(rounds)]


def section(rounds: int = ROUNDS) -> Section:
    """Measure."""
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        configure_logging(production=True)
        configure_access_log(nowhere)
        found = asyncio.run(measured(rounds))
    off = median(row["off"] for row in found)
    rows = []
    for name in ROWS:
        took = median(row[name] for row in found)
        rows.append(Row(name, {"µs": took, "more": took - off}, ratios(found, name, "off")))
    return Section(
        "seen", "Request log and metrics", INTRODUCTION, [Table(f"One request; medians of {rounds} rounds", rows)]
    )


if __name__ == "__main__":
    print(text(section(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)))
