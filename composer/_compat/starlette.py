"""What composer knows of Starlette's insides."""

import contextlib
import logging
from collections.abc import Coroutine
from functools import cache
from typing import Any, Final, NamedTuple

from starlette.routing import Mount

log = logging.getLogger("composer")

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
    with contextlib.suppress(Exception):
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
    with contextlib.suppress(Exception):
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
