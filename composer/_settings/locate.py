"""The search for the settings file of a project."""

import os
from pathlib import Path

from composer._catalogue import problem
from composer._model import Problem

VARIABLE = "COMPOSER_SETTINGS"
_NAME = "settings.toml"
_MARKERS = ("pyproject.toml", ".git")


def find_settings(beside: str | None = None) -> tuple[Path, Problem | None]:
    """Return the settings file: the one that COMPOSER_SETTINGS names, else the first that exists.

    Searched are the folder of the file `beside`, the working directory, and its parents up to the root of the project,
    which contains pyproject.toml or .git; without such a root, no parents. If there is no file, returns the path of the
    one in the working directory, and the problem.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named).absolute(), None
    here = Path.cwd()
    folders = list(dict.fromkeys([*([Path(beside).absolute().parent] if beside else []), *_up_to_the_root(here)]))
    for folder in folders:
        if (folder / _NAME).is_file():
            return folder / _NAME, None
    tried = f": there is none in {' or '.join(map(str, folders))}"
    return here / _NAME, problem("C001", _NAME, tried=tried)


def _up_to_the_root(here: Path) -> list[Path]:
    folders = [here, *here.parents]
    roots = [at for at, folder in enumerate(folders) if any((folder / marker).exists() for marker in _MARKERS)]
    return folders[: roots[0] + 1 if roots else 1]
