"""The OpenAPI document of a guest, requested as a client would."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from urllib.parse import unquote

import anyio
import anyio.to_thread
from starlette.types import ASGIApp, Message, Scope

from composer._json import Json

# Where most frameworks serve the document: FastAPI's path, which others use as well, and Litestar's.
_USUAL_PATHS = ("/openapi.json", "/schema/openapi.json")

# Seconds until an app must have responded.
_TIMEOUT = 10.0


class DocumentError(Exception):
    """Raised where an app has no document; the message may be shown to anybody."""


class Guest:
    """Request the document of an app, and remember the last response.

    Args:
        path: The path of the document; None to try the usual ones.
        reach: Returns the app to send requests to, or None while it can't respond; the last response stays valid then.

    Attributes:
        last: The last document, the same object while it is unchanged; None if there is none.
        error: Why the last request failed for an app that must have a document, or None.
    """

    def __init__(self, path: str | None, reach: Callable[[], ASGIApp | None]) -> None:
        self._paths: Sequence[str] = (path,) if path else _USUAL_PATHS
        self._is_required = path is not None
        self._reach = reach
        self._was_asked = False
        self._response: tuple[bytes, bool] | None = None
        self.last: Json | None = None
        self.error: DocumentError | None = None

    def document(self) -> Json | None:
        """Return the last document, requested now if it never was; raise the DocumentError of the last request."""
        if not self._was_asked and not _in_event_loop():
            asyncio.run(self.ask())
        if self.error is not None:
            raise self.error
        return self.last

    async def ask(self) -> None:
        """Request the document; an app without one at any of the usual paths isn't asked again."""
        app = self._reach()
        if app is None or not self._paths:
            return
        self._was_asked = True
        for path in self._paths:
            try:
                await self._store(path, await _get(app, path))
                self._paths, self._is_required = (path,), True
                return
            except DocumentError as error:
                self.error = error
        if not self._is_required:
            self._paths, self.error = (), None

    async def _store(self, path: str, response: tuple[bytes, bool]) -> None:
        if response != self._response:
            # In a thread, because parsing a large document would block the event loop.
            self.last = await anyio.to_thread.run_sync(_parsed, path, *response)
            self._response = response
        self.error = None


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _get(app: ASGIApp, path: str) -> tuple[bytes, bool]:
    """Request a document; return its text, and whether that is YAML. Raise DocumentError if the app returns none."""
    messages: list[Message] = []
    ended = asyncio.Event()
    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        if (request := next(requests, None)) is not None:
            return request
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        messages.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            ended.set()

    try:
        with anyio.fail_after(_TIMEOUT):
            await app(_scope(path), receive, send)
    except Exception as error:
        raise DocumentError(f"GET {path} raised {type(error).__name__}") from error
    status = messages[0]["status"] if ended.is_set() else "nothing"
    if status != HTTPStatus.OK:
        raise DocumentError(f"GET {path} answered {status}")
    headers = {name.lower(): value for name, value in messages[0].get("headers", ())}
    text = b"".join(message.get("body", b"") for message in messages[1:])
    return text, b"yaml" in headers.get(b"content-type", b"")


def _scope(path: str) -> Scope:
    """Return the scope of a request. Source: the ASGI specification, HTTP connection scope."""
    raw_path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"accept", b"application/json, application/yaml")],
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
    }


def _parsed(path: str, text: bytes, yaml: bool) -> Json:
    from composer.openapi import parse_document

    try:
        document = parse_document(text, yaml=yaml)
    except (ValueError, RecursionError):
        document = {}
    if "openapi" not in document:
        raise DocumentError(f"GET {path} answered no OpenAPI document") from None
    return document
