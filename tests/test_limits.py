"""What one app may take: requests at once, time until its response starts, bytes of a request's body."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import to_thread
from fastapi import FastAPI, Request, Response, UploadFile, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware.base import RequestResponseEndpoint
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from websockets.exceptions import ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

import composer
from composer._stack.hooks import with_hooks
from composer._stack.limits import Limits, limited
from tests.conftest import Project as WriteProject
from tests.serving import REPOSITORY, Server, serving

pytestmark = pytest.mark.anyio

# What the server's blocking handlers wait for, and no longer than a test may take.
RELEASE = threading.Event()


def served() -> FastAPI:
    """Compose what the tests below ask over a real socket."""
    blocking = composer.App("blocking", "/blocking", blocking_app, max_concurrency=2, request_timeout=0.3)
    small = composer.App("small", "/small", reading_app, max_body_size=1000)
    free = composer.App("free", "/free", free_app)
    return composer.compose([blocking, small, free])


def served_with_middleware() -> FastAPI:
    """Compose the same, under a middleware that hands each message on from a task of its own."""
    root = served()

    @root.middleware("http")
    async def mark(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-marked"] = "yes"
        return response

    return root


def blocking_app() -> FastAPI:
    app = FastAPI()

    @app.get("/block")
    def block() -> str:
        RELEASE.wait(20)
        return "done"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(ticks(), media_type="text/event-stream")

    @app.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive_text()
        await socket.close()

    return app


async def ticks() -> AsyncIterator[str]:
    for number in range(4):
        yield f"data: {number}\n\n"
        await asyncio.sleep(0.2)


def free_app() -> FastAPI:
    app = FastAPI()

    @app.post("/release")
    async def release() -> None:
        RELEASE.set()
        await asyncio.sleep(0.1)
        RELEASE.clear()

    return app


class Thing(BaseModel):
    text: str


def reading_app() -> FastAPI:
    """Return an app whose handlers read their bodies in all the ways there are."""
    app = FastAPI()

    @app.post("/model")
    async def model(thing: Thing) -> int:
        return len(thing.text)

    @app.post("/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    @app.post("/stream")
    async def stream(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    @app.post("/form")
    async def form(request: Request) -> int:
        async with request.form() as fields:
            return len(fields)

    @app.post("/file")
    def file(file: UploadFile) -> int:
        return file.size or 0

    @app.post("/unread")
    async def unread() -> str:
        return "not looked at"

    return app


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    arguments = ["uvicorn", "--factory", "tests.test_limits:served", "--port", "{port}"]
    with serving(arguments, REPOSITORY, tmp_path_factory.mktemp("limits") / "log") as running:
        running.wait_until_ready()
        yield running


@contextmanager
def raw(server: Server, head: str) -> Iterator[socket.socket]:
    """Open a connection, and send the lines of a request's head."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*head.splitlines(), "Host: test", "", ""]).encode())
        yield connection


def received(connection: socket.socket) -> tuple[str, dict[str, str], Any]:
    """Read one response: the status line, the headers, and the body as JSON."""
    file = connection.makefile("rb")
    status = file.readline().decode().strip()
    pairs = [line.decode().strip().split(": ", 1) for line in iter(file.readline, b"\r\n")]
    headers = {name.lower(): value for name, value in pairs}
    return status, headers, json.loads(file.read(int(headers["content-length"])))


def assert_problem(answer: httpx.Response, status: int, title: str, detail: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"type": "about:blank", "title": title, "status": status, "detail": detail}
    assert answer.status_code == status


def assert_told_to_come_back(url: str) -> None:
    """Assert that a client which opens a WebSocket hears why it can't, and when to try again."""
    with pytest.raises(InvalidStatus) as refused:
        connect(url)
    response = refused.value.response
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.headers["content-type"] == "application/problem+json"
    detail = "The app has reached its limit of concurrent requests."
    assert json.loads(response.body or b"")["detail"] == detail


def assert_too_large(status: str, headers: dict[str, str], body: Any) -> None:
    assert status.startswith("HTTP/1.1 413")
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert body["detail"] == "The request body exceeds the limit of 1000 bytes."


# Over a real socket


def test_a_body_that_is_declared_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    with raw(server, "POST /small/body HTTP/1.1\nContent-Length: 10000000000") as connection:
        connection.sendall(b"the first bytes")
        assert_too_large(*received(connection))
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""


