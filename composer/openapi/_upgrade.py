"""The upgrade of OpenAPI 3.0 documents to 3.1, in place, by what a keyword means rather than how it is spelled."""

from composer._json import Json
from composer.openapi._structure import is_reference, walk

_CHANGED_KEYWORDS = frozenset(("nullable", "exclusiveMinimum", "exclusiveMaximum", "example", "format"))


def upgrade(document: Json) -> None:
    """Upgrade a 3.0 document to an equivalent 3.1 one, in place."""
    for kind, value, _ in walk("OpenAPI", document):
        upgrade_object(kind, value)


def upgrade_object(kind: str, value: Json) -> None:
    """Upgrade one object of a 3.0 document, in place, during a walk."""
    if "$ref" in value and kind != "PathItem" and is_reference(kind, value):
        _drop_siblings(value)
    elif kind == "Schema" and not _CHANGED_KEYWORDS.isdisjoint(value):
        _upgrade_nullable(value)
        _upgrade_exclusive(value, "exclusiveMinimum", "minimum")
        _upgrade_exclusive(value, "exclusiveMaximum", "maximum")
        _upgrade_example(value)
        _upgrade_format(value)


def _drop_siblings(value: Json) -> None:
    # OpenAPI 3.0: siblings of `$ref` SHALL be ignored. In 3.1 they would apply.
    reference = value["$ref"]
    value.clear()
    value["$ref"] = reference


def _upgrade_nullable(schema: Json) -> None:
    # As 3.0.3 clarifies, `nullable` adds null to `type`, has no effect without `type`, and doesn't extend `enum`.
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
