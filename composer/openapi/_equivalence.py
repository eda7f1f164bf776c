"""Which named parts of the documents are the same, compared through everything that they refer to."""

import json
from collections import Counter
from collections.abc import Hashable, Iterable

from composer.openapi._graph import Form, Key, Node
from composer.openapi._structure import copied

_GAP = "\0"
_encode = json.JSONEncoder(sort_keys=True).encode


def equivalence_classes(nodes: dict[Key, Node]) -> dict[Key, int]:
    """Give each part a number; two parts of one name have the same if and only if nothing tells them apart.

    All begin with what they are without the names that they mention; then parts that mention unlike ones are
    told apart until nothing changes. Cycles need no care this way. Parts whose name no other app has, and that
    none of those mention which share theirs, are compared with nothing.
    """
    compared = _compared(nodes)
    marks: dict[Key, Hashable] = {key: _skeleton(node) if key in compared else key for key, node in nodes.items()}
    numbers: dict[Hashable, int] = {}
    colour = {key: numbers.setdefault(mark, len(numbers)) for key, mark in marks.items()}
    _refine(colour, {key: nodes[key].edges() for key in compared if not nodes[key].only})
    return colour


def _compared(nodes: dict[Key, Node]) -> set[Key]:
    counts = Counter((key.section, key.name) for key in nodes)
    found = {key for key, node in nodes.items() if not node.only and counts[key.section, key.name] > 1}
    left = list(found)
    while left:
        node = nodes[left.pop()]
        # What there can be but one of is told by its name, whatever it mentions.
        fresh = set(node.edges()) - found if not node.only else set()
        found |= fresh
        left += fresh
    return found


def _refine(colour: dict[Key, int], edges: dict[Key, list[Key]]) -> None:
    """Tell apart what has one colour and mentions unlike parts; look again only at what mentions a changed one."""
    mentioned_by: dict[Key, list[Key]] = {}
    members: dict[int, set[Key]] = {}
    for key, targets in edges.items():
        members.setdefault(colour[key], set()).add(key)
        for target in targets:
            mentioned_by.setdefault(target, []).append(key)
    suspects: Iterable[Key] = edges
    fresh = max(colour.values(), default=0)
    while suspects:
        marked: dict[int, dict[Hashable, list[Key]]] = {}
        for key in suspects:
            mark = tuple([colour[each] for each in edges[key]])
            marked.setdefault(colour[key], {}).setdefault(mark, []).append(key)
        changed: list[Key] = []
        for number, groups in marked.items():
            parted = sorted(groups.values(), key=len)
            if sum(map(len, parted)) == len(members[number]):
                # The largest keeps the number; what wasn't looked at would keep it, if there were any.
                parted.pop()
            for group in parted:
                fresh += 1
                members[number].difference_update(group)
                members[fresh] = set(group)
                colour.update(dict.fromkeys(group, fresh))
                changed += group
        suspects = {each for key in changed for each in mentioned_by.get(key, ())}


def _skeleton(node: Node) -> Hashable:
    """Return a part's own text with a gap for every name that it mentions, keys and `required` in order."""
    if node.only:
        return node.key
    if node.mark is not None:
        return node.mark
    sites = [site for site in node.sites if site.form not in (Form.IMPLICIT, Form.KEY)]
    holders = {id(holder): holder for holder in (*(site.holder for site in sites), *node.sets)}
    # A copy, since merged documents that are being served hold the part itself.
    value = copied(node.value, holders) if holders else node.value
    for site in sites:
        holders[id(site.holder)][site.key] = [_GAP, *site.tail]
    for schema in node.sets:
        holders[id(schema)]["required"] = sorted(schema["required"], key=str)
    text = _encode([value, [site.key for site in node.sites if site.form is Form.IMPLICIT]])
    node.mark = (node.key.section, text)
    return node.mark
