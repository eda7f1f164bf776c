"""The short way to an app: past the layers of the root that have nothing to do for its request."""

from collections.abc import Awaitable
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette._utils import get_route_path
from starlette.applications import Starlette
from starlette.middleware.errors import ServerErrorMiddleware

from composer._asgi import ASGIApp, Message, Receive, Scope, Send, is_original
from composer._compat.opentelemetry import is_observed, load_providers
from composer._dispatch.dispatcher import REQUESTS, Dispatcher, Raised
from composer._scope import SCOPE_RAISED, SCOPE_SHARED

# The layers that each FastAPI has around its router, and no other. Where a release has more, they are all walked.
# Source: FastAPI.build_middleware_stack, as of 0.165.
_PLAIN = [
    "starlette.middleware.errors.ServerErrorMiddleware",
    "fastapi.telemetry._asgi.ExceptionTelemetryMiddleware",
    "fastapi._body_limit.AppBodyLimitMiddleware",
    "starlette.middleware.exceptions.ExceptionMiddleware",
    "fastapi.middleware.asyncexitstack.AsyncExitStackMiddleware",
]


class FastPath(ServerErrorMiddleware):
    """Stand for the root's own layers where they are those of every FastAPI: they only do something about errors.

    A request of an app is handed to it at once. What the app raises is raised again inside of the layers, so that each
    does what it would have done. It is a ServerErrorMiddleware since instrumentations look for the outermost one.
    """

    def __init__(self, whole: ServerErrorMiddleware, dispatcher: Dispatcher) -> None:
        super().__init__(whole.app, whole.handler, whole.debug)
        self.whole = whole
        self._dispatcher = dispatcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or whatever else the server asks for."""
        path = get_route_path(scope) if scope["type"] in REQUESTS else ""
        app = self._dispatcher.find(path)
        if app is None:
            await self.whole(scope, receive, send)
            return
        started = False

        def tell(message: Message) -> Awaitable[None]:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            return send(message)

        scope[SCOPE_SHARED] = self._dispatcher.shared
        try:
            await app(scope, path, receive, tell)
        except Exception as error:
            scope[SCOPE_RAISED] = Raised(error, started)
            await self.whole(scope, receive, _to_nobody if started else send)


async def _to_nobody(message: Message) -> None:
    """Drop what the layers tell of a response that has gone out already."""


class Root(FastAPI):
    """Be the root that composer makes: where nobody traces requests, not even FastAPI's own `__call__` is walked."""

    shortcut: FastPath | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or whatever else the server asks for."""
        shortcut = self.shortcut
        if (
            shortcut is None
            or self.middleware_stack is not shortcut.whole
            or scope["type"] not in REQUESTS
            or self.root_path
            or is_observed()
        ):
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await shortcut(scope, receive, send)


def with_fast_path(root: FastAPI, whole: ASGIApp) -> ASGIApp:
    """Return what stands for the root's whole stack of layers; that itself where it has any that a FastAPI hasn't."""
    dispatcher = root.router.middleware_stack
    if (
        not isinstance(whole, ServerErrorMiddleware)
        or not isinstance(dispatcher, Dispatcher)
        or _layers(whole, root.router) != _PLAIN
    ):
        return whole
    shortcut = FastPath(whole, dispatcher)
    if not isinstance(root, Root):
        return shortcut
    if is_original(FastAPI.__call__, "fastapi") and is_original(Starlette.__call__, "starlette"):
        load_providers()
        root.shortcut = shortcut
    return whole


def _layers(stack: Any, router: APIRouter) -> list[str]:
    """Return the names of the layers around the router."""
    names = []
    while stack is not router and stack is not None:
        names.append(f"{type(stack).__module__}.{type(stack).__qualname__}")
        stack = getattr(stack, "app", None)
    return names
