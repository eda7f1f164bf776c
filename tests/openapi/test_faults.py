"""What a fault costs: with `on_error="drop"` the operation, with `"skip"` the document, and never another document."""

import json
import random
import warnings
from typing import Any

import pytest

from composer.openapi import Merger, OpenAPIMergeError, OpenAPIMergeWarning, merge_openapi
from tests.openapi.documents import answering, document, ref, text

Json = dict[str, Any]

SOUND = document({"Root": text()}, {"/sound": {"get": answering(ref("Root"), tags=["b"])}}, tags=[{"name": "b"}])


def faulty(operation: Json) -> Json:
    """Return a document with a faulty operation beside a sound one."""
    return document({"Root": text()}, {"/bad": {"get": operation}, "/good": {"get": answering(ref("Root"))}})


LINKS = {"200": {"description": "", "links": {"gone": {"operationId": "nobody"}, "here": {"operationId": "bad"}}}}
DEEP = {"Middle": {"items": ref("Inner")}, "Inner": {"properties": {"x": ref("Gone")}}}


@pytest.mark.parametrize(
    ("source", "pointer"),
    [
        (faulty(answering(ref("Gone"))), "#/paths/~1bad/get/responses/200/content/application~1json/schema/$ref"),
        (faulty(answering({}, security=[{"gone": []}])), "#/paths/~1bad/get/security/0/gone"),
        (faulty(answering({}, tags=[2023])), "#/paths/~1bad/get/tags"),
        (faulty(answering({}, parameters=[ref("Gone", "parameters")])), "#/paths/~1bad/get/parameters/0/$ref"),
        (
            document(DEEP, {"/bad": {"post": answering(ref("Middle"))}, "/good": {"get": answering({})}}),
            "#/components/schemas/Inner/properties/x/$ref",
        ),
    ],
)
def test_a_fault_costs_the_operations_that_need_what_is_faulty(source: Json, pointer: str) -> None:
    merger = Merger(title="T", version="1")
    for _ in range(2):
        merged = merger.merge([("a", "/a", source), ("b", "/b", SOUND)], on_error="drop")
        assert list(merged.document["paths"]) == ["/a/good", "/b/sound"]
        assert pointer in [fault.pointer for fault in merged.dropped]
        assert merged.left_out == []
    skipped = merger.merge([("a", "/a", source), ("b", "/b", SOUND)], on_error="skip")
    assert list(skipped.document["paths"]) == ["/b/sound"]
    with pytest.raises(OpenAPIMergeError):
        merger.merge([("a", "/a", source), ("b", "/b", SOUND)])


@pytest.mark.parametrize("on_error", ["skip", "drop"])
def test_a_link_to_an_unknown_operation_costs_the_link(on_error: Any) -> None:
    source = faulty({"responses": LINKS, "operationId": "bad"})
    merged = Merger(title="T", version="1").merge([("a", "/a", source), ("b", "/b", SOUND)], on_error)
    links = merged.document["paths"]["/a/bad"]["get"]["responses"]["200"]["links"]
    assert links == {"here": {"operationId": "bad"}}
    assert [fault.pointer for fault in merged.links] == ["#/paths/~1bad/get/responses/200/links/gone/operationId"]
    assert (merged.left_out, merged.dropped) == ([], [])


def test_an_operation_that_another_app_has_too_is_dropped_only_as_long_as_it_has() -> None:
    root = document(paths={"/b/sound": {"get": answering({})}, "/own": {"get": answering({})}})
    merger = Merger(title="T", version="1")
    both = merger.merge([("root", "", root), ("b", "/b", SOUND)], on_error="drop")
    assert list(both.document["paths"]) == ["/own", "/b/sound"]
    assert [fault.pointer for fault in both.dropped] == ["#/paths/~1b~1sound/get"]
    alone = merger.merge([("root", "", root)], on_error="drop")
    assert list(alone.document["paths"]) == ["/b/sound", "/own"]


