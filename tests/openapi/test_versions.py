"""OpenAPI 3.2, and the operations and item schemas that FastAPI writes into documents of any version."""

from collections.abc import AsyncIterable
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Security
from fastapi.security import HTTPBasic
from pydantic import BaseModel, create_model

from composer.openapi import changes, merge_openapi
from tests.openapi.checker import violations
from tests.openapi.documents import answering, document, ref, text

Json = dict[str, Any]

OK: Json = {"responses": {"200": {"description": ""}}}


def merged(*documents: Json, checked: bool = True) -> Json:
    """Merge the documents, and check that each operation means what it meant."""
    sources = [(name, f"/{name}", each) for name, each in zip("abc", documents, strict=False)]
    result = merge_openapi(sources, title="T", version="1")
    assert not checked or violations(result, sources) == []
    return result


def streaming(item: type[BaseModel]) -> FastAPI:
    """Return an app that streams items as JSON Lines."""
    app = FastAPI()

    async def lines() -> Any:
        yield item.model_construct()

    lines.__annotations__["return"] = AsyncIterable[item]  # type: ignore[valid-type]
    app.get("/lines")(lines)
    return app


def asked_with(method: str, item: type[BaseModel], **more: Any) -> FastAPI:
    """Return an app with one operation of a method that OpenAPI 3.1 doesn't have."""
    app = FastAPI()

    def find() -> Any:
        return item.model_construct()

    find.__annotations__["return"] = item
    app.api_route("/things", methods=[method], **more)(find)
    return app


INTEGER = create_model("Item", a=(int, ...))
STRING = create_model("Item", a=(str, ...))


@pytest.mark.parametrize(
    "pair", [(streaming(INTEGER), streaming(STRING)), (streaming(INTEGER), asked_with("GET", STRING))]
)
def test_the_items_of_a_stream_keep_their_schema(pair: tuple[FastAPI, FastAPI]) -> None:
    found = merged(*(app.openapi() for app in pair))
    assert found["components"]["schemas"].keys() == {"a_Item", "b_Item"}


def test_the_items_of_a_stream_are_compared() -> None:
    [change] = changes(streaming(INTEGER).openapi(), streaming(STRING).openapi())
    assert (change.breaking, change.where) == (True, "GET /lines response 200 application/jsonl item a")
    assert changes(streaming(INTEGER).openapi(), streaming(create_model("Renamed", a=(int, ...))).openapi()) != []


@pytest.mark.parametrize("method", ["QUERY", "PROPFIND", "COPY"])
def test_an_operation_of_any_method_keeps_its_meaning(method: str) -> None:
    found = merged(asked_with(method, INTEGER).openapi(), asked_with(method, STRING).openapi())
    assert found["components"]["schemas"].keys() == {"a_Item", "b_Item"}
    ids = [found["paths"][f"/{name}/things"][method.lower()]["operationId"] for name in "ab"]
    assert len(set(ids)) == 2


@pytest.mark.parametrize("method", ["QUERY", "PROPFIND"])
def test_an_operation_of_any_method_is_compared(method: str) -> None:
    old, new = asked_with(method, INTEGER).openapi(), asked_with(method, STRING).openapi()
    assert any(change.breaking and change.where.startswith(f"{method} /things") for change in changes(old, new))
    assert [str(change) for change in changes(old, new | {"paths": {}})] == [f"{method} /things: operation removed"]


