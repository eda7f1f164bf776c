"""One app's document, read into an own copy and brought into the form that the merge works on."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from composer.openapi._faults import Fault
from composer.openapi._shape import METHODS, SECTIONS, Json, children, walk
from composer.openapi._translate import translate

_OAUTH_URLS = ("authorizationUrl", "tokenUrl", "refreshUrl", "deviceAuthorizationUrl")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")


@dataclass
class Source:
    """Hold an app's name, its prefix (empty or `/notes`) and a copy of its document that may be changed."""

    name: str
    prefix: str
    document: Json


def read(sources: Iterable[tuple[str, str, Any]]) -> tuple[list[Source], list[Fault]]:
    """Copy and check what was given; return what is well-formed, by prefix and name, and every fault of form."""
    read: list[Source] = []
    faults: list[Fault] = []
    names: set[str] = set()
    for name, prefix, document in sources:
        found = list(_faults_of_form(name, prefix, document))
        if name in names:
            found.append(Fault(name, "#", "two sources have this name"))
        names.add(name)
        try:
            source = Source(name, prefix.rstrip("/"), copy_of(document))
        except (TypeError, ValueError, RecursionError) as error:
            faults.append(Fault(name, "#", f"isn't a JSON document: {error}"))
        else:
            read += [source] if not found else []
        faults += found
    # No result may depend on the order in which the apps are given.
    return sorted(read, key=lambda source: (source.prefix, source.name)), faults


def copy_of(value: Any) -> Any:
    """Copy a JSON value, digit for digit; raise TypeError where it isn't one."""
    return json.loads(json.dumps(value))


def _faults_of_form(name: str, prefix: str, document: Any) -> Iterator[Fault]:
    if prefix and not prefix.startswith("/"):
        yield Fault(name, "#", f"its prefix {prefix!r} doesn't start with '/'")
    if not isinstance(document, dict):
        yield Fault(name, "#", f"the document is no object but {type(document).__name__}")
        return
    version = document.get("openapi", document.get("swagger"))
    if not re.match(r"3\.[01](\.|$)", str(version)):
        yield Fault(name, "#", f"only OpenAPI 3.0 and 3.1 can be merged, this is {version or 'of no version'}")
    yield from _faults_of_lists(name, document)
    places = [(key, document) for key in ("info", "paths", "webhooks", "components")]
    if isinstance(document.get("components"), dict):
        places += [(section, document["components"]) for section in SECTIONS]
    for key, holder in places:
        if not isinstance(holder.get(key, {}), dict):
            yield Fault(name, f"#/{'' if holder is document else 'components/'}{key}", "is no object")


def _faults_of_lists(name: str, document: Json) -> Iterator[Fault]:
    for key, what in (("tags", "name"), ("security", "")):
        listed = document.get(key, [])
        entries = listed if isinstance(listed, list) else [None]
        if not all(isinstance(each, dict) and (not what or isinstance(each.get(what), str)) for each in entries):
            yield Fault(name, f"#/{key}", f"is no list of objects{f' with a {what}' if what else ''}")


def tag_groups(document: Json) -> list[Json]:
    """Return the groups of tags that the document itself makes; none where they aren't of the form that is known."""
    groups = document.get("x-tagGroups")
    known = isinstance(groups, list) and all(
        isinstance(group, dict)
        and isinstance(group.get("name"), str)
        and isinstance(group.get("tags"), list)
        and all(isinstance(tag, str) for tag in group["tags"])
        for group in groups
    )
    return groups if known and isinstance(groups, list) else []


