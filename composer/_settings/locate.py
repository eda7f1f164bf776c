"""Where the settings file of a project is, when nobody says so."""

import os
from pathlib import Path

from composer._catalogue import problem
from composer._model import Problem

VARIABLE = "COMPOSER_SETTINGS"
_NAME = "settings.toml"
_MARKERS = ("pyproject.toml", ".git")


def find_settings(beside: str | None = None) -> tuple[Path, Problem | None]:
    """Return the settings file: what COMPOSER_SETTINGS names, else the first that is there.

    It is looked for beside the file `beside`, then in the working directory and the folders above it, up to the root of
    the project: the folder that holds pyproject.toml or .git. Where there is no such folder, the working directory is
    the only one. Returns the one of the working directory with the problem where there is none.
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
