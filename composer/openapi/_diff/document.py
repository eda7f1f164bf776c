"""A document in canonical form, and its schemas as sets of allowed values.

Different spellings of the same meaning become one: 3.0 is upgraded to 3.1, `const` becomes `enum`, an array of types a
union. References are followed, `allOf` is flattened, and unions become lists of options.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeAlias

from composer._json import Json
from composer.openapi._structure import as_list, as_mapping, from_pointer, resolve, walk
from composer.openapi._upgrade import upgrade

# Schemas that a value must match all at once.
Parts: TypeAlias = tuple[Json, ...]

ANY: Final[Json] = {}
NEVER: Final[Json] = {"not": {}}
COMPONENT: Final = "#/components/schemas/"
DOCUMENTATION: Final = frozenset(("title", "summary", "description", "example", "examples", "externalDocs", "$comment"))
# Keywords that don't restrict the allowed values by themselves.
_NOT_ASSERTIONS: Final = DOCUMENTATION | {
    *("$schema", "$id", "$anchor", "$dynamicAnchor", "$vocabulary", "$defs", "definitions"),
    *("default", "deprecated", "readOnly", "writeOnly", "discriminator", "allOf"),
}
_REFERENCES: Final = ("$ref", "$dynamicRef")
_UNIONS: Final = ("anyOf", "oneOf")
_COMPOUND: Final = frozenset((*_REFERENCES, *_UNIONS, "allOf", "not", "if"))


class Option(NamedTuple):
    """Represent one option of a union.

    Attributes:
        label: Its name for people: of a component, a type or a value.
        value: Its discriminator value, or "".
        parts: Its schemas.
        is_component: Whether it is a reference to a component.
    """

    label: str
    value: str
    parts: Parts
    is_component: bool = False


def canonical(value: Any) -> str:
    """Return a JSON value as text that is equal for two values if and only if they are (`true` isn't `1`)."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def as_schema(value: Any) -> Json:
    """Return a schema as an object, also if it is `true` or `false`."""
    return value if isinstance(value, dict) else NEVER if value is False else ANY


def assertions(part: Json) -> list[str]:
    """Return the keywords of a part that restrict the allowed values."""
    return [key for key in part if key not in _NOT_ASSERTIONS and key not in _REFERENCES and key[:2] != "x-"]


class Document:
    """Represent a copy of a document in canonical form, and resolve its references."""

    def __init__(self, document: Json) -> None:
        self.json: Json = json.loads(json.dumps(document))
        self.by_identifier: dict[str, Json] = {}
        self.subtypes: dict[int, dict[str, Json]] = {}
        self._type_parts: dict[str, Json] = {}
        if str(self.json.get("openapi")).startswith("3.0"):
            upgrade(self.json)
        for obj in walk("OpenAPI", self.json):
            if obj.kind == "Schema":
                self._index_identifiers(obj.value)
                _canonicalise(obj.value)
        self._find_subtypes()

    def _index_identifiers(self, schema: Json) -> None:
        for key, prefix in (("$anchor", "#"), ("$dynamicAnchor", "#"), ("$id", "")):
            if isinstance(schema.get(key), str):
                self.by_identifier.setdefault(prefix + schema[key], schema)

    def _find_subtypes(self) -> None:
        for name, schema in self.schemas().items():
            for member in as_list(as_mapping(schema).get("allOf")):
                parent = self.target(as_mapping(member).get("$ref"))
                if isinstance(parent, dict) and isinstance(schema, dict):
                    self.subtypes.setdefault(id(parent), {})[name] = schema

    def schemas(self) -> Json:
        """Return the component schemas."""
        return as_mapping(as_mapping(self.json.get("components")).get("schemas"))

    def target(self, reference: Any) -> Any:
        """Return the target of a reference, None if it isn't in this document."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return self.by_identifier.get(reference) if isinstance(reference, str) else None
        try:
            return resolve(self.json, reference)
        except (LookupError, TypeError):
            return None

    def follow(self, value: Any) -> Json:
        """Return the object at the end of a chain of references; the object itself if it isn't a reference."""
        seen = set()
        while isinstance(value, dict) and isinstance(value.get("$ref"), str) and value["$ref"] not in seen:
            seen.add(value["$ref"])
            target = self.target(value["$ref"])
            value = {**target, **{key: value[key] for key in value if key != "$ref"}} if as_mapping(target) else {}
        return as_mapping(value)

    def flatten(self, parts: Iterable[Json]) -> Parts:
        """Return the parts and all that they include by `$ref` and `allOf`, each once, outermost first."""
        flattened: dict[int, Json] = {}
        visited: set[int] = set()
        stack = list(parts)[::-1]
        while stack:
            part = stack.pop()
            if id(part) in visited:
                continue
            visited.add(id(part))
            inner = [self.target(part[key]) for key in _REFERENCES if key in part]
            if len(part) > 1 or None in inner or not inner:
                flattened[id(part)] = part
            inner += as_list(part.get("allOf"))
            stack += [as_schema(each) for each in reversed(inner) if each is not None]
        # A reference to itself restricts nothing.
        return tuple(flattened.values()) or (ANY,)

    def unresolved(self, parts: Parts) -> list[str]:
        """Return the references of the parts to other documents."""
        references = [part[key] for part in parts for key in _REFERENCES if key in part]
        return [canonical(reference) for reference in references if self.target(reference) is None]

    def options(self, parts: Parts, seen: frozenset[int] = frozenset()) -> list[Option]:
        """Return the options of flattened parts; a single one if the parts aren't a union."""
        unions = [part for part in parts if union_of(part)]
        others = [part for part in parts if assertions(part) and not union_of(part)]
        if len(unions) != 1 or id(unions[0]) in seen or any(assertions(part) != ["type"] for part in others):
            return [Option(self._label(parts), "", parts)]
        union, result = unions[0], list[Option]()
        # One object per type, because parts are compared by identity.
        types = [self._type_parts.setdefault(canonical(part["type"]), {"type": part["type"]}) for part in others]
        for each in map(as_schema, union[union_of(union)]):
            inner = self.options(self.flatten((*types, each)), seen | {id(union)})
            result += [self._option(union, each, inner[0].parts)] if len(inner) == 1 else inner
        return result

    def _option(self, union: Json, option: Json, parts: Parts) -> Option:
        name = self.component_name(option)
        label = name or self._label(parts)
        if not isinstance(union.get("discriminator"), dict) or not name:
            return Option(label, "", parts, bool(name))
        target = self.target(option["$ref"])
        mapping = as_mapping(union["discriminator"].get("mapping"))
        values = [value for value, to in mapping.items() if self.mapping_target(to) is target]
        return Option(label, "|".join(sorted(values)) or name, parts, is_component=True)

    def subtypes_of(self, parent: Json) -> dict[str, Json]:
        """Return the schemas that a discriminator selects from without a union, by discriminator value."""
        if union_of(parent) or "discriminator" not in parent:
            return {}
        mapping = as_mapping(as_mapping(parent["discriminator"]).get("mapping"))
        mapped = {value: self.mapping_target(to) for value, to in mapping.items()}
        mapped_ids = set(map(id, mapped.values()))
        subtypes = self.subtypes.get(id(parent), {})
        implied = {name: subtype for name, subtype in subtypes.items() if id(subtype) not in mapped_ids}
        return {value: subtype for value, subtype in (implied | mapped).items() if isinstance(subtype, dict)}

    def mapping_target(self, to: Any) -> Any:
        """Return the schema that a discriminator's mapping leads to by a reference or a component's name."""
        return self.schemas().get(to) if isinstance(to, str) and to in self.schemas() else self.target(to)

    def component_name(self, option: Json) -> str:
        """Return the name of the component that a schema refers to, or ""."""
        reference = option.get("$ref")
        return from_pointer(reference)[-1] if isinstance(reference, str) and reference.startswith(COMPONENT) else ""

    def _label(self, parts: Parts) -> str:
        types = [part["type"] for part in parts if isinstance(part.get("type"), str)]
        values = [part["enum"] for part in parts if isinstance(part.get("enum"), list)]
        if types:
            return str(types[0])
        if values:
            return "|".join(map(canonical, values[0]))
        return "any" if not any(map(assertions, parts)) else "unnamed"


def union_of(part: Json) -> str:
    """Return the keyword that makes a part a union (`anyOf`, `oneOf`), or ""."""
    return next((key for key in _UNIONS if isinstance(part.get(key), list)), "")


def _canonicalise(schema: Json) -> None:
    """Bring one schema into canonical form, in place."""
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if _COMPOUND.isdisjoint(schema):
        _split_types(schema)
    for key in _UNIONS:
        if isinstance(schema.get(key), list):
            is_alone = assertions(schema) == [key] and "allOf" not in schema and "$ref" not in schema
            if not is_alone or len(schema[key]) == 1:
                _move_union(schema, key)


def _move_union(schema: Json, key: str) -> None:
    union = {key: schema.pop(key)}
    if "discriminator" in schema:
        union["discriminator"] = schema.pop("discriminator")
    moved = union[key] if len(union[key]) == 1 else [union]
    schema["allOf"] = [*as_list(schema.get("allOf")), *moved]


def _split_types(schema: Json) -> None:
    declared = schema.get("type")
    types = [declared] if isinstance(declared, str) else as_list(declared)
    values = schema.get("enum")
    # An `enum` without null excludes null, whatever `type` is.
    null = "null" in types or not types
    if isinstance(values, list):
        null = null and None in values
        schema["enum"] = [value for value in values if value is not None]
    elif not types:
        return
    keywords = {key: schema.pop(key) for key in assertions(schema)}
    options = [{**keywords, "type": each} for each in sorted(set(map(str, types)) - {"null"})] if types else [keywords]
    if keywords.get("enum") == []:
        options = []
    if null:
        options.append({"type": "null"})
    if not options:
        schema["not"] = {}
    elif len(options) == 1:
        schema.update(options[0])
    else:
        schema["anyOf"] = options


class Fingerprints:
    """Fingerprints of schemas: equal for schemas that are the same through all references, whatever their names.

    Components start with their content without the names in it; then those that refer to different ones are
    distinguished, until nothing changes. Fingerprints only decide which options of two unions are compared.
    """

    def __init__(self, *documents: Document) -> None:
        self._numbers: dict[Any, int] = {}
        self._fingerprints: dict[tuple[int, str], int] = {}
        texts = {
            (id(document), name): re.split(f'"{COMPONENT}([^"]+)"', canonical(schema))
            for document in documents
            for name, schema in document.schemas().items()
        }
        count = -1
        while count < len(set(self._fingerprints.values())):
            count = len(set(self._fingerprints.values()))
            self._fingerprints = {key: self._number(key[0], pieces) for key, pieces in texts.items()}

    def _number(self, document: int, pieces: list[str]) -> int:
        names = ["/".join(from_pointer("#/" + name)) for name in pieces[1::2]]
        mentioned = tuple(self._fingerprints.get((document, name), -1) for name in names)
        return self._numbers.setdefault((tuple(pieces[::2]), mentioned), len(self._numbers))

    def of(self, document: Document, option: Option) -> tuple[int, ...]:
        """Return the fingerprint of an option: a number for each of its parts that restricts the allowed values."""
        split = [re.split(f'"{COMPONENT}([^"]+)"', canonical(part)) for part in option.parts if assertions(part)]
        return tuple(self._number(id(document), pieces) for pieces in split)
