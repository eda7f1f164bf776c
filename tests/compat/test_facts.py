"""Each fact of composer/_compat, as it is in the installed releases; one that doesn't hold costs speed or a check."""

import asyncio
import importlib
import logging
import signal
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

import anyio.to_thread
import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Query, Request
from fastapi.testclient import TestClient
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import Route

from composer._compat import anyio as anyio_facts
from composer._compat import (
    cpython,
    error_texts,
    guests,
    gunicorn,
    opentelemetry,
    pydantic,
    starlette,
    uvicorn,
)
from composer._compat import fastapi as facts

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def other_lifespan(app: Any) -> AsyncIterator[None]:
    yield


def test_the_layers_of_a_plain_fastapi_are_the_known_ones() -> None:
    app = FastAPI()
    assert facts.is_plain(facts.layers_of(app.build_middleware_stack(), app.router))


def test_a_limit_of_the_root_is_a_layer_more() -> None:
    app = FastAPI(max_body_size=10)
    assert not facts.is_plain(facts.layers_of(app.build_middleware_stack(), app.router))


def test_fastapi_and_starlette_do_what_is_known_when_they_are_called() -> None:
    assert facts.calls_are_known()


def test_a_call_that_was_replaced_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    async def instrumented(self: Any, scope: Any, receive: Any, send: Any) -> None: ...

    monkeypatch.setattr(Starlette, "__call__", instrumented)
    assert not facts.calls_are_known()


def test_an_app_without_middleware_is_told_from_one_with_it() -> None:
    with_middleware = FastAPI()
    with_middleware.middleware("http")(lambda request, call_next: call_next(request))
    assert facts.has_no_middleware(FastAPI())
    assert not facts.has_no_middleware(with_middleware)


def test_a_router_has_no_routes_apart_until_it_has_a_frontend(tmp_path: Any) -> None:
    app = FastAPI()
    assert not facts.has_hidden_routes(app.router)
    app.frontend("/", directory=tmp_path)
    assert facts.has_hidden_routes(app.router)


def test_providers_that_an_app_was_given_are_seen() -> None:
    from opentelemetry.trace import NoOpTracerProvider

    assert not facts.has_own_providers(FastAPI())
    assert facts.has_own_providers(FastAPI(telemetry={"tracer_provider": NoOpTracerProvider()}))


def test_the_whole_path_of_an_included_route_is_found() -> None:
    app, router, seen = FastAPI(), APIRouter(), []

    @router.get("/items/{number}")
    def item(number: int, request: Request) -> None:
        seen.append(facts.included_route(request.scope).path_format)

    app.include_router(router, prefix="/shop")
    TestClient(app).get("/shop/items/3")
    assert seen == ["/shop/items/{number}"]


def test_the_document_that_was_made_is_known_until_a_route_is_added() -> None:
    app = FastAPI()
    assert facts.cached_document(app) is None
    document = app.openapi()
    assert facts.cached_document(app) is document
    app.get("/more")(lambda: None)
    assert facts.cached_document(app) is None


def test_fastapis_own_pages_are_known() -> None:
    app = FastAPI()
    app.get("/mine", include_in_schema=False)(lambda: None)
    app.router.routes.append(Route("/also_mine", lambda request: None, include_in_schema=False))
    own = [route.path for route in app.routes if facts.is_own_page(route)]
    assert own == ["/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"]


@pytest.mark.parametrize("kind", [FastAPI, Starlette])
def test_the_default_lifespan_is_known(kind: type[Starlette]) -> None:
    assert facts.is_default_lifespan(kind().router.lifespan_context)
    assert not facts.is_default_lifespan(kind(lifespan=lifespan).router.lifespan_context)


def test_the_lifespans_of_included_routers_are_found() -> None:
    app, router = FastAPI(lifespan=lifespan), APIRouter(lifespan=other_lifespan)
    app.include_router(router)
    app.include_router(APIRouter(lifespan=other_lifespan))
    found = facts.lifespans_in(app.router.lifespan_context) or []
    assert sorted(each.__name__ for each in found) == ["lifespan", "other_lifespan", "other_lifespan"]
    assert facts.lifespans_in(lifespan) == [lifespan]


