"""Every mention of a name in a document: references, mappings, requirements, links."""

from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from composer._json import Json
from composer.openapi._graph import Complaint, Form, Graph, Key, Mention, Node, Site, declare_part, free_name
from composer.openapi._source import copy_of
from composer.openapi._structure import FIXED, SECTIONS, Spot, from_pointer, is_reference, kind_at, look_up, to_pointer

_NO_PARTS = (None, "OpenAPI", "Components", "Paths")
_SECTION_OF = {kind: section for section, kind in SECTIONS.items()}


def refer(graph: Graph) -> None:
    """Find every site of the document, and every mention of what isn't there."""
    discriminated: list[tuple[Node, Spot, set[Key]]] = []
    # It may grow on the way, by what is referred to and stands among the data.
    for node, spot in graph.spots:
        if is_reference(spot.kind, spot.value):
            _mention(graph, node, spot, spot.value, "$ref")
        if spot.kind == "Requirement":
            _requirement(graph, node, spot)
        elif spot.kind == "Link":
            _link(graph, node, spot)
        elif spot.kind == "Schema":
            if isinstance(spot.value.get("$dynamicRef"), str):
                _mention(graph, node, spot, spot.value, "$dynamicRef")
            if isinstance(spot.value.get("discriminator"), dict):
                discriminated.append((node, spot, _mapped(graph, node, spot)))
    heirs = _heirs(graph)
    for node, spot, mapped in discriminated:
        _discriminate(graph, node, spot, mapped, heirs)


def _mention(graph: Graph, node: Node, spot: Spot, holder: Json, keyword: str) -> Mention | None:
    """Make a site of what an object says at a keyword, or a fault; return what it leads to, if that has a name."""
    text = holder[keyword]
    target = _resolve(graph, spot, text)
    if isinstance(target, str):
        graph.wrong(holder, (keyword,), f"{target}: {text!r}")
        return None
    if target is not None:
        if target.key in graph.hoisted:
            holder[keyword] = to_pointer(("components", target.key.section, target.key.name))
        node.sites.append(Site(holder, keyword, target.key, target.form, target.tail))
    return target


def _resolve(graph: Graph, spot: Spot, text: str) -> Mention | str | None:
    """Return what a reference leads to, None where it may stay as it is, or what is wrong with it."""
    # Below an `$id`, '#/components/...' should lead into that schema; nobody writes or reads it so.
    if text.startswith("#/components/") or (spot.base is None and text.startswith("#")):
        if (text, spot.kind) not in graph.resolved:
            graph.resolved[text, spot.kind] = _resolve_local(graph, text, spot.kind)
        return graph.resolved[text, spot.kind]
    uri, fragment = urldefrag(urljoin(spot.base or "", text))
    if graph.key("ids", uri) in graph.nodes:
        # Within one `$id` what is local stays local, wherever the schema goes.
        return None if text.startswith("#") else Mention(graph.key("ids", uri), Form.URI, (fragment,))
    graph.external.append(Complaint(spot.value, (), f"refers to another file: {text!r}"))
    return None


def _resolve_local(graph: Graph, text: str, kind: str) -> Mention | str:
    if not text.startswith("#/"):
        key = graph.key("anchors", unquote(text[1:]))
        return Mention(key, Form.ANCHOR) if key in graph.nodes else "refers to nothing"
    tokens = from_pointer(text)
    try:
        value = look_up(graph.source.document, tokens)
    except LookupError:
        return "refers to nothing"
    there = kind_at(tokens)
    if there in _NO_PARTS or tokens[0] in FIXED:
        return "refers to what is no part"
    if not there:
        return _hoist(graph, kind, tokens, value)
    section, name, *tail = tokens[1:] if tokens[0] == "components" else tokens
    return Mention(graph.key(section, name), Form.POINTER, tuple(tail))


