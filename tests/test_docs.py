"""The root's pages and the one document behind them."""

import logging
import re
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from composer._build._document import Source, merged_document
from composer._docs import install_docs


def app_with(path: str, **more: Any) -> FastAPI:
    app = FastAPI(**more)

    @app.get(path)
    def read() -> dict[str, int]:
        return {}

    return app


def composed(root: FastAPI, /, **apps: Any) -> TestClient:
    sources = [Source(name, f"/{name}", app) for name, app in apps.items()]
    install_docs(root, merged_document(root, sources))
    return TestClient(root)


def assets(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', page)


# -- the document ------------------------------------------------------------------------------------------


def test_the_document_shows_every_app_and_the_root_s_own_routes() -> None:
    client = composed(app_with("/own", title="All", version="7"), a=app_with("/x"), b=app_with("/"))
    document = client.get("/openapi.json").json()
    assert list(document["paths"]) == ["/own", "/a/x", "/b/"]
    assert document["info"] == {"title": "All", "version": "7"}


def test_an_app_without_openapi_url_stays_private() -> None:
    client = composed(FastAPI(), a=app_with("/x", openapi_url=None), b=app_with("/y"))
    assert list(client.get("/openapi.json").json()["paths"]) == ["/b/y"]


def test_an_app_that_is_no_fastapi_has_no_document() -> None:
    async def plain(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError(scope)

    assert composed(FastAPI(), a=plain).get("/openapi.json").json()["paths"] == {}


def test_what_the_root_says_of_the_composition_comes_first() -> None:
    root = FastAPI(title="All", description="Of all.", contact={"name": "Ann"}, servers=[{"url": "https://x"}],
                   openapi_tags=[{"name": "later", "description": "L"}])  # fmt: skip
    document = (
        composed(root, a=app_with("/x", title="A", description="Of one."), b=app_with("/y")).get("/openapi.json").json()
    )
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


def test_the_document_is_made_again_only_when_an_app_s_changes() -> None:
    app, root = app_with("/x"), FastAPI()
    document = merged_document(root, [Source("a", "/a", app)])
    first = document()
    assert document() is first
    app.add_api_route("/y", lambda: None)
    assert list(document()["paths"]) == ["/a/x", "/a/y"]


def test_routes_added_to_the_root_later_are_in_the_document() -> None:
    root = FastAPI()
    client = composed(root, a=app_with("/x"))
    client.get("/openapi.json")
    root.add_api_route("/late", lambda: None)
    assert list(client.get("/openapi.json").json()["paths"]) == ["/late", "/a/x"]


def test_an_app_whose_document_fails_is_left_out_and_named_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FastAPI):
        def openapi(self) -> dict[str, Any]:
            raise RuntimeError("no schema for this")

    client = composed(FastAPI(), a=Broken(), b=app_with("/y"))
    with caplog.at_level(logging.ERROR, "composer"):
        assert list(client.get("/openapi.json").json()["paths"]) == ["/b/y"]
        client.get("/openapi.json")
    expected = "the documents of all apps are shown without that of a: RuntimeError: no schema for this"
    assert [record.getMessage() for record in caplog.records] == [expected]


def test_an_app_whose_document_is_faulty_is_left_out_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    class Dangling(FastAPI):
        def openapi(self) -> dict[str, Any]:
            return {"openapi": "3.1.0", "info": {}, "paths": {"/": {"$ref": "#/components/pathItems/Gone"}}}

    client = composed(FastAPI(), a=Dangling(), b=app_with("/y"))
    assert list(client.get("/openapi.json").json()["paths"]) == ["/b/y"]
    assert "that of a: #/paths/~1/$ref: refers to nothing" in caplog.text


def test_an_app_may_be_named_root() -> None:
    name = "root"
    client = composed(app_with("/own"), **{name: app_with("/x")})
    assert list(client.get("/openapi.json").json()["paths"]) == ["/own", f"/{name}/x"]


# -- the pages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
@pytest.mark.parametrize("root_path", ["", "/api"])
def test_a_page_loads_all_it_needs_from_its_own_server(page: str, root_path: str) -> None:
    root = FastAPI()
    composed(root, a=app_with("/x"))
    client = TestClient(root, root_path=root_path)
    html = client.get(f"{root_path}{page}")
    assert html.status_code == 200
    assert "//" not in html.text.replace("<!--", "").replace("// `SwaggerUIBundle`", "")
    found = assets(html.text)
    assert len(found) >= 2
    for address in found:
        assert address.startswith(f"{root_path}/docs/assets/")
        answer = client.get(address)
        assert answer.status_code == 200
        assert "max-age" in answer.headers["cache-control"]
        assert client.get(address, headers={"if-none-match": answer.headers["etag"]}).status_code == 304


def test_behind_a_proxy_the_page_and_the_document_name_its_path() -> None:
    root = FastAPI()
    composed(root, a=app_with("/x"))
    client = TestClient(root, root_path="/api")
    page = client.get("/api/docs").text
    assert "url: '/api/openapi.json'" in page
    assert "'/api/docs/oauth2-redirect'" in page
    assert client.get("/api/openapi.json").json()["servers"] == [{"url": "/api"}]


def test_a_root_path_can_not_write_into_the_page() -> None:
    root = FastAPI()
    composed(root)
    assert "<b>" not in TestClient(root, root_path="/'<b>").get("/'<b>/docs").text


def test_the_oauth2_redirect_page_is_kept() -> None:
    assert "oauth2" in composed(FastAPI()).get("/docs/oauth2-redirect").text


def test_the_validator_badge_is_off_unless_it_is_asked_for() -> None:
    assert '"validatorUrl": null' in composed(FastAPI()).get("/docs").text
    asked = FastAPI(swagger_ui_parameters={"validatorUrl": "/check"})
    assert '"validatorUrl": "/check"' in composed(asked).get("/docs").text


def test_pages_stand_where_the_root_was_told() -> None:
    client = composed(FastAPI(docs_url="/a/page", redoc_url="/b/page", openapi_url="/c.json"))
    assert "/a/page/assets/swagger-ui-bundle.js" in client.get("/a/page").text
    assert "/a/page/assets/redoc.standalone.js" in client.get("/b/page").text
    assert client.get("/docs").status_code == 404


def test_a_page_that_is_none_stays_none() -> None:
    client = composed(FastAPI(docs_url=None))
    assert client.get("/docs").status_code == 404
    assert "/redoc/assets/redoc.standalone.js" in client.get("/redoc").text


def test_without_a_document_there_are_no_pages() -> None:
    client = composed(FastAPI(openapi_url=None))
    assert [client.get(path).status_code for path in ("/openapi.json", "/docs", "/redoc")] == [404, 404, 404]


def test_a_page_of_the_root_s_own_is_left_alone() -> None:
    root = FastAPI(docs_url=None, redoc_url=None)
    root.add_api_route("/docs", lambda: "mine", include_in_schema=False)
    assert composed(root).get("/docs").json() == "mine"
