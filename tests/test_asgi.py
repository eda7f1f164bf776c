"""Whether an object is an ASGI app, a WSGI app, or a factory of one."""

import functools
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

from composer._asgi import is_app_not_factory, is_asgi_app, is_wsgi_app


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
    assert not is_app_not_factory(thing)


@pytest.mark.parametrize("app", [wsgi_function, WsgiObject(), WsgiObject().method], ids=label)
def test_what_is_not_async_and_takes_two_arguments_looks_like_a_wsgi_app(app: object) -> None:
    assert is_wsgi_app(app)


@pytest.mark.parametrize("thing", [factory, FastAPI, WsgiObject, AsgiObject(), asgi_function, 3], ids=label)
def test_a_factory_or_an_asgi_app_does_not_look_like_a_wsgi_app(thing: object) -> None:
    assert not is_wsgi_app(thing)


@pytest.mark.parametrize("app", APPS, ids=label)
def test_an_asgi_app_is_told_from_a_factory(app: object) -> None:
    assert is_app_not_factory(app)


def test_an_async_function_of_other_parameters_is_taken_for_a_factory() -> None:
    assert not is_app_not_factory(factory_with_three)
