"""What a document names: every named part as a node, every mention of a name as a site.

A name is a component's, a path, a webhook's key, an operation id, an anchor, an `$id` or a tag. What can be
renamed is found here and in `_references` once; identity, renaming and reachability work on nodes and sites alone.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, NamedTuple

from composer._json import Json
from composer.openapi._errors import Fault
from composer.openapi._normalise import Normaliser
from composer.openapi._source import Source, tag_groups
from composer.openapi._structure import SECTIONS, Spot, places, to_pointer, walk

_MENTIONS = frozenset(("$ref", "$dynamicRef", "discriminator"))
_TELLING = _MENTIONS | {"required", "$id", "$anchor", "$dynamicAnchor"}


class Key(NamedTuple):
    """Name one node: the app, the section (`schemas`, `paths`, `operationIds`, ...) and the name there."""

    app: str
    section: str
    name: str


class Form(Enum):
    """Say how a site spells the name that it mentions."""

    POINTER = "#/components/schemas/Name"
    ANCHOR = "#name"
    URI = "https://host/name"
    NAME = "Name"
    KEY = "Name: the key that a requirement has for a security scheme"
    IMPLICIT = "a discriminator's value that is a schema's name, written nowhere"


@dataclass(slots=True)
class Site:
    """Hold one mention of a node: written at `holder[key]`, with a `tail` after the name (of a pointer or URI)."""

    holder: Any
    key: Any
    target: Key
    form: Form
    tail: tuple[str, ...] = ()


@dataclass(slots=True)
class Node:
    """Hold one named part, the names that it mentions, and what makes it like or unlike another of its name.

    `links` are what it depends on without a site; `sets` are the schemas whose `required` has no order; `only`
    is what tells a part of which there can't be a second one (a path) from all others; `mark` is its own text.
    """

    key: Key
    value: Any
    only: str = ""
    sites: list[Site] = field(default_factory=list)
    links: list[Key] = field(default_factory=list)
    sets: list[Json] = field(default_factory=list)
    mark: Hashable = None

    def edges(self) -> list[Key]:
        """Return what this part depends on, in an order in which names and the order of keys have no say."""
        return [site.target for site in self.sites] + self.links


class Complaint(NamedTuple):
    """Say what is wrong at some keys below an object. Where that stands is found only if somebody is told."""

    holder: Any
    keys: tuple[str, ...]
    message: str


class Mention(NamedTuple):
    """Say what a reference leads to: the node, how that is spelled, and what stands after its name."""

    key: Key
    form: Form
    tail: tuple[str, ...] = ()


@dataclass
class Graph:
    """Hold one document's nodes, its objects that mention others, and what is wrong with its references.

    `parts` are the nodes' values with the names that the last merge gave to its nodes, which are `named`.
    """

    source: Source
    settling: Normaliser
    nodes: dict[Key, Node] = field(default_factory=dict)
    spots: list[tuple[Node, Spot]] = field(default_factory=list)
    untagged: bool = False
    resolved: dict[tuple[str, str], Mention | str] = field(default_factory=dict)
    hoisted: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    external: list[Complaint] = field(default_factory=list)
    named: dict[Key, str] = field(default_factory=dict)
    parts: dict[Key, Any] = field(default_factory=dict)

    def key(self, section: str, name: str) -> Key:
        """Name a node of this document."""
        return Key(self.source.name, section, name)

    def wrong(self, holder: Any, keys: tuple[str, ...], message: str) -> None:
        """Note what is wrong at a place of this document: at the keys below an object of it."""
        self.complaints.append(Complaint(holder, keys, message))

    def faults(self, complaints: list[Complaint]) -> list[Fault]:
        """Find the places of which something was said."""
        if not complaints:
            return []
        where = places(self.source.document)
        for key, tokens in self.hoisted.items():
            where.update(places(self.nodes[key].value, tokens))
        return [
            Fault(self.source.name, to_pointer([*where.get(id(holder), ()), *keys]), message)
            for holder, keys, message in complaints
        ]

    @property
    def root(self) -> Node:
        """Return the node of what stands at the top of the document and has no name."""
        return self.nodes[self.key("", "")]

    # What follows is asked for by each merge, and only once every mention is known.

    @cached_property
    def edges(self) -> dict[Key, list[Key]]:
        """Return what each node depends on."""
        return {key: node.edges() for key, node in self.nodes.items()}

    @cached_property
    def used(self) -> set[Key]:
        """Return what the document itself uses: what there can be but one of, and all that this depends on."""
        return reachable(self.edges, [key for key, node in self.nodes.items() if node.only], {})

    @cached_property
    def in_order(self) -> list[Key]:
        """Return the nodes by name."""
        return sorted(self.nodes)


def reachable(edges: Mapping[Key, list[Key]], roots: Iterable[Key], instead: Mapping[Key, Key]) -> set[Key]:
    """Return the nodes that one comes to from the roots, where some stand in the place of others."""
    seen = set(roots)
    left = list(seen)
    while left:
        for key in edges[left.pop()]:
            key = instead.get(key, key)
            if key not in seen:
                seen.add(key)
                left.append(key)
    return seen


def declare(source: Source, settling: Normaliser) -> Graph:
    """Settle the document, and make a node of every name in it, before any mention of one is read."""
    graph = Graph(source, settling)
    named = {key: source.document[key] for key in ("tags", "x-tagGroups", "security") if key in source.document}
    graph.nodes[graph.key("", "")] = Node(graph.key("", ""), named, only=source.name)
    settling.whole()
    _declare_tags(graph)
    for section, kind, name, value in _parts(source.document):
        if section == "paths" and not name.startswith("/"):
            graph.wrong(source.document, ("paths", name), "the path doesn't begin with '/'")
        node = Node(graph.key(section, name), value, only="" if section in SECTIONS else source.name)
        graph.nodes[node.key] = node
        settling.part(section, value)
        declare_part(graph, node, kind)
    for requirement in source.document.get("security", []):
        graph.spots.append((graph.root, Spot("Requirement", requirement, None)))
    return graph


def declare_part(graph: Graph, node: Node, kind: str) -> None:
    """Settle one part of the document, and make a node of every name in it."""
    for spot in walk(kind, node.value):
        graph.settling.spot(spot.kind, spot.value)
        if spot.kind == "Schema":
            if _TELLING.isdisjoint(spot.value):
                continue
            _declare_schema(graph, node, spot)
            if not _MENTIONS.isdisjoint(spot.value):
                graph.spots.append((node, spot))
        elif spot.kind == "Operation":
            _declare_operation(graph, node, spot)
        elif spot.kind in ("Link", "Requirement") or "$ref" in spot.value:
            graph.spots.append((node, spot))


def _parts(document: Json) -> Iterator[tuple[str, str, str, Any]]:
    """Yield section, kind, name and value of every path, component and webhook.

    Paths come first: where an operation id is there twice, the operation that clients call keeps it.
    """
    for name, value in document.get("paths", {}).items():
        if name[:2] != "x-":
            yield "paths", "PathItem", name, value
    components = document.get("components", {})
    for section, kind in SECTIONS.items():
        for name, value in components.get(section, {}).items():
            yield section, kind, name, value
    for name, value in document.get("webhooks", {}).items():
        yield "webhooks", "PathItem", name, value


def _declare_tags(graph: Graph) -> None:
    for tag in graph.source.document.get("tags", []):
        node = _tag(graph, tag["name"], dict(tag))
        graph.root.sites.append(Site(tag, "name", node.key, Form.NAME))
    for group in tag_groups(graph.source.document):
        for index, name in enumerate(group["tags"]):
            node = _tag(graph, name, {"name": name})
            graph.root.sites.append(Site(group["tags"], index, node.key, Form.NAME))


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """Return the name, or else the first of `name_2`, `name_3` and so on that isn't taken."""
    free, count = name, 1
    while is_taken(free):
        count += 1
        free = f"{name}_{count}"
    return free


