"""Phase three: the plan is put into the root, which starts it and serves it."""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

from fastapi import FastAPI

from composer._asgi import ASGIApp
from composer._checks.check import check
from composer._documents.merged import Documents
from composer._build.warnings import Warnings
from composer._build.pages import install_own_pages, install_pages
from composer._stack.stack import guards_of, inner_stack, app_stack
from composer._documents.provider import Sources
from composer._compat.fastapi import reads_dependencies
from composer._compat.releases import fast_path_is_on
from composer._compat.starlette import Lifespan, wrap_layers, wrap_lifespan, wrap_not_found, wrap_router
from composer._dispatch.dispatcher import Dispatcher
from composer._dispatch.fast_path.not_found import OwnRoutes
from composer._dispatch.fast_path.root import with_fast_path
from composer._dispatch.slot import Slot
from composer._dispatch.table import Table
from composer._dispatch.version import Version
from composer._observe.health import LIVE, READY, probes
from composer._lifecycle.run import Lifecycle
from composer._observe.log import log_is_enabled
from composer._observe.log import request_log as log_requests
from composer._observe.metrics import METRICS
from composer._observe.metrics import metrics as count_requests
from composer._model import App, BuiltApp, Notice, PartStatus, Plan, Problem, Project
from composer._timings import PartRecorder
from composer._observe.record import ObserverFactory, RequestObserver
from composer._settings.models import ComposerTable
from composer._threads import install_per_app_threads
from composer._wire.deferred import DeferredApp
from composer._wire.shared import SharedDependency, SharedObjects, shared_dependencies_of
from composer.errors import CompositionError

STATE: Final = "composition"

Provided = TypeVar("Provided")

log = logging.getLogger("composer")


