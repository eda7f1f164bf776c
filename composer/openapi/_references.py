"""The references of a document: `$ref`, discriminator mappings, security requirements and links."""

from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from composer._json import Json
from composer.openapi._graph import Graph, Key, LocalFault, Node, Reference, Spelling, Target, declare_names, free_name
from composer.openapi._source import json_copy
from composer.openapi._structure import SECTIONS, SpecObject, from_pointer, is_reference, kind_at, look_up, to_pointer

_UNREFERABLE_KINDS = (None, "OpenAPI", "Components", "Paths")
# Top-level fields that no reference may point into.
_UNREFERABLE_FIELDS = ("openapi", "info", "servers", "security", "tags", "externalDocs", "jsonSchemaDialect")
_SECTION_OF = {kind: section for section, kind in SECTIONS.items()}


def add_references(graph: Graph) -> None:
    """Add all references of the document to its graph, and a fault for each that can't be resolved."""
    discriminated: list[tuple[Node, SpecObject, set[Key]]] = []
    # The list grows during the loop where a reference leads into data, which is hoisted.
    for node, obj in graph.objects:
        if is_reference(obj.kind, obj.value):
            _add_reference(graph, node, obj, obj.value, "$ref")
        if obj.kind == "Requirement":
            _add_requirement(graph, node, obj)
        elif obj.kind == "Link":
            _add_link(graph, node, obj)
        elif obj.kind == "Schema":
            if isinstance(obj.value.get("$dynamicRef"), str):
                _add_reference(graph, node, obj, obj.value, "$dynamicRef")
            if isinstance(obj.value.get("discriminator"), dict):
                discriminated.append((node, obj, _add_mapping(graph, node, obj)))
    subtypes = _subtypes_by_parent(graph)
    for node, obj, mapped in discriminated:
        _add_implicit_mapping(graph, node, obj, mapped, subtypes)


def _add_reference(graph: Graph, node: Node, obj: SpecObject, holder: Json, keyword: str) -> Target | None:
    """Add the reference at an object's keyword, or a fault; return its target if that is a named part."""
    ref = holder[keyword]
    target = _resolve(graph, obj, ref)
    if isinstance(target, str):
        graph.add_fault(holder, (keyword,), f"{target}: {ref!r}")
        return None
    if target is not None:
        if target.key in graph.hoisted:
            holder[keyword] = to_pointer(("components", target.key.section, target.key.name))
        node.references.append(Reference(holder, keyword, target.key, target.spelling, target.tail))
    return target


def _resolve(graph: Graph, obj: SpecObject, ref: str) -> Target | str | None:
    """Return the target of a reference, None if it needs no change, or a message if it can't be resolved."""
    # Below an `$id`, '#/components/...' formally leads into that schema, but tools don't write or read it that way.
    if ref.startswith("#/components/") or (obj.base is None and ref.startswith("#")):
        if (ref, obj.kind) not in graph.resolved:
            graph.resolved[ref, obj.kind] = _resolve_local(graph, ref, obj.kind)
        return graph.resolved[ref, obj.kind]
    uri, fragment = urldefrag(urljoin(obj.base or "", ref))
    if graph.key("ids", uri) in graph.nodes:
        # A local reference below an `$id` stays local, whatever the schema is renamed to.
        return None if ref.startswith("#") else Target(graph.key("ids", uri), Spelling.URI, (fragment,))
    graph.external.append(LocalFault(obj.value, (), f"external reference not resolved: {ref!r}"))
    return None


def _resolve_local(graph: Graph, ref: str, kind: str) -> Target | str:
    if not ref.startswith("#/"):
        key = graph.key("anchors", unquote(ref[1:]))
        return Target(key, Spelling.ANCHOR) if key in graph.nodes else "unresolved reference"
    tokens = from_pointer(ref)
    try:
        value = look_up(graph.source.document, tokens)
    except LookupError:
        return "unresolved reference"
    target_kind = kind_at(tokens)
    if target_kind in _UNREFERABLE_KINDS or tokens[0] in _UNREFERABLE_FIELDS:
        return "invalid reference target"
    if not target_kind:
        return _hoist(graph, kind, tokens, value)
    section, name, *tail = tokens[1:] if tokens[0] == "components" else tokens
    return Target(graph.key(section, name), Spelling.POINTER, tuple(tail))