def normalise(sources: list[Source], servers: str) -> str:
    """Bring the documents into one version, which is returned, with nothing at their tops that not all say.

    What isn't the same in all of them moves from the top to what it governs.
    """
    version = _common_version(sources)
    for source in sources:
        if version >= "3.1" and source.document["openapi"] < "3.1":
            translate(source.document)
        if servers == "host":
            _drop_servers(source.document)
        _relocate_oauth(source)
    if len({_security_meaning(source.document) for source in sources}) > 1:
        for source in sources:
            _push_down_security(source.document)
    if len({json.dumps(source.document.get("servers")) for source in sources}) > 1:
        for source in sources:
            _push_down_servers(source.document)
    if len({source.document.get("jsonSchemaDialect") for source in sources}) > 1:
        for source in sources:
            _push_down_dialect(source.document)
    return version


def _common_version(sources: list[Source]) -> str:
    def order(version: str) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", version)]

    return max((str(source.document["openapi"]) for source in sources), key=order, default="3.1.0")


def _drop_servers(document: Json) -> None:
    # The composition is the server now. A callback or webhook is served by somebody else: its servers stay.
    document.pop("servers", None)
    for served in _served(document):
        served.pop("servers", None)
    for spot in walk("OpenAPI", document, schemas=False):
        if spot.kind == "Link":
            spot.value.pop("server", None)


def _served(document: Json) -> Iterator[Json]:
    """Yield the path items and operations that the app itself serves."""
    items = [
        *document.get("paths", {}).values(),
        *document.get("components", {}).get("pathItems", {}).values(),
    ]
    for item in items:
        if isinstance(item, dict):
            yield item
            yield from (value for key, value in item.items() if key in METHODS and isinstance(value, dict))


def _relocate_oauth(source: Source) -> None:
    for spot in walk("OpenAPI", source.document, schemas=False):
        if spot.kind == "SecurityScheme":
            flows = spot.value.get("flows")
            holders = list(flows.values()) if isinstance(flows, dict) else []
            _relocate(source, spot.value, ("openIdConnectUrl",))
            for flow in holders:
                if isinstance(flow, dict):
                    _relocate(source, flow, _OAUTH_URLS)


def _relocate(source: Source, holder: Json, keys: Iterable[str]) -> None:
    """Let relative URLs lead to where they led before the app was mounted under its prefix."""
    for key in keys:
        url = holder.get(key)
        if not source.prefix or not isinstance(url, str) or _ABSOLUTE.match(url):
            continue
        if not url.startswith("/"):
            holder[key] = source.prefix[1:] + "/" + url.removeprefix("./")
        elif url in source.document.get("paths", {}):
            holder[key] = source.prefix + url


def _security_meaning(document: Json) -> str:
    """Write the security at the top by what its schemes are, whatever else the document holds."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    requirements = document.get("security")
    names = sorted({name for each in requirements or [] if isinstance(each, dict) for name in each})
    return json.dumps([requirements, [[name, _behind(schemes, name)] for name in names]], sort_keys=True)


def _behind(schemes: Json, name: str) -> Any:
    seen: set[str] = set()
    scheme = schemes.get(name)
    while isinstance(scheme, dict) and isinstance(scheme.get("$ref"), str) and name not in seen:
        seen.add(name)
        name = scheme["$ref"].rpartition("/")[2]
        scheme = schemes.get(name)
    return scheme


def _push_down_security(document: Json) -> None:
    if "security" in document:
        value = document.pop("security")
        for spot in walk("OpenAPI", document, schemas=False):
            if spot.kind == "Operation":
                spot.value.setdefault("security", copy_of(value))


def _push_down_servers(document: Json) -> None:
    if "servers" in document:
        value = document.pop("servers")
        for item in _served(document):
            if not METHODS.isdisjoint(item):
                item.setdefault("servers", copy_of(value))


def _push_down_dialect(document: Json) -> None:
    dialect = document.pop("jsonSchemaDialect", None)
    if dialect is None:
        return
    for spot in walk("OpenAPI", document):
        if spot.kind != "Schema":
            for kind, value, _ in children(spot.kind, spot.value, ()):
                if kind == "Schema" and isinstance(value, dict):
                    value.setdefault("$schema", dialect)
