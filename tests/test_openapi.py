"""The merge of OpenAPI documents: each rule by a small case, and all of them by families and real documents."""

import gc
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.openapi import Fault, Merger, OpenAPIMergeError, OpenAPIMergeWarning, merge_openapi
from tests.conftest import examples
from tests.openapi.checker import violations
from tests.openapi.documents import FOLDER, answering, document, real, real_names, ref, text

Json = dict[str, Any]


def merge(*documents: Json, **more: Any) -> Json:
    """Merge as the apps a, b, c, ... under /a, /b, /c, and check that what was given is as it was."""
    sources = [(name, f"/{name}", each) for name, each in zip("abcdef", documents, strict=False)]
    before = deepcopy(sources)
    merged = merge_openapi(sources, title="All", version="1", **more)
    assert json.dumps(sources) == json.dumps(before)
    assert merge_openapi(sources[::-1], title="All", version="1", **more) == merged
    assert violations(merged, sources, keep_servers=more.get("servers") == "keep") == []
    return merged


def faults(*documents: Any) -> list[str]:
    sources = [(name, f"/{name}", each) for name, each in zip("abcdef", documents, strict=False)]
    with pytest.raises(OpenAPIMergeError) as caught:
        merge_openapi(sources, title="All", version="1")
    assert all(str(fault) in str(caught.value) for fault in caught.value.faults)
    return [str(fault) for fault in caught.value.faults]


def schemas(merged: Json) -> Json:
    found: Json = merged["components"]["schemas"]
    return found


# -- paths -------------------------------------------------------------------------------------------------


def test_paths_stand_under_the_prefix_of_their_app() -> None:
    item = {"get": answering({})}
    merged = merge(document(paths={"/": item, "/{id}": item}), document(paths={"/": item}))
    assert list(merged["paths"]) == ["/a/", "/a/{id}", "/b/"]


@pytest.mark.parametrize("prefix", ["", "/"])
def test_an_empty_prefix_and_a_slash_change_no_path(prefix: str) -> None:
    merged = merge_openapi([("a", prefix, document({"Root": {}}))], title="T", version="1")
    assert list(merged["paths"]) == ["/"]


def test_title_and_version_are_the_composition_s() -> None:
    assert merge(document({"Root": {}}), document({"Root": {}}))["info"] == {"title": "All", "version": "1"}


def test_nothing_to_merge_is_an_empty_document() -> None:
    merged = merge()
    assert merged == {"openapi": "3.1.0", "info": {"title": "All", "version": "1"}, "paths": {}}


def test_two_operations_of_one_place_are_a_fault_of_the_shorter_prefix() -> None:
    item = {"get": answering({})}
    sources = [("v", "/v", document(paths={"/a/{x}": item})), ("va", "/v/a", document(paths={"/{y}": item}))]
    with pytest.raises(OpenAPIMergeError) as caught:
        merge_openapi(sources, title="T", version="1")
    expected = Fault("v", "#/paths/~1a~1%7Bx%7D/get", "duplicate operation GET /v/a/{x}, already defined by app va")
    assert caught.value.faults == (expected,)


def test_two_apps_with_other_methods_at_one_path_keep_their_own_parameters() -> None:
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
    one = document(paths={"/a": {"parameters": [limit], "summary": "One", "get": answering({}), "put": answering({})}})
    sources = [("one", "", one), ("other", "/", document(paths={"/a": {"post": answering({})}}))]
    merged = merge_openapi(sources, title="T", version="1")
    assert violations(merged, sources) == []
    assert merged["paths"]["/a"]["get"]["parameters"] == [limit]
    assert "parameters" not in merged["paths"]["/a"]["post"]


def test_a_path_that_refers_to_its_operations_has_their_methods_alone() -> None:
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
    shared = {"Shared": {"parameters": [limit], "post": answering({}, operationId="send")}}
    paths = {"/a/x": ref("Shared", "pathItems"), "/y": ref("Shared", "pathItems")}
    root = document(paths=paths, components={"pathItems": shared})
    sources = [("root", "", root), ("a", "/a", document(paths={"/x": {"get": answering({})}}))]
    merged = merge_openapi(sources, title="T", version="1")
    sent = answering({}, operationId="send", parameters=[limit])
    assert merged["paths"] == {"/a/x": {"get": answering({}), "post": sent}, "/y": ref("Shared", "pathItems")}
    assert merge_openapi(sources[::-1], title="T", version="1") == merged


def test_a_path_that_refers_to_the_operation_of_another_app_is_a_fault_of_the_shorter_prefix() -> None:
    again = {"Again": ref("Shared", "pathItems"), "Shared": {"get": answering({})}}
    root = document(paths={"/a/x": ref("Again", "pathItems")}, components={"pathItems": again})
    for other in ({"get": answering({})}, {"$ref": "elsewhere.json"}):
        with pytest.raises(OpenAPIMergeError) as caught:
            merge_openapi([("root", "", root), ("a", "/a", document(paths={"/x": other}))], title="T", version="1")
        assert list(caught.value.faults) == [
            Fault("root", "#/paths/~1a~1x/get", "duplicate operation GET /a/x, already defined by app a")
        ]


def test_a_path_without_operations_leaves_that_of_another_app_as_it_is() -> None:
    elsewhere: Json = {"$ref": "elsewhere.json"}
    sources = [("root", "", document(paths={"/a/x": elsewhere})), ("a", "/a", document(paths={"/x": {"summary": "X"}}))]
    with pytest.warns(OpenAPIMergeWarning, match=r"elsewhere\.json"):
        assert merge_openapi(sources, title="T", version="1")["paths"] == {"/a/x": elsewhere}


def test_a_path_that_is_null_is_left_out() -> None:
    sources = [(name, "", document(paths={"/x": None})) for name in "ab"]
    assert merge_openapi(sources, title="T", version="1")["paths"] == {}


def test_webhooks_of_one_key_are_kept_apart() -> None:
    hook = {"post": answering({})}
    merged = merge(document({"Root": {}}, webhooks={"new": hook}), document({"Root": {}}, webhooks={"new": hook}))
    assert list(merged["webhooks"]) == ["a_new", "b_new"]


# -- components --------------------------------------------------------------------------------------------


def test_the_same_component_is_there_once() -> None:
    merged = merge(document({"Root": text()}), document({"Root": text()}))
    assert schemas(merged) == {"Root": text()}


def test_components_of_one_name_that_differ_carry_the_names_of_their_apps() -> None:
    merged = merge(document({"Root": text()}), document({"Root": text(maxLength=5)}))
    assert list(schemas(merged)) == ["a_Root", "b_Root"]


