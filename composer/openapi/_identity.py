"""Which named parts of the documents are the same, compared through everything that they refer to."""

import json
from collections.abc import Hashable
from typing import Any

from composer.openapi._graph import Form, Key, Node

_GAP = "\0"


def colours(nodes: dict[Key, Node]) -> dict[Key, int]:
    """Give each part a number, the same to two if and only if no path of references tells them apart.

    All begin with what they are without the names that they mention; then parts that mention unlike ones are
    told apart until nothing changes. Cycles need no care this way.
    """
    edges = {key: node.edges() for key, node in nodes.items()}
    colour = _numbered({key: _skeleton(node) for key, node in nodes.items()})
    known = 0
    while known < len(set(colour.values())):
        known = len(set(colour.values()))
        colour = _numbered({key: (colour[key], *[colour[each] for each in edges[key]]) for key in nodes})
    return colour


def _numbered(marks: dict[Key, Hashable]) -> dict[Key, int]:
    numbers: dict[Hashable, int] = {}
    return {key: numbers.setdefault(mark, len(numbers)) for key, mark in marks.items()}


def _skeleton(node: Node) -> Hashable:
    """Return a part's own text with a gap for every name that it mentions, keys and `required` in order."""
    if node.only:
        return (node.only, node.key.section, node.key.name)
    undo: list[tuple[Any, Any, Any]] = []
    unwritten: list[str] = []
    for site in node.sites:
        if site.form is Form.IMPLICIT:
            unwritten.append(site.key)
        else:
            undo.append((site.holder, site.key, site.holder[site.key]))
            site.holder[site.key] = [_GAP, *site.tail]
    for schema in node.sets:
        undo.append((schema, "required", schema["required"]))
        schema["required"] = sorted(schema["required"], key=str)
    text = json.dumps([node.value, unwritten], sort_keys=True)
    for holder, key, value in reversed(undo):
        holder[key] = value
    return (node.key.section, text)
