"""The checker finds every way in which a right document can be made wrong."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from composer.openapi import merge_openapi
from tests.openapi.checker import violations
from tests.openapi.documents import answering, document, ref, text

Json = dict[str, Any]


def _source(**more: Any) -> Json:
    links = {"self": {"operationId": "op"}, "next": {"operationRef": "#/paths/~1/post"}}
    get = answering(ref("Root"), operationId="op", tags=["users"], parameters=[ref("q", "parameters")])
    get["responses"]["200"]["links"] = links
    get["responses"]["200"]["headers"] = {"X-Rest": ref("Rest", "headers")}
    get["callbacks"] = {"on": {"{$url}": {"post": answering(ref("Leaf"))}}}
    post = answering({}, operationId="post", security=[])
    post["requestBody"] = {
        "content": {"text/plain": {"schema": ref("Leaf"), "examples": {"x": {"value": {"$ref": "y"}}}}}
    }
    root = {"oneOf": [ref("Leaf"), ref("Other")], "discriminator": {"propertyName": "kind"}}
    return document(
        {"Root": root, "Leaf": text(**more), "Other": {"items": ref("Root"), "required": ["a", "b"], "default": True}},
        {"/": {"parameters": [{"name": "p", "in": "query"}], "get": get, "post": post}},
        components={
            "parameters": {"q": {"name": "q", "in": "query", "schema": ref("Leaf")}},
            "headers": {"Rest": {"schema": {"type": "integer"}}},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "basic"},
                "more": {"type": "http", "scheme": "bearer"},
            },
        },
        security=[{"key": []}],
        webhooks={"new": {"post": answering(ref("Leaf"))}},
        tags=[{"name": "users", "description": more.get("title", "U")}],
    )


SOURCES = [("a", "/a", _source()), ("b", "/b", _source(maxLength=5, title="V"))]
MERGED = merge_openapi(SOURCES, title="T", version="1")


def _get(merged: Json) -> Json:
    found: Json = merged["paths"]["/b/"]["get"]
    return found


def _schemas(merged: Json) -> Json:
    found: Json = merged["components"]["schemas"]
    return found


def _answer(merged: Json) -> Json:
    found: Json = _get(merged)["responses"]["200"]
    return found


MUTATIONS: dict[str, Callable[[Json], object]] = {
    "a path is lost": lambda merged: merged["paths"].pop("/b/"),
    "an operation is lost": lambda merged: merged["paths"]["/b/"].pop("get"),
    "an operation is added": lambda merged: merged["paths"]["/b/"].update(put=answering({})),
    "a path parameter is lost": lambda merged: merged["paths"]["/b/"].pop("parameters"),
    "a parameter is lost": lambda merged: _get(merged).pop("parameters"),
    "a reference leads to the other app's": lambda merged: _schemas(merged)["b_Other"].update(items=ref("a_Root")),
    "an answer's schema is the other app's": lambda merged: _answer(merged)["content"]["application/json"].update(
        schema=ref("a_Root")
    ),
    "a parameter's component changed": lambda merged: merged["components"]["parameters"]["b_q"].update(schema={}),
    "a header changed": lambda merged: merged["components"]["headers"]["Rest"].update(schema={"type": "number"}),
    "a description is added": lambda merged: _get(merged).update(description="x"),
    "a deep keyword changed": lambda merged: _schemas(merged)["b_Leaf"]["properties"]["text"].update(maxLength=6),
    "true became 1": lambda merged: _schemas(merged)["b_Other"].update(default=1),
    "something is required no longer": lambda merged: _schemas(merged)["b_Other"].update(required=["a"]),
    "the mapping is lost": lambda merged: _schemas(merged)["b_Root"]["discriminator"].pop("mapping"),
    "the mapping leads elsewhere": lambda merged: _schemas(merged)["b_Root"]["discriminator"]["mapping"].update(
        Leaf="#/components/schemas/b_Other"
    ),
    "the discriminator is lost": lambda merged: _schemas(merged)["b_Root"].pop("discriminator"),
    "literal data changed": lambda merged: merged["paths"]["/b/"]["post"]["requestBody"]["content"]["text/plain"][
        "examples"
    ]["x"].update(value={"$ref": "b_y"}),
    "security at the top is lost": lambda merged: merged.pop("security"),
    "no security became some": lambda merged: merged["paths"]["/b/"]["post"].pop("security"),
    "security is by another scheme": lambda merged: _get(merged).update(security=[{"more": []}]),
    "a scheme changed": lambda merged: merged["components"]["securitySchemes"]["key"].update(scheme="digest"),
    "a link leads to the other app": lambda merged: _answer(merged)["links"]["self"].update(operationId="a_op"),
    "a link leads nowhere": lambda merged: _answer(merged)["links"]["self"].update(operationId="op"),
    "an operationRef leads to the other app": lambda merged: _answer(merged)["links"]["next"].update(
        operationRef="#/paths/~1a~1/post"
    ),
    "a callback changed": lambda merged: _get(merged)["callbacks"]["on"]["{$url}"].update(
        post=answering(ref("a_Leaf"))
    ),
    "a tag has the other app's text": lambda merged: _get(merged).update(tags=["a_users"]),
    "a webhook is lost": lambda merged: merged["webhooks"].pop("b_new"),
    "a webhook is the other app's": lambda merged: merged["webhooks"].update(b_new=merged["webhooks"]["a_new"]),
    "a schema is in another dialect": lambda merged: merged.update(jsonSchemaDialect="https://x/dialect"),
    "two operation ids are the same": lambda merged: _get(merged).update(operationId="a_op"),
    "a component has a bad name": lambda merged: _schemas(merged).update({"a b": {}}),
}


def test_the_right_document_has_no_violation() -> None:
    assert violations(MERGED, SOURCES) == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_found(name: str) -> None:
    wrong = deepcopy(MERGED)
    MUTATIONS[name](wrong)
    assert violations(wrong, SOURCES) != []


def test_a_plain_update_of_one_document_by_another_is_found_to_be_wrong() -> None:
    wrong = deepcopy(SOURCES[0][2])
    wrong["paths"] = {f"{prefix}/": deepcopy(each["paths"]["/"]) for _, prefix, each in SOURCES}
    for section, parts in SOURCES[1][2]["components"].items():
        wrong["components"][section].update(deepcopy(parts))
    assert violations(wrong, SOURCES) != []
