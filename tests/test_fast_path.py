"""The fast path to an app: whatever happens, it is as if all layers of the root had been walked."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI, HTTPException, Request, WebSocket
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.exceptions import WebSocketException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Host
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import composer
from composer._compat.releases import fast_path_is_on
from composer._dispatch.fast_path.root import Root

pytestmark = pytest.mark.anyio

ON = pytest.mark.skipif(not fast_path_is_on(), reason="COMPOSER_FAST_PATH=0")


class Nothing:
    """Middleware that does nothing: with it, all layers are walked."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Seen:
    """What a server sees of one request, and what the root's handlers are told."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.handled: list[str] = []
        self.error = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seen) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


START: Message = {"type": "http.response.start", "status": 201, "headers": []}


async def answers(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"{scope['root_path']} {scope['path']}")(scope, receive, send)


def raises(error: Exception, *, late: bool = False) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise LookupError("no lifespan")
        if late:
            await send(START)
        raise error

    return app


def inside(error: Exception) -> FastAPI:
    app = FastAPI()

    @app.get("/x")
    async def read() -> None:
        raise error

    return app


APPS: dict[str, ASGIApp] = {
    "one that answers": answers,
    "one that raises": raises(ZeroDivisionError("broken")),
    "one that raises late": raises(ZeroDivisionError("broken"), late=True),
    "one that raises what the root handles": raises(KeyError("known")),
    "one that raises late what the root handles": raises(KeyError("known"), late=True),
    "one that raises an HTTPException": raises(HTTPException(418, "a teapot")),
    "one that raises a late HTTPException": raises(HTTPException(418, "a teapot"), late=True),
    "one that closes a WebSocket by raising": raises(WebSocketException(1008)),
    "a FastAPI that raises": inside(ZeroDivisionError("broken")),
    "a FastAPI that raises what the root handles": inside(KeyError("known")),
    "a FastAPI that raises an HTTPException": inside(HTTPException(418, "a teapot")),
}


def with_handlers(root: FastAPI, seen: Seen) -> None:
    @root.exception_handler(KeyError)
    async def known(request: Request, error: Exception) -> JSONResponse:
        seen.handled.append(f"{request.url.path} known")
        return JSONResponse("known", 409)

    @root.exception_handler(Exception)
    def unknown(request: Request, error: Exception) -> JSONResponse:
        seen.handled.append(f"{request.url.path} {request.app is root}")
        return JSONResponse("unknown", 503)


async def ask(root: FastAPI, scope: Scope, seen: Seen) -> Seen:
    async def receive() -> Message:
        return {"type": "http.request" if scope["type"] == "http" else "websocket.connect"}

    async def send(message: Message) -> None:
        seen.sent.append(message)

    async with root.router.lifespan_context(root):
        try:
            await root(scope, receive, send)
        except Exception as error:
            seen.error = f"{error!r} from {error.__cause__!r}"
    return seen


async def seen_of(app: ASGIApp, path: str, kind: str, make: Callable[[], FastAPI | None], whole: bool) -> Seen:
    seen = Seen()
    root = composer.compose([composer.App("a", "/a", app=app)], root=make())
    if whole:
        root.add_middleware(Nothing)
    with_handlers(root, seen)
    return await ask(root, {"type": kind, "method": "GET", "path": path, "headers": [], "query_string": b""}, seen)


ROOTS: dict[str, Callable[[], FastAPI | None]] = {
    "composer's": lambda: None,
    "given": FastAPI,
    "debugging": lambda: FastAPI(debug=True),
}


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("app", APPS)
async def test_a_request_ends_as_if_all_layers_were_walked(app: str, kind: str, root: str) -> None:
    short, whole = [await seen_of(APPS[app], "/a/x", kind, ROOTS[root], whole) for whole in (False, True)]

    # The page that a debugging root makes of an error shows the way that it took.
    assert (short.handled, short.error) == (whole.handled, whole.error)
    assert [message["type"] for message in short.sent] == [message["type"] for message in whole.sent]
    assert root == "debugging" or short == whole
    assert short.sent or short.error


@pytest.mark.parametrize("path", ["/", "", "/nowhere", "/docs", "/docs/", "/livez", "/aa", "*", "//", "/docs/none"])
@pytest.mark.parametrize("root", ["composer's", "given"])
async def test_what_is_no_apps_is_answered_as_if_all_layers_were_walked(path: str, root: str) -> None:
    short, whole = [await seen_of(answers, path, "http", ROOTS[root], whole) for whole in (False, True)]

    assert short == whole
    assert short.sent


def composed(root: FastAPI | None = None, app: ASGIApp = answers) -> FastAPI:
    return composer.compose([composer.App("a", "/a", app=app)], root=root)


@pytest.mark.parametrize("given", ["composer's", "given"])
def test_middleware_that_is_added_after_the_build_sees_the_requests_of_apps(given: str) -> None:
    root = composed(ROOTS[given]())
    paths = []

    @root.middleware("http")
    async def note(request: Request, call_next: Callable[[Request], Awaitable[Any]]) -> Any:
        paths.append(request.url.path)
        return await call_next(request)

    with TestClient(root) as client:
        client.get("/a/x")
        client.get("/nowhere")
    assert paths == ["/a/x", "/nowhere"]


def test_a_stack_that_somebody_else_has_made_is_walked() -> None:
    root = composed()
    build, asked = root.build_middleware_stack, []

    def stack() -> ASGIApp:
        inner = build()

        async def note(scope: Scope, receive: Receive, send: Send) -> None:
            asked.append(scope.get("path"))
            await inner(scope, receive, send)

        return note

    root.build_middleware_stack = stack  # type: ignore[method-assign]
    with TestClient(root) as client:
        client.get("/a/x")
    assert asked == [None, "/a/x"]


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    call = Starlette.__call__

    async def note(self: Starlette, scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(f"{type(self).__name__} {scope.get('path')}")
        await call(self, scope, receive, send)

    monkeypatch.setattr(Starlette, "__call__", note)
    return asked


def test_an_instrumentation_that_has_replaced_the_call_of_starlette_sees_the_root(patched: list[str]) -> None:
    with TestClient(composed()) as client:
        client.get("/a/x")
    assert patched == ["Root None", "Root /a/x"]


@pytest.mark.parametrize("given", [False, True], ids=["composer's root", "a root given"])
@pytest.mark.parametrize(
    "kind", [FastAPI, Starlette, ServerErrorMiddleware, ExceptionMiddleware, AsyncExitStackMiddleware]
)
def test_an_instrumentation_that_replaces_a_call_while_the_server_starts_sees_every_request(
    kind: Any, given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As Sentry does where it is opened by a lifespan or a cornerstone.
    asked: list[str] = []
    call = kind.__call__

    async def note(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        await call(self, scope, receive, send)

    class Instrumentation:
        async def __aenter__(self) -> None:
            monkeypatch.setattr(kind, "__call__", note)

        async def __aexit__(self, *error: object) -> None: ...

    def create_cornerstone() -> Instrumentation:
        return Instrumentation()

    root = composer.compose(
        [composer.App("guest", "/guest", app=answers)],
        cornerstones=[composer.Cornerstone("instrumentation", create_cornerstone)],
        root=FastAPI() if given else None,
    )
    root.get("/own")(lambda: None)
    with TestClient(root) as client:
        client.get("/guest/x")
        client.get("/own")
    assert asked == ["/guest/x", "/own"]


@ON
def test_a_provider_that_is_set_while_the_server_serves_counts_from_the_next_request_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = composed()
    asked = []

    class Telemetry:
        def enabled(self) -> bool:
            asked.append("enabled")
            return False

    with TestClient(root) as client:
        client.get("/a/x")
        monkeypatch.setattr(root, "_native_telemetry", Telemetry())
        client.get("/a/x")
        before = list(asked)
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider())
        client.get("/a/x")
    assert (before, asked) == ([], ["enabled"])


def traced(exporter: InMemorySpanExporter) -> FastAPI:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    app = FastAPI(telemetry=cast(Any, {"tracer_provider": provider}))
    app.get("/x")(lambda: "x")
    return app


def around(app: FastAPI) -> FastAPI:
    outer = FastAPI()
    outer.mount("/in", app)
    return outer


def beneath(app: FastAPI) -> FastAPI:
    outer = FastAPI()
    outer.add_middleware(lambda _: app)
    return outer


@pytest.mark.parametrize("root", ["composer's", "given"])
@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda app: app, "/a/x"),
        (around, "/a/in/x"),
        (beneath, "/a/x"),
        (lambda app: composer.compose([composer.App("b", "/in", app=app)]), "/a/in/x"),
    ],
)
def test_an_app_with_a_provider_of_its_own_is_observed_wherever_it_is(
    wrap: Callable[[FastAPI], FastAPI], path: str, root: str
) -> None:
    exporter = InMemorySpanExporter()
    with TestClient(composed(ROOTS[root](), wrap(traced(exporter)))) as client:
        assert client.get(path).json() == "x"
    assert [span.kind for span in exporter.get_finished_spans() if span.kind is trace.SpanKind.SERVER] != []


def test_the_root_is_a_fastapi_whose_outermost_layer_is_the_one_that_instrumentations_look_for() -> None:
    for root in (composed(), composed(FastAPI())):
        with TestClient(root) as client:
            assert client.get("/a/x").text == "/a /a/x"
        assert isinstance(root, FastAPI)
        assert isinstance(root.middleware_stack, ServerErrorMiddleware)


@ON
def test_this_release_of_fastapi_has_no_layers_that_keep_the_short_way_closed() -> None:
    own, given = composed(), composed(FastAPI())
    with TestClient(own), TestClient(given):
        assert isinstance(own, Root)
        assert own.fast_path is not None
        assert type(given.middleware_stack) is type(own.fast_path)


def test_a_request_finds_the_routes_that_are_added_while_the_server_serves() -> None:
    root = composed()
    with TestClient(root) as client:
        assert client.get("/late").status_code == 404
        root.get("/late")(lambda: "here")
        assert client.get("/late").json() == "here"
        assert client.get("/later").status_code == 404
        root.get("/{name}")(lambda name: name)
        assert client.get("/later").json() == "later"


def test_a_handler_of_404_answers_for_unknown_paths_in_the_scope_that_the_roots_routes_leave() -> None:
    root = composed()

    @root.exception_handler(404)
    async def lost(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse([request.app is root, request.scope["router"] is root.router], 404)

    with TestClient(root) as client:
        assert client.get("/nowhere").json() == [True, True]


def test_a_root_finds_what_its_included_routers_hosts_mounts_and_frontends_answer(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("a page")
    inner = FastAPI()
    inner.get("/x")(lambda: "inner")
    router = FastAPI().router
    router.get("/routed/x")(lambda: "routed")
    ways: list[tuple[Callable[[FastAPI], Any], str, str]] = [
        (lambda root: root.include_router(router), "/routed/x", '"routed"'),
        (lambda root: root.mount("/mounted", inner), "/mounted/x", '"inner"'),
        (lambda root: root.router.routes.append(Host("testserver", inner)), "/x", '"inner"'),
        (lambda root: root.frontend("/", directory=tmp_path), "/page.html", "a page"),
    ]
    for add, path, answer in ways:
        root = composed()
        with TestClient(root) as client:
            assert client.get(path).status_code == 404
            add(root)
            assert client.get(path).text == answer


def test_the_app_at_the_root_still_comes_after_the_roots_own_routes() -> None:
    root = composer.compose([composer.App("all", "/", app=answers)])
    root.get("/own")(lambda: "own")
    with TestClient(root) as client:
        assert [client.get(path).text for path in ("/own", "/x", "/")] == ['"own"', " /x", " /"]


def test_a_websocket_of_an_app_is_served_on_the_short_way() -> None:
    app = FastAPI()

    @app.websocket("/ws/{room}")
    async def talk(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        await websocket.send_text(str(websocket.url_for("talk", room=room)))
        await websocket.close()

    with TestClient(composed(app=app)) as client, client.websocket_connect("/a/ws/1") as socket:
        assert socket.receive_text() == "ws://testserver/a/ws/1"


@ON
def test_an_app_that_nobody_observes_is_told_so_also_with_its_pages() -> None:
    app = FastAPI()

    @app.get("/told")
    async def told(request: Request) -> bool:
        # FastAPI's own word for it; without it, it would look for OpenTelemetry's providers on each request.
        return "fastapi.telemetry" in request.scope

    with TestClient(composer.compose([composer.App("a", "/a", app=app)])) as client:
        assert client.get("/a/told").json() is True
        assert client.get("/a/docs").status_code == 200
