"""What one app may take: requests at once, time until its response starts, bytes of a request's body.

Beyond a limit composer answers in the app's place, as `application/problem+json`, and the app is cancelled. The limits
stand around an app only where they are set.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, NamedTuple

from anyio import CancelScope
from anyio.lowlevel import checkpoint

from composer._asgi import ASGIApp, Message, Receive, Scope, Send
from composer._compat.starlette import body_limit_keys
from composer._problem_json import problem_json, unavailable
from composer._scope import SCOPE_INTERNAL

# Seconds that a client which is still sending gets to see that its body is refused, before the connection is closed.
# One that is closed at once, with bytes on their way, is reset, and the client may never see the answer.
LINGER: Final = 2.0

# Digits of a Content-Length that is believed: with more of them, the body is counted. Python reads no endless number.
_DIGITS: Final = 18

BUSY: Final = unavailable("The app has reached its limit of concurrent requests.")


class Limits(NamedTuple):
    """Say what one app may take: requests and WebSockets at once, seconds, and bytes; None where there is no limit."""

    max_concurrency: int | None = None
    request_timeout: float | None = None
    max_body_size: int | None = None


def limited(app: ASGIApp, limits: Limits) -> ASGIApp:
    """Keep an app within its limits; return the app itself where it has none.

    Beyond `max_concurrency` a request or a WebSocket is answered by 503 with Retry-After; one that is served counts
    until the app is really done with it, and composer's own requests don't count. A response that hasn't started after
    `request_timeout` becomes 504. When the app asks for a body that is declared larger than `max_body_size`, or as soon
    as more has come, it becomes 413; where the response has started by then, the app sees a disconnect. A
    `max_body_size` that the app itself or one of its routes has, as FastAPI and Starlette let them, counts instead.
    """
    watched = _RequestLimits(app, limits) if limits != Limits(limits.max_concurrency) else app
    return _ConcurrencyLimit(watched, limits.max_concurrency) if limits.max_concurrency is not None else watched


class _ConcurrencyLimit:
    """An app that serves no more than so many requests at once, and how many it has at the moment."""

    __slots__ = ("_app", "_busy", "_max")

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._max = most
        self._busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if SCOPE_INTERNAL in scope:
            await self._app(scope, receive, send)
            return
        if self._busy == self._max:
            await BUSY(scope, receive, send)
            return
        self._busy += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._busy -= 1


class _RequestLimits:
    """An app whose requests are watched where they can come to a limit."""

    __slots__ = ("_app", "_limits")

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Return the app's own coroutine as a rule: nearly every app has this limit, and few requests come near it."""
        if scope["type"] == "http" and self._is_to_watch(scope):
            return _WatchedRequest(self._limits, scope, receive, send).serve(self._app)
        return self._app(scope, receive, send)

    def _is_to_watch(self, scope: Scope) -> bool:
        limit = self._limits.max_body_size
        if self._limits.request_timeout is not None or limit is None:
            return self._limits.request_timeout is not None
        size = _declared_size(scope)
        return size is None or size > limit


class _WatchedRequest:
    """One HTTP request under way: at most once, and before the app's response has started, it is refused.

    A limit that the app itself has counts instead: Starlette's own middleware writes it into the scope, and, where it
    finds what counts the bytes, into its `max_body_size`, which reaches here through a copy of the scope too.
    """

    def __init__(self, limits: Limits, scope: Scope, receive: Receive, send: Send) -> None:
        self.max_body_size: float = math.inf if limits.max_body_size is None else limits.max_body_size
        self._own_limit = self.max_body_size
        self.total_size = 0
        self._seconds = limits.request_timeout
        self._declared = _declared_size(scope) or 0
        self._scope = scope
        self._from_client = receive
        self._to_client = send
        self._cancel = CancelScope()
        self._started = self._refused = False
        self._more_to_come = True
        self._telling: asyncio.Task[None] | None = None

    async def serve(self, app: ASGIApp) -> None:
        """Let the app answer, in this very task; return when it has ended, also where it was refused before.

        So a thread that can't be ended keeps its place, and a server that stops waits for it as for any other.
        """
        timer = self._seconds and asyncio.get_running_loop().call_later(self._seconds, self._expire)
        if self.max_body_size < math.inf:
            keys = body_limit_keys()
            if keys.limit:
                self._scope[keys.limit] = self._own_limit
            if keys.counter:
                self._scope[keys.counter] = self
        try:
            with self._cancel:
                await app(self._scope, self._receive, self._send)
        finally:
            if timer:
                timer.cancel()
            if self._telling is not None:
                await self._telling

    def _refuse(self, tell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel the app, and tell the client in its place, unless the client has been told something already."""
        if self._started or self._refused:
            return
        self._refused = True
        self._cancel.cancel()
        # The app's own task can't send it: it is cancelled, and a thread may hold it for as long as it likes.
        self._telling = asyncio.create_task(tell(), name="telling that a limit was passed")

    def _expire(self) -> None:
        self._refuse(self._tell_late)

    async def _tell_late(self) -> None:
        detail = f"The app did not answer within {self._seconds:g} seconds."
        await problem_json(504, "Gateway Timeout", detail)(self._scope, self._from_client, self._to_client)

    async def _tell_too_large(self) -> None:
        """Send the whole answer, but end it only when the client has seen it: the server closes the connection then."""
        # RFC 9110 names it so; the standard library of older Pythons has its old name.
        detail = f"The request body exceeds the limit of {self._limit()} bytes."
        answer = problem_json(413, "Content Too Large", detail)
        headers = list(answer.raw_headers)
        if _is_http_1(self._scope):
            headers.append((b"connection", b"close"))
        await self._to_client({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        await self._to_client({"type": "http.response.body", "body": answer.body, "more_body": True})
        if self._more_to_come:
            await _linger(self._from_client)
        await self._to_client({"type": "http.response.body", "body": b"", "more_body": False})

    async def _receive(self) -> Message:
        if max(self._declared, self.total_size) <= self._limit():
            message = await self._from_client()
            self._more_to_come = message.get("more_body", False)
            self.total_size += len(message.get("body", b""))
            if self.total_size <= self._limit():
                return message
        self._refuse(self._tell_too_large)
        await checkpoint()
        return {"type": "http.disconnect"}

    def _limit(self) -> float:
        """Return the limit that counts now: the app's own where it has one."""
        in_scope: float | None = self._scope.get(body_limit_keys().limit)
        if in_scope is not None and in_scope != self._own_limit:
            return in_scope
        return self.max_body_size

    async def _send(self, message: Message) -> None:
        if self._refused:
            # The app may be in a loop that awaits nothing else.
            await checkpoint()
            return
        self._started = self._started or message["type"] == "http.response.start"
        await self._to_client(message)


def _declared_size(scope: Scope) -> int | None:
    """Return how long the body is by what the headers say, which is what the server goes by; None where they don't.

    Source: RFC 9112, 6.3. What comes by a later protocol than HTTP/1 needs no header to have a body.
    """
    size = 0 if _is_http_1(scope) else None
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            size = int(value) if value.isdigit() and len(value) <= _DIGITS else None
    return size


def _is_http_1(scope: Scope) -> bool:
    version: str = scope.get("http_version", "1.1")
    return version.startswith("1")


async def _linger(receive: Receive) -> None:
    """Throw away what the client still sends, for a short time."""
    try:
        async with asyncio.timeout(LINGER):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass
