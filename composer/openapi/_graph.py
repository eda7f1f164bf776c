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
from composer.openapi._structure import SECTIONS, SpecObject, locations, to_pointer, walk

_REFERENCE_KEYWORDS = frozenset(("$ref", "$dynamicRef", "discriminator"))
_NAME_KEYWORDS = _REFERENCE_KEYWORDS | {"required", "$id", "$anchor", "$dynamicAnchor"}


class Key(NamedTuple):
    """Name one node: the app, the section (`schemas`, `paths`, `operationIds`, ...) and the name there."""

    app: str
    section: str
    name: str


class Spelling(Enum):
    """Say how a site spells the name that it mentions."""

    POINTER = "#/components/schemas/Name"
    ANCHOR = "#name"
    URI = "https://host/name"
    NAME = "Name"
    KEY = "Name: the key that a requirement has for a security scheme"
    IMPLICIT = "a discriminator's value that is a schema's name, written nowhere"


@dataclass(slots=True)
class Reference:
    """Hold one mention of a node: written at `holder[key]`, with a `tail` after the name (of a pointer or URI)."""

    holder: Any
    key: Any
    target: Key
    spelling: Spelling
    tail: tuple[str, ...] = ()


@dataclass(slots=True)
class Node:
    """Hold one named part, the names that it mentions, and what makes it like or unlike another of its name.

    `links` are what it depends on without a site; `sets` are the schemas whose `required` has no order; `only`
    is what tells a part of which there can't be a second one (a path) from all others; `mark` is its own text.
    """

    key: Key
    value: Any
    unique_to: str = ""
    references: list[Reference] = field(default_factory=list)
    depends_on: list[Key] = field(default_factory=list)
    unordered: list[Json] = field(default_factory=list)
    skeleton: Hashable = None

    def edges(self) -> list[Key]:
        """Return what this part depends on, in an order in which names and the order of keys have no say."""
        return [reference.target for reference in self.references] + self.depends_on


class PendingFault(NamedTuple):
    """Say what is wrong at some keys below an object. Where that stands is found only if somebody is told."""

    holder: Any
    keys: tuple[str, ...]
    message: str


class Target(NamedTuple):
    """Say what a reference leads to: the node, how that is spelled, and what stands after its name."""

    key: Key
    spelling: Spelling
    tail: tuple[str, ...] = ()


