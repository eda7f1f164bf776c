"""PostgreSQL is stopped and started again while notes are written: callers see 503 at worst, and nothing is lost.

`python -m tests.soak.postgres_restarts 5`
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from signal import SIGQUIT
from typing import Any

import httpx
from sqlalchemy import make_url

from tests.contrib.databases import postgres_server
from tests.serving import REPOSITORY, Server, serving
from tests.soak.notes import Clients
from tests.soak.row import Row

SERVE = ["composer", "serve", "--port", "{port}", "--apps", "notes"]
CLIENTS = 32
AWAY = "not ready: "
# PostgreSQL lets everybody in here, and looks at no password.
PASSWORD = "canary-5b2e"


def run(times: int = 5, seconds: float = 1.0) -> Row:
    """Stop PostgreSQL that often, each time for some `seconds`; every second time without any warning."""
    clients = Clients()
    with postgres_server() as postgres, tempfile.TemporaryDirectory(prefix="composer-restarts-") as folder:
        url = make_url(postgres.get_uri(driver="psycopg")).set(password=PASSWORD)
        environment = {"COMPOSER_CORNERSTONES__DB__URL": url.render_as_string(hide_password=False)}
        with serving(SERVE, REPOSITORY, Path(folder) / "log", environment) as server:
            server.wait_until_ready()
            faults, slowest = asyncio.run(_trial(clients, server, postgres, times, seconds))
            faults += ["a traceback in the log"] * ("Traceback" in server.output)
            server.stop()
            faults += ["the password was shown"] * (PASSWORD in f"{server.output} {clients.refusals}")
    faults += clients.wrong + ["a request was cut off"] * clients.cut
    answers = f"{len(clients.acknowledged)} notes acknowledged, {clients.refused} responses with 503"
    seen = f"{answers}, recovered after {slowest:.1f} s"
    return Row("restart of PostgreSQL under load", times, len(faults), "; ".join([seen, *sorted(set(faults))]))


async def _trial(
    clients: Clients, server: Server, postgres: Any, times: int, seconds: float
) -> tuple[list[str], float]:
    """Return the faults, and the maximum seconds between PostgreSQL's restart and the service's recovery."""
    faults: list[str] = []
    slowest = 0.0
    async with clients.at_work(server.url, CLIENTS):
        for number in range(times):
            await asyncio.sleep(seconds)
            await asyncio.to_thread(_stop, postgres, number % 2 == 1)
            faults += await _look_while_away(server, clients, seconds)
            await asyncio.to_thread(postgres.ensure_postgres_running)
            slowest = max(slowest, await _wait_until_back(server, clients))
    faults += [f"note {id} is missing" for id in await clients.missing(server.url)]
    return faults, slowest


def _stop(postgres: Any, at_once: bool) -> None:
    """Stop it as an operator does, or as a crash would: without a word to anybody."""
    if at_once:
        process = postgres.get_postmaster_info().process
        process.send_signal(SIGQUIT)
        process.wait(10)
    else:
        postgres.stop()


async def _look_while_away(server: Server, clients: Clients, seconds: float) -> list[str]:
    refused = clients.refused
    async with httpx.AsyncClient(base_url=server.url, timeout=5) as http:
        ready = await http.get("/readyz")
    clients.refusals.add(ready.text)
    reasons = {part["name"]: str(part["reason"]) for part in ready.json()["parts"]}
    await asyncio.sleep(seconds)
    told = ready.status_code == 503 and reasons["db"].startswith(AWAY)
    faults = [] if told else [f"/readyz said {ready.status_code} {reasons}"]
    return faults if clients.refused > refused else [*faults, "nobody was answered while it was away"]


async def _wait_until_back(server: Server, clients: Clients, seconds: float = 30) -> float:
    """Return how long it took until it was ready and a note was written."""
    start, before = time.monotonic(), len(clients.acknowledged)
    async with httpx.AsyncClient(base_url=server.url, timeout=5) as http:
        while (await http.get("/readyz")).status_code != 200 or len(clients.acknowledged) == before:
            assert time.monotonic() < start + seconds, "the service did not come back"
            await asyncio.sleep(0.05)
    return time.monotonic() - start


if __name__ == "__main__":
    print(run(*map(int, sys.argv[1:])))
