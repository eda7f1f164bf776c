"""The dispatcher, which is called before the root's own routes."""

from collections.abc import Iterable, Mapping
from typing import Final

from composer._asgi import ASGIApp, Receive, Scope, Send, route_path
from composer._dispatch.slot import Slot
from composer._scope import SCOPE_RAISED, SCOPE_RECORD, SCOPE_SHARED, SCOPE_THREADS
from composer._threads import POOL
from composer._wire import SharedObjects

REQUESTS: Final = ("http", "websocket")


class Raised:
    """An exception of an app, and whether the response had started by then."""

    __slots__ = ("error", "started")

    def __init__(self, error: Exception, started: bool) -> None:
        self.error = error
        self.started = started

    async def raise_again(self, send: Send) -> None:
        """Raise it where the app would have raised it without the fast path."""
        if self.started:
            await send({"type": "http.response.start", "status": 500, "headers": []})
        raise self.error


class Dispatcher:
    """Hand each request to its app, to a probe, or to the root's own routes.

    `probes` answer their path exactly. The app mounted at `/`, if any, comes last: the root's router calls it when
    none of its routes matches (`with_app_at_root`).
    """

    def __init__(
        self, apps: Iterable[Slot], probes: Mapping[str, ASGIApp], shared: SharedObjects, routes: ASGIApp
    ) -> None:
        by_prefix = {app.prefix: app for app in apps}
        self._at_root = by_prefix.pop("", None)
        self._by_prefix = by_prefix
        self._depth = max((prefix.count("/") for prefix in by_prefix), default=0)
        self._probes = probes
        self.shared = shared
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
        if (app := self.find(path)) is not None:
            await app(scope, path, receive, send)
        elif (probe := self._probes.get(path)) is not None and scope["type"] == "http":
            if SCOPE_RECORD in scope:
                scope[SCOPE_RECORD].path = path
            await probe(scope, receive, send)
        else:
            # A server may start a request in the context of the one before it on the same connection.
            POOL.set(scope.get(SCOPE_THREADS))
            await self._routes(scope, receive, send)

    def find(self, path: str) -> Slot | None:
        """Return the app with the longest prefix of the path, in whole segments; the app at `/` is not considered."""
        end = path.find("/", 1)
        app = self._by_prefix.get(path if end < 0 else path[:end])
        depth = self._depth
        while end > 0 and depth > 1:
            depth -= 1
            end = path.find("/", end + 1)
            app = self._by_prefix.get(path if end < 0 else path[:end], app)
        return app

    def with_app_at_root(self, default: ASGIApp) -> ASGIApp:
        """Return the app that answers where no route of the root matches: the one at `/`, else the former default."""
        at_root = self._at_root
        if at_root is None:
            return default

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await at_root(scope, route_path(scope), receive, send)

        return answer
