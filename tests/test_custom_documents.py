"""`app.openapi = custom`, FastAPI's documented way to extend the document: of a composition, a given root, an app."""

from threading import Event
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.testclient import TestClient

import composer
from composer import App
from composer._documents.merged import Documents
from composer._documents.provider import Source, fastapi_provider
from composer._model import BuiltApp, Plan
from composer._secrets import Secrets
from composer.openapi import parse_document
from tests.commands import composer as composer_command
from tests.conftest import Project

Json = dict[str, Any]


def app_with(*paths: str, **more: Any) -> FastAPI:
    app = FastAPI(**more)
    for path in paths:
        app.add_api_route(path, lambda: None)
    return app


def with_logo(app: FastAPI, *, cached: bool = False) -> None:
    """Extend the document as FastAPI's documentation does, with the composition's own as the start."""
    original = app.openapi

    def custom() -> Json:
        if cached and app.openapi_schema:
            return app.openapi_schema
        schema = original()
        schema["info"]["x-logo"] = {"url": "/logo.png"}
        if cached:
            app.openapi_schema = schema
        return schema

    app.openapi = custom  # type: ignore[method-assign]


def served(app: FastAPI) -> Json:
    document: Json = TestClient(app).get("/openapi.json").raise_for_status().json()
    return document


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("after_a_request", [False, True])
def test_a_custom_document_of_the_composition_is_served(cached: bool, after_a_request: bool) -> None:
    root = composer.compose([App("a", "/a", app_with("/x"))])
    if after_a_request:
        assert "x-logo" not in served(root)["info"]
    with_logo(root, cached=cached)
    for _ in range(2):
        document = served(root)
        assert document["info"]["x-logo"] == {"url": "/logo.png"}
        assert list(document["paths"]) == ["/a/x"]


def test_the_example_of_fastapi_s_documentation_works_word_for_word() -> None:
    app = composer.compose([App("a", "/a", app_with("/x"))], root=app_with("/own"))
    TestClient(app).get("/openapi.json")

    def custom_openapi() -> Json:
        if app.openapi_schema:
            return app.openapi_schema
        openapi_schema = get_openapi(title="Custom title", version="2.5.0", description="Here", routes=app.routes)
        openapi_schema["info"]["x-logo"] = {"url": "https://example.com/logo.png"}
        app.openapi_schema = openapi_schema
        return app.openapi_schema

    app.openapi = custom_openapi  # type: ignore[method-assign]
    document = served(app)
    assert (document["info"]["title"], document["info"]["x-logo"]["url"]) == (
        "Custom title",
        "https://example.com/logo.png",
    )
    # As with FastAPI.mount, the routes of the root are all that it names.
    assert list(document["paths"]) == ["/own"]


def test_a_cached_custom_document_is_made_again_when_an_app_changes() -> None:
    app = app_with("/x")
    root = composer.compose([App("a", "/a", app)], root=app_with("/own"))
    with_logo(root, cached=True)
    assert list(served(root)["paths"]) == ["/own", "/a/x"]
    app.add_api_route("/y", lambda: None)
    document = served(root)
    assert list(document["paths"]) == ["/own", "/a/x", "/a/y"]
    assert "x-logo" in document["info"]
    root.add_api_route("/later", lambda: None)
    assert list(served(root)["paths"]) == ["/own", "/later", "/a/x", "/a/y"]


def test_a_custom_function_may_change_every_operation_in_place() -> None:
    root = composer.compose([App("a", "/a", app_with("/x")), App("b", "/b", app_with("/x"))])
    original = root.openapi

    def custom() -> Json:
        schema = original()
        for item in schema["paths"].values():
            item["get"].setdefault("parameters", []).append({"name": "trace", "in": "header"})
        del schema["paths"]["/b/x"]
        return schema

    root.openapi = custom  # type: ignore[method-assign]
    first, second = served(root), served(root)
    assert first == second
    assert list(first["paths"]) == ["/a/x"]
    assert first["paths"]["/a/x"]["get"]["parameters"] == [{"name": "trace", "in": "header"}]
    assert list(original()["paths"]) == ["/a/x", "/b/x"]


