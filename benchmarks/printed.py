"""The section of the start, and the sections of benchmarks that print their own tables."""

import sys
from statistics import median

from benchmarks.report import Limit, Row, Section, Table, output_of

START = """
The cost of composing until the first response, compared with plain FastAPI: the time of the imports, of the first
response after the start of uvicorn, and of building 100 apps; the memory of 1,000 apps; and the time to start twenty
apps whose lifespans sleep for a second, compared with one such app. Each is measured in its own process; *A/A* compares
plain FastAPI with itself.
""".strip()
LIMITS = {
    "import": Limit(10, figure="more"),
    "first answer": Limit(1.15),
    "building": Limit(1.05),
    "memory": Limit(1.15),
    "lifespans, async": Limit(1.20),
    "lifespans, threads": Limit(1.20),
}
PAGES = """
The time until the docs pages of 40 apps with 2,000 operations are usable in a real browser, with an empty cache.
""".strip()


def starting(rounds: int) -> Section:
    """Measure the start."""
    from benchmarks.starting import measured

    found = measured(rounds)
    rows = []
    for name, pairs in found.items():
        plain, ours = (median(column) for column in zip(*pairs, strict=True))
        figures = {"plain": plain, "composer": ours, "more": median(mine - theirs for theirs, mine in pairs)}
        rows.append(Row(name, figures, [mine / theirs for theirs, mine in pairs], LIMITS.get(name)))
    plot = {row.name: row.ratio for row in rows}
    table = Table(f"In milliseconds, the memory in MiB; medians of {rounds} rounds", rows)
    return Section("starting", "Starting", START, [table], plot=plot)


def pages(rounds: int) -> Section:
    """Measure the pages."""
    return _printed("docs_page", "Docs pages", PAGES, rounds)


def _printed(name: str, title: str, introduction: str, rounds: int) -> Section:
    return Section(
        name, title, introduction, printed=output_of(sys.executable, "-m", f"benchmarks.{name}", str(rounds))
    )
