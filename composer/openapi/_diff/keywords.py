"""The keywords of a schema, and the effect of a change of one of them on the allowed values."""

from collections.abc import Iterator
from enum import Enum
from typing import Any, Final, TypeAlias

from composer._json import Json
from composer.openapi._diff.document import DOCUMENTATION, Document, Parts, as_schema, assertions, canonical
from composer.openapi._structure import as_list, as_mapping


class Side(Enum):
    """Enumerate who sends a value: the client, the server, or either; with either, every difference breaks."""

    REQUEST = "request"
    RESPONSE = "response"
    BOTH = "both"

    def opposite(self) -> "Side":
        """Return the opposite side: for `not`, where narrower is wider, and for callbacks, which the server sends."""
        return {Side.REQUEST: Side.RESPONSE, Side.RESPONSE: Side.REQUEST, Side.BOTH: Side.BOTH}[self]


class Effect(Enum):
    """Enumerate what a difference does to the set of allowed values."""

    NONE = "unchanged"
    NARROWS = "narrowed"
    WIDENS = "widened"
    UNKNOWN = "changed"

    def breaks(self, side: Side) -> bool:
        """Return whether this effect can break a client of the old document."""
        harmless = {Side.REQUEST: Effect.WIDENS, Side.RESPONSE: Effect.NARROWS}.get(side, Effect.NONE)
        return self not in (Effect.NONE, harmless)


Difference: TypeAlias = tuple[Effect, str]

# Name of a limit; its keywords; 1 if a greater limit is stricter, -1 if a smaller one is.
_LIMITS: Final = [
    ("minimum", ("minimum", "exclusiveMinimum"), 1),
    ("maximum", ("maximum", "exclusiveMaximum"), -1),
    *((name, (name,), 1) for name in ("minLength", "minItems", "minProperties", "minContains")),
    *((name, (name,), -1) for name in ("maxLength", "maxItems", "maxProperties", "maxContains")),
]
# Keywords that contain one schema which a value, or a part of it, must match.
COVARIANT: Final = ("contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties", "contentSchema")
_CONDITIONS: Final = ("if", "then", "else")
_BY_NAME: Final = ("patternProperties", "dependentSchemas")
# Keywords with a comparison of their own; all others are compared as written.
_HANDLED: Final = frozenset((*COVARIANT, *_CONDITIONS, *_BY_NAME)) | {
    *(keyword for _, keywords, _ in _LIMITS for keyword in keywords),
    *("type", "enum", "required", "properties", "additionalProperties", "items", "prefixItems", "additionalItems"),
    *("not", "anyOf", "oneOf"),
}
_NARROWING_KEYWORDS: Final = ("pattern", "format", "multipleOf", "uniqueItems")
_WIDER_FORMATS: Final = {("int32", "int64"), ("float", "double")}
_JSON_TYPES: Final = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def effect_of(removed: Any, added: Any) -> Effect:
    """Return the effect of removing some of the allowed values and adding others."""
    return Effect.UNKNOWN if removed and added else Effect.NARROWS if removed else Effect.WIDENS


def documentation_changes(old: Any, new: Any) -> Iterator[str]:
    """Yield what changed in two objects, or two tuples of parts, without an effect on the allowed values."""
    old_parts, new_parts = ((each,) if isinstance(each, dict) else each for each in (old, new))
    keys = {key for part in (*old_parts, *new_parts) for key in part if key in DOCUMENTATION or key[:2] == "x-"}
    if any(canonical(_first(old_parts, key)) != canonical(_first(new_parts, key)) for key in keys):
        yield "documentation or extensions changed"
    was, now = _first(old_parts, "deprecated") == [True], _first(new_parts, "deprecated") == [True]
    if was != now:
        yield "deprecated" if now else "no longer deprecated"


def default_changes(old: Parts, new: Parts) -> Iterator[str]:
    """Yield how the default value changed."""
    was, now = _first(old, "default"), _first(new, "default")
    if canonical(was) != canonical(now):
        yield _changed("default", was, now)


def _first(parts: Parts, key: str) -> list[Any]:
    return next(([part[key]] for part in parts if key in part), [])


def forbids_all(parts: Parts) -> bool:
    """Return whether no value can match, because of `not: {}`."""
    return any(part.get("not") in ({}, True) for part in parts if "not" in part)


