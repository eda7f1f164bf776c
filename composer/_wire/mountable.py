"""ASGI apps from what a factory returned; WSGI apps (Flask, Django, Dash) are served by a2wsgi."""

from typing import Any, cast

from fastapi import APIRouter
from starlette.types import ASGIApp

from composer._model import App
from composer._project.problems import composition_error
from composer._wire.asgi import is_asgi_app, is_wsgi_app
from composer._wire.types import factory_name, value_name

# As many as AnyIO has for the blocking handlers of one app.
_WSGI_THREADS = 40


def mountable(app: App, value: Any) -> ASGIApp:
    """Return the ASGI app that serves the app object, or what the factory returned; raise CompositionError if none."""
    found = value_name(value)
    if app.wsgi and is_wsgi_app(value):
        try:
            # Few compositions have such an app.
            from a2wsgi import WSGIMiddleware
        except ImportError:
            wish = "It is declared as a WSGI app"
            raise composition_error("C040", app.place, wish=wish, package="a2wsgi", extra="wsgi") from None
        return cast(ASGIApp, WSGIMiddleware(value, workers=_WSGI_THREADS))
    if app.wsgi:
        raise composition_error("C054", app.place, found=found)
    if is_wsgi_app(value):
        raise composition_error("C019", app.place, found=found)
    if not is_asgi_app(value) and app.app is not None:
        advice = "Set app to an app object, such as FastAPI(); set factory to a function or a class that returns one."
        raise composition_error("C057", app.place, key="app", found=found, wanted="an ASGI app", advice=advice)
    if not is_asgi_app(value):
        near = "Its last line may have to be: return app." if value is None else "FastAPI() creates one."
        factory, wanted = factory_name(app.factory), "an ASGI app"
        raise composition_error("C020", app.place, factory=factory, found=found, wanted=wanted, near=near)
    # Its handlers need what FastAPI puts around them.
    if isinstance(value, APIRouter):
        raise composition_error("C041", app.place)
    return cast(ASGIApp, value)
