"""The dispatcher, which stands before the root's own routes."""

from collections.abc import Iterable, Mapping
from typing import Final

from composer._asgi import ASGIApp, Receive, Scope, Send, route_path
from composer._dispatch.mounted import Mounted
from composer._scope import SCOPE_RAISED, SCOPE_RECORD, SCOPE_SHARED, SCOPE_THREADS
from composer._threads import POOL
from composer._wire.shared import SharedObjects

REQUESTS: Final = ("http", "websocket")


class Raised:
    """What an app raised, and whether its response had started by then."""

    __slots__ = ("error", "started")

    def __init__(self, error: Exception, started: bool) -> None:
        self.error = error
        self.started = started

    async def again(self, send: Send) -> None:
        """Raise it where the app would have, had it been called from there."""
        if self.started:
            await send({"type": "http.response.start", "status": 500, "headers": []})
        raise self.error


class Dispatcher:
    """Stand before the root's routes: hand each request to its app, to a probe, or to the routes themselves.

    `probes` answer their path exactly. The app mounted at `/`, if any, is asked last: by the root's router, when none
    of its routes matches (`last`).
    """

    def __init__(
        self, apps: Iterable[Mounted], probes: Mapping[str, ASGIApp], shared: SharedObjects, routes: ASGIApp
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
            await raised.again(send)
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

    def find(self, path: str) -> Mounted | None:
        """Return the app with the longest prefix of the path, whole segments only; the one at `/` is not looked for."""
        end = path.find("/", 1)
        found = self._by_prefix.get(path if end < 0 else path[:end])
        left = self._depth
        while end > 0 and left > 1:
            left -= 1
            end = path.find("/", end + 1)
            found = self._by_prefix.get(path if end < 0 else path[:end], found)
        return found

    def last(self, otherwise: ASGIApp) -> ASGIApp:
        """Return what answers when no route of the root matches: the app at `/`, else what answered so far."""
        at_root = self._at_root
        if at_root is None:
            return otherwise

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await at_root(scope, route_path(scope), receive, send)

        return answer
