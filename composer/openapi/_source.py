"""One app's document, read into an own copy and checked for its outer form."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from composer._json import Json
from composer.openapi._errors import Fault
from composer.openapi._structure import SECTIONS

_OAUTH_URLS = ("authorizationUrl", "tokenUrl", "refreshUrl", "deviceAuthorizationUrl")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
# Infinities aren't JSON: one of them would keep the whole merged document from being served.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass
class Source:
    """Hold an app's name, its prefix (empty or `/notes`) and a copy of its document that may be changed."""

    name: str
    prefix: str
    document: Json


def read_source(name: str, prefix: str, document: Any) -> tuple[Source | None, list[Fault]]:
    """Copy and check one document; return the copy, None where it isn't well-formed, and every fault of its form."""
    faults = list(_structural_faults(name, prefix, document))
    try:
        source = Source(name, prefix.rstrip("/"), json_copy(document))
    except (TypeError, ValueError, RecursionError) as error:
        return None, [*faults, Fault(name, "#", f"invalid JSON: {error}")]
    if faults:
        return None, faults
    if source.prefix:
        _relocate_oauth(source)
        _relocate_links(source)
    return source, []


def json_copy(value: Any) -> Any:
    """Copy a JSON value, digit for digit; raise TypeError or ValueError where it isn't one."""
    return json.loads(_encode(value))


def _structural_faults(name: str, prefix: str, document: Any) -> Iterator[Fault]:
    if prefix and not prefix.startswith("/"):
        yield Fault(name, "#", f"prefix {prefix!r} must start with '/'")
    if not isinstance(document, dict):
        yield Fault(name, "#", f"expected a JSON object, got {type(document).__name__}")
        return
    version = document.get("openapi", document.get("swagger"))
    if not re.match(r"3\.[01](\.|$)", str(version)):
        yield Fault(name, "#", f"unsupported OpenAPI version: {version or 'none'} (supported: 3.0 and 3.1)")
    elif not isinstance(version, str):
        yield Fault(name, "#/openapi", "must be a string, not a number")
    yield from _list_faults(name, document)
    fields = [(key, document) for key in ("info", "paths", "webhooks", "components")]
    if isinstance(document.get("components"), dict):
        fields += [(section, document["components"]) for section in SECTIONS]
    for key, holder in fields:
        if not isinstance(holder.get(key, {}), dict):
            yield Fault(name, f"#/{'' if holder is document else 'components/'}{key}", "must be an object")


def _list_faults(name: str, document: Json) -> Iterator[Fault]:
    for key, field in (("tags", "name"), ("security", "")):
        listed = document.get(key, [])
        entries = listed if isinstance(listed, list) else [None]
        if not all(isinstance(each, dict) and (not field or isinstance(each.get(field), str)) for each in entries):
            yield Fault(name, f"#/{key}", f"must be an array of objects{f' with a {field}' if field else ''}")


def tag_groups(document: Json) -> list[Json]:
    """Return the groups of tags that the document itself makes; none where they aren't of the form that is known."""
    groups = document.get("x-tagGroups")
    is_known = isinstance(groups, list) and all(
        isinstance(group, dict)
        and isinstance(group.get("name"), str)
        and isinstance(group.get("tags"), list)
        and all(isinstance(tag, str) for tag in group["tags"])
        for group in groups
    )
    return groups if is_known and isinstance(groups, list) else []


def _relocate_oauth(source: Source) -> None:
    for scheme in source.document.get("components", {}).get("securitySchemes", {}).values():
        if isinstance(scheme, dict):
            flows = scheme.get("flows")
            relocate(source, scheme, "openIdConnectUrl")
            for flow in flows.values() if isinstance(flows, dict) else ():
                relocate(source, flow, *_OAUTH_URLS)


def _relocate_links(source: Source) -> None:
    """Relocate what stands at the top; what stands deeper is met on the walk that settles a document."""
    document = source.document
    info = document.get("info", {})
    relocate(source, info, "termsOfService")
    for holder in (info.get("contact"), info.get("license"), document.get("externalDocs")):
        relocate(source, holder, "url")
    for tag in document.get("tags", []):
        relocate(source, tag.get("externalDocs"), "url")


def relocate(source: Source, holder: Any, *keys: str) -> None:
    """Let relative URLs lead to where they led before the app was mounted under its prefix.

    They start from the server's URL, which is `/` unless the document says otherwise.
    Source: OpenAPI 3.1.0, "Relative References in URLs".
    """
    for key in keys if isinstance(holder, dict) and source.prefix else ():
        url = holder.get(key)
        if not isinstance(url, str) or _ABSOLUTE.match(url):
            continue
        if not url.startswith("/"):
            holder[key] = source.prefix[1:] + "/" + url.removeprefix("./")
        elif url in source.document.get("paths", {}):
            holder[key] = source.prefix + url
