"""Overlapping options of `oneOf`: a value that matches two of them isn't allowed."""

from itertools import combinations
from typing import Any, Final, NamedTuple

from composer.openapi._diff import keywords
from composer.openapi._diff.document import Document, Option, Parts, assertions, canonical

_COMPARED: Final = frozenset(("type", "enum", "required", "properties", "additionalProperties"))
_RANGES: Final = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"))


class Shape(NamedTuple):
    """Represent what decides whether a typical value matches a schema; a typical object has all declared properties."""

    value: str
    types: frozenset[str] | None
    enum: list[str] | None
    ranges: list[tuple[Any, Any]]
    properties: dict[str, Parts]
    required: set[str]
    is_closed: bool
    others: frozenset[str]


def shape_of(document: Document, option: Option) -> Shape:
    """Return the shape of an option of a union, or of a schema that is none."""
    parts = option.parts
    properties, required = keywords.properties(document, parts, keywords.Side.BOTH)
    limits = {key for pair in _RANGES for key in pair}
    others = {f"{key} {canonical(part[key])}" for part in parts for key in assertions(part)}
    return Shape(
        option.value,
        keywords.types_of(parts),
        keywords.values_of(parts),
        [(_number(parts, low, max), _number(parts, high, min)) for low, high in _RANGES],
        {name: document.flatten(schema) for name, schema in properties.items()},
        required,
        keywords.is_closed(parts),
        frozenset(each for each in others if each.split(" ")[0] not in _COMPARED | limits),
    )


def _number(parts: Parts, keyword: str, strictest: Any) -> Any:
    return strictest((part[keyword] for part in parts if isinstance(part.get(keyword), int | float)), default=None)


def is_excluded(shape: Shape, options: list[Shape]) -> bool:
    """Return whether a typical value of this shape matches two of the options, so that `oneOf` doesn't allow it."""
    matching = [each for each in options if _matches(shape, each)]
    return any(_overlap(one, other) for one, other in combinations(matching, 2))


def _matches(shape: Shape, option: Shape) -> bool:
    has_required = option.required <= shape.properties.keys() | shape.required
    is_known = shape.required <= option.properties.keys() or not option.is_closed
    return has_required and is_known and option.others <= shape.others and _overlap(shape, option)


def _overlap(one: Shape, other: Shape) -> bool:
    if one.value and other.value and one.value != other.value:
        return False
    needed = (one.required | other.required) & one.properties.keys() & other.properties.keys()
    return (
        _types_overlap(one.types, other.types)
        and _enums_overlap(one.enum, other.enum)
        and all(_ranges_overlap(*pair) for pair in zip(one.ranges, other.ranges, strict=True))
        and all(_properties_overlap(one.properties[name], other.properties[name]) for name in needed)
    )


def _properties_overlap(one: Parts, other: Parts) -> bool:
    types, enums = (
        [keywords.types_of(each) for each in (one, other)],
        [keywords.values_of(each) for each in (one, other)],
    )
    return _types_overlap(*types) and _enums_overlap(*enums)


def _types_overlap(one: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    if one is None or other is None:
        return True
    return bool(one & other) or ("number" in one and "integer" in other) or ("integer" in one and "number" in other)


def _enums_overlap(one: list[str] | None, other: list[str] | None) -> bool:
    return one is None or other is None or bool(set(one) & set(other))


def _ranges_overlap(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    pairs = ((one[0], other[1]), (other[0], one[1]))
    return all(low is None or high is None or low <= high for low, high in pairs)
