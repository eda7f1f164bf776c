"""A guard before an app: which paths it can't be got around by, and how long a dependency with `yield` stays open."""

import asyncio
import inspect
import os
import posixpath
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from fastapi import BackgroundTasks, FastAPI, Header, HTTPException, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import composer
from composer._stack.guard import Guard
from tests.serving import REPOSITORY, Server, serving

# Exempt paths


class Key:
    """Let in whoever has the key."""

    def __call__(self, x_key: str = Header("")) -> None:
        if x_key != "good":
            raise HTTPException(401)


def key() -> Key:
    return Key()


def served() -> FastAPI:
    """Compose a folder of files, of which one folder is for everybody."""
    files = Starlette(routes=[Mount("/", StaticFiles(directory=os.environ["SITE"]))])
    site = composer.App("site", "/site", files, guard="key", guard_exempt=("/public/",))
    return composer.compose([site], cornerstones=[composer.Cornerstone("key", key)])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    site: Path = tmp_path_factory.mktemp("site")
    (site / "public").mkdir()
    (site / "public" / "open.txt").write_text("open")
    (site / "secret.txt").write_text("secret")
    arguments = ["uvicorn", "--factory", "tests.test_guard:served", "--port", "{port}"]
    log = tmp_path_factory.mktemp("log") / "log"
    with serving(arguments, REPOSITORY, log, {"SITE": str(site)}) as running:
        running.wait_until_ready()
        yield running


def status_of(server: Server, target: str, headers: str = "") -> int:
    """Ask for a target just as it is written; a client would put it in order first."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = f"GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n"
        connection.sendall(head.encode())
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(
    "way",
    [
        "../secret.txt",
        "./../secret.txt",
        "%2e%2e/secret.txt",
        ".%2E/secret.txt",
        "..%2Fsecret.txt",
        "..%2fsecret.txt",
        "..%5Csecret.txt",
        "..%252fsecret.txt",
        "%252e%252e/secret.txt",
        "x/../../secret.txt",
        "open.txt%00",
        ".%09./secret.txt",
        "..",
    ],
)
def test_no_way_through_an_exempt_folder_leads_past_the_guard(server: Server, way: str) -> None:
    assert status_of(server, f"/site/public/{way}") == 401


def test_what_is_exempt_is_served_without_a_key_and_the_rest_with_it(server: Server) -> None:
    assert status_of(server, "/site/public/open.txt") == 200
    assert status_of(server, "/site/secret.txt") == 401
    assert status_of(server, "/site/secret.txt", "X-Key: good\r\n") == 200
    assert status_of(server, "/site/public/../secret.txt", "X-Key: good\r\n") == 200


def is_asked(path: str, raw_path: str) -> bool:
    """Tell whether a guard with two exemptions is asked for a path."""
    asked: list[bool] = []

    async def note() -> None:
        asked.append(True)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        pass

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "root_path": "/guest",
        "path": f"/guest{path}",
        "raw_path": f"/guest{raw_path}".encode(),
        "query_string": b"",
        "headers": [],
    }

    async def ask() -> None:
        await Guard(note, ["/open", "/static/"]).before(nothing)(scope, receive, send)

    asyncio.run(ask())
    return bool(asked)


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer nothing."""


PLAIN = ["static", "open", "x", ".", "..", "/", "\\", ";", "%"]
ENCODED = ["%2e", "%2E", "%2F", "%5c", "%252e", "%252F", "%255C", "%25252e", "%25252f"]


@given(st.sampled_from(["/static/", "/open", "/"]), st.lists(st.sampled_from(PLAIN + ENCODED), max_size=8))
@example("/static/", ["%25252e", "%25252e"])
@example("/static/", ["..", "%25252f", "x"])
@example("/static/", ["..", "\\", "x"])
@example("/static/", ["..", "%3F"])
@example("/static/", ["..", "%23"])
def test_whatever_comes_to_a_path_outside_of_the_exempt_ones_is_asked_for(start: str, pieces: list[str]) -> None:
    raw_path = start + "".join(pieces)
    path = unquote(raw_path)
    readings = [path, unquote(path), unquote(unquote(path)), unquote(unquote(unquote(path)))]
    readings += [reading.replace("\\", "/") for reading in readings]
    readings += [reading.partition(mark)[0] for reading in readings for mark in "?#"]
    outside = [reading for reading in readings if not is_exempt(posixpath.normpath(reading))]
    assert is_asked(path, raw_path) or not outside


