"""YAML 1.2 read as the JSON data that it stands for; PyYAML itself reads 1.1, where NO is false and 12:30 is 750.

Imported only where a document is YAML: PyYAML takes longer to import than a merge takes.
"""

import re
from typing import Any, Final

import yaml

_TAG_PREFIX: Final = "tag:yaml.org,2002:"
_STRING_TAG: Final = _TAG_PREFIX + "str"
# What text without quotes stands for, by what it may begin with. Source: YAML 1.2.2, section 10.3.2, the core schema.
# `<<` isn't part of it, but is what the makers of documents and all their tools know.
_IMPLICIT_TYPES: Final = [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    ("merge", r"<<", "<"),
]
# Source: OpenAPI 3.1.0, "Format": no tags but those of JSON, and keys that are texts.
_JSON_TAGS: Final = [_TAG_PREFIX + name for name in ("null", "bool", "int", "float", "str", "seq", "map")]


class Loader(yaml.CSafeLoader):
    """Read YAML 1.2 with the types of JSON; a date is text, and so is every key: `200`, `on` or `010`."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return an object; raise YAMLError where a key is no text."""
        self.flatten_mapping(node)
        node.value = [(_as_string(key), value) for key, value in node.value]
        return super().construct_mapping(node, deep)

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        """Return a whole number: decimal, whatever it begins with, octal after `0o` or hexadecimal after `0x`."""
        text = str(self.construct_scalar(node))
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)


def _as_string(key: yaml.Node) -> yaml.Node:
    is_scalar = isinstance(key, yaml.ScalarNode)
    return yaml.ScalarNode(_STRING_TAG, key.value, key.start_mark, key.end_mark) if is_scalar else key


Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _characters in _IMPLICIT_TYPES:
    Loader.add_implicit_resolver(_TAG_PREFIX + _name, re.compile(rf"(?:{_pattern})\Z"), list(_characters))
Loader.yaml_constructors = {tag: yaml.CSafeLoader.yaml_constructors[tag] for tag in (*_JSON_TAGS, None)}
Loader.add_constructor(_TAG_PREFIX + "int", Loader.construct_integer)