def test_two_apps_of_three_share_what_the_third_has_otherwise() -> None:
    merged = merge(document({"Root": text()}), document({"Root": {}}), document({"Root": text()}))
    assert list(schemas(merged)) == ["a_Root", "b_Root"]
    assert merged["paths"]["/c/"]["get"] == answering(ref("a_Root"))


def test_a_new_name_is_never_one_that_is_taken() -> None:
    both = {"a_Root": {"type": "integer"}}
    merged = merge(document({"Root": text(), **both}), document({"Root": {}, **both}))
    assert set(schemas(merged)) == {"a_Root", "a_Root_2", "b_Root"}


def test_a_name_made_from_an_app_s_name_is_a_valid_one() -> None:
    sources = [("v1/höuse", "/x", document({"Root": {}})), ("b", "/b", document({"Root": text()}))]
    assert set(schemas(merge_openapi(sources, title="T", version="1"))) == {"v1_h_use_Root", "b_Root"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"const": True}, {"const": 1}),
        ({"default": False}, {"default": 0}),
        ({"const": "1"}, {"const": 1}),
        ({"maximum": 2**63}, {"maximum": 2**63 + 1}),
        ({"enum": ["a", "b"]}, {"enum": ["b", "a"]}),
        ({"properties": {"x": {}}}, {"patternProperties": {"x": {}}}),
    ],
)
def test_what_only_looks_the_same_is_kept_apart(one: Json, other: Json) -> None:
    assert list(schemas(merge(document({"Root": one}), document({"Root": other})))) == ["a_Root", "b_Root"]


def test_the_order_of_keys_and_of_required_makes_no_difference() -> None:
    one = {"type": "object", "required": ["x", "y"], "properties": {"x": ref("X"), "y": ref("Y")}}
    other = {"properties": {"y": ref("Y"), "x": ref("X")}, "required": ["y", "x"], "type": "object"}
    more = {"X": {"type": "string"}, "Y": {"type": "integer"}}
    assert set(schemas(merge(document({"Root": one, **more}), document({"Root": other, **more})))) == {"Root", "X", "Y"}


def test_a_difference_deep_behind_references_keeps_all_on_the_way_apart() -> None:
    def chain(last: Json) -> Json:
        return document({"Root": {"items": ref("Middle")}, "Middle": {"allOf": [ref("Last")]}, "Last": last})

    merged = merge(chain(text()), chain(text(maxLength=1)))
    assert set(schemas(merged)) == {f"{app}_{name}" for app in "ab" for name in ("Root", "Middle", "Last")}


def test_recursive_components_that_are_the_same_are_there_once() -> None:
    tree = {"Root": {"properties": {"left": ref("Node")}}, "Node": {"items": ref("Root")}}
    assert schemas(merge(document(tree), document(tree))) == tree


def test_recursive_components_that_differ_somewhere_are_kept_apart() -> None:
    def tree(leaf: Json) -> Json:
        return document({"Root": {"properties": {"next": ref("Node"), "leaf": leaf}}, "Node": {"items": ref("Root")}})

    assert len(schemas(merge(tree({}), tree({"type": "null"})))) == 4


def test_a_component_that_was_renamed_elsewhere_is_compared_by_what_it_is() -> None:
    one = document({"Root": {"items": ref("Item")}, "Item": text()})
    other = document({"Root": {"items": ref("Thing")}, "Thing": text()})
    assert schemas(merge(one, other)) == {"Root": {"items": ref("Item")}, "Item": text()}


def test_a_component_that_its_source_does_not_use_stays() -> None:
    assert "Unused" in schemas(merge(document({"Root": {}, "Unused": text()}), document({"Root": {}})))


def answered(**more: Json) -> Json:
    return {"responses": {"200": {"description": "", **more}}}


SECTIONS: list[tuple[str, Json, Json, Json]] = [
    ("responses", {"description": "A"}, {"description": "B"}, {"responses": {"200": ref("Same", "responses")}}),
    ("parameters", {"name": "q", "in": "query"}, {"name": "r", "in": "query"},
     {"parameters": [ref("Same", "parameters")]}),
    ("requestBodies", {"content": {}}, {"content": {}, "required": True},
     {"requestBody": ref("Same", "requestBodies")}),
    ("callbacks", {"{$url}": {"post": answering({})}}, {}, {"callbacks": {"on": ref("Same", "callbacks")}}),
    ("headers", {"schema": {}}, {"schema": {"type": "null"}}, answered(headers={"X": ref("Same", "headers")})),
    ("links", {"operationId": "op"}, {"operationId": "op", "description": "B"},
     {"operationId": "op", **answered(links={"x": ref("Same", "links")})}),
    ("examples", {"value": 1}, {"value": True},
     answered(content={"text/plain": {"examples": {"x": ref("Same", "examples")}}})),
    ("securitySchemes", {"type": "http", "scheme": "basic"}, {"type": "http", "scheme": "bearer"},
     {"security": [{"Same": []}]}),
]  # fmt: skip


@pytest.mark.parametrize(("section", "one", "other", "operation"), SECTIONS, ids=[each[0] for each in SECTIONS])
def test_every_kind_of_component_is_kept_apart(section: str, one: Json, other: Json, operation: Json) -> None:
    merged = merge(*(
        document(paths={"/": {"get": {"responses": {}, **operation}}}, components={section: {"Same": each}})
        for each in (one, other)
    ))  # fmt: skip
    assert list(merged["components"][section]) == ["a_Same", "b_Same"]


def test_path_items_that_are_components_are_kept_apart() -> None:
    merged = merge(*(
        document(paths={"/": ref("Same", "pathItems")}, components={"pathItems": {"Same": {"get": answering(each)}}})
        for each in ({}, text())
    ))  # fmt: skip
    assert merged["paths"] == {"/a/": ref("a_Same", "pathItems"), "/b/": ref("b_Same", "pathItems")}


# -- references --------------------------------------------------------------------------------------------


def test_a_reference_into_a_component_and_escaped_ones_follow() -> None:
    def source(leaf: Json) -> Json:
        root = {"properties": {"a/b": leaf, "x": {"$ref": "#/components/schemas/Root/properties/a~1b"},
                               "y": {"$ref": "#/components/schemas/%52oot/properties/a%7E1b"}}}  # fmt: skip
        return document({"Root": root})

    properties = schemas(merge(source({}), source(text())))["b_Root"]["properties"]
    assert properties["x"] == properties["y"] == {"$ref": "#/components/schemas/b_Root/properties/a~1b"}


