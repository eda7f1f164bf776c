"""Phases two and three: what is declared is built and checked, and put into one root FastAPI that starts it."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from pydantic import ValidationError

from composer._asgi import ASGIApp
from composer._build._check import (
    check_after,
    check_names,
    check_objects,
    check_prefixes,
    check_root,
    check_shadows,
)
from composer._build._declare import Declared, declare
from composer._build._document import Documents
from composer._build._inside import check_made, check_sessions
from composer._build._pages import install_pages
from composer._build._source import sources_of, with_documents
from composer._dispatch import Dispatcher, Mounted, OwnRoutes, Root, shortened, with_hooks, without_secrets
from composer._health import LIVE, READY, probes
from composer._lifecycle import Lifecycle
from composer._limits import Limits, limited
from composer._log import is_heard
from composer._log import request_log as log_requests
from composer._metrics import METRICS, is_installed
from composer._metrics import metrics as count_requests
from composer._model import App, BuiltApp, Cornerstone, PartStatus, Plan, Problem, Project
from composer._requests import Watch, Watched
from composer._settings import ComposerTable, read_settings
from composer._threads import keep_apart
from composer._wire import SharedObjects, demands_of
from composer._wire._construct import check_root_demands, wire
from composer.errors import CompositionError, problem

_STATE = "composition"


@dataclass(frozen=True)
class Composition:
    """What was composed into a root app: the plan, how each part is at the moment, and the apps' documents."""

    title: str
    plan: Plan
    lifecycle: Lifecycle
    documents: Documents

    def parts(self) -> list[PartStatus]:
        """Return how each part is, in the order in which they start."""
        return self.lifecycle.parts()


def build(
    settings: str | Path | None = None,
    *,
    root: FastAPI | None = None,
    only: Iterable[str] | None = None,
    overrides: Mapping[type, object] | None = None,
) -> FastAPI:
    """Compose the folders that a settings file names, and return the one FastAPI that serves them all.

    `settings` is the path of that file; without it, COMPOSER_SETTINGS says where it is, else it is the settings.toml
    beside the file that calls. `root` is an app to compose into, `only` the names of the apps or groups to compose
    (default: all), `overrides` the objects to use instead of the cornerstones of these types, in tests for example.

    Raises CompositionError with every mistake that was found; nothing is started then.
    """
    file = Path(settings or os.environ.get("COMPOSER_SETTINGS") or _beside_caller(sys._getframe(1).f_globals))
    found, problems = read_settings(file.absolute(), _environment_name())
    if found is None:
        raise CompositionError(problems)
    declared = declare(found, only)
    declared.problems[:0] = problems
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
) -> FastAPI:
    """Compose apps and cornerstones that are declared in Python, and return the one FastAPI that serves them all.

    `root` is an app to compose into (its own title and version then count), `overrides` the objects to use instead of
    the cornerstones of these types, `project` what factories get that ask for it (default: the working directory).
    `metrics` opens `/metrics`. Each request is told to the logger `composer.request`, where that is heard at the start.

    Raises CompositionError with every mistake that was found; nothing is started then.
    """
    declared = Declared(list(apps), list(cornerstones))
    here = project or Project(Path.cwd(), _environment_name())
    head = ComposerTable(title=title, version=version, metrics=metrics)
    return _compose(declared, here, root, overrides or {}, head, False)


def composition_of(app: FastAPI) -> Composition:
    """Return what was composed into an app; raise LookupError where nothing was."""
    composition = getattr(app.state, _STATE, None)
    if not isinstance(composition, Composition):
        raise LookupError("nothing was composed into this app: make it by composer.build() or composer.compose()")
    return composition


def _beside_caller(caller: Mapping[str, Any]) -> Path:
    return Path(caller.get("__file__") or "asgi.py").with_name("settings.toml")


def _environment_name() -> str:
    return os.environ.get("COMPOSER_ENV") or "development"


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
    apps, unread = with_documents(declared.apps, project.root)
    problems = [*declared.problems, *unread, *check_names(cornerstones), *check_names(apps), *check_prefixes(apps)]
    problems += [*check_after(apps, declared.names), *check_root(apps, root, _probes(head))]
    problems += [problem("C036", "root")] if hasattr(root.state, _STATE) else []
    problems += [problem("C040", "[composer] metrics")] if head.metrics and not is_installed() else []
    plan, wrong = wire(cornerstones, apps, project, overrides)
    plan = replace(plan, steps=(*declared.steps, *plan.steps))
    problems += [*wrong, *check_objects(plan.apps), *check_made(plan, root)]
    problems += check_shadows(problems, project.root) if problems else check_root_demands(root, plan)
    if problems:
        raise CompositionError(_once(problems), head.title) from _behind(problems)
    _install(root, _only_used(plan, root) if partial else plan, head)
    return root