def test_a_custom_document_has_a_tag_of_its_own_that_changes_with_its_content() -> None:
    root = composer.compose([App("a", "/a", app_with("/x"))])
    client = TestClient(root)
    tags = [client.get("/openapi.json").headers["etag"]]
    document = {"openapi": "3.1.0", "info": {"title": "Mine", "version": "1"}, "paths": {}}
    original, root.openapi = root.openapi, lambda: document  # type: ignore[method-assign]
    for version in ("1", "2"):
        document["info"]["version"] = version  # type: ignore[index]
        answer = client.get("/openapi.json")
        assert answer.json() == document
        tags.append(answer.headers["etag"])
        again = client.get("/openapi.json", headers={"if-none-match": tags[-1]})
        assert again.status_code == httpx.codes.NOT_MODIFIED
    assert len(set(tags)) == 3
    root.openapi = original  # type: ignore[method-assign]
    assert client.get("/openapi.json").headers["etag"] == tags[0]


def test_what_a_given_root_says_of_itself_before_it_is_composed_stays() -> None:
    root = app_with("/own")

    def custom() -> Json:
        if not root.openapi_schema:
            schema = get_openapi(title="Ours", version="7", routes=root.routes)
            schema["info"]["x-logo"] = {"url": "/logo.png"}
            root.openapi_schema = {**schema, "x-audience": "partners", "servers": [{"url": "https://api.example.com"}]}
        return root.openapi_schema

    root.openapi = custom  # type: ignore[method-assign]
    composer.compose([App("a", "/a", app_with("/x"))], root=root)
    document = served(root)
    assert (document["info"]["title"], document["info"]["x-logo"]) == ("Ours", {"url": "/logo.png"})
    assert (document["x-audience"], document["servers"]) == ("partners", [{"url": "https://api.example.com"}])
    assert list(document["paths"]) == ["/own", "/a/x"]
    # What one function caches isn't taken for what the other does.
    with_logo(root, cached=True)
    assert served(root) == document


def test_a_method_of_a_subclass_is_as_good_as_a_function() -> None:
    class Root(FastAPI):
        def openapi(self) -> Json:
            schema = super().openapi()
            schema["info"]["x-logo"] = {"url": "/logo.png"}
            return schema

    root = composer.compose([App("a", "/a", app_with("/x"))], root=Root())
    assert served(root)["info"]["x-logo"] == {"url": "/logo.png"}
    assert list(served(root)["paths"]) == ["/a/x"]


def test_a_custom_document_of_an_app_is_merged_whenever_it_is_set() -> None:
    app = app_with("/x")
    root = composer.compose([App("a", "/a", app)])
    assert list(served(root)["paths"]) == ["/a/x"]
    document = {"openapi": "3.1.0", "info": {"title": "A", "version": "1"}, "paths": {"/y": {}}}
    app.openapi = lambda: document  # type: ignore[method-assign]
    assert list(served(root)["paths"]) == ["/a/y"]


def test_the_pages_may_call_the_servers_of_a_custom_document() -> None:
    root = composer.compose([App("a", "/a", app_with("/x"))])
    original = root.openapi
    root.openapi = lambda: {**original(), "servers": [{"url": "https://api.example.com"}]}  # type: ignore[method-assign]
    client = TestClient(root)
    page = client.get("/docs")
    assert "connect-src 'self' https://api.example.com" in page.headers["content-security-policy"]
    [entry] = client.get("/docs/apps").json()
    assert (entry["name"], entry["shown"], entry["fault"]) == ("a", True, "")


@pytest.mark.parametrize("content", [RuntimeError("no schema"), {"openapi": {1, 2}}])
def test_a_custom_document_that_fails_harms_nothing_else(content: Any) -> None:
    root = composer.compose([App("a", "/a", app_with("/x"))])

    def custom() -> Any:
        if isinstance(content, Exception):
            raise content
        return content

    root.openapi = custom  # type: ignore[method-assign]
    with TestClient(root, raise_server_exceptions=False) as client:
        answers = [client.get(path).status_code for path in ("/openapi.json", "/docs", "/docs/apps", "/a/x")]
    assert answers == [500, 200, 200, 200]


MAIN = """
import composer
app = composer.build()
original = app.openapi
app.openapi = lambda: {**original(), "x-logo": "yes"}
"""


