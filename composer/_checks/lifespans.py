"""The lifespans of FastAPI's and Starlette's apps."""

import inspect
from collections.abc import Iterator
from contextlib import AsyncContextDecorator, contextmanager
from typing import Any

from starlette.applications import Starlette

from composer._catalogue import problem
from composer._checks.callables import wrong_manager
from composer._model import BuiltApp, Problem
from composer._text import listed

_CONTEXTLIB = contextmanager.__code__.co_filename


def check_lifespan(app: BuiltApp, asgi: Starlette) -> Iterator[Problem]:
    lifespans = list(_lifespans(asgi.router.lifespan_context))
    for lifespan in lifespans:
        if not _is_default(lifespan) and (why := _wrong_lifespan(lifespan)):
            yield problem("C044", app.declared.place, why=why)
    run = [handler for lifespan in lifespans for handler in _handlers(getattr(lifespan, "_router", None))]
    never = [handler for handler in _handlers(asgi.router) if handler not in run]
    if never:
        names = listed(getattr(handler, "__name__", str(handler)) for handler in never)
        yield problem("C045", app.declared.place, names=names)


def _lifespans(lifespan: Any) -> Iterator[Any]:
    """Return the lifespans that FastAPI has made one of where routers with their own were included."""
    inner = inspect.unwrap(lifespan) if inspect.isfunction(lifespan) else None
    parts = inspect.getclosurevars(inner).nonlocals if inner and inner.__module__ == "fastapi.routing" else {}
    merged = [part for name, part in parts.items() if name in ("original_context", "nested_context")]
    if not merged:
        yield lifespan
    for part in merged:
        yield from _lifespans(part)


def _is_default(lifespan: Any) -> bool:
    """Tell whether a lifespan is what FastAPI has where none was given."""
    return hasattr(lifespan, "_router")


def _wrong_lifespan(lifespan: Any) -> str:
    if isinstance(lifespan, AsyncContextDecorator):
        return "it was called already"
    if not callable(lifespan):
        return f"{type(lifespan).__name__} is no function"
    # A plain generator is right: FastAPI has made a lifespan of it, in code of its own.
    code = getattr(lifespan, "__code__", None)
    if code and code.co_filename == _CONTEXTLIB and inspect.isgeneratorfunction(inspect.unwrap(lifespan)):
        return "it is made by @contextmanager, which isn't async"
    return wrong_manager(lifespan, ["the app"])


def _handlers(router: Any) -> list[Any]:
    """Return what a router is to run at start and stop, beside its lifespan; the newest Starlette has no such thing."""
    return [*getattr(router, "on_startup", ()), *getattr(router, "on_shutdown", ())]


def forgets(asgi: Starlette, mounted: object) -> bool:
    """Tell whether an app has mounted one whose lifespan nobody runs."""
    return isinstance(mounted, Starlette) and _does_something(mounted) and not _does_something(asgi)


def _does_something(asgi: Starlette) -> bool:
    """Tell whether an app's lifespan does anything: it is the user's own, or there are handlers that it runs."""
    lifespans = list(_lifespans(asgi.router.lifespan_context))
    return bool(_handlers(asgi.router)) or not all(map(_is_default, lifespans))
