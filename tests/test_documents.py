"""The one document of a composition: which apps take part in it, and when it is made anew."""

import json
import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import anyio
import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

import composer
from composer import App
from composer._documents.merged import Documents
from tests.conftest import Project

Json = dict[str, Any]


def app_with(path: str, **more: Any) -> FastAPI:
    app = FastAPI(**more)

    @app.get(path)
    def read() -> dict[str, int]:
        return {}

    return app


def described(path: str = "/x", **more: Any) -> Json:
    operation = {"responses": {"200": {"description": "Well"}}}
    return {"openapi": "3.1.0", "info": {"title": "Guest", "version": "1"}, "paths": {path: {"get": operation}}, **more}


class Guest(Starlette):
    """An app that isn't FastAPI's: it answers one path with what it is told to."""

    def __init__(self, path: str, answer: Callable[[Request], Response]) -> None:
        self.asked: list[str] = []

        def handler(request: Request) -> Response:
            self.asked.append(request.scope["root_path"])
            return answer(request)

        super().__init__(routes=[Route(path, handler)])


def documents_of(*apps: App, root: FastAPI | None = None) -> Documents:
    return composer.composition_of(composer.compose(apps, root=root)).documents


def composed(root: FastAPI, /, **apps: Any) -> TestClient:
    return TestClient(composer.compose([App(name, f"/{name}", app) for name, app in apps.items()], root=root))


def paths(client: TestClient) -> list[str]:
    return list(client.get("/openapi.json").json()["paths"])


# -- what is in it -----------------------------------------------------------------------------------------


def test_the_document_shows_every_app_and_the_root_s_own_routes() -> None:
    client = composed(app_with("/own", title="All", version="7"), a=app_with("/x"), b=app_with("/"))
    document = client.get("/openapi.json").json()
    assert list(document["paths"]) == ["/own", "/a/x", "/b/"]
    assert document["info"] == {"title": "All", "version": "7"}


def test_an_app_without_openapi_url_stays_private() -> None:
    assert paths(composed(FastAPI(), a=app_with("/x", openapi_url=None), b=app_with("/y"))) == ["/b/y"]


def test_an_app_that_the_settings_keep_out_stays_private_and_keeps_its_own_page() -> None:
    app = composer.compose([App("a", "/a", app_with("/x"), openapi=False), App("b", "/b", app_with("/y"))])
    with TestClient(app) as client:
        assert paths(client) == ["/b/y"]
        assert client.get("/a/openapi.json").json()["paths"].keys() == {"/x"}


def test_what_the_root_says_of_the_composition_comes_first() -> None:
    root = FastAPI(title="All", description="Of all.", contact={"name": "Ann"}, servers=[{"url": "https://x"}],
                   openapi_tags=[{"name": "later", "description": "L"}])  # fmt: skip
    client = composed(root, a=app_with("/x", title="A", description="Of one."), b=app_with("/y"))
    document = client.get("/openapi.json").json()
    assert document["info"]["description"] == "Of all.\n\n- **A**: Of one."
    assert document["info"]["contact"] == {"name": "Ann"}
    assert document["servers"] == [{"url": "https://x"}]
    assert document["tags"] == [{"name": "later", "description": "L"}]


def test_a_tag_that_the_root_describes_and_uses_is_there_once() -> None:
    root = FastAPI(openapi_tags=[{"name": "own", "description": "O"}, {"name": "more"}])
    router = APIRouter(tags=["own"])
    router.add_api_route("/own", lambda: None)
    root.include_router(router)
    assert composed(root, a=app_with("/x")).get("/openapi.json").json()["tags"] == [
        {"name": "more"},
        {"name": "own", "description": "O"},
    ]


def test_an_app_may_be_named_root() -> None:
    name = "root"
    assert paths(composed(app_with("/own"), **{name: app_with("/x")})) == ["/own", f"/{name}/x"]


