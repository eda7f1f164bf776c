"""One request of a server, as the benchmarks make it that call an app without a socket, and apps that are put together.

Imports nothing of composer's: it also runs beside frameworks in environments that have none of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Scope


@dataclass(frozen=True)
class Together:
    """Many apps behind one server: what is asked, and each app by itself with its prefix, in the order of mounting.

    `knows_its_prefix` says whether an app that is called directly gets its prefix as a server's root path.
    """

    root: ASGIApp
    apps: Sequence[ASGIApp]
    prefixes: Sequence[str]
    knows_its_prefix: bool = True


def scope_of(path: str, root_path: str = "") -> Scope:
    """Return what a server says of one request."""
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
    """Take no note of what is answered."""


async def status_of(app: ASGIApp, scope: Scope) -> int:
    """Return the status of one answer."""
    told: list[dict[str, Any]] = []

    async def tell(message: Message) -> None:
        told.append(dict(message))

    await app(scope, receive, tell)
    return int(told[0]["status"])