def test_a_default_lifespan_names_the_router_whose_handlers_it_calls() -> None:
    app = FastAPI()
    assert facts.router_of(app.router.lifespan_context) is app.router


@pytest.mark.parametrize("default", [Depends(), Query(), Body(None)])
def test_defaults_that_only_handlers_are_given_are_known(default: object) -> None:
    assert facts.is_handler_default(default) == type(default).__name__
    assert facts.is_handler_default(3) == ""


def test_a_route_that_was_not_included_is_itself() -> None:
    app, seen = FastAPI(), []
    app.get("/items/{number}")(lambda request: None)

    @app.get("/mine")
    def mine(request: Request) -> None:
        seen.append(facts.included_route(request.scope))

    TestClient(app).get("/mine")
    assert seen == [app.router.routes[-1]]


def test_the_prefix_of_a_router_included_in_an_unknown_way_is_found_by_the_path() -> None:
    app, router, seen = FastAPI(), APIRouter(), []

    @router.get("/items/{number}")
    def item(number: int, request: Request) -> None:
        unknown = {key: value for key, value in request.scope.items() if key != "fastapi"}
        seen.append(facts.included_route(unknown).path_format)

    app.include_router(router, prefix="/shop")
    app.include_router(router, prefix="/store")
    for path in ("/shop/items/3", "/store/items/3"):
        TestClient(app).get(path)
    assert seen == ["/shop/items/{number}", "/store/items/{number}"]


def test_the_body_limits_of_starlette_find_each_other_by_two_keys() -> None:
    assert starlette.body_limit_keys() == ("starlette.max_body_size", "starlette._body_limit_responder")


def test_a_route_takes_every_method() -> None:
    app = FastAPI()
    app.get("/{path:path}")(lambda path: None)
    route = app.router.routes[-1]
    assert isinstance(route, Route)
    facts.match_any_method(route)
    assert TestClient(app).request("NEW", "/any").status_code == 200


def test_what_handlers_depend_on_is_read() -> None:
    assert facts.reads_dependencies()


def test_routes_of_included_routers_are_found_without_fastapis_help(monkeypatch: pytest.MonkeyPatch) -> None:
    app, router = FastAPI(openapi_url=None), APIRouter()
    router.get("/x", dependencies=[Depends(lifespan)])(lambda: None)
    app.get("/y")(lambda: None)
    app.include_router(router, prefix="/p")
    whole = [context.path for context in facts.iter_route_contexts(app.routes)]
    monkeypatch.setattr(facts, "_route_contexts", None)
    contexts = list(facts.iter_route_contexts(app.routes))
    assert whole == ["/y", "/p/x"]
    assert [context.path for context in contexts] == ["/y", None]
    assert lifespan in facts.dependency_calls(contexts[-1])


def test_the_pages_of_fastapi_are_found() -> None:
    assert facts.knows_own_pages()


def test_this_release_of_gunicorn_has_what_preloading_needs() -> None:
    assert gunicorn.missing_names() == []


def test_uvicorn_has_a_supervisor_and_the_status_of_a_failed_start() -> None:
    from uvicorn import config, supervisors

    assert uvicorn.process_supervisor() is supervisors.Multiprocess
    assert uvicorn.STARTUP_FAILURE == config.STARTUP_FAILURE


def test_pydantic_lists_the_types_of_its_own_errors() -> None:
    assert "int_parsing" in pydantic.types_of_own_errors()
    assert "value_error" not in pydantic.types_of_own_errors()


def test_the_globals_of_a_caller_are_found() -> None:
    def asks() -> Any:
        return cpython.globals_of_caller()

    assert asks() is globals()


def test_pythons_import_machinery_is_known_by_its_files() -> None:
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("nowhere_at_all")
    files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert cpython.is_import_machinery(files[-1])
    assert not cpython.is_import_machinery(files[0])


@pytest.mark.anyio
async def test_the_thread_limiter_of_the_running_loop_is_replaced() -> None:
    limiter = anyio.CapacityLimiter(3)
    assert anyio_facts.replace_thread_limiter(limiter)
    assert anyio.to_thread.current_default_thread_limiter() is limiter


