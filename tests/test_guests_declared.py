"""What an app is declared to need: the path without its prefix, its prefix in redirects and cookies, WSGI, a guard."""

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Security, WebSocket
from fastapi.security import APIKeyHeader
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import WebSocketDenialResponse
from starlette.types import Receive, Scope, Send

import composer

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


async def paths(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the paths of the scope; no lifespan."""
    assert scope["type"] == "http"
    told = {key: scope[key] for key in ("root_path", "path")} | {"raw_path": scope["raw_path"].decode()}
    await JSONResponse(told)(scope, receive, send)


class Falcon:
    """Stand for an app of a framework that is known by its class."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await paths(scope, receive, send)


class Forgetful:
    """Stand for an app that redirects to a path without its prefix."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await RedirectResponse("/there")(scope, receive, send)


@contextmanager
def serving(factory: Any = None, prefix: str = "/guest", **more: Any) -> Iterator[TestClient]:
    stones = more.pop("cornerstones", ())
    root = composer.compose([composer.App("guest", prefix, factory, **more)], cornerstones=stones)
    with TestClient(root, follow_redirects=False, raise_server_exceptions=False) as client:
        yield client


def codes(factory: Any = None, **more: Any) -> list[str]:
    with pytest.raises(composer.CompositionError) as caught, serving(factory, **more):
        pass
    return [problem.id for problem in caught.value.problems]


# path


def test_an_app_gets_the_whole_path_unless_it_is_said_otherwise() -> None:
    with serving(app=paths) as client:
        told = {"root_path": "/guest", "path": "/guest/a b", "raw_path": "/guest/a%20b"}
        assert client.get("/guest/a%20b").json() == told


@pytest.mark.parametrize("root_path", ["", "/outer"])
def test_a_bare_prefix_gets_its_slash_in_both_forms_of_the_path(root_path: str) -> None:
    root = composer.compose([composer.App("guest", "/guest", app=paths)])
    with TestClient(root, root_path=root_path) as client:
        told = client.get(f"{root_path}/%67uest").json()
    assert (told["path"], told["raw_path"]) == (f"{root_path}/guest/", f"{root_path}/%67uest/")


def test_the_stripped_path_is_what_is_left_without_the_prefix() -> None:
    with serving(app=paths, path="stripped") as client:
        assert client.get("/guest/a%20b").json() == {"root_path": "/guest", "path": "/a b", "raw_path": "/a%20b"}
        assert client.get("/guest").json() == {"root_path": "/guest", "path": "/", "raw_path": "/"}


def test_a_client_may_write_the_prefix_in_other_words() -> None:
    with serving(app=paths, path="stripped") as client:
        told = client.get("/%67uest/a%20b").json()
        assert (told["path"], told["raw_path"]) == ("/a b", "/a%20b")


@pytest.mark.parametrize(
    "name", ["engineio.async_drivers.asgi.ASGIApp", "falcon.asgi.app.App", "datasette.utils.asgi.AsgiRunOnFirstRequest"]
)
def test_a_framework_that_wants_the_stripped_path_is_known_by_its_class(name: str) -> None:
    module, _, own = name.rpartition(".")
    kind = type(own, (Falcon,), {"__module__": module})
    # What people serve is of a class derived from it, as often as not.
    derived = type("Mine", (kind,), {"__module__": "mine"})

    for app in (kind(), derived()):
        with serving(app) as client:
            assert client.get("/guest/x").json()["path"] == "/x"
        with serving(app, path="full") as client:
            assert client.get("/guest/x").json()["path"] == "/guest/x"


def test_a_framework_that_forgets_its_prefix_in_redirects_is_known_too() -> None:
    kind = type("AsgiRunOnFirstRequest", (Forgetful,), {"__module__": "datasette.utils.asgi"})
    with serving(kind()) as client:
        assert client.get("/guest/x").headers["location"] == "/guest/there"
    with serving(kind(), location="keep") as client:
        assert client.get("/guest/x").headers["location"] == "/there"


# location


def sending(*headers: tuple[str, str], status: int = 303) -> Starlette:
    async def answer(request: Request) -> Response:
        response = Response(status_code=status)
        for name, value in headers:
            response.headers.append(name, value)
        return response

    return Starlette(routes=[Route("/{path:path}", answer)])


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("/login", "/guest/login"),
        ("/", "/guest/"),
        ("/login?next=/x#y", "/guest/login?next=/x#y"),
        ("/guest/login", "/guest/login"),
        ("/guest", "/guest"),
        ("/guests", "/guest/guests"),
        ("login", "login"),
        ("../login", "../login"),
        ("?page=2", "?page=2"),
        ("", ""),
        ("http://testserver/login", "http://testserver/guest/login"),
        ("http://TESTSERVER/login", "http://TESTSERVER/guest/login"),
        ("http://testserver", "http://testserver/guest/"),
        ("https://elsewhere.example/login", "https://elsewhere.example/login"),
        ("//elsewhere.example/login", "//elsewhere.example/login"),
        ("//testserver/login", "//testserver/guest/login"),
        ("http://testserver.elsewhere.example/", "http://testserver.elsewhere.example/"),
        ("http://testserver:81/", "http://testserver:81/"),
        ("mailto:me@example.org", "mailto:me@example.org"),
        ("http://[broken", "http://[broken"),
    ],
)
def test_a_redirect_of_an_app_that_does_not_know_its_prefix_is_mended(sent: str, received: str) -> None:
    with serving(sending(("location", sent)), location="rewrite") as client:
        assert client.get("/guest/x").headers["location"] == received
    with serving(sending(("location", sent))) as client:
        assert client.get("/guest/x").headers["location"] == sent


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("a=1; Path=/", "a=1; Path=/guest"),
        ("a=1; path=/; HttpOnly", "a=1; path=/guest; HttpOnly"),
        ("a=1; Secure; Path=/x", "a=1; Secure; Path=/guest/x"),
        ("a=1; Path=/x/", "a=1; Path=/guest/x/"),
        ("a=1; Path=/guest/x", "a=1; Path=/guest/x"),
        ("a=1", "a=1"),
        ("a=/; Max-Age=1", "a=/; Max-Age=1"),
        ("__Host-a=1; Path=/; Secure", "__Host-a=1; Path=/; Secure"),
    ],
)
def test_so_is_the_path_of_a_cookie(sent: str, received: str) -> None:
    with serving(sending(("set-cookie", sent), ("set-cookie", sent), status=200), location="rewrite") as client:
        assert client.get("/guest/x").headers.get_list("set-cookie") == [received, received]


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20))
def test_whatever_an_app_sends_it_is_mended_once(text: str) -> None:
    from composer._stack.foreign_paths import _moved_url

    once = _moved_url(text, "/guest", "testserver")
    assert _moved_url(once, "/guest", "testserver") == once


def test_a_proxys_prefix_stands_in_it_too() -> None:
    root = composer.compose([composer.App("guest", "/guest", sending(("location", "/login")), location="rewrite")])
    with TestClient(root, follow_redirects=False, root_path="/outer") as client:
        assert client.get("/outer/guest/x").headers["location"] == "/outer/guest/login"


# wsgi


def flask_like(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Answer with what a WSGI app sees of the request, in the words of PEP 3333."""
    if environ["PATH_INFO"] == "/break":
        raise ZeroDivisionError("broken")
    body = environ["wsgi.input"].read().decode()
    told = {key: environ[key] for key in ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REQUEST_METHOD")}
    told |= {"body": body, "thread": threading.current_thread().name}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]


def test_a_wsgi_app_is_served_under_its_prefix_in_threads() -> None:
    with serving(lambda: flask_like, wsgi=True) as client:
        told = client.post("/guest/a%20b?q=1", content="hello").json()
        assert told.pop("thread") != threading.current_thread().name
        assert told == {
            "SCRIPT_NAME": "/guest",
            "PATH_INFO": "/a b",
            "QUERY_STRING": "q=1",
            "REQUEST_METHOD": "POST",
            "body": "hello",
        }
        assert client.get("/guest/break").status_code == 500
        assert client.get("/guest/after").status_code == 200


def test_it_may_be_named_itself_or_be_what_the_factory_makes() -> None:
    class Flask:
        def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            return flask_like(environ, start_response)

    for declared in ({"app": flask_like}, {"app": Flask()}, {"factory": Flask}, {"factory": lambda: flask_like}):
        with serving(**declared, wsgi=True) as client:
            assert client.get("/guest/x").json()["PATH_INFO"] == "/x"


# a2wsgi leaves a coroutine of its own unawaited where its request is cancelled before its thread has begun.
@pytest.mark.filterwarnings("ignore:coroutine 'Queue.put' was never awaited")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_limits_of_an_app_are_those_of_a_wsgi_app_too() -> None:
    with serving(lambda: flask_like, wsgi=True, max_body_size=10) as client:
        assert client.post("/guest/x", content="x" * 11).status_code == 413


def test_what_is_wsgi_and_what_is_said_of_it_have_to_agree() -> None:
    assert codes(lambda: flask_like) == ["C019"]
    assert codes(app=flask_like) == ["C019"]
    assert codes(lambda: FastAPI(), wsgi=True) == ["C054"]
    assert codes(FastAPI(), wsgi=True) == ["C054"]
    assert codes(app=FastAPI(), wsgi=True) == ["C054"]


def test_without_the_package_that_serves_it_a_wsgi_app_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "a2wsgi", None)
    assert codes(app=flask_like, wsgi=True) == ["C040"]


