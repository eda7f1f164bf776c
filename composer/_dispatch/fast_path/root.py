"""The fast path to an app: past the layers of the root that have no effect on its request.

It is taken only where the layers are those of every FastAPI, and as long as the `__call__` of their classes hasn't been
replaced: instrumentations do that, some of them only when a lifespan or a cornerstone starts.
"""

from collections.abc import Awaitable
from operator import attrgetter
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from composer._compat.fastapi import calls_are_known, is_plain, layers_of
from composer._compat.opentelemetry import is_observed, load_providers
from composer._compat.releases import fast_path_is_on
from composer._compat.starlette import ServerErrorMiddleware, layers_of_app
from composer._dispatch.dispatcher import REQUESTS, Dispatcher, Raised
from composer._scope import SCOPE_RAISED, SCOPE_SHARED, route_path

_call_of = attrgetter("__call__")


class _Calls:
    """The current `__call__` of some classes, to check later whether one was replaced."""

    __slots__ = ("_calls", "_classes")

    def __init__(self, *classes: type) -> None:
        self._classes = classes
        self._calls = tuple(map(_call_of, classes))

    def are_unchanged(self) -> bool:
        """Return whether each class still has the same one."""
        return tuple(map(_call_of, self._classes)) == self._calls


class FastPath(ServerErrorMiddleware):
    """Replace the root's own layers where they are those of every FastAPI, which only handle errors.

    A request of an app is handed to it at once. An exception of the app is raised again inside of the layers, so that
    each handles it as usual. It is a ServerErrorMiddleware since instrumentations look for the outermost one.
    """

    def __init__(self, whole: ServerErrorMiddleware, layers: list[Any], dispatcher: Dispatcher) -> None:
        # Whatever the names of its options are.
        vars(self).update(vars(whole))
        self.whole = whole
        self._layers = _Calls(*map(type, layers))
        self._dispatcher = dispatcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or run the lifespan."""
        path = route_path(scope) if scope["type"] in REQUESTS else ""
        slot = self._dispatcher.table.find(path)
        if slot is None or not self._layers.are_unchanged():
            await self.whole(scope, receive, send)
            return
        started = False

        def send_and_note_start(message: Message) -> Awaitable[None]:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            return send(message)

        scope[SCOPE_SHARED] = self._dispatcher.shared
        try:
            await slot(scope, path, receive, send_and_note_start)
        except Exception as error:
            scope[SCOPE_RAISED] = Raised(error, started)
            await self.whole(scope, receive, _drop if started else send)


async def _drop(message: Message) -> None:
    """Drop what the layers send after the app's own response has started."""


class Root(FastAPI):
    """The root that composer creates: without tracing, the fast path skips FastAPI's own `__call__`, too."""

    fast_path: FastPath | None = None
    _calls: _Calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or run the lifespan."""
        fast_path = self.fast_path
        if (
            fast_path is None
            or layers_of_app(self) is not fast_path.whole
            or scope["type"] not in REQUESTS
            or self.root_path
            or is_observed()
            or not self._calls.are_unchanged()
        ):
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await fast_path(scope, receive, send)

    def take(self, fast_path: FastPath) -> None:
        """Let requests take the fast path from now on."""
        load_providers()
        self._calls = _Calls(FastAPI, Starlette)
        self.fast_path = fast_path


def with_fast_path(root: FastAPI, whole: ASGIApp, dispatcher: Dispatcher) -> ASGIApp:
    """Return the root's layers with the fast path before them where they are those of every FastAPI; else unchanged."""
    if not (isinstance(whole, ServerErrorMiddleware) and fast_path_is_on()):
        return whole
    layers = layers_of(whole, root.router)
    if not is_plain(layers):
        return whole
    fast_path = FastPath(whole, layers, dispatcher)
    if not isinstance(root, Root):
        return fast_path
    if calls_are_known():
        root.take(fast_path)
    return whole
