"""The pages and the route of the document: what is sent, under which policy, and what is left alone."""

import gzip
import json
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.testclient import TestClient
from starlette.responses import HTMLResponse

from composer._docs import AppEntry, VersionedDocument, install_docs, install_own_docs
from composer._docs.content import accepts_gzip
from composer._docs.policy import document_origins

EMPTY: dict[str, Any] = {"openapi": "3.1.0", "info": {"title": "All", "version": "1"}, "paths": {}}


def entry(name: str, **more: Any) -> AppEntry:
    defaults = {"title": "", "owner": "", "description": "", "state": "up", "reason": "", "fault": ""}
    return AppEntry(**{"name": name, "prefix": f"/{name}", "shown": True, "private": False, **defaults, **more})


class Documents:
    """Return a document that a test may replace, and count the requests for it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.current = VersionedDocument(1, document)
        self.asked = 0

    def replace(self, document: dict[str, Any]) -> None:
        self.current = VersionedDocument(self.current.version + 1, document)

    async def __call__(self) -> VersionedDocument:
        self.asked += 1
        return self.current


def installed(
    root: FastAPI, document: dict[str, Any] | None = None, apps: Sequence[AppEntry] = (), root_path: str = ""
) -> TestClient:
    install_docs(root, Documents(document or EMPTY), lambda: apps)
    return TestClient(root, root_path=root_path)


def configuration_of(page: str) -> dict[str, Any]:
    """Return the configuration that the page passes to its scripts."""
    found = re.search(r'<script type="application/json" id="configuration">(.*)</script>', page)
    assert found is not None
    configuration: dict[str, Any] = json.loads(found[1])
    return configuration


def assets(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', page)


def rules(client: TestClient, path: str) -> dict[str, str]:
    policy = client.get(path).headers["content-security-policy"]
    return dict(rule.split(" ", 1) for rule in policy.split("; "))


# -- the document ------------------------------------------------------------------------------------------


def test_the_document_is_sent_as_it_is_with_a_tag_that_saves_sending_it_again() -> None:
    document = {**EMPTY, "x-text": "größer", "x-number": 2**63}
    client = installed(FastAPI(), document)
    answer = client.get("/openapi.json")
    assert answer.json() == document
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get("/openapi.json", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])


def test_half_a_pair_of_surrogates_is_sent_as_an_escape_wherever_it_stands() -> None:
    document = {**EMPTY, "paths": {"/\ud800": {"get": {"summary": "\udfff x \ud83d"}}}, "tags": [{"name": "Ü 😀"}]}
    client = installed(FastAPI(), document, [entry("a", title="\ud800", fault="\udc00")])
    answer = client.get("/openapi.json")
    assert (answer.status_code, answer.json()) == (200, document)
    assert r'"/\ud800":{"get":{"summary":"\udfff x \ud83d"}}}' in answer.text
    assert "Ü 😀" in answer.text
    assert [(each["title"], each["fault"]) for each in client.get("/docs/apps").json()] == [("\ud800", "\udc00")]
    assert configuration_of(client.get("/docs").text)["apps"] == client.get("/docs/apps").json()


def test_a_changed_document_has_another_tag() -> None:
    root, documents = FastAPI(), Documents(EMPTY)
    install_docs(root, documents, list)
    client = TestClient(root)
    before = client.get("/openapi.json").headers["etag"]
    documents.replace({**EMPTY, "x-new": 1})
    answer = client.get("/openapi.json", headers={"if-none-match": before})
    assert (answer.status_code, answer.json()["x-new"]) == (200, 1)
    assert answer.headers["etag"] != before


def test_equal_documents_have_one_tag_whatever_object_they_are() -> None:
    tags = [installed(FastAPI(), dict(EMPTY)).get("/openapi.json").headers["etag"] for _ in range(2)]
    assert tags[0] == tags[1]


@pytest.mark.parametrize("header", ["*", 'W/"{tag}"', '"other", "{tag}"', ' "{tag}" '])
def test_a_known_tag_may_be_weak_one_of_several_or_any(header: str) -> None:
    client = installed(FastAPI())
    tag = client.get("/openapi.json").headers["etag"].strip('"')
    known = client.get("/openapi.json", headers={"if-none-match": header.replace("{tag}", tag)})
    assert known.status_code == 304


def test_gzip_is_sent_to_who_takes_it_under_a_tag_of_its_own() -> None:
    client = installed(FastAPI(), {**EMPTY, "x-long": "long " * 1000})
    plain = client.get("/openapi.json", headers={"accept-encoding": "identity"})
    with client.stream("GET", "/openapi.json", headers={"accept-encoding": "gzip"}) as zipped:
        sent = b"".join(zipped.iter_raw())
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(sent) == plain.content
    assert len(sent) == int(zipped.headers["content-length"]) < len(plain.content) / 10
    assert plain.headers["vary"] == zipped.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != zipped.headers["etag"]


@pytest.mark.parametrize("header", ["gzip", "br, gzip", "*", "gzip;q=0.5", "GZIP; q=1.0", "br;q=1, *;q=0.1"])
def test_gzip_is_taken_where_it_is_named_or_anything_is(header: str) -> None:
    assert accepts_gzip(header)


@pytest.mark.parametrize("header", ["", "identity", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *"])
def test_gzip_is_not_taken_where_nothing_says_so(header: str) -> None:
    assert not accepts_gzip(header)


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/assets/swagger-ui.css"])
def test_head_has_the_headers_of_get(path: str) -> None:
    client = installed(FastAPI())
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers} == {**get.headers}


def test_behind_a_proxy_the_document_names_its_path_as_fastapi_does() -> None:
    plain, composed = FastAPI(servers=[{"url": "https://x"}]), FastAPI()
    installed(composed, plain.openapi())
    for root_path in ("/api", "/api/", "/other", "https://x", ""):
        expected = TestClient(plain, root_path=root_path).get(f"{root_path}/openapi.json").json()
        assert TestClient(composed, root_path=root_path).get(f"{root_path}/openapi.json").json() == expected


def test_the_path_of_a_proxy_stays_out_where_the_root_says_so() -> None:
    client = installed(FastAPI(root_path_in_servers=False), root_path="/api")
    assert "servers" not in client.get("/api/openapi.json").json()


def test_many_paths_of_proxies_are_all_answered_right() -> None:
    root = FastAPI()
    installed(root)
    for number in [*range(20), 0, 19]:
        client = TestClient(root, root_path=f"/p{number}")
        assert client.get(f"/p{number}/openapi.json").json()["servers"] == [{"url": f"/p{number}"}]


def test_requests_at_one_time_are_all_answered() -> None:
    documents = Documents({**EMPTY, "x-long": ["long"] * 10_000})
    root = FastAPI()
    install_docs(root, documents, list)
    with TestClient(root) as client, ThreadPoolExecutor(8) as threads:
        tags = {answer.headers["etag"] for answer in threads.map(lambda _: client.get("/openapi.json"), range(16))}
    assert (len(tags), documents.asked) == (1, 16)


def test_a_document_is_written_once_and_not_by_the_event_loop() -> None:
    written_by = []

    class Watched(dict[str, Any]):
        def items(self) -> Any:
            written_by.append(threading.current_thread())
            return super().items()

    root = FastAPI()
    install_docs(root, Documents({**EMPTY, "x-watched": Watched(a=1)}), list)

    async def ask_together() -> list[threading.Thread]:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(_ask, root)
        return [threading.current_thread()]

    loop = anyio.run(ask_together)
    assert len(written_by) == 1
    assert written_by != loop


def test_what_two_documents_share_is_written_once() -> None:
    written = []

    class Watched(dict[str, Any]):
        def items(self) -> Any:
            written.append(self)
            return super().items()

    shared, own = Watched(type="string"), {"type": "number"}
    documents = Documents({**EMPTY, "components": {"schemas": {"Shared": shared, "Own": own}}})
    root = FastAPI()
    install_docs(root, documents, list)
    client = TestClient(root)
    client.get("/openapi.json")
    for schemas in ({"Renamed": shared, "Other": {"type": "boolean"}}, {"Other": {"type": "array"}, "Again": shared}):
        documents.replace({**EMPTY, "components": {"schemas": schemas}})
        assert client.get("/openapi.json").json() == documents.current.document
    assert written == [shared]


async def _ask(app: FastAPI) -> None:
    scope = {"type": "http", "method": "GET", "path": "/openapi.json", "root_path": "", "headers": [],
             "query_string": b"", "http_version": "1.1", "scheme": "http", "server": ("x", 80)}  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200

    await app(scope, receive, send)


def test_a_route_of_the_root_s_own_for_the_document_is_left_alone() -> None:
    root = FastAPI(openapi_url=None)
    root.add_api_route("/openapi.json", lambda: "mine", include_in_schema=False)
    assert installed(root).get("/openapi.json").json() == "mine"


# -- the pages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
@pytest.mark.parametrize("root_path", ["", "/api"])
def test_a_page_loads_all_it_needs_from_its_own_server(page: str, root_path: str) -> None:
    client = installed(FastAPI(), root_path=root_path)
    html = client.get(f"{root_path}{page}")
    assert html.status_code == 200
    assert "//" not in html.text
    found = assets(html.text)
    assert len(found) >= 5
    for address in found:
        assert address.startswith(f"{root_path}/docs/assets/")
        answer = client.get(address)
        assert answer.status_code == 200
        assert "max-age" in answer.headers["cache-control"]
        assert client.get(address, headers={"if-none-match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("path", ["nothing.js", "%2e%2e%2f__init__.py", "..%2F__init__.py"])
def test_nothing_but_the_pages_files_is_served(path: str) -> None:
    assert installed(FastAPI()).get(f"/docs/assets/{path}").status_code == 404


@pytest.mark.parametrize("page", ["/docs", "/redoc", "/docs/oauth2-redirect"])
def test_a_page_has_no_inline_script_and_a_policy_that_allows_none(page: str) -> None:
    client = installed(FastAPI(), apps=[entry("a")])
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", client.get(page).text, re.DOTALL)
    assert scripts
    assert all("src=" in attributes and not text for attributes, text in scripts if "json" not in attributes)
    assert not re.search(r"<style|\sstyle=|\son\w+=", client.get(page).text)
    policy = rules(client, page)
    assert policy["script-src"] == "'self'"
    assert policy["default-src"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    assert "unsafe" not in " ".join(policy.values())


def test_only_redoc_s_styles_are_marked_and_each_time_by_another_word() -> None:
    client = installed(FastAPI())
    assert rules(client, "/docs")["style-src"] == "'self'"
    first, second = client.get("/redoc"), client.get("/redoc")
    for page in (first, second):
        assert f"'nonce-{configuration_of(page.text)['nonce']}'" in page.headers["content-security-policy"]
    assert configuration_of(first.text)["nonce"] != configuration_of(second.text)["nonce"]


def test_the_page_may_call_its_own_server_and_those_that_the_document_names() -> None:
    assert rules(installed(FastAPI()), "/docs")["connect-src"] == "'self'"
    document = {**EMPTY, "servers": [{"url": "https://api.example.com/v1"}, {"url": "/here"}]}
    assert rules(installed(FastAPI(), document), "/docs")["connect-src"] == "'self' https://api.example.com"


def test_a_page_is_there_even_if_the_document_fails() -> None:
    async def failing() -> VersionedDocument:
        raise RuntimeError("no document")

    root = FastAPI()
    install_docs(root, failing, lambda: [entry("a")])
    assert rules(TestClient(root), "/docs")["connect-src"] == "'self'"


def servers(*urls: str) -> dict[str, Any]:
    return {"servers": [{"url": url} for url in urls]}


@pytest.mark.parametrize(
    ("document", "origins"),
    [
        (servers("https://a.example/x", "HTTP://B.example:8080"), ("http://b.example:8080", "https://a.example")),
        (servers("http://[::1]:80/x"), ("http://[::1]:80",)),
        (servers("https://{env}.example.com/v1"), ("https:",)),
        (servers("{scheme}://example.com"), ("https:",)),
        (servers("/x", "x", "//a.example"), ()),
        (servers("https://a.example; script-src *", "https://a.example,b", "https://a@b.example"), ()),
        ({"paths": {"/x": {**servers("https://path.example"), "get": servers("https://operation.example")}}},
         ("https://operation.example", "https://path.example")),
        ({"components": {"securitySchemes": {"a": {"flows": {"password": {"tokenUrl": "https://t.example/x"}}}}}},
         ("https://t.example",)),
        ({"components": {"securitySchemes": {"a": {"openIdConnectUrl": "https://o.example/x"}}}},
         ("https://o.example",)),
        ({"servers": 1, "paths": [], "components": {"securitySchemes": {"a": 1}}}, ()),
    ],
)  # fmt: skip
def test_what_a_request_from_the_page_may_reach(document: dict[str, Any], origins: tuple[str, ...]) -> None:
    assert document_origins(document) == origins


def test_behind_a_proxy_the_page_names_its_path() -> None:
    page = configuration_of(installed(FastAPI(), root_path="/api").get("/api/docs").text)
    assert (page["document"], page["states"]) == ("/api/openapi.json", "/api/docs/apps")
    assert page["redirect"] == "/api/docs/oauth2-redirect"


def test_nothing_that_an_app_or_a_proxy_says_can_write_into_the_page() -> None:
    evil = "</script><!--<b>'\"&"
    apps = [entry(evil, owner=evil, description=evil, reason=evil, fault=evil)]
    root = FastAPI(title=evil, description=evil, swagger_ui_parameters={"x": evil}, swagger_ui_init_oauth={"y": evil})
    installed(root, apps=apps)
    for page in ("/docs", "/redoc"):
        text = TestClient(root, root_path="/'<b>").get(f"/'<b>{page}").text
        assert "<b>" not in text
        assert "<!--" not in text
        assert text.count("</script>") == text.count("<script")
        assert configuration_of(text)["apps"][0]["name"] == configuration_of(text)["title"] == evil


def test_the_page_and_the_route_of_the_apps_have_their_current_states() -> None:
    apps = [entry("a", state="starting")]
    client = installed(FastAPI(), apps=apps)
    assert [app["state"] for app in configuration_of(client.get("/docs").text)["apps"]] == ["starting"]
    apps[0] = entry("a", state="failed", reason="RuntimeError", private=True, shown=False)
    answer = client.get("/docs/apps")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == [
        {"name": "a", "prefix": "/a", "title": "", "owner": "", "description": "", "state": "failed",
         "reason": "RuntimeError", "shown": False, "private": True, "fault": ""}
    ]  # fmt: skip


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_first_page_already_shows_the_fault_of_an_app_s_document(page: str) -> None:
    faults: list[str] = []

    async def document() -> VersionedDocument:
        faults.append("no schema")
        return VersionedDocument(1, EMPTY)

    root = FastAPI()
    install_docs(root, document, lambda: [entry("a", fault=", ".join(faults))])
    assert configuration_of(TestClient(root).get(page).text)["apps"][0]["fault"] == "no schema"


def test_what_the_root_sets_for_swagger_ui_wins() -> None:
    root = FastAPI(
        swagger_ui_parameters={"docExpansion": "full", "deepLinking": False}, swagger_ui_init_oauth={"clientId": "x"}
    )
    page = configuration_of(installed(root).get("/docs").text)
    assert page["parameters"] == {
        "dom_id": "#swagger-ui", "layout": "BaseLayout", "deepLinking": False, "showExtensions": True,
        "showCommonExtensions": True, "validatorUrl": None, "docExpansion": "full",
    }  # fmt: skip
    assert page["explicit"] == ["deepLinking", "docExpansion"]
    assert page["oauth"] == {"clientId": "x"}


def test_the_validator_badge_is_off_unless_it_is_asked_for() -> None:
    assert configuration_of(installed(FastAPI()).get("/docs").text)["parameters"]["validatorUrl"] is None
    asked = FastAPI(swagger_ui_parameters={"validatorUrl": "/check"})
    assert configuration_of(installed(asked).get("/docs").text)["parameters"]["validatorUrl"] == "/check"


def test_the_oauth2_redirect_page_has_the_url_that_the_root_sets() -> None:
    client = installed(FastAPI(swagger_ui_oauth2_redirect_url="/back"), root_path="/api")
    page = client.get("/api/back").text
    (script,) = assets(page)
    assert script.startswith("/api/docs/assets/oauth2-redirect.js")
    assert "swaggerUIRedirectOauth2" in client.get(script).text
    without = installed(FastAPI(swagger_ui_oauth2_redirect_url=None))
    assert configuration_of(without.get("/docs").text)["redirect"] is None
    assert without.get("/docs/oauth2-redirect").status_code == 404


def test_pages_have_the_urls_that_the_root_sets() -> None:
    client = installed(FastAPI(docs_url="/a/page", redoc_url="/b/page", openapi_url="/c.json"))
    assert "/a/page/assets/swagger-ui-bundle.js" in client.get("/a/page").text
    assert "/a/page/assets/redoc.standalone.js" in client.get("/b/page").text
    assert configuration_of(client.get("/b/page").text)["document"] == "/c.json"
    assert [client.get(path).status_code for path in ("/docs", "/c.json", "/a/page/apps")] == [404, 200, 200]


def test_a_page_that_is_none_stays_none() -> None:
    client = installed(FastAPI(docs_url=None))
    assert client.get("/docs").status_code == 404
    assert "/redoc/assets/redoc.standalone.js" in client.get("/redoc").text
    assert client.get("/redoc/apps").json() == []


def test_without_a_document_there_are_no_pages() -> None:
    client = installed(FastAPI(openapi_url=None))
    assert [client.get(path).status_code for path in ("/openapi.json", "/docs", "/redoc", "/docs/apps")] == [404] * 4


def test_a_page_of_the_root_s_own_is_left_alone() -> None:
    root = FastAPI(docs_url=None, redoc_url=None)
    root.add_api_route("/docs", lambda: "mine", include_in_schema=False)
    assert installed(root).get("/docs").json() == "mine"


def test_the_pages_are_no_operations() -> None:
    root = FastAPI()
    installed(root)
    assert root.openapi()["paths"] == {}


# -- an app's own pages ------------------------------------------------------------------------------------


def mounted(app: FastAPI) -> TestClient:
    install_own_docs(app)
    return TestClient(app, root_path="/notes")


def test_an_app_s_own_pages_load_from_the_app_itself_and_show_it_alone() -> None:
    client = mounted(FastAPI(title="Notes"))
    for page in ("/notes/docs", "/notes/redoc"):
        html = client.get(page).text
        assert {client.get(address).status_code for address in assets(html)} == {200}
        assert all(address.startswith("/notes/docs/assets/") for address in assets(html))
        assert (configuration_of(html)["apps"], configuration_of(html)["document"]) == (None, "/notes/openapi.json")
        assert rules(client, page)["script-src"] == "'self'"
    assert client.get("/notes/docs/apps").status_code == 404


def test_an_app_s_own_document_is_left_as_fastapi_serves_it() -> None:
    app, alone = FastAPI(), FastAPI()
    answers = [client.get("/notes/openapi.json") for client in (mounted(app), TestClient(alone, root_path="/notes"))]
    assert answers[0].json() == answers[1].json()
    assert "etag" not in answers[0].headers


def test_an_app_s_own_page_may_call_the_servers_of_its_document() -> None:
    client = mounted(FastAPI(servers=[{"url": "https://notes.example"}]))
    assert rules(client, "/notes/docs")["connect-src"] == "'self' https://notes.example"


def test_to_install_an_app_s_own_pages_again_changes_nothing() -> None:
    app = FastAPI()
    install_own_docs(app)
    before = list(app.router.routes)
    install_own_docs(app)
    assert app.router.routes == before


def test_pages_that_an_app_made_itself_are_left_alone() -> None:
    app = FastAPI(docs_url=None, redoc_url=None)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(openapi_url="/x.json", title="mine")

    before = list(app.router.routes)
    assert "mine" in mounted(app).get("/notes/docs").text
    assert app.router.routes == before


def test_an_app_without_a_document_has_no_pages() -> None:
    app = FastAPI(openapi_url=None)
    assert mounted(app).get("/notes/docs").status_code == 404
    assert app.router.routes == []