def test_a_reference_into_a_path_follows_the_path() -> None:
    place = "#/paths/~1{id}/get/responses/200/content/application~1json/schema"
    item = {"/{id}": {"get": answering(text())}, "/x": {"get": answering({"$ref": place})}}
    merged = merge(document(paths=item), document({"Root": {}}))
    schema = merged["paths"]["/a/x"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["$ref"].startswith("#/paths/~1a~1%7Bid%7D/get/")


def test_a_reference_into_another_file_stays_and_is_reported() -> None:
    with pytest.warns(OpenAPIMergeWarning, match="other.json"):
        merged = merge_openapi([("a", "/a", document({"Root": {"$ref": "other.json#/X"}}))], title="T", version="1")
    assert schemas(merged) == {"Root": {"$ref": "other.json#/X"}}


def test_literal_data_is_never_touched() -> None:
    data = {"$ref": "#/components/schemas/Root", "discriminator": {"mapping": {"x": "Root"}}}
    root = {"example": data, "default": data, "enum": [data], "const": data, "examples": [data], "x-more": data}
    merged = merge(document({"Root": root}), document({"Root": {}}))
    assert schemas(merged)["a_Root"] == root


def test_properties_that_are_named_like_keywords_are_properties() -> None:
    def source(**more: Any) -> Json:
        names = {"$ref": ref("Leaf"), "example": ref("Leaf"), "discriminator": ref("Leaf"), "x-id": ref("Leaf")}
        return document({"Root": {"properties": names}, "Leaf": text(**more)})

    properties = schemas(merge(source(), source(maxLength=1)))["b_Root"]["properties"]
    assert all(value == ref("b_Leaf") for value in properties.values())


def test_anchors_of_one_name_are_kept_apart_and_followed() -> None:
    def source(keyword: str, leaf: Json) -> Json:
        root = {"$dynamicAnchor": "node", "properties": {"next": {keyword: "#node"}, "leaf": leaf}}
        return document({"Root": root})

    merged = merge_openapi([("a", "", source("$dynamicRef", {})),
                            ("b", "/b", source("$ref", text()))], title="T", version="1")  # fmt: skip
    assert schemas(merged)["a_Root"]["$dynamicAnchor"] == "a_node"
    assert schemas(merged)["a_Root"]["properties"]["next"] == {"$dynamicRef": "#a_node"}
    assert schemas(merged)["b_Root"]["properties"]["next"] == {"$ref": "#b_node"}


def test_schemas_of_one_id_are_kept_apart_and_followed() -> None:
    def source(leaf: Json) -> Json:
        return document(
            {"Root": {"$ref": "https://x/s#/properties/p"}, "S": {"$id": "https://x/s", "properties": {"p": leaf}}}
        )

    merged = merge_openapi([("a", "", source({})), ("b", "/b", source(text()))], title="T", version="1")
    assert schemas(merged)["a_S"]["$id"] == "https://x/s?a"
    assert schemas(merged)["b_Root"] == {"$ref": "https://x/s?b#/properties/p"}


def defined(content: Any, **more: Any) -> Json:
    """Return a document whose schema stands in a place of its maker's own."""
    return document(paths={"/": {"get": answering({"$ref": "#/x-defs/Root"})}}) | {"x-defs": {"Root": content, **more}}


def answer(merged: Json, path: str) -> Json:
    found: Json = merged["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return found


def test_a_reference_into_top_level_data_makes_it_a_component_and_the_data_stays() -> None:
    merged = merge(defined(text()))
    assert answer(merged, "/a/") == ref("Root")
    assert schemas(merged) == merged["x-defs"] == {"Root": text()}


def test_components_from_top_level_data_are_shared_and_kept_apart_like_any_component() -> None:
    merged = merge(defined(text()), defined(text()), defined({"type": "null"}))
    assert [answer(merged, f"/{app}/") for app in "abc"] == [ref("a_Root"), ref("a_Root"), ref("c_Root")]


def test_references_in_top_level_data_follow() -> None:
    def source(leaf: Json) -> Json:
        more = {"Leaf": leaf, "Self": {"$ref": "#/x-defs/Root"}}
        return defined({"properties": {"leaf": {"$ref": "#/x-defs/Leaf"}, "self": {"$ref": "#/x-defs/Self"}}}, **more)

    merged = merge(source({}), source(text()))
    assert schemas(merged)["b_Root"]["properties"] == {"leaf": ref("b_Leaf"), "self": ref("b_Self")}


def test_a_component_from_top_level_data_takes_no_name_that_is_taken() -> None:
    source = defined(text())
    source["components"] = {"schemas": {"Root": {"type": "null"}}}
    assert answer(merge(source), "/a/") == ref("Root_2")


@pytest.mark.parametrize("place", ["#/components/x-own/P", "#/paths/x-own/P", "#/paths/~1/get/x-own/P"])
def test_what_is_referred_to_among_extensions_becomes_a_component(place: str) -> None:
    def source(**more: Any) -> Json:
        own = {"P": {"name": "p", "in": "query", "schema": ref("Root"), **more}}
        paths = {"/": {"get": answering({}, parameters=[{"$ref": place}], **{"x-own": own})}, "x-own": own}
        return document({"Root": text(**more)}, paths, components={"x-own": own})

    merged = merge(source(), source(description="B"))
    assert merged["paths"]["/b/"]["get"]["parameters"] == [ref("b_P", "parameters")]
    assert merged["components"]["parameters"]["b_P"]["schema"] == ref("b_Root")


def test_a_mapping_leads_into_top_level_data() -> None:
    root = {"discriminator": {"propertyName": "kind", "mapping": {"cat": "#/x-defs/Cat"}}}
    merged = merge(defined(root, Cat={"items": {"$ref": "#/x-defs/Root"}}), defined(root, Cat={}))
    expected = {"a_Cat": {"items": ref("a_Root")}, "b_Cat": {}}
    assert {name: schemas(merged)[name] for name in ("a_Cat", "b_Cat")} == expected


def test_an_unresolved_reference_in_top_level_data_is_reported_with_its_own_location() -> None:
    expected = ["a: #/x-defs/Root/items/$ref: unresolved reference: '#/x-defs/Gone'"]
    assert faults(defined({"items": {"$ref": "#/x-defs/Gone"}})) == expected


def test_references_in_the_dependencies_of_older_schemas_follow() -> None:
    def source(leaf: Json) -> Json:
        return document({"Root": {"dependencies": {"x": ref("Leaf"), "y": ["x"]}}, "Leaf": leaf})

    assert schemas(merge(source({}), source(text())))["b_Root"]["dependencies"] == {"x": ref("b_Leaf"), "y": ["x"]}


def test_references_into_the_older_list_of_items_follow() -> None:
    root = {"items": [{"type": "null"}], "not": {"$ref": "#/components/schemas/Root/items/0"}}
    merged = merge(document({"Root": root}), document({"Root": text()}))
    assert schemas(merged)["a_Root"]["not"] == {"$ref": "#/components/schemas/a_Root/items/0"}


def test_ids_below_ids_are_kept_apart_and_followed() -> None:
    def source(**more: Any) -> Json:
        outer = {"$id": "https://x/s", "$defs": {"q": {"$id": "q", **more}}, "items": {"$ref": "q"}}
        return document({"Root": {"$ref": "https://x/q"}, "S": outer})

    merged = merge_openapi([("a", "", source()), ("b", "/b", source(type="null"))], title="T", version="1")
    assert schemas(merged)["b_Root"] == schemas(merged)["b_S"]["items"] == {"$ref": "https://x/q?b"}
    assert schemas(merged)["b_S"]["$defs"]["q"]["$id"] == "https://x/q?b"


# -- discriminators ----------------------------------------------------------------------------------------


def union(discriminator: Json, cat: Json) -> Json:
    root = {"oneOf": [ref("Cat"), ref("Dog")], "discriminator": {"propertyName": "kind", **discriminator}}
    return document({"Root": root, "Cat": cat, "Dog": {}})


def test_a_mapping_follows_as_a_name_and_as_a_reference() -> None:
    mapping = {"mapping": {"cat": "Cat", "dog": "#/components/schemas/Dog"}}
    merged = merge(union(mapping, {}), union(mapping, text()))
    expected = {"cat": "b_Cat", "dog": "#/components/schemas/Dog"}
    assert schemas(merged)["b_Root"]["discriminator"]["mapping"] == expected


def test_an_implicit_discriminator_value_is_kept_by_a_mapping() -> None:
    merged = merge(union({}, {}), union({}, text()))
    assert schemas(merged)["a_Root"]["discriminator"]["mapping"] == {"Cat": "#/components/schemas/a_Cat"}


def subtypes(*names: str) -> Json:
    parent = {"discriminator": {"propertyName": "kind"}, **text()}
    return document({"Root": parent, **{name: {"allOf": [ref("Root"), {"title": name}]} for name in names}})


def test_a_parent_with_different_subtypes_is_kept_apart() -> None:
    merged = merge(subtypes("Cat"), subtypes("Cat", "Dog"))
    assert set(schemas(merged)) == {"a_Root", "a_Cat", "b_Root", "b_Cat", "Dog"}


def test_an_alias_of_a_subtype_keeps_its_discriminator_value() -> None:
    one, other = subtypes("Cat"), subtypes("Cat")
    for each, more in ((one, {}), (other, text())):
        each["components"]["schemas"].update(Kitten=ref("Cat"), More=more)
        each["components"]["schemas"]["Cat"]["allOf"].append(ref("More"))
    mapping = schemas(merge(one, other))["b_Root"]["discriminator"]["mapping"]
    assert mapping == {name: f"#/components/schemas/b_{name}" for name in ("Cat", "Kitten")}


def test_subtypes_that_only_a_discriminator_refers_to_are_kept() -> None:
    assert set(schemas(merge(subtypes("Cat", "Dog"), subtypes("Cat", "Dog")))) == {"Root", "Cat", "Dog"}


# -- operations --------------------------------------------------------------------------------------------


def test_operation_ids_that_are_unique_stay() -> None:
    merged = merge(document(paths={"/": {"get": answering({}, operationId="x")}}),
                   document(paths={"/": {"get": answering({}, operationId="y")}}))  # fmt: skip
    assert [item["get"]["operationId"] for item in merged["paths"].values()] == ["x", "y"]


def test_operation_ids_of_two_apps_carry_their_names_and_links_follow() -> None:
    links = {"self": {"operationId": "op"}, "ref": {"operationRef": "#/paths/~1/get"}}
    answer = {"responses": {"200": {"description": "", "links": links}}, "operationId": "op"}
    merged = merge(document(paths={"/": {"get": answer}}), document(paths={"/": {"get": answer}}))
    operation = merged["paths"]["/b/"]["get"]
    assert operation["operationId"] == "b_op"
    expected = {"self": {"operationId": "b_op"}, "ref": {"operationRef": "#/paths/~1b~1/get"}}
    assert operation["responses"]["200"]["links"] == expected


def test_an_operation_id_used_twice_in_one_document_is_made_unique() -> None:
    paths = {f"/{name}": {"get": answering({}, operationId="x")} for name in "pq"}
    merged = merge(document(paths=paths))
    assert [item["get"]["operationId"] for item in merged["paths"].values()] == ["x", "x_2"]


def secured(top: Any, scheme: Json | None = None, **operation: Any) -> Json:
    found = document(
        paths={"/": {"get": answering({}, **operation)}},
        components={"securitySchemes": {"key": scheme or {"type": "http", "scheme": "basic"}}},
    )
    return found if top is None else {**found, "security": top}


def test_security_at_the_top_stays_there_where_all_say_the_same() -> None:
    merged = merge(secured([{"key": []}]), secured([{"key": []}]))
    assert merged["security"] == [{"key": []}]
    assert "security" not in merged["paths"]["/a/"]["get"]


def test_security_at_the_top_goes_to_the_operations_where_sources_differ() -> None:
    given = [[{"key": []}], [], [{}], None]
    merged = merge(*(secured(each) for each in given))
    assert "security" not in merged
    assert [item["get"].get("security") for item in merged["paths"].values()] == given


def test_an_operation_s_own_security_stays() -> None:
    merged = merge(secured([{"key": []}], security=[]), secured(None))
    assert merged["paths"]["/a/"]["get"]["security"] == []


def test_the_same_requirement_of_other_schemes_is_another_one() -> None:
    merged = merge(secured([{"key": []}]), secured([{"key": []}], {"type": "http", "scheme": "bearer"}))
    assert [item["get"]["security"] for item in merged["paths"].values()] == [[{"a_key": []}], [{"b_key": []}]]


# Addresses in a document of the app under /a, which has the path /page, and where they lead in the merged one.
MOVED = pytest.mark.parametrize(
    ("url", "there"),
    [("page", "a/page"), ("./page", "a/page"), ("./page#x", "a/page#x"), ("/page", "/a/page"),
     ("/page/", "/a/page/"), ("/page?x=/y#z", "/a/page?x=/y#z"), ("../page", "a/page"), ("x/../page?y", "a/page?y"),
     ("/things/5", "/a/things/5"), ("/things/5/", "/a/things/5/"), ("/things/5/6", "/things/5/6"), ("#part", "#part"),
     ("/elsewhere", "/elsewhere"), ("https://docs.example/page", "https://docs.example/page"),
     ("//docs.example", "//docs.example"), ("//docs.example/page", "//docs.example/page")],
)  # fmt: skip


@MOVED
def test_a_relative_token_address_leads_to_where_it_led(url: str, there: str) -> None:
    scheme = {"type": "oauth2", "flows": {"password": {"scopes": {}, "tokenUrl": url}}}
    source = secured([{"key": []}], scheme)
    source["paths"] |= {"/page": {"post": answering({})}, "/things/{id}": {"post": answering({})}}
    merged = merge_openapi([("a", "/a", source)], title="T", version="1")
    assert merged["components"]["securitySchemes"]["key"]["flows"]["password"]["tokenUrl"] == there


@MOVED
def test_a_relative_address_of_a_documentation_or_an_example_leads_to_where_it_led(url: str, there: str) -> None:
    def pointing(url: str, prefix: str = "") -> Json:
        docs: Json = {"externalDocs": {"url": url}}
        example = {"application/json": {"schema": ref("Root"), "examples": {"e": {"externalValue": url}}}}
        operation = {"tags": ["t"], "responses": {"200": {"description": "", "content": example}}, **docs}
        info = {"title": "T", "version": "1", "termsOfService": url, "contact": {"url": url}, "license": {"url": url}}
        others = {f"{prefix}/things/{{id}}": {"get": answering({})}}
        paths = {f"{prefix}/": {"get": operation}, f"{prefix}/page": {"get": answering({"example": docs})}, **others}
        schemas = {"Root": {"properties": {"externalDocs": {}}, "default": docs, **docs}}
        return document(schemas, paths, info=info, tags=[{"name": "t", **docs}], **docs)

    merged = merge_openapi([("a", "/a", pointing(url))], title="T", version="1")
    expected = pointing(there, "/a")
    expected["paths"]["/a/page"] = pointing(url)["paths"]["/page"]
    expected["components"]["schemas"]["Root"]["default"] = {"externalDocs": {"url": url}}
    assert merged == expected


def test_parts_that_differ_only_by_their_prefix_are_kept_apart() -> None:
    docs = {"externalDocs": {"url": "guide"}}
    merged = merge(*(document({"Root": docs}, tags=[{"name": "t", **docs}]) for _ in "ab"))
    assert merged["components"]["schemas"] == {
        "a_Root": {"externalDocs": {"url": "a/guide"}},
        "b_Root": {"externalDocs": {"url": "b/guide"}},
    }
    assert [tag["externalDocs"]["url"] for tag in merged["tags"]] == ["a/guide", "b/guide"]


def test_schemes_whose_token_addresses_part_by_mounting_are_kept_apart() -> None:
    scheme = {"type": "oauth2", "flows": {"password": {"scopes": {}, "tokenUrl": "token"}}}
    merged = merge(secured([{"key": []}], scheme), secured([{"key": []}], scheme))
    assert list(merged["components"]["securitySchemes"]) == ["a_key", "b_key"]


# -- what stands at the top --------------------------------------------------------------------------------


def test_the_sources_servers_are_dropped_save_for_those_of_callbacks() -> None:
    elsewhere = [{"url": "https://x"}]
    callback = {"on": {"{$url}": {"servers": elsewhere, "post": answering({})}}}
    item = {"servers": elsewhere, "get": answering({}, servers=elsewhere, callbacks=callback)}
    merged = merge(document(paths={"/": item}, servers=elsewhere))
    assert merged["paths"]["/a/"] == {"get": answering({}, callbacks=callback)}
    assert "servers" not in merged


HOOK: Json = {"servers": [{"url": "https://x"}], "post": answering({}, servers=[{"url": "https://y"}])}


@pytest.mark.parametrize(
    "caller",
    [
        {"paths": {"/": {"get": answering({}, callbacks={"on": {"{$url}": ref("Again", "pathItems")}})}}},
        {"paths": {"/": {"get": answering({}, callbacks={"on": ref("On", "callbacks")})}}},
        {"paths": {}, "webhooks": {"made": ref("Again", "pathItems")}},
    ],
)
def test_the_servers_of_a_callback_or_webhook_that_is_a_component_stay(caller: Json) -> None:
    components = {
        "callbacks": {"On": {"{$url}": ref("Hook", "pathItems")}},
        "pathItems": {"Hook": HOOK, "Again": ref("Hook", "pathItems")},
    }
    merged = merge(document(components=components, **caller), document(paths={}))
    assert merged["components"]["pathItems"]["Hook"] == HOOK


def test_a_path_that_is_a_callback_or_webhook_too_is_without_servers_and_they_keep_theirs() -> None:
    hook = {**HOOK, "post": {**HOOK["post"], "operationId": "hook"}}
    caller = {"get": answering({}, callbacks={"on": {"{$url}": ref("Hook", "pathItems")}})}
    paths = {"/": ref("Again", "pathItems"), "/x": caller, "/w": {"$ref": "#/webhooks/made"}}
    items = {"Hook": hook, "Again": ref("Hook", "pathItems")}
    merged = merge(document(paths=paths, components={"pathItems": items}, webhooks={"made": HOOK}))
    assert merged["paths"]["/a/"] == {"post": answering({}, operationId="hook")}
    assert merged["paths"]["/a/w"] == {"post": answering({})}
    assert merged["paths"]["/a/x"] == caller
    assert merged["components"]["pathItems"]["Hook"]["post"] == {**hook["post"], "operationId": "hook_2"}
    assert merged["webhooks"]["made"] == HOOK


def test_a_path_that_is_a_callback_too_and_goes_on_in_another_file_still_refers_to_it() -> None:
    items = {"Hook": {**HOOK, "$ref": "elsewhere.json"}}
    webhooks = {"made": ref("Hook", "pathItems")}
    source = document(paths={"/": ref("Hook", "pathItems")}, components={"pathItems": items}, webhooks=webhooks)
    with pytest.warns(OpenAPIMergeWarning, match=r"elsewhere\.json"):
        merged = merge_openapi([("a", "/a", source)], title="T", version="1")
    assert merged["paths"] == {"/a/": {"post": answering({}), "$ref": "elsewhere.json"}}
    assert merged["components"]["pathItems"] == items


def test_the_servers_of_a_component_that_only_paths_refer_to_are_dropped() -> None:
    items = {"Hook": HOOK, "Again": ref("Hook", "pathItems")}
    merged = merge(document(paths={"/": ref("Again", "pathItems")}, components={"pathItems": items}))
    assert merged["components"]["pathItems"] == {"Hook": {"post": answering({})}, "Again": items["Again"]}
    assert merged["paths"] == {"/a/": ref("Again", "pathItems")}


def test_servers_may_be_kept_with_each_operation() -> None:
    one, other = [{"url": "https://one"}], [{"url": "https://other/{x}", "variables": {"x": {"default": "1"}}}]
    merged = merge(
        document({"Root": {}}, servers=one),
        document({"Root": {}}, servers=other),
        document({"Root": {}}),
        servers="keep",
    )
    assert [item.get("servers") for item in merged["paths"].values()] == [one, other, None]


def test_the_servers_next_to_an_operation_are_kept_whatever_its_document_says_at_the_top() -> None:
    def at(host: str) -> list[Json]:
        return [{"url": f"https://{host}/{{v}}", "variables": {"v": {"default": "1", "enum": ["1", "2"]}}}]

    paths = {
        "/p": {"servers": at("path"), "get": answering({}), "put": answering({}, servers=at("own"))},
        "/q": ref("Q", "pathItems"),
    }
    source = document(paths=paths, servers=at("top"), components={"pathItems": {"Q": {"get": answering({})}}})
    source["webhooks"] = {"w": {"post": answering({})}}
    merged = merge(source, document({"Root": {}}), servers="keep")
    assert merged["paths"]["/a/p"] == paths["/p"]
    assert merged["webhooks"]["w"]["servers"] == at("top")
    assert merged["components"]["pathItems"]["Q"]["servers"] == at("top")


def tagged(*tags: Json, used: str = "users") -> Json:
    found = document(paths={"/": {"get": answering({}, tags=[used])}})
    return {**found, "tags": list(tags)} if tags else found


def test_tags_that_are_the_same_are_one_and_are_grouped_by_app() -> None:
    tag = {"name": "users", "description": "U"}
    merged = merge(tagged(tag), tagged(tag, {"name": "more"}))
    assert merged["tags"] == [tag, {"name": "more"}]
    expected = [{"name": "a", "tags": ["users"]}, {"name": "b", "tags": ["users", "more"]}]
    assert merged["x-tagGroups"] == expected


def test_tags_with_other_texts_are_kept_apart() -> None:
    merged = merge(
        tagged({"name": "users", "description": "U"}), tagged({"name": "users", "description": "V"}), tagged()
    )
    assert [item["get"]["tags"] for item in merged["paths"].values()] == [["a_users"], ["b_users"], ["c_users"]]
    assert [tag["name"] for tag in merged["tags"]] == ["a_users", "b_users"]


def test_tags_are_not_grouped_where_that_would_hide_an_operation() -> None:
    assert "x-tagGroups" not in merge(tagged(), document({"Root": {}}))


def test_what_each_app_says_of_itself_stays_readable() -> None:
    info = {"title": "One", "version": "2", "description": "First.", "contact": {"name": "Ann", "email": "ann@x"},
            "license": {"name": "MIT", "identifier": "MIT"}, "termsOfService": "https://x/terms"}  # fmt: skip
    one = document({"Root": {}}, info=info, externalDocs={"url": "https://x/docs"}) | {"x-own": 1}
    merged = merge(one, document({"Root": {}}))
    expected = {"prefix": "/a", "info": info, "externalDocs": {"url": "https://x/docs"}, "x-own": 1}
    assert merged["x-apps"]["a"] == expected
    for part in ("- **One**: First.", "[Ann](mailto:ann@x)", "MIT", "https://x/terms", "https://x/docs"):
        assert part in merged["info"]["description"]


def test_extensions_beside_the_paths_and_components_stay() -> None:
    one = document(paths={"/": {"get": answering({})}, "x-p": 1}, components={"x-c": {"$ref": "data"}})
    alone = merge(one)
    assert (alone["paths"]["x-p"], alone["components"]["x-c"]) == (1, {"$ref": "data"})
    kept = merge(one, document({"Root": {}}))["x-apps"]["a"]
    assert (kept["paths"], kept["components"]) == ({"x-p": 1}, {"x-c": {"$ref": "data"}})


def test_a_dialect_that_not_all_share_goes_to_the_schemas() -> None:
    merged = merge_openapi([("a", "/a", document({"Root": text()}, jsonSchemaDialect="https://x/dialect")),
                            ("b", "/b", document({"Root": text()}))], title="T", version="1")  # fmt: skip
    assert schemas(merged)["a_Root"] == {"$schema": "https://x/dialect", **text()}
    assert "jsonSchemaDialect" not in merged


# -- 3.0 and 3.1 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"nullable": True, "allOf": [{}]}, {"allOf": [{}]}),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"maximum": 1, "exclusiveMaximum": False}, {"maximum": 1}),
        ({"example": None}, {"examples": [None]}),
        ({"type": "string", "format": "binary"}, {"type": "string", "contentMediaType": "application/octet-stream"}),
        ({"type": "string", "format": "byte"}, {"type": "string", "contentEncoding": "base64"}),
        ({"items": {"$ref": "#/components/schemas/Root", "description": "ignored"}}, {"items": ref("Root")}),
        ({"properties": {"nullable": {}, "example": {}}}, {"properties": {"nullable": {}, "example": {}}}),
        ({"default": {"nullable": True}}, {"default": {"nullable": True}}),
    ],
)
def test_a_3_0_schema_is_upgraded_to_3_1(old: Json, new: Json) -> None:
    merged = merge(document({"Root": old}, openapi="3.0.3"), document({"Other": {}}, {}))
    assert merged["openapi"] == "3.1.0"
    assert schemas(merged)["Root"] == new


