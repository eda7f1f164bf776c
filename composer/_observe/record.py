"""What is known of a request from outside: the app and the route that served it, its status and its time.

One layer around the whole root, including its middleware, records it, and only if there is an observer. The ID of a
request is that of its `X-Request-ID` header, or a new one; the response carries it.
"""

import re
import secrets
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any, Final, Protocol

from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from composer._compat.fastapi import included_route, select_route, span_of
from composer._scope import SCOPE_RECORD

_HEADER: Final = b"x-request-id"
# IDs that are safe in a log and in a header: UUIDs, trace IDs, base64. Any other one is replaced.
_SAFE_ID: Final = re.compile(rb"[A-Za-z0-9._:=+/@-]{1,128}")

# Source: RFC 9110, 9.1, and RFC 5789 for PATCH. Clients can invent any number of others, which share one name.
_METHODS: Final = frozenset(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"])
OTHER_METHOD, WEBSOCKET = "_OTHER", "WEBSOCKET"


class Record:
    """Represent one request or WebSocket as seen from outside.

    `app` is the name of the app that served it, `status` that of the response (101 for a WebSocket that was accepted,
    403 for one that was refused), `code` the close code of a WebSocket, `seconds` the time until the response had
    ended, and `error` the type of the exception that the app raised.
    """

    def __init__(self, scope: Scope, observers: "Iterable[ObserverFactory]") -> None:
        self.id = _id_of(scope)
        self.app: str | None = None
        # The path of a health check, which has no route; an app that is a composition has its own health checks.
        self.path: str | None = None
        self.status: int | None = None
        self.code: int | None = None
        self.seconds: float | None = None
        self.error: str | None = None
        self._scope = scope
        self._root_path = scope.get("root_path", "")
        self._prefix = ""
        self._begun = perf_counter()
        self._observers = [observer(self) for observer in observers]

    @property
    def method(self) -> str:
        """The method, if it is a standard one."""
        if self._scope["type"] == "websocket":
            return WEBSOCKET
        return self._scope["method"] if self._scope["method"] in _METHODS else OTHER_METHOD

    @property
    def route(self) -> str | None:
        """The template of the route with the prefix of its app, `/notes/{note_id}`; None if no route is known."""
        route = self.path if self.path is not None else _template(self._scope, self._root_path)
        return None if route is None else self._prefix + route

    def hand_on(self, app: str, prefix: str, scope: Scope) -> None:
        """Record the app that serves the request, its prefix, and its scope.

        If that app is a composition itself, the name of the outer app stays.
        """
        self._scope, self._root_path = scope, scope["root_path"]
        self._prefix += prefix
        if self.app is None:
            self.app = app
            for observer in self._observers:
                observer.entered()

    def sent(self, message: Message) -> Message:
        """Record a message to the client, and return it; a start of a response gets the ID of the request."""
        match message["type"]:
            case "http.response.body":
                if not message.get("more_body", False):
                    self.stop_clock()
            case "http.response.start" | "websocket.http.response.start":
                self.status = message["status"]
                return _with_id(message, self.id)
            case "websocket.accept":
                self.status = 101
                return _with_id(message, self.id)
            case "websocket.close":
                self.closed(message)
        return message

    def closed(self, message: Message) -> None:
        """Record the close of a WebSocket; the side that closes first sets the code."""
        if self.status is None:
            self.status = 403
        if self.code is None:
            self.code = message.get("code", 1000)

    def stop_clock(self) -> None:
        """Record the time at the first end of the response."""
        if self.seconds is None:
            self.seconds = perf_counter() - self._begun

    def end(self, error: BaseException | None) -> None:
        """Record that the app has returned or raised, and notify the observers."""
        self.stop_clock()
        self.error = None if error is None else type(error).__name__
        if self.status is None and (error is None or isinstance(error, Exception)):
            # The server's response if the app sends none.
            self.status = 500
        for observer in self._observers:
            observer.ended()


class Observer(Protocol):
    """Observe one request; neither method may raise or block."""

    def entered(self) -> None:
        """Handle the start of the request in an app."""

    def ended(self) -> None:
        """Handle the end of the request."""


# Called for each new request.
ObserverFactory = Callable[[Record], Observer]


class RequestObserver:
    """Record each request to an app; instrumentations find that app in the attribute `app`."""

    def __init__(self, app: ASGIApp, observers: Iterable[ObserverFactory]) -> None:
        self.app = app
        self._observers = tuple(observers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, and record the request unless an outer layer does."""
        if scope["type"] not in ("http", "websocket") or SCOPE_RECORD in scope:
            await self.app(scope, receive, send)
            return
        record = scope[SCOPE_RECORD] = Record(scope, self._observers)

        async def recorded_receive() -> Message:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                record.closed(message)
            return message

        async def recorded_send(message: Message) -> None:
            await send(record.sent(message))

        error: BaseException | None = None
        try:
            await self.app(scope, recorded_receive if scope["type"] == "websocket" else receive, recorded_send)
        except BaseException as raised:
            error = raised
            raise
        finally:
            record.end(error)


def name_span(scope: Scope, app: str, prefix: str) -> None:
    """Add the app and its prefix to the span that FastAPI creates for a request, if it is traced."""
    if (span := span_of(scope)) is not None:
        span.set_attribute("composer.app", app)
    select_route(scope, f"{prefix}/{{path}}")


def _id_of(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER and _SAFE_ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(16)


def _with_id(message: Message, request_id: str) -> Message:
    """Return the message with the ID in its headers, unless the app has sent its own."""
    headers = list(message.get("headers", ()))
    if any(name.lower() == _HEADER for name, _ in headers):
        return message
    return {**message, "headers": [*headers, (_HEADER, request_id.encode())]}


def _template(scope: Scope, root_path: str) -> str | None:
    """Return the template of the route that FastAPI or Starlette matched; None for other frameworks and no match.

    `root_path` is that of the app: what a Mount in the app has added to it comes before the route.
    """
    route = _route(scope)
    path: str | None = None if isinstance(route, Mount) else getattr(route, "path_format", None)
    mounted = scope.get("root_path", "")[len(root_path) :]
    if not mounted:
        return path
    own = getattr(route, "param_convertors", {})
    names = {str(value): f"{{{name}}}" for name, value in scope.get("path_params", {}).items() if name not in own}
    segments = mounted.split("/")
    # The value of a parameter must not be part of the template.
    if not names.keys() <= set(segments):
        return "/{path}"
    return "/".join(names.get(segment, segment) for segment in segments) + (path or "/{path}")


def _route(scope: Scope) -> Any:
    endpoint = scope.get("endpoint")
    if scope.get("route") is not None or endpoint is None:
        return included_route(scope)
    # FastAPI doesn't set a plain Starlette route, such as those of its own pages.
    routes: Iterable[Any] = getattr(scope.get("router"), "routes", ())
    return next((route for route in routes if getattr(route, "endpoint", None) is endpoint), None)
