"""Whether requests are observed by OpenTelemetry, looked up faster than FastAPI does on each request."""

import inspect
import sys
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from opentelemetry import metrics, trace
from starlette.routing import BaseRoute, Route, WebSocketRoute

from composer._compat.fastapi import has_no_middleware, has_own_providers, iter_route_contexts

try:
    # OpenTelemetry 1.45: the logs' API isn't stable, and so has no public name.
    from opentelemetry._logs import get_logger_provider
except ImportError:
    get_logger_provider = None  # type: ignore[assignment]

# OpenTelemetry 1.45, trace/__init__.py, metrics/_internal/__init__.py and _logs/_internal/__init__.py: the providers of
# this process, None until one is set. FastAPI's own look-up takes 2.6 µs on each request. Where a release has other
# names, a provider counts as set, and FastAPI looks it up.
_OF_TRACES = vars(trace)
_OF_METRICS = vars(getattr(metrics, "_internal", metrics))
_OF_LOGS = vars(sys.modules.get(getattr(get_logger_provider, "__module__", ""), object))

# The routes that hand no request on to another app.
_FINAL_ROUTES = (APIRoute, APIWebSocketRoute, Route, WebSocketRoute)


def load_providers() -> None:
    """Look up the providers as FastAPI does on each request: this loads those that only the environment names."""
    trace.get_tracer_provider()
    metrics.get_meter_provider()
    if get_logger_provider is not None:
        get_logger_provider()


def is_observed() -> bool:
    """Return whether OpenTelemetry may have a provider, of whatever kind."""
    return (
        _OF_TRACES.get("_TRACER_PROVIDER", True) is not None
        or _OF_METRICS.get("_METER_PROVIDER", True) is not None
        or _OF_LOGS.get("_LOGGER_PROVIDER", True) is not None
    )


def observes_by_itself(app: Any) -> bool:
    """Return whether an app, or one inside of it, may observe requests though the process has no provider.

    A composition, or an app with middleware, mounts or hosts, may hold any other app.
    """
    load_providers()
    if not isinstance(app, FastAPI) or not has_no_middleware(app) or has_own_providers(app):
        return True
    return not all(_is_final(context.route) for context in iter_route_contexts(app.routes))


def _is_final(route: BaseRoute | None) -> bool:
    return type(route) in _FINAL_ROUTES and inspect.isroutine(getattr(route, "endpoint", None))