def test_3_0_alone_stays_as_it_is() -> None:
    old = {"type": "string", "nullable": True}
    merged = merge(document({"Root": old}, openapi="3.0.0"), document({"Root": old}, openapi="3.0.3"))
    assert merged["openapi"] == "3.0.3"
    assert schemas(merged) == {"Root": old}


# -- numbers and texts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 10**400, 0.1, 1e22, 1.0, -0.0, 5e-324, 1.7976931348623157e308])
def test_a_number_comes_out_digit_for_digit(value: float) -> None:
    merged = merge(document({"Root": {"default": value}}), document({"Root": {}}))
    assert repr(schemas(merged)["a_Root"]["default"]) == repr(value)


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (0.0, -0.0), (1, "1"), (None, False), (2**53, 2**53 + 1)])
def test_numbers_that_are_equal_and_not_the_same_are_kept_apart(one: Any, other: Any) -> None:
    merged = merge(document({"Root": {"default": one}}), document({"Root": {"default": other}}))
    assert set(schemas(merged)) == {"a_Root", "b_Root"}


def test_half_a_surrogate_is_a_character_of_a_path_like_any_other() -> None:
    item = {"get": answering({"$ref": "#/paths/~1%ED%A0%80/post"})}
    merged = merge(document(paths={"/\ud800": {"post": answering({})}, "/": item}))
    assert answer(merged, "/a/") == {"$ref": "#/paths/~1a~1%ED%A0%80/post"}


