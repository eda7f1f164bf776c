"""Facts that don't hold in some other release: what composer does then, in the process of the test."""

import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from starlette.middleware import body_limit
from starlette.routing import Match, Route

import composer
from composer import App, Cornerstone, Shared
from composer._compat import fastapi as facts
from composer._compat import starlette
from composer._model import MAX_BODY_SIZE

BODY = b"a" * 5000


async def length(request: Request) -> int:
    return len(await request.body())


def with_own_limit() -> FastAPI:
    app = FastAPI()
    app.post("/own", max_body_size=4_000_000)(length)
    app.post("/none")(length)
    return app


@pytest.fixture
def forgotten_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let Starlette's body limits leave nothing in the scope, as those of another release may."""

    class Limit:
        def __init__(self, app: Any, max_body_size: int) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)

    monkeypatch.setattr(body_limit, "RequestBodyLimitMiddleware", Limit)
    starlette.body_limit_keys.cache_clear()
    yield
    starlette.body_limit_keys.cache_clear()


@pytest.mark.usefixtures("forgotten_keys")
def test_an_app_with_a_body_limit_of_its_own_keeps_it_where_starlette_does_not_tell_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def without_limit() -> FastAPI:
        app = FastAPI()
        app.post("/x")(length)
        return app

    apps = [
        App("own", "/own", with_own_limit, max_body_size=1000),
        App("set", "/set", without_limit, max_body_size=1000),
        App("default", "/default", without_limit),
    ]
    with TestClient(composer.compose(apps)) as client:
        assert client.post("/own/own", content=BODY).status_code == 200
        # Set on purpose, and the app has none: that one is enforced.
        assert client.post("/set/x", content=BODY).status_code == 413
        assert client.post("/default/x", content=b"a" * (MAX_BODY_SIZE + 1)).status_code == 200
    assert "unsupported release of Starlette" in caplog.text


class Merged:
    """Two lifespans as one, in a way that nobody can look into."""

    def __init__(self, *lifespans: Callable[[Any], AbstractAsyncContextManager[Any]]) -> None:
        self.lifespans = lifespans

    def __call__(self, app: Any) -> AbstractAsyncContextManager[None]:
        @asynccontextmanager
        async def both() -> AsyncIterator[None]:
            async with self.lifespans[0](app), self.lifespans[1](app):
                yield

        return both()


