"""Which releases of FastAPI and Starlette composer is tested with."""

import os
import re
from importlib.metadata import version
from typing import Final, NamedTuple


class Tested(NamedTuple):
    """The oldest and the newest release of a package that CI has run the tests with."""

    oldest: str
    newest: str


TESTED: Final = {"fastapi": Tested("0.165.0", "0.165.0"), "starlette": Tested("1.10.0", "1.10.0")}


def untested_releases() -> dict[str, str]:
    """Return the installed releases that are outside of what CI has tested, by package."""
    installed = {package: version(package) for package in TESTED}
    return {
        package: found
        for package, found in installed.items()
        if not _numbers(TESTED[package].oldest) <= _numbers(found) <= _numbers(TESTED[package].newest)
    }


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", release)[:3])


def fast_path_is_on() -> bool:
    """Return whether requests may take the fast path: COMPOSER_FAST_PATH=0 turns all of it off."""
    return os.environ.get("COMPOSER_FAST_PATH", "1") != "0"
