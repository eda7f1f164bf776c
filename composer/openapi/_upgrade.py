"""The upgrade of OpenAPI 3.0 documents to 3.1, in place, by what a keyword means rather than how it is spelled."""

from composer._json import Json
from composer.openapi._structure import as_list, is_reference, walk

_EXCLUSIVE_LIMITS = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
_BINARY_FORMATS = {"binary": ("contentMediaType", "application/octet-stream"), "byte": ("contentEncoding", "base64")}
_CHANGED_KEYWORDS = frozenset(("nullable", *_EXCLUSIVE_LIMITS, "example", "format"))


def upgrade(document: Json) -> None:
    """Upgrade a 3.0 document to an equivalent 3.1 one, in place."""
    for kind, value, _ in walk("OpenAPI", document):
        upgrade_object(kind, value)


def upgrade_object(kind: str, value: Json) -> None:
    """Upgrade one object of a 3.0 document, in place, during a walk."""
    if "$ref" in value and kind != "PathItem" and is_reference(kind, value):
        # OpenAPI 3.0: siblings of `$ref` SHALL be ignored. In 3.1 they would apply.
        for key in value.keys() - {"$ref"}:
            del value[key]
    elif kind == "Schema" and not _CHANGED_KEYWORDS.isdisjoint(value):
        _upgrade_schema(value)


def _upgrade_schema(schema: Json) -> None:
    # As 3.0.3 clarifies, `nullable` adds null to `type`, has no effect without `type`, and doesn't extend `enum`.
    declared = schema.get("type")
    if schema.pop("nullable", False) is True and isinstance(declared, str) and declared != "null":
        schema["type"] = [declared, "null"]
    for keyword, limit in _EXCLUSIVE_LIMITS.items():
        if isinstance(schema.get(keyword), bool) and schema.pop(keyword) and limit in schema:
            schema[keyword] = schema.pop(limit)
    if "example" in schema:
        example = schema.pop("example")
        schema.setdefault("examples", [example])
    if schema.get("format") in ("binary", "byte") and (declared == "string" or "string" in as_list(declared)):
        keyword, encoding = _BINARY_FORMATS[schema.pop("format")]
        schema.setdefault(keyword, encoding)
