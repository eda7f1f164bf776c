"""Undocumented facts about FastAPI."""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any, Final, TypeGuard

from fastapi import APIRouter, Depends, FastAPI, params, routing, telemetry
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import Scope

from composer._compat.starlette import lifespan_of, middleware_of
from composer._scope import route_path

# FastAPI 0.165, routing.py and middleware/asyncexitstack.py: the keys that FastAPI's own routing leaves in the scope.
SCOPE_KEYS: Final = frozenset(
    ["fastapi", "fastapi_inner_astack", "fastapi_function_astack", "fastapi_middleware_astack"]
)

# FastAPI 0.165, telemetry/_asgi.py: the scope's telemetry; None for a request that isn't to be observed.
TELEMETRY: Final = "fastapi.telemetry"

# FastAPI 0.165, applications.py, FastAPI.build_middleware_stack: the layers that each FastAPI has around its router, by
# the names of their classes.
PLAIN_LAYERS: Final = (
    "starlette.middleware.errors.ServerErrorMiddleware",
    "fastapi.telemetry._asgi.ExceptionTelemetryMiddleware",
    "fastapi._body_limit.AppBodyLimitMiddleware",
    "starlette.middleware.exceptions.ExceptionMiddleware",
    "fastapi.middleware.asyncexitstack.AsyncExitStackMiddleware",
)


def layers_of(stack: Any, router: APIRouter) -> list[Any]:
    """Return the layers of an app around its router, the outermost first, as far as each has the next as `app`."""
    # Starlette 1.10: each of its own middleware classes keeps what it wraps as `app`.
    layers = []
    while stack is not router and stack is not None:
        layers.append(stack)
        stack = getattr(stack, "app", None)
    return layers


def is_plain(layers: list[Any]) -> bool:
    """Return whether these layers are exactly those that each FastAPI has."""
    return tuple(f"{type(layer).__module__}.{type(layer).__qualname__}" for layer in layers) == PLAIN_LAYERS


# FastAPI 0.165 and Starlette 1.10, applications.py: all names that their `__call__` uses. For a request that isn't
# observed, to a root without `root_path`, they only set `scope["app"]` and call the layers.
_NAMES_IN_CALL: Final = {
    "fastapi": {
        *("root_path", "fastapi.telemetry._runtime", "lifespan", "_telemetry", "super", "__call__"),
        *("_native_telemetry", "enabled", "middleware_stack", "build_middleware_stack", "_legacy_otel"),
    },
    "starlette": {"middleware_stack", "build_middleware_stack"},
}


def calls_are_known() -> bool:
    """Return whether FastAPI's and Starlette's `__call__` are their own, and as known."""
    calls = {"fastapi": FastAPI.__call__, "starlette": Starlette.__call__}
    return all(_is_known(call, framework) for framework, call in calls.items())


def _is_known(call: Any, framework: str) -> bool:
    # Instrumentations replace it.
    is_own = call.__module__.partition(".")[0] == framework and not hasattr(call, "__wrapped__")
    return is_own and isinstance(call, FunctionType) and set(call.__code__.co_names) <= _NAMES_IN_CALL[framework]


def has_no_middleware(app: Starlette) -> bool:
    """Return whether an app has no layer but those that each app has; False where unknown."""
    # Starlette 1.10, routing.py, Router.__init__: without middleware of its own, a router calls its `app` at once.
    router, unknown = app.router, object()
    if middleware_of(app) or type(router).__call__ not in (Router.__call__, APIRouter.__call__):
        return False
    return getattr(router, "middleware_stack", unknown) == getattr(router, "app", None)


def has_hidden_routes(router: APIRouter) -> bool:
    """Return whether a router has routes that are not in its `routes`; True where unknown."""
    # FastAPI 0.165, routing.py, APIRouter: the folders of frontend().
    return bool(getattr(router, "_low_priority_routes", True))


def has_own_providers(app: FastAPI) -> bool:
    """Return whether an app has telemetry providers of its own; True where unknown."""
    # FastAPI 0.165, applications.py, FastAPI.__init__.
    options = getattr(app, "_telemetry", None)
    kinds = ("tracer_provider", "meter_provider", "logger_provider")
    return not isinstance(options, Mapping) or any(options.get(kind, True) is not None for kind in kinds)


