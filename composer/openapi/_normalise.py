"""The normal form that documents need before they can be merged; it depends on what they have in common."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from composer._json import Json
from composer.openapi._source import Source, json_copy, relocate
from composer.openapi._structure import from_pointer, kind_at, look_up, operations, walk
from composer.openapi._upgrade import upgrade_object


class CommonFields(NamedTuple):
    """Represent what the documents of a merge have in common: the version, and how to treat the top-level fields.

    A field that is in `different` moves from the top level to the operations or schemas that it applies to.
    """

    version: str
    keeps_servers: bool
    different: frozenset[str]


def top_fields(document: Json) -> dict[str, str]:
    """Return the top-level fields of a document that isn't normalised yet, as text that can be compared with others."""
    fields = {key: json.dumps(document.get(key), sort_keys=True) for key in ("servers", "jsonSchemaDialect")}
    return {"openapi": document["openapi"], "security": _resolved_security(document), **fields}


def common_fields(tops: list[dict[str, str]], servers: str) -> CommonFields:
    """Return what the documents have in common."""
    version = max((top["openapi"] for top in tops), key=_version_key, default="3.1.0")
    different = {key for top in tops[1:] for key in top if top[key] != tops[0][key]}
    return CommonFields(version, servers == "keep", frozenset(different))


def _version_key(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _resolved_security(document: Json) -> str:
    """Return the top-level security with the definitions of its schemes, as comparable text."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    requirements = document.get("security")
    names = sorted({name for each in requirements or [] if isinstance(each, dict) for name in each})
    return json.dumps([requirements, [[name, _resolved_scheme(schemes, name)] for name in names]], sort_keys=True)


def _resolved_scheme(schemes: Json, name: str) -> Any:
    seen: set[str] = set()
    scheme = schemes.get(name)
    while isinstance(scheme, dict) and isinstance(scheme.get("$ref"), str) and name not in seen:
        seen.add(name)
        name = scheme["$ref"].rpartition("/")[2]
        scheme = schemes.get(name)
    return scheme


class Normaliser:
    """Bring one document into normal form, in place: its top-level fields first, then each object during a walk."""

    def __init__(self, source: Source, common: CommonFields) -> None:
        document = source.document
        self._source = source
        self._must_upgrade = common.version >= "3.1" and document["openapi"] < "3.1"
        self._edits: dict[str, Callable[[Json], None]] = {}
        if not common.keeps_servers:
            # The composition is the server.
            document.pop("servers", None)
            self._edits["Link"] = lambda link: link.pop("server", None)
        self._keeps_servers = common.keeps_servers
        self._servers = document.pop("servers", None) if "servers" in common.different else None
        if "security" in common.different and "security" in document:
            security = document.pop("security")
            self._edits["Operation"] = lambda operation: operation.setdefault("security", json_copy(security))
        self._dialect = document.pop("jsonSchemaDialect", None) if "jsonSchemaDialect" in common.different else None
        if self._dialect is not None:
            self._edits.update(dict.fromkeys(("Parameter", "Header", "MediaType"), self._add_dialect))

    def normalise_document(self) -> None:
        """Normalise what depends on the document as a whole; call it before the walk."""
        if not self._keeps_servers:
            _drop_servers(self._source.document)

    def normalise_part(self, section: str, value: Any) -> None:
        """Normalise a component or path item; call it before walking it."""
        if section in ("paths", "pathItems", "webhooks") and isinstance(value, dict):
            self._add_servers(value)
        elif section == "schemas" and self._dialect is not None:
            self._add_dialect({"schema": value})

    def normalise_object(self, kind: str, value: Json) -> None:
        """Normalise one object; call it before walking into it."""
        if self._must_upgrade:
            upgrade_object(kind, value)
        if kind in self._edits:
            self._edits[kind](value)
        if "externalDocs" in value and kind in ("Operation", "Schema"):
            relocate(self._source, value["externalDocs"], "url")
        elif kind == "Example":
            relocate(self._source, value, "externalValue")

    def _add_servers(self, item: Json) -> None:
        """Add the top-level servers to a path item with operations that has none of its own."""
        if self._servers is not None and operations(item):
            item.setdefault("servers", json_copy(self._servers))

    def _add_dialect(self, holder: Json) -> None:
        schema = holder.get("schema")
        if isinstance(schema, dict) and ("$ref" not in schema or len(schema) > 1):
            schema.setdefault("$schema", self._dialect)


def _drop_servers(document: Json) -> None:
    """Drop the servers of all path items that `paths` contains or refers to.

    Those of callbacks and webhooks are other servers, and stay. A path item that both refer to stays as it is for the
    callback or webhook, and the path gets a copy without servers.
    """
    paths = document.get("paths", {})
    has_references = any("$ref" in item for item in paths.values() if isinstance(item, dict))
    outgoing = _outgoing_items(document) if has_references else set()
    for path, item in paths.items():
        chain = list(_reference_chain(document, item))
        if any(id(each) in outgoing and _has_servers(each) for each in chain):
            chain = [json_copy(_combined_item(chain))]
            paths[path] = chain[0]
        for each in chain:
            for holder in _server_holders(each):
                holder.pop("servers", None)


def _outgoing_items(document: Json) -> set[int]:
    """Return the `id()` of all path items that callbacks and webhooks contain or refer to: requests that apps send."""
    holders = (document.get("paths", {}), document.get("components", {}).get("pathItems", {}))
    referable = {id(item) for holder in holders for item in holder.values()}
    items = [obj.value for obj in walk("OpenAPI", document) if obj.kind == "PathItem"]
    return {id(each) for item in items if id(item) not in referable for each in _reference_chain(document, item)}


def _reference_chain(document: Json, item: Any) -> Iterator[Json]:
    """Yield a path item and those that it refers to, in turn, as long as they are path items of this document."""
    seen: set[int] = set()
    while isinstance(item, dict) and id(item) not in seen:
        seen.add(id(item))
        yield item
        reference = item.get("$ref")
        tokens = from_pointer(reference) if isinstance(reference, str) and reference.startswith("#/") else ()
        try:
            item = look_up(document, tokens) if kind_at(tokens) == "PathItem" else None
        except LookupError:
            return


def _combined_item(items: list[Json]) -> Json:
    """Return one path item equivalent to a chain of references, where earlier ones override later ones."""
    combined = {key: value for item in reversed(items) for key, value in item.items()}
    combined.pop("$ref", None)
    return combined | {key: items[-1][key] for key in ("$ref",) if key in items[-1]}


def _server_holders(item: Json) -> list[Json]:
    return [item, *operations(item).values()]


def _has_servers(item: Json) -> bool:
    return any("servers" in holder for holder in _server_holders(item))
