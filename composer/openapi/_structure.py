"""The structure of an OpenAPI document: which object may contain which, a walk over them, and JSON pointers.

A `$ref` is a reference in a schema, a property name under `properties`, and data in an example. Only its position
decides which, so every part of the merge walks documents by this table.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote, urljoin

from composer._json import Json

SECTIONS: Final = {
    "schemas": "Schema",
    "responses": "Response",
    "parameters": "Parameter",
    "examples": "Example",
    "requestBodies": "RequestBody",
    "headers": "Header",
    "securitySchemes": "SecurityScheme",
    "links": "Link",
    "callbacks": "Callback",
    "pathItems": "PathItem",
    "mediaTypes": "MediaType",
}
REFERABLE: Final = frozenset(SECTIONS.values())

# "Kind" is one object, "[Kind]" an array of them, "{Kind}" a map of names to them; every other key holds data.
# The fields of OpenAPI 3.0, 3.1 and 3.2, and what JSON Schema had before.
_PARAMETER: Final = {"schema": "Schema", "content": "{MediaType}", "examples": "{Example}"}
_ENCODINGS: Final = {"encoding": "{Encoding}", "prefixEncoding": "[Encoding]", "itemEncoding": "Encoding"}
_TABLE: Final[dict[str, dict[str, str]]] = {
    "OpenAPI": {
        "paths": "Paths",
        "webhooks": "{PathItem}",
        "components": "Components",
        "security": "[Requirement]",
        "tags": "[Tag]",
    },
    "Components": {section: f"{{{kind}}}" for section, kind in SECTIONS.items()},
    "PathItem": {"parameters": "[Parameter]", "additionalOperations": "{Operation}"},
    "Operation": {
        "parameters": "[Parameter]",
        "requestBody": "RequestBody",
        "responses": "Responses",
        "callbacks": "{Callback}",
        "security": "[Requirement]",
    },
    "Parameter": _PARAMETER,
    "Header": _PARAMETER,
    "RequestBody": {"content": "{MediaType}"},
    "MediaType": {"schema": "Schema", "itemSchema": "Schema", "examples": "{Example}", **_ENCODINGS},
    "Encoding": {"headers": "{Header}", **_ENCODINGS},
    "Response": {"headers": "{Header}", "content": "{MediaType}", "links": "{Link}"},
    "Schema": {
        **dict.fromkeys(("items", "additionalItems", "unevaluatedItems", "contains", "not"), "Schema"),
        **dict.fromkeys(("additionalProperties", "unevaluatedProperties", "propertyNames"), "Schema"),
        **dict.fromkeys(("if", "then", "else", "contentSchema"), "Schema"),
        **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), "[Schema]"),
        **dict.fromkeys(("properties", "patternProperties", "dependentSchemas"), "{Schema}"),
        **dict.fromkeys(("$defs", "definitions", "dependencies"), "{Schema}"),
        "discriminator": "Discriminator",
    },
}
# Objects with patterned fields: every key holds an object of this kind, except extensions (`x-`), which hold data.
_PATTERNED: Final = {"Paths": "PathItem", "Responses": "Response", "Callback": "PathItem"}
STANDARD_METHODS: Final = frozenset(("get", "put", "post", "delete", "options", "head", "patch", "trace", "query"))
# Every other object in a path item is an operation, because frameworks also write methods that OpenAPI doesn't define.
_ITEM_FIELDS: Final = frozenset(("$ref", "summary", "description", "servers", "parameters", "additionalOperations"))


class SpecObject(NamedTuple):
    """Represent an object of the specification: kind, value, and the `$id` that its references are relative to."""

    kind: str
    value: Json
    base: str | None


def _parse_field(notation: str) -> tuple[str, str]:
    return (notation[0], notation[1:-1]) if notation[0] in "[{" else ("", notation)


_FIELDS: Final = {kind: {key: _parse_field(each) for key, each in fields.items()} for kind, fields in _TABLE.items()}
_NONE: Final[dict[str, tuple[str, str]]] = {}
_SCHEMA_FIELDS: Final = frozenset(_TABLE["Schema"])


def as_mapping(value: Any) -> Json:
    """Return the value if it is an object, else an empty object."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return the value if it is a list, else an empty list."""
    return value if isinstance(value, list) else []


def is_reference(kind: str, value: Json) -> bool:
    """Return whether the object is a reference (`$ref`) to another one."""
    return kind in REFERABLE and isinstance(value.get("$ref"), str)


def operation_keys(item: Json) -> list[str]:
    """Return the keys of the operations that are directly in a path item."""
    return [key for key in item if key not in _ITEM_FIELDS and key[:2] != "x-" and isinstance(item[key], dict)]


def operations(item: Json) -> dict[str, Json]:
    """Return all operations of a path item by their method in lower case."""
    named = {key.lower(): item[key] for key in operation_keys(item)}
    additional = as_mapping(item.get("additionalOperations"))
    return named | {key.lower(): each for key, each in additional.items() if isinstance(each, dict)}


