"""The entry points `build()` and `compose()`: everything is built and checked before the root is changed."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypedDict, Unpack

from fastapi import FastAPI

from composer._build.composition import STATE, Composition
from composer._build.install import install
from composer._build.planner import Planner
from composer._catalogue import problem
from composer._checks.declarations import check_ids
from composer._compat.cpython import globals_of_caller
from composer._dispatch.fast_path.root import Root
from composer._model import App, Cornerstone, Project
from composer._project.declare import Declared, declare
from composer._project.from_python import declared_in_python
from composer._settings.environment import current_environment
from composer._settings.locate import find_settings
from composer._settings.models import ComposerTable
from composer._settings.read import read_settings
from composer._settings.table import Table
from composer._settings.validate import validated_or_default
from composer.errors import CompositionError


class CompositionSettings(TypedDict, total=False):
    """The keys of `[composer]` in settings.toml that `compose()` takes as keywords; docs and defaults are the same."""

    title: str
    version: str
    only: str | Iterable[str] | None
    max_body_size: int | str
    ignore: Iterable[str]
    request_log: bool
    metrics: bool


def build(
    settings: str | Path | None = None,
    *,
    root: FastAPI | None = None,
    only: str | Iterable[str] | None = None,
    overrides: Mapping[type, object] | None = None,
) -> FastAPI:
    """Compose the folders that a settings file names, and return the one FastAPI that serves them all.

    Every app and cornerstone is built and checked here; nothing is started before a server runs the lifespan.

    Args:
        settings: The path of the settings file. By default the variable COMPOSER_SETTINGS, else the settings.toml
            beside the calling file, else the first one from the working directory upwards to the project's root, which
            has pyproject.toml or .git.
        root: The app to compose into. By default a new FastAPI with the title and version of the settings.
        only: The names of the apps or groups to compose. By default all.
        overrides: Objects to use in place of the cornerstones of these types, in tests for example.

    Returns:
        The root app, which any ASGI server can serve.

    Raises:
        CompositionError: Something is declared, built or configured incorrectly; the error has every problem.

    Example:
        The whole of a project's `asgi.py`::

            import composer

            app = composer.build()
    """
    # Only the calling module knows its file; a session or a notebook has none.
    caller = globals_of_caller().get("__file__")
    file, missing = (Path(settings).absolute(), None) if settings else find_settings(caller)
    if missing is not None:
        raise CompositionError([missing])
    read, problems = read_settings(file, current_environment()[0])
    if read is None:
        raise CompositionError(problems)
    declared = declare(read, only)
    declared.problems[:0] = [*problems, *check_ids(read.composer.ignore, "[composer] ignore")]
    partial = only is not None or read.composer.only is not None
    table = read.composer
    planner = Planner(root or _new_root(table), read.project, table, overrides or {}, only_used=partial)
    return _compose(planner, declared)


def compose(
    apps: Iterable[App],
    *,
    cornerstones: Iterable[Cornerstone] = (),
    root: FastAPI | None = None,
    overrides: Mapping[type, object] | None = None,
    project: Project | None = None,
    **settings: Unpack[CompositionSettings],
) -> FastAPI:
    """Compose apps and cornerstones that are declared in Python, and return the one FastAPI that serves them all.

    Args:
        apps: The apps, each with its prefix and factory.
        cornerstones: The shared objects that the factories of apps and cornerstones require.
        root: The app to compose into, whose own title and version are used. By default a new FastAPI.
        overrides: Objects to use in place of the cornerstones of these types, in tests for example.
        project: The project that factories can require. By default the working directory and COMPOSER_ENV.
        settings: The keys of `[composer]` in settings.toml: `title`, `version`, `only`, `max_body_size`, `ignore`,
            `request_log` and `metrics`.

    Returns:
        The root app, which any ASGI server can serve.

    Raises:
        CompositionError: Something is declared, built or configured incorrectly; the error has every problem.

    Example:
        Two apps that share a database::

            app = composer.compose(
                [
                    composer.App("notes", "/notes", create_notes),
                    composer.App("accounts", "/accounts", create_accounts),
                ],
                cornerstones=[composer.Cornerstone("db", create_database)],
                metrics=True,
            )
    """
    table, invalid = validated_or_default(ComposerTable, Table(settings, "compose()"))
    declared = declared_in_python(apps, cornerstones, table.only)
    declared.problems += [*invalid, *check_ids(table.ignore, "ignore")]
    here = project or Project(Path.cwd(), current_environment()[0])
    planner = Planner(root or _new_root(table), here, table, overrides or {}, only_used=table.only is not None)
    return _compose(planner, declared)


def composition_of(app: FastAPI) -> Composition:
    """Return the composition of an app that `build()` or `compose()` has returned.

    Args:
        app: The root app.

    Returns:
        The composition: its apps and cornerstones, the status of each part, and the warnings.

    Raises:
        LookupError: Nothing was composed into this app.

    Example:
        A test that looks at a shared object::

            database = composer.composition_of(app).get(Database)
    """
    composition = getattr(app.state, STATE, None)
    if not isinstance(composition, Composition):
        raise LookupError("nothing was composed into this app: create it by composer.build() or composer.compose()")
    return composition


def _compose(planner: Planner, declared: Declared) -> FastAPI:
    """Build and check everything before the root is changed."""
    if hasattr(planner.root.state, STATE):
        declared.problems.append(problem("C036", "root"))
    install(planner, planner.first_plan(declared))
    return planner.root


def _new_root(table: ComposerTable) -> FastAPI:
    return Root(title=table.title, version=table.version)
