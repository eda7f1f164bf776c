"""One request of a server, as the benchmarks make it that call an app without a socket."""

from composer._asgi import Message, Scope


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
