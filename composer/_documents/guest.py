"""The OpenAPI document of a guest, requested as a client would."""

import asyncio
from collections.abc import Callable, Sequence

import anyio
import anyio.to_thread

from composer._asgi import ASGIApp
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
    """Return the body of a response and whether it is YAML; raise DocumentError if the app responds with an error."""
    import httpx

    try:
        with anyio.fail_after(_TIMEOUT):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
                response = await client.get(path, headers={"accept": "application/json, application/yaml"})
    except Exception as error:
        raise DocumentError(f"GET {path} raised {type(error).__name__}") from error
    if response.status_code != httpx.codes.OK:
        raise DocumentError(f"GET {path} answered {response.status_code}")
    return response.content, "yaml" in response.headers.get("content-type", "")


def _parsed(path: str, text: bytes, yaml: bool) -> Json:
    from composer.openapi import parse_document

    try:
        document = parse_document(text, yaml=yaml)
    except ValueError:
        document = {}
    if "openapi" not in document:
        raise DocumentError(f"GET {path} answered no OpenAPI document") from None
    return document