def test_status_codes_that_are_numbers_become_texts() -> None:
    merged = merge_openapi(
        [("a", "/a", document(paths={"/": {"get": {"responses": {200: {}}}}}))], title="T", version="1"
    )
    assert merged["paths"]["/a/"]["get"]["responses"] == {"200": {}}


# -- faults ------------------------------------------------------------------------------------------------


def nested(depth: int) -> Json:
    """Return a schema of that many schemas in each other."""
    found: Json = {}
    for _ in range(depth):
        found = {"items": found}
    return found


@pytest.mark.parametrize("depth", [100, *range(700, 1000, 3)])
def test_a_deep_document_is_merged_or_is_a_fault(depth: int) -> None:
    sources = [(name, f"/{name}", document({"Root": {"title": name, "not": nested(depth)}})) for name in "ab"]
    try:
        merged = merge_openapi(sources, title="T", version="1")
    except OpenAPIMergeError as error:
        assert "recursion" in str(error)  # noqa: PT017  # which of the two depends on who calls from how deep
    else:
        assert set(schemas(merged)) == {"a_Root", "b_Root"}


def test_every_fault_of_every_document_is_reported_at_once() -> None:
    broken = document({"Root": {"items": ref("Gone")}}, security=[{"gone": []}])
    found = faults(
        broken, [], {"openapi": "2.0"}, {"swagger": "2.0"}, {"openapi": "3.1.0", "paths": []}, {"openapi": {1}}
    )
    assert found == [
        "a: #/components/schemas/Root/items/$ref: unresolved reference: '#/components/schemas/Gone'",
        "a: #/security/0/gone: undefined security scheme: 'gone'",
        "b: #: expected a JSON object, got list",
        "c: #: unsupported OpenAPI version: 2.0 (supported: 3.0, 3.1 and 3.2)",
        "d: #: unsupported OpenAPI version: 2.0 (supported: 3.0, 3.1 and 3.2)",
        "e: #/paths: must be an object",
        "f: #: invalid JSON: Object of type set is not JSON serializable",
        "f: #: unsupported OpenAPI version: {1} (supported: 3.0, 3.1 and 3.2)",
    ]


