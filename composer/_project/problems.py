"""Problems that are raised where they are found, and collected where the next part can go on without this one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from composer._catalogue import problem
from composer.errors import CompositionError


def composition_error(id: str, where: str, **fields: Any) -> CompositionError:
    """Return a CompositionError of one problem of the catalogue."""
    return CompositionError([problem(id, where, **fields)])


@contextmanager
def collected(problems: list[Any]) -> Iterator[None]:
    """Add the problems of a CompositionError that the block raises to a list, in place of raising it."""
    try:
        yield
    except CompositionError as error:
        problems += error.problems
