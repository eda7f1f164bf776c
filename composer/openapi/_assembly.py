"""The assembly of the merged document, once names no longer conflict."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from composer._json import Json
from composer.openapi._errors import Fault
from composer.openapi._graph import Graph, Key, Node
from composer.openapi._naming import renamed_parts
from composer.openapi._source import Source, json_copy, tag_groups
from composer.openapi._structure import (
    SECTIONS,
    STANDARD_METHODS,
    as_mapping,
    operation_keys,
    operations,
    resolve,
    resolve_item,
    to_pointer,
)

_MERGED_FIELDS = {
    *("openapi", "info", "paths", "webhooks", "components", "tags", "x-tagGroups", "security", "servers"),
    "jsonSchemaDialect",
}
_EXTENDED_FIELDS = ("paths", "components")
_SHARED_FIELDS = ("jsonSchemaDialect", "servers")


def duplicate_operations(sources: list[Source]) -> Iterator[Fault]:
    """Yield a fault for each operation whose method and path another app has too.

    The fault is that of the app with the shorter prefix, because requests go to the longest matching prefix.
    """
    seen: dict[tuple[str, str], Source] = {}
    for source in reversed(sources):
        for path, item in _paths(source.document).items():
            template = re.sub(r"\{[^{}/]*\}", "{}", source.prefix + path)
            for method in sorted(_methods(source.document, item)):
                key = (template, method)
                owner = seen.setdefault(key, source)
                if owner is not source:
                    operation = f"{method.upper()} {source.prefix}{path}"
                    message = f"duplicate operation {operation}, already defined by app {owner.name}"
                    yield Fault(source.name, to_pointer(("paths", path, method)), message)


def _methods(document: Json, item: Json) -> frozenset[str]:
    """Return the methods of a path item, or all usual ones if it refers to something that can't be resolved here."""
    try:
        return frozenset(operations(resolve_item(document, item)))
    except LookupError:
        return STANDARD_METHODS


def _paths(document: Json) -> dict[str, Json]:
    paths = document.get("paths", {})
    return {path: item for path, item in paths.items() if path.startswith("/") and isinstance(item, dict)}


def assemble(graphs: list[Graph], nodes: list[Node], names: dict[Key, str], head: Json) -> Json:
    """Return the merged document: `head`, then the parts of the documents under their new names.

    The graphs aren't changed; parts without renamed references are shared with them.
    """
    merged: Json = {**head, "paths": {}}
    parts = {key: part for graph in graphs for key, part in renamed_parts(graph, names).items()}
    tops = [parts[graph.root.key] for graph in graphs]
    for graph, top in zip(graphs[:1], tops, strict=False):
        # Fields that differ between documents were moved down by the normaliser, so any document's are right.
        merged.update({key: graph.source.document[key] for key in _SHARED_FIELDS if key in graph.source.document})
        merged.update({key: top[key] for key in ("security",) if key in top})
    if nodes or any("components" in graph.source.document for graph in graphs):
        merged["components"] = _components(nodes, names, parts)
    for key, part in parts.items():
        if key.section == "paths" and isinstance(part, dict):
            _add_path_item(merged, names[key], part)
        elif key.section == "webhooks":
            merged.setdefault("webhooks", {})[names[key]] = part
    merged.update(_tags(graphs, tops, names))
    if len(graphs) == 1:
        merged.update(_other_fields(graphs[0].source.document))
        for holder, value in _extensions(graphs[0].source.document).items():
            merged[holder].update(value)
    return merged


def _components(nodes: list[Node], names: dict[Key, str], parts: dict[Key, Any]) -> Json:
    components: Json = {}
    for node in nodes:
        components.setdefault(node.key.section, {})[names[node.key]] = parts[node.key]
    return {section: components[section] for section in SECTIONS if section in components}


def _tags(graphs: list[Graph], tops: list[Json], names: dict[Key, str]) -> Json:
    tags = {tag["name"]: tag for top in reversed(tops) for tag in top.get("tags", [])}
    order = dict.fromkeys(tag["name"] for top in tops for tag in top.get("tags", []))
    merged: Json = {"tags": [tags[name] for name in order]} if tags else {}
    if len(graphs) == 1:
        return merged | {key: tops[0][key] for key in ("x-tagGroups",) if key in tops[0]}
    groups = _merged_tag_groups(graphs, tops, names)
    return merged | ({"x-tagGroups": groups} if groups else {})


def _other_fields(document: Json) -> Json:
    return {key: value for key, value in document.items() if key not in _MERGED_FIELDS}


def _extensions(document: Json) -> dict[str, Json]:
    """Return the extensions (`x-`) in `paths` and `components`."""
    fields = {key: document.get(key, {}) for key in _EXTENDED_FIELDS}
    extensions = {key: {name: field[name] for name in field if name[:2] == "x-"} for key, field in fields.items()}
    return {key: value for key, value in extensions.items() if value}