def type_difference(old: Parts, new: Parts) -> Difference | None:
    """Return how the allowed types changed, or None."""
    was, now = types_of(old), types_of(new)
    if was == now:
        return None
    effect = effect_of(not _covers(now, was), not _covers(was, now))
    return effect, f"type {effect.value} from {_describe_types(was)} to {_describe_types(now)}"


def types_of(parts: Parts) -> frozenset[str] | None:
    """Return the allowed types, None for any type."""
    types: frozenset[str] | None = None
    for part in parts:
        own = _own_types(part)
        if own is not None:
            common = own if types is None else types & own
            # What must be both an integer and a number is an integer.
            whole = types is not None and {"integer", "number"} <= types | own and "integer" in types ^ own
            types = common | {"integer"} if whole else common
    return types


def _own_types(part: Json) -> frozenset[str] | None:
    types = part.get("type")
    if isinstance(types, str | list):
        return frozenset([types] if isinstance(types, str) else map(str, types))
    if isinstance(part.get("enum"), list):
        return frozenset(_JSON_TYPES.get(type(value), "null") for value in part["enum"])
    return None


def _covers(wide: frozenset[str] | None, narrow: frozenset[str] | None) -> bool:
    if wide is None or narrow is None:
        return wide is None
    return all(each in wide or (each == "integer" and "number" in wide) for each in narrow)


def _describe_types(types: frozenset[str] | None) -> str:
    return "any" if types is None else "|".join(sorted(types)) or "none"


def value_differences(old: Parts, new: Parts) -> Iterator[Difference]:
    """Yield how the values of `enum` changed."""
    was, now = values_of(old), values_of(new)
    if was is None or now is None:
        if was is not None:
            yield Effect.WIDENS, f"no longer restricted to {_truncated(was)}"
        elif now is not None:
            yield Effect.NARROWS, f"restricted to {_truncated(now)}"
        return
    removed, added = [each for each in was if each not in now], [each for each in now if each not in was]
    if removed:
        yield Effect.NARROWS, f"allowed values removed: {_truncated(removed)}"
    if added:
        yield Effect.WIDENS, f"allowed values added: {_truncated(added)}"


def values_of(parts: Parts) -> list[str] | None:
    """Return the allowed values as text, None for any value."""
    values: list[str] | None = None
    for part in parts:
        if isinstance(part.get("enum"), list):
            own = [canonical(value) for value in part["enum"]]
            values = own if values is None else [value for value in values if value in own]
    return values


def _truncated(texts: list[str]) -> str:
    joined = ", ".join(texts)
    return joined if len(joined) <= 80 else f"{joined[:79]}…"


def limit_differences(old: Parts, new: Parts) -> Iterator[Difference]:
    """Yield how the limits of numbers, lengths and counts changed, such as `maximum` and `minItems`."""
    for name, keywords, sign in _LIMITS:
        was, now = _strictest_limit(old, keywords, sign), _strictest_limit(new, keywords, sign)
        if was != now:
            stricter = was is None or (now is not None and now > was)
            described = (_describe_limit(limit, sign) for limit in (was, now))
            yield Effect.NARROWS if stricter else Effect.WIDENS, _changed(name, *described)


def _strictest_limit(parts: Parts, keywords: tuple[str, ...], sign: int) -> tuple[float, bool] | None:
    """Return the strictest limit, multiplied by its sign so that greater is stricter, and whether it is exclusive."""
    limits = [
        (sign * part[keyword], keyword.startswith("exclusive"))
        for part in parts
        for keyword in keywords
        if isinstance(part.get(keyword), int | float) and not isinstance(part[keyword], bool)
    ]
    # A minimum length or count of 0 is no limit.
    pointless = sign > 0 and keywords[0] not in ("minimum", "minContains")
    return max((limit for limit in limits if not pointless or limit[0] > 0), default=None)


def _describe_limit(limit: tuple[float, bool] | None, sign: int) -> list[Any]:
    if limit is None:
        return []
    return [f"{'more' if sign > 0 else 'less'} than {sign * limit[0]}"] if limit[1] else [sign * limit[0]]


def other_differences(old: Parts, new: Parts) -> Iterator[Difference]:
    """Yield how the keywords changed that have no comparison of their own."""
    for key in sorted({key for part in (*old, *new) for key in assertions(part)} - _HANDLED):
        was, now = _values_of(old, key), _values_of(new, key)
        if sorted(map(canonical, was)) != sorted(map(canonical, now)):
            yield _effect_of_keyword(key, was, now), _changed(key, was, now)


