"""The route of the OpenAPI document."""

import json
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain, repeat
from typing import Any, NamedTuple, TypeAlias

from anyio import Lock
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from composer._docs.content import Content
from composer._json import Json
from composer._text import json_bytes

# A server usually has one root path. The limit keeps clients that invent one per request from filling the memory.
_ROOT_PATHS = 8

# The depth down to which a document is split into pieces: one operation or component.
_DEPTH = 3

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class VersionedDocument(NamedTuple):
    """Represent a document, which must not be changed, and a version that is the same only for the same document."""

    version: int
    document: Json


GetDocument: TypeAlias = Callable[[], Awaitable[VersionedDocument]]


class DocumentRoute:
    """Serve a document, serialised once for each version and root path."""

    def __init__(self, root: FastAPI, document: GetDocument) -> None:
        self._root = root
        self._document = document
        self._version = 0
        self._contents: dict[str, Content] = {}
        self._writer = Writer()
        self._lock = Lock()

    async def __call__(self, request: Request) -> Response:
        """Return the response to one request."""
        path = str(request.scope.get("root_path", "")).rstrip("/") if self._root.root_path_in_servers else ""
        current = await self._document()
        content = self._cached(current, path) or await self._create(current, path)
        return content.response(request, "no-cache")

    def _cached(self, current: VersionedDocument, path: str) -> Content | None:
        return self._contents.get(path) if self._version == current.version else None

    async def _create(self, current: VersionedDocument, path: str) -> Content:
        async with self._lock:
            if (content := self._cached(current, path)) is not None:
                return content
            content = await run_in_threadpool(self._serialise, current.document, path)
            if self._version != current.version or len(self._contents) >= _ROOT_PATHS:
                self._version, self._contents = current.version, {}
            self._contents[path] = content
            return content

    def _serialise(self, document: Json, path: str) -> Content:
        return Content.of(json_bytes(self._writer.write(_with_server(document, path))), "application/json")


class Writer:
    """Serialise documents in turn, and reuse the text of operations and components that the last document had too.

    They are compared by identity, so they must not be changed. Use it in one thread at a time.
    """

    def __init__(self) -> None:
        # Holding the object keeps its id from being reused for another one.
        self._previous: dict[int, tuple[Json, str]] = {}
        self._current: dict[int, tuple[Json, str]] = {}

    def write(self, document: Json) -> str:
        """Return the document as JSON text."""
        text = "".join(self._pieces(document, _DEPTH))
        self._previous, self._current = self._current, {}
        return text

    def _pieces(self, value: Any, depth: int) -> Iterator[str]:
        """Yield the text of a document in pieces, so that other threads can run between them."""
        if not isinstance(value, dict):
            yield _encode(value)
        elif depth and value:
            for start, (key, inner) in zip(chain("{", repeat(",")), value.items(), strict=False):
                yield f"{start}{_encode(key)}:"
                yield from self._pieces(inner, depth - 1)
            yield "}"
        else:
            yield self._text_of(value)

    def _text_of(self, piece: Json) -> str:
        cached = self._previous.get(id(piece)) or (piece, _encode(piece))
        self._current[id(piece)] = cached
        return cached[1]


def _with_server(document: Json, path: str) -> Json:
    """Insert the root path before the document's servers, as FastAPI does."""
    servers = document.get("servers") or []
    if not path or any(isinstance(server, dict) and server.get("url") == path for server in servers):
        return document
    return {**document, "servers": [{"url": path}, *servers]}
