"""Whether anybody observes requests by OpenTelemetry, found out more quickly than FastAPI does on each request."""

import inspect
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from opentelemetry import _logs, metrics, trace
from starlette.routing import BaseRoute, Route, WebSocketRoute

from composer._asgi import has_no_middleware

# Where OpenTelemetry has the providers of this process: None as long as nobody has set one. It has no public name for
# that, and to ask as FastAPI does takes 2.6 µs. Where a release has other names, it counts as set.
_OF_TRACES = vars(trace)
_OF_METRICS = vars(getattr(metrics, "_internal", metrics))
_OF_LOGS = vars(getattr(_logs, "_internal", _logs))

# The routes that hand no request on to another app.
_ENDS = (APIRoute, APIWebSocketRoute, Route, WebSocketRoute)


def load_providers() -> None:
    """Ask for the providers as FastAPI does on each request: those that only the environment names are loaded by it."""
    trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()


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
    given = getattr(app, "_telemetry", {})
    if any(given.get(kind, True) is not None for kind in ("tracer_provider", "meter_provider", "logger_provider")):
        return True
    return not all(_ends(context.route) for context in iter_route_contexts(app.routes))


def _ends(route: BaseRoute | None) -> bool:
    return type(route) in _ENDS and inspect.isroutine(getattr(route, "endpoint", None))
