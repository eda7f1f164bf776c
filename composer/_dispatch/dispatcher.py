"""The dispatcher, which is called before the root's own routes."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from composer._dispatch.table import Table
from composer._dispatch.threads import POOL
from composer._scope import SCOPE_RAISED, SCOPE_RECORD, SCOPE_SHARED, SCOPE_THREADS, route_path
from composer._wire.shared import SharedObjects

REQUESTS: Final = ("http", "websocket")


class Raised(NamedTuple):
    """An exception of an app, and whether the response had started by then."""

    error: Exception
    started: bool

    async def raise_again(self, send: Send) -> None:
        """Raise it where the app would have raised it without the fast path."""
        if self.started:
            await send({"type": "http.response.start", "status": 500, "headers": []})
        raise self.error


class Dispatcher:
    """Hand each request to its app, to a probe, or to the root's own routes.

    `probes` answer their path exactly. The app mounted at `/`, if any, comes last: the root's router calls it when
    none of its routes matches (`with_app_at_root`). `table` and `shared` may be replaced while it serves: a request
    keeps those that it came with.
    """

    def __init__(self, table: Table, probes: Mapping[str, ASGIApp], shared: SharedObjects, routes: ASGIApp) -> None:
        self.table = table
        self.shared = shared
        self._probes = probes
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let the root's router run its lifespan."""
        if scope["type"] not in REQUESTS:
            await self._routes(scope, receive, send)
            return
        if (raised := scope.pop(SCOPE_RAISED, None)) is not None:
            await raised.raise_again(send)
        scope[SCOPE_SHARED] = self.shared
        path = route_path(scope)
        if (slot := self.table.find(path)) is not None:
            await slot(scope, path, receive, send)
        elif (probe := self._probes.get(path)) is not None and scope["type"] == "http":
            if SCOPE_RECORD in scope:
                scope[SCOPE_RECORD].path = path
            await probe(scope, receive, send)
        else:
            # A server may start a request in the context of the one before it on the same connection.
            POOL.set(scope.get(SCOPE_THREADS))
            await self._routes(scope, receive, send)

    def with_app_at_root(self, default: ASGIApp) -> ASGIApp:
        """Return the app that answers where no route of the root matches: the one at `/`, else the former default."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if (at_root := self.table.at_root) is not None:
                await at_root(scope, route_path(scope), receive, send)
            else:
                await default(scope, receive, send)

        return answer
