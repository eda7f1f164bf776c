"""A document as a graph: a node for every named part, and the references between them.

Names are those of components, paths, webhooks, operation ids, anchors, `$id`s and tags. This module and `_references`
find everything that may be renamed; equivalence, renaming and reachability use nodes and references only.
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
    """Identify a node: the app, the section (`schemas`, `paths`, `operationIds`, ...) and the name there."""

    app: str
    section: str
    name: str


class Spelling(Enum):
    """List the ways in which a reference can spell the name of its target."""

    POINTER = "#/components/schemas/Name"
    ANCHOR = "#name"
    URI = "https://host/name"
    NAME = "Name"
    KEY = "Name, as a key of a security requirement"
    IMPLICIT = "the name of a schema as an implicit discriminator value, not written in the document"


@dataclass(slots=True)
class Reference:
    """Represent a reference to a node, written at `holder[key]`; `tail` is what follows the name."""

    holder: Any
    key: Any
    target: Key
    spelling: Spelling
    tail: tuple[str, ...] = ()


@dataclass(slots=True)
class Node:
    """Represent a named part of a document.

    Attributes:
        key: The node's identity.
        value: Its content.
        unique_to: The app's name for a part that is never shared with another app, such as a path; else "".
        references: The references in it.
        depends_on: Nodes that it depends on without referring to them.
        unordered: The schemas in it whose `required` is compared without order.
        skeleton: Its content without the names that it refers to, computed once by `_equivalence`.
    """

    key: Key
    value: Any
    unique_to: str = ""
    references: list[Reference] = field(default_factory=list)
    depends_on: list[Key] = field(default_factory=list)
    unordered: list[Json] = field(default_factory=list)
    skeleton: Hashable = None

    def edges(self) -> list[Key]:
        """Return what this part depends on, in an order that doesn't depend on names or on the order of keys."""
        return [reference.target for reference in self.references] + self.depends_on


class LocalFault(NamedTuple):
    """Represent a fault at keys below an object, whose pointer is computed only if the fault is reported."""

    holder: Any
    keys: tuple[str, ...]
    message: str


class Target(NamedTuple):
    """Represent the target of a reference: its node, the spelling, and what follows the name."""

    key: Key
    spelling: Spelling
    tail: tuple[str, ...] = ()


@dataclass
class Graph:
    """Represent one document as nodes and references, with the faults of its references.

    Attributes:
        source: The document.
        normaliser: Brings it into normal form.
        nodes: Its named parts.
        objects: Its objects that contain references, each with the node that it is part of.
        has_untagged: Whether any operation has no tag.
        resolved: The targets of references that are resolved already, or what is wrong with them.
        hoisted: The original location of nodes that were made from data outside of `components`.
        pending_faults: Faults of the document.
        external: References to other files.
        last_names: The nodes' names in the last merge.
        last_parts: The nodes' values with these names.
    """

    source: Source
    normaliser: Normaliser
    nodes: dict[Key, Node] = field(default_factory=dict)
    objects: list[tuple[Node, SpecObject]] = field(default_factory=list)
    has_untagged: bool = False
    resolved: dict[tuple[str, str], Target | str] = field(default_factory=dict)
    hoisted: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    local_faults: list[LocalFault] = field(default_factory=list)
    external: list[LocalFault] = field(default_factory=list)
    last_names: dict[Key, str] = field(default_factory=dict)
    last_parts: dict[Key, Any] = field(default_factory=dict)

    def key(self, section: str, name: str) -> Key:
        """Return the key of a node of this document."""
        return Key(self.source.name, section, name)

    def add_fault(self, holder: Any, keys: tuple[str, ...], message: str) -> None:
        """Record a fault at the keys below an object of this document."""
        self.local_faults.append(LocalFault(holder, keys, message))

    def faults(self, local_faults: list[LocalFault]) -> list[Fault]:
        """Return the faults with the pointers to where they are."""
        if not local_faults:
            return []
        paths = locations(self.source.document)
        for key, tokens in self.hoisted.items():
            paths.update(locations(self.nodes[key].value, tokens))
        return [
            Fault(self.source.name, to_pointer([*paths.get(id(holder), ()), *keys]), message)
            for holder, keys, message in local_faults
        ]

    @property
    def root(self) -> Node:
        """The node of the top-level fields, which has no name."""
        return self.nodes[self.key("", "")]

    # The following are used by each merge, once all references are known; so they can be cached.

    @cached_property
    def edges(self) -> dict[Key, list[Key]]:
        """What each node depends on."""
        return {key: node.edges() for key, node in self.nodes.items()}

    @cached_property
    def used(self) -> set[Key]:
        """The nodes that the document uses: those that are never shared, such as paths, and all that they depend on."""
        return reachable(self.edges, [key for key, node in self.nodes.items() if node.unique_to], {})

    @cached_property
    def sorted_keys(self) -> list[Key]:
        """The keys of the nodes in alphabetical order."""
        return sorted(self.nodes)