def test_opentelemetry_has_no_provider_before_one_is_set() -> None:
    opentelemetry.load_providers()
    assert not opentelemetry.is_observed()


def test_what_is_contextmanager_is_known() -> None:
    @contextmanager
    def plain(app: object) -> Iterator[None]:
        yield

    assert cpython.is_contextmanager(plain)
    assert not cpython.is_contextmanager(lifespan)


def test_the_event_loop_policy_is_found() -> None:
    assert isinstance(cpython.event_loop_policy(), asyncio.events.AbstractEventLoopPolicy)


def test_pythons_own_handlers_of_signals_are_known() -> None:
    seen: list[bool] = []

    async def look() -> None:
        seen.append(cpython.is_default_handler(signal.getsignal(signal.SIGINT)))

    asyncio.run(look())
    assert seen == [True]
    assert not cpython.is_default_handler(lambda number, frame: None)


def test_a_protocol_is_known() -> None:
    class Named(Protocol):
        name: str

    assert cpython.is_protocol(Named)
    assert not cpython.is_protocol(BaseModel)


def test_a_circular_import_is_known_by_its_text(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one_of_two.py").write_text("from two_of_two import a\n")
    (tmp_path / "two_of_two.py").write_text("from one_of_two import b\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError) as caught:
        __import__("one_of_two")
    assert error_texts.is_circular_import(caught.value, str(caught.value))


def test_fastapis_error_about_a_response_field_is_known_by_its_text() -> None:
    class Thing: ...

    app = FastAPI()
    with pytest.raises(Exception, match="Invalid args") as caught:

        @app.get("/")
        def show(thing: Thing) -> None: ...

    text = str(caught.value)
    assert error_texts.is_response_field_error(caught.value, text)
    assert error_texts.without_advice(text) != text


def test_a_model_of_pydantic_v1_is_known_by_its_module() -> None:
    base = type("BaseModel", (), {"__module__": "pydantic.v1.main"})
    assert pydantic.is_v1_model(type("Old", (base,), {}))
    assert not pydantic.is_v1_model(BaseModel)


def test_guests_are_known_by_the_names_of_their_classes() -> None:
    socket_io = type("ASGIApp", (), {"__module__": "engineio.async_drivers.asgi"})
    socket_io.__qualname__ = "ASGIApp"
    assert guests.wants_stripped_path(socket_io())
    assert not guests.forgets_prefix(socket_io())
    assert not guests.wants_stripped_path(FastAPI())


def test_uvicorns_lines_about_websockets_are_known() -> None:
    def record(message: str) -> logging.LogRecord:
        return logging.LogRecord("uvicorn.error", logging.INFO, "", 0, message, (), None)

    assert not uvicorn.hides_query(record('%s - "WebSocket %s" [accepted]'))
    given = logging.LogRecord("uvicorn.error", logging.INFO, "", 0, "%s connected to %s", ("me", "/ws?key=1"), None)
    assert not uvicorn.hides_query(given)
    assert uvicorn.hides_query(record("Application startup complete."))


def test_a_router_is_wrapped_and_stays_the_same_object() -> None:
    app = FastAPI(openapi_url=None)
    app.get("/mine")(lambda: "mine")
    router, asked = app.router, []

    def wrap(own: Any) -> Any:
        async def answer(scope: Any, receive: Any, send: Any) -> None:
            asked.append(scope["type"])
            await own(scope, receive, send)

        return answer

    starlette.wrap_router(router, wrap)
    with TestClient(app) as client:
        assert client.get("/mine").json() == "mine"
    assert app.router is router
    assert isinstance(router, APIRouter)
    assert asked == ["lifespan", "http"]


def test_an_app_has_a_lifespan_handlers_and_middleware_that_are_found() -> None:
    app = FastAPI(lifespan=lifespan, on_startup=[print], on_shutdown=[input])
    app.add_middleware(lambda app: app)
    assert starlette.lifespan_of(app.router) is lifespan
    assert starlette.startup_handlers(app.router) == [print, input]
    assert len(starlette.middleware_of(app)) == 1
