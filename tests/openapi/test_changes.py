"""What changed from one document to another, and whom it breaks: each rule by a small case, in both directions."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.openapi import Change, changes
from tests.openapi.documents import answering, document, real, real_names, ref, text

Json = dict[str, Any]

REQUEST = "POST / request application/json"
RESPONSE = "POST / response 200 application/json"
TEXT = {"type": "string"}
VALUES = {"type": "object", "additionalProperties": TEXT}


def posting(schema: Any, schemas: Json | None = None, **more: Any) -> Json:
    """Return a document with one operation that takes a schema."""
    body = {"content": {"application/json": {"schema": schema}}}
    return document(schemas or {}, {"/": {"post": {"requestBody": body, "responses": {}}}}, **more)


def returning(schema: Any, schemas: Json | None = None, **more: Any) -> Json:
    """Return a document with one operation that answers with a schema."""
    return document(schemas or {}, {"/": {"post": answering(schema)}}, **more)


def holding(**properties: Any) -> Json:
    """Return the schema of an object with these properties."""
    return {"type": "object", "properties": properties}


def diff(old: Json, new: Json) -> list[str]:
    """Return the changes as text, the breaking ones with an exclamation mark before."""
    found = changes(old, new)
    assert found == sorted(found, key=lambda change: (not change.breaking, change.where, change.what))
    return [f"{'! ' * change.breaking}{change}" for change in found]


def operations(old: Json, new: Json, **more: Any) -> list[str]:
    """Return what changed between two operations."""
    return diff(document(paths={"/": {"post": old}}, **more), document(paths={"/": {"post": new}}, **more))


def expect(old: Any, new: Any, place: str, what: str, breaks: str) -> None:
    """Check what a change of a schema is called, and that it breaks requests, responses, both or none."""
    for side, wrap, where in (("request", posting, REQUEST), ("response", returning, RESPONSE)):
        mark = "! " if breaks in (side, "both") else ""
        assert diff(wrap(old), wrap(new)) == [f"{mark}{' '.join(filter(None, (where, place)))}: {what}"]


OPPOSITE = {"request": "response", "response": "request"}


# -- schemas -----------------------------------------------------------------------------------------------


def test_a_removed_property_breaks_both_sides() -> None:
    expect(holding(a=TEXT, b=TEXT), holding(a=TEXT), "b", "property removed", "both")


def test_a_property_that_is_new_breaks_nothing() -> None:
    expect(holding(a=TEXT), holding(a=TEXT, b=TEXT), "b", "property added", "none")


def test_a_property_that_is_new_and_required_breaks_requests() -> None:
    old, new = holding(a=TEXT), holding(a=TEXT, b=TEXT) | {"required": ["b"]}
    assert diff(posting(old), posting(new)) == [f"! {REQUEST} b: required property added"]
    assert diff(returning(old), returning(new)) == [f"{RESPONSE} b: property added"]


def test_a_property_that_is_new_breaks_responses_that_were_closed() -> None:
    old, new = ({**holding(**held), "additionalProperties": False} for held in ({}, {"b": TEXT}))
    expect(old, new, "b", "property added where additional properties were not allowed", "response")


def test_a_property_that_was_like_all_others_is_compared_with_them() -> None:
    old = {"type": "object", "additionalProperties": TEXT}
    found = diff(posting(old), posting(old | holding(b={"type": "integer"})))
    assert found == [
        f"! {REQUEST} b: type changed from string to integer",
        f"{REQUEST} b: property added",
    ]


def test_a_read_only_property_is_not_part_of_a_request() -> None:
    old = {**holding(a={**TEXT, "readOnly": True}), "required": ["a"]}
    assert diff(posting(old), posting(holding())) == ["document: other details changed"]
    assert diff(returning(old), returning(holding())) == [f"! {RESPONSE} a: property removed"]


def test_a_write_only_property_is_not_part_of_a_response() -> None:
    old = {**holding(a={**TEXT, "writeOnly": True}), "required": ["a"]}
    assert diff(returning(old), returning(holding())) == ["document: other details changed"]
    assert diff(posting(old), posting(holding())) == [f"! {REQUEST} a: property removed"]


def test_a_property_that_becomes_read_only_is_gone_from_requests() -> None:
    assert diff(posting(holding(a=TEXT)), posting(holding(a={**TEXT, "readOnly": True}))) == [
        f"! {REQUEST} a: property removed"
    ]


@pytest.mark.parametrize(
    ("wide", "narrow", "place", "narrowed", "widened"),
    [
        (
            holding(a=TEXT),
            {**holding(a=TEXT), "required": ["a"]},
            "a",
            "became required",
            "became optional",
        ),
        (
            {"type": "object"},
            {"type": "object", "additionalProperties": False},
            "",
            "additional properties no longer allowed",
            "additional properties now allowed",
        ),
        ({}, TEXT, "", "type narrowed from any to string", "type widened from string to any"),
        (
            {"type": "object"},
            {"type": "object", "additionalProperties": TEXT},
            "{}",
            "type narrowed from any to string",
            "type widened from string to any",
        ),
        (
            {"type": ["string", "null"]},
            TEXT,
            "",
            "type narrowed from string|null to string",
            "type widened from string to string|null",
        ),
        (
            {"type": "number"},
            {"type": "integer"},
            "",
            "type narrowed from number to integer",
            "type widened from integer to number",
        ),
        (
            {"type": "array", "items": {}},
            {"type": "array", "items": TEXT},
            "[]",
            "type narrowed from any to string",
            "type widened from string to any",
        ),
        (
            {"type": "array", "prefixItems": [{}, TEXT]},
            {"type": "array", "prefixItems": [TEXT, TEXT]},
            "[0]",
            "type narrowed from any to string",
            "type widened from string to any",
        ),
        (
            {"enum": ["a", "b", "c"]},
            {"enum": ["a"]},
            "",
            'allowed values removed: "b", "c"',
            'allowed values added: "b", "c"',
        ),
        (TEXT, {**TEXT, "enum": ["a"]}, "", 'restricted to "a"', 'no longer restricted to "a"'),
        (TEXT, {**TEXT, "const": "a"}, "", 'restricted to "a"', 'no longer restricted to "a"'),
        ({"const": None}, {"const": None, "type": "array"}, "", "no longer allowed", "now allowed"),
        (
            {**TEXT, "maxLength": 9},
            {**TEXT, "maxLength": 5},
            "",
            "maxLength changed from 9 to 5",
            "maxLength changed from 5 to 9",
        ),
        (TEXT, {**TEXT, "minLength": 1}, "", "minLength changed from none to 1", "minLength changed from 1 to none"),
        (
            {"type": "number", "minimum": 0},
            {"type": "number", "exclusiveMinimum": 0},
            "",
            "minimum changed from 0 to more than 0",
            "minimum changed from more than 0 to 0",
        ),
        (
            {"type": "number", "maximum": 2.5},
            {"type": "number", "exclusiveMaximum": -1},
            "",
            "maximum changed from 2.5 to less than -1",
            "maximum changed from less than -1 to 2.5",
        ),
        (TEXT, {**TEXT, "pattern": "^a"}, "", "pattern changed from none to ^a", "pattern changed from ^a to none"),
        (TEXT, {**TEXT, "format": "date"}, "", "format changed from none to date", "format changed from date to none"),
        (
            {"type": "integer", "format": "int64"},
            {"type": "integer", "format": "int32"},
            "",
            "format changed from int64 to int32",
            "format changed from int32 to int64",
        ),
        (
            {"type": "integer", "multipleOf": 2},
            {"type": "integer", "multipleOf": 6},
            "",
            "multipleOf changed from 2 to 6",
            "multipleOf changed from 6 to 2",
        ),
        (
            {"type": "array"},
            {"type": "array", "uniqueItems": True},
            "",
            "uniqueItems changed from none to true",
            "uniqueItems changed from true to none",
        ),
        (holding(a=TEXT), holding(a=False), "a", "no longer allowed", "now allowed"),
        ({}, {"not": TEXT}, "", "negated schemas (not) changed", "negated schemas (not) changed"),
        (
            {"not": TEXT},
            {"not": {"type": ["string", "integer"]}},
            "(not)",
            "type widened from string to integer|string",
            "type narrowed from integer|string to string",
        ),
        (
            {"allOf": [{"not": {"type": "array"}}, {"not": TEXT}]},
            {"allOf": [{"not": {"type": "array"}}, {"not": {}}]},
            "",
            "no longer allowed",
            "now allowed",
        ),
        (
            {"allOf": [holding(a=TEXT), {"type": "object"}]},
            {"allOf": [holding(a=TEXT), {"unevaluatedProperties": False}]},
            "",
            "additional properties no longer allowed",
            "additional properties now allowed",
        ),
        (
            {"type": "object", "propertyNames": {}},
            {"type": "object", "propertyNames": TEXT},
            "(propertyNames)",
            "type narrowed from any to string",
            "type widened from string to any",
        ),
        (
            {"type": "object", "patternProperties": {"^x": {}}},
            {"type": "object", "patternProperties": {"^x": TEXT}},
            "(patternProperties ^x)",
            "type narrowed from any to string",
            "type widened from string to any",
        ),
        (
            {"oneOf": [TEXT, {"type": "integer"}, {"type": "array"}]},
            {"oneOf": [TEXT]},
            "",
            "type narrowed from array|integer|string to string",
            "type widened from string to array|integer|string",
        ),
        (
            {"anyOf": [holding(a=TEXT), holding(b=TEXT)]},
            {"oneOf": [holding(a=TEXT), holding(b=TEXT)]},
            "",
            "anyOf changed to oneOf",
            "oneOf changed to anyOf",
        ),
        (
            holding(a=TEXT, b=TEXT),
            {**holding(a=TEXT, b=TEXT), "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            "",
            "alternative schemas (anyOf, oneOf) changed",
            "alternative schemas (anyOf, oneOf) changed",
        ),
    ],
)
def test_what_narrows_breaks_requests_and_what_widens_breaks_responses(
    wide: Any, narrow: Any, place: str, narrowed: str, widened: str
) -> None:
    expect(wide, narrow, place, narrowed, "request")
    expect(narrow, wide, place, widened, "response")


@pytest.mark.parametrize(
    ("old", "new", "place", "what"),
    [
        (TEXT, {"type": "integer", "maximum": 3}, "", "type changed from string to integer"),
        ({**TEXT, "pattern": "^a"}, {**TEXT, "pattern": "^b"}, "", "pattern changed from ^a to ^b"),
        ({**TEXT, "format": "date"}, {**TEXT, "format": "uuid"}, "", "format changed from date to uuid"),
        ({"multipleOf": 4}, {"multipleOf": 6}, "", "multipleOf changed from 4 to 6"),
        ({"if": TEXT}, {}, "(if)", "schema removed"),
        ({"if": TEXT}, {"if": {}}, "(if)", "type widened from string to any"),
        ({"if": {}}, {"if": TEXT}, "(if)", "type narrowed from any to string"),
        ({"x": 1, "unheard": True}, {"x": 1, "unheard": 1}, "", "unheard changed from true to 1"),
        ({"xml": {"name": "a"}}, {"xml": {"name": "b"}}, "", 'xml changed from {"name": "a"} to {"name": "b"}'),
        ({"$ref": "a.json"}, {"$ref": "b.json"}, "", "external reference changed"),
    ],
)
def test_a_change_of_unknown_effect_breaks_both_sides(old: Any, new: Any, place: str, what: str) -> None:
    expect(old, new, place, what, "both")


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (TEXT, {**TEXT, "title": "T", "description": "D", "examples": ["a"]}, "documentation or extensions changed"),
        (TEXT, {**TEXT, "x-internal": True}, "documentation or extensions changed"),
        (TEXT, {**TEXT, "deprecated": True}, "deprecated"),
        ({**TEXT, "deprecated": True}, TEXT, "no longer deprecated"),
        ({**TEXT, "default": "a"}, {**TEXT, "default": "b"}, "default changed from a to b"),
        ({"default": True}, {"default": 1}, "default changed from true to 1"),
    ],
)
def test_texts_and_defaults_break_nothing(old: Any, new: Any, what: str) -> None:
    expect({"type": "array", "items": old}, {"type": "array", "items": new}, "[]", what, "none")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"type": ["null", "string"], "maxLength": 3}, {"anyOf": [{**TEXT, "maxLength": 3}, {"type": "null"}]}),
        ({"type": ["string", "integer"]}, {"oneOf": [{"type": "integer"}, TEXT]}),
        ({"enum": ["a", None]}, {"anyOf": [{"const": "a"}, {"type": "null"}]}),
        ({"type": ["string", "null"], "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
        ({**TEXT, "const": "a"}, {**TEXT, "enum": ["a"]}),
        ({"allOf": [TEXT]}, TEXT),
        ({"anyOf": [TEXT]}, TEXT),
        ({"type": "array", "items": True}, {"type": "array"}),
        ({"type": "array", "uniqueItems": False, "minItems": 0}, {"type": "array"}),
        ({"type": "object", "additionalProperties": True, "required": []}, {"type": "object"}),
        ({"type": ["string"]}, TEXT),
        ({"type": ["string", "null"], "enum": [None]}, {"type": "null"}),
        ({"allOf": [VALUES, holding(a={})]}, {"allOf": [VALUES, holding(a=TEXT)]}),
        (
            {"type": "object", "oneOf": [holding(a=TEXT), holding(b=TEXT)]},
            {"oneOf": [holding(a=TEXT), holding(b=TEXT)]},
        ),
        (
            {"allOf": [holding(a=TEXT), {**holding(b=TEXT), "required": ["a"]}]},
            {**holding(b=TEXT, a=TEXT), "required": ["a"]},
        ),
        ({"anyOf": [{"anyOf": [TEXT, {"type": "null"}]}, {"type": "array"}]}, {"type": ["array", "null", "string"]}),
    ],
)
def test_two_spellings_of_one_meaning_are_no_change(one: Any, other: Any) -> None:
    for wrap in (posting, returning):
        assert diff(wrap(one), wrap(other)) == diff(wrap(other), wrap(one)) == ["document: other details changed"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({**TEXT, "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, {"type": "number", "exclusiveMinimum": 1}),
        ({**TEXT, "example": "a"}, {**TEXT, "examples": ["a"]}),
        ({**TEXT, "format": "binary"}, {**TEXT, "contentMediaType": "application/octet-stream"}),
    ],
)
def test_what_3_0_and_3_1_spell_differently_is_no_change(old: Any, new: Any) -> None:
    assert diff(posting(old, openapi="3.0.3"), posting(new)) == ["document: openapi changed from 3.0.3 to 3.1.0"]


# -- references, unions ------------------------------------------------------------------------------------


def test_a_renamed_component_is_no_change() -> None:
    old = returning(ref("Note"), {"Note": holding(by=ref("User")), "User": text()})
    new = returning(ref("notes_Note"), {"users_User": text(), "notes_Note": holding(by=ref("users_User"))})
    assert diff(old, new) == ["document: other details changed"]
    assert diff(old, returning(holding(by=text()))) == ["document: other details changed"]


def test_a_change_of_a_component_is_reported_for_every_operation_that_refers_to_it() -> None:
    def shared(schema: Json) -> Json:
        listed = {"get": answering({"type": "array", "items": ref("Note")}), "post": answering(ref("Note"))}
        return document({"Note": schema}, {"/": listed})

    assert diff(shared(holding(text=TEXT)), shared(holding())) == [
        "! GET / response 200 application/json [].text: property removed",
        "! POST / response 200 application/json text: property removed",
    ]


def test_schemas_that_refer_to_themselves_are_compared() -> None:
    def tree(leaf: Json, name: str) -> Json:
        children = {"type": "array", "items": ref(name)}
        return returning(ref(name), {name: holding(children=children, leaf=leaf)})

    assert diff(tree(TEXT, "Tree"), tree(TEXT, "Node")) == ["document: other details changed"]
    assert diff(tree(TEXT, "Tree"), tree({"type": "integer"}, "Node")) == [
        f"! {RESPONSE} leaf: type changed from string to integer"
    ]


def test_all_of_that_includes_itself_comes_to_an_end() -> None:
    def endless(schema: Json) -> Json:
        return returning(
            ref("A"), {"A": {"allOf": [ref("B"), holding(a=ref("A"))]}, "B": {"allOf": [ref("A"), schema]}}
        )

    assert diff(endless(holding(b=TEXT)), endless(holding())) == [f"! {RESPONSE} b: property removed"]


def test_a_union_that_includes_itself_comes_to_an_end() -> None:
    def endless(*options: Json) -> Json:
        return posting(ref("A"), {"A": {"anyOf": [ref("A"), *options]}})

    assert diff(endless(TEXT, {"type": "array"}), endless(TEXT))[0].startswith(f"! {REQUEST}: type narrowed from ")


def test_options_are_matched_by_content_then_by_name() -> None:
    union = {"oneOf": [ref("Cat"), ref("Dog"), {"type": "null"}]}
    old = posting(union, {"Cat": holding(a=TEXT, c=TEXT), "Dog": holding(a=TEXT)})
    swapped = posting(union, {"Dog": holding(a=TEXT, c=TEXT), "Cat": holding(a=TEXT)})
    assert diff(old, swapped) == ["document: other details changed"]
    changed = posting(union, {"Cat": holding(a=TEXT, c=TEXT), "Dog": holding()})
    assert diff(old, changed) == [f"! {REQUEST} (Dog).a: property removed"]


def test_a_removed_option_breaks_requests_and_an_added_one_breaks_responses() -> None:
    schemas = {"Cat": holding(c=TEXT), "Dog": holding(d=TEXT)}
    one, two = ({"anyOf": [ref(name) for name in names]} for names in (["Cat"], ["Cat", "Dog"]))
    assert diff(posting(two, schemas), posting(one, schemas)) == [f"! {REQUEST}: type narrowed from Cat|Dog to object"]
    assert diff(posting(one, schemas), posting(two, schemas)) == [f"{REQUEST}: type widened from object to Cat|Dog"]
    assert diff(returning(one, schemas), returning(two, schemas)) == [
        f"! {RESPONSE}: type widened from object to Cat|Dog"
    ]


def test_what_an_optional_reference_leads_to_is_compared_though_its_name_is_new() -> None:
    def optional(name: str, schema: Json) -> Json:
        return returning({"anyOf": [ref(name), {"type": "null"}]}, {name: schema})

    assert diff(optional("Old", holding(a=TEXT)), optional("New", holding())) == [f"! {RESPONSE} a: property removed"]


def discriminated(values: dict[str, str], name: str = "kind") -> Json:
    mapping = {value: f"#/components/schemas/{component}" for value, component in values.items()}
    return {
        "oneOf": [ref("Cat"), ref("Dog")],
        "discriminator": {"propertyName": name, "mapping": mapping},
    }


def test_the_value_of_a_discriminator_is_on_the_wire() -> None:
    schemas = {"Cat": holding(c=TEXT), "Dog": holding(d=TEXT)}
    old = posting(discriminated({"cat": "Cat", "dog": "Dog"}), schemas)
    assert diff(old, posting(discriminated({"cat": "Cat", "hound": "Dog"}), schemas)) == [
        f"! {REQUEST} (Dog): discriminator value changed from dog to hound"
    ]
    assert diff(old, posting(discriminated({"cat": "Cat", "dog": "Dog"}, "type"), schemas)) == [
        f"! {REQUEST}: discriminator property changed from kind to type"
    ]
    assert diff(old, posting({"oneOf": [ref("Cat"), ref("Dog")]}, schemas)) == [
        f"{REQUEST}: discriminator property changed from kind to none"
    ]


def test_a_name_that_a_discriminator_implies_is_on_the_wire() -> None:
    def implied(name: str) -> Json:
        union = {"oneOf": [ref(name), TEXT], "discriminator": {"propertyName": "kind"}}
        return posting(union, {name: holding()})

    assert diff(implied("Cat"), implied("Tiger")) == [
        f"! {REQUEST} (Tiger): discriminator value changed from Cat to Tiger"
    ]


def test_subtypes_that_only_a_discriminator_refers_to_are_compared() -> None:
    def family(child: Json, name: str = "Child") -> Json:
        parent = holding(kind=TEXT) | {"discriminator": {"propertyName": "kind"}}
        return returning(ref("Parent"), {"Parent": parent, name: {"allOf": [ref("Parent"), child]}})

    assert diff(family(holding(a=TEXT)), family(holding())) == [f"! {RESPONSE} (Child).a: property removed"]
    assert diff(family(holding()), family(holding(), "Heir")) == [
        f"! {RESPONSE}: discriminator value Heir added",
        f"{RESPONSE}: discriminator value Child removed",
    ]


def test_anchors_are_followed() -> None:
    def anchored(schema: Json) -> Json:
        return returning({"$ref": "#note"}, {"Note": schema | {"$anchor": "note"}})

    assert diff(anchored(holding(a=TEXT)), anchored(holding())) == [f"! {RESPONSE} a: property removed"]


# -- operations --------------------------------------------------------------------------------------------


def test_a_removed_operation_breaks_and_an_added_one_does_not() -> None:
    old, new = document(paths={"/a": {"get": answering({})}}), document(paths={"/b": {"get": answering({})}})
    assert diff(old, new) == ["! GET /a: operation removed", "GET /b: operation added"]


def test_an_operation_id_that_changes_breaks_generated_clients() -> None:
    assert operations({"operationId": "a"}, {"operationId": "b"}) == ["! POST /: operationId changed from a to b"]


def test_what_is_for_people_breaks_nothing() -> None:
    old: Json = {"summary": "S"}
    new = {"summary": "T", "description": "D", "deprecated": True, "tags": ["a"], "servers": [{"url": "/v1"}]}
    assert operations(old, new) == [
        "POST /: deprecated",
        "POST /: documentation or extensions changed",
        "POST /: servers changed",
        "POST /: tags changed",
    ]


def test_renaming_a_path_parameter_breaks() -> None:
    def reading(name: str, schema: Json) -> Json:
        parameter = {"name": name, "in": "path", "required": True, "schema": schema}
        return document(paths={f"/notes/{{{name}}}": {"get": {"parameters": [parameter]}}})

    assert diff(reading("id", TEXT), reading("number", {"type": "integer"})) == [
        "! GET /notes/{number}: path parameter renamed from id to number",
        "! GET /notes/{number} path parameter number: type changed from string to integer",
    ]


QUERY = {"name": "limit", "in": "query", "schema": {"type": "integer"}}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (QUERY, None, "! {}: parameter removed"),
        (None, QUERY, "{}: parameter added"),
        (None, QUERY | {"required": True}, "! {}: required parameter added"),
        (QUERY, QUERY | {"required": True}, "! {}: became required"),
        (QUERY | {"required": True}, QUERY, "{}: became optional"),
        (QUERY, QUERY | {"schema": {"type": "integer", "maximum": 9}}, "! {}: maximum changed from none to 9"),
        (QUERY, QUERY | {"schema": {"type": "number"}}, "{}: type widened from integer to number"),
        (QUERY, QUERY | {"explode": False}, "! {}: serialisation changed"),
        (QUERY, QUERY | {"style": "form", "explode": True}, "document: other details changed"),
        (QUERY, {"name": "limit", "in": "query", "content": {"text/plain": {}}}, "! {}: serialisation changed"),
        (
            {"name": "limit", "in": "query", "content": {"text/plain": {}}},
            {"name": "limit", "in": "query", "content": {}},
            "! {} text/plain: media type removed",
        ),
        (QUERY, QUERY | {"description": "D"}, "{}: documentation or extensions changed"),
        (QUERY, QUERY | {"deprecated": True}, "{}: deprecated"),
    ],
)
def test_parameters_are_what_a_client_sends(old: Json | None, new: Json | None, what: str) -> None:
    sides = [{"parameters": [each]} if each else {} for each in (old, new)]
    assert operations(*sides) == [what.format("POST / query parameter limit")]


def test_parameters_are_found_on_the_path_and_behind_references() -> None:
    old = document(paths={"/": {"get": {}, "parameters": [QUERY | {"required": True}]}})
    new = document(
        paths={"/": {"get": {"parameters": [ref("Limit", "parameters")]}}},
        components={"parameters": {"Limit": QUERY | {"required": True}}},
    )
    assert diff(old, new) == ["document: other details changed"]


def test_headers_that_other_fields_describe_are_not_parameters() -> None:
    accept = {"name": "Accept", "in": "header", "required": True, "schema": TEXT}
    assert operations({}, {"parameters": [accept]}) == ["document: other details changed"]
    tenant = accept | {"name": "X-Tenant"}
    assert operations({"parameters": [tenant]}, {"parameters": [tenant | {"name": "x-tenant"}]}) == [
        "document: other details changed"
    ]


BODY: Json = {"content": {"application/json": {}}}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (BODY, None, "! POST / request: body removed"),
        (None, BODY, "POST / request: body added"),
        (None, BODY | {"required": True}, "! POST / request: required body added"),
        (BODY, BODY | {"required": True}, "! POST / request: became required"),
        (BODY | {"required": True}, BODY, "POST / request: became optional"),
        (BODY, {"content": {}}, "! POST / request application/json: media type removed"),
        (BODY, {"content": {**BODY["content"], "text/csv": {}}}, "POST / request text/csv: media type added"),
        (
            BODY,
            {"content": {"application/json": {"encoding": {"a": {"contentType": "image/png"}}}}},
            "! POST / request application/json encoding a: encoding changed",
        ),
        (
            BODY,
            {"content": {"application/json": {"encoding": {"a": {"headers": {"X": {"required": True}}}}}}},
            "! POST / request application/json encoding a header X: required header added",
        ),
    ],
)
def test_bodies_are_what_a_client_sends(old: Json | None, new: Json | None, what: str) -> None:
    assert operations(*({"requestBody": each} if each else {} for each in (old, new))) == [what]


OK: Json = {"description": "OK", "content": {"application/json": {}}, "headers": {"X-Total": {"required": True}}}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ({"200": OK, "404": {}}, {"200": OK}, "! POST / response 404: response removed"),
        ({"200": OK}, {"200": OK, "404": {}}, "POST / response 404: response added"),
        ({"200": OK}, {"200": {**OK, "content": {}}}, "! POST / response 200 application/json: media type removed"),
        ({"200": {**OK, "content": {}}}, {"200": OK}, "POST / response 200 application/json: media type added"),
        ({"200": OK}, {"200": {**OK, "headers": {}}}, "! POST / response 200 header X-Total: header removed"),
        ({"200": {**OK, "headers": {}}}, {"200": OK}, "POST / response 200 header X-Total: required header added"),
        (
            {"200": OK},
            {"200": {**OK, "headers": {"x-total": {}}}},
            "! POST / response 200 header x-total: became optional",
        ),
        (
            {"200": OK},
            {"200": {**OK, "headers": {"X-Total": {"required": True, "schema": TEXT}}}},
            "POST / response 200 header X-Total: type narrowed from any to string",
        ),
        (
            {"200": OK},
            {"200": OK | {"description": "Fine"}},
            "POST / response 200: documentation or extensions changed",
        ),
        ({"200": OK | {"links": {"n": {}}}}, {"200": OK}, "! POST / response 200 link n: link removed"),
        ({"200": OK}, {"200": OK | {"links": {"n": {}}}}, "POST / response 200 link n: link added"),
        (
            {"200": OK | {"links": {"n": {"description": "a"}}}},
            {"200": OK | {"links": {"n": {"description": "b"}}}},
            "POST / response 200 link n: documentation or extensions changed",
        ),
        (
            {"200": OK | {"links": {"n": {"operationId": "a"}}}},
            {"200": OK | {"links": {"n": {"operationId": "b"}}}},
            "! POST / response 200 link n: link changed",
        ),
    ],
)
def test_responses_are_what_a_client_was_promised(old: Json, new: Json, what: str) -> None:
    assert operations({"responses": old}, {"responses": new}) == [what]


def test_a_callback_turns_the_sides_round() -> None:
    def calling(schema: Json, answer: Json) -> Json:
        called = answering(answer) | {"requestBody": {"content": {"application/json": {"schema": schema}}}}
        return {"callbacks": {"done": {"{$request.query.url}": {"post": called}}}}

    where = "POST / callback done POST {$request.query.url}"
    assert operations(calling(TEXT, TEXT), calling({}, {})) == [
        f"! {where} request application/json: type widened from string to any",
        f"{where} response 200 application/json: type widened from string to any",
    ]
    assert operations(calling({}, {}), {}) == [f"! {where}: operation removed"]


def test_a_webhook_is_sent_by_the_server() -> None:
    def hook(schema: Json) -> Json:
        body = {"content": {"application/json": {"schema": schema}}}
        return document(paths={}, webhooks={"made": {"post": {"requestBody": body}}})

    assert diff(hook(TEXT), hook({})) == [
        "! webhook made POST request application/json: type widened from string to any"
    ]
    assert diff(hook(TEXT), document(paths={})) == ["! webhook made POST: operation removed"]


# -- credentials -------------------------------------------------------------------------------------------

KEY = {"type": "apiKey", "in": "header", "name": "X-Key"}
BEARER = {"type": "http", "scheme": "bearer"}
SCOPES = {"read": "", "write": ""}
PASSWORD: Json = {"tokenUrl": "/token", "scopes": SCOPES}
IMPLICIT: Json = {"authorizationUrl": "/a", "scopes": SCOPES}
OAUTH: Json = {"type": "oauth2", "flows": {"password": PASSWORD}}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ([], [{"key": []}], "! POST /: security now required: key"),
        ([{"key": []}], [], "POST /: security now accepts anonymous requests"),
        ([{"key": []}], [{"key": []}, {"bearer": []}], "POST /: security now accepts bearer"),
        ([{"key": []}, {"bearer": []}], [{"bearer": []}], "! POST /: security key no longer sufficient"),
        ([{"key": []}], [{"key": [], "bearer": []}], "! POST /: security key no longer sufficient"),
        ([{"oauth": ["read"]}], [{"oauth": ["read", "write"]}], "! POST /: security oauth requires more scopes: write"),
        ([{"oauth": ["read", "write"]}], [{"oauth": ["read"]}], "POST /: security now accepts oauth"),
        ([{}], [], None),
    ],
)
def test_security_that_asks_for_more_breaks(old: list[Json], new: list[Json], what: str | None) -> None:
    schemes = {"securitySchemes": {"key": KEY, "bearer": BEARER, "oauth": OAUTH}}
    found = operations({"security": old}, {"security": new}, components=schemes)
    assert found == [what or "document: other details changed"]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ({}, {"clientCredentials": {"tokenUrl": "/token", "scopes": {}}}, "POST /: security now accepts oauth"),
        ({}, {"password": {**PASSWORD, "refreshUrl": "/again"}}, "POST /: security now accepts oauth"),
        ({}, {"password": {**PASSWORD, "scopes": {**SCOPES, "all": ""}}}, "POST /: security now accepts oauth"),
        ({}, {"password": {**PASSWORD, "scopes": {"read": "Read.", "write": ""}, "x-a": 1}}, None),
        ({}, {"password": {**PASSWORD, "tokenUrl": "/other"}}, "! POST /: security oauth changed"),
        ({}, {"password": {**PASSWORD, "scopes": {"read": ""}}}, "! POST /: security oauth changed"),
        ({"implicit": IMPLICIT}, {}, "! POST /: security oauth changed"),
        (
            {"implicit": IMPLICIT},
            {"implicit": IMPLICIT | {"authorizationUrl": "/b"}},
            "! POST /: security oauth changed",
        ),
        (
            {"password": {**PASSWORD, "refreshUrl": "/again"}},
            {"password": PASSWORD},
            "! POST /: security oauth changed",
        ),
    ],
)
def test_an_oauth_flow_breaks_if_it_is_removed_or_altered_and_not_if_it_is_added(
    old: Json, new: Json, what: str | None
) -> None:
    def secured(flows: Json) -> Json:
        scheme = {**OAUTH, "flows": {**OAUTH["flows"], **flows}}
        item = {"/": {"post": {"security": [{"oauth": ["read"]}]}}}
        return document(paths=item, components={"securitySchemes": {"oauth": scheme}})

    assert diff(secured(old), secured(new)) == [what or "document: other details changed"]


def test_two_oauth_schemes_that_are_asked_for_together_are_two() -> None:
    def secured(*names: str) -> Json:
        other = {"type": "oauth2", "flows": {"password": {**PASSWORD, "tokenUrl": "/other"}}}
        item: Json = {"/": {"post": {"security": [{name: [] for name in names}]}}}
        return document(paths=item, components={"securitySchemes": {"oauth": OAUTH, "other": other}})

    assert diff(secured("oauth"), secured("oauth", "other")) == ["! POST /: security oauth no longer sufficient"]
    assert diff(secured("oauth", "other"), secured("oauth")) == ["POST /: security now accepts oauth"]


def test_security_at_the_top_is_each_operation_s() -> None:
    schemes = {"securitySchemes": {"key": KEY}}
    item: Json = {"/": {"get": answering({})}}
    old, new = (
        document(paths=item, components=schemes),
        document(paths=item, components=schemes, security=[{"key": []}]),
    )
    assert diff(old, new) == ["! GET /: security now required: key"]


def test_a_security_scheme_is_what_it_asks_for_not_what_it_is_called() -> None:
    def secured(name: str, scheme: Json) -> Json:
        item: Json = {"/": {"get": {"security": [{name: []}]}}}
        return document(paths=item, components={"securitySchemes": {name: scheme}})

    assert diff(secured("key", KEY), secured("notes_key", KEY | {"description": "D"})) == [
        "document: other details changed"
    ]
    assert diff(secured("key", KEY), secured("key", KEY | {"name": "X-Other"})) == ["! GET /: security key changed"]


# -- documents ---------------------------------------------------------------------------------------------


def test_the_head_of_a_document_is_for_people() -> None:
    old = document(paths={})
    new = old | {
        "openapi": "3.1.1",
        "info": {"title": "T", "version": "2"},
        "servers": [{"url": "/"}],
        "tags": [{"name": "a"}],
        "x-tagGroups": [],
        "externalDocs": {"url": "/"},
    }
    assert diff(old, new) == [
        "document: documentation or extensions changed",
        "document: info changed",
        "document: openapi changed from 3.1.0 to 3.1.1",
        "document: servers changed",
        "document: tags changed",
    ]


def test_a_difference_that_affects_no_operation_is_reported_too() -> None:
    assert changes(document({"A": TEXT}, {}), document({"A": {}}, {})) == [
        Change(False, "document", "other details changed")
    ]


def test_the_documents_given_stay_as_they_were() -> None:
    old, new = (posting({"type": ["string", "null"], "const": each}, openapi="3.0.3") for each in "ab")
    before = json.dumps([old, new])
    assert diff(old, new) != []
    assert json.dumps([old, new]) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"paths": []},
        {"paths": {"/": None}},
        {"paths": {"/": {"post": {"parameters": [1, {}], "responses": {"200": 1}, "requestBody": []}}}},
        {"paths": {"/": {"post": {"security": 1, "callbacks": {"a": 1}}}}, "components": []},
        {"paths": {"/": {"post": {"responses": {"200": {"$ref": "#/nowhere"}}}}}, "webhooks": 1},
        {"paths": {"/": {"post": answering({"type": 1, "enum": 1, "required": 1, "items": [1], "anyOf": []})}}},
        {"paths": {"/": {"post": answering({"discriminator": 1, "properties": [], "oneOf": [1], "minimum": "a"})}}},
        {
            "paths": {
                "/": {"post": answering({"$ref": 1, "allOf": 1, "multipleOf": 0, "discriminator": {"mapping": 1}})}
            }
        },
    ],
)
def test_an_invalid_document_can_be_compared(wrong: Json) -> None:
    right = returning(holding(a=TEXT))
    assert changes(wrong, right) != []
    assert changes(right, wrong) != []
    assert changes(wrong, wrong) == []


# -- families of documents ---------------------------------------------------------------------------------

NAMES = ["A", "B", "C"]
LEAVES = st.sampled_from([TEXT, {}, True, False, {"type": ["integer", "null"], "minimum": 1}, {"enum": ["a", None, 1]}])
REFERENCES = st.sampled_from([ref(name) for name in NAMES])


def _larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2).map(lambda held: holding(**held)),
        inner.map(lambda items: {"type": "array", "items": items}),
        lists.map(lambda options: {"anyOf": options}),
        lists.map(lambda options: {"oneOf": options, "description": "one of"}),
        lists.map(lambda members: {"allOf": members, "required": ["a"]}),
        inner.map(lambda held: {"not": held}),
    )


SCHEMAS = st.recursive(st.one_of(LEAVES, REFERENCES), _larger, max_leaves=6)
DOCUMENTS = st.builds(
    lambda sent, got, held: (
        posting(sent, dict(zip(NAMES, held, strict=True)))
        | {"paths": {"/": posting(sent)["paths"]["/"] | {"get": answering(got)}}}
    ),
    SCHEMAS,
    SCHEMAS,
    st.lists(SCHEMAS, min_size=3, max_size=3),
)


def renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [renamed(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$ref"), str):
        return ref(names[value["$ref"].rpartition("/")[2]])
    return {key: renamed(each, names) for key, each in value.items()}


def shuffled(value: Any, seed: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        seed.shuffle(keys)
        return {key: shuffled(value[key], seed) for key in keys}
    return [shuffled(each, seed) for each in value] if isinstance(value, list) else value


@given(DOCUMENTS, st.permutations(NAMES), st.randoms(use_true_random=False))
def test_other_names_and_another_order_of_keys_are_no_change(
    given: Json, names: list[str], seed: random.Random
) -> None:
    assert changes(given, shuffled(given, seed)) == []
    other = renamed(given, dict(zip(NAMES, names, strict=True)))
    schemas = given["components"]["schemas"]
    other["components"]["schemas"] = {
        name: other["components"]["schemas"][old] for old, name in zip(schemas, names, strict=True)
    }
    assert set(changes(given, shuffled(other, seed))) <= {Change(False, "document", "other details changed")}


@given(DOCUMENTS, DOCUMENTS)
def test_a_difference_is_always_reported_and_the_same_whatever_the_order_of_keys(old: Json, new: Json) -> None:
    found = changes(old, new)
    assert (found == []) == (json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True))
    seed = random.Random(1)
    assert changes(shuffled(old, seed), shuffled(new, seed)) == found


# -- overlapping options -----------------------------------------------------------------------------------


def needing(*required: str, **properties: Any) -> Json:
    """Return the schema of an object with these properties, `foo` and `bar`, some of them required."""
    return {**holding(**{"foo": TEXT, "bar": TEXT, **properties}), "required": list(required)}


OVERLAP = "options of oneOf overlap, values that match two are no longer allowed"


@pytest.mark.parametrize(
    ("old", "options", "overlap"),
    [
        (needing("foo", "bar"), [needing("foo"), needing("bar")], True),
        ({"type": "number"}, [{"type": "number"}, {"type": "integer"}], True),
        ({"type": "integer"}, [{"type": "integer", "maximum": 9}, {"type": "integer", "minimum": 5}], True),
        ({"type": "string", "enum": ["a", "b"]}, [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}], True),
        # These exclude each other.
        (needing("foo"), [needing("foo"), needing("foo", "baz", baz=TEXT)], False),
        (needing("foo"), [needing("foo", foo={"const": "a"}), needing("foo", foo={"const": "b"})], False),
        (needing("foo"), [needing("foo"), {**holding(bar=TEXT), "additionalProperties": False}], False),
        ({"type": "integer"}, [{"type": "integer", "maximum": 4}, {"type": "integer", "minimum": 5}], False),
        (TEXT, [TEXT, {"type": "integer"}], False),
        ({"type": "string", "enum": ["a"]}, [{"enum": ["a"]}, {"enum": ["b"]}], False),
        # Whether these do is unknown.
        (TEXT, [{**TEXT, "format": "date"}, {**TEXT, "format": "email"}], False),
    ],
)
def test_a_value_that_two_options_of_one_of_allow_is_not_allowed(old: Json, options: list[Json], overlap: bool) -> None:
    found = diff(posting(old), posting({"oneOf": options}))
    assert (f"! {REQUEST}: {OVERLAP}" in found) is overlap
    assert not any(OVERLAP in each for each in diff(posting(old), posting({"anyOf": options})))
    # The other way round, a response may have more values than before.
    back = diff(returning({"oneOf": options}), returning(old))
    assert any(each.startswith("! ") and "options of oneOf no longer overlap" in each for each in back) is overlap


def test_a_new_option_that_overlaps_with_another_one_takes_values_away() -> None:
    old, new = [needing("foo"), TEXT], [needing("foo"), TEXT, needing("bar")]
    assert f"! {REQUEST}: {OVERLAP}" in diff(posting({"oneOf": old}), posting({"oneOf": new}))
    assert not any(
        OVERLAP in each for each in diff(posting({"oneOf": new}), posting({"oneOf": [*new, {"type": "integer"}]}))
    )


@pytest.mark.parametrize("name", real_names())
def test_a_real_document_with_other_names_has_no_breaking_changes(name: str) -> None:
    given = real(name)
    qualified_names = json.loads(json.dumps(given).replace("#/components/schemas/", "#/components/schemas/app_"))
    schemas = qualified_names["components"]["schemas"]
    qualified_names["components"]["schemas"] = {f"app_{key}": schemas[key] for key in reversed(schemas)}
    assert [change for change in changes(given, qualified_names) if change.breaking] == []
