"""Every mention of a name in a document: references, mappings, requirements, links."""

from urllib.parse import unquote, urldefrag, urljoin

from composer.openapi._faults import Fault
from composer.openapi._graph import Form, Graph, Key, Node, Site
from composer.openapi._shape import SECTIONS, Json, Spot, from_pointer, is_reference, look_up, pointer


def refer(graph: Graph) -> None:
    """Find every site of the document, and every mention of what isn't there."""
    for node, spot in graph.spots:
        if is_reference(spot.kind, spot.value):
            _reference(graph, node, spot, "$ref")
        if spot.kind == "Schema" and isinstance(spot.value.get("$dynamicRef"), str):
            _reference(graph, node, spot, "$dynamicRef")
        elif spot.kind == "Requirement":
            _requirement(graph, node, spot)
        elif spot.kind == "Link":
            _link(graph, node, spot)
    heirs = _heirs(graph)
    for node, spot in graph.spots:
        if spot.kind == "Schema" and isinstance(spot.value.get("discriminator"), dict):
            _discriminate(graph, node, spot, heirs)


def _reference(graph: Graph, node: Node, spot: Spot, keyword: str) -> None:
    text = spot.value[keyword]
    target = _resolve(graph, spot, text)
    if isinstance(target, str):
        graph.fault((spot.where, keyword), f"{target}: {text!r}")
    elif target is not None:
        key, form, tail = target
        node.sites.append(Site(spot.value, keyword, key, form, tail))


def _resolve(graph: Graph, spot: Spot, text: str) -> tuple[Key, Form, tuple[str, ...]] | str | None:
    """Return what a reference leads to, None where it may stay as it is, or what is wrong with it."""
    # Below an `$id`, '#/components/...' should lead into that schema; nobody writes or reads it so.
    if text.startswith("#/components/") or (spot.base is None and text.startswith("#")):
        return _resolve_local(graph, text)
    uri, fragment = urldefrag(urljoin(spot.base or "", text))
    if graph.key("ids", uri) in graph.nodes:
        # Within one `$id` what is local stays local, wherever the schema goes.
        return None if text.startswith("#") else (graph.key("ids", uri), Form.URI, (fragment,))
    graph.external.append(Fault(graph.source.name, pointer(spot.where), f"refers to another file: {text!r}"))
    return None


def _resolve_local(graph: Graph, text: str) -> tuple[Key, Form, tuple[str, ...]] | str:
    if not text.startswith("#/"):
        key = graph.key("anchors", unquote(text[1:]))
        return (key, Form.ANCHOR, ()) if key in graph.nodes else "refers to nothing"
    tokens = from_pointer(text)
    try:
        look_up(graph.source.document, tokens)
    except LookupError:
        return "refers to nothing"
    if tokens[0] == "components" and len(tokens) > 2 and tokens[1] in SECTIONS:
        return graph.key(tokens[1], tokens[2]), Form.POINTER, tokens[3:]
    if tokens[0] in ("paths", "webhooks") and len(tokens) > 1:
        return graph.key(tokens[0], tokens[1]), Form.POINTER, tokens[2:]
    return "refers to what is neither in a component nor in a path"


def _requirement(graph: Graph, node: Node, spot: Spot) -> None:
    graph.requirements.append(spot.value)
    for name in sorted(spot.value):
        key = graph.key("securitySchemes", name)
        if key in graph.nodes:
            node.links.append(key)
        else:
            graph.fault((spot.where, name), f"requires a security scheme that isn't there: {name!r}")


def _link(graph: Graph, node: Node, spot: Spot) -> None:
    link = spot.value
    if isinstance(link.get("operationRef"), str):
        _reference(graph, node, spot, "operationRef")
    if isinstance(link.get("operationId"), str):
        key = graph.key("operationIds", link["operationId"])
        if key in graph.nodes:
            node.sites.append(Site(link, "operationId", key, Form.NAME))
        else:
            graph.fault((spot.where, "operationId"), f"links to an operation that isn't there: {key.name!r}")


def _discriminate(graph: Graph, node: Node, spot: Spot, heirs: dict[Key, list[Key]]) -> None:
    discriminator: Json = spot.value["discriminator"]
    mapping = discriminator.get("mapping", {})
    mapped = {_mapped(graph, node, spot, value) for value in sorted(mapping)}
    options = [key for keyword in ("oneOf", "anyOf") for key in _named(graph, spot.value.get(keyword))]
    if spot.value is node.value:
        options += _descendants(node.key, heirs)
    for key in sorted(set(options) - mapped):
        if key.name not in mapping:
            node.sites.append(Site(discriminator, key.name, key, Form.IMPLICIT))


def _mapped(graph: Graph, node: Node, spot: Spot, value: str) -> Key | None:
    mapping = spot.value["discriminator"]["mapping"]
    named = graph.key("schemas", mapping[value])
    if named in graph.nodes:
        node.sites.append(Site(mapping, value, named, Form.NAME))
        return named
    target = _resolve(graph, spot, mapping[value])
    if isinstance(target, str):
        graph.fault(((((spot.where, "discriminator"), "mapping"), value)), f"{target}: {mapping[value]!r}")
    elif target is not None:
        key, form, tail = target
        node.sites.append(Site(mapping, value, key, form, tail))
        return key if not tail else None
    return None


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
