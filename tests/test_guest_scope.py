"""A mounted app gets the scope that a server started with `--root-path /prefix` would hand to it, key by key."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.serving import Server, serving

# Answers with what the scope holds; the scope of its lifespan is told by its state.
ECHO = """
import json


def told(value):
    if isinstance(value, bytes):
        return "bytes:" + value.decode("latin-1")
    if isinstance(value, dict):
        return {str(key): told(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [told(inner) for inner in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__


async def app(scope, receive, send):
    body = json.dumps(told(scope))
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["lifespan"] = body
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": body})
        await send({"type": "websocket.close"})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body.encode()})
"""
FILES = {
    "echo.py": ECHO,
    "asgi.py": "import composer\n\napp = composer.build()\n",
    "settings.toml": "[composer]\nrequest_log = false\n\n[apps.guest]\napp = 'echo:app'\nprefix = '/v1/guest'\n",
}
PREFIX = "/v1/guest"
# The address that each server listens at differs, and the client's port; in "host" it is both.
OF_THE_CONNECTION = ("server", "client")

TLS_LIKE = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.9",
    "X-SSL-Client-Cert": base64.b64encode(b"certificate").decode(),
}
REQUESTS: dict[str, tuple[str, Mapping[str, str]]] = {
    "plain": ("/items/7", {}),
    "nothing more than a slash": ("/", {}),
    "a query string": ("/items?q=1&q=2&empty=&plus=a+b%20c", {}),
    "an encoded path": ("/caf%C3%A9/a%20b/%3Fquery%23part/%25", {}),
    "an encoded slash": ("/a%2Fb/c", {}),
    "slashes that are doubled, and dots": ("//a//b/../c/./", {}),
    "headers like those of a proxy that ends TLS": ("/items", TLS_LIKE),
    "repeated headers": ("/items", {"Accept": "a, b", "Cookie": "a=1; b=2"}),
}


@pytest.fixture(scope="module", params=["", "/outer"], ids=["served at the root", "behind a proxy's root path"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Serve the guest alone with a root path, and mounted in a composition with the rest of that root path."""
    folder: Path = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    outer = request.param
    with ExitStack() as stack:
        alone = ["uvicorn", "echo:app", "--port", "{port}", "--root-path", outer + PREFIX]
        composed = ["uvicorn", "asgi:app", "--port", "{port}", *(["--root-path", outer] if outer else [])]
        servers = [
            stack.enter_context(serving(arguments, folder, folder / f"log{number}"))
            for number, arguments in enumerate((alone, composed))
        ]
        servers[1].wait_until_ready()
        while True:
            try:
                httpx.get(servers[0].url)
                break
            except httpx.TransportError:
                assert servers[0].process.poll() is None, servers[0].output
        yield servers[0], servers[1]


def comparable(scope: dict[str, Any], server: Server) -> dict[str, Any]:
    """Return a scope without what one connection differs in from another, and without what is composer's own."""
    text = json.dumps({key: value for key, value in scope.items() if key not in OF_THE_CONNECTION})
    kept: dict[str, Any] = json.loads(text.replace(f"127.0.0.1:{server.port}", "HOST"))
    return {key: value for key, value in kept.items() if not key.startswith("composer.")}


def raw_get(server: Server, target: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Ask with the very target that is given: httpx would tidy it up."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("GET", target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 200
    scope: dict[str, Any] = json.loads(answer.read())
    connection.close()
    return comparable(scope, server)


@pytest.mark.parametrize("name", REQUESTS)
def test_the_scope_of_a_request_is_the_same(both: tuple[Server, Server], name: str) -> None:
    target, headers = REQUESTS[name]
    alone, composed = both
    assert raw_get(composed, PREFIX + target, headers) == raw_get(alone, target, headers)


@pytest.mark.parametrize("name", REQUESTS)
def test_the_scope_of_a_websocket_is_the_same(both: tuple[Server, Server], name: str) -> None:
    target, headers = REQUESTS[name]
    scopes = []
    for server, prefix in zip(both, ("", PREFIX), strict=True):
        address = f"ws://127.0.0.1:{server.port}{prefix}{target}"
        more = {key: value for key, value in headers.items() if key != "Accept"}
        with connect(address, additional_headers=more, subprotocols=["chat", "superchat"]) as socket:  # type: ignore[list-item]
            scope = comparable(json.loads(socket.recv()), server)
        # Each connection has a key of its own.
        scope["headers"] = [header for header in scope["headers"] if header[0] != "bytes:sec-websocket-key"]
        scopes.append(scope)
    assert scopes[0] == scopes[1]
    assert scopes[0]["subprotocols"] == ["chat", "superchat"]
    assert "websocket.http.response" in scopes[0]["extensions"]


def test_the_scope_of_the_lifespan_is_the_same(both: tuple[Server, Server]) -> None:
    alone, composed = (raw_get(server, f"{prefix}/", {}) for server, prefix in zip(both, ("", PREFIX), strict=True))
    assert json.loads(composed["state"]["lifespan"]) == json.loads(alone["state"]["lifespan"])
    assert composed["state"].keys() == alone["state"].keys() == {"lifespan"}
