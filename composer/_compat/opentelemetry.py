"""Whether anybody observes requests by OpenTelemetry, found out more quickly than FastAPI does on each request."""

import inspect
import sys
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from opentelemetry import metrics, trace
from starlette.routing import BaseRoute, Route, WebSocketRoute

from composer._compat.fastapi import has_no_middleware, iter_route_contexts, providers_given

try:
    # OpenTelemetry 1.45: the logs' API isn't stable, and so has no public name.
    from opentelemetry._logs import get_logger_provider
except ImportError:
    get_logger_provider = None  # type: ignore[assignment]

# OpenTelemetry 1.45, trace/__init__.py, metrics/_internal/__init__.py and _logs/_internal/__init__.py: the providers of
# this process, None as long as nobody has set one. To ask as FastAPI does takes 2.6 µs on each request. Where a release
# has other names, a provider counts as set, and FastAPI is asked.
_OF_TRACES = vars(trace)
_OF_METRICS = vars(getattr(metrics, "_internal", metrics))
_OF_LOGS = vars(sys.modules.get(getattr(get_logger_provider, "__module__", ""), object))

# The routes that hand no request on to another app.
_ENDS = (APIRoute, APIWebSocketRoute, Route, WebSocketRoute)


def load_providers() -> None:
    """Ask for the providers as FastAPI does on each request: those that only the environment names are loaded by it."""
    trace.get_tracer_provider()
    metrics.get_meter_provider()
    if get_logger_provider is not None:
        get_logger_provider()


def is_observed() -> bool:
    """Tell whether OpenTelemetry may have a provider, of whatever kind."""
    return (
        _OF_TRACES.get("_TRACER_PROVIDER", True) is not None
        or _OF_METRICS.get("_METER_PROVIDER", True) is not None
        or _OF_LOGS.get("_LOGGER_PROVIDER", True) is not None
    )


def observes_by_itself(app: Any) -> bool:
    """Tell whether an app, or one inside of it, may observe requests though the process has no provider.

    No other app than a FastAPI counts on being told; one that is a composition, or has middleware, mounts or hosts, may
    hold any.
    """
    load_providers()
    if not isinstance(app, FastAPI) or not has_no_middleware(app):
        return True
    if providers_given(app):
        return True
    return not all(_ends(context.route) for context in iter_route_contexts(app.routes))


def _ends(route: BaseRoute | None) -> bool:
    return type(route) in _ENDS and inspect.isroutine(getattr(route, "endpoint", None))