def _values_of(parts: Parts, key: str) -> list[Any]:
    # `uniqueItems: false` is the default.
    values = [part[key] for part in parts if key in part and (key, part[key]) != ("uniqueItems", False)]
    return list({canonical(value): value for value in values}.values())


def _effect_of_keyword(key: str, old: list[Any], new: list[Any]) -> Effect:
    if key in _NARROWING_KEYWORDS and not (old and new):
        return Effect.NARROWS if new else Effect.WIDENS
    if key in ("format", "multipleOf") and len(old) == len(new) == 1:
        return effect_of(not _includes(new[0], old[0]), not _includes(old[0], new[0]))
    return Effect.UNKNOWN


def _includes(wide: Any, narrow: Any) -> bool:
    """Return whether one format or `multipleOf` includes all values of another."""
    if isinstance(wide, int) and isinstance(narrow, int) and wide:
        return narrow % wide == 0
    return (narrow, wide) in _WIDER_FORMATS


def _changed(key: str, old: list[Any], new: list[Any]) -> str:
    texts = [[each if isinstance(each, str) else canonical(each) for each in side] for side in (old, new)]
    was, now = map(_truncated, texts)
    return f"{key} changed from {was or 'none'} to {now or 'none'}"


# -- subschemas ------------------------------------------------------------------------


def properties(document: Document, parts: Parts, side: Side) -> tuple[dict[str, Parts], set[str]]:
    """Return the properties that the side may send, and the names of those that are required.

    Requests don't include read-only properties, responses don't include write-only ones.
    """
    excluding = {Side.REQUEST: "readOnly", Side.RESPONSE: "writeOnly"}.get(side, "")
    allowed: dict[str, Parts] = {}
    required = {name for part in parts for name in as_list(part.get("required")) if isinstance(name, str)}
    for name in {name: None for part in parts for name in as_mapping(part.get("properties"))}:
        schema = _property(parts, name)
        if any(part.get(excluding) is True for part in document.flatten(schema)):
            required.discard(name)
        else:
            allowed[name] = schema
    return allowed, required


def _property(parts: Parts, name: str) -> Parts:
    schemas = []
    for part in parts:
        declared = as_mapping(part.get("properties"))
        if name in declared:
            schemas.append(as_schema(declared[name]))
        elif "additionalProperties" in part:
            schemas.append(as_schema(part["additionalProperties"]))
    return tuple(schemas)


def additional_properties(parts: Parts) -> Parts:
    """Return the schemas for properties that aren't declared; none if they may have any value."""
    return tuple(as_schema(part["additionalProperties"]) for part in parts if "additionalProperties" in part)


def is_closed(parts: Parts) -> bool:
    """Return whether only the declared properties are allowed."""
    unevaluated = any(part.get("unevaluatedProperties") is False for part in parts)
    return unevaluated or forbids_all(additional_properties(parts))


def prefix_length(parts: Parts) -> int:
    """Return how many positions of an array have a schema of their own."""
    return max(len(_prefix(part)) for part in parts)


def _prefix(part: Json) -> list[Any]:
    # An array under `items` is the spelling from before JSON Schema 2020-12.
    return as_list(part["items"] if isinstance(part.get("items"), list) else part.get("prefixItems"))


def item_schemas(parts: Parts, index: int) -> Parts:
    """Return the schemas for the item at a position; none if it may have any value."""
    schemas = []
    for part in parts:
        prefix, rest = _prefix(part), "additionalItems" if isinstance(part.get("items"), list) else "items"
        if index < len(prefix):
            schemas.append(as_schema(prefix[index]))
        elif rest in part:
            schemas.append(as_schema(part[rest]))
    return tuple(schemas)


def other_subschemas(parts: Parts) -> dict[str, Parts]:
    """Return the schemas in less common keywords, by the step in a place: `(if)`, `(patternProperties ^x-)`."""
    subschemas: dict[str, Parts] = {}
    for part in parts:
        inner = {f"({key})": part[key] for key in (*COVARIANT, *_CONDITIONS) if key in part}
        for key in _BY_NAME:
            inner |= {f"({key} {name})": schema for name, schema in as_mapping(part.get(key)).items()}
        if part.get("unevaluatedProperties") is False:
            del inner["(unevaluatedProperties)"]
        for step, schema in inner.items():
            subschemas[step] = (*subschemas.get(step, ()), as_schema(schema))
    return subschemas
