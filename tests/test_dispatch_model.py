"""Which app a request reaches, against a model that only compares lists of segments.

The same requests go to a composition as raw scopes, and as raw lines of HTTP over a socket.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.testclient import TestClient
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import composer
from tests.conftest import examples
from tests.serving import REPOSITORY, Server, serving

# Prefixes that are parts of each other, differ in case or in one character, or need to be encoded in a URL.
PREFIXES = ["/a", "/a/b", "/a/b/c", "/ab", "/A", "/a;x", "/é", "/v1/a", "/admin", "/public/admin", "/a.b", "/a&b=c+d"]
ROOT_PATHS = ["", "/a", "/api", "/api/v1", "/a/b", "/é"]
PAGES = ["/livez", "/readyz", "/docs", "/openapi.json"]


def model(path: str, root_path: str) -> str | None:
    """Return the prefix of the app that answers, found by comparing segments only; None where the root does."""
    below = path.removeprefix(root_path) if f"{path}/".startswith(f"{root_path}/") else path
    before, *segments = below.split("/")
    fitting = [prefix for prefix in PREFIXES if prefix.split("/")[1:] == segments[: prefix.count("/")]]
    return max(fitting, key=len, default=None) if before == "" else None


def echo(prefix: str) -> ASGIApp:
    """Make an app that answers everything with its own prefix, and with the part of the scope that tells where."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan here")
        found = {"app": prefix, "path": scope["path"], "root_path": scope["root_path"]}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(found).encode()})

    return app


def guarded() -> FastAPI:
    """Make an app that lets nobody in."""

    def refuse() -> None:
        raise HTTPException(401, headers={"x-app": "/admin"})

    app = FastAPI(openapi_url=None, dependencies=[Depends(refuse)], redirect_slashes=False)
    app.add_api_route("/", lambda: "the secret")
    app.add_api_route("/{path:path}", lambda: "the secret")
    return app


def composed() -> FastAPI:
    """Compose an app for each prefix; the one at `/admin` is guarded, and all the others let everybody in."""
    apps = [
        composer.App(f"app{n}", prefix, app=echo(prefix)) for n, prefix in enumerate(PREFIXES) if prefix != "/admin"
    ]
    return composer.compose([*apps, composer.App("admin", "/admin", guarded)])


app = composed()

Ask = Callable[[Scope], tuple[int, bytes]]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Give a function that puts a raw scope to the composition, and returns the status and the body."""
    with TestClient(app) as client:
        portal = client.portal
        assert portal is not None
        yield lambda scope: portal.call(_answer, scope)


async def _answer(scope: Scope, root: ASGIApp = app) -> tuple[int, bytes]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await root(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def http(path: str, root_path: str, **more: Any) -> Scope:
    whole = {"type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "query_string": b""}
    raw = quote(path, safe="/;%").encode()
    return {**whole, "headers": [], "path": path, "raw_path": raw, "root_path": root_path, **more}


def reached(status: int, body: bytes) -> str | None:
    """Return the prefix of the app that made an answer, or None for the root's own."""
    if status == 401:
        return "/admin"
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return str(found["app"]) if isinstance(found, dict) and "app" in found else None


WORDS = sorted({word for prefix in PREFIXES for word in prefix.split("/")} | {word[1:] for word in PAGES})
ODD = [
    "",
    ".",
    "..",
    "...",
    ";",
    "..;",
    "a;",
    ";a",
    "B",
    "ADMIN",
    "Admin",
    "admin ",
    "admin\0",
    "é",
    "e\u0301",
    "\\",
    "*",
]
ENCODED = ["%61", "%2e%2e", "%2F", "a%2Fb", "%2561dmin", "admin%2f", "%00", "%c3%a9", "%C0%AF", "%"]
segments = st.sampled_from(WORDS) | st.sampled_from(ODD) | st.sampled_from(ENCODED) | st.text(max_size=3)
paths = st.lists(segments, max_size=6).map(lambda found: "/" + "/".join(found))


def encoded_in_part(path: str, picks: list[bool]) -> str:
    """Percent-encode those characters of a path that were picked, slashes too; what no URL can hold always."""
    pairs = zip(path, [*picks, *([False] * len(path))], strict=False)
    return "".join("".join(f"%{byte:02X}" for byte in c.encode()) if pick else quote(c, "/;%&=+*") for c, pick in pairs)


