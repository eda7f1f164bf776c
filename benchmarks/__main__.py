"""`python -m benchmarks`: run all benchmarks, print the results, and write them into a page."""

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
    """A benchmark: its module, and its arguments in full and for a quick run, if it has one."""

    module: str
    full: Sequence[object] = ()
    quick: Sequence[object] | None = None
    function: str = "section"
    # Programs that must be installed.
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
        list[str] | None,
        typer.Option(help=f"Run only this benchmark; can be repeated. Benchmarks: {', '.join(BENCHMARKS)}."),
    ] = None,
    quick: Annotated[bool, typer.Option(help="Run short benchmarks only, in two minutes.")] = False,
    write: Annotated[Path | None, typer.Option(help="Write a page with the results and charts.")] = None,
) -> None:
    """Run the benchmarks; exit with 1 if one wasn't completed."""
    names = only or [name for name, each in BENCHMARKS.items() if not quick or each.quick is not None]
    if unknown := [name for name in names if name not in BENCHMARKS]:
        raise typer.BadParameter(f"unknown benchmark {', '.join(unknown)}; benchmarks: {', '.join(BENCHMARKS)}")
    results = [_run(name, quick) for name in names]
    sections = [section for section in results if section]
    if write:
        written(sections, write)
    sys.exit(0 if len(sections) == len(results) else 1)


def _run(name: str, quick: bool) -> Section | None:
    """Run a benchmark and print its result; return None if it wasn't completed."""
    benchmark, started = BENCHMARKS[name], time.monotonic()
    if missing := [program for program in benchmark.needs if not shutil.which(program)]:
        return Section(name, name, f"Not measured: {', '.join(missing)} is not installed on this machine.")
    print(f"{name} …", file=sys.stderr, flush=True)
    try:
        function = getattr(importlib.import_module(benchmark.module), benchmark.function)
        section: Section = function(*((benchmark.quick or ()) if quick else benchmark.full))
    except Exception:
        # The other benchmarks still run.
        traceback.print_exc()
        return None
    print(text(section), flush=True)
    print(f"{name} took {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return section


if __name__ == "__main__":
    typer.run(main)
