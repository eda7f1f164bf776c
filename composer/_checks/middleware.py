"""The middleware of FastAPI's and Starlette's apps."""

import inspect
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware

from composer._catalogue import problem
from composer._compat.starlette import middleware_of
from composer._model import Plan, Problem
from composer._text import is_below


def check_middleware(place: str, asgi: Starlette) -> Iterator[Problem]:
    """Return a problem for middleware that doesn't accept its arguments: Starlette only builds it at the start."""
    for middleware in middleware_of(asgi):
        try:
            inspect.signature(middleware.cls).bind(None, *middleware.args, **middleware.kwargs)
        except TypeError as error:
            name = getattr(middleware.cls, "__name__", type(middleware.cls).__name__)
            yield problem("C047", place, name=name, why=error)
        except ValueError:
            # Written in C, without a signature.
            continue


def check_sessions(plan: Plan, root: FastAPI) -> list[Problem]:
    """Return a problem for every app whose session cookie is overwritten by another one, signed with another key."""
    apps = [(app.name, app.declared.place, app.asgi) for app in plan.apps if isinstance(app.asgi, Starlette)]
    seen: list[tuple[str, dict[str, Any]]] = []
    problems = []
    for name, place, asgi in [("the root", "root", root), *apps]:
        for session in _sessions(asgi):
            other = next((other for other, earlier in seen if _overwrite(session, earlier)), None)
            problems += [problem("C048", place, cookie=session["session_cookie"], other=other)] if other else []
            seen.append((name, session))
    return problems


def _sessions(asgi: Starlette) -> list[dict[str, Any]]:
    """Return the arguments of every middleware with the parameters of Starlette's SessionMiddleware."""
    names = {"secret_key", "session_cookie", "path", "domain"}
    return [arguments for arguments in map(_arguments, middleware_of(asgi)) if names <= arguments.keys()]


def _arguments(middleware: Middleware) -> dict[str, Any]:
    try:
        bound = inspect.signature(middleware.cls).bind(None, *middleware.args, **middleware.kwargs)
    except (TypeError, ValueError):
        return {}
    bound.apply_defaults()
    return bound.arguments


def _overwrite(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether a browser sends the cookie of one session to the other one, which can't read it."""
    same = all(one[key] == other[key] for key in ("session_cookie", "domain"))
    paths = [each["path"].rstrip("/") for each in (one, other)]
    return same and is_below(max(paths), min(paths)) and str(one["secret_key"]) != str(other["secret_key"])
