"""The map of composer/: generated from the layers in pyproject.toml and the first lines of the rooms' docstrings.

`python -m tests.architecture --write` writes it into composer/__init__.py and docs/architecture.md.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import wrap

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "composer"
MODULE = PACKAGE / "__init__.py"
PAGE = REPOSITORY / "docs" / "architecture.md"
WIDTH = 120


def layers(repository: Path = REPOSITORY) -> list[list[str]]:
    """Return the rooms of each layer, the topmost first; those that pyproject.toml has in parentheses may be absent."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {contract["id"]: contract for contract in project["tool"]["importlinter"]["contracts"]}
    rows = [[name.strip("() ") for name in row.split("|")] for row in contracts["rows"]["layers"]]
    return [names for row in rows if (names := [name for name in row if _source(repository, name).exists()])]


def _source(repository: Path, room: str) -> Path:
    module = repository / "composer" / f"{room}.py"
    return module if module.exists() else repository / "composer" / room / "__init__.py"


def purpose(room: str, repository: Path = REPOSITORY) -> str:
    """Return the first line of a room's docstring."""
    text = ast.get_docstring(ast.parse(_source(repository, room).read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def as_comment(repository: Path = REPOSITORY) -> Iterator[str]:
    """Yield the lines of the map in composer/__init__.py; the rooms of one layer share a number."""
    rows = layers(repository)
    width = max(len(room) for row in rows for room in row)
    for number, row in enumerate(rows, 1):
        for room in row:
            head = f"#  {number if room == row[0] else '':>2}  {room:{width}}  "
            first, *others = wrap(purpose(room, repository), WIDTH - len(head))
            yield f"{head}{first}"
            yield from (f"#{'':{len(head) - 1}}{line}" for line in others)


def as_picture(repository: Path = REPOSITORY) -> Iterator[str]:
    """Yield the layers as boxes on top of each other, for Markdown."""
    rows = ["   ".join(row) for row in layers(repository)]
    width = max(map(len, rows))
    line = "─" * (width + 2)
    yield "```text"
    yield f"┌{line}┐"
    for number, row in enumerate(rows):
        yield from [f"├{line}┤"] if number else []
        yield f"│ {row:{width}} │"
    yield f"└{line}┘"
    yield "```"


def as_table(repository: Path = REPOSITORY) -> Iterator[str]:
    """Yield the rows of a Markdown table of all rooms."""
    yield "| layer | room | contents |"
    yield "|---|---|---|"
    for number, row in enumerate(layers(repository), 1):
        for room in row:
            name = f"{room}/" if (repository / "composer" / room).is_dir() else f"{room}.py"
            yield f"| {number if room == row[0] else ''} | `{name}` | {purpose(room, repository)} |"


# What is generated, by file: each part follows its marker, and ends before the next line that the pattern matches.
PARTS: dict[Path, list[tuple[str, str, Callable[[Path], Iterator[str]]]]] = {
    Path("composer/__init__.py"): [("# The layers:\n", "#\n# Start reading", as_comment)],
    Path("docs/architecture.md"): [
        ("<!-- generated: picture -->\n", "<!-- end -->", as_picture),
        ("<!-- generated: table -->\n", "<!-- end -->", as_table),
    ],
}


def generated(file: Path, repository: Path = REPOSITORY) -> str:
    """Return the text of a file with its generated parts brought up to date."""
    text = (repository / file).read_text(encoding="utf-8")
    for begin, end, lines in PARTS[file]:
        pattern = re.compile(f"({re.escape(begin)}).*?(?={re.escape(end)})", flags=re.DOTALL)
        if not (match := pattern.search(text)):
            raise LookupError(f"{file} has no part between {begin!r} and {end!r}")
        body = "".join(f"{line}\n" for line in lines(repository))
        text = f"{text[: match.end(1)]}{body}{text[match.end() :]}"
    return text


def main() -> None:
    if "--write" not in sys.argv:
        sys.exit("usage: python -m tests.architecture --write")
    for file in PARTS:
        (REPOSITORY / file).write_text(generated(file), encoding="utf-8")


if __name__ == "__main__":
    main()