class Composition:
    """What was composed into a root app: the plan, how each part is at the moment, and the apps' documents."""

    def __init__(
        self, title: str, plan: Plan, lifecycle: Lifecycle, documents: Documents, warnings: Warnings
    ) -> None:
        self.title = title
        self.plan = plan
        self.lifecycle = lifecycle
        self.documents = documents
        self._warnings = warnings

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings so far, without the ignored: of the build, of the starts, and of apps that are made late."""
        return tuple(self._warnings.found)

    @property
    def apps(self) -> tuple[App, ...]:
        """The apps as they were declared, in order of their names."""
        return tuple(app.declared for app in self.plan.apps)

    @property
    def cornerstones(self) -> Mapping[str, Any]:
        """The shared objects, by the names of their cornerstones."""
        return MappingProxyType({built.name: built.value for built in self.plan.cornerstones})

    def get(self, wanted: type[Provided], name: str | None = None) -> Provided:
        """Return the shared object of a type, that of the cornerstone `name` if there are several.

        Raises:
            LookupError: There is none, or more than one.
        """
        marked = SharedDependency(wanted, name)
        return cast(Provided, SharedObjects(self.plan.cornerstones).find(marked))

    def load_deferred_apps(self) -> list[Notice]:
        """Import and make the apps that would else wait for their start; return what they changed of the process.

        Raises CompositionError with all that is wrong with them, and the warnings about the others.
        """
        recorder, problems = PartRecorder(), list[Problem]()
        for app in self.plan.apps:
            if isinstance(app.asgi, DeferredApp):
                try:
                    with recorder.of("import", "app", app.name):
                        app.asgi.load()
                except CompositionError as error:
                    problems += error.problems
        if problems:
            raise CompositionError([*problems, *self.warnings], self.title)
        return recorder.notices

    def parts(self) -> list[PartStatus]:
        """Return how each part is, in the order in which they start."""
        return self.lifecycle.parts()


def install(
    root: FastAPI, whole: Plan, head: ComposerTable, project: Project, warnings: Warnings, *, partial: bool
) -> None:
    """Put the plan into the root: dispatch before its routes, all lifespans inside its own, one document.

    Of a `partial` one, cornerstones that nobody uses are left out: they needn't be reachable then.
    """
    plan = _only_used(whole, root) if partial else whole
    guards = guards_of(plan)
    mounted = {
        app.name: Slot(app.prefix, app.name, Version(app_stack(app, plan, guards.get(app.name)), app.asgi))
        for app in plan.apps
    }
    lifecycle = Lifecycle(plan, mounted)
    sources = Sources(mounted, lifecycle, guards, project.root, plan.secrets)
    documents = Documents(root, lambda: plan, sources.of)
    _finish_deferred_apps(root, plan, warnings, project.root)
    setattr(root.state, STATE, Composition(root.title, plan, lifecycle, documents, warnings))
    install_pages(root, plan, lifecycle, documents)
    router = root.router
    shared = SharedObjects(whole.cornerstones)
    answers = {**probes(lifecycle.parts, _ready_checks(whole))}

    def dispatcher_before(routes: ASGIApp) -> Dispatcher:
        own_routes = OwnRoutes(router, routes) if fast_path_is_on() else routes
        return Dispatcher(Table.of(mounted.values()), answers, shared, own_routes)

    dispatcher = wrap_router(router, dispatcher_before)
    wrap_not_found(router, dispatcher.with_app_at_root)
    answers |= _install_observers(root, dispatcher, lifecycle, head)

    @asynccontextmanager
    async def lifespan(own: Lifespan, app: FastAPI) -> AsyncIterator[Mapping[str, Any] | None]:
        # The parts were checked when they were built; routes may have been added to the root since.
        nothing = whole._replace(cornerstones=(), apps=())
        warnings.collect(check(whole, nothing, root, project.root, answers), root.title)
        if partial:
            lifecycle.run_from_now_on(_only_used(whole, root))
        install_per_app_threads()
        for notice in plan.notices:
            log.warning("%s", notice)
        with warnings.logged():
            async with own(app) as state, lifecycle.running():
                yield state

    wrap_lifespan(root, lifespan)


def _only_used(plan: Plan, root: FastAPI) -> Plan:
    used = {name for app in plan.apps for name in app.uses}
    if shared_dependencies_of(root) or not reads_dependencies():
        return plan
    return plan._replace(cornerstones=tuple(built for built in plan.cornerstones if built.name in used))


def _finish_deferred_apps(
    root: FastAPI, plan: Plan, warnings: Warnings, project: Path
) -> None:
    """Let the apps that are made when they start be checked then, and put to where the others are from the start."""

    def finish(built: BuiltApp, problems: list[Problem]) -> ASGIApp:
        whole = plan._replace(apps=tuple(built if app.name == built.name else app for app in plan.apps))
        alone = plan._replace(cornerstones=(), apps=(built,))
        more = check(whole, alone, None, project, (), problems)
        warnings.collect([*problems, *more], built.name)
        install_own_pages(built)
        return inner_stack(built, plan)

    for app in plan.apps:
        if isinstance(app.asgi, DeferredApp):
            app.asgi.finish = finish


def probe_paths(head: ComposerTable) -> list[str]:
    return [LIVE, READY, *([METRICS] if head.metrics else [])]


def _install_observers(root: FastAPI, dispatcher: Dispatcher, lifecycle: Lifecycle, head: ComposerTable) -> dict[str, ASGIApp]:
    """Put a layer around all that the root does, if anybody watches its requests; return what answers `/metrics`."""
    watches: list[ObserverFactory] = []
    pages: dict[str, ASGIApp] = {}
    if head.metrics:
        count, pages[METRICS] = count_requests(lifecycle.parts)
        watches.append(count)

    def outermost(whole: ASGIApp) -> ASGIApp:
        # Made when the server starts: by then it is known whether anybody hears the log.
        watching = [*([log_requests()] if head.request_log and log_is_enabled() else []), *watches]
        return RequestObserver(whole, watching) if watching else with_fast_path(root, whole, dispatcher)

    wrap_layers(root, outermost)
    return pages


def _ready_checks(plan: Plan) -> dict[str, Any]:
    """Return what asks each cornerstone that can say so whether it can serve now."""
    checks = {built.name: getattr(built.value, "check_ready", None) for built in plan.cornerstones}
    return {name: check for name, check in checks.items() if callable(check)}
