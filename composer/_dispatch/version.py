"""One version of an app: what answers its requests, the state of its lifespan, its threads, its requests under way."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Final

from starlette.types import ASGIApp, Message, Send

from composer._compat.opentelemetry import observes_by_itself
from composer._compat.releases import fast_path_is_on
from composer._dispatch.threads import Pool
from composer._problem_json import unavailable

log = logging.getLogger("composer")

# Seconds between two looks at the requests of a version that drains.
_INTERVAL: Final = 0.05

NO_LIFESPAN = unavailable(
    "The server ran no lifespan, so no app was started. Serve the composition with lifespans on; in a test, write "
    "`with TestClient(app) as client:`."
)


class Version:
    """One version of an app, which a slot serves until another one replaces it; no two share anything here.

    `app` is the app with composer's layers, `inner` the app without them. `answer` is what answers at the moment: the
    app, or something in its place. Whatever answers has the version's own threads. `requests` holds the tasks of the
    requests that it answers, by the identity of their scopes, `connections` its WebSockets.
    """

    __slots__ = ("_inner", "answer", "app", "connections", "observes", "pool", "requests", "state")

    def __init__(self, app: ASGIApp, inner: ASGIApp | None = None) -> None:
        self.app = app
        self.answer: ASGIApp = NO_LIFESPAN
        self.state: dict[str, Any] = {}
        self.pool = Pool()
        self.requests: dict[int, asyncio.Task[Any]] = {}
        self.connections: set[Connection] = set()
        self.observes = True
        self._inner = inner

    def open(self) -> None:
        """Let the app itself answer, once its lifespan is up."""
        self.answer = self.app
        self.observes = not fast_path_is_on() or observes_by_itself(self._inner)

    def close(self, answer: ASGIApp) -> None:
        """Let `answer` answer in place of the app."""
        self.answer = answer

    async def drain(self, seconds: float, caller: asyncio.Task[Any] | None = None) -> None:
        """Wait until the requests that it still answers have ended, except the caller's, for at most that many seconds.

        WebSockets are closed with 1012 at once, so that their clients connect to the version that has taken its place.
        The requests that are left at the end are cancelled.
        """
        await asyncio.gather(*(connection.close() for connection in list(self.connections)), return_exceptions=True)
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while (pending := {task for task in self.requests.values() if task is not caller}) and clock() < end:
            await asyncio.wait(pending, timeout=_INTERVAL)
        if pending:
            log.warning(
                "%d requests did not end within %g seconds of the replacement: cancelled", len(pending), seconds
            )
        for task in pending:
            task.cancel()


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
