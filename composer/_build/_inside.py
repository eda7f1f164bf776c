"""What can be wrong inside the objects that were made: legal to write, and yet it can't do what it is there for.

What is looked at is FastAPI's and Starlette's own; any other ASGI app is taken as it is.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncContextDecorator, contextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route

from composer._model import BuiltApp, BuiltCornerstone, Plan, Problem
from composer._render import is_below, listed
from composer.errors import problem

_CONTEXTLIB = contextmanager.__code__.co_filename

# The hooks of a cornerstone that return a context manager, with what each is called with.
_HOOKS = {"serving": (), "around_request": ("the connection",)}


def check_made(plan: Plan, root: FastAPI) -> list[Problem]:
    """Return a problem for all that is wrong inside the cornerstones and the apps of a plan."""
    problems = [found for stone in plan.cornerstones for found in _check_hooks(stone)]
    for app in plan.apps:
        if isinstance(app.asgi, Starlette):
            problems += [*_check_lifespan(app, app.asgi), *_check_middleware(app.declared.place, app.asgi)]
            problems += _check_mounts(app, app.asgi)
    problems += _check_hidden(plan.apps)
    return [*problems, *_check_middleware("root", root), *check_sessions(plan, root)]


def _check_hooks(stone: BuiltCornerstone) -> Iterator[Problem]:
    value, place = stone.value, stone.declared.place
    for hook, given in _HOOKS.items():
        method = getattr(value, hook, None)
        if callable(method) and (why := _wrong_manager(method, given)):
            yield problem("C051", place, name=f"{hook}() of {type(value).__name__}", why=why)
    # A stand-in of a test may make up whatever it is asked for.
    check = value.check_ready if hasattr(type(value), "check_ready") else None
    if callable(check) and (why := _wrong_check(check)):
        yield problem("C063", place, name=f"check_ready() of {type(value).__name__}", why=why)
    for enter, leave in (("__enter__", "__exit__"), ("__aenter__", "__aexit__")):
        has = [name for name in (enter, leave) if hasattr(type(value), name)]
        if len(has) == 1:
            why = f"it has {has[0]} alone, without the other half"
            yield problem("C051", place, name=type(value).__name__, why=why)


def _wrong_manager(make: Callable[..., Any], given: Sequence[str]) -> str:
    """Return why what is called with these arguments returns no context manager, or ""."""
    if inspect.iscoroutinefunction(make) or inspect.isgeneratorfunction(make) or inspect.isasyncgenfunction(make):
        return "it is a plain function without @asynccontextmanager"
    return _misfit(make, given)


def _wrong_check(check: Callable[..., Any]) -> str:
    """Return why what is called with nothing returns nothing to await, or ""."""
    function = inspect.unwrap(getattr(check, "__func__", check))
    # What isn't written in Python may return whatever it likes, and so may what says that it returns something else.
    is_plain = inspect.isfunction(function) and not inspect.iscoroutinefunction(function)
    if is_plain and function.__annotations__.get("return") in (None, bool, "None", "bool"):
        return "it is no async def"
    return _misfit(check, ())


def _misfit(make: Callable[..., Any], given: Sequence[str]) -> str:
    """Return why a function can't be called with these arguments, or ""."""
    try:
        inspect.signature(make).bind(*given)
    except TypeError:
        return f"it is called with {' and '.join(given) or 'nothing'}, which doesn't fit its parameters"
    except ValueError:
        # Written in C, without a signature.
        return ""
    return ""


def _check_lifespan(app: BuiltApp, asgi: Starlette) -> Iterator[Problem]:
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
    return _wrong_manager(lifespan, ["the app"])


def _handlers(router: Any) -> list[Any]:
    """Return what a router is to run at start and stop, beside its lifespan; the newest Starlette has no such thing."""
    return [*getattr(router, "on_startup", ()), *getattr(router, "on_shutdown", ())]


def _check_middleware(place: str, asgi: Starlette) -> Iterator[Problem]:
    """Return a problem for middleware that can't be made of its arguments: Starlette makes it when it starts."""
    for middleware in asgi.user_middleware:
        try:
            inspect.signature(middleware.cls).bind(None, *middleware.args, **middleware.kwargs)
        except TypeError as error:
            name = getattr(middleware.cls, "__name__", type(middleware.cls).__name__)
            yield problem("C047", place, name=name, why=error)
        except ValueError:
            # Written in C, without a signature.
            continue


