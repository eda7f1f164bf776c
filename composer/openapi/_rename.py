"""New names for what would otherwise be two things of one name, and the documents that use them."""

import re
from collections.abc import Iterable
from typing import Any

from composer.openapi._graph import Form, Graph, Key, Node, Site, free_name
from composer.openapi._shape import SECTIONS, copied, to_pointer

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9._-]")


def names(graphs: Iterable[Graph], colours: dict[Key, int]) -> dict[Key, str]:
    """Return each node's name in the merged document: its own, or one that begins with its app's.

    Nothing depends on the order of the apps: each part of a name that means several things is renamed, after
    the first by name of the apps that share it, and never to a name that any of the documents uses.
    """
    prefixes = {graph.source.name: graph.source.prefix for graph in graphs}
    groups: dict[tuple[str, str], dict[int, list[Key]]] = {}
    for key in sorted(colours):
        groups.setdefault((key.section, key.name), {}).setdefault(colours[key], []).append(key)
    taken = {(key.section, key.name) for key in colours}
    result: dict[Key, str] = {}
    for (section, name), group in sorted(groups.items()):
        for keys in group.values():
            if section == "paths":
                new = prefixes[keys[0].app] + name
            elif len(group) == 1 and _is_valid(section, name):
                new = name
            else:
                new = _free(section, _suggest(keys[0] if len(group) > 1 else Key("", section, name)), taken)
            result.update(dict.fromkeys(keys, new))
    return result


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


def renamed(node: Node, names: dict[Key, str]) -> Any:
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


def surviving(graphs: list[Graph], colours: dict[Key, int]) -> list[Node]:
    """Return the components of the merged document, one of each kind of the same, in the documents' order.

    What its source uses is kept if the merged document uses it, under this name; what its source doesn't use is
    kept as it is.
    """
    nodes = {key: node for graph in graphs for key, node in graph.nodes.items()}
    chosen: dict[tuple[str, str, int], Key] = {}
    for key in nodes:
        chosen.setdefault((key.section, key.name, colours[key]), key)
    roots = [key for key, node in nodes.items() if node.only]
    used = _reachable(nodes, roots, {})
    instead = {key: chosen[key.section, key.name, colours[key]] for key in nodes}
    unused = [instead[key] for key in nodes if key not in used]
    kept = _reachable(nodes, [*roots, *unused], instead)
    return [nodes[key] for key in nodes if key in kept and key.section in SECTIONS]


def _reachable(nodes: dict[Key, Node], roots: list[Key], instead: dict[Key, Key]) -> set[Key]:
    seen = set(roots)
    left = list(seen)
    while left:
        for key in nodes[left.pop()].edges():
            key = instead.get(key, key)
            if key not in seen:
                seen.add(key)
                left.append(key)
    return seen
