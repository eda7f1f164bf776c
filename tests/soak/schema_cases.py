"""The server against its own document: what schemathesis makes of it, with all checks, stateful ones too.

Some of its cases keep to the document and must be accepted, the others break it and must be refused. An answer with a
5xx, or one that the document doesn't foresee, is a violation.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from composer.contrib.auth import hash_key
from tests.contrib.databases import postgres_server
from tests.serving import REPOSITORY, Server, serving
from tests.soak.row import Row

Database: TypeAlias = Literal["sqlite", "postgresql"]

KEY = "a key of the trial"
# Each try has a process and a server of its own; the server takes a small part of a core.
AT_ONCE = min(os.cpu_count() or 1, 8)
# Of one operation in one run, where data is chosen by chance: more runs, each with another seed, do the rest.
EXAMPLES = 320
CASES_PER_EXAMPLE = 16
VIOLATED = 1  # the exit status


@dataclass(frozen=True)
class Tried:
    """What one run found: how many cases were sent, how many operations were tried, and each kind of violation."""

    cases: int
    operations: int
    violations: tuple[str, ...]


def run(cases: int, database: Database) -> Row:
    """Send at least so many cases to servers on the database, from several processes at once.

    Raises:
        AssertionError: A server didn't start or stop well, or schemathesis itself failed.
    """
    share, started = math.ceil(cases / AT_ONCE), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="composer-schema-") as name, ThreadPoolExecutor(AT_ONCE) as pool:
        folder = Path(name)
        with _databases(database, folder) as urls:
            tries = pool.map(_try_share, [share] * AT_ONCE, range(AT_ONCE), urls, [folder] * AT_ONCE)
            tried = [one for some in tries for one in some]
    return _row(tried, database, time.monotonic() - started)


def try_document(url: str, folder: Path, *options: str) -> Tried:
    """Run schemathesis with all checks over `/openapi.json` of the server at `url`; it writes into the folder only.

    Raises:
        AssertionError: It failed itself, or left an operation out.
    """
    report = folder / "report.json"
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--header", f"token: {KEY}"]
    command += ["--checks", "all", "--continue-on-failure", "--generation-database", "none", "--no-color"]
    command += ["--report", "json", "--report-json-path", str(report), *options]
    ended = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ended.returncode in (0, VIOLATED), f"schemathesis ended with {ended.returncode}:\n{ended.stdout}"
    tried = _read(json.loads(report.read_text()))
    if tried.violations:
        print(ended.stdout)
    return tried


def environment(database_url: str) -> dict[str, str]:
    """Return the settings of a server that `try_document` can ask: the database, and the key that is good."""
    return {
        "COMPOSER_CORNERSTONES__DB__URL": database_url,
        "COMPOSER_CORNERSTONES__AUTH__KEYS": json.dumps([hash_key(KEY)]),
    }


@contextmanager
def served(database_url: str, folder: Path) -> Iterator[Server]:
    """Serve all apps of the repository, with a log in the folder, until the block is left."""
    arguments = ["composer", "serve", "--port", "{port}"]
    with serving(arguments, REPOSITORY, folder / "log", environment(database_url)) as server:
        server.wait_until_ready()
        yield server


def _read(report: dict[str, Any]) -> Tried:
    counted, operations = report["test_cases"], report["operations"]
    assert report["complete"], f"schemathesis did not end its run: {report['stop_reason']}"
    assert operations["tested"] == operations["total"], f"not every operation was tried: {operations}"
    violations = [f"{kind['title']}: {', '.join(kind['operations'])}" for kind in report["failures"]]
    violations += [f"{kind['title']}: {kind['count']}" for kind in report["errors"]]
    return Tried(counted["generated"] - counted["errored"], operations["total"], tuple(violations))


def _try_share(cases: int, number: int, database_url: str, folder: Path) -> list[Tried]:
    own = folder / str(number)
    own.mkdir()
    tried: list[Tried] = []
    with served(database_url, own) as server:
        while (missing := cases - sum(one.cases for one in tried)) > 0:
            examples = min(EXAMPLES, math.ceil(missing / CASES_PER_EXAMPLE))
            seed = number + AT_ONCE * len(tried)
            tried.append(try_document(server.url, own, "--max-examples", str(examples), "--seed", str(seed)))
        server.stop()
        assert "Traceback" not in server.output, server.output
    return tried


@contextmanager
def _databases(database: Database, folder: Path) -> Iterator[Sequence[str]]:
    """Give an empty database for each process: cases that a process can't see must not touch what it made."""
    names = [f"trial_{number}" for number in range(AT_ONCE)]
    if database == "sqlite":
        yield [f"sqlite+aiosqlite:///{folder / name}.db" for name in names]
        return
    with postgres_server() as server:
        for name in names:
            server.psql(f"CREATE DATABASE {name}")
        yield [server.get_uri(database=name, driver="psycopg") for name in names]


def _row(tried: Sequence[Tried], database: Database, seconds: float) -> Row:
    cases, found = sum(one.cases for one in tried), [kind for one in tried for kind in one.violations]
    seen = f"{len(tried)} runs over {tried[0].operations} operations; {cases / seconds:.0f} cases a second"
    told = "; ".join([seen, *dict.fromkeys(found)]) if found else f"{seen}; no 5xx, no violation"
    return Row(f"test cases generated from the merged document, with {_NAMES[database]}", cases, len(found), told)


_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