def test_links_mappings_and_anchors_that_lead_nowhere_are_faults() -> None:
    root = {
        "discriminator": {"propertyName": "k", "mapping": {"x": "#/components/schemas/Gone"}},
        "items": {"$ref": "#gone"},
    }
    source = document(
        {"Root": root}, components={"links": {"l": {"operationId": "gone"}, "m": {"operationRef": "#/paths/~1x"}}}
    )
    assert len(faults(source)) == 4


@pytest.mark.parametrize("place", ["#/info", "#/components", "#/components/schemas", "#/paths", "#/x-text"])
def test_a_reference_to_an_invalid_target_is_a_fault(place: str) -> None:
    assert "invalid reference target" in faults(document({"Root": {"$ref": place}}) | {"x-text": "x"})[0]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"tags": ["users"]}, "#/tags: must be an array of objects with a name"),
        ({"security": {"key": []}}, "#/security: must be an array of objects"),
        ({"info": None}, "#/info: must be an object"),
        ({"openapi": 3.1}, "#/openapi: must be a string, not a number"),
        ({"openapi": "3.3.0"}, "#: unsupported OpenAPI version: 3.3.0 (supported: 3.0, 3.1 and 3.2)"),
        ({"paths": {"users": {}}}, "#/paths/users: path must start with '/'"),
        (
            {"components": {"schemas": {"Root": {"$id": "https://x/", "$ref": "http://[x"}}}},
            "#: invalid OpenAPI document: ValueError: ",
        ),
        ({"x-more": float("inf")}, "#: invalid JSON: "),
        ({"x-more": nested(2000)}, "#: invalid JSON: "),
        ({"paths": {"/": {"get": {"tags": 1}}}}, "#/paths/~1/get/tags: must be an array of strings"),
        ({"paths": {"/": {"get": {"tags": [2023]}}}}, "#/paths/~1/get/tags: must be an array of strings"),
    ],
)
def test_an_invalid_document_is_a_fault(more: Json, message: str) -> None:
    assert faults({**document({"Root": {}}), **more})[0].startswith(f"a: {message}")


