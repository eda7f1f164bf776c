"""A YAML 1.2 loader with the types of JSON; PyYAML itself implements 1.1, where NO is false and 12:30 is 750.

Imported only where a document is YAML: PyYAML takes longer to import than a merge takes.
"""

import re
from typing import Any, Final

import yaml

_TAG_PREFIX: Final = "tag:yaml.org,2002:"
_STRING_TAG: Final = _TAG_PREFIX + "str"
# The types of plain scalars: name, pattern, possible first characters. Source: YAML 1.2.2, section 10.3.2, core schema.
# `<<` isn't part of that schema, but is common in documents and supported by most tools.
_IMPLICIT_TYPES: Final = [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    ("merge", r"<<", "<"),
]
# Source: OpenAPI 3.1.0, "Format": only the tags of the JSON schema ruleset, and keys that are strings.
_JSON_TAGS: Final = [_TAG_PREFIX + name for name in ("null", "bool", "int", "float", "str", "seq", "map")]


class Loader(yaml.CSafeLoader):
    """Load YAML 1.2 with the types of JSON: dates are strings, and so is every key, such as `200`, `on` or `010`."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping with keys as written; raise YAMLError if a key isn't a scalar."""
        self.flatten_mapping(node)
        node.value = [(_as_string(key), value) for key, value in node.value]
        return super().construct_mapping(node, deep)

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        """Construct an integer: octal after `0o`, hexadecimal after `0x`, else decimal, whatever its leading zeros."""
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
