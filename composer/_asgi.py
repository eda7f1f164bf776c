"""The types of ASGI, and checks whether an object is an app.

Source: the ASGI specification, https://asgi.readthedocs.io/en/latest/specs/main.html.
"""

import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.applications import Starlette

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def route_path(scope: Scope) -> str:
    """Return the part of a request's path that an app's routes match: without `root_path`, where that comes before it.

    Source: the ASGI specification, HTTP connection scope, `path` and `root_path`; Starlette's routes see the same path.
    """
    path: str = scope["path"]
    root_path = scope.get("root_path", "")
    if not root_path or not path.startswith(root_path):
        return path
    rest = path[len(root_path) :]
    return rest if not rest or rest[0] == "/" else path


def is_asgi_app(thing: object) -> bool:
    """Return whether `thing` can be served: something async that is called with scope, receive and send."""
    if isinstance(thing, Starlette):
        return True
    call = _call_of(thing)
    return call is not None and _is_async(call) and _takes(call, 3)


def is_app_not_factory(thing: object) -> bool:
    """Return whether `thing` is an ASGI app itself rather than a function that returns one.

    A bare async function is taken for an app only where its parameters are called as the specification calls them:
    any other one is an async factory, which is reported as a mistake.
    """
    if inspect.isfunction(thing):
        return is_asgi_app(thing) and list(inspect.signature(thing).parameters) == [
            "scope",
            "receive",
            "send",
        ]
    return is_asgi_app(thing)


def is_wsgi_app(thing: object) -> bool:
    """Return whether `thing` looks like a WSGI app: not async, and called with environ and start_response."""
    call = _call_of(thing)
    return call is not None and not _is_async(call) and _takes(call, 2) and not _takes(call, 1)


def _call_of(thing: object) -> Callable[..., Any] | None:
    if inspect.isclass(thing) or not callable(thing):
        return None
    if inspect.isroutine(thing):
        return thing
    call: Callable[..., Any] = thing.__call__
    return call


def _is_async(call: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(inspect.unwrap(call))


def _takes(call: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(call).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True
