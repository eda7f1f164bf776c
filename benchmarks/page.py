"""The page that `make bench` writes: an explanation, the targets, and a section for each benchmark."""

import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.environments import FRAMEWORKS, REPOSITORY, is_there, python_of
from benchmarks.report import Row, Section, machine, markdown, number, versions

HEAD = """
# Performance

`make bench` runs all benchmarks and writes this page and its charts. `make bench-quick` runs a part of them in two
minutes and writes `build/performance.md`. To run a single benchmark: `python -m benchmarks.finding`, for example.

Absolute times depend on the machine, so the results here are **ratios**: both sides are measured alternately in one run
on one machine, and each round gives one ratio. The tables show the median ratio of all rounds, and its *range*. Rows
named *again* or *A/A* measure the same thing twice: their distance from 1.00 is the noise, and smaller differences
aren't significant. *target* is the project's target for the median, and whether it is met.
""".strip()


def written(sections: Sequence[Section], file: Path) -> None:
    """Write the page, and its charts into a folder next to it if matplotlib is installed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    drawn = _draw(sections, file.with_suffix(""))
    parts = [HEAD, _measured_on(), _targets(sections)]
    for section in sections:
        image = f"{file.stem}/{section.name}.svg" if section.name in drawn else None
        parts.append(markdown(section, image))
    file.write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8")


def _measured_on() -> str:
    return f"Measured on {datetime.now(UTC).date()}: {machine()}; {versions()}."


def _targets(sections: Sequence[Section]) -> str:
    """Return the table of rows with a target."""
    rows = [(section, row) for section in sections for table in section.tables for row in table.rows if row.limit]
    lines = [
        f"| {section.title} | {row.name} | {_measured(row)} | {row.spread} | {row.verdict} |" for section, row in rows
    ]
    head = ["## Targets", "", "| | | ratio | range | target |", "|---|---|---:|---:|---|"]
    return "\n".join([*head, *lines]) if lines else ""


def _measured(row: Row) -> str:
    """Return the value that is compared with a row's limit."""
    figure = row.limit.figure if row.limit else ""
    return f"{number(row.figures[figure])} {figure}" if figure else f"{row.ratio:.3f}"


def _draw(sections: Sequence[Section], folder: Path) -> list[str]:
    if not is_there(FRAMEWORKS):
        return []
    data = json.dumps({section.name: section.plot for section in sections})
    command = [str(python_of(FRAMEWORKS)), "-m", "benchmarks.plots", str(folder.absolute())]
    # The arguments are constants of the benchmarks.
    done = subprocess.run(  # noqa: S603
        command, cwd=REPOSITORY, input=data, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.split()
