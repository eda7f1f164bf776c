"""The page that `make bench` writes: what the figures mean, what is asked and what was reached, and a section each."""

import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.environments import FRAMEWORKS, REPOSITORY, is_there, python_of
from benchmarks.report import Row, Section, machine, markdown, number, versions

HEAD = """
# How fast it is, and what it takes

`make bench` measures all of this and writes this page, with its pictures; `make bench-quick` does less of it in two
minutes, for a first look (into `build/performance.md`). One of them alone: `python -m benchmarks.finding`, and so on.

Other machines have other times, so what counts here are **ratios**: both things are measured by turns in one run, on
one machine, and each round gives one ratio. A table shows the median of the rounds, and the smallest and the largest of
them. Rows called *again* or *A/A* measure the same thing twice: how far they are from 1.00 is the noise, and no smaller
difference means anything. *asked* is what the project wants of a ratio, and whether the median reached it.
""".strip()


def written(sections: Sequence[Section], file: Path) -> None:
    """Write the page, and its pictures into a folder beside it, where what draws them is installed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    drawn = _draw(sections, file.with_suffix(""))
    parts = [HEAD, _measured_on(), _asked(sections)]
    for section in sections:
        image = f"{file.stem}/{section.name}.svg" if section.name in drawn else None
        parts.append(markdown(section, image))
    file.write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8")


def _measured_on() -> str:
    return f"Measured on {datetime.now(UTC).date()}: {machine()}; {versions()}."


def _asked(sections: Sequence[Section]) -> str:
    """Return the rows of which something is asked."""
    rows = [(section, row) for section in sections for table in section.tables for row in table.rows if row.limit]
    lines = [
        f"| {section.title} | {row.name} | {_measured(row)} | {row.spread} | {row.verdict} |" for section, row in rows
    ]
    head = ["## What is asked", "", "| | | ratio | of the rounds | asked |", "|---|---|---:|---:|---|"]
    return "\n".join([*head, *lines]) if lines else ""


def _measured(row: Row) -> str:
    """Return what the limit of a row is compared with."""
    figure = row.limit.figure if row.limit else ""
    return f"{number(row.figures[figure])} {figure}" if figure else f"{row.ratio:.3f}"


def _draw(sections: Sequence[Section], folder: Path) -> list[str]:
    if not is_there(FRAMEWORKS):
        return []
    data = json.dumps({section.name: section.plot for section in sections})
    command = [str(python_of(FRAMEWORKS)), "-m", "benchmarks.plots", str(folder.absolute())]
    # Started with nothing but names from the benchmarks.
    done = subprocess.run(  # noqa: S603
        command, cwd=REPOSITORY, input=data, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.split()
