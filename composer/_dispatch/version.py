"""One version of an app: what answers its requests, the state of its lifespan, its threads, its requests under way."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from composer._compat.opentelemetry import observes_by_itself
from composer._compat.releases import fast_path_is_on
from composer._dispatch.threads import Pool
from composer._problem_json import unavailable

NO_LIFESPAN = unavailable(
    "The server ran no lifespan, so no app was started. Serve the composition with lifespans on; in a test, write "
    "`with TestClient(app) as client:`."
)


class Version:
    """One version of an app, which a slot serves until another one replaces it; no two share anything here.

    `app` is the app with composer's layers, `inner` the app without them. `answer` is what answers at the moment: the
    app, or something in its place. Whatever answers has the version's own threads. `requests` is the number of requests
    that it answers, `connections` are its WebSockets. `ended`, where it is waited for, is set at the end of each.
    """

    __slots__ = ("_inner", "answer", "app", "connections", "ended", "observes", "pool", "requests", "state")

    def __init__(self, app: ASGIApp, inner: ASGIApp | None = None) -> None:
        self.app = app
        self.answer: ASGIApp = NO_LIFESPAN
        self.state: dict[str, Any] = {}
        self.pool = Pool()
        self.requests = 0
        self.ended: asyncio.Event | None = None
        self.connections: dict[Connection, None] = {}
        self.observes = True
        self._inner = inner

    def open(self) -> None:
        """Let the app itself answer, once its lifespan is up."""
        self.answer = self.app
        self.observes = not fast_path_is_on() or observes_by_itself(self._inner)

    def close(self, answer: ASGIApp) -> None:
        """Let `answer` answer in place of the app."""
        self.answer = answer

    async def answer_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a WebSocket, which is closed where another version takes the place of this one."""
        connection = Connection(send)
        self.connections[connection] = None
        try:
            await self.answer(scope, receive, connection.send)
        finally:
            del self.connections[connection]

    async def drain(self, seconds: float, own: int = 0) -> bool:
        """Wait until it answers no requests but so many of the caller's own; return whether they ended in that time.

        WebSockets are closed with 1012 at once, so that their clients connect to the version that has taken its place.
        """
        self.ended = asyncio.Event()
        await asyncio.gather(*(connection.close() for connection in list(self.connections)), return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.requests > own:
                    self.ended.clear()
                    await self.ended.wait()
        return self.requests <= own


class Connection:
    """One WebSocket of a version, which is closed when another version takes its place."""

    __slots__ = ("_closed", "_send")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._closed = False

    def send(self, message: Message) -> Awaitable[None]:
        """Send a message of the app; raise OSError, as for a client that has disconnected, once it is closed."""
        if self._closed:
            raise OSError("the app was replaced")
        return self._send(message)

    async def close(self) -> None:
        """Close it with 1012, service restart; the server reports the disconnect to the app."""
        self._closed = True
        await self._send({"type": "websocket.close", "code": 1012, "reason": "The app was replaced."})