# -- where it comes from -----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["/openapi.json", "/schema/openapi.json"])
def test_an_app_of_another_kind_is_asked_at_the_usual_places(place: str) -> None:
    guest = Guest(place, lambda _: JSONResponse(described(servers=[{"url": "/elsewhere"}])))
    with composed(FastAPI(), guest=guest) as client:
        assert paths(client) == ["/guest/x"]
    assert guest.asked == ["/guest"]


def test_an_app_that_is_mounted_at_the_root_is_asked_too() -> None:
    guest = Guest("/openapi.json", lambda _: JSONResponse(described()))
    with TestClient(composer.compose([App("guest", "/", guest)])) as client:
        assert paths(client) == ["/x"]


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("{}"),
        HTMLResponse("<p>a page for every path"),
        JSONResponse(["openapi"]),
        JSONResponse(described(), 404),
    ],
    ids=["an empty object", "a page", "a list", "an error"],
)
def test_an_app_that_answers_something_else_has_no_document(answer: Response, caplog: pytest.LogCaptureFixture) -> None:
    guest = Guest("/openapi.json", lambda _: answer)
    with composed(FastAPI(), guest=guest, b=app_with("/y")) as client:
        assert paths(client) == paths(client) == ["/b/y"]
    assert len(guest.asked) == 1, "asked again for what it doesn't have"
    assert caplog.messages == []