def is_exempt(path: str) -> bool:
    return path == "/open" or f"{path}/".startswith("/static/")


@pytest.mark.parametrize(
    "path", ["/open", "/static/", "/static/a..b", "/static/.well-known/...", "/static/caf%C3%A9%20/100%25.png"]
)
def test_a_path_that_can_be_read_in_one_way_only_stays_exempt(path: str) -> None:
    assert not is_asked(unquote(path), path)


@pytest.mark.parametrize("raw_path", ["/x%2F..%2Fopen", "/x%5c..%5Copen", "/op%00en", "/op%0Aen", "/x/../open"])
def test_the_form_of_the_path_that_was_sent_counts_too(raw_path: str) -> None:
    assert is_asked("/open", raw_path)


# A dependency with yield


class Session:
    """Note when it is opened and left, and what it saw."""

    def __init__(self, journal: list[str]) -> None:
        self._journal = journal

    async def __call__(self) -> AsyncIterator[None]:
        self._journal.append("opened")
        try:
            yield
        except BaseException as error:
            self._journal.append(type(error).__name__)
            raise
        finally:
            self._journal.append("left")


class BlockingSession(Session):
    """Do the same in a thread."""

    def __call__(self) -> Iterator[None]:  # type: ignore[override]
        self._journal.append("opened")
        yield
        self._journal.append("left")


def writing(journal: list[str]) -> FastAPI:
    """Return an app that notes what it does in its handlers, streams, tasks and WebSockets."""
    app = FastAPI()

    @app.get("/handled")
    async def handled(tasks: BackgroundTasks) -> None:
        journal.append("handled")
        tasks.add_task(journal.append, "done afterwards")

    @app.get("/streamed")
    async def streamed() -> StreamingResponse:
        async def chunks() -> AsyncIterator[str]:
            for chunk in ("one", "two"):
                journal.append(chunk)
                yield chunk

        return StreamingResponse(chunks())

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.Event().wait()

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        journal.append(await websocket.receive_text())
        await websocket.close()

    return app


@contextmanager
def guarded(app: Any, journal: list[str], kind: type[Session] = Session, **more: Any) -> Iterator[TestClient]:
    def session() -> Session:
        return kind(journal)

    how = {"app" if inspect.iscoroutinefunction(app) else "factory": app}
    declared = composer.App("guest", "/guest", **how, guard="session", **more)
    root = composer.compose([declared], cornerstones=[composer.Cornerstone("session", session)])
    with TestClient(root, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("kind", [Session, BlockingSession])
def test_a_guard_is_left_when_the_app_is_done_with_the_request(kind: type[Session]) -> None:
    journal: list[str] = []
    with guarded(writing(journal), journal, kind) as client:
        assert client.get("/guest/handled").json() is None
        assert journal == ["opened", "handled", "done afterwards", "left"]
        journal.clear()
        assert client.get("/guest/streamed").text == "onetwo"
        assert journal == ["opened", "one", "two", "left"]
        journal.clear()
        with client.websocket_connect("/guest/socket") as socket:
            socket.send_text("heard")
    assert journal == ["opened", "heard", "left"]


def raising(error: Exception) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        raise error

    return app


@pytest.mark.parametrize(("error", "status"), [(HTTPException(418, "tea"), 418), (ZeroDivisionError(), 500)])
def test_what_the_app_raises_is_seen_by_the_guard_and_answered_as_without_it(error: Exception, status: int) -> None:
    journal: list[str] = []
    root = composer.compose([composer.App("guest", "/guest", app=raising(error))])
    with TestClient(root, raise_server_exceptions=False) as client:
        without = client.get("/guest/")
    with guarded(raising(error), journal) as client:
        answer = client.get("/guest/")
    assert (answer.status_code, answer.text) == (without.status_code, without.text)
    assert answer.status_code == status
    assert journal == ["opened", type(error).__name__, "left"]


def test_a_guard_is_left_too_where_the_app_ran_out_of_its_time() -> None:
    journal: list[str] = []
    with guarded(writing(journal), journal, request_timeout=0.05) as client:
        assert client.get("/guest/slow").status_code == 504
    assert journal == ["opened", "CancelledError", "left"]