def walk(kind: str, value: Any) -> Iterator[SpecObject]:
    """Yield the value, which is of this kind, and every object of the specification below it.

    The order depends on names and content only, not on the order of keys. The caller may change an object when it is
    yielded; the walk continues with its new content.
    """
    stack: list[tuple[str, Any, str | None]] = [(kind, value, None)]
    while stack:
        kind, value, base = stack.pop()
        if isinstance(value, dict):
            if kind == "Schema":
                if isinstance(value.get("$id"), str):
                    base = urljoin(base or "", value["$id"])
                yield SpecObject(kind, value, base)
                # Most schemas contain no other, and a merge spends most of its time here.
                if _SCHEMA_FIELDS.isdisjoint(value):
                    continue
            else:
                yield SpecObject(kind, value, base)
            stack += [(inner_kind, inner, base) for inner_kind, inner in children(kind, value)]
        elif isinstance(value, list) and kind == "Schema":
            # The array form of `items`, from before JSON Schema 2020-12.
            stack += [(kind, each, base) for each in value]


def children(kind: str, value: Json) -> list[tuple[str, Any]]:
    """Return the kind and value of everything directly inside an object that isn't data."""
    if kind in _PATTERNED:
        keys = [key for key in sorted(value) if key[:2] != "x-"] if "$ref" not in value else []
        return [(_PATTERNED[kind], value[key]) for key in keys]
    if kind not in ("Schema", "PathItem") and is_reference(kind, value):
        return []
    result: list[tuple[str, Any]] = []
    fields = _FIELDS.get(kind, _NONE)
    if kind == "PathItem":
        fields = fields | dict.fromkeys(operation_keys(value), ("", "Operation"))
    for key in sorted(fields.keys() & value.keys()):
        container, inner_kind = fields[key]
        inner = value[key]
        if not container:
            result.append((inner_kind, inner))
        elif container == "[" and isinstance(inner, list):
            result += [(inner_kind, each) for each in inner]
        elif container == "{" and isinstance(inner, dict):
            result += [(inner_kind, inner[name]) for name in sorted(inner)]
    return result


def kind_at(tokens: Iterable[str]) -> str | None:
    """Return the kind of the object at the tokens; "" for data, None for an array or a map of objects."""
    kind, container = "OpenAPI", ""
    for token in tokens:
        if container:
            container = ""
        elif kind in _PATTERNED and token[:2] != "x-":
            kind = _PATTERNED[kind]
        elif kind == "PathItem" and token not in _ITEM_FIELDS and token[:2] != "x-":
            kind = "Operation"
        elif kind != "Schema" or not token.isdigit():
            container, kind = _FIELDS.get(kind, _NONE).get(token, ("", ""))
    return kind if not container else None


def locations(value: Any, tokens: tuple[str, ...] = ()) -> dict[int, tuple[str, ...]]:
    """Return the location, as pointer tokens, of each object in a value by its `id()`; `tokens` is the value's own."""
    result: dict[int, tuple[str, ...]] = {}
    stack: list[tuple[Any, tuple[str, ...]]] = [(value, tokens)]
    while stack:
        value, tokens = stack.pop()
        result[id(value)] = tokens
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        stack += [(inner, (*tokens, str(key))) for key, inner in pairs if isinstance(inner, (dict, list))]
    return result


def to_pointer(tokens: Any) -> str:
    """Return the tokens as a JSON pointer in a URI fragment: `("a/b",)` as `#/a~1b`."""
    escaped = (token.replace("~", "~0").replace("/", "~1") for token in tokens)
    return "#" + "".join("/" + quote(token, "!$&'()*+,;=:@?-._~", errors="surrogatepass") for token in escaped)


def from_pointer(text: str) -> tuple[str, ...]:
    """Return the tokens of a JSON pointer in a URI fragment: `#/a~1b` as `("a/b",)`."""
    tokens = unquote(text[1:], errors="surrogatepass").split("/")[1:]
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)


def look_up(document: Any, tokens: tuple[str, ...]) -> Any:
    """Return the value at the tokens; raise LookupError if there is none."""
    for token in tokens:
        if isinstance(document, list):
            if not token.isascii() or not token.isdigit():
                raise LookupError(token)
            document = document[int(token)]
        elif isinstance(document, dict):
            document = document[token]
        else:
            raise LookupError(token)
    return document


def resolve(document: Json, reference: str) -> Any:
    """Return the value that a JSON pointer leads to; raise LookupError if there is none."""
    return look_up(document, from_pointer(reference))


def resolve_item(document: Json, item: Json) -> Json:
    """Return a path item merged with the components that it refers to.

    Raises LookupError if a reference is unresolved, circular, or to something other than a component.
    """
    seen: set[str] = set()
    while isinstance(reference := item.get("$ref"), str):
        if reference in seen or not reference.startswith("#/components/"):
            raise LookupError(reference)
        seen.add(reference)
        own = {key: item[key] for key in item if key != "$ref"}
        item = {**as_mapping(resolve(document, reference)), **own}
    return item


def deep_copy(value: Any, holders: dict[int, Any]) -> Any:
    """Copy a part of a document; replace each object that `holders` has by its `id()` with its copy."""
    whole = [value]
    stack: list[tuple[Any, Any]] = [(whole, 0)]
    while stack:
        container, key = stack.pop()
        old = container[key]
        new = container[key] = old.copy()
        if id(old) in holders:
            holders[id(old)] = new
        pairs = new.items() if isinstance(new, dict) else enumerate(new)
        stack += [(new, key) for key, inner in pairs if isinstance(inner, (dict, list))]
    return whole[0]
