"""The limits of one app: concurrent requests, seconds until its response starts, bytes of a request's body.

composer answers in the app's place, as `application/problem+json`: 503 without calling the app, or, if no response has
started yet, 504 or 413, and the app is cancelled.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, NamedTuple

from anyio import CancelScope
from anyio.lowlevel import checkpoint
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from composer._compat.starlette import body_limit_keys
from composer._problem_json import problem_json, unavailable
from composer._scope import SCOPE_INTERNAL

# Seconds for which a refused body is still read, before the connection is closed. A connection that is closed at once,
# with bytes on their way, is reset, and the client may never see the answer.
LINGER: Final = 2.0

# Digits of a Content-Length that is read; a longer one is ignored, and the body is counted.
_DIGITS: Final = 18

BUSY: Final = unavailable("The app has reached its limit of concurrent requests.")


class Limits(NamedTuple):
    """The limits of one app: requests and WebSockets at once, seconds, and bytes; None for no limit."""

    max_concurrency: int | None = None
    request_timeout: float | None = None
    max_body_size: int | None = None


def limited(app: ASGIApp, limits: Limits) -> ASGIApp:
    """Return an app within its limits; the app itself where it has none.

    Beyond `max_concurrency` a request or a WebSocket is answered by 503 with Retry-After; a request counts until the
    app has really ended it, and composer's own requests don't count. A response that hasn't started after
    `request_timeout` becomes 504. When the app reads a body whose declared size exceeds `max_body_size`, or as soon as
    more has been received, the answer becomes 413; where the response has started by then, the app sees a disconnect.
    A `max_body_size` of the app itself or of one of its routes, as in FastAPI and Starlette, takes precedence.
    """
    watched = _with_request_limits(app, limits) if limits != Limits(limits.max_concurrency) else app
    return watched if limits.max_concurrency is None else _with_concurrency_limit(watched, limits.max_concurrency)


def _with_concurrency_limit(app: ASGIApp, limit: int) -> ASGIApp:
    busy = 0

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal busy
        if SCOPE_INTERNAL in scope:
            await app(scope, receive, send)
        elif busy == limit:
            await BUSY(scope, receive, send)
        else:
            busy += 1
            try:
                await app(scope, receive, send)
            finally:
                busy -= 1

    return answer


def _with_request_limits(app: ASGIApp, limits: Limits) -> ASGIApp:
    def answer(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # The app's own coroutine for nearly every request: few come near a limit.
        if scope["type"] == "http" and (limits.request_timeout is not None or _may_exceed(limits.max_body_size, scope)):
            return _WatchedRequest(limits, scope, receive, send).serve(app)
        return app(scope, receive, send)

    return answer


def _may_exceed(limit: int | None, scope: Scope) -> bool:
    size = _declared_size(scope)
    return limit is not None and (size is None or size > limit)


class _WatchedRequest:
    """One HTTP request under way, which is refused at most once, and only before the app's response has started.

    A limit of the app itself takes precedence: Starlette's own middleware sets the `max_body_size` of what counts the
    bytes, which is this object.
    """

    def __init__(self, limits: Limits, scope: Scope, receive: Receive, send: Send) -> None:
        self.max_body_size: float = math.inf if limits.max_body_size is None else limits.max_body_size
        self.total_size = 0
        self._seconds = limits.request_timeout
        self._declared = _declared_size(scope) or 0
        self._scope = scope
        self._from_client = receive
        self._to_client = send
        self._cancel = CancelScope()
        self._started = False
        self._more_to_come = True
        self._refusal: asyncio.Task[None] | None = None

    async def serve(self, app: ASGIApp) -> None:
        """Let the app answer, in this very task; return when it has ended, even where the request was refused before.

        So a thread that can't be ended still counts, and a server that stops waits for it as for any other.
        """
        loop = asyncio.get_running_loop()
        timer = self._seconds and loop.call_later(self._seconds, self._refuse, self._send_timeout)
        if self.max_body_size < math.inf and (keys := body_limit_keys()):
            self._scope.update(zip(keys, (self.max_body_size, self), strict=True))
        try:
            with self._cancel:
                await app(self._scope, self._receive, self._send)
        finally:
            if timer:
                timer.cancel()
            if self._refusal is not None:
                await self._refusal

    def _refuse(self, send_answer: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel the app and answer in its place, unless an answer has started."""
        if not self._started and self._refusal is None:
            self._cancel.cancel()
            # The app's own task can't send it: it is cancelled, and may wait for a thread.
            self._refusal = asyncio.create_task(send_answer(), name="answer beyond a limit")

    async def _send_timeout(self) -> None:
        detail = f"The app did not answer within {self._seconds:g} seconds."
        await problem_json(504, "Gateway Timeout", detail)(self._scope, self._from_client, self._to_client)

    async def _send_too_large(self) -> None:
        """Send the whole answer, but end it only after lingering: the server closes the connection then."""
        # The title of RFC 9110; the standard library of older Pythons has its old name.
        detail = f"The request body exceeds the limit of {self.max_body_size} bytes."
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
        if max(self._declared, self.total_size) <= self.max_body_size:
            message = await self._from_client()
            self._more_to_come = message.get("more_body", False)
            self.total_size += len(message.get("body", b""))
            if self.total_size <= self.max_body_size:
                return message
        self._refuse(self._send_too_large)
        await checkpoint()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._refusal is not None:
            # The app may be in a loop that awaits nothing else.
            await checkpoint()
            return
        self._started = self._started or message["type"] == "http.response.start"
        await self._to_client(message)


def _declared_size(scope: Scope) -> int | None:
    """Return the size of the body by the headers, which the server enforces; None where they don't declare it.

    Source: RFC 9112, 6.3. Requests of later protocols than HTTP/1 may have a body without any header.
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
    """Discard what the client still sends, for a short time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while (await receive()).get("more_body", False):
                pass
