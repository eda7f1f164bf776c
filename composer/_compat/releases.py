"""The releases of FastAPI and Starlette that `make test-versions` tests, and the switch of the fast path."""

import os
import re
from importlib.metadata import version
from typing import Final

# The oldest and the newest; the oldest are the lower bounds in pyproject.toml.
TESTED: Final = {"fastapi": ("0.164.0", "0.165.0"), "starlette": ("1.10.0", "1.10.0")}


def untested_releases() -> str:
    """Return in one line which installed releases are untested; "" where none is.

    That is no problem: what relies on undocumented facts is left out where these don't hold.
    """
    return "; ".join(
        f"{package} {installed} is installed, the last release tested with composer is {newest}"
        for package, (oldest, newest) in TESTED.items()
        if not _numbers(oldest) <= _numbers(installed := version(package)) <= _numbers(newest)
    )


def _numbers(release: str) -> list[int]:
    """Return the numbers of a release; a pre-release counts as its final release."""
    return [int(number) for number in re.findall(r"\d+", release)[:3]]


def fast_path_is_on() -> bool:
    """Return whether requests may take the fast path: COMPOSER_FAST_PATH=0 turns all of it off."""
    return os.environ.get("COMPOSER_FAST_PATH", "1") != "0"