def _hoist(graph: Graph, kind: str, tokens: tuple[str, ...], value: Any) -> Target | str:
    """Add a component for a part that a reference finds in data: in `#/x-definitions/Name`, an extension, an example.

    Only in a component can the references of the part be renamed; the data itself stays unchanged.
    """
    if kind not in _SECTION_OF or not isinstance(value, (dict, bool)):
        return "invalid reference target"
    section = _SECTION_OF[kind]
    name = free_name(tokens[-1], lambda name: graph.key(section, name) in graph.nodes)
    node = Node(graph.key(section, name), json_copy(value))
    graph.nodes[node.key] = node
    graph.hoisted[node.key] = tokens
    declare_names(graph, node, kind)
    return Target(node.key, Spelling.POINTER)


def _add_requirement(graph: Graph, node: Node, obj: SpecObject) -> None:
    for name in sorted(obj.value):
        # Since OpenAPI 3.2, a reference may take the place of the name.
        key = graph.key("securitySchemes", name.removeprefix("#/components/securitySchemes/"))
        if key in graph.nodes:
            node.references.append(Reference(obj.value, name, key, Spelling.KEY))
        else:
            message = f"undefined security scheme: {name!r}"
            graph.add_fault(obj.value, (name,), message)


def _add_link(graph: Graph, node: Node, obj: SpecObject) -> None:
    link = obj.value
    if isinstance(link.get("operationRef"), str):
        _add_reference(graph, node, obj, link, "operationRef")
    if isinstance(link.get("operationId"), str):
        key = graph.key("operationIds", link["operationId"])
        if key in graph.nodes:
            node.references.append(Reference(link, "operationId", key, Spelling.NAME))
        else:
            message = f"link to an unknown operationId: {key.name!r}"
            graph.add_fault(link, ("operationId",), message)


def _add_mapping(graph: Graph, node: Node, obj: SpecObject) -> set[Key]:
    """Add a reference for each value of a discriminator's mapping; return the component schemas among the targets."""
    mapping = obj.value["discriminator"].get("mapping", {})
    mapped: set[Key] = set()
    if isinstance(default := obj.value["discriminator"].get("defaultMapping"), str):
        key = graph.key("schemas", default)
        if key in graph.nodes:
            node.references.append(Reference(obj.value["discriminator"], "defaultMapping", key, Spelling.NAME))
        else:
            _add_reference(graph, node, obj, obj.value["discriminator"], "defaultMapping")
    for value in sorted(mapping):
        key = graph.key("schemas", mapping[value])
        if key in graph.nodes:
            node.references.append(Reference(mapping, value, key, Spelling.NAME))
            mapped.add(key)
        elif (target := _add_reference(graph, node, obj, mapping, value)) and not target.tail:
            mapped.add(target.key)
    return mapped


def _add_implicit_mapping(
    graph: Graph, node: Node, obj: SpecObject, mapped: set[Key], subtypes: dict[Key, list[Key]]
) -> None:
    """Add a reference for each schema whose name is an implicit discriminator value."""
    discriminator = obj.value["discriminator"]
    options = [key for keyword in ("oneOf", "anyOf") for key in _referenced_schemas(graph, obj.value.get(keyword))]
    if obj.value is node.value:
        options += _descendants(node.key, subtypes)
    for key in sorted(set(options) - mapped):
        if key.name not in discriminator.get("mapping", {}):
            node.references.append(Reference(discriminator, key.name, key, Spelling.IMPLICIT))


def _referenced_schemas(graph: Graph, schemas: object) -> list[Key]:
    """Return the component schemas that a list of schemas refers to, without references into them."""
    refs = [each.get("$ref") for each in schemas if isinstance(each, dict)] if isinstance(schemas, list) else []
    pointers = [from_pointer(ref) for ref in refs if isinstance(ref, str) and ref.startswith("#/")]
    keys = [graph.key("schemas", tokens[2]) for tokens in pointers if len(tokens) == 3 and tokens[1] == "schemas"]
    return [key for key in keys if key in graph.nodes]


def _subtypes_by_parent(graph: Graph) -> dict[Key, list[Key]]:
    """Return the component schemas that include each one by `allOf`, or are an alias of it."""
    subtypes: dict[Key, list[Key]] = {}
    for key, node in graph.nodes.items():
        if key.section == "schemas" and isinstance(node.value, dict):
            for parent in _referenced_schemas(graph, _all_of_schemas(node.value)):
                subtypes.setdefault(parent, []).append(key)
    return subtypes


def _all_of_schemas(schema: Json) -> list[Json]:
    schemas = [schema]
    for each in schemas:
        schemas += [base for base in each.get("allOf", []) if isinstance(base, dict)]
    return schemas


def _descendants(key: Key, subtypes: dict[Key, list[Key]]) -> list[Key]:
    descendants = list(subtypes.get(key, []))
    for each in descendants:
        descendants += [subtype for subtype in subtypes.get(each, []) if subtype not in descendants]
    return descendants
