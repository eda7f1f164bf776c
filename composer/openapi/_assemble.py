"""The merged document, put together from documents whose names no longer collide."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from composer.openapi._faults import Fault
from composer.openapi._graph import Graph, Key, Node
from composer.openapi._shape import METHODS, SECTIONS, Json, from_pointer, look_up, pointer
from composer.openapi._source import Source, copy_of, tag_groups

_MERGED = {"openapi", "info", "paths", "webhooks", "components", "tags", "x-tagGroups", "security", "servers"}
_SAME = ("jsonSchemaDialect", "servers", "security")


def collisions(sources: list[Source]) -> Iterator[Fault]:
    """Yield a fault for each operation for which the merged document has no place: another app's is there.

    It is said of the app with the shorter prefix, since requests go to the longest that fits.
    """
    seen: dict[tuple[str, str], Source] = {}
    for source in reversed(sources):
        for path, item in _paths(source.document).items():
            methods = METHODS & item.keys() if "$ref" not in item else METHODS
            for method in sorted(methods):
                place = (re.sub(r"\{[^{}/]*\}", "{}", source.prefix + path), method)
                other = seen.setdefault(place, source)
                if other is not source:
                    where = ((((), "paths"), path), method)
                    message = f"{source.prefix}{path} is {method.upper()} of the app {other.name} already"
                    yield Fault(source.name, pointer(where), message)


def _paths(document: Json) -> dict[str, Json]:
    paths = document.get("paths", {})
    return {path: item for path, item in paths.items() if path.startswith("/") and isinstance(item, dict)}


def assemble(graphs: list[Graph], nodes: list[Node], names: dict[Key, str], head: Json) -> Json:
    """Return the merged document: `head`, then what the renamed documents hold, each thing once."""
    sources = [graph.source for graph in graphs]
    merged: Json = {**head, "paths": {}}
    for source in sources[:1]:
        # Whatever differed at the top has been pushed down.
        merged.update({key: source.document[key] for key in _SAME if key in source.document})
    components: Json = {}
    for node in nodes:
        components.setdefault(node.key.section, {})[names[node.key]] = node.value
    if components or any("components" in source.document for source in sources):
        merged["components"] = {section: components[section] for section in SECTIONS if section in components}
    for graph in graphs:
        for path, item in _paths(graph.source.document).items():
            _put(merged, names[graph.key("paths", path)], item)
        for name, item in graph.source.document.get("webhooks", {}).items():
            merged.setdefault("webhooks", {})[names[graph.key("webhooks", name)]] = item
    tags = {tag["name"]: tag for source in reversed(sources) for tag in source.document.get("tags", [])}
    order = dict.fromkeys(tag["name"] for source in sources for tag in source.document.get("tags", []))
    if tags:
        merged["tags"] = [tags[name] for name in order]
    if len(sources) == 1:
        merged.update(_rest(sources[0].document))
    elif groups := _tag_groups(graphs, names):
        merged["x-tagGroups"] = groups
    return merged


def _rest(document: Json) -> Json:
    rest = {key: value for key, value in document.items() if key not in _MERGED}
    return rest | {key: document[key] for key in ("x-tagGroups",) if key in document}


def _put(merged: Json, path: str, item: Json) -> None:
    """Put a path item under its path; where two apps share one, leave nothing that is said of both."""
    there = merged["paths"].setdefault(path, item)
    if there is not item:
        for each in (there, item):
            _push_into_operations(merged, each)
        there.update({method: item[method] for method in METHODS & item.keys()})


def _push_into_operations(merged: Json, item: Json) -> None:
    shared = {key: item.pop(key) for key in item.keys() - METHODS}
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


def _tag_groups(graphs: list[Graph], names: dict[Key, str]) -> list[Json]:
    """Group the tags by app, or as the app grouped them; not at all where that would hide an operation."""
    groups: dict[str, dict[str, None]] = {}
    for graph in graphs:
        if any(spot.kind == "Operation" and not spot.value.get("tags") for _, spot in graph.spots):
            return []
        own = {key: names[key] for key in graph.nodes if key.section == "tags"}
        made = tag_groups(graph.source.document)
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
    return {"prefix": source.prefix, "info": source.document.get("info", {}), **_rest(source.document)}


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
        _object(each) for each in (info.get("contact"), info.get("license"), document.get("externalDocs"))
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


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
