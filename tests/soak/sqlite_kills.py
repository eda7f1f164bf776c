"""The server is killed while notes are written to SQLite; each note that was acknowledged has to be there after.

`python -m tests.soak.sqlite_kills 20`
"""

import asyncio
import random
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from tests.serving import REPOSITORY, serving
from tests.soak.notes import Clients
from tests.soak.row import Row

SERVE = ["composer", "serve", "--port", "{port}", "--apps", "notes"]
WRITERS = 16


def run(times: int = 20) -> Row:
    """Kill the server that often; raise AssertionError where it doesn't start again."""
    clients = Clients()
    lost = 0
    with tempfile.TemporaryDirectory(prefix="composer-kills-") as folder:
        file = Path(folder) / "app.db"
        for _ in range(times):
            lost += len(asyncio.run(_kill_once(clients, file)))
        lost += len(asyncio.run(_look(clients, file)))
        with closing(sqlite3.connect(file)) as connection:
            sound = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    lost += len(clients.wrong) + (not sound)
    state = "intact" if sound else "damaged"
    seen = (
        f"{len(clients.acknowledged)} notes acknowledged, {clients.cut} requests cut off; the database file is {state}"
    )
    return Row("kill -9 of the server during writes to SQLite", times, lost, "; ".join([seen, *clients.wrong]))


async def _kill_once(clients: Clients, file: Path) -> list[int]:
    """Check the notes of previous rounds, write more, and kill the server meanwhile; return the missing ones."""
    with serving(SERVE, REPOSITORY, file.with_suffix(".log"), _environment(file)) as server:
        await asyncio.to_thread(server.wait_until_ready)
        missing = await clients.missing(server.url)
        before = len(clients.acknowledged)
        async with clients.at_work(server.url, WRITERS):
            await asyncio.sleep(random.uniform(0.3, 1.0))
            server.process.kill()
            await asyncio.to_thread(server.process.wait)
    assert len(clients.acknowledged) > before, "nothing was written in this round"
    return missing


async def _look(clients: Clients, file: Path) -> list[int]:
    with serving(SERVE, REPOSITORY, file.with_suffix(".log"), _environment(file)) as server:
        await asyncio.to_thread(server.wait_until_ready)
        return await clients.missing(server.url)


def _environment(file: Path) -> dict[str, str]:
    return {"COMPOSER_CORNERSTONES__DB__URL": f"sqlite+aiosqlite:///{file}"}


if __name__ == "__main__":
    print(run(*map(int, sys.argv[1:])))