def test_what_is_dropped_is_reported() -> None:
    with pytest.warns(OpenAPIMergeWarning, match="dropped a: #/paths/~1bad/get/tags: must be an array of strings"):
        merge_openapi([("a", "/a", faulty(answering({}, tags=5)))], title="T", version="1", on_error="drop")


JUNK: list[Any] = [None, 0, 2023, 1.5, True, "", "x", "#/components/schemas/Root", [], ["x"], [1], {}, {"$ref": "x"}]
JUNK += [{"$ref": "#/components/schemas/Gone"}, {"x": 1}, [{}], [None], {"name": 1}, {"$ref": 5}]


def _places(value: Any) -> list[tuple[Any, Any]]:
    pairs = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [(value, key) for key, _ in pairs] + [place for _, inner in pairs for place in _places(inner)]


def _rich() -> Json:
    """Return a document with most of what OpenAPI has."""
    parameter = {
        "name": "q",
        "in": "query",
        "schema": {"type": "integer"},
        "examples": {"one": {"externalValue": "/x"}},
    }
    cat = {"allOf": [ref("Pet"), {"type": "object", "required": ["x"], "properties": {"x": {"$anchor": "here"}}}]}
    pet = {"discriminator": {"propertyName": "kind", "mapping": {"cat": "#/components/schemas/Cat"}}}
    flows = {"password": {"tokenUrl": "token", "scopes": {"a": ""}}}
    operation = {
        **answering({"oneOf": [ref("Cat"), ref("Pet")]}, tags=["b", "c"], operationId="op", security=[{"o": ["a"]}]),
        "parameters": [parameter, ref("P", "parameters")],
        "requestBody": {"content": {"x/y": {"schema": ref("Root"), "encoding": {"a": {"headers": {"H": {}}}}}}},
        "callbacks": {"done": {"{$request.body#/url}": {"post": answering({}), "servers": [{"url": "https://x"}]}}},
        "externalDocs": {"url": "docs"},
    }
    operation["responses"]["200"]["links"] = {"again": {"operationId": "op", "server": {"url": "/"}}}
    operation["responses"]["200"]["headers"] = {"H": {"schema": {"$ref": "#here"}}}
    return document(
        {"Root": text(), "Cat": cat, "Pet": pet},
        {
            "/x/{id}": {"get": operation, "parameters": [parameter], "servers": [{"url": "/v1"}]},
            "/y": ref("I", "pathItems"),
        },
        components={
            "securitySchemes": {"o": {"type": "oauth2", "flows": flows}},
            "parameters": {"P": parameter},
            "pathItems": {"I": {"query": answering({"$dynamicRef": "#here"})}},
        },
        tags=[{"name": "b", "externalDocs": {"url": "x"}}, {"name": "c", "parent": "b"}],
        webhooks={"sent": {"post": answering({})}},
        security=[{"o": []}],
        servers=[{"url": "/"}],
    ) | {"x-tagGroups": [{"name": "G", "tags": ["b"]}]}


@pytest.mark.parametrize("seed", range(20))
def test_a_document_with_random_values_harms_no_other(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(10):
        damaged = json.loads(json.dumps(_rich()))
        for _ in range(chance.choice((1, 1, 2, 4))):
            holder, key = chance.choice(_places(damaged))
            holder[key] = json.loads(json.dumps(chance.choice(JUNK)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OpenAPIMergeWarning)
            sources = [("a", "/a", damaged), ("b", "/b", SOUND), ("c", "/c", _rich())]
            result = merge_openapi(sources, title="T", version="1", on_error="drop")
        assert {"/b/sound", "/c/x/{id}", "/c/y"} <= result["paths"].keys()
        content = result["paths"]["/b/sound"]["get"]["responses"]["200"]["content"]
        name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert result["components"]["schemas"][name] == text()
        json.dumps(result, allow_nan=False)