def select_route(scope: Scope, path: str) -> None:
    """Report to the telemetry of a request that the route up to this path is found, as FastAPI's own Mounts do."""
    # FastAPI 0.165, telemetry/_api.py. Without it, or with other parameters, the span has the route below the prefix.
    select = getattr(getattr(telemetry, "_api", None), "_route_selected", None)
    if select is not None:
        with suppress(TypeError):
            select(scope=scope, path=path, mount=True)


def span_of(scope: Scope) -> Any:
    """Return the span of a request that FastAPI observes, or None."""
    # FastAPI 0.165, telemetry/_asgi.py.
    return getattr(scope.get(TELEMETRY), "span", None)


# FastAPI 0.165, routing.py: a public name, but an undocumented one.
_route_contexts: Any = getattr(routing, "iter_route_contexts", None)


@dataclass(frozen=True)
class _BareContext:
    """Represent a route where FastAPI doesn't report how it was included: its full path is known only if it wasn't."""

    route: BaseRoute
    is_included: bool

    @property
    def path(self) -> str | None:
        return None if self.is_included else getattr(self.route, "path", None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.route, name, None)


def iter_route_contexts(routes: Sequence[BaseRoute]) -> Iterator[Any]:
    """Return all routes, those of included routers too, each with its full path (`path`, None where unknown)."""
    return iter(_route_contexts(routes)) if _route_contexts else _bare_contexts(routes, is_included=False)


def _bare_contexts(routes: Iterable[BaseRoute], is_included: bool) -> Iterator[_BareContext]:
    for route in routes:
        # FastAPI 0.165, routing.py, APIRouter.include_router: a route that holds the router.
        routers = [value for value in vars(route).values() if isinstance(value, APIRouter)]
        if isinstance(route, Route) or not routers:
            yield _BareContext(route, is_included)
        for router in [] if isinstance(route, Route) else routers:
            yield from _bare_contexts(router.routes, is_included=True)


def dependency_calls(context: Any) -> Iterator[Any]:
    """Return the dependencies that a route calls, nested ones too; see `reads_dependencies`."""
    # FastAPI 0.165, routing.py, APIRoute, and dependencies/models.py, Dependant.
    pending = [getattr(context, "dependant", None)]
    while pending:
        dependant = pending.pop(0)
        yield getattr(dependant, "call", None)
        pending[:0] = getattr(dependant, "dependencies", ())


def parameters_of_request(dependant: Any) -> list[Any]:
    """Return the parameters that a handler or a dependency takes from path, query, headers and cookies."""
    # FastAPI 0.165, dependencies/models.py, Dependant.
    kinds = ("path_params", "query_params", "header_params", "cookie_params")
    return [parameter for kind in kinds for parameter in getattr(dependant, kind, ())]


@cache
def reads_dependencies() -> bool:
    """Return whether `dependency_calls` works with this release, for a route of an included router too."""

    def dependency() -> None:
        """Do nothing."""

    included, router = APIRouter(), APIRouter()
    included.add_api_route("/a", lambda: None, dependencies=[Depends(dependency)])
    router.include_router(included, prefix="/b")
    return any(dependency in dependency_calls(context) for context in iter_route_contexts(router.routes))


_METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"}


def match_any_method(route: Route) -> None:
    """Let a route answer every method, unknown ones too; in a release where that is impossible, all known ones."""
    # Starlette 1.10 and FastAPI 0.165, routing.py, Route and APIRoute: without methods, a route matches all of them.
    route.methods = set()
    scope = {"type": "http", "path": "/a", "root_path": "", "method": "UNKNOWN", "headers": []}
    if route.matches(scope)[0] is not Match.FULL:
        route.methods = set(_METHODS)


