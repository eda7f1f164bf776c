"""Requests without a socket, as a server makes them, and combined apps.

Doesn't import composer: it also runs in other frameworks' environments, without composer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Scope


@dataclass(frozen=True)
class Together:
    """Many apps behind one server: the root app, and each app by itself with its prefix, in the order of mounting.

    `knows_its_prefix` is whether an app that is called directly gets its prefix as a server's root path.
    """

    root: ASGIApp
    apps: Sequence[ASGIApp]
    prefixes: Sequence[str]
    knows_its_prefix: bool = True


def scope_of(path: str, root_path: str = "") -> Scope:
    """Return the scope of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": root_path + path,
        "raw_path": (root_path + path).encode(),
        "query_string": b"",
        "root_path": root_path,
        "headers": [(b"host", b"localhost"), (b"accept", b"*/*"), (b"user-agent", b"benchmark")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


async def receive() -> Message:
    """Return an empty body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Message) -> None:
    """Discard the response."""


async def status_of(app: ASGIApp, scope: Scope) -> int:
    """Return the status of one response."""
    sent: list[dict[str, Any]] = []

    async def tell(message: Message) -> None:
        sent.append(dict(message))

    await app(scope, receive, tell)
    return int(sent[0]["status"])