@pytest.mark.parametrize("method", ["query", "propfind"])
def test_the_security_of_a_whole_document_reaches_an_operation_of_any_method(method: str) -> None:
    schemes = {"securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}}
    guarded = document(paths={"/": {method: answering({})}}, security=[{"basic": []}], components=schemes)
    found = merged(guarded, document(paths={"/": {method: answering({})}}))
    assert found["paths"]["/a/"][method]["security"] == [{"basic": []}]
    assert "security" not in found["paths"]["/b/"][method]


def test_one_path_of_two_apps_has_the_operations_of_both() -> None:
    one = document(paths={"/x": {"query": OK, "parameters": [{"name": "q", "in": "query"}]}}, openapi="3.2.0")
    other = document(paths={"/a/x": {"additionalOperations": {"COPY": OK, "LOCK": OK}}}, openapi="3.2.0")
    found = merge_openapi([("a", "/a", one), ("root", "", other)], title="T", version="1")["paths"]["/a/x"]
    assert found["query"]["parameters"] == [{"name": "q", "in": "query"}]
    assert found["additionalOperations"].keys() == {"COPY", "LOCK"}


@pytest.mark.parametrize(
    ("versions", "expected"),
    [(["3.0.3", "3.2.0"], "3.2.0"), (["3.1.1", "3.2.0"], "3.2.0"), (["3.2.0", "3.1.0", "3.0.0"], "3.2.0")],
)
def test_a_mixture_of_versions_gives_the_highest(versions: list[str], expected: str) -> None:
    found = merged(*(document({"Root": text()}, openapi=each) for each in versions))
    assert found["openapi"] == expected


def test_additional_operations_and_shared_media_types_keep_their_meaning() -> None:
    def new(**more: Any) -> Json:
        content = {"application/json": ref("Body", "mediaTypes")}
        operation = {"responses": {"200": {"description": "", "content": content}}, "operationId": "copy"}
        components = {"mediaTypes": {"Body": {"schema": ref("Root"), "itemEncoding": {"contentType": "x/y"}}}}
        paths = {"/": {"additionalOperations": {"COPY": operation}}}
        return document({"Root": text(**more)}, paths, "3.2.0", components=components)

    found = merged(new(), new(maxLength=3))
    assert found["components"]["mediaTypes"].keys() == {"a_Body", "b_Body"}
    assert found["paths"]["/a/"]["additionalOperations"]["COPY"]["operationId"] == "a_copy"
    assert any(change.breaking for change in changes(new(maxLength=3), new()))


def test_a_tag_s_parent_is_renamed_with_it() -> None:
    def tagged(description: str) -> Json:
        tags = [{"name": "child", "parent": "top"}, {"name": "top", "description": description}]
        paths = {"/": {"get": answering({}, tags=["child"])}}
        return document(paths=paths, openapi="3.2.0", tags=tags)

    found = merged(tagged("A"), tagged("B"))
    assert {tag["name"]: tag.get("parent") for tag in found["tags"]} == {
        "a_child": "a_top",
        "a_top": None,
        "b_child": "b_top",
        "b_top": None,
    }
    assert len(merged(tagged("A"), tagged("A"))["tags"]) == 2


@pytest.mark.parametrize("default", ["Cat", "#/components/schemas/Cat"])
def test_the_default_of_a_discriminator_is_renamed_with_its_schema(default: str) -> None:
    def pets(**more: Any) -> Json:
        discriminator = {"propertyName": "kind", "defaultMapping": default}
        root = {"oneOf": [ref("Cat"), ref("Dog")], "discriminator": discriminator}
        return document({"Root": root, "Cat": text(**more), "Dog": text()}, openapi="3.2.0")

    schemas = merged(pets(), pets(maxLength=1), checked=False)["components"]["schemas"]
    assert schemas["b_Root"]["discriminator"]["defaultMapping"] == default.replace("Cat", "b_Cat")


def test_a_security_requirement_may_refer_to_its_scheme() -> None:
    def guarded(scheme: str) -> Json:
        name = "#/components/securitySchemes/key"
        components = {"securitySchemes": {"key": {"type": "http", "scheme": scheme}}}
        return document(
            paths={"/": {"get": answering({}, security=[{name: []}])}}, openapi="3.2.0", components=components
        )

    found = merge_openapi([("a", "/a", guarded("basic")), ("b", "/b", guarded("bearer"))], title="T", version="1")
    assert [found["paths"][f"/{name}/"]["get"]["security"] for name in "ab"] == [[{"a_key": []}], [{"b_key": []}]]


def test_references_by_the_document_s_own_uri_become_local() -> None:
    uri = "https://example.com/api"
    root = {"anyOf": [{"$ref": f"{uri}#/components/schemas/Part"}], "description": f"{uri}#/components"}
    source = document({"Root": root, "Part": text()}, openapi="3.2.0") | {"$self": uri}
    with_other = merged(source, document({"Root": text(), "Part": text(maxLength=1)}), checked=False)
    assert "$self" not in str(with_other)
    assert with_other["components"]["schemas"]["a_Root"] == {
        "anyOf": [ref("a_Part")],
        "description": f"{uri}#/components",
    }


def test_a_guard_is_the_security_of_operations_of_any_method() -> None:
    from composer._stack.guard import Guard

    def check(credentials: Annotated[Any, Security(HTTPBasic())]) -> None: ...

    paths = {"/": {"query": OK, "propfind": OK, "additionalOperations": {"COPY": OK}}}
    item = Guard(check).secured(document(paths=paths))["paths"]["/"]
    operations = [item["query"], item["propfind"], item["additionalOperations"]["COPY"]]
    assert [each["security"] for each in operations] == [[{"HTTPBasic": []}]] * 3
