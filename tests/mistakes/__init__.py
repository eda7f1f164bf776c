"""A corpus of projects with one mistake each, one in each file of this folder, and the page of docs made from it.

A file holds a title and then texts, each under a line with its name: the files of a project by their paths, its
`environment`, the expected `error` or `warning`, and the fixed project: `mended` files and environment, and `removed`
ones. `seen` names issue threads about the mistake.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from composer._catalogue import CATALOGUE

FOLDER = Path(__file__).parent
DOCS = FOLDER.parents[1] / "docs" / "mistakes.md"

_HEAD = """# Problems

All problems that composer reports in a composition, with their messages and fixes. They are found before the server
opens its port, also by `composer check`, and reported all at once. Each message also names the place.

## Levels

- An **error** stops the start: the composition can't work, or would silently do something other than declared.
- A **warning** stops nothing. `composer check` shows it, and the logger `composer` logs it once at the start of the
  server. Problems that are found by a heuristic are warnings, and so are those of an app that works when it is served
  alone: an app is never rejected because of its implementation. If a warning turns out to be a real failure, such as a
  lifespan that can't be entered, the start fails with the app's own error, under the app's name.

`composer.composition_of(app).warnings` contains the warnings so far, including those about deferred apps. Errors raise
`CompositionError`; its `problems` are the errors and then the warnings, each with its `level`.

To silence warnings, list their IDs for the whole composition, or for one app or cornerstone:

```toml
[composer]
ignore = ["C048"]

[apps.site]
ignore = ["C049", "C050"]
```

In Python: `compose(..., ignore=["C048"])`, `App(..., ignore=("C049",))`, `Cornerstone(..., ignore=("C051",))`. An
unknown ID, or the ID of an error, is an error itself. The IDs of removed problems aren't used again.

`composer check` exits with 1 if there are errors; with `--strict`, also if there are warnings. `--format json` prints
an array with an object for each problem: `id`, `level`, `where`, `file` (an absolute path) and `line` (both null if
unknown), `what`, `hint`. `--format github` prints annotations for GitHub Actions:

```yaml
- run: composer check --strict --format github
```

## All problems

Each row is a test: a small project with that problem results in that message, and the fixed project composes. A name
with a number is an issue or pull request of that project in which users met the mistake. `make messages` generates this
page; a test fails if it is out of date.

"""
_ALONE = """
These need more than the files of a project: a call from Python, another project in the same process, or a missing
package.

"""


@dataclass(frozen=True)
class Mistake:
    """One project with a mistake: `files` with it, `mended` ones without it, and the `text` of the problems.

    It `composes` if they are only warnings.
    """

    name: str
    title: str
    files: dict[str, str]
    mended: dict[str, str]
    text: str
    composes: bool
    seen: str

    @property
    def problems(self) -> list[tuple[str, str, str]]:
        """Return ID, message and fix of the first problem of each ID, in one line each."""
        row = r"^(C\d{3})(?: \(warning\))?  .+\n((?:      .+\n)+?)      Hint: (.+(?:\n      .+)*)$"
        found = re.findall(row, self.text, flags=re.MULTILINE)
        rows = [(id, *(" ".join(text.replace("{root}/", "").split()) for text in texts)) for id, *texts in found]
        first = {id: (id, what, hint) for id, what, hint in reversed(rows)}
        return sorted(first.values())


def mistakes() -> list[Mistake]:
    return [_read(file) for file in sorted(FOLDER.glob("*.txt"))]


def rewritten(mistake: Mistake, said: str) -> Mistake:
    """Replace the expected text in a mistake's file, and return the mistake as it is then."""
    file = FOLDER / f"{mistake.name}.txt"
    text = file.read_text(encoding="utf-8")
    part = re.compile(r"^(-- (?:error|warning) --\n).*?(?=^-- |\Z)", flags=re.MULTILINE | re.DOTALL)
    text = part.sub(lambda found: f"{found[1]}{said}\n", text)
    file.write_text(text, encoding="utf-8")
    return _read(file)


def _read(file: Path) -> Mistake:
    title, *rest = re.split(r"^-- (.+) --\n", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    parts = dict(zip(rest[::2], rest[1::2], strict=True))
    composes, seen = "warning" in parts, parts.pop("seen", "").strip()
    text = parts.pop("warning" if composes else "error").rstrip()
    changed = {name.removeprefix("mended "): text for name, text in parts.items() if name.startswith("mended ")}
    removed = {name.removeprefix("removed ") for name in parts if name.startswith("removed ")}
    files = {name: text for name, text in parts.items() if not name.startswith(("mended ", "removed "))}
    mended = {name: text for name, text in (files | changed).items() if name not in removed}
    return Mistake(file.stem, title.strip(), files, mended, text, composes, seen)


def page() -> str:
    """Return the page of the docs, generated from the catalogue and the files of this folder."""
    found = [(problem, mistake) for mistake in mistakes() for problem in mistake.problems]
    rows = sorted((id, CATALOGUE[id].level, _title(mistake), what, hint) for (id, what, hint), mistake in found)
    known = {id for id, *_ in rows}
    others = [
        (id, entry.level, _bare(entry.what), _bare(entry.hint)) for id, entry in CATALOGUE.items() if id not in known
    ]
    head = _HEAD + f"{len(mistakes())} mistakes, {len(CATALOGUE)} IDs.\n\n"
    table = _table(("ID", "level", "mistake", "message", "fix"), rows)
    return head + table + _ALONE + _table(("ID", "level", "message", "fix"), others)


def _bare(template: str) -> str:
    """Return a template with its fields as names in capitals, without those that may be empty."""
    kept = re.sub(r" ?\{(near|advice)\}", "", template).strip()
    names = re.sub(r"\{(\w+)(!r)?\}", lambda field: field[1].upper(), kept)
    return names.replace("{{", "{").replace("}}", "}")


def _title(mistake: Mistake) -> str:
    return f"{mistake.title} ({mistake.seen})" if mistake.seen else mistake.title


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = [[*heads], *([re.sub(r"([\\`*_<>|~])", r"\\\1", cell) for cell in row] for row in rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|---" * len(cells[0]) + "|", *lines[1:]]) + "\n"
