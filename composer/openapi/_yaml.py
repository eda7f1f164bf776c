"""YAML 1.2 read as the JSON data that it stands for; PyYAML itself reads 1.1, where NO is false and 12:30 is 750.

Imported only where a document is YAML: PyYAML takes longer to import than a merge takes.
"""

import re
from typing import Any, Final

import yaml

_TAG: Final = "tag:yaml.org,2002:"
_TEXT: Final = _TAG + "str"
# What text without quotes stands for, by what it may begin with. Source: YAML 1.2.2, section 10.3.2, the core schema.
# `<<` isn't part of it, but is what the makers of documents and all their tools know.
_PLAIN: Final = [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    ("merge", r"<<", "<"),
]
# Source: OpenAPI 3.1.0, "Format": no tags but those of JSON, and keys that are texts.
_TAGS: Final = [_TAG + name for name in ("null", "bool", "int", "float", "str", "seq", "map")]


class Loader(yaml.CSafeLoader):
    """Read YAML 1.2 with the types of JSON; a date is text, and so is every key: `200`, `on` or `010`."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return an object; raise YAMLError where a key is no text."""
        self.flatten_mapping(node)
        node.value = [(_as_text(key), value) for key, value in node.value]
        return super().construct_mapping(node, deep)

    def integer(self, node: yaml.ScalarNode) -> int:
        """Return a whole number: decimal, whatever it begins with, octal after `0o` or hexadecimal after `0x`."""
        text = str(self.construct_scalar(node))
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)


def _as_text(key: yaml.Node) -> yaml.Node:
    return yaml.ScalarNode(_TEXT, key.value, key.start_mark, key.end_mark) if isinstance(key, yaml.ScalarNode) else key


Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in _PLAIN:
    Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), list(_first))
Loader.yaml_constructors = {tag: yaml.CSafeLoader.yaml_constructors[tag] for tag in (*_TAGS, None)}
Loader.add_constructor(_TAG + "int", Loader.integer)
