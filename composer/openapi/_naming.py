"""New names for what would otherwise be two things of one name, and the documents that use them."""

import re
from collections.abc import Iterable
from typing import Any

from composer.openapi._graph import Form, Graph, Key, Node, Site, free_name, reachable
from composer.openapi._structure import SECTIONS, copied, to_pointer

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9._-]")
# What of a document goes into the merged one; "" is what stands at its top.
_WITH_NAMES = frozenset(("", "paths", "webhooks", *SECTIONS))


def names(graphs: Iterable[Graph], equivalence_classes: dict[Key, int]) -> dict[Key, str]:
    """Return each node's name in the merged document: its own, or one that begins with its app's.

    Nothing depends on the order of the apps: each part of a name that means several things is renamed, after
    the first by name of the apps that share it, and never to a name that any of the documents uses.
    """
    groups: dict[tuple[str, str], dict[int, list[Key]]] = {}
    result: dict[Key, str] = {}
    for graph in sorted(graphs, key=lambda graph: graph.source.name):
        for key in graph.in_order:
            result[key] = graph.source.prefix + key.name if key.section == "paths" else key.name
            groups.setdefault((key.section, key.name), {}).setdefault(equivalence_classes[key], []).append(key)
    taken = set(groups)
    for section, name in sorted(place for place, group in groups.items() if not _may_stay(place, group)):
        group = groups[section, name]
        for keys in group.values():
            suggested = _suggest(keys[0] if len(group) > 1 else Key("", section, name))
            result.update(dict.fromkeys(keys, _free(section, suggested, taken)))
    return result


def _may_stay(place: tuple[str, str], group: dict[int, list[Key]]) -> bool:
    section, name = place
    return section == "paths" or (len(group) == 1 and _is_valid(section, name))


def _is_valid(section: str, name: str) -> bool:
    return section not in SECTIONS or not _NOT_IN_NAMES.search(name)


def _suggest(key: Key) -> str:
    app, section, name = key
    if section == "ids":
        return f"{name}{'&' if '?' in name else '?'}{_NOT_IN_NAMES.sub('_', app)}"
    name = name if section not in SECTIONS else _NOT_IN_NAMES.sub("_", name)
    app = _NOT_IN_NAMES.sub("_", app)
    if section == "anchors" and not re.match("[A-Za-z_]", app):
        app = "_" + app
    return f"{app}_{name}" if app else name


def _free(section: str, name: str, taken: set[tuple[str, str]]) -> str:
    free = free_name(name, lambda name: (section, name) in taken)
    taken.add((section, free))
    return free


def renamed(graph: Graph, names: dict[Key, str]) -> dict[Key, Any]:
    """Return the document's parts with the new names: the same objects as at the last merge, if that gave the same."""
    own = {key: names[key] for key in graph.nodes}
    if own != graph.named:
        graph.parts = {key: _renamed(node, own) for key, node in graph.nodes.items() if key.section in _WITH_NAMES}
        graph.named = own
    return graph.parts


def _renamed(node: Node, names: dict[Key, str]) -> Any:
    """Return the part with the new names wherever it mentions one: a copy, or itself where it mentions none."""
    sites = [site for site in node.sites if _is_rewritten(site, names[site.target])]
    if not sites:
        return node.value
    holders = {id(site.holder): site.holder for site in sites}
    value = copied(node.value, holders)
    for site in sites:
        _write(holders[id(site.holder)], site, names[site.target])
    return value


def _is_rewritten(site: Site, name: str) -> bool:
    # What keeps its name stays as it was spelled: percent-encoded or not, relative or not.
    return name != site.target.name or (
        # An operation id that its own document has twice.
        site.target.section == "operationIds" and site.holder[site.key] != name
    )


def _write(holder: Any, site: Site, name: str) -> None:
    section = site.target.section
    if site.form is Form.NAME:
        holder[site.key] = name
    elif site.form is Form.KEY:
        entries = [(name if key == site.key else key, value) for key, value in holder.items()]
        holder.clear()
        holder.update(entries)
    elif site.form is Form.ANCHOR:
        holder[site.key] = "#" + name
    elif site.form is Form.URI:
        holder[site.key] = "#".join((name, *filter(None, site.tail)))
    else:
        place = ("components", section, name) if section in SECTIONS else (section, name)
        holder = holder.setdefault("mapping", {}) if site.form is Form.IMPLICIT else holder
        holder[site.key] = to_pointer((*place, *site.tail))


def surviving(graphs: list[Graph], equivalence_classes: dict[Key, int]) -> list[Node]:
    """Return the components of the merged document, one of each kind of the same, in the documents' order.

    What its source uses is kept if the merged document uses it, under this name; what its source doesn't use is
    kept as it is.
    """
    nodes = {key: node for graph in graphs for key, node in graph.nodes.items()}
    edges = {key: targets for graph in graphs for key, targets in graph.edges.items()}
    chosen: dict[tuple[str, str, int], Key] = {}
    instead: dict[Key, Key] = {}
    for key in nodes:
        first = chosen.setdefault((key.section, key.name, equivalence_classes[key]), key)
        if first is not key:
            instead[key] = first
    roots = [key for key, node in nodes.items() if node.only]
    unused = [instead.get(key, key) for graph in graphs for key in graph.nodes.keys() - graph.used]
    kept = reachable(edges, [*roots, *unused], instead)
    return [nodes[key] for key in nodes if key in kept and key.section in SECTIONS]
