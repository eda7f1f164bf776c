"""Adapters for guests that read the path, or build their own URLs, differently from the ASGI specification."""

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from composer._compat.guests import forgets_prefix, wants_stripped_path
from composer._model import App
from composer._text import is_below

_STARTS = ("http.response.start", "websocket.http.response.start", "websocket.accept")
Headers = Iterable[tuple[bytes, bytes]]


def adapt_guest(app: ASGIApp, declared: App) -> ASGIApp:
    """Return an app with the adapters that are declared for it, or that its framework needs; else the app itself."""
    if isinstance(app, FastAPI):
        # Its own __call__ would replace the root path of a mounted app by this.
        app.root_path = ""
    path = declared.path or ("stripped" if wants_stripped_path(app) else "full")
    location = declared.location or ("rewrite" if forgets_prefix(app) else "keep")
    guest = with_stripped_path(app) if path == "stripped" else app
    return with_own_locations(guest) if location == "rewrite" else guest


def with_stripped_path(app: ASGIApp) -> ASGIApp:
    """Hand requests on with the path without the prefix, as servers did before the specification was clear."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        root_path = scope["root_path"]
        child = {**scope, "path": scope["path"].removeprefix(root_path) or "/"}
        if "raw_path" in scope:
            child["raw_path"] = _stripped(scope["raw_path"] or b"", quote(root_path).encode(), child["path"])
        await app(child, receive, send)

    return answer


def _stripped(raw: bytes, prefix: bytes, path: str) -> bytes:
    # A client may encode the prefix differently: %61 is an "a".
    return raw.removeprefix(prefix) or b"/" if raw.startswith(prefix) else quote(path).encode()


def with_own_locations(app: ASGIApp) -> ASGIApp:
    """Add the prefix to the redirects and cookies of an app that ignores it; URLs of other hosts stay."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        prefix = quote(scope["root_path"])
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")

        async def send_moved(message: Message) -> None:
            if message["type"] in _STARTS:
                message = {**message, "headers": _moved(message.get("headers", ()), prefix, host)}
            await send(message)

        await app(scope, receive, send_moved)

    return answer


def _moved(headers: Headers, prefix: str, host: str) -> list[tuple[bytes, bytes]]:
    moved = []
    for name, value in headers:
        text = value.decode("latin-1")
        if name.lower() in (b"location", b"content-location"):
            text = _moved_url(text, prefix, host)
        elif name.lower() == b"set-cookie":
            text = _moved_cookie(text, prefix)
        moved.append((name, text.encode("latin-1")))
    return moved


def _moved_url(url: str, prefix: str, host: str) -> str:
    """Return a URL with the prefix; one of another host, or relative to the page, stays."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    elsewhere = (parts.scheme not in ("", "http", "https")) or (parts.netloc and parts.netloc.lower() != host.lower())
    if elsewhere or not (parts.path.startswith("/") or parts.netloc):
        return url
    return parts._replace(path=_below(parts.path or "/", prefix)).geturl()


def _moved_cookie(cookie: str, prefix: str) -> str:
    """Return a cookie with its path below the prefix; one called __Host-… may only have the path `/`."""
    if cookie.lstrip().startswith("__Host-"):
        return cookie
    value, *attributes = cookie.split(";")
    for at, attribute in enumerate(attributes):
        name, _, path = attribute.partition("=")
        if name.strip().lower() == "path" and path.strip().startswith("/"):
            # Without the slash: with it, the cookie wouldn't be sent for the prefix itself.
            attributes[at] = f"{name}={_below(path.strip(), prefix) if path.strip() != '/' else prefix or '/'}"
    return ";".join([value, *attributes])


def _below(path: str, prefix: str) -> str:
    return path if is_below(path, prefix) else prefix + path
