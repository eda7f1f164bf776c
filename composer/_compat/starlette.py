"""Undocumented facts about Starlette."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from functools import cache, partial
from operator import attrgetter
from typing import Any, Final, TypeVar

from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Router
from starlette.types import ASGIApp, Receive, Scope, Send

try:
    # Starlette 1.10, middleware/errors.py.
    from starlette.middleware.errors import ServerErrorMiddleware as ServerErrorMiddleware
except ImportError:

    class ServerErrorMiddleware:  # type: ignore[no-redef]
        """No layer is of this class, so the fast path isn't taken."""


log = logging.getLogger("composer")

App = TypeVar("App", bound=ASGIApp)
Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]

# Starlette 1.10, middleware/exceptions.py: the handlers of the app around the routes.
EXCEPTION_HANDLERS = "starlette.exception_handlers"

# Starlette 1.10, routing.py, Router and Mount: the keys that matching a route leaves in the scope.
ROUTING_KEYS = frozenset(["router", "app_root_path", "endpoint", "route", "path_params", EXCEPTION_HANDLERS]) | (
    Mount("/a", routes=[]).matches({"type": "http", "path": "/a/b", "root_path": ""})[1].keys() - {"root_path", "path"}
)

# Bytes; a number that no other value of a scope has.
_PROBED: Final = 12_345


def wrap_router(router: Router, wrap: Callable[[ASGIApp], App]) -> App:
    """Replace what answers in a router's place by `wrap(what answered before)`, and return it."""
    # An app calls its router as any ASGI app; this relies on nothing else. The router remains the same object.
    kind = type(router)
    wrapped = wrap(partial(kind.__call__, router))

    async def call(self: Router, scope: Scope, receive: Receive, send: Send) -> None:
        await wrapped(scope, receive, send)

    router.__class__ = type(kind.__name__, (kind,), {"__call__": call, "__module__": kind.__module__})
    return wrapped


def wrap_not_found(router: Router, wrap: Callable[[ASGIApp], ASGIApp]) -> None:
    """Replace what answers where no route of a router matches by `wrap(what answered before)`."""
    # Starlette 1.10, routing.py, Router.__init__. Without it: the last route, so that routes added later are hidden.
    if hasattr(router, "default"):
        router.default = wrap(router.default)
    else:
        router.routes.append(Mount("", wrap(_not_found)))


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("Not Found", 404)(scope, receive, send)


def wrap_layers(app: Starlette, wrap: Callable[[ASGIApp], ASGIApp]) -> None:
    """Put `wrap(all layers)` in place of the layers of an app when these are built."""
    # Starlette 1.10, applications.py, Starlette.__call__. Without it: a middleware inside of what answers 500.
    build = getattr(app, "build_middleware_stack", None)
    if build is None:
        app.add_middleware(wrap)
    else:
        app.build_middleware_stack = lambda: wrap(build())  # type: ignore[method-assign]


def lifespan_of(router: Router) -> Any:
    """Return the lifespan of a router; None where unknown."""
    # Starlette 1.10, routing.py, Router.__init__.
    return getattr(router, "lifespan_context", None)


def wrap_lifespan(app: FastAPI, lifespan: Callable[[Lifespan, Any], Any]) -> None:
    """Replace the lifespan of an app by one that gets the app's own lifespan as its first argument, and enters it."""
    own = lifespan_of(app.router)
    if own is not None:
        app.router.lifespan_context = partial(lifespan, own)
    else:
        # FastAPI enters the app's own one before those of its routers.
        app.include_router(APIRouter(lifespan=partial(lifespan, lambda app: nullcontext())))


def startup_handlers(router: Router) -> list[Any]:
    """Return the startup and shutdown handlers of a router."""
    # FastAPI 0.165, routing.py, APIRouter.__init__; Starlette 1.0 has removed them.
    return [*getattr(router, "on_startup", ()), *getattr(router, "on_shutdown", ())]


# Starlette 1.10, applications.py, Starlette.__call__; only for an app whose `__call__` is known to use it.
layers_of_app = attrgetter("middleware_stack")


def middleware_of(app: Starlette) -> Sequence[Middleware]:
    """Return the middleware that was added to an app; empty where unknown."""
    # Starlette 1.10, applications.py, Starlette.__init__.
    return getattr(app, "user_middleware", ())


@cache
def body_limit_keys() -> tuple[str, str] | None:
    """Return the scope keys of the body limit in force, and of what counts the bytes; None where unknown.

    Starlette 1.10, middleware/body_limit.py: the outermost middleware puts itself into the scope as the counter, and
    each inner one reads the counter's `total_size` and sets its `max_body_size`. The keys are read from what the
    middleware does to a scope, whatever their names, and only returned if it uses another object as its counter.
    """
    with suppress(Exception):
        left = _left_in_scope({}, _PROBED)
        limit = next(key for key, value in left.items() if type(value) is int and value == _PROBED)
        counter = next(key for key in left if key != limit and _is_counter(limit, key))
        return limit, counter
    log.warning("unsupported release of Starlette: apps of Starlette and FastAPI may exceed max_body_size")
    return None


class _Counter:
    """An object with the attributes of Starlette's own counter."""

    max_body_size = 0
    total_size = 0


def _is_counter(limit: str, counter: str) -> bool:
    """Return whether the middleware uses an object under that key as its counter."""
    ours = _Counter()
    with suppress(Exception):
        left = _left_in_scope({limit: ours.max_body_size, counter: ours}, _PROBED)
        return left[counter] is ours and ours.max_body_size == _PROBED and left["receive"] is _receive
    return False


def _left_in_scope(extra: dict[str, Any], limit: int) -> dict[str, Any]:
    """Return what an app behind a body limit has in its scope besides the request, and its `receive`."""
    from starlette.middleware.body_limit import RequestBodyLimitMiddleware

    request: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": []}
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)
        if extra:
            seen["receive"] = receive

    _run(RequestBodyLimitMiddleware(app, max_body_size=limit)({**request, **extra}, _receive, _receive))
    return {key: value for key, value in seen.items() if key not in request}


async def _receive(*_: Any) -> Any:
    """Do nothing, as both ends of an unused connection."""


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never has to wait, without an event loop; raise RuntimeError if it waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("the coroutine waits")
