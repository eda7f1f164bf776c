"""The exceptions that composer raises for mistakes in a composition and for failures of its parts."""

from collections.abc import Sequence

from composer._model import Problem, errors_among, warnings_among
from composer._text import indented


class ComposerError(Exception):
    """The base class of all exceptions that composer raises for mistakes of its users and for failures of parts.

    Example:
        Exit without a traceback, whatever the cause:

            try:
                app = composer.build()
            except composer.ComposerError as error:
                sys.exit(str(error))
    """


class CompositionError(ComposerError):
    """Report all problems that were found while discovering and building a composition; nothing was started.

    The text of the exception lists them as `composer check` does.

    Attributes:
        problems: The errors, then the warnings, each with its ID, place, text and hint.
        title: The title of the composition, or "".

    Example:
        Find out whether one problem is among them:

            with pytest.raises(composer.CompositionError) as raised:
                composer.build("settings.toml")
            assert "C012" in [problem.id for problem in raised.value.problems]
    """

    def __init__(self, problems: Sequence[Problem], title: str = "") -> None:
        unique = dict.fromkeys(problems)
        self.problems = (*errors_among(unique), *warnings_among(unique))
        self.title = title
        super().__init__(problems_text(self.problems, title))


class StartupError(ComposerError, ExceptionGroup[Exception]):
    """Report the parts that failed to start; those that had started were stopped again.

    It is raised by the lifespan of the root, so a server logs it, and a test client raises it.

    Attributes:
        message: A summary that names the parts.
        exceptions: A `PartError` for each part.

    Example:
        Handle a database that is down in a script that starts the apps without a server:

            try:
                async with app.router.lifespan_context(app):
                    ...
            except composer.StartupError as error:
                print([str(failure) for failure in error.exceptions])
    """


class ShutdownError(ComposerError, ExceptionGroup[Exception]):
    """Report the parts that failed to stop; all others were stopped.

    Attributes:
        message: A summary that names the parts.
        exceptions: A `PartError` for each part.
    """


class PartError(ComposerError):
    """Report an app or a cornerstone that failed, and in which phase; `__cause__` is the exception of the part itself.

    Attributes:
        kind: "app" or "cornerstone".
        name: The name of the part.
        phase: "preload", "start", "serve" or "stop".
        reason: The type and the message of the cause.
    """

    def __init__(self, kind: str, name: str, phase: str, reason: str) -> None:
        self.kind = kind
        self.name = name
        self.phase = phase
        self.reason = reason
        super().__init__(f"{kind} {name} failed to {phase}: {reason}")


def problems_text(problems: Sequence[Problem], title: str = "") -> str:
    """Return problems as text, as the exception and the command line show them."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    name = f" in {title}" if title else ""
    return "\n\n".join([f"{count}{name}, nothing was started:", *map(problem_text, problems)])


def problem_text(problem: Problem) -> str:
    """Return one problem as text; a warning is marked as one."""
    rows = (problem.where, problem.what, f"Hint: {problem.hint}")
    body = "\n".join(indented(row, "        ") if "└─" in row else row for row in rows)
    mark = " (warning)" if problem.level == "warning" else ""
    return f"{problem.id}{mark}  {indented(body, '      ')}"
