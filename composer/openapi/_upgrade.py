"""OpenAPI 3.0 said in the words of 3.1, in place: what a keyword means there, not how it is spelled."""

from composer._json import Json
from composer.openapi._structure import is_reference, walk

_CHANGED_KEYWORDS = frozenset(("nullable", "exclusiveMinimum", "exclusiveMaximum", "example", "format"))


def upgrade(document: Json) -> None:
    """Turn a 3.0 document into a 3.1 one that means the same. The document is changed; give a copy."""
    for kind, value, _ in walk("OpenAPI", document):
        upgrade_object(kind, value)


def upgrade_object(kind: str, value: Json) -> None:
    """Turn one object of a 3.0 document, met on a walk, into a 3.1 one."""
    if "$ref" in value and kind != "PathItem" and is_reference(kind, value):
        _drop_siblings(value)
    elif kind == "Schema" and not _CHANGED_KEYWORDS.isdisjoint(value):
        _upgrade_nullable(value)
        _upgrade_exclusive(value, "exclusiveMinimum", "minimum")
        _upgrade_exclusive(value, "exclusiveMaximum", "maximum")
        _upgrade_example(value)
        _upgrade_format(value)


def _drop_siblings(value: Json) -> None:
    # 3.0 says that what stands beside a `$ref` SHALL be ignored; in 3.1 it would count.
    reference = value["$ref"]
    value.clear()
    value["$ref"] = reference


def _upgrade_nullable(schema: Json) -> None:
    # As 3.0.3 clarifies: it adds null to `type`, does nothing without one, and never widens `enum`.
    nullable = schema.pop("nullable", False)
    if nullable is True and isinstance(schema.get("type"), str) and schema["type"] != "null":
        schema["type"] = [schema["type"], "null"]


def _upgrade_exclusive(schema: Json, keyword: str, limit: str) -> None:
    if isinstance(schema.get(keyword), bool):
        exclusive = schema.pop(keyword)
        if exclusive and limit in schema:
            schema[keyword] = schema.pop(limit)


def _upgrade_example(schema: Json) -> None:
    if "example" in schema:
        example = schema.pop("example")
        schema.setdefault("examples", [example])


def _upgrade_format(schema: Json) -> None:
    if "string" in (schema.get("type"), *_types(schema)):
        if schema.get("format") == "binary":
            del schema["format"]
            schema.setdefault("contentMediaType", "application/octet-stream")
        elif schema.get("format") == "byte":
            del schema["format"]
            schema.setdefault("contentEncoding", "base64")


def _types(schema: Json) -> list[str]:
    return schema["type"] if isinstance(schema.get("type"), list) else []
