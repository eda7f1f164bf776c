"""The mistakes that a project can be made with, one in each file of this folder, and the table of them in the docs.

A file holds a title and then texts, each under a line with its name: the files of a project by their paths, its
`environment`, the `error` that it ends in, and what mends it: `mended` files and environment, and `removed` ones.
`seen` names issue threads in which people met the mistake.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from composer._catalogue import CATALOGUE

FOLDER = Path(__file__).parent
DOCS = FOLDER.parents[1] / "docs" / "mistakes.md"

_HEAD = """# Mistakes

What can be wrong with a composition, what composer says, and what mends it. All of it is found before the server opens
its port, by `composer check` too; what is wrong in several places is told at once. Each message also says where.

Each row is a test: a small project with that mistake, which ends in that message, and the mended one, which composes.
A name with a number is a thread of that project's issues and pull requests in which people met it. This page is made
by `python -m tests.mistakes --write`; a test says when it is out of date.

"""
_ALONE = """
These need more than a project's files: a call from Python, another project in the same process, a package that is
missing.

"""


@dataclass(frozen=True)
class Mistake:
    """One project with a mistake: `files` with it, `mended` ones without it, and the text of the `error`."""

    name: str
    title: str
    files: dict[str, str]
    mended: dict[str, str]
    error: str
    seen: str

    @property
    def problems(self) -> list[tuple[str, str, str]]:
        """Return ID, message and mend of each problem in the error, in one line each, one for each ID."""
        found = re.findall(
            r"^(C\d{3})  .+\n((?:      .+\n)+?)      Hint: (.+(?:\n      .+)*)$", self.error, flags=re.MULTILINE
        )
        rows = [(id, *(" ".join(text.replace("{root}/", "").split()) for text in texts)) for id, *texts in found]
        first = {id: (id, what, hint) for id, what, hint in reversed(rows)}
        return sorted(first.values())


def mistakes() -> list[Mistake]:
    return [_read(file) for file in sorted(FOLDER.glob("*.txt"))]


def _read(file: Path) -> Mistake:
    title, *rest = re.split(r"^-- (.+) --\n", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    parts = dict(zip(rest[::2], rest[1::2], strict=True))
    error, seen = parts.pop("error").rstrip(), parts.pop("seen", "").strip()
    changed = {name.removeprefix("mended "): text for name, text in parts.items() if name.startswith("mended ")}
    removed = {name.removeprefix("removed ") for name in parts if name.startswith("removed ")}
    files = {name: text for name, text in parts.items() if not name.startswith(("mended ", "removed "))}
    mended = {name: text for name, text in (files | changed).items() if name not in removed}
    return Mistake(file.stem, title.strip(), files, mended, error, seen)


def page() -> str:
    """Return the page of the docs, made from the catalogue and the files of this folder."""
    found = [(problem, mistake) for mistake in mistakes() for problem in mistake.problems]
    rows = sorted((id, _title(mistake), what, hint) for (id, what, hint), mistake in found)
    known = {id for id, *_ in rows}
    others = [(id, _bare(entry.what), _bare(entry.hint)) for id, entry in CATALOGUE.items() if id not in known]
    head = _HEAD + f"{len(mistakes())} mistakes, {len(CATALOGUE)} IDs.\n\n"
    return (
        head + _table(("ID", "mistake", "message", "mend"), rows) + _ALONE + _table(("ID", "message", "mend"), others)
    )


def _bare(template: str) -> str:
    """Return a text of the catalogue with the names of its fields in capitals, without those that may be empty."""
    kept = re.sub(r" ?\{(near|advice)\}", "", template).strip()
    return re.sub(r"\{(\w+)(!r)?\}", lambda field: field[1].upper(), kept)


def _title(mistake: Mistake) -> str:
    return f"{mistake.title} ({mistake.seen})" if mistake.seen else mistake.title


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = [[*heads], *([re.sub(r"([\\`*_<>|~])", r"\\\1", cell) for cell in row] for row in rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|---" * len(cells[0]) + "|", *lines[1:]]) + "\n"