def test_a_client_that_asks_before_it_sends_is_told_not_to(server: Server) -> None:
    head = "POST /small/body HTTP/1.1\nContent-Length: 1001\nExpect: 100-continue"
    with raw(server, head) as connection:
        assert_too_large(*received(connection))


@pytest.mark.parametrize("path", ["model", "body", "stream"])
def test_a_body_of_unknown_length_is_refused_as_soon_as_it_is_too_large(server: Server, path: str) -> None:
    with raw(server, f"POST /small/{path} HTTP/1.1\nTransfer-Encoding: chunked") as connection:
        for _ in range(3):
            connection.sendall(b"190\r\n" + b"x" * 400 + b"\r\n")
        assert_too_large(*received(connection))


def test_a_connection_whose_client_never_ends_is_closed_after_a_while(server: Server) -> None:
    with raw(server, "POST /small/body HTTP/1.1\nContent-Length: 2000") as connection:
        assert_too_large(*received(connection))
        assert connection.recv(100) == b""


def test_a_client_that_sends_all_before_it_reads_sees_the_answer(server: Server) -> None:
    for content in (b"x" * 20_000_000, iter([b"x" * 50_000] * 400)):
        answer = httpx.post(f"{server.url}/small/body", content=content)
        assert_problem(answer, 413, "Content Too Large", "The request body exceeds the limit of 1000 bytes.")


def test_a_body_is_refused_under_a_middleware_of_the_root_too(tmp_path: Path) -> None:
    arguments = ["uvicorn", "--factory", "tests.test_limits:served_with_middleware", "--port", "{port}"]
    with serving(arguments, REPOSITORY, tmp_path / "log") as server:
        server.wait_until_ready()
        for content in (b"x" * 2000, iter([b"x" * 500] * 4), b"x" * 5_000_000):
            answer = httpx.post(f"{server.url}/small/body", content=content)
            assert_problem(answer, 413, "Content Too Large", "The request body exceeds the limit of 1000 bytes.")
            assert answer.headers["x-marked"] == "yes"
        assert httpx.post(f"{server.url}/small/body", content=b"x" * 1000).json() == 1000
        assert "Traceback" not in server.output


@pytest.mark.parametrize("compose", [served, served_with_middleware])
def test_a_test_client_sees_the_whole_refusal(compose: Callable[[], FastAPI]) -> None:
    with TestClient(compose()) as client:
        for content in (b"x" * 2000, iter([b"x" * 500] * 4)):
            answer = client.post("/small/body", content=content)
            assert answer.json()["detail"] == "The request body exceeds the limit of 1000 bytes."
            assert answer.status_code == 413


def test_refused_bodies_leave_nothing_in_the_log(server: Server) -> None:
    httpx.post(f"{server.url}/small/stream", content=iter([b"x" * 2000]))
    assert "Traceback" not in server.output


def test_a_blocking_handler_is_answered_for_in_time_and_keeps_its_place(server: Server) -> None:
    with httpx.Client(base_url=server.url) as client:
        for _ in range(2):
            answer = client.get("/blocking/block")
            assert_problem(answer, 504, "Gateway Timeout", "The app did not answer within 0.3 seconds.")
        full = client.get("/blocking/block")
        assert_problem(full, 503, "Service Unavailable", "The app has reached its limit of concurrent requests.")
        assert full.headers["retry-after"] == "1"
        assert_told_to_come_back(f"ws://127.0.0.1:{server.port}/blocking/ws")
        client.post("/free/release")
        assert client.get("/blocking/stream").status_code == 200
    assert "Traceback" not in server.output


def test_a_response_that_has_started_is_not_cut(server: Server) -> None:
    answer = httpx.get(f"{server.url}/blocking/stream")
    assert answer.text == "".join(f"data: {number}\n\n" for number in range(4))


def test_an_open_websocket_counts_and_is_under_no_timeout(server: Server) -> None:
    url = f"ws://127.0.0.1:{server.port}/blocking/ws"
    with connect(url) as first, connect(url) as second:
        assert httpx.get(f"{server.url}/blocking/stream").status_code == 503
        assert_told_to_come_back(url)
        # Longer than a request may take.
        threading.Event().wait(0.5)
        for each in (first, second):
            each.send("end")
            with pytest.raises(ConnectionClosedOK):
                each.recv(timeout=10)
    assert httpx.get(f"{server.url}/blocking/stream").status_code == 200


