"""Path → app, and the scope that the app gets."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from composer._dispatch.dispatcher import Dispatcher
from composer._dispatch.slot import Slot
from composer._dispatch.table import Table
from composer._dispatch.version import Version
from composer._problem_json import unavailable
from composer._scope import SCOPE_THREADS
from composer._stack.hooks import with_hooks
from composer._wire.shared import SharedObjects

pytestmark = pytest.mark.anyio


class Recorder:
    """An ASGI app that keeps the scopes that it was called with."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)


def mounted(prefix: str, app: ASGIApp | None = None) -> Slot:
    slot = Slot(prefix, "", Version(app or Recorder()))
    slot.version.open()
    return slot


def dispatcher(*apps: Slot, routes: ASGIApp | None = None, probes: dict[str, ASGIApp] | None = None) -> Dispatcher:
    return Dispatcher(Table.of(apps), probes or {}, SharedObjects([]), routes or Recorder())


async def receive() -> Message:
    raise AssertionError("nothing is received here")


async def send(message: Message) -> None:
    raise AssertionError("nothing is sent here")


def http(path: str, **more: Any) -> Scope:
    return {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": [], **more}


async def scope_for(prefix: str, scope: Scope) -> Scope:
    app = Recorder()
    await dispatcher(mounted(prefix, app))(scope, receive, send)
    return app.scopes[0]


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/notes", "/notes"),
        ("/notes/", "/notes"),
        ("/notes/1", "/notes"),
        ("/v1", "/v1"),
        ("/v1/other", "/v1"),
        ("/v1/house_price", "/v1/house_price"),
        ("/v1/house_price/predict", "/v1/house_price"),
        ("/v1/house_price2", "/v1"),
        ("/notes2", None),
        ("/Notes", None),
        ("//notes", None),
        ("/x/notes", None),
        ("/", None),
        ("", None),
    ],
)
def test_the_longest_prefix_of_whole_segments_wins(path: str, prefix: str | None) -> None:
    found = dispatcher(mounted("/notes"), mounted("/v1"), mounted("/v1/house_price")).table.find(path)
    assert (found.prefix if found else None) == prefix


segments = st.lists(st.sampled_from(["a", "b", "ab", "", "..", "é", "a%2Fb", ";"]), max_size=4)
prefixes = st.lists(st.lists(st.sampled_from(["a", "b", "ab", "é"]), min_size=1, max_size=3), max_size=6)


@given(prefixes, segments)
def test_the_app_that_answers_is_the_one_that_a_plain_search_finds(prefixes: list[list[str]], path: list[str]) -> None:
    names = {"/" + "/".join(prefix) for prefix in prefixes}
    text = "/" + "/".join(path)
    fitting = [name for name in names if text == name or text.startswith(name + "/")]
    found = dispatcher(*(mounted(name) for name in sorted(names))).table.find(text)
    assert (found.prefix if found else None) == max(fitting, key=len, default=None)


async def test_an_app_gets_the_scope_of_a_server_started_with_its_root_path() -> None:
    scope = await scope_for("/notes", http("/notes/1", raw_path=b"/notes/1", query_string=b"q=1"))
    assert (scope["root_path"], scope["path"]) == ("/notes", "/notes/1")
    assert (scope["raw_path"], scope["query_string"]) == (b"/notes/1", b"q=1")


async def test_the_prefix_alone_is_the_root_of_the_app() -> None:
    for path in ("/notes", "/notes/"):
        scope = await scope_for("/notes", http(path))
        assert (scope["root_path"], scope["path"]) == ("/notes", "/notes/")


async def test_a_proxys_root_path_stands_before_the_prefix() -> None:
    scope = await scope_for("/notes", http("/api/notes/1", root_path="/api"))
    assert (scope["root_path"], scope["path"]) == ("/api/notes", "/api/notes/1")


async def test_a_path_that_came_without_the_proxys_root_path_gets_it() -> None:
    scope = await scope_for("/notes", http("/notes/1", root_path="/api"))
    assert (scope["root_path"], scope["path"]) == ("/api/notes", "/api/notes/1")


async def test_what_the_roots_routing_left_is_taken_out_and_what_middleware_put_there_stays() -> None:
    left = dict.fromkeys(("app", "router", "app_root_path", "endpoint", "route", "path_params"), "the root's")
    scope = await scope_for("/notes", http("/notes", session={"user": 1}, user="me", auth="scopes", **left))
    assert not left.keys() & scope.keys()
    assert (scope["session"], scope["user"], scope["auth"]) == ({"user": 1}, "me", "scopes")


async def test_an_app_does_not_change_the_scope_of_the_root() -> None:
    scope = http("/notes", state={"root": 1})
    child = await scope_for("/notes", scope)
    child["state"]["more"] = 1
    assert (scope["path"], scope["root_path"], scope["state"]) == ("/notes", "", {"root": 1})


