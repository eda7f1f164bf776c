"""What is seen of a request from outside: which app and which route answered it, how, and in what time.

One layer stands around all that the root does, its own middleware included, and only where somebody watches. The id
of a request comes from its `X-Request-ID`, or is made; the response carries it.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final, Protocol

from starlette.routing import Mount

from composer._asgi import ASGIApp, Message, Receive, Scope, Send
from composer._compat.fastapi import included_route, select_route, span_of
from composer._scope import SCOPE_RECORD

_HEADER: Final = b"x-request-id"
# What may stand in a log and in a header as it came: a UUID, a trace's id, base64. Nothing else is taken over.
_SANE: Final = re.compile(rb"[A-Za-z0-9._:=+/@-]{1,128}")

# The methods that are shown by their names; all others are one, for anybody may make up as many as he likes.
# Source: RFC 9110, 9.1, and RFC 5789 for PATCH.
_KNOWN_METHODS: Final = frozenset(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"])
OTHER_METHOD, WEBSOCKET = "_OTHER", "WEBSOCKET"


class Record:
    """One request or WebSocket as it is seen from outside.

    `app` is the name of the app that it was handed to, `status` the response's (101 and 403 for a WebSocket that was
    accepted and refused), `code` what closed a WebSocket, `seconds` the time until the response had ended, and `error`
    the type of what the app raised.
    """

    __slots__ = (
        "_begun",
        "_prefix",
        "_root_path",
        "_scope",
        "_watchers",
        "app",
        "code",
        "error",
        "id",
        "path",
        "seconds",
        "status",
    )

    def __init__(self, scope: Scope, watches: "Sequence[ObserverFactory]") -> None:
        self.id = _id_of(scope)
        self.app: str | None = None
        # The path of a probe, which has no route; an app that is a composition itself has probes of its own.
        self.path: str | None = None
        self.status: int | None = None
        self.code: int | None = None
        self.seconds: float | None = None
        self.error: str | None = None
        self._scope = scope
        self._root_path = scope.get("root_path", "")
        self._prefix = ""
        self._begun = perf_counter()
        self._watchers = [watch(self) for watch in watches]

    @property
    def method(self) -> str:
        """The request's method, by a name that is known."""
        if self._scope["type"] == "websocket":
            return WEBSOCKET
        return self._scope["method"] if self._scope["method"] in _KNOWN_METHODS else OTHER_METHOD

    @property
    def route(self) -> str | None:
        """The template of the route with its app's prefix, `/notes/{note_id}`; None where no route is known."""
        if self.path is not None:
            return self._prefix + self.path
        route = _template(self._scope, self._root_path)
        return None if route is None else self._prefix + route

    def hand_on(self, app: str, prefix: str, scope: Scope) -> None:
        """Note the app that gets the request, its prefix, and the scope that it gets.

        An app may be a composition itself, and hand it on; then the outer app's name stays.
        """
        self._scope, self._root_path = scope, scope["root_path"]
        self._prefix += prefix
        if self.app is None:
            self.app = app
            for watcher in self._watchers:
                watcher.entered()

    def sent(self, message: Message) -> Message:
        """Note what is sent to the client, and return it, the start of a response with the request's id."""
        kind = message["type"]
        if kind == "http.response.body":
            if not message.get("more_body", False):
                self.stop_clock()
        elif kind in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            return _with_id(message, self.id)
        elif kind == "websocket.accept":
            self.status = 101
            return _with_id(message, self.id)
        elif kind == "websocket.close":
            self.closed(message)
        return message

    def closed(self, message: Message) -> None:
        """Note who closed a WebSocket, and why; the first counts."""
        if self.status is None:
            self.status = 403
        if self.code is None:
            self.code = message.get("code", 1000)

    def stop_clock(self) -> None:
        """Note that the response has ended; the first time counts."""
        if self.seconds is None:
            self.seconds = perf_counter() - self._begun

    def end(self, error: BaseException | None) -> None:
        """Note that the app has ended, and tell those who watch."""
        self.stop_clock()
        self.error = None if error is None else type(error).__name__
        if self.status is None and (error is None or isinstance(error, Exception)):
            # What a server answers where the app leaves it without a response.
            self.status = 500
        for watcher in self._watchers:
            watcher.ended()


