"""Problems as `composer check` prints them for programs: as JSON, and as GitHub annotations."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

from composer._model import Problem


class ProblemFormat(StrEnum):
    """The formats in which problems are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def count_line(problems: Iterable[Problem]) -> str:
    """Return how many problems there are of each level, as a sentence."""
    counts = sorted(Counter(problem.level for problem in problems).items())
    parts = [f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts]
    return f"{', '.join(parts) or 'No problems'}."


def as_json(problems: Iterable[Problem], root: Path) -> str:
    """Return the problems as a JSON array in their order; `root` is the folder of the project."""
    rows = []
    for problem in problems:
        file, line = _location(problem.where, root)
        place = {"where": problem.where, "file": file, "line": line}
        rows.append({"id": problem.id, "level": problem.level, **place, "what": problem.what, "hint": problem.hint})
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def as_github(problems: Sequence[Problem], root: Path) -> str:
    """Return the problems as workflow commands, a line each, which GitHub shows beside the changed lines.

    The format is that of https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
    """
    return "".join(f"{_command(problem, root)}\n" for problem in problems)


def _command(problem: Problem, root: Path) -> str:
    file, line = _location(problem.where, root)
    values = {"file": file, "line": line, "title": problem.id}
    properties = ",".join(f"{key}={_property(str(value))}" for key, value in values.items() if value is not None)
    text = f"{problem.where}: {problem.what}\nHint: {problem.hint}"
    return f"::{problem.level} {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _location(where: str, root: Path) -> tuple[str | None, int | None]:
    """Return the absolute path and the line that a problem names; None for what it doesn't name."""
    path, line = re.fullmatch(r"(.*?)(?::(\d+))?", where.partition(" [")[0], flags=re.DOTALL).groups()  # type: ignore[union-attr]
    file = root / path
    return (str(file), int(line) if line else None) if path and file.is_file() else (None, None)