def test_tag_groups_of_another_form_are_data() -> None:
    merged = merge(document({"Root": {}}) | {"x-tagGroups": {"a": 1}})
    assert merged["x-tagGroups"] == {"a": 1}


def test_groups_that_a_document_makes_are_kept_among_those_of_the_apps() -> None:
    grouped = tagged({"name": "users", "description": "U"}) | {"x-tagGroups": [{"name": "People", "tags": ["users"]}]}
    merged = merge(grouped, tagged({"name": "users", "description": "V"}))
    assert merged["x-tagGroups"] == [{"name": "People", "tags": ["a_users"]}, {"name": "b", "tags": ["b_users"]}]


def test_a_name_given_twice_and_a_prefix_without_a_slash_are_faults() -> None:
    one = document({"Root": {}})
    with pytest.raises(OpenAPIMergeError) as caught:
        merge_openapi([("a", "/a", one), ("a", "/b", one), ("c", "c", one)], title="T", version="1")
    assert [fault.message for fault in caught.value.faults] == [
        "duplicate source name",
        "prefix 'c' must start with '/'",
    ]


def test_a_faulty_document_can_be_left_out_with_a_warning() -> None:
    sources = [("a", "/a", document({"Root": ref("Gone")})), ("b", "/b", document({"Root": {}}))]
    with pytest.warns(OpenAPIMergeWarning, match="skipped a: #/components/schemas/Root"):
        merged = merge_openapi(sources, title="T", version="1", on_error="skip")
    assert list(merged["paths"]) == ["/b/"]


# -- merging again -----------------------------------------------------------------------------------------


def test_merging_again_with_one_other_document_is_merging_them_all() -> None:
    one, other, third = (document({"Root": text(maxLength=count), "Same": {}}) for count in (1, 2, 3))
    merger = Merger(title="T", version="1")
    for documents in ([one, other], [one, third], [one, document({"Root": {}}, openapi="3.0.3")], [one], [other, one]):
        sources = [(name, f"/{name}", each) for name, each in zip("ab", documents, strict=False)]
        assert merger.merge(sources).document == merge_openapi(sources, title="T", version="1")


def test_merging_again_leaves_what_was_merged_before_as_it_was() -> None:
    one, other = secured([{"key": []}], operationId="x"), secured([], {"type": "http", "scheme": "bearer"})
    merger = Merger(title="T", version="1")
    before = merger.merge([("a", "/a", one)]).document
    text_before = json.dumps(before)
    merger.merge([("a", "/a", one), ("b", "/b", other)])
    merger.merge([("a", "/a", one), ("c", "/c", one)])
    assert json.dumps(before) == text_before
    assert merger.merge([("a", "/a", one)]).document == before


