"""The spans that FastAPI makes of requests: each names its app, and its route with the app's prefix."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import composer
from composer import Shared
from tests.serving import REPOSITORY


class Spans:
    """A provider of FastAPI's, and what it was given."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        """All spans that have ended."""
        return self.exporter.get_finished_spans()

    @property
    def of_requests(self) -> list[tuple[str, Any, Any]]:
        """The name, the app and the route of each request's own span."""
        servers = [span for span in self.all if span.kind is SpanKind.SERVER]
        rows = [(span.name, span.attributes or {}) for span in servers]
        return [(name, row.get("composer.app"), row.get("http.route")) for name, row in rows]


class Tracing:
    """A cornerstone whose hook makes a span of its own."""

    def __init__(self, spans: Spans) -> None:
        self._tracer = spans.provider.get_tracer("hook")

    @contextmanager
    def around_request(self, connection: HTTPConnection) -> Iterator[None]:
        with self._tracer.start_as_current_span("hook"):
            yield


@pytest.fixture
def spans() -> Spans:
    return Spans()


def notes() -> FastAPI:
    app, router, inner = FastAPI(), APIRouter(), FastAPI()

    @app.get("/{note_id}")
    async def read(note_id: str, tracing: Shared[Tracing]) -> str:
        return note_id

    @router.get("/{tag}/count")
    def count(tag: str) -> int:
        return 0

    @inner.get("/{page}")
    async def page(page: str) -> str:
        return page

    @app.get("/break/all")
    async def fail() -> None:
        raise ValueError("broken")

    @app.websocket("/socket/{room}")
    async def socket(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        await websocket.close()

    app.include_router(router, prefix="/tags")
    app.mount("/pages", inner)
    return app


def stars() -> Starlette:
    return Starlette(routes=[Route("/{name}", lambda request: PlainTextResponse("a star"))])


def composed(spans: Spans, **telemetry: Any) -> FastAPI:
    def tracing() -> Tracing:
        return Tracing(spans)

    return composer.compose(
        [composer.App("notes", "/v1/notes", notes), composer.App("stars", "/stars", stars)],
        cornerstones=[composer.Cornerstone("tracing", tracing)],
        root=FastAPI(telemetry=cast(Any, {"tracer_provider": spans.provider, **telemetry})),
    )


@pytest.fixture
def client(spans: Spans) -> Iterator[TestClient]:
    with TestClient(composed(spans), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "name", "app", "route"),
    [
        ("/v1/notes/7", "GET /v1/notes/{note_id}", "notes", "/v1/notes/{note_id}"),
        ("/v1/notes/tags/a/count", "GET /v1/notes/tags/{tag}/count", "notes", "/v1/notes/tags/{tag}/count"),
        ("/v1/notes/pages/3", "GET /v1/notes/pages/{page}", "notes", "/v1/notes/pages/{page}"),
        ("/v1/notes/break/all", "GET /v1/notes/break/all", "notes", "/v1/notes/break/all"),
        # As FastAPI has it for its own mounts: what is behind them is no route of its own.
        ("/v1/notes/no/such/path", "GET /v1/notes/{path}", "notes", "/v1/notes/{path}"),
        ("/stars/vega", "GET /stars/{path}", "stars", "/stars/{path}"),
        ("/docs", "GET /docs", None, "/docs"),
        ("/readyz", "GET", None, None),
        ("/nowhere", "GET", None, None),
    ],
)
def test_a_request_has_one_span_that_names_its_app_and_its_route(
    client: TestClient, spans: Spans, path: str, name: str, app: str | None, route: str | None
) -> None:
    client.get(path)

    assert spans.of_requests == [(name, app, route)]


def test_a_websocket_has_one_span_that_names_its_app_and_its_route(client: TestClient, spans: Spans) -> None:
    with client.websocket_connect("/v1/notes/socket/one"):
        pass

    assert spans.of_requests == [("WS /v1/notes/socket/{room}", "notes", "/v1/notes/socket/{room}")]


def test_an_app_that_is_not_up_is_named_too(spans: Spans) -> None:
    TestClient(composed(spans)).get("/v1/notes/7")

    assert spans.of_requests == [("GET /v1/notes/{path}", "notes", "/v1/notes/{path}")]


def test_the_root_path_of_the_server_stands_before_the_route_once(spans: Spans) -> None:
    with TestClient(composed(spans), root_path="/api") as client:
        client.get("/api/v1/notes/7")

    assert spans.of_requests == [("GET /api/v1/notes/{note_id}", "notes", "/api/v1/notes/{note_id}")]


def test_a_hook_runs_within_the_requests_span_and_the_handler_within_the_hooks(
    client: TestClient, spans: Spans
) -> None:
    client.get("/v1/notes/7")

    by_name = {span.name: span for span in spans.all}
    request, hook, handler = (by_name[name] for name in ("GET /v1/notes/{note_id}", "hook", "fastapi.endpoint"))
    assert hook.parent is not None
    assert hook.parent.span_id == request.context.span_id
    assert handler.parent is not None
    assert handler.parent.span_id == hook.context.span_id
    assert len({span.context.trace_id for span in spans.all}) == 1


def test_a_span_goes_on_with_the_callers_trace(client: TestClient, spans: Spans) -> None:
    caller = "0af7651916cd43dd8448eb211c80319c"
    client.get("/v1/notes/7", headers={"traceparent": f"00-{caller}-b7ad6b7169203331-01"})

    assert {f"{span.context.trace_id:032x}" for span in spans.all} == {caller}


def test_requests_that_are_excluded_make_no_span(spans: Spans) -> None:
    root = composed(spans, exclude=lambda scope: scope["path"].startswith("/v1/notes"))
    with TestClient(root) as client:
        assert client.get("/v1/notes/7").status_code == 200
        client.get("/stars/vega")

    assert [app for _, app, _ in spans.of_requests] == ["stars"]


def test_with_no_provider_nothing_is_traced_and_no_sdk_is_loaded() -> None:
    code = (
        "import sys, composer\n"
        "from fastapi import FastAPI\n"
        "from starlette.testclient import TestClient\n"
        "with TestClient(composer.compose([composer.App('a', '/a', FastAPI)])) as client:\n"
        "    assert client.get('/a/docs').status_code == 200\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry.sdk')]\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert not trace.get_current_span().is_recording()
