"""Whether an object is an ASGI app, a WSGI app, or a factory of one."""

import inspect
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette


def is_asgi_app(thing: object) -> bool:
    """Return whether `thing` can be served: it is called with scope, receive and send, and returns an awaitable."""
    if isinstance(thing, Starlette):
        return True
    if inspect.isclass(thing):
        return hasattr(thing, "__await__") and _takes(thing, 3)
    call = _call_of(thing)
    return call is not None and _is_async(call) and _takes(call, 3)


def is_app_object(thing: object) -> bool:
    """Return whether `thing` is an object that can be served; a class or a function may be a factory as well."""
    return not (inspect.isclass(thing) or inspect.isroutine(thing)) and is_asgi_app(thing)


def looks_like_an_app(thing: object) -> str:
    """Return what `thing` is, by the names of its parameters, if it is probably an app rather than a factory, or ""."""
    try:
        names = list(inspect.signature(thing).parameters) if callable(thing) else []
    except (TypeError, ValueError):
        return ""
    return {("scope", "receive", "send"): "an ASGI app", ("environ", "start_response"): "a WSGI app"}.get(
        tuple(names), ""
    )


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