# guard


class Key(APIKeyHeader):
    """Ask for a key; FastAPI shows it as a security scheme."""

    def __init__(self) -> None:
        super().__init__(name="x-key", scheme_name="Key")

    async def __call__(self, request: HTTPConnection) -> str:
        if request.headers.get("x-key") != "good":
            raise HTTPException(401, "no", {"WWW-Authenticate": "Key"})
        return "good"


def key() -> Key:
    return Key()


class Guest:
    """Count what of it has run, with an operation, a WebSocket and a page that everybody may see."""

    def __init__(self) -> None:
        self.ran = 0
        self.app = FastAPI(title="Guest")
        self.app.add_middleware(self._Counting, guest=self)

        @self.app.post("/items")
        async def make(item: dict[str, int]) -> dict[str, int]:
            return item

        @self.app.get("/open")
        async def show() -> str:
            return "open"

        @self.app.get("/static/{name:path}")
        async def static(name: str) -> str:
            return name

        @self.app.websocket("/socket")
        async def socket(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text(await websocket.receive_text())
            await websocket.close()

    class _Counting:
        def __init__(self, app: Any, guest: "Guest") -> None:
            self.app, self.guest = app, guest

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            self.guest.ran += scope["type"] != "lifespan"
            await self.app(scope, receive, send)


@pytest.fixture
def guest() -> Guest:
    return Guest()


@pytest.fixture
def guarded(guest: Guest) -> Iterator[TestClient]:
    stone = composer.Cornerstone("key", key)
    exempt = ("/open", "/static/")
    with serving(lambda: guest.app, guard="key", guard_exempt=exempt, cornerstones=[stone]) as client:
        yield client


def test_nothing_of_the_guest_runs_for_a_request_that_the_guard_refused(guarded: TestClient, guest: Guest) -> None:
    for method in ("GET", "POST", "HEAD", "OPTIONS", "BREW"):
        answer = guarded.request(method, "/guest/items", headers={"x-key": "bad"})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Key")
    with pytest.raises(WebSocketDenialResponse) as refused, guarded.websocket_connect("/guest/socket"):
        pass
    assert refused.value.status_code == 401
    assert guest.ran == 0


def test_what_it_lets_pass_comes_whole(guarded: TestClient) -> None:
    good = {"x-key": "good"}
    assert guarded.post("/guest/items", json={"a": 1}, headers=good).json() == {"a": 1}
    assert guarded.post("/guest/items", json={"a": "x"}, headers=good).status_code == 422
    assert guarded.request("BREW", "/guest/items", headers=good).status_code == 405
    with guarded.websocket_connect("/guest/socket", headers=good) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"


def test_exempt_paths_need_no_guard(guarded: TestClient) -> None:
    for path in ("/open", "/static/a/b.css"):
        assert guarded.get(f"/guest{path}").status_code == 200
    for path in ("/open/", "/opened", "/static", "/", "", "/x/open"):
        assert guarded.get(f"/guest{path}").status_code == 401, path


def test_the_merged_document_shows_the_guard_as_the_apps_security(guarded: TestClient) -> None:
    document = guarded.get("/openapi.json").json()
    security = {path: next(iter(item.values())).get("security") for path, item in document["paths"].items()}
    assert security == {"/guest/items": [{"Key": []}], "/guest/open": None, "/guest/static/{name}": None}
    scheme = document["components"]["securitySchemes"]["Key"]
    assert scheme == {"type": "apiKey", "in": "header", "name": "x-key"}


def test_what_the_app_asks_for_itself_is_asked_for_beside_the_guard() -> None:
    app = FastAPI(dependencies=[Security(APIKeyHeader(name="x-own", scheme_name="Key"))])

    @app.get("/")
    async def read() -> str:
        return "read"

    with serving(app, guard="key", cornerstones=[composer.Cornerstone("key", key)]) as client:
        document = client.get("/openapi.json").json()
        assert client.get("/guest/", headers={"x-key": "good", "x-own": "mine"}).status_code == 200
    assert document["paths"]["/guest/"]["get"]["security"] == [{"Key": [], "KeyGuard": []}]
    names = {name: scheme["name"] for name, scheme in document["components"]["securitySchemes"].items()}
    assert names == {"Key": "x-own", "KeyGuard": "x-key"}


def test_a_guard_that_fails_lets_nobody_in() -> None:
    class Broken:
        async def __call__(self, connection: HTTPConnection) -> None:
            raise ConnectionError("away")

    def broken() -> Broken:
        return Broken()

    with serving(app=paths, guard="broken", cornerstones=[composer.Cornerstone("broken", broken)]) as client:
        assert client.get("/guest/x").status_code == 500


def test_a_guard_has_to_be_a_cornerstone_that_can_be_asked() -> None:
    class Clock:
        pass

    def clock() -> Clock:
        return Clock()

    stones = [composer.Cornerstone("clock", clock)]
    assert codes(app=paths, guard="clock", cornerstones=stones) == ["C059"]
    assert codes(app=paths, guard="clok", cornerstones=stones) == ["C058"]


def test_a_redirect_to_the_app_works_as_without_a_guard() -> None:
    async def away(request: Request) -> Response:
        return RedirectResponse(request.url_for("there"))

    async def there(request: Request) -> Response:
        return Response("there")

    app = Starlette(routes=[Route("/away", away), Route("/there", there, name="there")])
    with serving(app, guard="key", cornerstones=[composer.Cornerstone("key", key)]) as client:
        answer = client.get("/guest/away", headers={"x-key": "good"})
    assert answer.headers["location"] == "http://testserver/guest/there"


def test_the_document_of_a_guest_is_asked_for_past_the_guard() -> None:
    async def document(request: Request) -> Response:
        paths = {"/items": {"get": {"responses": {"200": {"description": "ok"}}}}}
        return JSONResponse({"openapi": "3.1.0", "info": {"title": "Guest", "version": "1"}, "paths": paths})

    app = Starlette(routes=[Route("/openapi.json", document)])
    with serving(app, guard="key", cornerstones=[composer.Cornerstone("key", key)]) as client:
        assert client.get("/guest/openapi.json").status_code == 401
        merged = client.get("/openapi.json").json()
    assert merged["paths"]["/guest/items"]["get"]["security"] == [{"Key": []}]
