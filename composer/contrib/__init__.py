"""Cornerstones for what many projects need: a database, the authentication of clients, trained models.

Each needs the packages of an extra of its own name, such as `pip install 'fastapi-composer[db]'`. They use only the
public names of composer, like any other package's cornerstones.
"""

from collections.abc import Iterator
from contextlib import contextmanager

__all__: list[str] = []


@contextmanager
def requires_extra(extra: str) -> Iterator[None]:
    """Say which extra to install where an import in the block finds no such module."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "composer").partition(".")[0] == "composer":
            raise
        text = f"composer.contrib.{extra} requires {error.name}: pip install 'fastapi-composer[{extra}]'"
        raise ModuleNotFoundError(text, name=error.name) from None