def _tag(graph: Graph, name: str, content: Json) -> Node:
    # One without a text of its own is a tag all the same: it mustn't take on another app's text.
    key = graph.key("tags", name)
    return graph.nodes.setdefault(key, Node(key, content))


def _declare_operation(graph: Graph, owner: Node, spot: Spot) -> None:
    operation = spot.value
    tags = operation.get("tags", [])
    graph.untagged = graph.untagged or not tags
    for index, name in enumerate(tags):
        owner.sites.append(Site(tags, index, _tag(graph, name, {"name": name}).key, Form.NAME))
    if isinstance(operation.get("operationId"), str):
        # An id twice isn't allowed, but found in the wild: whoever mentions it means the first one.
        name = free_name(operation["operationId"], lambda name: graph.key("operationIds", name) in graph.nodes)
        _declare_inner(graph, owner, spot, graph.key("operationIds", name), "operationId")


def _declare_schema(graph: Graph, owner: Node, spot: Spot) -> None:
    schema = spot.value
    if isinstance(schema.get("required"), list):
        owner.sets.append(schema)
    if spot.base is not None:
        # An anchor below an `$id` is local to it.
        if isinstance(schema.get("$id"), str):
            _declare_inner(graph, owner, spot, graph.key("ids", spot.base), "$id")
        return
    for keyword in ("$anchor", "$dynamicAnchor"):
        if isinstance(schema.get(keyword), str):
            _declare_inner(graph, owner, spot, graph.key("anchors", schema[keyword]), keyword)


def _declare_inner(graph: Graph, owner: Node, spot: Spot, key: Key, keyword: str) -> None:
    """Make a node of a name given inside a part: like another one if the whole parts are alike."""
    # Parts that are alike are walked alike, so that the same number is the same place in them.
    graph.nodes.setdefault(key, Node(key, [keyword, len(owner.sites)], links=[owner.key]))
    owner.sites.append(Site(spot.value, keyword, key, Form.NAME))