@dataclass
class Graph:
    """Hold one document's nodes, its objects that mention others, and what is wrong with its references.

    `parts` are the nodes' values with the names that the last merge gave to its nodes, which are `named`.
    """

    source: Source
    normaliser: Normaliser
    nodes: dict[Key, Node] = field(default_factory=dict)
    objects: list[tuple[Node, SpecObject]] = field(default_factory=list)
    has_untagged: bool = False
    resolved: dict[tuple[str, str], Target | str] = field(default_factory=dict)
    hoisted: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    pending_faults: list[PendingFault] = field(default_factory=list)
    external: list[PendingFault] = field(default_factory=list)
    last_names: dict[Key, str] = field(default_factory=dict)
    last_parts: dict[Key, Any] = field(default_factory=dict)

    def key(self, section: str, name: str) -> Key:
        """Name a node of this document."""
        return Key(self.source.name, section, name)

    def add_fault(self, holder: Any, keys: tuple[str, ...], message: str) -> None:
        """Note what is wrong at a place of this document: at the keys below an object of it."""
        self.pending_faults.append(PendingFault(holder, keys, message))

    def faults(self, pending_faults: list[PendingFault]) -> list[Fault]:
        """Find the places of which something was said."""
        if not pending_faults:
            return []
        paths = locations(self.source.document)
        for key, tokens in self.hoisted.items():
            paths.update(locations(self.nodes[key].value, tokens))
        return [
            Fault(self.source.name, to_pointer([*paths.get(id(holder), ()), *keys]), message)
            for holder, keys, message in pending_faults
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
        return reachable(self.edges, [key for key, node in self.nodes.items() if node.unique_to], {})

    @cached_property
    def sorted_keys(self) -> list[Key]:
        """Return the nodes by name."""
        return sorted(self.nodes)


def reachable(edges: Mapping[Key, list[Key]], roots: Iterable[Key], replaced_by: Mapping[Key, Key]) -> set[Key]:
    """Return the nodes that one comes to from the roots, where some stand in the place of others."""
    seen = set(roots)
    pending = list(seen)
    while pending:
        for key in edges[pending.pop()]:
            key = replaced_by.get(key, key)
            if key not in seen:
                seen.add(key)
                pending.append(key)
    return seen


def build_graph(source: Source, normaliser: Normaliser) -> Graph:
    """Settle the document, and make a node of every name in it, before any mention of one is read."""
    graph = Graph(source, normaliser)
    top_level = {key: source.document[key] for key in ("tags", "x-tagGroups", "security") if key in source.document}
    graph.nodes[graph.key("", "")] = Node(graph.key("", ""), top_level, unique_to=source.name)
    normaliser.normalise_document()
    _declare_tags(graph)
    for section, kind, name, value in _named_parts(source.document):
        if section == "paths" and not name.startswith("/"):
            graph.add_fault(source.document, ("paths", name), "path must start with '/'")
        node = Node(graph.key(section, name), value, unique_to="" if section in SECTIONS else source.name)
        graph.nodes[node.key] = node
        normaliser.normalise_part(section, value)
        declare_names(graph, node, kind)
    for requirement in source.document.get("security", []):
        graph.objects.append((graph.root, SpecObject("Requirement", requirement, None)))
    return graph


def declare_names(graph: Graph, node: Node, kind: str) -> None:
    """Settle one part of the document, and make a node of every name in it."""
    for obj in walk(kind, node.value):
        graph.normaliser.normalise_object(obj.kind, obj.value)
        if obj.kind == "Schema":
            if _NAME_KEYWORDS.isdisjoint(obj.value):
                continue
            _declare_schema(graph, node, obj)
            if not _REFERENCE_KEYWORDS.isdisjoint(obj.value):
                graph.objects.append((node, obj))
        elif obj.kind == "Operation":
            _declare_operation(graph, node, obj)
        elif obj.kind in ("Link", "Requirement") or "$ref" in obj.value:
            graph.objects.append((node, obj))


def _named_parts(document: Json) -> Iterator[tuple[str, str, str, Any]]:
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
        node = _tag_node(graph, tag["name"], dict(tag))
        graph.root.references.append(Reference(tag, "name", node.key, Spelling.NAME))
    for group in tag_groups(graph.source.document):
        for index, name in enumerate(group["tags"]):
            node = _tag_node(graph, name, {"name": name})
            graph.root.references.append(Reference(group["tags"], index, node.key, Spelling.NAME))


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """Return the name, or else the first of `name_2`, `name_3` and so on that isn't taken."""
    free, count = name, 1
    while is_taken(free):
        count += 1
        free = f"{name}_{count}"
    return free


def _tag_node(graph: Graph, name: str, content: Json) -> Node:
    # One without a text of its own is a tag all the same: it mustn't take on another app's text.
    key = graph.key("tags", name)
    return graph.nodes.setdefault(key, Node(key, content))


def _declare_operation(graph: Graph, owner: Node, obj: SpecObject) -> None:
    operation = obj.value
    tags = operation.get("tags", [])
    graph.has_untagged = graph.has_untagged or not tags
    for index, name in enumerate(tags):
        owner.references.append(Reference(tags, index, _tag_node(graph, name, {"name": name}).key, Spelling.NAME))
    if isinstance(operation.get("operationId"), str):
        # An id twice isn't allowed, but found in the wild: whoever mentions it means the first one.
        name = free_name(operation["operationId"], lambda name: graph.key("operationIds", name) in graph.nodes)
        _declare_nested(graph, owner, obj, graph.key("operationIds", name), "operationId")


def _declare_schema(graph: Graph, owner: Node, obj: SpecObject) -> None:
    schema = obj.value
    if isinstance(schema.get("required"), list):
        owner.unordered.append(schema)
    if obj.base is not None:
        # An anchor below an `$id` is local to it.
        if isinstance(schema.get("$id"), str):
            _declare_nested(graph, owner, obj, graph.key("ids", obj.base), "$id")
        return
    for keyword in ("$anchor", "$dynamicAnchor"):
        if isinstance(schema.get(keyword), str):
            _declare_nested(graph, owner, obj, graph.key("anchors", schema[keyword]), keyword)


def _declare_nested(graph: Graph, owner: Node, obj: SpecObject, key: Key, keyword: str) -> None:
    """Make a node of a name given inside a part: like another one if the whole parts are alike."""
    # Parts that are alike are walked alike, so that the same number is the same place in them.
    graph.nodes.setdefault(key, Node(key, [keyword, len(owner.references)], depends_on=[owner.key]))
    owner.references.append(Reference(obj.value, keyword, key, Spelling.NAME))