async def test_the_roots_state_is_visible_and_the_apps_own_key_wins() -> None:
    app = Recorder()
    one = mounted("/notes", app)
    one.version.state.update(own="notes", both="notes")
    await dispatcher(one)(http("/notes", state={"root": "root", "both": "root"}), receive, send)
    assert app.scopes[0]["state"] == {"root": "root", "own": "notes", "both": "notes"}


async def test_what_belongs_to_no_app_goes_to_the_roots_routes() -> None:
    routes = Recorder()
    scope = http("/other")
    await dispatcher(mounted("/notes"), routes=routes)(scope, receive, send)
    assert routes.scopes == [scope]


async def test_the_roots_routes_run_the_roots_lifespan() -> None:
    routes = Recorder()
    await dispatcher(mounted("/notes"), routes=routes)({"type": "lifespan"}, receive, send)
    assert routes.scopes == [{"type": "lifespan"}]


async def test_a_probe_answers_its_exact_path_only() -> None:
    probe, routes = Recorder(), Recorder()
    root = dispatcher(routes=routes, probes={"/livez": probe})
    await root(http("/livez"), receive, send)
    await root(http("/livez/"), receive, send)
    await root({**http("/livez"), "type": "websocket"}, receive, send)
    assert (len(probe.scopes), len(routes.scopes)) == (1, 2)


async def test_the_app_at_the_root_is_asked_last() -> None:
    at_root, otherwise, notes = Recorder(), Recorder(), Recorder()
    root = dispatcher(mounted("/", at_root), mounted("/notes", notes))
    await root.with_app_at_root(otherwise)(http("/other", root_path="/api"), receive, send)
    assert (at_root.scopes[0]["root_path"], at_root.scopes[0]["path"]) == ("/api", "/api/other")
    assert root.table.find("/other") is None
    assert otherwise.scopes == []


async def test_without_an_app_at_the_root_the_former_default_answers() -> None:
    default = Recorder()
    await dispatcher(mounted("/notes")).with_app_at_root(default)(http("/other"), receive, send)
    assert [scope["path"] for scope in default.scopes] == ["/other"]


async def test_a_table_that_is_replaced_counts_from_the_next_request_on() -> None:
    notes, at_root, default = Recorder(), Recorder(), Recorder()
    root = dispatcher()
    last = root.with_app_at_root(default)
    await last(http("/other"), receive, send)
    root.table = Table.of([mounted("/notes", notes), mounted("/", at_root)])
    await last(http("/other"), receive, send)
    await root(http("/notes/1"), receive, send)
    assert [len(app.scopes) for app in (default, at_root, notes)] == [1, 1, 1]


async def test_two_versions_of_an_app_share_neither_state_nor_threads() -> None:
    old, new = Recorder(), Recorder()
    slot = mounted("/notes", old)
    slot.version.state["model"] = "old"
    root = dispatcher(slot)
    await root(http("/notes/1"), receive, send)
    slot.version = Version(new)
    slot.version.open()
    slot.version.state["model"] = "new"
    await root(http("/notes/1"), receive, send)
    assert [app.scopes[0]["state"]["model"] for app in (old, new)] == ["old", "new"]
    assert old.scopes[0][SCOPE_THREADS] is not new.scopes[0][SCOPE_THREADS]


async def answered(app: ASGIApp, scope: Scope) -> list[Message]:
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, keep)
    return sent


async def test_an_unavailable_app_answers_503_as_problem_json_with_retry_after() -> None:
    start, body = await answered(unavailable("The app is starting.", 7), http("/notes"))
    headers = dict(start["headers"])
    assert (start["status"], headers[b"retry-after"]) == (503, b"7")
    assert headers[b"content-type"] == b"application/problem+json"
    assert b'"detail":"The app is starting."' in body["body"]


async def test_an_unavailable_app_refuses_a_websocket_with_1013() -> None:
    sent = await answered(unavailable("The app is starting."), {"type": "websocket", "path": "/notes", "headers": []})
    assert sent == [{"type": "websocket.close", "code": 1013, "reason": "The app is starting."}]


def test_an_app_without_hooks_gets_no_layer() -> None:
    app = Recorder()
    assert with_hooks(app, []) is app


async def test_sync_and_async_hooks_wrap_each_request_in_order_and_are_left_whatever_happens() -> None:
    seen: list[str] = []

    def plain(connection: HTTPConnection) -> AbstractContextManager[None]:
        @contextmanager
        def manager() -> Iterator[None]:
            seen.append(f"plain in {connection.scope['type']}")
            try:
                yield
            finally:
                seen.append("plain out")

        return manager()

    @asynccontextmanager
    async def awaited(connection: HTTPConnection) -> AsyncIterator[None]:
        seen.append("awaited in")
        try:
            yield
        except ZeroDivisionError:
            seen.append("awaited saw the error")
            raise

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append("app")
        raise ZeroDivisionError

    wrapped = with_hooks(app, [plain, awaited])
    for kind in ("http", "websocket"):
        seen.clear()
        with pytest.raises(ZeroDivisionError):
            await wrapped({**http("/"), "type": kind}, receive, send)
        assert seen == [f"plain in {kind}", "awaited in", "app", "awaited saw the error", "plain out"]