def reachable(edges: Mapping[Key, list[Key]], roots: Iterable[Key], replaced_by: Mapping[Key, Key]) -> set[Key]:
    """Return the nodes that are reachable from the roots, with some nodes replaced by others."""
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
    """Normalise the document and add a node for every name in it; references are added afterwards."""
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
    """Normalise one part of the document and add a node for every name in it."""
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

    Paths come first: of two operations with the same id, the one that clients call keeps it.
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
    tags = graph.source.document.get("tags", [])
    for tag in tags:
        node = _tag_node(graph, tag["name"], dict(tag))
        graph.root.references.append(Reference(tag, "name", node.key, Spelling.NAME))
    for tag in tags:
        if isinstance(parent := tag.get("parent"), str):
            node, parent_node = graph.nodes[graph.key("tags", tag["name"])], _tag_node(graph, parent, {"name": parent})
            for owner, holder in ((graph.root, tag), (node, node.value)):
                owner.references.append(Reference(holder, "parent", parent_node.key, Spelling.NAME))
    for group in tag_groups(graph.source.document):
        for index, name in enumerate(group["tags"]):
            node = _tag_node(graph, name, {"name": name})
            graph.root.references.append(Reference(group["tags"], index, node.key, Spelling.NAME))


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """Return the name, or the first of `name_2`, `name_3` and so on, that isn't taken."""
    free, count = name, 1
    while is_taken(free):
        count += 1
        free = f"{name}_{count}"
    return free


def _tag_node(graph: Graph, name: str, content: Json) -> Node:
    # A tag without a description needs a node too, so that it doesn't take on another app's description.
    key = graph.key("tags", name)
    return graph.nodes.setdefault(key, Node(key, content))


def _declare_operation(graph: Graph, owner: Node, obj: SpecObject) -> None:
    operation = obj.value
    tags = operation.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(each, str) for each in tags):
        graph.add_fault(operation, ("tags",), "must be an array of strings")
        return
    graph.has_untagged = graph.has_untagged or not tags
    for index, name in enumerate(tags):
        owner.references.append(Reference(tags, index, _tag_node(graph, name, {"name": name}).key, Spelling.NAME))
    if isinstance(operation.get("operationId"), str):
        # Duplicate ids are invalid, but common in published documents; references to one mean the first operation.
        name = free_name(operation["operationId"], lambda name: graph.key("operationIds", name) in graph.nodes)
        _declare_nested(graph, owner, obj, graph.key("operationIds", name), "operationId")


def _declare_schema(graph: Graph, owner: Node, obj: SpecObject) -> None:
    schema = obj.value
    if isinstance(schema.get("required"), list):
        owner.unordered.append(schema)
    if obj.base is not None:
        # An anchor below an `$id` is local to that schema.
        if isinstance(schema.get("$id"), str):
            _declare_nested(graph, owner, obj, graph.key("ids", obj.base), "$id")
        return
    for keyword in ("$anchor", "$dynamicAnchor"):
        if isinstance(schema.get(keyword), str):
            _declare_nested(graph, owner, obj, graph.key("anchors", schema[keyword]), keyword)


def _declare_nested(graph: Graph, owner: Node, obj: SpecObject, key: Key, keyword: str) -> None:
    """Add a node for a name that is defined inside a part; it is equivalent to another one if the parts are."""
    # Equivalent parts are walked in the same order, so the number of references identifies the location in them.
    graph.nodes.setdefault(key, Node(key, [keyword, len(owner.references)], depends_on=[owner.key]))
    owner.references.append(Reference(obj.value, keyword, key, Spelling.NAME))
