"""The root's own routes, skipped for a path that none of them can match."""

from collections.abc import Iterable

from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from composer._compat.fastapi import has_hidden_routes
from composer._scope import route_path

# The routes whose `path` is all that they match by; others, such as Host, may match any path.
_KNOWN_ROUTES = (APIRoute, APIWebSocketRoute, Route, WebSocketRoute, Mount)


class OwnRoutes:
    """Call the root's own routes only where one of them can match, else the router's default at once."""

    def __init__(self, router: APIRouter, routes: ASGIApp) -> None:
        self._router = router
        self._routes = routes
        self._read: list[BaseRoute] = []
        self._segments: frozenset[str] | None = frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._can_match(route_path(scope)):
            await self._routes(scope, receive, send)
        else:
            scope.setdefault("router", self._router)
            await self._router.default(scope, receive, send)

    def _can_match(self, path: str) -> bool:
        """Return whether a route may match the path, or would with a slash more or less."""
        routes = self._router.routes
        if routes != self._read:
            self._read = list(routes)
            self._segments = _first_segments(routes)
        is_open = self._segments is None or has_hidden_routes(self._router) or not hasattr(self._router, "default")
        return bool(is_open or path[1:].partition("/")[0] in (self._segments or ()))


def _first_segments(routes: Iterable[BaseRoute]) -> frozenset[str] | None:
    """Return the first segments of the paths that the routes match; None where that may be any."""
    segments = set()
    for route in routes:
        path = getattr(route, "path", "") if type(route) in _KNOWN_ROUTES else "/{unknown}"
        segment = path[1:].partition("/")[0]
        if "{" in segment or (segment == "" and isinstance(route, Mount)):
            return None
        segments.add(segment)
    return frozenset(segments)
