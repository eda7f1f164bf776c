"""What is looked for inside apps and cornerstones that were made: what is right composes, and what is wrong is told."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.routing import Mount, Route

import composer


class Database:
    """Be a cornerstone that has all the hooks."""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def around_request(self, connection: object) -> AsyncIterator[None]:
        yield

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


class Sessions:
    """Take what Starlette's SessionMiddleware takes, which needs a package more."""

    def __init__(
        self, app: Any, secret_key: str, session_cookie: str = "session", path: str = "/", domain: str | None = None
    ) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class StandIn:
    """Have everything that anybody asks for, as the stand-ins of tests do."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *given: None


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    yield


def do_nothing() -> None: ...


def ids(*apps: Callable[[], Any] | Any, root: FastAPI | None = None) -> list[str]:
    """Compose the apps at /a, /a/b, /a/b/c; return the IDs of the warnings."""
    prefixes = ["/a", "/a/b", "/a/b/c"]
    declared = [composer.App(p.strip("/"), p, a) for p, a in zip(prefixes, apps, strict=False)]
    return ids_of(composer.compose(declared, root=root))


def ids_of(app: FastAPI) -> list[str]:
    return [warning.id for warning in composer.composition_of(app).warnings]


def with_session(**how: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(Sessions, **how)
    return app


def mounting(path: str, inner: Any, **how: Any) -> FastAPI:
    app = FastAPI(**how)
    app.mount(path, inner)
    return app


def including(router: APIRouter, **how: Any) -> FastAPI:
    app = FastAPI(**how)
    app.include_router(router)
    return app


def with_routes(*paths: str) -> Starlette:
    return Starlette(routes=[Route(path, Response("")) for path in paths])


def test_a_lifespan_is_right_as_a_context_manager_or_as_a_class_of_one() -> None:
    class Lifespan:
        def __init__(self, app: object) -> None: ...

        async def __aenter__(self) -> None: ...

        async def __aexit__(self, *error: object) -> None: ...

    assert ids(FastAPI(lifespan=lifespan), Starlette(lifespan=Lifespan), FastAPI(lifespan=Lifespan)) == []


def test_a_generator_that_fastapi_itself_makes_a_lifespan_of_is_right() -> None:
    async def generator(app: object) -> AsyncIterator[None]:
        yield

    def plain(app: object) -> Iterator[None]:
        yield

    router = APIRouter(lifespan=plain)  # type: ignore[arg-type]
    assert ids(FastAPI(lifespan=generator), FastAPI(lifespan=plain), including(router)) == []  # type: ignore[arg-type]


def test_a_lifespan_may_be_a_method_or_have_arguments_of_its_own() -> None:
    class PartRecorder:
        @asynccontextmanager
        async def lifespan(self, app: object) -> AsyncIterator[None]:
            yield

        @contextmanager
        def wrong(self, app: object) -> Iterator[None]:
            yield

    @asynccontextmanager
    async def with_size(app: object, size: int) -> AsyncIterator[None]:
        yield

    assert ids(FastAPI(lifespan=PartRecorder().lifespan), FastAPI(lifespan=partial(with_size, size=3))) == []
    assert ids(FastAPI(lifespan=PartRecorder().wrong)) == ["C044"]  # type: ignore[arg-type]


def test_handlers_of_start_and_stop_are_right_where_something_calls_them() -> None:
    router = APIRouter(on_startup=[do_nothing], on_shutdown=[do_nothing])

    assert ids(FastAPI(on_startup=[do_nothing]), including(router), including(router, lifespan=lifespan)) == []


def test_handlers_beside_a_lifespan_are_told_also_where_a_router_was_included() -> None:
    assert ids(including(APIRouter(), lifespan=lifespan, on_shutdown=[do_nothing])) == ["C045"]


def test_an_app_that_is_mounted_by_hand_is_right_without_a_lifespan_or_in_an_app_that_has_one() -> None:
    inner = FastAPI(lifespan=lifespan)

    assert ids(mounting("/x", FastAPI()), mounting("/x", inner, lifespan=lifespan)) == []
    assert ids(mounting("/x", inner)) == ["C046"]
    assert ids(mounting("/x", FastAPI(on_startup=[do_nothing]))) == ["C046"]
    assert ids(Starlette(routes=[Mount("/x", inner)])) == []


def test_middleware_is_right_with_the_arguments_that_it_takes() -> None:
    app = FastAPI()
    app.add_middleware(GZipMiddleware, minimum_size=10)
    app.middleware("http")(lambda request, call_next: call_next(request))

    assert ids(app) == []


def test_middleware_of_the_root_is_looked_at_too() -> None:
    root = FastAPI()
    root.add_middleware(GZipMiddleware, minimum=10)  # type: ignore[call-arg]

    assert ids(root=root) == ["C047"]


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ({}, {}, ["C048"]),
        ({}, {"path": "/a/b"}, ["C048"]),
        ({"path": "/a/b"}, {"path": "/a/c"}, []),
        ({}, {"session_cookie": "mine"}, []),
        ({}, {"domain": "example.org"}, []),
        ({"secret_key": "same"}, {"secret_key": "same"}, []),
    ],
)
def test_a_session_cookie_is_wrong_where_another_key_signs_it_at_the_same_path(
    one: dict[str, str], other: dict[str, str], found: list[str]
) -> None:
    assert ids(with_session(**{"secret_key": "1", **one}), with_session(**{"secret_key": "2", **other})) == found
    assert ids(with_session(**{"secret_key": "1", **one}), root=with_session(**{"secret_key": "2", **other})) == found


def test_a_session_cookie_of_the_root_is_looked_at_again_when_the_server_starts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = composer.compose([composer.App("a", "/a", with_session(secret_key="1"))])
    app.add_middleware(Sessions, secret_key="2")
    assert ids_of(app) == []

    with TestClient(app):
        assert ids_of(app) == ["C048"]

    assert [record.getMessage()[:10] for record in caplog.records] == ["C048 app a"]


def test_a_route_is_hidden_by_a_longer_prefix_only_where_no_request_for_it_is_left() -> None:
    assert ids(with_routes("/b"), FastAPI()) == ["C049"]
    assert ids(with_routes("/b/x/{id}"), FastAPI()) == ["C049"]
    assert ids(with_routes("/{id}", "/{path:path}", "/bb", "/"), FastAPI()) == []
    assert ids(with_routes("/c"), with_routes("/c"), FastAPI()) == ["C049"]


def test_a_mount_hides_what_comes_after_it_and_is_below_it() -> None:
    def app(*paths: str) -> Starlette:
        after = [Route(path, Response("")) for path in paths]
        return Starlette(routes=[Route("/files/first", Response("")), Mount("/files", Response("")), *after])

    assert ids(app("/files/second")) == ["C050"]
    assert ids(app("/files", "/filesystem", "/other")) == []


def test_a_cornerstone_with_all_the_hooks_is_right_and_so_is_what_stands_for_one() -> None:
    def create() -> Database:
        return Database()

    cornerstones = [composer.Cornerstone("db", create)]

    assert isinstance(composer.compose([], cornerstones=cornerstones), FastAPI)
    assert isinstance(composer.compose([], cornerstones=cornerstones, overrides={Database: StandIn()}), FastAPI)


def test_what_the_roots_own_handlers_ask_for_is_checked_too() -> None:
    root = FastAPI()

    @root.get("/")
    def read(db: composer.Shared[Database]) -> None: ...

    with pytest.raises(composer.CompositionError) as caught:
        composer.compose([], root=root)

    assert [(problem.id, problem.where, problem.what) for problem in caught.value.problems] == [
        ("C012", "root", "No cornerstone provides Database (required by 'Shared[Database]').")
    ]