@pytest.mark.parametrize("includes", [True, False])
def test_lifespans_that_cannot_be_looked_into_are_no_problem(includes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapi.routing._merge_lifespan_context", Merged)
    monkeypatch.setattr(Merged, "__module__", "fastapi.routing")
    inner, router = FastAPI(), APIRouter()
    router.get("/x")(lambda: 1)
    inner.include_router(router)
    app = FastAPI()
    if includes:
        app.include_router(router)
        app.router.on_startup.append(lambda: None)
    app.mount("/inner", inner)
    with TestClient(composer.compose([App("a", "/a", app)])) as client:
        assert client.get("/a/inner/x").status_code == 200


def test_an_app_may_use_every_cornerstone_where_its_dependencies_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Database:
        @asynccontextmanager
        async def around_request(self, connection: Any) -> AsyncIterator[None]:
            seen.append(connection.url.path)
            yield

    def create_database() -> Database:
        return Database()

    seen: list[str] = []
    app = FastAPI()

    @app.get("/x")
    def x(db: Shared[Database]) -> str:
        return type(db).__name__

    monkeypatch.setattr(facts, "dependency_calls", lambda context: iter(()))
    monkeypatch.setattr("composer._wire.shared.dependency_calls", lambda context: iter(()))
    facts.reads_dependencies.cache_clear()
    try:
        root = composer.compose([App("a", "/a", app)], cornerstones=[Cornerstone("db", create_database)])
    finally:
        facts.reads_dependencies.cache_clear()
    with TestClient(root) as client:
        assert client.get("/a/x").json() == "Database"
    assert seen == ["/a/x"]


def test_pages_that_are_not_found_are_told_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("composer._docs.install.is_own_page", lambda route: False)
    monkeypatch.setattr("composer._docs.install.knows_own_pages", lambda: False)
    with TestClient(composer.compose([App("a", "/a", lambda: FastAPI(title="Notes"))])) as client:
        assert client.get("/a/docs").status_code == 200
    assert "the docs pages of 'Notes' load their assets from a CDN" in caplog.text


def test_pages_of_the_users_own_are_no_news(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", "") != "/docs"]
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", "") != "/redoc"]
    app.get("/docs", include_in_schema=False)(lambda: "mine")
    with TestClient(composer.compose([App("a", "/a", app)])) as client:
        assert client.get("/a/docs").json() == "mine"
    assert caplog.records == []


def test_a_guard_is_asked_for_known_methods_where_no_route_takes_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    matches = Route.matches

    def strict(self: Route, scope: Any) -> Any:
        return matches(self, scope) if self.methods else (Match.NONE, {})

    async def guard(request: Request) -> None:
        if "key" not in request.headers:
            raise HTTPException(401)

    def create_guard() -> Callable[[Request], Awaitable[None]]:
        return guard

    monkeypatch.setattr(Route, "matches", strict)
    app = FastAPI()
    app.api_route("/x", methods=["GET", "POST", "PUT", "NEW"])(lambda: 1)
    root = composer.compose([App("a", "/a", app, guard="guard")], cornerstones=[Cornerstone("guard", create_guard)])
    with TestClient(root) as client:
        for method in ("GET", "POST", "PUT"):
            assert client.request(method, "/a/x").status_code == 401
            assert client.request(method, "/a/x", headers={"key": "1"}).status_code == 200
        # Refused, which is what a guard has to do in doubt.
        assert client.request("NEW", "/a/x", headers={"key": "1"}).status_code == 405


def test_threads_are_shared_where_the_limiter_cannot_be_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("composer._compat.anyio._run_variables", lambda: iter(()))
    app = FastAPI()
    app.get("/x")(lambda: 1)
    with TestClient(composer.compose([App("a", "/a", app)])) as client:
        assert client.get("/a/x").status_code == 200
    assert "all apps share one pool of threads" in caplog.text


def test_an_unknown_gunicorn_is_told_and_each_process_loads_by_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from composer._cli.commands import _preloading_server
    from composer._cli.server import run_server

    monkeypatch.setattr("gunicorn.arbiter.Arbiter.kill_workers", None)
    monkeypatch.delattr("gunicorn.arbiter.Arbiter.kill_workers")
    with caplog.at_level(logging.WARNING):
        assert _preloading_server(reload=False) is run_server
    assert "this gunicorn has no gunicorn.arbiter.Arbiter" in caplog.text


class Unknown(FastAPI):
    """A FastAPI of a release whose attributes have other names: those of its router and its own."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.router.__class__ = type("Router", (APIRouter,), {name: hidden(name) for name in HIDDEN})

    def __getattribute__(self, name: str) -> Any:
        if name == "build_middleware_stack" and sys._getframe(1).f_globals["__name__"].startswith("composer"):
            raise AttributeError(name)
        return super().__getattribute__(name)


HIDDEN = ("middleware_stack", "lifespan_context", "default")


def hidden(name: str) -> property:
    """Return an attribute that only its own framework sees."""

    def get(self: Any) -> Any:
        if sys._getframe(1).f_globals["__name__"].startswith("composer"):
            raise AttributeError(name)
        return self.__dict__[name]

    return property(get, lambda self, value: self.__dict__.__setitem__(name, value))


def test_every_app_is_served_and_guarded_where_the_root_has_other_attributes() -> None:
    async def guard(request: Request) -> None:
        if "key" not in request.headers:
            raise HTTPException(401)

    def create_guard() -> Callable[[Request], Awaitable[None]]:
        return guard

    def create_app() -> FastAPI:
        app = FastAPI()
        app.get("/x")(lambda: "app")
        return app

    root = Unknown()
    root.get("/own")(lambda: "own")
    apps = [App("a", "/a", create_app, guard="guard"), App("rest", "/", create_app)]
    composer.compose(apps, cornerstones=[Cornerstone("guard", create_guard)], root=root, metrics=True)
    with TestClient(root) as client:
        assert client.get("/a/x").status_code == 401
        assert client.get("/a/x", headers={"key": "1"}).json() == "app"
        assert [client.get(path).json() for path in ("/x", "/own")] == ["app", "own"]
        assert client.get("/readyz").status_code == 200
        assert 'composer_requests_total{app="a"' in client.get("/metrics").text
    assert client.get("/a/x", headers={"key": "1"}).status_code == 503
