"""What composer knows of Starlette's insides."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from functools import cache, partial
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Router

from composer._asgi import ASGIApp, Receive, Scope, Send

log = logging.getLogger("composer")

App = TypeVar("App", bound=ASGIApp)
Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]

# Starlette 1.10, middleware/exceptions.py: where the scope has the handlers of the app that wraps the routes.
EXCEPTION_HANDLERS = "starlette.exception_handlers"

# Starlette 1.10, routing.py, Router and Mount: what matching a route leaves in the scope. A Mount is asked for its own.
ROUTING_KEYS = frozenset(["router", "app_root_path", "endpoint", "route", "path_params", EXCEPTION_HANDLERS]) | (
    Mount("/a", routes=[]).matches({"type": "http", "path": "/a/b", "root_path": ""})[1].keys() - {"root_path", "path"}
)

# Bytes; any number that nothing else in a scope has.
_PROBED: Final = 12_345
_CONSEQUENCES: Final = (
    "the default max_body_size isn't enforced for apps of Starlette and FastAPI, which may have a limit of their own",
    "what goes beyond an app's own limit is answered by the app itself",
)


def wrap_router(router: Router, wrap: Callable[[ASGIApp], App]) -> App:
    """Let something else answer in a router's place, which is given the router's own answer; return that something."""
    # An app calls its router as any ASGI app, which is all that this relies on. The router stays the same object.
    kind = type(router)
    wrapped = wrap(partial(kind.__call__, router))

    async def call(self: Router, scope: Scope, receive: Receive, send: Send) -> None:
        await wrapped(scope, receive, send)

    router.__class__ = type(kind.__name__, (kind,), {"__call__": call, "__module__": kind.__module__})
    return wrapped


def wrap_not_found(router: Router, wrap: Callable[[ASGIApp], ASGIApp]) -> None:
    """Let something else answer where no route of a router matches, which is given what has answered so far."""
    # Starlette 1.10, routing.py, Router.__init__. Without it: the last route, so that routes added later are hidden.
    if hasattr(router, "default"):
        router.default = wrap(router.default)
    else:
        router.routes.append(Mount("", wrap(_not_found)))


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("Not Found", 404)(scope, receive, send)


def wrap_layers(app: Starlette, wrap: Callable[[ASGIApp], ASGIApp]) -> None:
    """Put a layer around all others of an app when these are built, also around those that are added later."""
    # Starlette 1.10, applications.py, Starlette.__call__. Without it: a middleware inside of what answers 500.
    build = getattr(app, "build_middleware_stack", None)
    if build is None:
        app.add_middleware(wrap)
    else:
        app.build_middleware_stack = lambda: wrap(build())  # type: ignore[method-assign]


def lifespan_of(router: Router) -> Any:
    """Return the lifespan of a router, or None where that can't be seen."""
    # Starlette 1.10, routing.py, Router.__init__.
    return getattr(router, "lifespan_context", None)


def wrap_lifespan(app: FastAPI, lifespan: Callable[[Lifespan, Any], Any]) -> None:
    """Let an app have another lifespan, whose first argument is the app's own: the one that it enters."""
    own = lifespan_of(app.router)
    if own is not None:
        app.router.lifespan_context = partial(lifespan, own)
    else:
        # FastAPI enters the app's own one before those of its routers.
        app.include_router(APIRouter(lifespan=partial(lifespan, lambda app: nullcontext())))


def startup_handlers(router: Router) -> list[Any]:
    """Return the handlers that a router calls at the start and at the stop, in place of a lifespan."""
    # FastAPI 0.165, routing.py, APIRouter.__init__; Starlette 1.0 has removed them.
    return [*getattr(router, "on_startup", ()), *getattr(router, "on_shutdown", ())]


# Starlette 1.10, applications.py, Starlette.__call__. For an app whose `__call__` is known to use it.
layers_of_app = attrgetter("middleware_stack")


def middleware_of(app: Starlette) -> Sequence[Middleware]:
    """Return the middleware that an app was given; none where that can't be seen."""
    # Starlette 1.10, applications.py, Starlette.__init__.
    return getattr(app, "user_middleware", ())


class BodyLimitKeys(NamedTuple):
    """The scope keys of Starlette's body limits, "" where unknown: the limit in force, and who counts the bytes."""

    limit: str = ""
    counter: str = ""


@cache
def body_limit_keys() -> BodyLimitKeys:
    """Return the scope keys by which the body limits inside of an app find each other.

    Starlette 1.10, middleware/body_limit.py: the outermost middleware puts itself into the scope as the one that
    counts, and each further one sets that one's `max_body_size`, having looked at its `total_size`. The keys are read
    from what the middleware does to a scope, whatever they are called, and the key of the counter is taken only where
    the middleware treats another object there the same.
    """
    keys = BodyLimitKeys()
    with suppress(Exception):
        left = _left_in_scope({}, _PROBED)
        limit = next(key for key, value in left.items() if type(value) is int and value == _PROBED)
        keys = BodyLimitKeys(limit)
        keys = BodyLimitKeys(limit, next(key for key in left if key != limit and _is_counter(limit, key)))
    if not keys.counter:
        log.warning("unsupported release of Starlette: %s", _CONSEQUENCES[bool(keys.limit)])
    return keys


class _Counter:
    """What stands in the place of Starlette's own counter."""

    max_body_size = 0
    total_size = 0


def _is_counter(limit: str, counter: str) -> bool:
    """Return whether the middleware lets whatever is under that key count, and sets the limit of it."""
    ours = _Counter()
    with suppress(Exception):
        left = _left_in_scope({limit: ours.max_body_size, counter: ours}, _PROBED)
        return left[counter] is ours and ours.max_body_size == _PROBED and left["receive"] is _receive
    return False


def _left_in_scope(given: dict[str, Any], limit: int) -> dict[str, Any]:
    """Return what an app behind a body limit finds in its scope besides the request, and what it receives by."""
    from starlette.middleware.body_limit import RequestBodyLimitMiddleware

    request: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": []}
    found: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.update(scope)
        if given:
            found["receive"] = receive

    _run(RequestBodyLimitMiddleware(app, max_body_size=limit)({**request, **given}, _receive, _receive))
    return {key: value for key, value in found.items() if key not in request}


async def _receive(*_: Any) -> Any:
    """Stand for both ends of a connection that nobody uses."""


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run what awaits nothing that isn't there, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("it waits for something")
