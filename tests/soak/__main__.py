"""`python -m tests.soak`: run the long trials, print a table of failures, and write it into the docs."""

import importlib
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.soak.document import Result, write_results
from tests.soak.row import Row


@dataclass(frozen=True)
class Trial:
    """A trial: its module, and the arguments of its `run`, in full and for a quick check."""

    module: str
    full: tuple[int | str, ...]
    quick: tuple[int | str, ...]


TRIALS = {
    "sqlite_kills": Trial("tests.soak.sqlite_kills", (20,), (2,)),
    "postgres_restarts": Trial("tests.soak.postgres_restarts", (5,), (1,)),
    "stops": Trial("tests.soak.stops", (20,), (2,)),
    "schema_sqlite": Trial("tests.soak.schema_cases", (20_000, "sqlite"), (1_000, "sqlite")),
    "schema_postgresql": Trial("tests.soak.schema_cases", (20_000, "postgresql"), (1_000, "postgresql")),
}


def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Run only this trial; can be repeated. Trials: {', '.join(TRIALS)}.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="Run only a few repetitions.")] = False,
    write: Annotated[
        Path | None,
        typer.Option(help="Write the rows into the table of this file, unless --quick; other rows stay."),
    ] = None,
) -> None:
    """Run the long trials; exit with 1 if there was a failure or a trial wasn't completed."""
    names = only or list(TRIALS)
    if unknown := [name for name in names if name not in TRIALS]:
        raise typer.BadParameter(f"unknown trial {', '.join(unknown)}; trials: {', '.join(TRIALS)}")
    results = [_run(name, quick) for name in names]
    _show(results)
    if write and not quick:
        write_results(write, [result for result in results if result.row.times])
    sys.exit(1 if any(result.row.lost for result in results) else 0)


def _run(name: str, quick: bool) -> Result:
    trial, console, started = TRIALS[name], Console(stderr=True), time.monotonic()
    arguments = trial.quick if quick else trial.full
    console.print(f"{name}: {', '.join(map(str, arguments))} …")
    try:
        row = importlib.import_module(trial.module).run(*arguments)
    except Exception as error:
        # The other trials still run.
        traceback.print_exc()
        row = Row(name, 0, 1, _reason(trial.module, error))
    return Result(name, row, time.monotonic() - started, _today())


def _reason(module: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return f"no module named {module}"
    return f"not completed: {type(error).__name__}"


def _today() -> date:
    return datetime.now(UTC).date()


def _show(results: Sequence[Result]) -> None:
    table = Table("trial", "fault", "repetitions", "failures", "observations", "duration", title="Trials")
    for result in results:
        row, style = result.row, "red" if result.row.lost else None
        numbers = f"{row.times:,}", f"{row.lost:,}"
        table.add_row(result.name, row.done, *numbers, row.seen, f"{result.seconds:.0f} s", style=style)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