def _once(problems: list[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))


def _behind(problems: list[Problem]) -> BaseException | None:
    """Return the exceptions behind the problems, so that a traceback shows them too."""
    errors = [found.error for found in problems if isinstance(found.error, Exception)]
    # A validation error shows the values that it was raised for, and those may be secrets.
    safe = [error for error in errors if not isinstance(error, ValidationError)]
    return ExceptionGroup("behind the problems", safe) if safe else None


def _only_used(plan: Plan, root: FastAPI) -> Plan:
    """Leave out the cornerstones that no app of a partial composition uses: they needn't be reachable then."""
    used = {name for app in plan.apps for name in app.uses}
    if demands_of(root):
        return plan
    return replace(plan, cornerstones=tuple(built for built in plan.cornerstones if built.name in used))


def _install(root: FastAPI, plan: Plan, head: ComposerTable) -> None:
    """Put the plan into the root: dispatch before its routes, all lifespans inside its own, one document."""
    mounted = {app.name: Mounted(app.prefix, _served(app, plan), app.name, app.asgi) for app in plan.apps}
    lifecycle = Lifecycle(plan, mounted)
    documents = Documents(root, sources_of(plan, mounted, lifecycle))
    setattr(root.state, _STATE, Composition(root.title, plan, lifecycle, documents))
    install_pages(root, plan, lifecycle, documents)
    router = root.router
    shared = SharedObjects(plan.cornerstones)
    answers = {**probes(lifecycle.parts, _checks(plan)), **_watch(root, lifecycle, head)}
    dispatcher = Dispatcher(mounted.values(), answers, shared, OwnRoutes(router))
    router.middleware_stack = dispatcher
    router.default = dispatcher.last(router.default)
    own_lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any] | None]] = router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any] | None]:
        _check_late_routes(root, plan, answers)
        keep_apart()
        async with own_lifespan(app) as state, lifecycle.running():
            yield state

    # Starlette's type has either state or none, never one that may be both.
    router.lifespan_context = cast(Any, lifespan)


def _probes(head: ComposerTable) -> list[str]:
    return [LIVE, READY, *([METRICS] if head.metrics else [])]


def _watch(root: FastAPI, lifecycle: Lifecycle, head: ComposerTable) -> dict[str, ASGIApp]:
    """Put a layer around all that the root does, if anybody watches its requests; return what answers `/metrics`."""
    watches: list[Watch] = []
    pages: dict[str, ASGIApp] = {}
    if head.metrics:
        count, pages[METRICS] = count_requests(lifecycle.parts)
        watches.append(count)
    inner = root.build_middleware_stack

    def stack() -> ASGIApp:
        # Made when the server starts: by then it is known whether anybody hears the log.
        watching = [*([log_requests()] if head.request_log and is_heard() else []), *watches]
        return Watched(inner(), watching) if watching else shortened(root, inner())

    # The outermost place, also outside of what answers 500; middleware that is added later stays inside.
    root.build_middleware_stack = stack  # type: ignore[method-assign]
    return pages


def _check_late_routes(root: FastAPI, plan: Plan, probes: Iterable[str]) -> None:
    """Raise CompositionError where what was added to the root after the build is in the way of an app, or hidden."""
    problems = [*check_root([app.declared for app in plan.apps], root, probes), *check_sessions(plan, root)]
    if problems:
        raise CompositionError(problems, root.title)


def _checks(plan: Plan) -> dict[str, Any]:
    """Return what asks each cornerstone that can say so whether it can serve now."""
    checks = {built.name: getattr(built.value, "check_ready", None) for built in plan.cornerstones}
    return {name: check for name, check in checks.items() if callable(check)}


def _served(app: BuiltApp, plan: Plan) -> ASGIApp:
    """Return what answers an app's requests: within its limits the hooks, and within those the app."""
    declared = app.declared
    limits = Limits(declared.max_concurrency, declared.request_timeout, declared.max_body_size)
    return limited(without_secrets(with_hooks(app.asgi, _hooks(app, plan)), plan.secrets), limits)


def _hooks(app: BuiltApp, plan: Plan) -> list[Any]:
    hooks = [getattr(built.value, "around_request", None) for built in plan.cornerstones if built.name in app.uses]
    return [hook for hook in hooks if callable(hook)]