def test_an_app_that_raises_when_asked_has_no_document(caplog: pytest.LogCaptureFixture) -> None:
    async def plain(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError(scope["path"])

    with TestClient(composer.compose([App("a", app=plain)])) as client:
        assert paths(client) == []
    assert caplog.messages == []


def test_an_app_is_asked_where_the_settings_say() -> None:
    guest = Guest("/about/api.yaml", lambda _: Response(yaml_text, media_type="application/yaml"))
    yaml_text = "openapi: 3.1.0\ninfo: {title: G, version: 2026-01-01}\npaths: {/x: {get: {responses: {200: {}}}}}\n"
    with TestClient(composer.compose([App("guest", "/guest", guest, openapi="/about/api.yaml")])) as client:
        document = client.get("/openapi.json").json()
    assert document["paths"] == {"/guest/x": {"get": {"responses": {"200": {}}}}}


def test_a_named_place_that_answers_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    guest = Guest("/other", lambda _: Response())
    apps = [App("guest", "/guest", guest, openapi="/api.json"), App("b", "/b", app_with("/y"))]
    with TestClient(composer.compose(apps)) as client:
        assert paths(client) == paths(client) == ["/b/y"]
        [_, entry] = client.get("/docs/apps").json()
        assert entry["fault"] == "GET /api.json answered 404"
    expected = "OpenAPI document left out of the merged document: guest: GET /api.json answered 404"
    assert caplog.messages == [expected]


def test_a_function_gives_the_document_of_the_app_that_it_gets() -> None:
    def document(app: Starlette) -> Json:
        return described(app.state.path)

    guest = Starlette()
    guest.state.path = "/y"
    assert list(documents_of(App("guest", "/guest", guest, openapi=document))()["paths"]) == ["/guest/y"]


def test_a_function_without_parameters_and_a_document_itself_do_as_well() -> None:
    guest = Starlette()
    for given in (described, described()):
        assert list(documents_of(App("guest", "/guest", guest, openapi=given))()["paths"]) == ["/guest/x"]


@pytest.mark.parametrize("name", ["api.json", "api.yaml"])
def test_a_file_gives_the_document(name: str, project: Project) -> None:
    root = project({
        "settings.toml": f'[apps.guest]\nopenapi = "about/{name}"\n',
        "apps/guest.py": "from starlette.applications import Starlette\ndef create_app():\n    return Starlette()\n",
        f"about/{name}": json.dumps(described()),
    })  # fmt: skip
    assert list(composer.build(root / "settings.toml").openapi()["paths"]) == ["/guest/x"]


def test_settings_name_a_function_and_keep_an_app_out(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    app = "from starlette.applications import Starlette\ndef create_app():\n    return Starlette()\n"
    root = project({
        "settings.toml": '[apps.guest]\nopenapi = "apps.guest:about"\n[apps.quiet]\nopenapi = false\n',
        "apps/guest.py": f"{app}\ndef about():\n    return {described()!r}\n",
        "apps/quiet.py": "from fastapi import FastAPI\ncreate_app = lambda: FastAPI()\n",
    })  # fmt: skip
    monkeypatch.setenv("COMPOSER_APPS__QUIET__OPENAPI", "false")
    client = TestClient(composer.build(root / "settings.toml"))
    assert paths(client) == ["/guest/x"]
    assert [each["name"] for each in client.get("/docs/apps").json() if each["private"]] == ["quiet"]


def test_without_a_server_an_app_of_another_kind_is_asked_all_the_same() -> None:
    guest = Guest("/openapi.json", lambda _: JSONResponse(described()))
    assert list(composer.compose([App("guest", "/guest", guest)]).openapi()["paths"]) == ["/guest/x"]


# -- when it is made anew ----------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_the_document_has_one_version_until_an_app_s_changes() -> None:
    app = app_with("/x")
    documents = documents_of(App("a", "/a", app))
    first = await documents.current()
    assert await documents.current() == first
    app.add_api_route("/y", lambda: None)
    second = await documents.current()
    assert second.version > first.version
    assert list(second.document["paths"]) == ["/a/x", "/a/y"]


def test_only_the_app_that_changed_makes_its_document_anew() -> None:
    made: list[str] = []

    class Counting(FastAPI):
        def openapi(self) -> Json:
            before = self.openapi_schema
            document = super().openapi()
            made.extend([self.title] if document is not before else [])
            return document

    apps = [Counting(title="a"), Counting(title="b")]
    documents = documents_of(*(App(app.title, f"/{app.title}", app) for app in apps))
    documents()
    assert made == ["a", "b"]
    apps[1].add_api_route("/y", lambda: None)
    assert "/b/y" in documents()["paths"]
    assert made == ["a", "b", "b"]


def _add_a_route(app: FastAPI, inner: APIRouter) -> None:
    app.add_api_route("/later", lambda: None)


def _add_a_route_to_the_inner_router(app: FastAPI, inner: APIRouter) -> None:
    inner.add_api_route("/later", lambda: None)


def _change_the_title(app: FastAPI, inner: APIRouter) -> None:
    app.title, app.openapi_schema = "later", None


def _give_another_document(app: FastAPI, inner: APIRouter) -> None:
    app.openapi_schema = described("/later")


@pytest.mark.parametrize(
    "change", [_add_a_route, _add_a_route_to_the_inner_router, _change_the_title, _give_another_document]
)
def test_the_next_request_sees_whatever_fastapi_sees_of_a_change(change: Callable[[FastAPI, APIRouter], None]) -> None:
    app, inner = app_with("/x"), APIRouter()
    app.include_router(inner, prefix="/inner")
    client = composed(FastAPI(), a=app, b=app_with("/x"))
    before = client.get("/openapi.json").text
    assert client.get("/openapi.json").text == before
    change(app, inner)
    after = client.get("/openapi.json").text
    assert ("later" in before, "later" in after) == (False, True)
    assert client.get("/openapi.json").text == after


def test_a_document_of_an_app_s_own_making_is_asked_for_at_each_request() -> None:
    class Counting(FastAPI):
        asked = 0

        def openapi(self) -> Json:
            self.asked += 1
            return described(f"/x{self.asked}")

    client = composed(FastAPI(), a=Counting())
    assert [paths(client), paths(client)] == [["/a/x1"], ["/a/x2"]]


@pytest.mark.anyio
async def test_a_document_that_nothing_has_changed_is_there_without_waiting() -> None:
    documents = documents_of(
        App("a", "/a", app_with("/x")),
        App("file", "/file", Starlette(), openapi=described()),
        App("private", "/private", FastAPI(openapi_url=None)),
    )
    first = await documents.current()
    with pytest.raises(StopIteration) as end:
        documents.current().send(None)
    assert end.value.value == first


@pytest.mark.anyio
async def test_a_document_that_is_made_anew_with_the_same_content_changes_nothing() -> None:
    documents = documents_of(App("guest", "/guest", Starlette(), openapi=described))
    assert await documents.current() == await documents.current()


@pytest.mark.anyio
async def test_a_document_that_is_changed_in_place_is_another_version() -> None:
    document = described("/x")
    documents = documents_of(App("a", "/a", Starlette(), openapi=lambda: document))
    first = await documents.current()
    for path in ("/y", "/z"):
        document["paths"][path] = document["paths"]["/x"]
        assert f"/a{path}" in (await documents.current()).document["paths"]
    assert list(first.document["paths"]) == ["/a/x"]


def test_what_a_guest_answers_next_is_taken_up() -> None:
    answers = ["/x", "/y"]
    guest = Guest("/openapi.json", lambda _: JSONResponse(described(answers[0])))
    with composed(FastAPI(), guest=guest) as client:
        assert paths(client) == ["/guest/x"]
        del answers[0]
        assert paths(client) == ["/guest/y"]


@pytest.mark.anyio
async def test_a_guest_that_answers_the_same_again_changes_nothing() -> None:
    answers = [JSONResponse(described())] * 2 + [Response(status_code=500), JSONResponse(described())]
    documents = documents_of(App("guest", "/guest", Guest("/openapi.json", lambda _: answers.pop(0))))
    first, second, without, again = [await documents.current() for _ in range(4)]
    assert second == first
    assert (list(without.document["paths"]), list(again.document["paths"])) == ([], ["/guest/x"])


def test_a_guest_that_has_no_document_any_more_is_told(caplog: pytest.LogCaptureFixture) -> None:
    answers = [JSONResponse(described()), Response(status_code=500)]
    guest = Guest("/openapi.json", lambda _: answers.pop(0))
    with composed(FastAPI(), guest=guest) as client:
        assert paths(client) == ["/guest/x"]
        assert paths(client) == []
    assert "GET /openapi.json answered 500" in caplog.text


def test_routes_added_to_the_root_later_are_in_the_document() -> None:
    root = FastAPI()
    client = composed(root, a=app_with("/x"))
    client.get("/openapi.json")
    root.add_api_route("/late", lambda: None)
    assert paths(client) == ["/late", "/a/x"]


@pytest.mark.anyio
async def test_the_event_loop_goes_on_while_a_document_is_made() -> None:
    began, end = Event(), Event()

    def slow() -> Json:
        began.set()
        assert end.wait(10), "the event loop stood still"
        return described()

    documents = documents_of(App("slow", "/slow", Starlette(), openapi=slow))
    async with anyio.create_task_group() as group:
        group.start_soon(documents.current)
        group.start_soon(documents.current)
        await anyio.to_thread.run_sync(began.wait, 10)
        end.set()
    assert list((await documents.current()).document["paths"]) == ["/slow/x"]


@pytest.mark.anyio
async def test_many_who_ask_at_once_take_no_thread_from_the_handlers() -> None:
    end = Event()

    def slow() -> Json:
        assert end.wait(10)
        return described()

    documents = documents_of(App("slow", "/slow", Starlette(), openapi=slow))
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(documents.current)
        await anyio.sleep(0.05)
        with anyio.fail_after(5):
            await anyio.to_thread.run_sync(end.set)


def test_threads_that_ask_at_once_get_one_document() -> None:
    def slow() -> Json:
        time.sleep(0.05)
        return described()

    documents = documents_of(App("slow", "/slow", Starlette(), openapi=slow))
    found: list[Json] = []
    threads = [Thread(target=lambda: found.append(documents())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(each == found[0] for each in found)
    assert anyio.run(documents.current).version == 1


# -- what goes wrong ---------------------------------------------------------------------------------------


def test_an_app_whose_document_fails_is_left_out_and_named_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FastAPI):
        def openapi(self) -> Json:
            raise RuntimeError("hunter2")

    client = composed(FastAPI(), a=Broken(), b=app_with("/y"))
    with caplog.at_level(logging.ERROR, "composer"):
        assert paths(client) == paths(client) == ["/b/y"]
    expected = "OpenAPI document left out of the merged document: a: making it raised RuntimeError"
    assert caplog.messages == [expected]
    assert "hunter2" in caplog.text, "the log has the traceback"
    page = client.get("/docs/apps").text
    assert "making it raised RuntimeError" in page
    assert "hunter2" not in page


def test_an_app_whose_document_is_faulty_is_left_out_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    faulty = {"openapi": "3.1.0", "info": {}, "paths": {}, "tags": ["gone"]}
    apps = [App("a", "/a", Starlette(), openapi=faulty), App("b", "/b", app_with("/y"))]
    client = TestClient(composer.compose(apps))
    assert paths(client) == ["/b/y"]
    assert "OpenAPI document left out of the merged document: a: #/tags: must be" in caplog.text
    [a, b] = client.get("/docs/apps").json()
    assert (a["fault"], a["shown"]) == ("#/tags: must be an array of objects with a name", False)
    assert (b["fault"], b["shown"]) == ("", True)


def test_of_an_app_with_a_faulty_operation_the_others_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    faulty = described("/fine")
    faulty["paths"]["/"] = {"$ref": "#/components/pathItems/Gone"}
    client = TestClient(composer.compose([App("a", "/a", Starlette(), openapi=faulty)]))
    assert paths(client) == ["/a/fine"]
    assert "part of the OpenAPI document left out of the merged document: a: #/paths/~1/$ref" in caplog.text
    [a] = client.get("/docs/apps").json()
    assert (a["fault"], a["shown"]) == ("#/paths/~1/$ref: unresolved reference: '#/components/pathItems/Gone'", True)


def test_a_link_that_leads_nowhere_is_left_out_and_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    linking = described("/x")
    linking["paths"]["/x"]["get"]["responses"]["200"]["links"] = {"gone": {"operationId": "gone"}, "own": {}}
    root = composer.compose([App("a", "/a", Starlette(), openapi=linking)])
    operation = TestClient(root).get("/openapi.json").json()["paths"]["/a/x"]["get"]
    assert operation["responses"]["200"]["links"] == {"own": {}}
    assert "link left out of the merged OpenAPI document: a: #/paths/~1x/get" in caplog.text
    assert composer.composition_of(root).documents.faults() == {}


@pytest.mark.parametrize(
    "own",
    [
        {"openapi": "3.1.0"},
        {"openapi": "3.1.0", "info": None, "tags": [1, {"name": 2}], "paths": {"/": 1, "/x": {"get": {"tags": 5}}}},
        {"openapi": "3.1.0", "info": {"description": 1}, "servers": "x", "tags": 3, "paths": []},
        ["no document"],
    ],
)
def test_whatever_a_root_says_of_itself_the_apps_are_shown(own: Any) -> None:
    root = FastAPI()
    root.openapi = lambda: own  # type: ignore[method-assign]
    client = TestClient(composer.compose([App("a", "/a", app_with("/x"))], root=root), root_path="/proxy")
    assert "/a/x" in paths(client)
    assert client.get("/docs").status_code == httpx.codes.OK


def test_a_number_among_the_tags_of_one_app_harms_no_other() -> None:
    faulty = described("/x", tags=[{"name": "b"}])
    faulty["paths"]["/x"]["get"]["tags"] = [2023, "b"]
    assert paths(composed(FastAPI(), a=app_with("/x"), b=Starlette())) == ["/a/x"]
    apps = [App("a", "/a", app_with("/x")), App("b", "/b", Starlette(), openapi=faulty)]
    assert paths(TestClient(composer.compose(apps))) == ["/a/x"]


def test_an_app_whose_document_is_mended_is_shown_again() -> None:
    given = [{"swagger": "2.0"}, described()]
    documents = documents_of(App("a", "/a", Starlette(), openapi=lambda: given[0]))
    assert list(documents()["paths"]) == []
    assert documents.faults()["a"] == "#: unsupported OpenAPI version: 2.0 (supported: 3.0, 3.1 and 3.2)"
    del given[0]
    assert list(documents()["paths"]) == ["/a/x"]
    assert documents.faults() == {}


def test_what_is_no_json_is_left_out() -> None:
    documents = documents_of(App("a", "/a", Starlette(), openapi=lambda: {"openapi": {1, 2}}))
    assert list(documents()["paths"]) == []
    assert documents.faults()["a"] == "it isn't a JSON document: Object of type set is not JSON serializable"


def test_a_root_whose_own_document_fails_keeps_no_app_from_being_shown(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FastAPI):
        def openapi(self) -> Json:
            raise RuntimeError

    assert paths(composed(Broken(), a=app_with("/x"))) == ["/a/x"]
    assert "document: root: making it raised RuntimeError" in caplog.text


# -- how it is told ----------------------------------------------------------------------------------------


def test_the_page_is_told_of_each_app() -> None:
    apps = [
        App("a", "/a", app_with("/x", title="A"), owner="Team A", description="What A does."),
        App("guest", "/guest", Starlette(), openapi=described()),
        App("quiet", "/quiet", app_with("/x", title="Q", openapi_url=None)),
    ]
    with TestClient(composer.compose(apps)) as client:
        client.get("/openapi.json")
        told = client.get("/docs/apps").json()
    rows = [(each["name"], each["title"], each["state"], each["shown"], each["private"]) for each in told]
    assert rows == [
        ("a", "A", "up", True, False),
        ("guest", "Guest", "up", True, False),
        ("quiet", "Q", "up", False, True),
    ]
    assert (told[0]["owner"], told[0]["description"], told[0]["prefix"]) == ("Team A", "What A does.", "/a")


def test_the_settings_name_owner_and_description(project: Project) -> None:
    root = project({
        "settings.toml": '[apps.a]\nowner = "Team A"\ndescription = "What A does."\n',
        "apps/a.py": "from fastapi import FastAPI\ndef create_app():\n    return FastAPI()\n",
    })  # fmt: skip
    [entry] = TestClient(composer.build(root / "settings.toml")).get("/docs/apps").json()
    assert (entry["owner"], entry["description"], entry["state"]) == ("Team A", "What A does.", "pending")


def test_a_guest_that_never_answers_keeps_nobody_waiting_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer._documents.guest._TIMEOUT", 0.05)

    async def stuck(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError
        await anyio.sleep_forever()

    with TestClient(composer.compose([App("stuck", "/stuck", app=stuck, openapi="/api.json")])) as client:
        assert client.get("/openapi.json").status_code == httpx.codes.OK
        assert client.get("/docs/apps").json()[0]["fault"] == "GET /api.json raised TimeoutError"


# -- addresses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("/token", "/a/token"),
        ("/acme/token?x=1", "/a/acme/token?x=1"),
        ("/inner/hidden/", "/a/inner/hidden/"),
        ("/static/token", "/a/static/token"),
        ("/login/token", "/login/token"),
        ("/", "/"),
        ("../token", "a/token"),
    ],
)
def test_an_address_that_leads_to_a_hidden_route_of_the_app_leads_there_still(url: str, there: str) -> None:
    app, inner = app_with("/x"), APIRouter()
    app.post("/token", include_in_schema=False)(lambda: None)
    app.post("/acme/{kind}", include_in_schema=False)(lambda kind: None)
    inner.post("/hidden", include_in_schema=False)(lambda: None)
    app.include_router(inner, prefix="/inner")
    app.mount("/static", Starlette())
    app.mount("", Starlette())
    original = app.openapi

    def with_scheme() -> Json:
        flows = {"password": {"tokenUrl": url, "scopes": {}}}
        return {**original(), "components": {"securitySchemes": {"o": {"type": "oauth2", "flows": flows}}}}

    app.openapi = with_scheme  # type: ignore[method-assign]
    document = composed(FastAPI(), a=app).get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["o"]["flows"]["password"]["tokenUrl"] == there
