"""The Content-Security-Policy of the pages: only their own server, and the servers that the document names."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

# `data:` and `blob:` are for what the viewers create: images and audio of responses, ReDoc's search worker.
_FIXED_RULES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "worker-src": "blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
}

_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d+)?(?=[/?#]|$)", re.IGNORECASE)
_URLS = ("tokenUrl", "refreshUrl")


def policy(origins: Sequence[str] = (), nonce: str = "") -> str:
    """Return the value of a `Content-Security-Policy` header: no inline script, no `eval`, no script of another host.

    `origins` are those, besides the page's own, that its scripts may send requests to; `nonce` allows the styles that
    ReDoc creates. Source: https://www.w3.org/TR/CSP3/.
    """
    rules = {
        **_FIXED_RULES,
        "style-src": f"'self' 'nonce-{nonce}'" if nonce else "'self'",
        "connect-src": " ".join(["'self'", *origins]),
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def document_origins(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the origins, besides its own, that the page may send requests to: servers, and OAuth token URLs.

    A host with variables allows any host with its scheme.
    """
    origins = (_origin(url) for url in _urls(document))
    return tuple(sorted({origin for origin in origins if origin}))


def _origin(url: str) -> str:
    if match := _ORIGIN.match(url):
        return match[0].lower()
    scheme, _, rest = url.partition("://")
    if "{" not in rest.split("/")[0] + scheme:
        return ""
    return f"{scheme.lower()}:" if scheme.lower() in ("http", "https") else "https:"


def _urls(document: Mapping[str, Any]) -> Iterator[str]:
    servers = list(_servers(document))
    yield from servers
    for item in _values(document.get("paths")):
        yield from _servers(item)
        for operation in _values(item):
            yield from _servers(operation)
    for scheme in _values(_mapping(document.get("components")).get("securitySchemes")):
        flows = list(_values(scheme.get("flows")))
        urls = [scheme.get("openIdConnectUrl"), *(flow.get(name) for flow in flows for name in _URLS)]
        # A relative URL is relative to a server.
        yield from (urljoin(server, url) for url in urls if isinstance(url, str) for server in ["", *servers])


def _servers(value: Mapping[str, Any]) -> Iterator[str]:
    servers = value.get("servers")
    for server in servers if isinstance(servers, list) else ():
        if isinstance(url := _mapping(server).get("url"), str):
            yield url


def _values(value: Any) -> Iterable[Mapping[str, Any]]:
    return (each for each in _mapping(value).values() if isinstance(each, dict))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