@pytest.mark.parametrize("implementation", ["websockets", "websockets-sansio", "wsproto"])
def test_a_refused_websocket_is_told_so_by_each_implementation_of_the_server(
    implementation: str, tmp_path: Path
) -> None:
    if implementation == "wsproto":
        pytest.importorskip("wsproto")
    arguments = ["uvicorn", "--factory", "tests.test_limits:served", "--port", "{port}", "--ws", implementation]
    with serving(arguments, REPOSITORY, tmp_path / "log") as server:
        server.wait_until_ready()
        url = f"ws://127.0.0.1:{server.port}/blocking/ws"
        with connect(url), connect(url):
            assert_told_to_come_back(url)


# Without a server


def test_an_app_at_its_limit_stays_in_the_merged_document() -> None:
    document = {"openapi": "3.1.0", "info": {"title": "Guest", "version": "1"}, "paths": {"/items": {"get": {}}}}
    came, end = threading.Event(), threading.Event()

    def wait(request: Request) -> Response:
        came.set()
        end.wait(10)
        return Response("done")

    async def tell(request: Request) -> Response:
        return JSONResponse(document)

    guest = Starlette(routes=[Route("/openapi.json", tell), Route("/wait", wait)])
    with (
        TestClient(composer.compose([composer.App("guest", "/guest", guest, max_concurrency=1)])) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(client.get, "/guest/wait")
        assert came.wait(10)
        try:
            assert client.get("/guest/openapi.json").status_code == 503
            merged = client.get("/openapi.json").json()
        finally:
            end.set()
        assert waiting.result().text == "done"
    assert list(merged["paths"]) == ["/guest/items"]


class Client:
    """The server's side of one request: what the client sends, and what has been sent to it."""

    def __init__(self, chunks: Iterable[bytes] = (), headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        *first, last = [*chunks] or [b""]
        self._messages: list[Message] = [{"type": "http.request", "body": body, "more_body": True} for body in first]
        self._messages.append({"type": "http.request", "body": last, "more_body": False})
        self.scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "headers": list(headers),
            "query_string": b"",
        }
        self.sent: list[Message] = []
        self.answered = asyncio.Event()

    async def receive(self) -> Message:
        return self._messages.pop(0) if self._messages else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.answered.set()

    async def ask(self, app: ASGIApp) -> None:
        await app(self.scope, self.receive, self.send)

    @property
    def status(self) -> int:
        [start] = [message for message in self.sent if message["type"] == "http.response.start"]
        return int(start["status"])


CHUNKED = [(b"transfer-encoding", b"chunked")]


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def hang(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


def blocked_by(event: threading.Event) -> ASGIApp:
    """Make an app that waits in a thread, as a `def` handler does."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await to_thread.run_sync(event.wait, 10)
        await ok(scope, receive, send)

    return app


async def test_without_a_limit_the_app_stays_as_it_is() -> None:
    assert limited(ok, Limits()) is ok


@given(chunks=st.lists(st.binary(max_size=6), max_size=8), limit=st.integers(1, 20), declared=st.booleans())
def test_an_app_sees_the_whole_body_exactly_where_it_is_within_the_limit(
    chunks: list[bytes], limit: int, declared: bool
) -> None:
    seen: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        parts = []
        while (message := await receive())["type"] == "http.request":
            parts.append(message["body"])
            if not message["more_body"]:
                seen.append(b"".join(parts))
                break
        await ok(scope, receive, send)

    whole = b"".join(chunks)
    headers = [(b"content-length", str(len(whole)).encode())] if declared else CHUNKED
    client = Client(chunks, headers)
    asyncio.run(client.ask(limited(app, Limits(max_body_size=limit))))

    assert seen == ([whole] if len(whole) <= limit else [])
    assert client.status == (200 if len(whole) <= limit else 413)
    assert client.answered.is_set()


@pytest.mark.parametrize("path", ["model", "body", "stream", "form", "file"])
async def test_a_handler_gets_no_body_that_is_too_large_however_it_reads(path: str) -> None:
    form = [b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n', b"x" * 990, b"\r\n--b--\r\n"]
    kind = b"multipart/form-data; boundary=b" if path in ("form", "file") else b"application/json"
    client = Client(
        form if kind.startswith(b"m") else [b'{"text": "', b"x" * 990, b'"}'], [*CHUNKED, (b"content-type", kind)]
    )
    client.scope["path"] = f"/{path}"

    await client.ask(limited(reading_app(), Limits(max_body_size=1000)))

    assert client.status == 413


@pytest.mark.parametrize("path", ["model", "body", "stream", "form", "file"])
async def test_a_handler_gets_a_body_within_the_limit_however_it_reads(path: str) -> None:
    files, data = ({"file": b"x" * 500}, None) if path in ("form", "file") else (None, {"text": "x" * 500})
    transport = httpx.ASGITransport(limited(reading_app(), Limits(max_body_size=1000)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post(f"/{path}", files=files, json=data)
    assert answer.status_code == 200
    assert answer.json() in (500, 500 + len('{"text":""}'), 1)


@pytest.mark.parametrize("headers", [CHUNKED, [(b"content-length", b"4")]])
async def test_a_body_that_nobody_asks_for_does_no_harm(headers: list[tuple[bytes, bytes]]) -> None:
    client = Client([b"four"], headers)
    client.scope["path"] = "/unread"
    await client.ask(limited(reading_app(), Limits(max_body_size=3)))
    assert client.status == 200


def reading_more() -> FastAPI:
    """Return an app that has a limit of its own, and a route that has another one."""
    app = FastAPI(max_body_size=5)

    @app.post("/app")
    async def of_app(request: Request) -> int:
        return len(await request.body())

    @app.post("/route", max_body_size=7)
    async def of_route(request: Request) -> int:
        return len(await request.body())

    return app


@pytest.mark.parametrize("around", [3, 5, 6, 100])
@pytest.mark.parametrize(("path", "most"), [("/app", 5), ("/route", 7)])
@pytest.mark.parametrize("declared", [True, False])
async def test_what_an_app_or_a_route_says_itself_counts(around: int, path: str, most: int, declared: bool) -> None:
    for size, status in ((most, 200), (most + 1, 413)):
        headers = [(b"content-length", str(size).encode())] if declared else CHUNKED
        client = Client([b"x" * (size - 1), b"x"], headers)
        client.scope["path"] = path
        await client.ask(limited(reading_more(), Limits(max_body_size=around)))
        assert client.status == status


@pytest.mark.parametrize("length", [b"soon", b"-1", b"9" * 5000])
async def test_a_length_that_can_not_be_read_is_found_by_counting(length: bytes) -> None:
    client = Client([b"four"], [(b"content-length", length)])
    client.scope["path"] = "/body"
    await client.ask(limited(reading_app(), Limits(max_body_size=3)))
    assert client.status == 413


async def test_only_the_first_version_of_http_is_told_to_close() -> None:
    for version, told in (("1.0", True), ("1.1", True), ("2", False)):
        client = Client([b"four"], [(b"content-length", b"4")])
        client.scope["http_version"] = version
        client.scope["path"] = "/body"
        await client.ask(limited(reading_app(), Limits(max_body_size=3)))
        assert ((b"connection", b"close") in client.sent[0]["headers"]) is told


async def test_once_the_response_has_started_a_body_that_is_too_large_is_a_disconnect() -> None:
    got: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        got.extend([(await receive())["type"] for _ in range(4)])
        await send({"type": "http.response.body", "body": b"the end"})

    client = Client([b"one", b"two", b"three"], CHUNKED)
    await client.ask(limited(app, Limits(max_body_size=7)))

    assert got == ["http.request", "http.request", "http.disconnect", "http.disconnect"]
    assert client.sent[-1]["body"] == b"the end"


async def test_a_handler_that_runs_out_of_time_is_cancelled() -> None:
    ended: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await hang(scope, receive, send)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    client = Client()
    await client.ask(limited(app, Limits(request_timeout=0.01)))

    assert ended == ["cancelled"]
    assert client.status == 504


async def test_a_hook_may_take_its_time_after_the_request_ran_out_of_its_own() -> None:
    steps: list[str] = []

    @asynccontextmanager
    async def hook(connection: Any) -> AsyncIterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            steps.append("rolled back")
            raise

    client = Client()
    await client.ask(limited(with_hooks(hang, [hook]), Limits(request_timeout=0.01)))

    assert steps == ["rolled back"]
    assert client.status == 504


async def test_an_answer_in_time_is_the_apps_own() -> None:
    client = Client()
    await client.ask(limited(ok, Limits(request_timeout=5)))
    assert client.status == 200


async def test_what_an_app_sends_after_its_time_is_dropped() -> None:
    late = threading.Event()
    client = Client()
    asking = asyncio.create_task(client.ask(limited(blocked_by(late), Limits(request_timeout=0.01))))

    await asyncio.wait_for(client.answered.wait(), 5)
    sent = list(client.sent)
    late.set()
    await asking

    assert client.status == 504
    assert client.sent == sent


async def test_a_place_is_held_until_the_thread_has_ended() -> None:
    late = threading.Event()
    app = limited(blocked_by(late), Limits(max_concurrency=1, request_timeout=0.01))
    first, second, third = Client(), Client(), Client()
    asking = asyncio.create_task(first.ask(app))

    await asyncio.wait_for(first.answered.wait(), 5)
    await second.ask(app)
    late.set()
    await asking
    await third.ask(app)

    assert (first.status, second.status, third.status) == (504, 503, 200)


@pytest.mark.parametrize("error", [ValueError("theirs"), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_what_an_app_raises_comes_through_and_its_place_is_given_back(error: BaseException) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/":
            raise error
        await ok(scope, receive, send)

    within = limited(app, Limits(max_concurrency=1, request_timeout=5, max_body_size=5))
    with pytest.raises(type(error)) as caught:
        await Client().ask(within)
    again = Client()
    again.scope["path"] = "/again"
    await again.ask(within)

    assert caught.value is error
    assert again.status == 200


async def test_an_app_runs_in_the_task_and_the_context_of_its_server() -> None:
    variable: ContextVar[str] = ContextVar("variable")
    tasks: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        tasks.append(asyncio.current_task())
        variable.set("set by the app")
        await ok(scope, receive, send)

    await Client().ask(limited(app, Limits(1, 5, 5)))

    assert tasks == [asyncio.current_task()]
    assert variable.get() == "set by the app"


async def test_a_server_that_cancels_a_request_ends_it_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    app = limited(hang, Limits(max_concurrency=1, request_timeout=5))
    asking = asyncio.create_task(Client().ask(app))
    await asyncio.sleep(0)

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert asyncio.all_tasks() == before


async def test_a_disconnect_comes_through() -> None:
    got: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        got.extend([(await receive())["type"], (await receive())["type"]])
        await ok(scope, receive, send)

    await Client(headers=CHUNKED).ask(limited(app, Limits(1, 5, 5)))

    assert got == ["http.request", "http.disconnect"]


@given(steps=st.lists(st.booleans(), max_size=30), limit=st.integers(1, 4))
def test_as_many_are_served_at_once_as_the_limit_says(steps: list[bool], limit: int) -> None:
    async def run() -> None:
        ends: list[Callable[[], None]] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            end = asyncio.Event()
            ends.append(end.set)
            await end.wait()
            await ok(scope, receive, send)

        within = limited(app, Limits(max_concurrency=limit))
        async with asyncio.TaskGroup() as group:
            for comes in steps:
                busy = len(ends)
                if comes:
                    client = Client()
                    group.create_task(client.ask(within))
                    await asyncio.sleep(0.0)
                    assert (len(ends) == busy + 1) is (busy < limit)
                    assert busy < limit or client.status == 503
                elif ends:
                    ends.pop(0)()
                    await asyncio.sleep(0)
            for end in ends:
                end()

    asyncio.run(run())


# In settings


def app_of(project: WriteProject, settings: str) -> composer.App:
    factory = "from fastapi import FastAPI\n\ndef create_app():\n    return FastAPI()\n"
    root = project({"settings.toml": settings, "apps/notes.py": factory})
    [built] = composer.composition_of(composer.build(root / "settings.toml")).plan.apps
    return built.declared


def test_an_app_has_the_limits_of_its_table(project: WriteProject) -> None:
    app = app_of(project, '[apps.notes]\nmax_concurrency = 3\nrequest_timeout = 0.5\nmax_body_size = "10MB"\n')
    assert (app.max_concurrency, app.request_timeout, app.max_body_size) == (3, 0.5, 10_000_000)


def test_one_body_limit_is_for_all_that_have_none_of_their_own(project: WriteProject) -> None:
    assert app_of(project, "[composer]\nmax_body_size = 5\n").max_body_size == 5
    assert app_of(project, "[composer]\nmax_body_size = 5\n[apps.notes]\nmax_body_size = 7\n").max_body_size == 7


def test_without_a_word_only_the_body_has_a_limit(project: WriteProject) -> None:
    app = app_of(project, "")
    assert (app.max_concurrency, app.request_timeout, app.max_body_size) == (None, None, 16 * 1024 * 1024)


def test_the_environment_may_say_how_large(project: WriteProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project({})
    monkeypatch.setenv("COMPOSER_MAX_BODY_SIZE", "2KiB")
    assert app_of(project, "").max_body_size == 2048
    monkeypatch.setenv("COMPOSER_APPS__NOTES__MAX_BODY_SIZE", "4096")
    assert app_of(project, "").max_body_size == 4096
