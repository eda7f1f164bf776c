"""What a factory made, as something that can be mounted; WSGI apps (Flask, Django's, Dash) by a2wsgi."""

import inspect
from typing import Any, cast

from fastapi import APIRouter, FastAPI

from composer._asgi import ASGIApp, is_asgi_app, is_wsgi_app
from composer._catalogue import problem
from composer._model import App, Problem, errors_among
from composer._wire.types import factory_name, made_name

# As many as AnyIO has for the blocking handlers of one app.
_WSGI_THREADS = 40

_DECLARED = "It is declared as a WSGI app"
_WSGI_PARAMETERS = ["environ", "start_response"]


def is_wsgi_itself(factory: Any) -> bool:
    """Tell a WSGI app from a factory that takes two parameters: by the names that the protocol gives them."""
    return is_wsgi_app(factory) and list(inspect.signature(factory).parameters) == _WSGI_PARAMETERS


def mountable(app: App, made: Any) -> tuple[ASGIApp | None, list[Problem]]:
    """Return the ASGI app that serves what was made for an app, and the problems where it can't be served."""
    found = f"the class {made.__name__}" if inspect.isclass(made) else made_name(made)
    if app.wsgi:
        return _in_threads(app, made, found)
    wrong = [found for found in [_not_mountable(app, made, found)] if found]
    return (None if errors_among(wrong) else made), wrong


def _in_threads(app: App, made: Any, found: str) -> tuple[ASGIApp | None, list[Problem]]:
    if not is_wsgi_app(made):
        return None, [problem("C054", app.place, found=found)]
    try:
        # Few compositions have such an app.
        from a2wsgi import WSGIMiddleware
    except ImportError:
        return None, [problem("C040", app.place, wish=_DECLARED, package="a2wsgi", extra="wsgi")]
    return cast(ASGIApp, WSGIMiddleware(made, workers=_WSGI_THREADS)), []


def _not_mountable(app: App, made: Any, found: str) -> Problem | None:
    if not is_asgi_app(made):
        if is_wsgi_app(made):
            return problem("C019", app.place, found=found)
        near, factory = "FastAPI() makes one.", factory_name(app.factory)
        return problem("C020", app.place, factory=factory, found=found, wanted="an ASGI app", near=near)
    # Its handlers need what FastAPI puts around them.
    if isinstance(made, APIRouter):
        return problem("C041", app.place)
    if isinstance(made, FastAPI) and made.root_path:
        return problem("C024", app.place, root_path=made.root_path)
    return None