def _hoist(graph: Graph, kind: str, tokens: tuple[str, ...], value: Any) -> Mention | str:
    """Make a component of a part that stands among the data: at `#/x-definitions/Name`, in an extension, in an example.

    What it refers to in its turn can follow only this way; the data itself stays as it was.
    """
    if kind not in _SECTION_OF or not isinstance(value, (dict, bool)):
        return "refers to what is no part"
    section = _SECTION_OF[kind]
    name = free_name(tokens[-1], lambda name: graph.key(section, name) in graph.nodes)
    node = Node(graph.key(section, name), copy_of(value))
    graph.nodes[node.key] = node
    graph.hoisted[node.key] = tokens
    declare_part(graph, node, kind)
    return Mention(node.key, Form.POINTER)


def _requirement(graph: Graph, node: Node, spot: Spot) -> None:
    for name in sorted(spot.value):
        key = graph.key("securitySchemes", name)
        if key in graph.nodes:
            node.sites.append(Site(spot.value, name, key, Form.KEY))
        else:
            message = f"requires a security scheme that isn't there: {name!r}"
            graph.wrong(spot.value, (name,), message)


def _link(graph: Graph, node: Node, spot: Spot) -> None:
    link = spot.value
    if isinstance(link.get("operationRef"), str):
        _mention(graph, node, spot, link, "operationRef")
    if isinstance(link.get("operationId"), str):
        key = graph.key("operationIds", link["operationId"])
        if key in graph.nodes:
            node.sites.append(Site(link, "operationId", key, Form.NAME))
        else:
            message = f"links to an operation that isn't there: {key.name!r}"
            graph.wrong(link, ("operationId",), message)


def _mapped(graph: Graph, node: Node, spot: Spot) -> set[Key]:
    """Make a site of each value of a mapping; return the schemas that are mapped as a whole."""
    mapping = spot.value["discriminator"].get("mapping", {})
    found: set[Key] = set()
    for value in sorted(mapping):
        named = graph.key("schemas", mapping[value])
        if named in graph.nodes:
            node.sites.append(Site(mapping, value, named, Form.NAME))
            found.add(named)
        elif (target := _mention(graph, node, spot, mapping, value)) and not target.tail:
            found.add(target.key)
    return found


def _discriminate(graph: Graph, node: Node, spot: Spot, mapped: set[Key], heirs: dict[Key, list[Key]]) -> None:
    """Make a site of each value that stands for a schema since that is its name."""
    discriminator = spot.value["discriminator"]
    options = [key for keyword in ("oneOf", "anyOf") for key in _named(graph, spot.value.get(keyword))]
    if spot.value is node.value:
        options += _descendants(node.key, heirs)
    for key in sorted(set(options) - mapped):
        if key.name not in discriminator.get("mapping", {}):
            node.sites.append(Site(discriminator, key.name, key, Form.IMPLICIT))


def _named(graph: Graph, schemas: object) -> list[Key]:
    """Return the component schemas that are referred to as a whole in a list of schemas."""
    texts = [each.get("$ref") for each in schemas if isinstance(each, dict)] if isinstance(schemas, list) else []
    found = [from_pointer(text) for text in texts if isinstance(text, str) and text.startswith("#/")]
    keys = [graph.key("schemas", tokens[2]) for tokens in found if len(tokens) == 3 and tokens[1] == "schemas"]
    return [key for key in keys if key in graph.nodes]


def _heirs(graph: Graph) -> dict[Key, list[Key]]:
    """Return the component schemas that inherit from each one by `allOf`, or are another name for it."""
    heirs: dict[Key, list[Key]] = {}
    for key, node in graph.nodes.items():
        if key.section == "schemas" and isinstance(node.value, dict):
            for parent in _named(graph, _bases(node.value)):
                heirs.setdefault(parent, []).append(key)
    return heirs


def _bases(schema: Json) -> list[Json]:
    found = [schema]
    for each in found:
        found += [base for base in each.get("allOf", []) if isinstance(base, dict)]
    return found


def _descendants(key: Key, heirs: dict[Key, list[Key]]) -> list[Key]:
    found = list(heirs.get(key, []))
    for each in found:
        found += [heir for heir in heirs.get(each, []) if heir not in found]
    return found
