"""One line for each request: what stands in it, what never does, and how `composer serve` shows it."""

import asyncio
import json
import logging
import os
import pty
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from subprocess import run
from typing import Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, BackgroundTasks, FastAPI, Request, WebSocket, WebSocketException
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from websockets.sync.client import connect

import composer
from tests.conftest import Project as WriteProject
from tests.serving import REPOSITORY, Server, serving

CANARY = "hunter2"
ID = "X-Request-ID"
MADE = r"^[0-9a-f]{32}$"


class Lines(logging.Handler):
    """What the logger of requests is told."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def all(self) -> list[dict[str, Any]]:
        """Return the fields of each line."""
        names = ("app", "route", "method", "status", "ms", "request_id", "code", "error")
        return [{name: vars(record)[name] for name in names if hasattr(record, name)} for record in self.records]

    @property
    def last(self) -> dict[str, Any]:
        """The fields of the only line since it was last asked for."""
        [line] = self.all()
        self.records.clear()
        return line


@pytest.fixture
def lines() -> Iterator[Lines]:
    logger, found = logging.getLogger("composer.request"), Lines()
    logger.addHandler(found)
    logger.setLevel(logging.INFO)
    yield found
    logger.removeHandler(found)
    logger.setLevel(logging.NOTSET)
    structlog.contextvars.clear_contextvars()


def breaking() -> FastAPI:
    app = FastAPI()

    @app.get("/break/{how}")
    async def fail(how: str) -> None:
        raise ValueError(CANARY)

    @app.get("/late/break")
    async def fail_late() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"begun"
            raise ValueError(CANARY)

        return StreamingResponse(body())

    return app


def notes() -> FastAPI:
    app, router, inner = breaking(), APIRouter(), FastAPI()

    @app.get("/{note_id}")
    async def read(note_id: str) -> dict[str, str]:
        structlog.contextvars.bind_contextvars(user="ada")
        return structlog.contextvars.get_contextvars()

    @app.post("/")
    def add() -> None:
        """Answer in a thread."""

    @router.get("/{tag}/count")
    async def count(tag: str) -> int:
        return 0

    @inner.get("/{page}")
    async def page(page: str) -> str:
        return page

    @app.websocket("/socket/{room}")
    async def socket(websocket: WebSocket, room: str) -> None:
        if room == "closed":
            raise WebSocketException(1008)
        await websocket.accept()
        if room == "broken":
            raise ValueError(CANARY)
        try:
            await websocket.receive_text()
            await websocket.close(4000)
        except WebSocketDisconnect:
            pass

    app.include_router(router, prefix="/tags")
    app.mount("/pages/{shelf}", inner)
    return app


def stars() -> Starlette:
    async def star(request: Request) -> PlainTextResponse:
        return PlainTextResponse("a star", headers={ID: "its-own"})

    return Starlette(routes=[Route("/{name}", star), Mount("/far", routes=[Route("/{name}/{more}", star)])])


async def plain(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"].endswith("/silent") or scope["type"] == "lifespan":
        return
    await PlainTextResponse("plain")(scope, receive, send)


def composed(**how: Any) -> FastAPI:
    return composer.compose(
        [
            composer.App("notes", "/v1/notes", notes),
            composer.App("stars", "/stars", stars),
            composer.App("p", "/p", app=plain),
        ],
        **how,
    )


@pytest.fixture
def client(lines: Lines) -> Iterator[TestClient]:
    with TestClient(composed(), raise_server_exceptions=False) as client:
        yield client


def test_a_request_has_one_line_with_all_that_is_seen_of_it(client: TestClient, lines: Lines) -> None:
    before = time.perf_counter()
    answer = client.get("/v1/notes/7", headers={ID: "of-the-caller.1"})
    passed = time.perf_counter() - before

    line = lines.last
    assert 0 < line.pop("ms") <= round(passed * 1000, 2)
    assert line == {
        "app": "notes",
        "route": "/v1/notes/{note_id}",
        "method": "GET",
        "status": 200,
        "request_id": "of-the-caller.1",
    }
    assert answer.headers.get_list(ID) == ["of-the-caller.1"]


@pytest.mark.parametrize(
    ("method", "path", "app", "route", "status"),
    [
        ("POST", "/v1/notes/", "notes", "/v1/notes/", 200),
        ("PUT", "/v1/notes/7", "notes", "/v1/notes/{note_id}", 405),
        ("BREW", "/v1/notes/7", "notes", "/v1/notes/{note_id}", 405),
        ("GET", "/v1/notes/tags/a/count", "notes", "/v1/notes/tags/{tag}/count", 200),
        ("GET", "/v1/notes/pages/top/3", "notes", "/v1/notes/pages/{shelf}/{page}", 200),
        ("GET", "/v1/notes/pages/top/3/4", "notes", "/v1/notes/pages/{shelf}/{path}", 404),
        ("GET", "/v1/notes/no/such/path", "notes", None, 404),
        ("GET", "/v1/notes/docs", "notes", "/v1/notes/docs", 200),
        ("GET", "/v1/notes/docs/assets/docs.js", "notes", "/v1/notes/docs/assets/{name}", 200),
        ("GET", "/stars/vega", "stars", "/stars/{name}", 200),
        ("GET", "/stars/far/vega/1", "stars", "/stars/far/{name}/{more}", 200),
        ("GET", "/p/anything", "p", None, 200),
        ("GET", "/p/silent", "p", None, 500),
        ("GET", "/nowhere", None, None, 404),
        ("GET", "/docs", None, "/docs", 200),
        ("GET", "/readyz", None, "/readyz", 200),
    ],
)
def test_the_route_is_its_template_with_the_apps_prefix(
    client: TestClient, lines: Lines, method: str, path: str, app: str | None, route: str | None, status: int
) -> None:
    client.request(method, path)

    line = lines.last
    assert (line["app"], line["route"], line["status"]) == (app, route, status)
    assert line["method"] == ("_OTHER" if method == "BREW" else method)


@pytest.mark.parametrize("sent", ["", "a b", "line\tbreak", "x" * 129, "na\u00efve", "<script>"])
def test_an_id_that_is_not_sane_is_replaced(client: TestClient, lines: Lines, sent: str) -> None:
    answer = client.get("/v1/notes/7", headers={ID.encode(): sent.encode("latin-1")})

    assert answer.headers[ID] == lines.last["request_id"]
    assert re.fullmatch(MADE, answer.headers[ID])


def test_ids_that_are_made_differ(client: TestClient) -> None:
    assert len({client.get("/v1/notes/7").headers[ID] for _ in range(10)}) == 10


def test_an_id_that_the_app_itself_sends_stays(client: TestClient) -> None:
    assert client.get("/stars/vega", headers={ID: "of-the-caller"}).headers.get_list(ID) == ["its-own"]


@pytest.mark.parametrize("path", ["/nowhere", "/readyz", "/docs", "/v1/notes/no/such/path", "/v1/notes/break/x"])
def test_every_response_carries_its_id(client: TestClient, path: str) -> None:
    assert re.fullmatch(MADE, client.get(path).headers[ID])


def test_a_response_before_any_start_carries_its_id(lines: Lines) -> None:
    client = TestClient(composed())
    first, second = (client.get("/v1/notes/7").headers[ID] for _ in range(2))

    assert first != second
    assert [(line["app"], line["status"]) for line in lines.all()] == [("notes", 503), ("notes", 503)]


def test_an_app_that_raises_has_status_500_and_the_type_of_its_error(client: TestClient, lines: Lines) -> None:
    answer = client.get("/v1/notes/break/x")

    assert lines.records[0].levelno == logging.ERROR
    line = lines.last
    assert (line["status"], line["error"], line["route"]) == (500, "ValueError", "/v1/notes/break/{how}")
    assert (answer.status_code, answer.headers[ID]) == (500, line["request_id"])


def test_a_response_that_breaks_after_its_start_keeps_its_status(client: TestClient, lines: Lines) -> None:
    client.get("/v1/notes/late/break")

    line = lines.last
    assert (line["status"], line["error"]) == (200, "ValueError")


@pytest.mark.anyio
async def test_a_request_that_is_cancelled_before_its_response_has_a_line_without_a_status(lines: Lines) -> None:
    begun = asyncio.Event()

    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.sleep(60)

    root = FastAPI()
    root.mount("/hang", hang)
    composer.compose([], root=root)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(root), base_url="http://test") as client:
        asking = asyncio.create_task(client.get("/hang/"))
        await asyncio.wait_for(begun.wait(), 10)
        asking.cancel()
        await asyncio.wait({asking})

    line = lines.last
    assert (line["status"], line["error"]) == (None, "CancelledError")


def test_the_line_holds_no_query_no_header_no_body_and_no_value_of_the_path(client: TestClient, lines: Lines) -> None:
    headers = {"Authorization": CANARY, "X-Other": CANARY}
    client.post(f"/v1/notes/?token={CANARY}", content=CANARY, headers=headers)
    client.get(f"/v1/notes/{CANARY}?token={CANARY}")
    client.get(f"/v1/notes/pages/{CANARY}/{CANARY}")
    client.get(f"/{CANARY}")
    client.get(f"/v1/notes/break/{CANARY}")
    client.request(CANARY, "/v1/notes/7")

    assert len(lines.records) == 6
    assert CANARY not in "".join(f"{record.getMessage()}{vars(record)}" for record in lines.records)


def test_a_websocket_has_one_line_when_it_ends(client: TestClient, lines: Lines) -> None:
    with client.websocket_connect("/v1/notes/socket/one", headers={ID: "of-the-caller"}) as socket:
        assert lines.all() == []
        assert "of-the-caller" in str(socket.extra_headers)
        socket.send_text("bye")

    line = lines.last
    assert (line["app"], line["route"], line["method"]) == ("notes", "/v1/notes/socket/{room}", "WEBSOCKET")
    assert (line["status"], line["code"], line["request_id"]) == (101, 4000, "of-the-caller")


def test_a_websocket_that_the_client_closes_has_the_clients_code(client: TestClient, lines: Lines) -> None:
    with client.websocket_connect("/v1/notes/socket/one") as socket:
        socket.close(3001)

    assert (lines.last["code"]) == 3001


def test_a_websocket_that_is_refused_has_status_403(client: TestClient, lines: Lines) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/v1/notes/socket/closed"):
        pass

    line = lines.last
    assert (line["status"], line["code"]) == (403, 1008)


def test_a_websocket_whose_app_raises_names_the_error(client: TestClient, lines: Lines) -> None:
    with pytest.raises(ValueError, match=CANARY), client.websocket_connect("/v1/notes/socket/broken") as socket:
        socket.receive_text()

    line = lines.last
    assert (line["status"], line["error"]) == (101, "ValueError")


def test_the_id_and_the_app_are_bound_while_the_request_is_served(client: TestClient) -> None:
    bound = client.get("/v1/notes/7", headers={ID: "one"}).json()

    assert bound == {"request_id": "one", "app": "notes", "user": "ada"}


@pytest.mark.anyio
async def test_what_a_request_binds_is_gone_after_it_and_what_was_bound_before_is_back(lines: Lines) -> None:
    # An app may ask another one in its own task, so that both share a context.
    structlog.contextvars.bind_contextvars(request_id="outer", job="nightly")
    root = composed()
    async with (
        root.router.lifespan_context(root),
        httpx.AsyncClient(transport=httpx.ASGITransport(root), base_url="http://test") as client,
    ):
        inner = (await client.get("/v1/notes/7")).json()

    assert structlog.contextvars.get_contextvars() == {"request_id": "outer", "job": "nightly"}
    assert sorted(inner) == ["app", "request_id", "user"]


def test_middleware_of_the_root_that_answers_itself_has_a_line(lines: Lines) -> None:
    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("no", 401)(scope, receive, send)

    root = composed()
    root.add_middleware(lambda app: guard)
    TestClient(root).get("/v1/notes/7")

    line = lines.last
    assert (line["app"], line["route"], line["status"]) == (None, None, 401)


def test_middleware_that_runs_the_app_in_another_task_hides_nothing_of_it(lines: Lines) -> None:
    class Around(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Any:
            return await call_next(request)

    root = composed()
    root.add_middleware(Around)
    with TestClient(root) as client:
        client.get("/v1/notes/7")

    assert lines.last["route"] == "/v1/notes/{note_id}"


def test_a_composition_in_a_composition_has_one_line_with_the_whole_route(lines: Lines) -> None:
    outer = composer.compose([composer.App("old", "/old", composed), composer.App("new", "/new", FastAPI)])
    with TestClient(outer) as client:
        answer = client.get("/old/v1/notes/7")

    line = lines.last
    assert (line["app"], line["route"]) == ("old", "/old/v1/notes/{note_id}")
    assert answer.headers.get_list(ID) == [line["request_id"]]


def test_the_probe_of_a_composition_in_a_composition_has_the_whole_route(lines: Lines) -> None:
    outer = composer.compose([composer.App("old", "/old", composed)])
    with TestClient(outer) as client:
        client.get("/old/livez")
        client.get("/livez")

    assert [(line["app"], line["route"]) for line in lines.all()] == [("old", "/old/livez"), (None, "/livez")]


def test_the_root_path_of_the_server_is_no_part_of_the_route(lines: Lines) -> None:
    with TestClient(composed(), root_path="/api") as client:
        client.get("/api/v1/notes/7")
        client.get("/api/docs")

    assert [line["route"] for line in lines.all()] == ["/v1/notes/{note_id}", "/docs"]


def test_background_tasks_are_no_part_of_the_time(lines: Lines) -> None:
    app = FastAPI()
    begun: list[float] = []

    def background() -> None:
        begun.append(time.perf_counter())
        time.sleep(0.1)

    @app.get("/")
    def answer(tasks: BackgroundTasks) -> None:
        tasks.add_task(background)

    with TestClient(composer.compose([composer.App("a", "/a", app)])) as client:
        before = time.perf_counter()
        client.get("/a/")

    assert lines.last["ms"] <= round((begun[0] - before) * 1000, 2)


def test_a_log_that_is_disabled_when_the_server_starts_has_no_layer() -> None:
    root = composed()
    with TestClient(root) as client:
        answer = client.get("/v1/notes/7")

    assert answer.status_code == 200
    assert ID not in answer.headers
    assert type(root.middleware_stack) is type(FastAPI().build_middleware_stack())


def test_settings_turn_it_off(project: WriteProject, lines: Lines) -> None:
    root = project({"settings.toml": "[composer]\nrequest_log = false", "apps/__init__.py": ""})
    TestClient(composer.build(root / "settings.toml")).get("/readyz")

    assert lines.all() == []


def test_building_and_serving_configures_no_logging_and_prints_nothing() -> None:
    code = (
        "import logging, structlog, composer\n"
        "from starlette.testclient import TestClient\n"
        "with TestClient(composer.compose([])) as client: client.get('/readyz')\n"
        "assert not logging.getLogger().handlers and not structlog.is_configured()\n"
        "assert not logging.getLogger('composer').handlers and not logging.getLogger('composer.request').handlers\n"
    )
    ended = run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_the_text_for_other_loggers_says_what_is_seen(client: TestClient, lines: Lines) -> None:
    client.get("/v1/notes/7", headers={ID: "one"})

    [record] = lines.records
    assert re.fullmatch(r"GET /v1/notes/\{note_id\} 200 in [0-9.]+ ms, app notes, request one", record.getMessage())


PROJECT = {
    # Not by the names of the repository's own packages, which the server could import too.
    "settings.toml": "[composer]\napps = ['endpoints']\ncornerstones = []",
    "endpoints/notes.py": f"""
        import logging
        import httpx, structlog
        from fastapi import FastAPI, WebSocket

        def create_app():
            app = FastAPI()

            @app.get("/{{note_id}}")
            async def read(note_id: str):
                structlog.get_logger().info("read", note=note_id)
                logging.getLogger(__name__).warning("careful")
                logging.getLogger(__name__).info("not shown")
                return note_id

            @app.get("/break/all")
            async def fail():
                secret = "{CANARY}"
                logging.getLogger(__name__).info("not shown")
                raise LookupError("gone")

            @app.websocket("/socket")
            async def socket(websocket: WebSocket):
                await websocket.accept()
                await websocket.close()

            return app
        """,
}


def asked(server: Server) -> list[str]:
    """Ask the project for everything that it has, end it, and return the lines that it printed."""
    server.wait_until_ready()
    httpx.get(f"{server.url}/notes/7?token={CANARY}", headers={ID: "one"})
    httpx.get(f"{server.url}/notes/break/all", headers={ID: "two"})
    with connect(f"{server.url.replace('http', 'ws')}/notes/socket?token={CANARY}"):
        pass
    server.stop()
    return server.output.splitlines()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_in_production_everything_that_is_printed_is_json(project: WriteProject, tmp_path: Path, workers: str) -> None:
    arguments = ["composer", "serve", "--port", "{port}", "--workers", workers]
    with serving(arguments, project(PROJECT), tmp_path / "log", {"COMPOSER_ENV": "production"}) as server:
        events = [json.loads(line) for line in asked(server)]

    assert all({"event", "level", "timestamp"} <= event.keys() for event in events)
    assert CANARY not in server.output
    one = [event for event in events if event.get("request_id") == "one"]
    assert [(event["event"], event["level"], event["app"]) for event in one] == [
        ("read", "info", "notes"),
        ("careful", "warning", "notes"),
        ("request", "info", "notes"),
    ]
    [two] = [event for event in events if event.get("request_id") == "two" and event["event"] == "request"]
    assert (two["level"], two["status"], two["error"]) == ("error", 500, "LookupError")
    assert [event["status"] for event in events if event.get("method") == "WEBSOCKET"] == [101]
    # The traceback is there, once, and told by the server.
    assert [event["logger"] for event in events if "exception" in event] == ["uvicorn.error"]


def test_other_servers_print_no_line_without_a_configuration_of_logging(project: WriteProject, tmp_path: Path) -> None:
    root = project({**PROJECT, "asgi.py": "import composer\napp = composer.build()\n"})
    with serving(["uvicorn", "asgi:app", "--port", "{port}", "--no-access-log"], root, tmp_path / "log") as server:
        printed = asked(server)

    assert [line for line in printed if "request" in line and "/notes/{note_id}" in line] == []


def test_a_terminal_gets_lines_for_people_without_the_values_of_variables(tmp_path: Path) -> None:
    script = tmp_path / "terminal.py"
    script.write_text(
        "import logging\n"
        "from composer._cli.log import configure_logging\n"
        "configure_logging()\n"
        f"secret = '{CANARY}'\n"
        "try: int('x')\n"
        "except ValueError: logging.getLogger('composer').exception('no number')\n"
    )
    end, terminal = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "COMPOSER_ENV"}
    run([sys.executable, str(script)], cwd=REPOSITORY, stderr=terminal, env=environment, check=True)
    os.close(terminal)
    printed = os.read(end, 100_000).decode()
    os.close(end)

    assert "no number" in printed
    assert "ValueError" in printed
    assert not printed.lstrip().startswith("{")
    assert CANARY not in printed
