"""The merged document, put together from documents whose names no longer collide."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from composer._json import Json
from composer.openapi._errors import Fault
from composer.openapi._graph import Graph, Key, Node
from composer.openapi._naming import renamed
from composer.openapi._source import Source, copy_of, tag_groups
from composer.openapi._structure import (
    OPERATION_METHODS,
    SECTIONS,
    from_pointer,
    look_up,
    mapping,
    to_pointer,
    whole_item,
)

_MERGED = {
    "openapi",
    "info",
    "paths",
    "webhooks",
    "components",
    "tags",
    "x-tagGroups",
    "security",
    "servers",
    "jsonSchemaDialect",
}
_HOLDERS = ("paths", "components")
_SAME = ("jsonSchemaDialect", "servers")


def collisions(sources: list[Source]) -> Iterator[Fault]:
    """Yield a fault for each operation for which the merged document has no place: another app's is there.

    It is said of the app with the shorter prefix, since requests go to the longest that fits.
    """
    seen: dict[tuple[str, str], Source] = {}
    for source in reversed(sources):
        for path, item in _paths(source.document).items():
            general = re.sub(r"\{[^{}/]*\}", "{}", source.prefix + path)
            for method in sorted(_methods(source.document, item)):
                place = (general, method)
                other = seen.setdefault(place, source)
                if other is not source:
                    message = f"{source.prefix}{path} is {method.upper()} of the app {other.name} already"
                    yield Fault(source.name, to_pointer(("paths", path, method)), message)


def _methods(document: Json, item: Json) -> frozenset[str]:
    """Return the methods of a path item; all of them where what it refers to can't be read here."""
    try:
        return OPERATION_METHODS & whole_item(document, item).keys()
    except LookupError:
        return OPERATION_METHODS


def _paths(document: Json) -> dict[str, Json]:
    paths = document.get("paths", {})
    return {path: item for path, item in paths.items() if path.startswith("/") and isinstance(item, dict)}


def assemble(graphs: list[Graph], nodes: list[Node], names: dict[Key, str], head: Json) -> Json:
    """Return the merged document: `head`, then what the documents hold under their new names, each thing once.

    The graphs stay as they are; what has no new name in it is shared with them.
    """
    merged: Json = {**head, "paths": {}}
    parts = {key: part for graph in graphs for key, part in renamed(graph, names).items()}
    tops = [parts[graph.root.key] for graph in graphs]
    for graph, top in zip(graphs[:1], tops, strict=False):
        # Whatever differed at the top has been pushed down.
        merged.update({key: graph.source.document[key] for key in _SAME if key in graph.source.document})
        merged.update({key: top[key] for key in ("security",) if key in top})
    if nodes or any("components" in graph.source.document for graph in graphs):
        merged["components"] = _components(nodes, names, parts)
    for key, part in parts.items():
        if key.section == "paths" and isinstance(part, dict):
            _put(merged, names[key], part)
        elif key.section == "webhooks":
            merged.setdefault("webhooks", {})[names[key]] = part
    merged.update(_tagged(graphs, tops, names))
    if len(graphs) == 1:
        merged.update(_rest(graphs[0].source.document))
        for holder, value in _extensions(graphs[0].source.document).items():
            merged[holder].update(value)
    return merged


def _components(nodes: list[Node], names: dict[Key, str], parts: dict[Key, Any]) -> Json:
    found: Json = {}
    for node in nodes:
        found.setdefault(node.key.section, {})[names[node.key]] = parts[node.key]
    return {section: found[section] for section in SECTIONS if section in found}


def _tagged(graphs: list[Graph], tops: list[Json], names: dict[Key, str]) -> Json:
    tags = {tag["name"]: tag for top in reversed(tops) for tag in top.get("tags", [])}
    order = dict.fromkeys(tag["name"] for top in tops for tag in top.get("tags", []))
    found: Json = {"tags": [tags[name] for name in order]} if tags else {}
    if len(graphs) == 1:
        return found | {key: tops[0][key] for key in ("x-tagGroups",) if key in tops[0]}
    groups = _tag_groups(graphs, tops, names)
    return found | ({"x-tagGroups": groups} if groups else {})


