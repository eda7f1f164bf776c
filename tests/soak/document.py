"""The table of trials in the docs: replace the rows of some trials, and keep the others."""

import os
import platform
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from tests.marked import rewrite_between
from tests.soak.row import Row

START, END = "<!-- table: made by python -m tests.soak -->", "<!-- end of the table -->"
HEAD = ["trial", "fault", "repetitions", "failures", "observations", "duration", "date"]
LIBRARIES = ["fastapi", "starlette", "uvicorn", "sqlalchemy", "aiosqlite", "psycopg", "schemathesis"]


@dataclass(frozen=True)
class Result:
    """The result of a trial, its duration in seconds, and its date."""

    name: str
    row: Row
    seconds: float
    day: date


def write_results(file: Path, results: Sequence[Result]) -> None:
    """Write the results into the table of a Markdown file: replace a trial's row, or add a new one.

    Raises:
        OSError: The file can't be read or written.
        ValueError: It has no markers for the table.
    """
    new = {result.name: _line(result) for result in results}
    head = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    rewrite_between(file, START, END, lambda table: "\n".join([*head, *(_lines(table) | new).values(), "", _machine()]))


def _lines(table: str) -> dict[str, str]:
    found = (re.match(r"\| `(\w+)` \|", line) for line in table.splitlines())
    return {match[1]: match.string for match in found if match}


def _line(result: Result) -> str:
    row = result.row
    cells = [f"`{result.name}`", row.done, f"{row.times:,}", f"{row.lost:,}", row.seen, f"{result.seconds:.0f} s"]
    return f"| {' | '.join(cell.replace('|', ' ') for cell in [*cells, str(result.day)])} |"


def _machine() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    system = f"Python {platform.python_version()} on {platform.system()} ({platform.machine()}), {os.cpu_count()} cores"
    return f"{system}; {libraries}; SQLite {sqlite3.sqlite_version}."
