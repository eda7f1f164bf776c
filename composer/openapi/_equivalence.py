"""Equivalence of named parts: the same content, compared through all references."""

import json
from collections import Counter
from collections.abc import Hashable, Iterable

from composer.openapi._graph import Key, Node, Spelling
from composer.openapi._structure import deep_copy

_PLACEHOLDER = "\0"
_encode = json.JSONEncoder(sort_keys=True).encode


def equivalence_classes(nodes: dict[Key, Node]) -> dict[Key, int]:
    """Return the number of each node's class; two nodes of one name share it if and only if they are equivalent.

    The algorithm is partition refinement: nodes start in one class if they are equal apart from the names that they
    refer to, then classes are split while their members refer to different classes. Cycles need no special case.
    Nodes whose name is unique among the apps, and that no node with a shared name refers to, aren't compared.
    """
    compared = _compared_keys(nodes)
    signatures: dict[Key, Hashable] = {key: _skeleton(node) if key in compared else key for key, node in nodes.items()}
    numbers: dict[Hashable, int] = {}
    classes = {key: numbers.setdefault(signature, len(numbers)) for key, signature in signatures.items()}
    _refine(classes, {key: nodes[key].edges() for key in compared if not nodes[key].unique_to})
    return classes


def _compared_keys(nodes: dict[Key, Node]) -> set[Key]:
    counts = Counter((key.section, key.name) for key in nodes)
    compared = {key for key, node in nodes.items() if not node.unique_to and counts[key.section, key.name] > 1}
    pending = list(compared)
    while pending:
        node = nodes[pending.pop()]
        # A part that is never shared is identified by its name alone.
        new = set(node.edges()) - compared if not node.unique_to else set()
        compared |= new
        pending += new
    return compared


def _refine(classes: dict[Key, int], edges: dict[Key, list[Key]]) -> None:
    """Split classes whose members refer to different classes; revisit only nodes that refer to a changed one."""
    mentioned_by: dict[Key, list[Key]] = {}
    members: dict[int, set[Key]] = {}
    for key, targets in edges.items():
        members.setdefault(classes[key], set()).add(key)
        for target in targets:
            mentioned_by.setdefault(target, []).append(key)
    suspects: Iterable[Key] = edges
    last_number = max(classes.values(), default=0)
    while suspects:
        by_class: dict[int, dict[Hashable, list[Key]]] = {}
        for key in suspects:
            signature = tuple([classes[each] for each in edges[key]])
            by_class.setdefault(classes[key], {}).setdefault(signature, []).append(key)
        changed: list[Key] = []
        for number, by_signature in by_class.items():
            groups = sorted(by_signature.values(), key=len)
            if sum(map(len, groups)) == len(members[number]):
                # The largest group keeps the number, unless there are members that weren't visited: then those keep it.
                groups.pop()
            for group in groups:
                last_number += 1
                members[number].difference_update(group)
                members[last_number] = set(group)
                classes.update(dict.fromkeys(group, last_number))
                changed += group
        suspects = {each for key in changed for each in mentioned_by.get(key, ())}


def _skeleton(node: Node) -> Hashable:
    """Return a part's content as text: names that it refers to as placeholders, keys and `required` sorted."""
    if node.unique_to:
        return node.key
    if node.skeleton is not None:
        return node.skeleton
    references = [each for each in node.references if each.spelling not in (Spelling.IMPLICIT, Spelling.KEY)]
    holders = {id(holder): holder for holder in (*(each.holder for each in references), *node.unordered)}
    # A copy, because merged documents that are being served share the part itself.
    value = deep_copy(node.value, holders) if holders else node.value
    for reference in references:
        holders[id(reference.holder)][reference.key] = [_PLACEHOLDER, *reference.tail]
    for schema in node.unordered:
        holders[id(schema)]["required"] = sorted(schema["required"], key=str)
    text = _encode([value, [each.key for each in node.references if each.spelling is Spelling.IMPLICIT]])
    node.skeleton = (node.key.section, text)
    return node.skeleton