def _add_path_item(merged: Json, path: str, item: Json) -> None:
    """Add a path item; if another app has the path too, move the fields of both items into their operations."""
    existing = merged["paths"].get(path, {})
    if _methods(merged, existing) and _methods(merged, item):
        # A referenced path item may be shared with other paths, and has fields beside methods: work on a copy.
        existing, item = (json_copy(resolve_item(merged, each)) for each in (existing, item))
        for each in (existing, item):
            _push_into_operations(merged, each)
        additional = existing.get("additionalOperations", {}) | item.pop("additionalOperations", {})
        merged["paths"][path] = {**existing, **{method: item[method] for method in sorted(item)}}
        if additional:
            merged["paths"][path]["additionalOperations"] = additional
    elif not _methods(merged, existing):
        merged["paths"][path] = item


def _push_into_operations(merged: Json, item: Json) -> None:
    shared = {key: item.pop(key) for key in item.keys() - {*operation_keys(item), "additionalOperations"}}
    parameters = shared.pop("parameters", [])
    for operation in operations(item).values():
        own = operation.get("parameters", [])
        known = {_parameter_key(merged, each) for each in own}
        added = [json_copy(each) for each in parameters if _parameter_key(merged, each) not in known]
        if added:
            operation["parameters"] = added + own
        for key in sorted(shared):
            operation.setdefault(key, json_copy(shared[key]))


def _parameter_key(merged: Json, parameter: Json) -> tuple[Any, Any]:
    while isinstance(parameter.get("$ref"), str) and parameter["$ref"].startswith("#/"):
        parameter = resolve(merged, parameter["$ref"])
    return parameter.get("name"), parameter.get("in")


def _merged_tag_groups(graphs: list[Graph], tops: list[Json], names: dict[Key, str]) -> list[Json]:
    """Return tag groups by app, or the app's own; none if an operation has no tag, because viewers would hide it."""
    groups: dict[str, dict[str, None]] = {}
    for graph, top in zip(graphs, tops, strict=True):
        if graph.has_untagged:
            return []
        own = {key: names[key] for key in graph.nodes if key.section == "tags"}
        own_groups = tag_groups(top)
        for group in own_groups:
            groups.setdefault(group["name"], {}).update(dict.fromkeys(group["tags"]))
        grouped = {tag for group in own_groups for tag in group["tags"]}
        if ungrouped := [name for name in own.values() if name not in grouped]:
            groups.setdefault(graph.source.name, {}).update(dict.fromkeys(ungrouped))
    return [{"name": name, "tags": list(tags)} for name, tags in groups.items()]


def document_head(sources: list[Source], openapi: str, title: str, version: str) -> Json:
    """Return `openapi` and `info`; a single document keeps its own `info`, several are described in turn."""
    result: Json = {"openapi": openapi, "info": {"title": title, "version": version}}
    if len(sources) == 1:
        result["info"] = {**sources[0].document.get("info", {}), **result["info"]}
    elif sources:
        if descriptions := "\n".join(filter(None, map(_app_description, sources))):
            result["info"]["description"] = descriptions
        result["x-apps"] = {source.name: _app_entry(source) for source in sources}
    return result


def _app_entry(source: Source) -> Json:
    return {
        "prefix": source.prefix,
        "info": source.document.get("info", {}),
        **_other_fields(source.document),
        **_extensions(source.document),
    }


def _app_description(source: Source) -> str:
    """Return an app's description as a Markdown list item, or "" if there is nothing but a title."""
    info = source.document.get("info", {})
    lines = [info.get("summary"), info.get("description"), *_info_links(source.document)]
    paragraphs = [line for line in lines if isinstance(line, str) and line]
    # Indented text belongs to the list item, whatever Markdown it contains.
    text = "\n\n".join(paragraphs).replace("\n", "\n  ")
    return f"- **{info.get('title', source.name)}**: {text}" if text else ""


def _info_links(document: Json) -> Iterable[str]:
    info = document.get("info", {})
    contact, licence, external_docs = (
        as_mapping(each) for each in (info.get("contact"), info.get("license"), document.get("externalDocs"))
    )
    if "termsOfService" in info:
        yield f"[Terms of service]({info['termsOfService']})"
    if contact:
        address = contact.get("url") or f"mailto:{contact.get('email', '')}"
        yield f"Contact: [{contact.get('name') or contact.get('email') or address}]({address})"
    if licence:
        name = licence.get("name", "")
        yield (
            f"License: [{name}]({licence['url']})"
            if "url" in licence
            else f"License: {licence.get('identifier', name)}"
        )
    if external_docs:
        yield f"[{external_docs.get('description') or 'More'}]({external_docs.get('url', '')})"