def test_a_document_that_failed_can_be_merged_once_it_is_fixed() -> None:
    merger = Merger(title="T", version="1")
    with pytest.raises(OpenAPIMergeError):
        merger.merge([("a", "/a", document({"Root": ref("Gone")}))])
    assert list(merger.merge([("a", "/a", document({"Root": {}}))]).document["paths"]) == ["/a/"]


def test_a_skipped_source_is_reported_with_its_faults_and_can_come_back() -> None:
    faulty, sound = ("a", "/a", document({"Root": ref("Gone")})), ("b", "/b", document({"Root": {}}))
    merger = Merger(title="T", version="1")
    merged = merger.merge([faulty, sound], on_error="skip")
    assert list(merged.document["paths"]) == ["/b/"]
    assert [fault.app for fault in merged.left_out] == ["a"]
    again = merger.merge([("a", "/a", sound[2]), sound], on_error="skip")
    assert (list(again.document["paths"]), again.left_out) == (["/a/", "/b/"], [])


def test_merges_side_by_side_leave_the_garbage_collector_as_it_was() -> None:
    sources = [("a", "/a", document({"Root": {}}))]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: merge_openapi(sources, title="T", version="1"), range(40)))
    assert gc.isenabled()


def large(count: int) -> Json:
    return document({"Root": {}}, {f"/{number}": {"get": answering(ref("Root"))} for number in range(count)})


@contextmanager
def collector_that_waits() -> Iterator[None]:
    """Leave the collector on, but let it begin nothing by itself: what is young was then made since."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.set_threshold(10_000_000)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def is_old(value: object) -> bool:
    return any(each is value for each in gc.get_objects(generation=2))


def test_what_a_large_merge_made_counts_as_old_and_that_of_a_small_one_doesn_t() -> None:
    with collector_that_waits():
        small = merge_openapi([("a", "/a", large(1))], title="T", version="1")
        assert not is_old(small["paths"])
        merged = merge_openapi([("a", "/a", large(3000))], title="T", version="1")
        assert is_old(merged["paths"])


def test_merges_without_a_full_collection_between_them_put_it_off_once() -> None:
    with collector_that_waits():
        merger = Merger(title="T", version="1")
        merger.merge([("a", "/a", large(3000))])
        merged = merger.merge([("a", "/a", large(3000))]).document
        assert not is_old(merged["paths"])


def test_what_was_frozen_before_a_large_merge_stays_frozen() -> None:
    frozen: list[object] = [[]]
    with collector_that_waits():
        gc.freeze()
        try:
            merge_openapi([("a", "/a", large(3000))], title="T", version="1")
            assert not is_old(frozen)
            assert gc.get_freeze_count() > 0
        finally:
            gc.unfreeze()


# -- families ----------------------------------------------------------------------------------------------

NAMES = ["A", "B", "C", "a_A"]
LEAVES = st.sampled_from([{}, {"type": "string"}, {"const": True}, {"const": 1}, {"example": ref("A")}])
SCHEMAS = st.recursive(
    st.one_of(LEAVES, st.sampled_from([ref(name) for name in NAMES])),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"items": inner}),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from(["p", "$ref"]), inner, max_size=2)}),
    ),
    max_leaves=4,
)


def _union(names: list[str]) -> Json:
    return {"oneOf": [ref(name) for name in names], "discriminator": {"propertyName": "kind"}}


COMPONENTS = st.one_of(
    st.builds(lambda inner: {"title": "T", "allOf": [inner]}, SCHEMAS),
    st.lists(st.sampled_from(NAMES), min_size=1, unique=True).map(_union),
)
SCHEMES = st.sampled_from([{"type": "http", "scheme": "basic"}, {"type": "http", "scheme": "bearer"}])
SECURITY: st.SearchStrategy[Any] = st.sampled_from([None, [], [{}], [{"key": []}]])


def _document(schemas: Json, scheme: Json, top: Any, own: Any, operation_id: str, version: str) -> Json:
    operation = answering(ref("A"), operationId=operation_id)
    found = document(schemas, {"/": {"get": operation}}, version, components={"securitySchemes": {"key": scheme}})
    if top is not None:
        found["security"] = top
    if own is not None:
        operation["security"] = own
    return found


DOCUMENTS = st.builds(
    _document,
    st.fixed_dictionaries(dict.fromkeys(NAMES, COMPONENTS)),
    SCHEMES,
    SECURITY,
    SECURITY,
    st.sampled_from(["op", "a_op", "other"]),
    st.sampled_from(["3.0.3", "3.1.0"]),
)


@given(st.lists(DOCUMENTS, min_size=1, max_size=3))
@settings(max_examples=examples(150), deadline=None)
def test_a_merged_family_means_what_its_documents_mean_in_any_order(family: list[Json]) -> None:
    assert len(merge(*family)["paths"]) == len(family)


@given(DOCUMENTS)
@settings(max_examples=examples(80), deadline=None)
def test_merging_one_document_changes_nothing_but_the_prefix(source: Json) -> None:
    merged = merge_openapi([("a", "/a", source)], title="T", version="1")
    assert merged == {**source, "paths": {"/a/": source["paths"]["/"]}}


@given(st.lists(DOCUMENTS, min_size=1, max_size=3))
@settings(max_examples=examples(80), deadline=None)
def test_merging_the_merged_document_again_changes_nothing(family: list[Json]) -> None:
    merged = merge(*family)
    assert merge_openapi([("z", "/", merged)], title="All", version="1") == merged


# -- real documents ----------------------------------------------------------------------------------------

needs_real_documents = pytest.mark.skipif(
    not real_names(), reason=f"no real documents in {FOLDER.parent.name}/{FOLDER.name}"
)


def _real(names: list[str]) -> Json:
    sources = [(name, f"/{name}", real(name)) for name in names]
    merged = merge_openapi(sources, title="T", version="1")
    assert violations(merged, sources) == []
    assert merge_openapi([("again", "", merged)], title="T", version="1") == merged
    return merged


@needs_real_documents
@pytest.mark.parametrize("name", real_names())
def test_a_real_document_means_the_same_when_mounted(name: str) -> None:
    assert len(_real([name])["paths"]) == len(real(name)["paths"])


@needs_real_documents
@pytest.mark.parametrize(
    ("one", "other"), [(one, other) for one in real_names() for other in real_names() if one < other]
)
def test_a_pair_of_real_documents_means_the_same_merged(one: str, other: str) -> None:
    assert len(_real([one, other])["paths"]) == len(real(one)["paths"]) + len(real(other)["paths"])


@needs_real_documents
def test_all_real_documents_mean_the_same_merged() -> None:
    assert len(_real(real_names())["paths"]) == sum(len(real(name)["paths"]) for name in real_names())
