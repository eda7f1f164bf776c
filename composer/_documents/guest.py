"""An app's OpenAPI document, asked for by a request as a client would."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import anyio
import anyio.to_thread

from composer._asgi import ASGIApp, Message, Scope
from composer._json import Json

# Where an app that isn't FastAPI's is asked for a document that nobody has named: FastAPI's own place, which most
# others have taken over, and Litestar's.
_USUAL_PLACES = ("/openapi.json", "/schema/openapi.json")


# Seconds within which an app has to answer.
_PATIENCE = 10.0


# Stands for a document of which nobody can say, without making it, which one it is; None says that there is none.
UNKNOWN = object()


class DocumentError(Exception):
    """Say why an app has no document, in words that may be shown to everybody."""


class Guest:
    """Ask an app for its document as a client would, and remember what it answered.

    `reach` returns what to ask, or None where the app can't be asked now; what it answered before counts then.
    """

    def __init__(self, path: str | None, reach: Callable[[], ASGIApp | None]) -> None:
        self._places: Sequence[str] = (path,) if path else _USUAL_PLACES
        self._expected = path is not None
        self._reach = reach
        self._asked = False
        self._answer: tuple[bytes, bool] | None = None
        self._document: Json | None = None
        self._failure: DocumentError | None = None

    def last(self) -> Json | None:
        """Return what was answered last, None for no document; raise DocumentError for none where one was named."""
        if not self._asked and not _in_event_loop():
            asyncio.run(self.ask())
        if self._failure is not None:
            raise self._failure
        return self._document

    def known(self) -> Any:
        """Tell what was answered last without asking; the same object as long as it's the same answer."""
        return UNKNOWN if self._failure else self._document

    async def ask(self) -> None:
        """Ask at the place that is known to answer, else at all; where no place ever answered, never again."""
        app = self._reach()
        if app is None or not self._places:
            return
        self._asked = True
        for path in self._places:
            try:
                await self._take_up(path, await _get(app, path))
                self._places, self._expected = (path,), True
                return
            except DocumentError as error:
                self._failure = error
        if not self._expected:
            self._places, self._failure = (), None

    async def _take_up(self, path: str, answer: tuple[bytes, bool]) -> None:
        if answer != self._answer:
            # A large one takes its time.
            self._document = await anyio.to_thread.run_sync(_parsed, path, *answer)
            self._answer = answer
        self._failure = None


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
        with anyio.fail_after(_PATIENCE):
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
    except ValueError:
        raise DocumentError(f"GET {path} answered no OpenAPI document") from None
    if "openapi" not in document:
        raise DocumentError(f"GET {path} answered no OpenAPI document")
    return document