@pytest.mark.parametrize("name", ["openapi.json", "openapi.yaml"])
def test_the_command_writes_and_compares_the_custom_document(project: Project, name: str) -> None:
    app = "from fastapi import FastAPI\ncreate_app = FastAPI\n"
    root = project({"settings.toml": "", "apps/a.py": app, "main.py": MAIN})
    assert composer_command(root, "openapi", "main:app", "--output", name).returncode == 0
    assert parse_document((root / name).read_bytes(), yaml=name.endswith("yaml"))["x-logo"] == "yes"
    assert composer_command(root, "openapi", "main:app", "--check", name).returncode == 0
    (root / "main.py").write_text(MAIN.replace("yes", "no"))
    assert composer_command(root, "openapi", "main:app", "--check", name).returncode == 1


@pytest.mark.anyio
async def test_a_slow_custom_function_holds_up_neither_the_event_loop_nor_the_handlers() -> None:
    root = composer.compose([App("a", "/a", app_with("/x"))])
    original, began, end = root.openapi, Event(), Event()

    def custom() -> Json:
        began.set()
        assert end.wait(10), "the event loop stood still"
        return original()

    root.openapi = custom  # type: ignore[method-assign]
    documents = composer.composition_of(root).documents
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(documents.current)
        with anyio.fail_after(10):
            await anyio.to_thread.run_sync(began.wait, 10)
            await anyio.to_thread.run_sync(end.set)


# -- a plan that changes -----------------------------------------------------------------------------------


class Changing:
    """A plan whose apps a test changes, and the documents of it."""

    def __init__(self, **apps: FastAPI) -> None:
        self.root = FastAPI()
        self.secrets = Secrets()
        self.built = {name: BuiltApp(App(name, f"/{name}", app), app, ()) for name, app in apps.items()}
        self.documents = Documents(self.root, self.plan, self.source_of)

    def plan(self) -> Plan:
        return Plan((), tuple(self.built.values()), self.secrets)

    def source_of(self, app: BuiltApp) -> Source:
        assert isinstance(app.asgi, FastAPI)
        return Source(app.name, app.prefix, fastapi_provider(app.asgi), self.secrets)

    def put(self, name: str, prefix: str, app: FastAPI) -> None:
        self.built[name] = BuiltApp(App(name, prefix, app), app, ())

    async def paths(self) -> list[str]:
        return list((await self.documents.current()).document["paths"])


@pytest.mark.anyio
@pytest.mark.parametrize("custom", [False, True])
async def test_the_next_request_shows_the_current_plan(custom: bool) -> None:
    changing = Changing(a=app_with("/x"), b=app_with("/x"))
    if custom:
        with_logo(changing.root, cached=True)
    assert await changing.paths() == ["/a/x", "/b/x"]
    version = (await changing.documents.current()).version
    changing.put("a", "/a", app_with("/y"))
    assert await changing.paths() == ["/a/y", "/b/x"]
    del changing.built["b"]
    assert await changing.paths() == ["/a/y"]
    changing.put("c", "/c", app_with("/z"))
    assert await changing.paths() == ["/a/y", "/c/z"]
    changing.built["c"] = BuiltApp(App("c", "/moved", FastAPI()), changing.built["c"].asgi, ())
    assert await changing.paths() == ["/a/y", "/moved/z"]
    assert (await changing.documents.current()).version > version


@pytest.mark.anyio
async def test_a_removed_app_leaves_its_fault_behind_nowhere() -> None:
    changing = Changing(a=app_with("/x"))
    broken = FastAPI()
    broken.openapi = lambda: {"swagger": "2.0"}  # type: ignore[method-assign]
    changing.put("b", "/b", broken)
    assert await changing.paths() == ["/a/x"]
    assert list(changing.documents.faults()) == ["b"]
    del changing.built["b"]
    assert await changing.paths() == ["/a/x"]
    assert changing.documents.faults() == {}


@pytest.mark.anyio
async def test_an_app_named_root_may_come_later() -> None:
    changing = Changing(a=app_with("/x"))
    changing.root.add_api_route("/own", lambda: None)
    assert await changing.paths() == ["/own", "/a/x"]
    changing.put("root", "/r", app_with("/x"))
    assert await changing.paths() == ["/own", "/a/x", "/r/x"]
    assert changing.documents.faults() == {}
