"""Find and load the composition that a command is about."""

import json
import os
import sys
from functools import cache
from pathlib import Path

from fastapi import FastAPI

from composer._build import build, composition_of
from composer._cli.show import CommandError
from composer._project.importing import load_reference
from composer._settings.locate import find_settings
from composer._text import names_in
from composer.errors import CompositionError

# The command line passes the selection to the processes that it starts by these environment variables.
SETTINGS, ONLY, TARGET = "COMPOSER_SETTINGS", "COMPOSER_ONLY", "COMPOSER_TARGET"


def select_composition(target: str | None, settings: Path | None, apps: str | None) -> None:
    """Write the selection into the environment, where `load_composition` reads it in this process and its children.

    `apps` is a list of names with commas. An empty one selects an app named "", which is reported as unknown: the
    variable of a shell script was not set.
    """
    if settings is not None:
        os.environ[SETTINGS] = str(settings.absolute())
    if target is not None:
        os.environ[TARGET] = target
    if apps is not None:
        os.environ[ONLY] = json.dumps(names_in(apps))


@cache
def load_composition() -> FastAPI:
    """Return the selected composition: the target, asgi:app of the project, or that of its settings.toml.

    It is built once in a process: `serve` checks and serves the same object.

    Raises CompositionError if it cannot be built, CommandError if the target is something else.
    """
    folder = project_folder()
    target = os.environ.get(TARGET) or ("asgi:app" if (folder / "asgi.py").is_file() else None)
    if target is None:
        file, missing = find_settings()
        if missing is not None:
            raise CompositionError([missing])
        return build(file)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    app = load_reference(target, "the command line", folder)
    if not isinstance(app, FastAPI):
        raise CommandError(f"{target} is a {type(app).__name__}, not the FastAPI that composer.build() returns.")
    try:
        composition_of(app)
    except LookupError as error:
        raise CommandError(str(error)) from None
    return app


def project_folder() -> Path:
    """Return the folder of the selected project, which is that of its settings file."""
    return find_settings()[0].parent
