"""Names in the merged document: new ones where names conflict, and parts rewritten to use them."""

import re
from collections.abc import Iterable
from typing import Any

from composer.openapi._graph import Graph, Key, Node, Reference, Spelling, free_name, reachable
from composer.openapi._structure import SECTIONS, deep_copy, to_pointer

_INVALID_CHARACTERS = re.compile(r"[^a-zA-Z0-9._-]")
# The sections that go into the merged document; "" stands for the top-level fields.
_MERGED_SECTIONS = frozenset(("", "paths", "webhooks", *SECTIONS))


def choose_names(graphs: Iterable[Graph], classes: dict[Key, int]) -> dict[Key, str]:
    """Return each node's name in the merged document: its own, or one prefixed with its app's name.

    The result doesn't depend on the order of the apps: if nodes with one name aren't all equivalent, every class of
    them is renamed, after the alphabetically first app that has it, and never to a name that a document uses.
    """
    groups: dict[tuple[str, str], dict[int, list[Key]]] = {}
    result: dict[Key, str] = {}
    for graph in sorted(graphs, key=lambda graph: graph.source.name):
        for key in graph.sorted_keys:
            result[key] = graph.source.prefix + key.name if key.section == "paths" else key.name
            groups.setdefault((key.section, key.name), {}).setdefault(classes[key], []).append(key)
    taken = set(groups)
    for section, name in sorted(place for place, group in groups.items() if not _keeps_name(place, group)):
        group = groups[section, name]
        for keys in group.values():
            preferred = _prefixed_name(keys[0] if len(group) > 1 else Key("", section, name))
            result.update(dict.fromkeys(keys, _take_free_name(section, preferred, taken)))
    return result


def _keeps_name(place: tuple[str, str], group: dict[int, list[Key]]) -> bool:
    section, name = place
    return section == "paths" or (len(group) == 1 and _is_valid(section, name))


def _is_valid(section: str, name: str) -> bool:
    return section not in SECTIONS or not _INVALID_CHARACTERS.search(name)


def _prefixed_name(key: Key) -> str:
    app, section, name = key
    if section == "ids":
        return f"{name}{'&' if '?' in name else '?'}{_INVALID_CHARACTERS.sub('_', app)}"
    name = name if section not in SECTIONS else _INVALID_CHARACTERS.sub("_", name)
    app = _INVALID_CHARACTERS.sub("_", app)
    if section == "anchors" and not re.match("[A-Za-z_]", app):
        app = "_" + app
    return f"{app}_{name}" if app else name


def _take_free_name(section: str, name: str, taken: set[tuple[str, str]]) -> str:
    free = free_name(name, lambda name: (section, name) in taken)
    taken.add((section, free))
    return free


def renamed_parts(graph: Graph, names: dict[Key, str]) -> dict[Key, Any]:
    """Return the document's parts with their new names; the same objects as in the last merge if the names are."""
    own = {key: names[key] for key in graph.nodes}
    if own != graph.last_names:
        merged = [node for key, node in graph.nodes.items() if key.section in _MERGED_SECTIONS]
        graph.last_parts = {node.key: _renamed_part(node, own) for node in merged}
        graph.last_names = own
    return graph.last_parts


def _renamed_part(node: Node, names: dict[Key, str]) -> Any:
    """Return a copy of the part with its references renamed, or the part itself if none of them changes."""
    references = [each for each in node.references if _is_rewritten(each, names[each.target])]
    if not references:
        return node.value
    holders = {id(each.holder): each.holder for each in references}
    value = deep_copy(node.value, holders)
    for reference in references:
        _write_reference(holders[id(reference.holder)], reference, names[reference.target])
    return value


def _is_rewritten(reference: Reference, name: str) -> bool:
    # A reference whose target keeps its name keeps its spelling: percent-encoded or not, relative or not.
    return name != reference.target.name or (
        # An operation id that is duplicate in its own document.
        reference.target.section == "operationIds" and reference.holder[reference.key] != name
    )


def _write_reference(holder: Any, reference: Reference, name: str) -> None:
    section = reference.target.section
    if reference.spelling is Spelling.NAME:
        holder[reference.key] = name
    elif reference.spelling is Spelling.KEY:
        entries = [(name if key == reference.key else key, value) for key, value in holder.items()]
        holder.clear()
        holder.update(entries)
    elif reference.spelling is Spelling.ANCHOR:
        holder[reference.key] = "#" + name
    elif reference.spelling is Spelling.URI:
        holder[reference.key] = "#".join((name, *filter(None, reference.tail)))
    else:
        place = ("components", section, name) if section in SECTIONS else (section, name)
        holder = holder.setdefault("mapping", {}) if reference.spelling is Spelling.IMPLICIT else holder
        holder[reference.key] = to_pointer((*place, *reference.tail))


def kept_components(graphs: list[Graph], classes: dict[Key, int]) -> list[Node]:
    """Return the components of the merged document, one of each class, in the order of the documents.

    A component that its source uses is kept if the merged document uses it; one that its source doesn't use is kept
    anyway.
    """
    nodes = {key: node for graph in graphs for key, node in graph.nodes.items()}
    edges = {key: targets for graph in graphs for key, targets in graph.edges.items()}
    representatives: dict[tuple[str, str, int], Key] = {}
    replaced_by: dict[Key, Key] = {}
    for key in nodes:
        first = representatives.setdefault((key.section, key.name, classes[key]), key)
        if first is not key:
            replaced_by[key] = first
    roots = [key for key, node in nodes.items() if node.unique_to]
    unused = [replaced_by.get(key, key) for graph in graphs for key in graph.nodes.keys() - graph.used]
    kept = reachable(edges, [*roots, *unused], replaced_by)
    return [nodes[key] for key in nodes if key in kept and key.section in SECTIONS]
