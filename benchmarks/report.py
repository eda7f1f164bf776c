"""Shared by the benchmarks: rows with ratios and limits, tables as text and as Markdown, versions."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

# In this environment; processes in other environments report their own.
PACKAGES = ("fastapi", "starlette", "pydantic", "anyio", "uvicorn", "httptools", "uvloop", "scikit-learn", "numpy")
# Seconds after which a process counts as hanging.
LONGEST = 1200


@dataclass(frozen=True)
class Limit:
    """The target of a ratio, or of one of a row's figures: a maximum or a minimum."""

    value: float
    at_least: bool = False
    figure: str = ""

    def is_met_by(self, row: "Row") -> bool:
        """Return whether a row meets the target."""
        found = row.figures[self.figure] if self.figure else row.ratio
        return found >= self.value if self.at_least else found <= self.value

    def __str__(self) -> str:
        wanted = f"{self.value:g} {self.figure}" if self.figure else f"{self.value:.2f}"
        return f"{'at least' if self.at_least else 'at most'} {wanted}"


@dataclass(frozen=True)
class Row:
    """One row of a table: the medians of the figures, and one ratio for each round."""

    name: str
    figures: Mapping[str, float]
    ratios: Sequence[float]
    limit: Limit | None = None

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    @property
    def spread(self) -> str:
        """The smallest ratio and the largest."""
        return f"{number(min(self.ratios))} to {number(max(self.ratios))}"

    @property
    def verdict(self) -> str:
        """The target, and whether it is met."""
        return f"{self.limit}: {'yes' if self.limit.is_met_by(self) else 'NO'}" if self.limit else ""

    def cells(self) -> list[str]:
        """Return it as text, column by column."""
        return [self.name, *map(number, self.figures.values()), number(self.ratio), self.spread, self.verdict]


@dataclass(frozen=True)
class Table:
    """Rows with the same figures, and a title."""

    title: str
    rows: Sequence[Row]

    def head(self) -> list[str]:
        """Return the names of the columns."""
        return ["", *self.rows[0].figures, "ratio", "range", "target"]


@dataclass(frozen=True)
class Section:
    """The result of one benchmark; `printed` is the output of a benchmark without tables."""

    name: str
    title: str
    introduction: str
    tables: Sequence[Table] = ()
    printed: str = ""
    notes: Sequence[str] = ()
    plot: Mapping[str, Any] = field(default_factory=dict)


def number(value: float) -> str:
    """Return a figure with as few digits as a comparison needs."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 20 else f"{value:.3f}"


def text(section: Section) -> str:
    """Return a section as text for a terminal."""
    lines = [section.title]
    for table in section.tables:
        cells = [table.head(), *(row.cells() for row in table.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines += ["", table.title]
        for name, *rest in cells:
            padded = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
            lines.append("  ".join([name.ljust(widths[0]), *padded]).rstrip())
    return "\n".join([*lines, *filter(None, [section.printed.rstrip()]), *section.notes, ""])


def markdown(section: Section, image: str | None = None) -> str:
    """Return a section as Markdown, with its chart."""
    parts = [f"## {section.title}", section.introduction, *([f"![{section.title}]({image})"] if image else [])]
    for table in section.tables:
        head = table.head()
        lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 2)}---|"]
        parts += [table.title + ":", "\n".join([*lines, *(f"| {' | '.join(row.cells())} |" for row in table.rows)])]
    if section.printed:
        parts.append(f"```text\n{section.printed.rstrip()}\n```")
    return "\n\n".join([*parts, *section.notes])


def versions(packages: Sequence[str] = PACKAGES) -> str:
    """Return the versions of some packages and of Python."""
    return f"Python {platform.python_version()}: {', '.join(f'{name} {version(name)}' for name in packages)}"


def machine() -> str:
    """Return the processor, the number of cores and the system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores; {platform.system()} {platform.release()} ({platform.machine()})"


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "an unknown processor"


def ratios(rounds: Sequence[Mapping[str, float]], name: str, base: str) -> list[float]:
    """Return the ratio of one row to another in each round."""
    return [each[name] / each[base] for each in rounds]


def output_of(*command: str) -> str:
    """Return the output of a command.

    Raises:
        CalledProcessError: It fails.
        TimeoutExpired: It takes longer than `LONGEST`.
    """
    # The arguments are constants of the benchmarks.
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=LONGEST).stdout  # noqa: S603
