"""`python -m benchmarks`: run all benchmarks, print what they found, and write it into a page."""

import importlib
import shutil
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.page import written
from benchmarks.report import Section, text


@dataclass(frozen=True)
class Benchmark:
    """Where a benchmark is, and what it is called with: in full, and in a hurry, where it has the time for it."""

    module: str
    full: Sequence[object] = ()
    quick: Sequence[object] | None = None
    function: str = "section"
    # Programs that have to be installed.
    needs: Sequence[str] = ()


BENCHMARKS: Mapping[str, Benchmark] = {
    "finding": Benchmark("benchmarks.finding", quick=(3, (1, 100))),
    "served": Benchmark("benchmarks.served", quick=(2, 1, 1)),
    "starting": Benchmark("benchmarks.printed", (9,), (1,), "starting"),
    "document": Benchmark("benchmarks.document", quick=(1,)),
    "predict": Benchmark("benchmarks.predict", quick=(2, 1.0)),
    "promote": Benchmark("benchmarks.promote"),
    "preload": Benchmark("benchmarks.preload"),
    "apart": Benchmark("benchmarks.apart"),
    "seen": Benchmark("benchmarks.seen", quick=(2,)),
    "pages": Benchmark("benchmarks.printed", (5,), None, "pages", ("chromium", "chromedriver")),
}


def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Run this one; may be repeated. There are: {', '.join(BENCHMARKS)}.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="Measure less, in two minutes; what takes longer is left out.")] = False,
    write: Annotated[Path | None, typer.Option(help="Write a page of them, with pictures beside it.")] = None,
) -> None:
    """Run the benchmarks, and exit with 1 where one did not come to its end."""
    names = only or [name for name, each in BENCHMARKS.items() if not quick or each.quick is not None]
    if unknown := [name for name in names if name not in BENCHMARKS]:
        raise typer.BadParameter(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    results = [_run(name, quick) for name in names]
    sections = [section for section in results if section]
    if write:
        written(sections, write)
    sys.exit(0 if len(sections) == len(results) else 1)


def _run(name: str, quick: bool) -> Section | None:
    """Run one of them and print what it found; return None where it did not come to its end."""
    benchmark, started = BENCHMARKS[name], time.monotonic()
    if missing := [program for program in benchmark.needs if not shutil.which(program)]:
        return Section(name, name, f"Not measured: {', '.join(missing)} is not installed on this machine.")
    print(f"{name} …", file=sys.stderr, flush=True)
    try:
        function = getattr(importlib.import_module(benchmark.module), benchmark.function)
        section: Section = function(*((benchmark.quick or ()) if quick else benchmark.full))
    except Exception:
        # The other benchmarks are worth their time nevertheless.
        traceback.print_exc()
        return None
    print(text(section), flush=True)
    print(f"{name} took {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return section


if __name__ == "__main__":
    typer.run(main)