class Observer(Protocol):
    """What somebody does who watches one request; neither may raise, or wait."""

    def entered(self) -> None:
        """Take note that the request is handed to an app."""

    def ended(self) -> None:
        """Take note that the app has ended, and with it the request."""


# Called as a request comes in.
ObserverFactory = Callable[[Record], Observer]


class RequestObserver:
    """Stand around an app, and record each of its requests; `app` is where instrumentations look further."""

    def __init__(self, app: ASGIApp, watches: Iterable[ObserverFactory]) -> None:
        self.app = app
        self._watches = tuple(watches)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or whatever else the server asks for; one that has a record already gets no second."""
        if scope["type"] not in ("http", "websocket") or SCOPE_RECORD in scope:
            await self.app(scope, receive, send)
            return
        record = scope[SCOPE_RECORD] = Record(scope, self._watches)

        async def tell(message: Message) -> None:
            await send(record.sent(message))

        error: BaseException | None = None
        try:
            await self.app(scope, _heard(record, receive) if scope["type"] == "websocket" else receive, tell)
        except BaseException as raised:
            error = raised
            raise
        finally:
            record.end(error)


def name_span(scope: Scope, app: str, prefix: str) -> None:
    """Tell the span that FastAPI makes of a request which app has it, and which prefix stands before its routes.

    What the scope has of FastAPI's telemetry is None where the request isn't to be traced.
    """
    if (span := span_of(scope)) is not None:
        span.set_attribute("composer.app", app)
    select_route(scope, f"{prefix}/{{path}}")


def _heard(record: Record, receive: Receive) -> Receive:
    async def hear() -> Message:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            record.closed(message)
        return message

    return hear


def _id_of(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER and _SANE.fullmatch(value):
            sent: str = value.decode("ascii")
            return sent
    return secrets.token_hex(16)


def _with_id(message: Message, request_id: str) -> Message:
    """Return the message with the id among its headers, where the app hasn't put one of its own there."""
    headers = list(message.get("headers", ()))
    if any(name.lower() == _HEADER for name, _ in headers):
        return message
    return {**message, "headers": [*headers, (_HEADER, request_id.encode())]}


def _template(scope: Scope, root_path: str) -> str | None:
    """Return the template of the route that FastAPI or Starlette found; None for any other framework, and for none.

    `root_path` is the one that the app got: what a Mount inside of it has added to it stands before the route.
    """
    route = _route(scope)
    inner = scope.get("root_path", "")[len(root_path) :]
    path: str | None = None if isinstance(route, Mount) else getattr(route, "path_format", None)
    if not inner:
        return path
    own = getattr(route, "param_convertors", {})
    values = {name: value for name, value in scope.get("path_params", {}).items() if name not in own}
    return _with_names(inner, values, path or "/{path}")


def _route(scope: Scope) -> Any:
    endpoint = scope.get("endpoint")
    if scope.get("route") is None and endpoint is not None:
        # FastAPI doesn't name a route of Starlette's, such as those of its own pages.
        routes: Iterable[Any] = getattr(scope.get("router"), "routes", ())
        return next((route for route in routes if getattr(route, "endpoint", None) is endpoint), None)
    return included_route(scope)


def _with_names(path: str, values: Mapping[str, Any], rest: str) -> str:
    """Return the template of what Mounts matched, and the rest; no value of a parameter may be left in it."""
    names = {str(value): f"{{{name}}}" for name, value in values.items()}
    segments = path.split("/")
    if not names.keys() <= set(segments):
        return "/{path}"
    return "/".join(names.get(segment, segment) for segment in segments) + rest