@settings(max_examples=examples(250))
@example("/public/../admin", "", False)
@example("/a/a/b", "/a", True)
@example("", "", False)
@example("*", "", False)
@example("admin", "", False)
@given(paths, st.sampled_from(ROOT_PATHS), st.booleans())
def test_the_app_that_answers_is_the_one_that_the_model_says(ask: Ask, path: str, root_path: str, whole: bool) -> None:
    found = (root_path if whole else "") + path

    assert reached(*ask(http(found, root_path))) == model(found, root_path)


@settings(max_examples=examples(120))
@given(paths, st.sampled_from(ROOT_PATHS))
def test_what_an_app_gets_stands_below_its_own_prefix_and_is_nothing_else(ask: Ask, path: str, root_path: str) -> None:
    whole = root_path + path
    prefix = model(whole, root_path)
    status, body = ask(http(whole, root_path))

    if prefix is not None and prefix != "/admin":
        seen = json.loads(body)
        assert seen["root_path"] == root_path + prefix
        assert seen["path"] in (whole, f"{whole}/")
        assert seen["path"].startswith(f"{root_path}{prefix}/")
    assert (status == 401) is (prefix == "/admin")


@settings(max_examples=examples(120))
@given(paths, st.sampled_from(["/admin", "/public/admin", "/nobody", "", "%2fadmin"]))
def test_no_other_part_of_a_scope_than_its_path_says_which_app_it_reaches(ask: Ask, path: str, lie: str) -> None:
    told = quote(lie, safe="/;%").encode()
    lies = {"raw_path": told, "query_string": told, "app_root_path": lie, "path_params": {"path": lie}}
    headers = [(name, told) for name in (b"host", b"x-original-url", b"x-rewrite-url", b"x-forwarded-prefix")]

    assert reached(*ask(http(path, "", **lies, headers=headers))) == model(path, "")


def at_root() -> FastAPI:
    """Compose as above, with an app at `/` beside the others."""
    apps = [composer.App(f"app{n}", prefix, app=echo(prefix)) for n, prefix in enumerate(["/", *PREFIXES])]
    return composer.compose(apps)


@pytest.fixture(scope="module")
def ask_at_root() -> Iterator[Ask]:
    app = at_root()
    with TestClient(app) as client:
        portal = client.portal
        assert portal is not None
        yield lambda scope: portal.call(_answer, scope, app)


@settings(max_examples=examples(100))
@given(paths, st.sampled_from(ROOT_PATHS))
def test_the_app_at_the_root_gets_what_no_prefix_and_no_page_has(ask_at_root: Ask, path: str, root_path: str) -> None:
    whole = root_path + path
    below = whole.removeprefix(root_path)
    page = "/" + below.strip("/").partition("/")[0]
    found = reached(*ask_at_root(http(whole, root_path)))

    assert found == model(whole, root_path) or (found == "/" and model(whole, root_path) is None)
    assert found is not None or page in PAGES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log: Path = tmp_path_factory.mktemp("dispatch") / "log"
    arguments = ["uvicorn", "tests.test_dispatch_model:app", "--port", "{port}", "--no-access-log"]
    with serving(arguments, REPOSITORY, log) as running:
        running.wait_until_ready()
        yield running


@settings(max_examples=examples(100))
@example("/admin", [False, True])
@example("/public/../admin", [])
@example("//admin", [])
@given(paths, st.lists(st.booleans(), max_size=12))
def test_over_a_socket_a_path_is_decoded_once_and_then_as_the_model_says(
    server: Server, path: str, picks: list[bool]
) -> None:
    target = encoded_in_part(path, [False, *picks])

    with closing(HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        connection.putrequest("GET", target, skip_accept_encoding=True)
        connection.endheaders()
        answer = connection.getresponse()
        status, body = answer.status, answer.read()

    assert status < 500
    # A target that opens with two slashes isn't a path for every parser: it may be refused, but never reach another.
    if status != 400:
        assert reached(status, body) == model(unquote(target), "")
