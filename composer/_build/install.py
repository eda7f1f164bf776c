"""Phase three: a composition is put into the root, which starts it and serves it."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from composer._build.composition import STATE, Composition
from composer._build.pages import install_pages
from composer._build.planner import Planner
from composer._compat.releases import fast_path_is_on
from composer._compat.starlette import Lifespan, wrap_layers, wrap_lifespan, wrap_not_found, wrap_router
from composer._dispatch.dispatcher import Dispatcher
from composer._dispatch.fast_path.not_found import OwnRoutes
from composer._dispatch.fast_path.root import with_fast_path
from composer._dispatch.table import Table
from composer._dispatch.threads import install_per_app_threads
from composer._lifecycle.run import Lifecycle
from composer._model import Plan
from composer._observe.health import probes
from composer._observe.log import log_is_enabled, request_log
from composer._observe.metrics import METRICS, metrics
from composer._observe.record import ObserverFactory, RequestObserver
from composer._settings.models import ComposerTable
from composer._wire.shared import SharedObjects

log = logging.getLogger("composer")


def install(planner: Planner, plan: Plan) -> None:
    """Put a plan into the root: dispatch before its routes, all lifespans inside its own, one document."""
    root, router = planner.root, planner.root.router
    answers: dict[str, ASGIApp] = {}

    def dispatcher_before(routes: ASGIApp) -> Dispatcher:
        own_routes = OwnRoutes(router, routes) if fast_path_is_on() else routes
        return Dispatcher(Table.of(()), answers, SharedObjects(()), own_routes)

    dispatcher = wrap_router(router, dispatcher_before)
    wrap_not_found(router, dispatcher.with_app_at_root)
    composition = Composition(planner, dispatcher, plan.secrets)
    composition.install(plan)
    setattr(root.state, STATE, composition)
    install_pages(root, composition.documents, lambda: composition.plan, composition.lifecycle.apps)
    answers |= probes(composition.lifecycle.parts, composition.check_of)
    answers |= _install_observers(root, dispatcher, composition.lifecycle, planner.table)

    @asynccontextmanager
    async def lifespan(own: Lifespan, app: FastAPI) -> AsyncIterator[Mapping[str, Any] | None]:
        composition.prepare_start()
        install_per_app_threads()
        for notice in composition.plan.notices:
            log.warning("%s", notice)
        with planner.warnings.logged():
            async with own(app) as state, composition.lifecycle.running():
                yield state

    wrap_lifespan(root, lifespan)


def _install_observers(
    root: FastAPI, dispatcher: Dispatcher, lifecycle: Lifecycle, table: ComposerTable
) -> dict[str, ASGIApp]:
    """Put a layer around the whole root if its requests are observed; return the app that answers `/metrics`."""
    observers: list[ObserverFactory] = []
    pages: dict[str, ASGIApp] = {}
    if table.metrics:
        counter, pages[METRICS] = metrics(lifecycle.parts)
        observers.append(counter)

    def outermost(whole: ASGIApp) -> ASGIApp:
        # Called when the server starts: by then it is known whether the log is enabled.
        current = [*([request_log()] if table.request_log and log_is_enabled() else []), *observers]
        return RequestObserver(whole, current) if current else with_fast_path(root, whole, dispatcher)

    wrap_layers(root, outermost)
    return pages
