"""Path → app: the longest prefix of whole path segments, found in a time that doesn't grow with the number of apps.

A mounted app gets the scope that a server started with `--root-path /prefix` would hand to it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from anyio import CancelScope
from starlette._utils import get_route_path
from starlette.requests import HTTPConnection

from composer._asgi import ASGIApp, Receive, Scope, Send
from composer._problem_json import unavailable as unavailable
from composer._requests import RECORD, TELEMETRY, name_span
from composer._secrets import Secrets
from composer._threads import POOL, Pool
from composer._wire import SCOPE_KEY, SharedObjects

# What the root's own routing leaves in the scope; a mounted app would take it for its own.
_OF_THE_ROOT = (
    "app",
    "router",
    "app_root_path",
    "endpoint",
    "route",
    "path_params",
    "fastapi",
    "fastapi_inner_astack",
    "fastapi_function_astack",
    "fastapi_middleware_astack",
    "starlette.exception_handlers",
)

# Where the scope says whose threads they are.
_POOL = "composer.threads"

AroundRequest = Callable[[HTTPConnection], Any]

NO_LIFESPAN = unavailable(
    "The server ran no lifespan, so no app was started. Serve the composition with lifespans on; in a test, write "
    "`with TestClient(app) as client:`."
)


class Mounted:
    """One app under its prefix: the state that its lifespan yields, and what answers its requests at the moment.

    Whatever answers has the app's own pool of threads.
    """

    __slots__ = ("_app", "answer", "name", "pool", "prefix", "state")

    def __init__(self, prefix: str, app: ASGIApp, name: str = "") -> None:
        self.prefix = prefix.rstrip("/")
        self.name = name
        self.state: dict[str, Any] = {}
        self.pool = Pool()
        self._app = app
        self.answer = NO_LIFESPAN

    def open(self) -> None:
        """Let the app itself answer: its lifespan is up."""
        self.answer = self._app

    def close(self, answer: ASGIApp) -> None:
        """Let something else answer in its place."""
        self.answer = answer

    async def __call__(self, scope: Scope, path: str, receive: Receive, send: Send) -> None:
        """Hand a request on, as if a server had been started for this app alone; `path` is what the root has left."""
        child = dict(scope)
        for key in _OF_THE_ROOT:
            child.pop(key, None)
        root_path = scope.get("root_path", "")
        child["root_path"] = root_path + self.prefix
        child["path"] = root_path + (f"{path}/" if path == self.prefix else path)
        child["state"] = {**scope.get("state", {}), **self.state}
        child[_POOL] = self.pool
        if RECORD in child:
            child[RECORD].hand_on(self.name, self.prefix, child)
        if TELEMETRY in child:
            name_span(child, self.name, self.prefix)
        before = POOL.set(self.pool)
        try:
            await self.answer(child, receive, send)
        finally:
            POOL.reset(before)

    async def at(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request whose path is the app's own, without the prefix."""
        await self(scope, self.prefix + scope["path"], receive, send)


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
        self._shared = shared
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let the root's router run its lifespan."""
        if scope["type"] not in ("http", "websocket"):
            await self._routes(scope, receive, send)
            return
        scope[SCOPE_KEY] = self._shared
        path = get_route_path(scope)
        if (app := self.find(path)) is not None:
            await app(scope, path, receive, send)
        elif (probe := self._probes.get(path)) is not None and scope["type"] == "http":
            if RECORD in scope:
                scope[RECORD].path = path
            await probe(scope, receive, send)
        else:
            # A server may start a request in the context of the one before it on the same connection.
            POOL.set(scope.get(_POOL))
            await self._routes(scope, receive, send)

    def find(self, path: str) -> Mounted | None:
        """Return the app with the longest prefix of the path, whole segments only; the one at `/` is not looked for."""
        found = None
        end = 0
        for _ in range(self._depth):
            end = path.find("/", end + 1)
            found = self._by_prefix.get(path if end < 0 else path[:end], found)
            if end < 0:
                break
        return found

    def last(self, otherwise: ASGIApp) -> ASGIApp:
        """Return what answers when no route of the root matches: the app at `/`, else what answered so far."""
        at_root = self._at_root
        if at_root is None:
            return otherwise

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await at_root(scope, get_route_path(scope), receive, send)

        return answer


def without_secrets(app: ASGIApp, secrets: Secrets) -> ASGIApp:
    """Take the known secrets out of the errors that an app raises while it answers; whoever catches one logs it."""
    if not secrets:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            cleaned = secrets.cleaned(error)
            if cleaned is error:
                raise
            raise cleaned from cleaned.__cause__

    return answer


def with_hooks(app: ASGIApp, hooks: Sequence[AroundRequest]) -> ASGIApp:
    """Wrap each HTTP request and WebSocket of an app by the hooks of cornerstones that it uses, the first outermost.

    Returns the app itself where there is none. Each hook is left whatever the app did, and has the time that it takes
    also where the request ran out of its own.
    """
    if not hooks:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # Opened before the hooks, for they may open some of their own, and what opens last must close first.
        with CancelScope() as leaving:
            async with AsyncExitStack() as stack:
                try:
                    await _enter(hooks, scope, stack)
                    await app(scope, receive, send)
                finally:
                    leaving.shield = True

    return answer


async def _enter(hooks: Sequence[AroundRequest], scope: Scope, stack: AsyncExitStack) -> None:
    for hook in hooks:
        manager = hook(HTTPConnection(scope))
        if isinstance(manager, AbstractAsyncContextManager):
            await stack.enter_async_context(manager)
        else:
            stack.enter_context(manager)
