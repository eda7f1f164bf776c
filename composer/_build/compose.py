"""Phase two: what is declared is built and checked, before anything is put into the root."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import ValidationError

from composer._compat.cpython import globals_of_caller
from composer._checks.consequences import without_consequences
from composer._checks.declarations import (
    check_after,
    check_ids,
    check_ignored,
    check_names,
    check_objects,
    check_prefixes,
    check_root,
    check_shadows,
)
from composer._project.declare import Declared, declare
from composer._checks.built import check_built
from composer._build.warnings import Warnings
from composer._checks.dependencies import check_dependencies, check_root_usage
from composer._build.install import STATE, Composition, install, paths_of_probes
from composer._documents.files import read_document_files
from composer._project.from_python import declared_in_python
from composer._environment import current_environment
from composer._dispatch.fast_path.root import Root
from composer._observe.metrics import is_installed
from composer._model import App, Cornerstone, Problem, Project, errors_among
from composer._settings.locate import find_settings
from composer._settings.models import ComposerTable
from composer._settings.read import read_settings
from composer._settings.table import Table
from composer._settings.validate import validated_or_default
from composer._wire.construct import check_root_dependencies, wire
from composer.errors import CompositionError
from composer._catalogue import problem


def build(
    settings: str | Path | None = None,
    *,
    root: FastAPI | None = None,
    only: str | Iterable[str] | None = None,
    overrides: Mapping[type, object] | None = None,
) -> FastAPI:
    """Compose the folders that a settings file names, and return the one FastAPI that serves them all.

    `settings` is the path of that file; without it, COMPOSER_SETTINGS says where it is, else it is the settings.toml
    beside the file that calls, else the first one from the working directory upwards to the project's root, which has
    pyproject.toml or .git. `root` is an app to compose into, `only` the names of the apps or groups to compose
    (default: all), `overrides` the objects to use instead of the cornerstones of these types, in tests for example.

    Raises CompositionError with every mistake that was found; nothing is started then.
    """
    # Only what calls knows which file it is in; a session or a notebook is in none.
    caller = globals_of_caller().get("__file__")
    file, missing = (Path(settings).absolute(), None) if settings else find_settings(caller)
    if missing is not None:
        raise CompositionError([missing])
    found, problems = read_settings(file, current_environment()[0])
    if found is None:
        raise CompositionError(problems)
    declared = declare(found, only)
    declared.problems[:0] = [*problems, *check_ids(found.composer.ignore, "[composer] ignore")]
    partial = only is not None or found.composer.only is not None
    return _compose(declared, found.project, root, overrides or {}, found.composer, partial)


def compose(
    apps: Iterable[App],
    *,
    cornerstones: Iterable[Cornerstone] = (),
    root: FastAPI | None = None,
    overrides: Mapping[type, object] | None = None,
    title: str = "composer",
    version: str = "0.1.0",
    project: Project | None = None,
    metrics: bool = False,
    ignore: Iterable[str] = (),
) -> FastAPI:
    """Compose apps and cornerstones that are declared in Python, and return the one FastAPI that serves them all.

    `root` is an app to compose into (its own title and version then count), `overrides` the objects to use instead of
    the cornerstones of these types, `project` what factories get that ask for it (default: the working directory).
    `metrics` opens `/metrics`, `ignore` holds the IDs of warnings that are not to be reported. Each request is told to the logger `composer.request`, where that is heard at the start.

    Raises CompositionError with every mistake that was found; nothing is started then.
    """
    declared = declared_in_python(apps, cornerstones)
    here = project or Project(Path.cwd(), current_environment()[0])
    given = Table({"title": title, "version": version, "metrics": metrics, "ignore": ignore}, "compose()")
    head, wrong = validated_or_default(ComposerTable, given)
    declared.problems += [*wrong, *check_ids(head.ignore, "ignore")]
    return _compose(declared, here, root, overrides or {}, head, False)


def composition_of(app: FastAPI) -> Composition:
    """Return what was composed into an app; raise LookupError where nothing was."""
    composition = getattr(app.state, STATE, None)
    if not isinstance(composition, Composition):
        raise LookupError("nothing was composed into this app: make it by composer.build() or composer.compose()")
    return composition


def _compose(
    declared: Declared,
    project: Project,
    given_root: FastAPI | None,
    overrides: Mapping[type, object],
    head: ComposerTable,
    partial: bool,
) -> FastAPI:
    """Build and check everything before the root is touched."""
    root = Root(title=head.title, version=head.version) if given_root is None else given_root
    cornerstones = declared.cornerstones
    sizes = [app.max_body_size or head.max_body_size for app in declared.apps]
    apps = [replace(app, max_body_size=size) for app, size in zip(declared.apps, sizes, strict=True)]
    apps, unread = read_document_files(apps, project.root)
    problems = [*declared.problems, *unread, *check_names(cornerstones), *check_names(apps), *check_prefixes(apps)]
    problems += [*check_after(apps, declared.names), *check_root(apps, root, paths_of_probes(head))]
    problems += [problem("C036", "root")] if hasattr(root.state, STATE) else []
    problems += [*check_ignored([*cornerstones, *apps]), *_check_metrics(head)]
    plan, wrong = wire(cornerstones, apps, project, overrides)
    recorder = declared.recorder
    plan = plan._replace(steps=(*recorder.steps, *plan.steps), notices=(*recorder.notices, *plan.notices))
    problems += [*wrong, *check_objects(plan.apps), *check_built(plan, root)]
    problems += [*check_dependencies(plan, plan.apps, project.root), *check_root_usage(plan, root, project.root)]
    problems += check_shadows(problems, project.root) if errors_among(problems) else check_root_dependencies(root, plan)
    problems = without_consequences(problems, declared.uncertain, cornerstones)
    warnings = Warnings(head.ignore, [*cornerstones, *apps])
    warnings.sift(problems, head.title, _behind(problems))
    install(root, plan, head, project, warnings, partial=partial)
    return root


def _check_metrics(head: ComposerTable) -> list[Problem]:
    if not head.metrics or is_installed():
        return []
    wish, package = "metrics is on", "prometheus-client"
    return [problem("C040", "[composer] metrics", wish=wish, package=package, extra="metrics")]


def _behind(problems: list[Problem]) -> BaseException | None:
    """Return the exceptions behind the problems, so that a traceback shows them too."""
    errors = [found.error for found in problems if isinstance(found.error, Exception)]
    # A validation error shows the values that it was raised for, and those may be secrets.
    safe = [error for error in errors if not isinstance(error, ValidationError)]
    return ExceptionGroup("behind the problems", safe) if safe else None
