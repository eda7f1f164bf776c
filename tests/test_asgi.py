"""Whether an object is an ASGI app, a WSGI app, or a factory of one."""

import functools
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

from composer._wire.asgi import is_app_object, is_asgi_app, is_wsgi_app, looks_like_an_app


class AsgiObject:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    async def method(self, scope: Any, receive: Any, send: Any) -> None: ...


class WsgiObject:
    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        return []

    def method(self, environ: Any, start_response: Any) -> list[bytes]:
        return []


async def asgi_function(scope: Any, receive: Any, send: Any) -> None: ...


async def factory_with_three(database: Any, auth: Any, models: Any) -> None: ...


def wsgi_function(environ: Any, start_response: Any) -> list[bytes]:
    return []


def factory() -> FastAPI:
    return FastAPI()


def wrapped_by_a_decorator(app: Any) -> Any:
    @functools.wraps(app)
    def wrapper(*arguments: Any) -> Any:
        return app(*arguments)

    return wrapper


def label(thing: object) -> str:
    """Name a test's argument without its address: every worker has to collect the same names."""
    return str(getattr(thing, "__qualname__", None) or repr(thing).partition(" object at")[0])


APPS = [FastAPI(), Starlette(), StaticFiles(check_dir=False), AsgiObject(), AsgiObject().method, asgi_function]


@pytest.mark.parametrize("app", [*APPS, wrapped_by_a_decorator(asgi_function)], ids=label)
def test_what_is_async_and_takes_three_arguments_is_an_asgi_app(app: object) -> None:
    assert is_asgi_app(app)
    assert not is_wsgi_app(app)


@pytest.mark.parametrize(
    "thing", [factory, wsgi_function, WsgiObject(), FastAPI, AsgiObject, 3, None, "app"], ids=label
)
def test_everything_else_is_none(thing: object) -> None:
    assert not is_asgi_app(thing)
    assert not is_app_object(thing)


@pytest.mark.parametrize("app", [wsgi_function, WsgiObject(), WsgiObject().method], ids=label)
def test_what_is_not_async_and_takes_two_arguments_looks_like_a_wsgi_app(app: object) -> None:
    assert is_wsgi_app(app)


@pytest.mark.parametrize("thing", [factory, FastAPI, WsgiObject, AsgiObject(), asgi_function, 3], ids=label)
def test_a_factory_or_an_asgi_app_does_not_look_like_a_wsgi_app(thing: object) -> None:
    assert not is_wsgi_app(thing)


class AsgiClass:
    def __init__(self, scope: Any, receive: Any, send: Any) -> None: ...

    def __await__(self) -> Any: ...


def test_a_class_whose_objects_are_awaited_is_an_asgi_app() -> None:
    assert is_asgi_app(AsgiClass)
    assert not is_wsgi_app(AsgiClass)


@pytest.mark.parametrize("app", [FastAPI(), Starlette(), StaticFiles(check_dir=False), AsgiObject()], ids=label)
def test_an_object_that_can_be_served_is_never_a_factory(app: object) -> None:
    assert is_app_object(app)


@pytest.mark.parametrize(
    "thing", [asgi_function, AsgiObject().method, AsgiClass, factory_with_three, FastAPI], ids=label
)
def test_a_class_or_a_function_may_be_a_factory(thing: object) -> None:
    assert not is_app_object(thing)


@pytest.mark.parametrize(
    ("thing", "kind"),
    [
        (asgi_function, "an ASGI app"),
        (AsgiClass, "an ASGI app"),
        (wsgi_function, "a WSGI app"),
        (WsgiObject(), "a WSGI app"),
        (factory_with_three, ""),
        (factory, ""),
        (3, ""),
    ],
    ids=label,
)
def test_the_names_of_parameters_tell_what_was_probably_meant(thing: object, kind: str) -> None:
    assert looks_like_an_app(thing) == kind
