"""One source of a merge: a validated copy of its document."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from urllib.parse import urljoin

from composer._json import Json
from composer.openapi._errors import Fault
from composer.openapi._structure import SECTIONS, as_mapping, kind_at, look_up, operations, walk

_OAUTH_URLS = ("authorizationUrl", "tokenUrl", "refreshUrl", "deviceAuthorizationUrl")
_TEXT_FIELDS = ("title", "summary", "description", "name", "operationId", "url")
# URLs with a scheme or a host, and those within the document or page itself.
_NOT_LOCAL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|#|$")
# NaN and infinities aren't JSON: with one of them, the merged document could not be served.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass
class Source:
    """Represent a source: its name, its prefix (`""` or `/notes`), and a private copy of its document.

    `serves` returns whether the app serves a path that its document doesn't contain.
    """

    name: str
    prefix: str
    document: Json
    serves: Callable[[str], bool]

    @cached_property
    def paths(self) -> re.Pattern[str]:
        """The pattern of the paths in the document."""
        templates = (re.sub(r"\\\{[^{}/]*\\\}", "[^/]+", re.escape(each)) for each in self.document.get("paths", {}))
        return re.compile("|".join(templates) or "(?!)")


def read_source(
    name: str, prefix: str, document: Any, serves: Callable[[str, str], bool]
) -> tuple[Source | None, list[Fault]]:
    """Copy and validate one document; return the copy, or None if it is malformed, and all faults of its structure."""
    faults = list(_structural_faults(name, prefix, document))
    try:
        source = Source(name, prefix.rstrip("/"), json_copy(document), partial(serves, name))
        if not faults:
            _drop_self(source.document)
    except (TypeError, ValueError, RecursionError) as error:
        return None, [*faults, Fault(name, "#", f"invalid JSON: {error}")]
    if faults:
        return None, faults
    if source.prefix:
        _relocate_oauth(source)
        _relocate_links(source)
    return source, []


def _drop_self(document: Json) -> None:
    """Drop `$self`, the document's own URI, which the merged document doesn't have, also from local references."""
    uri = document.pop("$self", None)
    for _, value, _ in walk("OpenAPI", document) if isinstance(uri, str) else ():
        for holder in (value, as_mapping(value.get("mapping"))):
            for key, reference in holder.items():
                if isinstance(reference, str) and reference.startswith(f"{uri}#") and key not in _TEXT_FIELDS:
                    holder[key] = reference.removeprefix(uri)


def json_copy(value: Any) -> Any:
    """Copy a JSON value, with numbers digit for digit; raise TypeError or ValueError if it isn't JSON."""
    return json.loads(_encode(value))


def _structural_faults(name: str, prefix: str, document: Any) -> Iterator[Fault]:
    if prefix and not prefix.startswith("/"):
        yield Fault(name, "#", f"prefix {prefix!r} must start with '/'")
    if not isinstance(document, dict):
        yield Fault(name, "#", f"expected a JSON object, got {type(document).__name__}")
        return
    version = document.get("openapi", document.get("swagger"))
    if not re.match(r"3\.[012](\.|$)", str(version)):
        yield Fault(name, "#", f"unsupported OpenAPI version: {version or 'none'} (supported: 3.0, 3.1 and 3.2)")
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


def droppable_part(tokens: tuple[str, ...], *, only_links: bool) -> tuple[str, ...]:
    """Return where the part begins that can be left out because of a fault at the tokens, or () if there is none.

    It is a link, an operation, or a component or webhook.
    """
    for length in range(1, len(tokens) + 1):
        if kind_at(tokens[:length]) == "Link":
            return tokens[:length]
    if only_links:
        return ()
    for length in range(2, len(tokens) + 1):
        if kind_at(tokens[:length]) == "Operation" or (tokens[0] == "components" and length > 2):
            return tokens[:length]
    return tokens[:2] if len(tokens) > 1 and tokens[0] in ("paths", "webhooks") else ()


def without_parts(document: Json, parts: list[tuple[str, ...]]) -> Json:
    """Return a copy of the document without the parts, and without paths that have no operation left."""
    copy: Json = json_copy(document)
    for tokens in parts:
        try:
            look_up(copy, tokens[:-1]).pop(tokens[-1], None)
        except (AttributeError, LookupError, TypeError):
            # It is in a part that was left out before.
            continue
        if tokens[0] == "paths" and not operations(as_mapping(copy["paths"].get(tokens[1]))):
            copy["paths"].pop(tokens[1], None)
    return copy


def tag_groups(document: Json) -> list[Json]:
    """Return the document's own `x-tagGroups`, or an empty list if they don't have the known form."""
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
            relocate(source, scheme, "openIdConnectUrl", "oauth2MetadataUrl")
            for flow in flows.values() if isinstance(flows, dict) else ():
                relocate(source, flow, *_OAUTH_URLS)


def _relocate_links(source: Source) -> None:
    """Relocate the links at the top level; those in operations and schemas are relocated by the normaliser's walk."""
    document = source.document
    info = document.get("info", {})
    relocate(source, info, "termsOfService")
    for holder in (info.get("contact"), info.get("license"), document.get("externalDocs")):
        relocate(source, holder, "url")
    for tag in document.get("tags", []):
        relocate(source, tag.get("externalDocs"), "url")


def relocate(source: Source, holder: Any, *keys: str) -> None:
    """Rewrite the local URLs at these keys so that they lead to the same place after mounting under the prefix.

    Relative ones are relative to the server's URL, which defaults to `/`; of absolute paths, only those move that the
    app itself serves, because others may be meant for the whole server.
    Source: OpenAPI 3.1.0, "Relative References in URLs".
    """
    for key in keys if isinstance(holder, dict) and source.prefix else ():
        url = holder.get(key)
        if not isinstance(url, str) or _NOT_LOCAL.match(url):
            continue
        if not url.startswith("/"):
            holder[key] = f"{source.prefix[1:]}/{urljoin('/', url).lstrip('/')}"
        elif _is_served(source, re.split("[?#]", url)[0].rstrip("/") or "/"):
            holder[key] = source.prefix + url


def _is_served(source: Source, path: str) -> bool:
    """Return whether the app has a path, by its document or by its routes; a slash at the end makes no difference."""
    return any(source.paths.fullmatch(each) or source.serves(each) for each in (path, f"{path.rstrip('/')}/"))