def _rest(document: Json) -> Json:
    return {key: value for key, value in document.items() if key not in _MERGED}


def _extensions(document: Json) -> dict[str, Json]:
    """Return what stands beside the paths and components under names of the maker's own."""
    found = {
        key: {name: value for name, value in document.get(key, {}).items() if name[:2] == "x-"} for key in _HOLDERS
    }
    return {key: value for key, value in found.items() if value}


def _put(merged: Json, path: str, item: Json) -> None:
    """Put a path item under its path; where two apps share one, leave nothing that is said of both."""
    there = merged["paths"].get(path, {})
    if _methods(merged, there) and _methods(merged, item):
        # What a reference leads to may be shared with other paths, and says more than methods.
        there, item = (copy_of(whole_item(merged, each)) for each in (there, item))
        for each in (there, item):
            _push_into_operations(merged, each)
        operations = {method: item[method] for method in sorted(OPERATION_METHODS & item.keys())}
        merged["paths"][path] = {**there, **operations}
    elif not _methods(merged, there):
        merged["paths"][path] = item


def _push_into_operations(merged: Json, item: Json) -> None:
    shared = {key: item.pop(key) for key in item.keys() - OPERATION_METHODS}
    parameters = shared.pop("parameters", [])
    for method in item:
        own = item[method].get("parameters", [])
        known = {_identify(merged, each) for each in own}
        added = [copy_of(each) for each in parameters if _identify(merged, each) not in known]
        if added:
            item[method]["parameters"] = added + own
        for key in sorted(shared):
            item[method].setdefault(key, copy_of(shared[key]))


def _identify(merged: Json, parameter: Json) -> tuple[Any, Any]:
    while isinstance(parameter.get("$ref"), str) and parameter["$ref"].startswith("#/"):
        parameter = look_up(merged, from_pointer(parameter["$ref"]))
    return parameter.get("name"), parameter.get("in")


def _tag_groups(graphs: list[Graph], tops: list[Json], names: dict[Key, str]) -> list[Json]:
    """Group the tags by app, or as the app grouped them; not at all where that would hide an operation."""
    groups: dict[str, dict[str, None]] = {}
    for graph, top in zip(graphs, tops, strict=True):
        if graph.untagged:
            return []
        own = {key: names[key] for key in graph.nodes if key.section == "tags"}
        made = tag_groups(top)
        for group in made:
            groups.setdefault(group["name"], {}).update(dict.fromkeys(group["tags"]))
        grouped = {tag for group in made for tag in group["tags"]}
        if left := [name for name in own.values() if name not in grouped]:
            groups.setdefault(graph.source.name, {}).update(dict.fromkeys(left))
    return [{"name": name, "tags": list(tags)} for name, tags in groups.items()]


def head(sources: list[Source], openapi: str, title: str, version: str) -> Json:
    """Return version and `info`. A single document keeps its own; several are told of one by one."""
    result: Json = {"openapi": openapi, "info": {"title": title, "version": version}}
    if len(sources) == 1:
        result["info"] = {**sources[0].document.get("info", {}), **result["info"]}
    elif sources:
        if about := "\n".join(filter(None, map(_about, sources))):
            result["info"]["description"] = about
        result["x-apps"] = {source.name: _app(source) for source in sources}
    return result


def _app(source: Source) -> Json:
    return {
        "prefix": source.prefix,
        "info": source.document.get("info", {}),
        **_rest(source.document),
        **_extensions(source.document),
    }


def _about(source: Source) -> str:
    """Write in Markdown, as an item of a list, what an app says of itself; nothing where it says but its title."""
    info = source.document.get("info", {})
    lines = [info.get("summary"), info.get("description"), *_links(source.document)]
    said = [line for line in lines if isinstance(line, str) and line]
    # What is indented belongs to the item, whatever Markdown it is.
    return f"- **{info.get('title', source.name)}**: " + "\n\n".join(said).replace("\n", "\n  ") if said else ""


def _links(document: Json) -> Iterable[str]:
    info = document.get("info", {})
    contact, licence, more = (
        mapping(each) for each in (info.get("contact"), info.get("license"), document.get("externalDocs"))
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
    if more:
        yield f"[{more.get('description') or 'More'}]({more.get('url', '')})"
