"""Finding the composition that a command is about."""

import json
import os
import sys
from functools import cache
from pathlib import Path

from fastapi import FastAPI

from composer._build import build, composition_of
from composer._project.importing import load_reference
from composer._settings.locate import find_settings
from composer._text import names_in
from composer.errors import CompositionError

# How the command line tells the processes that it starts what to serve.
SETTINGS, ONLY, TARGET = "COMPOSER_SETTINGS", "COMPOSER_ONLY", "COMPOSER_TARGET"


def select_composition(target: str | None, settings: Path | None, apps: str | None) -> None:
    """Put what the command line says into the environment, where `load` finds it, in this process and in its children.

    `apps` is a list of names with commas, in which an empty name is one that no app has: a variable of the shell may
    not be set. `target` is "module:name" of the app, as for uvicorn.
    """
    if settings is not None:
        os.environ[SETTINGS] = str(settings.absolute())
    if target is not None:
        os.environ[TARGET] = target
    if apps is not None:
        os.environ[ONLY] = json.dumps(names_in(apps))


@cache
def load_composition() -> FastAPI:
    """Return the composition: the chosen target, or asgi:app of the project, or what its settings.toml says.

    It is made once in a process: `serve` checks it first and then serves the same one.

    Raises CompositionError where it can't be built, LookupError where the target is something else.
    """
    folder = project_folder()
    target = os.environ.get(TARGET)
    if target is None and (folder / "asgi.py").is_file():
        target = "asgi:app"
    if target is None:
        file, missing = find_settings()
        if missing is not None:
            raise CompositionError([missing])
        return build(file)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    app = load_reference(target, "the command line", folder)
    if not isinstance(app, FastAPI):
        raise LookupError(f"{target} is a {type(app).__name__}, not the FastAPI that composer.build() returns")
    composition_of(app)
    return app


def project_folder() -> Path:
    """Return the folder of the project that was chosen: that of its settings file."""
    return find_settings()[0].parent
