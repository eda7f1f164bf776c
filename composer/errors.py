"""The exceptions that composer raises for its users' mistakes and for the failures of their parts."""

from collections.abc import Sequence

from composer._model import Problem, errors_among, warnings_among
from composer._text import indented


class ComposerError(Exception):
    """Be the one base of what composer raises for its users' mistakes and for the failures of their parts."""


class CompositionError(ComposerError):
    """Report every problem found while discovering and building, all at once; nothing was started.

    `problems` holds the errors and then the warnings, each in the order in which they were found, `title` names the
    composition.
    """

    def __init__(self, problems: Sequence[Problem], title: str = "") -> None:
        once = dict.fromkeys(problems)
        self.problems = (*errors_among(once), *warnings_among(once))
        self.title = title
        super().__init__(problems_text(self.problems, title))


class StartupError(ComposerError, ExceptionGroup[Exception]):
    """Report that parts failed to start, with each part's own error in it; what had started was stopped."""


class ShutdownError(ComposerError, ExceptionGroup[Exception]):
    """Report that parts failed to stop, with each part's own error in it; all the others were stopped."""


class PartError(ComposerError):
    """Name the app or the cornerstone whose lifespan failed, and the phase; the part's own error is the cause.

    `kind` is "app" or "cornerstone", `name` the part's name, `phase` what it was doing
    ("preload", "start", "serve", "stop").
    """

    def __init__(self, kind: str, name: str, phase: str, reason: str) -> None:
        self.kind = kind
        self.name = name
        self.phase = phase
        self.reason = reason
        super().__init__(f"{kind} {name} failed to {phase}: {reason}")


def problems_text(problems: Sequence[Problem], title: str = "") -> str:
    """Return all the problems as text, as the exception and the command line show them."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    name = f" in {title}" if title else ""
    return "\n\n".join([f"{count}{name}, nothing was started:", *map(problem_text, problems)])


def problem_text(problem: Problem) -> str:
    """Return one problem as text; a warning is marked as one."""
    rows = (problem.where, problem.what, f"Hint: {problem.hint}")
    body = "\n".join(indented(row, "        ") if "└─" in row else row for row in rows)
    mark = " (warning)" if problem.level == "warning" else ""
    return f"{problem.id}{mark}  {indented(body, '      ')}"