def included_route(scope: Scope) -> Any:
    """Return the route that answered, with the prefixes of the routers that include it; None where unknown."""
    # FastAPI 0.165, routing.py: an included router has its routes with their own paths; the full one is here.
    own, route = scope.get("fastapi"), scope.get("route")
    included = own.get("effective_route_context") if isinstance(own, Mapping) else None
    if included is not None and getattr(included, "original_route", None) is route and hasattr(included, "path_format"):
        return included
    if route is None or _matches(route, scope):
        return route
    # A route that doesn't match by its own path was included in an unknown way.
    contexts = iter_route_contexts(getattr(scope.get("router"), "routes", ()))
    return next((context for context in contexts if context.route is route and _matches(context, scope)), None)


def _matches(route: Any, scope: Scope) -> bool:
    # Starlette 1.10, routing.py, Route; other routes, such as a Host, have none.
    regex = getattr(route, "path_regex", None)
    return regex is None or regex.match(route_path(scope)) is not None


def cached_document(app: FastAPI) -> dict[str, Any] | None:
    """Return the document that `app.openapi()` would return without generating it; None where unknown."""
    # FastAPI 0.165, applications.py, FastAPI.openapi: the method looks at these two.
    version = getattr(app.router, "_get_routes_version", None)
    if version is None or not app.openapi_schema or not hasattr(app, "_openapi_routes_version"):
        return None
    return app.openapi_schema if version() == app._openapi_routes_version else None


def option_of(app: FastAPI, name: str) -> Any:
    """Return an option that an app was created with; None where unknown."""
    # FastAPI 0.165, applications.py, FastAPI.__init__: attributes with the names of the parameters.
    return getattr(app, name, None)


def is_own_page(route: BaseRoute) -> TypeGuard[Route]:
    """Return whether FastAPI itself added a route to an app: its pages and its document."""
    if not isinstance(route, Route):
        return False
    # FastAPI 0.165, applications.py, FastAPI.setup: local functions of that method, in routes that are not documented.
    endpoint = inspect.unwrap(getattr(route, "endpoint", route.app))
    module = getattr(endpoint, "__module__", None) or ""
    return module.partition(".")[0] == "fastapi" and not route.include_in_schema


@cache
def knows_own_pages() -> bool:
    """Return whether `is_own_page` works with this release."""
    app = FastAPI()
    return {app.openapi_url, app.docs_url} <= {route.path for route in app.routes if is_own_page(route)}


def is_default_lifespan(lifespan: Any) -> bool:
    """Return whether a lifespan is the default one of FastAPI or Starlette."""
    # FastAPI 0.165, routing.py, and Starlette 1.10, routing.py: one class each, or one function in other releases.
    return any(_is_alike(lifespan, lifespan_of(router)) for router in (APIRouter(), Starlette().router))


def _is_alike(lifespan: Any, default: Any) -> bool:
    if isinstance(default, FunctionType):
        return getattr(lifespan, "__code__", None) is default.__code__
    return type(lifespan) is type(default)


def lifespans_in(lifespan: Any) -> list[Any] | None:
    """Return the lifespans that FastAPI merged into one for included routers, or the only one; None where unknown."""
    # FastAPI 0.165, routing.py, _merge_lifespan_context: both are in the closure of the function that it returns.
    if lifespan is None:
        return None
    inner = inspect.unwrap(lifespan) if inspect.isfunction(lifespan) else lifespan
    if is_default_lifespan(lifespan) or str(getattr(inner, "__module__", "")).partition(".")[0] != "fastapi":
        return [lifespan]
    if not isinstance(inner, FunctionType):
        return None
    cells = [cell.cell_contents for cell in inner.__closure__ or ()]
    merged = [part for part in cells if callable(part)]
    if len(merged) == 1:
        # A plain generator, from which FastAPI made a context manager.
        return [lifespan]
    if len(merged) != 2:
        return None
    parts = [lifespans_in(part) for part in merged]
    return None if None in parts else [each for part in parts for each in part or ()]


def router_of(lifespan: Any) -> Any:
    """Return the router whose handlers a default lifespan calls; None where unknown."""
    # FastAPI 0.165, routing.py, _DefaultLifespan.
    return getattr(lifespan, "_router", None)


def is_handler_default(value: object) -> str:
    """Return the class name of a default that works in handlers only, such as `Depends`; "" for any other."""
    return type(value).__name__ if isinstance(value, params.Depends | params.Param | params.Body) else ""
