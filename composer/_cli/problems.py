"""Problems as `composer check` prints them: as text, as JSON, and as annotations of GitHub's."""

import json
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from composer._model import Problem, errors_among, warnings_among


class ProblemFormat(StrEnum):
    """The forms in which problems are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def count_line(problems: Sequence[Problem]) -> str:
    """Return how many problems there are of each level, as a sentence."""
    counts = {"error": len(errors_among(problems)), "warning": len(warnings_among(problems))}
    parts = [f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items() if count]
    return f"{', '.join(parts)}." if parts else "No problems."


def as_json(problems: Sequence[Problem], root: Path) -> str:
    """Return the problems as a JSON array, errors first; `root` is the folder of the project."""
    return json.dumps([_fields(problem, root) for problem in problems], indent=2, ensure_ascii=False)


def _fields(problem: Problem, root: Path) -> dict[str, Any]:
    file, line = _location(problem.where, root)
    return {
        "id": problem.id,
        "level": problem.level,
        "where": problem.where,
        "file": file,
        "line": line,
        "what": problem.what,
        "hint": problem.hint,
    }


def as_github(problems: Sequence[Problem], root: Path) -> list[str]:
    """Return the problems as workflow commands, which GitHub shows beside the lines of a change.

    The form is that of https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
    """
    return [_command(problem, root) for problem in problems]


def _command(problem: Problem, root: Path) -> str:
    file, line = _location(problem.where, root)
    given = {"file": file, "line": line, "title": problem.id}
    properties = ",".join(f"{key}={_property(str(value))}" for key, value in given.items() if value is not None)
    text = f"{problem.where}: {problem.what}\nHint: {problem.hint}"
    return f"::{problem.level} {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _location(where: str, root: Path) -> tuple[str | None, int | None]:
    """Return the absolute path of the file that a problem names, and the line; None where it names none."""
    path, line = re.fullmatch(r"(.*?)(?::(\d+))?", where.partition(" [")[0], flags=re.DOTALL).groups()  # type: ignore[union-attr]
    file = root / path
    return (str(file), int(line) if line else None) if path and file.is_file() else (None, None)
