"""The table of guests in the docs."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.guests.catalogue import Guest
from tests.marked import rewrite_between

START, END = "<!-- table: made by python -m tests.guests -->", "<!-- end of the table -->"
HEAD = ["guest", "version", "alone", "FastAPI.mount", "composer", "settings", "failed under FastAPI.mount"]
LIBRARIES = ["fastapi", "starlette", "pydantic", "sqlalchemy", "uvicorn", "a2wsgi"]


@dataclass(frozen=True)
class Result:
    """The failed checks of a guest: alone, mounted (with the cause) and composed."""

    guest: Guest
    alone: Sequence[str]
    mounted: Mapping[str, str]
    composed: Sequence[str]


def write_table(file: Path, results: Sequence[Result]) -> None:
    """Write the results into the table of a Markdown file.

    Raises:
        OSError: The file can't be read or written.
        ValueError: It has no markers for the table.
    """
    rows = [HEAD, ["---"] * len(HEAD), *map(_row, results), _sum(results)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    rewrite_between(file, START, END, lambda _: "\n".join([*lines, "", _machine()]))


def row_of(file: Path, guest: Guest) -> dict[str, str]:
    """Return a guest's row of the table, by column; raise LookupError if it has none."""
    for line in file.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if cells[0] == _name(guest):
            return dict(zip(HEAD, cells, strict=True))
    raise LookupError(f"{file} has no row for {guest.name}: update it with python -m tests.guests --write {file}")


def _row(result: Result) -> list[str]:
    guest, checks = result.guest, len(result.guest.checks)
    failed = [len(result.alone), len(result.mounted), len(result.composed)]
    passed = [f"{checks - number}/{checks}" for number in failed]
    return [_name(guest), version(guest.package), *passed, _settings(guest.table), _causes(result.mounted)]


def _sum(results: Sequence[Result]) -> list[str]:
    checks = sum(len(result.guest.checks) for result in results)
    failed = [sum(map(len, each)) for each in zip(*((r.alone, r.mounted, r.composed) for r in results), strict=True)]
    return ["all", "", *(f"{checks - number}/{checks}" for number in failed), "", ""]


def _name(guest: Guest) -> str:
    return f"`{guest.name}` ({guest.package})" if guest.name != guest.package else f"`{guest.name}`"


def _settings(table: Mapping[str, Any]) -> str:
    """Return the lines of a guest's table, without its factory, as in settings.toml."""
    lines = []
    for key, value in table.items():
        if isinstance(value, dict):
            lines += [f"{key}.{name} = {_toml(inner)}" for name, inner in value.items()]
        elif key != "factory":
            lines.append(f"{key} = {_toml(value)}")
    return ", ".join(f"`{line}`" for line in lines)


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


def _causes(mounted: Mapping[str, str]) -> str:
    by_cause: dict[str, list[str]] = {}
    for name, cause in mounted.items():
        by_cause.setdefault(cause, []).append(name.replace("_", " "))
    return "; ".join(f"**{cause}**: {', '.join(names)}" for cause, names in by_cause.items())


def _machine() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"Python {platform.python_version()}; {libraries}; on {datetime.now(UTC).date()}."
