"""The warnings about one composition: without those that are ignored, and logged while it serves."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from composer._model import App, Cornerstone, Problem, errors_among, warnings_among
from composer.errors import CompositionError

log = logging.getLogger("composer")


class Warnings:
    """Collect the warnings about one composition, and log them while it serves.

    `ignored` has the IDs that the whole composition ignores; each part has its own IDs, for its own place.
    """

    def __init__(self, ignored: Iterable[str]) -> None:
        self.found: list[Problem] = []
        self._ignored = frozenset(ignored)
        self._ignored_at: dict[str, tuple[str, ...]] = {}
        self._serving = False

    def ignore_at(self, parts: Iterable[App | Cornerstone]) -> None:
        """Ignore at the place of each of these parts what its declaration ignores."""
        self._ignored_at |= {part.place: part.ignore for part in parts}

    def collect(self, problems: Iterable[Problem], title: str, cause: BaseException | None = None) -> None:
        """Add the warnings among the problems that are new.

        Raises CompositionError with all of the problems where one is an error.
        """
        left = [each for each in problems if each.level == "error" or not self._is_ignored(each)]
        if errors_among(left):
            raise CompositionError(left, title) from cause
        new = [each for each in dict.fromkeys(warnings_among(left)) if each not in self.found]
        self.found += new
        if self._serving:
            _log(new)

    @contextmanager
    def logged(self) -> Iterator[None]:
        """Log the warnings so far, and in the block each new one."""
        _log(self.found)
        self._serving = True
        try:
            yield
        finally:
            self._serving = False

    def _is_ignored(self, warning: Problem) -> bool:
        return warning.id in self._ignored or warning.id in self._ignored_at.get(warning.where, ())


def _log(warnings: Iterable[Problem]) -> None:
    for warning in warnings:
        log.warning("%s", warning)
