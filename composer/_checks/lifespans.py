"""The lifespans of FastAPI's and Starlette's apps."""

from collections.abc import Iterator, Sequence
from contextlib import AsyncContextDecorator
from typing import Any

from starlette.applications import Starlette

from composer._catalogue import problem
from composer._checks.callables import not_a_context_manager
from composer._compat.cpython import is_contextmanager
from composer._compat.fastapi import is_default_lifespan, lifespans_in, router_of
from composer._compat.starlette import lifespan_of, startup_handlers
from composer._model import BuiltApp, Problem
from composer._text import listed


def check_lifespan(app: BuiltApp, asgi: Starlette) -> Iterator[Problem]:
    """Return a problem for each lifespan that can't be entered, and for handlers that it keeps from being called."""
    lifespans = lifespans_in(lifespan_of(asgi.router))
    if lifespans is None:
        return
    for lifespan in lifespans:
        if not is_default_lifespan(lifespan) and (why := _invalid_lifespan(lifespan)):
            yield problem("C044", app.declared.place, why=why)
    if ignored := _ignored_handlers(asgi, lifespans):
        names = listed(getattr(handler, "__name__", str(handler)) for handler in ignored)
        yield problem("C045", app.declared.place, names=names)


def _ignored_handlers(asgi: Starlette, lifespans: Sequence[Any]) -> list[Any]:
    routers = [router_of(lifespan) for lifespan in lifespans if is_default_lifespan(lifespan)]
    if None in routers:
        return []
    called = [handler for router in routers for handler in startup_handlers(router)]
    return [handler for handler in startup_handlers(asgi.router) if handler not in called]


def _invalid_lifespan(lifespan: Any) -> str:
    if isinstance(lifespan, AsyncContextDecorator):
        return "it was called"
    if not callable(lifespan):
        return f"{type(lifespan).__name__} is not a function"
    # A plain generator is valid: FastAPI turns it into a lifespan.
    if is_contextmanager(lifespan):
        return "it is decorated with @contextmanager, which is not async"
    return not_a_context_manager(lifespan, ["the app"])


def ignores_lifespan(asgi: Starlette, mounted: object) -> bool:
    """Return whether an app has mounted another one whose lifespan never runs."""
    return isinstance(mounted, Starlette) and _does_something(mounted) is True and _does_something(asgi) is False


def _does_something(asgi: Starlette) -> bool | None:
    """Return whether an app's lifespan is the user's own, or runs handlers; None where unknown."""
    if startup_handlers(asgi.router):
        return True
    lifespans = lifespans_in(lifespan_of(asgi.router))
    return None if lifespans is None else not all(map(is_default_lifespan, lifespans))