def check_sessions(plan: Plan, root: FastAPI) -> list[Problem]:
    """Return a problem for every app whose session cookie another one overwrites, signed with a key of its own."""
    apps = [(app.name, app.declared.place, app.asgi) for app in plan.apps if isinstance(app.asgi, Starlette)]
    seen: list[tuple[str, dict[str, Any]]] = []
    problems = []
    for name, place, asgi in [("the root", "root", root), *apps]:
        for session in _sessions(asgi):
            others = [other for other, theirs in seen if _overwrite(session, theirs)]
            cookie = session["session_cookie"]
            problems += [problem("C048", place, cookie=cookie, other=others[0])] if others else []
            seen.append((name, session))
    return problems


def _sessions(asgi: Starlette) -> list[dict[str, Any]]:
    """Return the arguments of every middleware that takes what Starlette's SessionMiddleware does."""
    found = map(_arguments, asgi.user_middleware)
    return [arguments for arguments in found if {"secret_key", "session_cookie", "path", "domain"} <= arguments.keys()]


def _arguments(middleware: Middleware) -> dict[str, Any]:
    try:
        bound = inspect.signature(middleware.cls).bind(None, *middleware.args, **middleware.kwargs)
    except (TypeError, ValueError):
        return {}
    bound.apply_defaults()
    return bound.arguments


def _overwrite(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether a browser sends the cookie of one session to the other, which then can't read it."""
    same = all(one[key] == other[key] for key in ("session_cookie", "domain"))
    paths = [each["path"].rstrip("/") for each in (one, other)]
    return same and is_below(max(paths), min(paths)) and str(one["secret_key"]) != str(other["secret_key"])


def _check_mounts(app: BuiltApp, asgi: Starlette) -> Iterator[Problem]:
    if all(isinstance(route, Route) for route in asgi.routes):
        return
    place = app.declared.place
    routes = [(context.route, context.path or "") for context in iter_route_contexts(asgi.routes)]
    for at, (mount, path) in enumerate(routes):
        if not isinstance(mount, Mount):
            continue
        later = [route for _, route in routes[at + 1 :] if route.startswith(f"{path}/")]
        if later:
            yield problem("C050", place, mount=path or "/", route=later[0])
        # A guest that isn't FastAPI's may do without, as Marimo does: it works so wherever it is served.
        if isinstance(asgi, FastAPI) and _forgets(asgi, mount.app):
            yield problem("C046", place, path=path or "/")


def _forgets(asgi: Starlette, mounted: object) -> bool:
    """Tell whether an app has mounted one whose lifespan nobody runs."""
    return isinstance(mounted, Starlette) and _does_something(mounted) and not _does_something(asgi)


def _does_something(asgi: Starlette) -> bool:
    """Tell whether an app's lifespan does anything: it is the user's own, or there are handlers that it runs."""
    lifespans = list(_lifespans(asgi.router.lifespan_context))
    return bool(_handlers(asgi.router)) or not all(map(_is_default, lifespans))


def _check_hidden(apps: Sequence[BuiltApp]) -> Iterator[Problem]:
    """Return a problem for every app whose longer prefix takes all requests for a route of another one."""
    by_prefix = {app.prefix.rstrip("/"): app for app in apps}
    for inner in apps:
        for above in _above(inner.prefix):
            outer = by_prefix.get(above)
            routes = _paths(outer.asgi) if outer and isinstance(outer.asgi, Starlette) else ()
            if outer and (hidden := next((r for r in routes if is_below(above + r, inner.prefix)), None)):
                place, route = outer.declared.place, above + hidden
                yield problem("C049", place, route=route, other=inner.name, prefix=inner.prefix)


def _above(prefix: str) -> list[str]:
    """Return all prefixes that a prefix is below, the root's as ""."""
    segments = [segment for segment in prefix.split("/") if segment]
    return ["/".join(["", *segments[:count]]) for count in range(len(segments))]


def _paths(asgi: Starlette) -> Iterator[str]:
    return (path for context in iter_route_contexts(asgi.routes) if (path := context.path))
