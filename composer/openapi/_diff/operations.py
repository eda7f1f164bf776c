"""The comparison of operations: parameters, bodies, responses, callbacks, security."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from composer._json import Json
from composer.openapi._diff.document import Document, as_schema, canonical
from composer.openapi._diff.keywords import Effect, Side, documentation_changes
from composer.openapi._diff.schemas import PairKey, SchemaChanges
from composer.openapi._structure import as_list, as_mapping, operations


class OperationChange(NamedTuple):
    """Represent a change at a place; with a `key`, all changes of that pair of schemas below the place."""

    where: str
    breaking: bool
    what: str
    key: PairKey | None = None


# OpenAPI ignores parameters for these headers, because other fields describe them.
_IGNORED_HEADERS: Final = ("accept", "content-type", "authorization")
_DEFAULT_STYLES: Final = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}
_SERIALISATION: Final = ("style", "explode", "allowReserved", "allowEmptyValue")
# Fields of a security scheme that don't affect which credentials it accepts.
_DESCRIPTIVE_FIELDS: Final = ("description", "bearerFormat")


class OperationChanges:
    """Compare operations; their schemas are added to `schemas`, which compares them later."""

    def __init__(self, old: Document, new: Document, schemas: SchemaChanges) -> None:
        self.old = old
        self.new = new
        self.schemas = schemas

    def compare_items(self, old: Json, new: Json, side: Side, where: str = "") -> Iterator[OperationChange]:
        """Yield what changed in path items: those of `paths`, of a callback or of a webhook.

        `side` is who sends the requests: the client, or the server for a callback.
        """
        for path_old, path_new in _match_paths(old, new):
            item_old, item_new = self.old.follow(old.get(path_old)), self.new.follow(new.get(path_new))
            path = path_new or path_old
            if path_old in old and path_new in new:
                yield from _documentation_changes(f"{where}{path}", item_old, item_new)
            left, right = operations(item_old), operations(item_new)
            for method in sorted(left.keys() | right.keys()):
                place = f"{where}{method.upper()} {path}".rstrip()
                if method in left and method in right:
                    was = _effective_operation(self.old, item_old, left[method], path_old)
                    now = _effective_operation(self.new, item_new, right[method], path_new)
                    yield from _renamed_path_parameters(place, path_old, path_new)
                    yield from self._compare_operation(place, was, now, side)
                else:
                    yield _added_or_removed(place, "operation", method in left)

    def _compare_operation(self, where: str, old: Json, new: Json, side: Side) -> Iterator[OperationChange]:
        yield from _documentation_changes(where, old, new)
        if old.get("operationId") != new.get("operationId"):
            was, now = old.get("operationId", "none"), new.get("operationId", "none")
            yield OperationChange(where, True, f"operationId changed from {was} to {now}")
        for key in ("tags", "servers"):
            if canonical(old.get(key, [])) != canonical(new.get(key, [])):
                yield OperationChange(where, False, f"{key} changed")
        yield from self._compare_security(where, old, new)
        yield from self._compare_parameters(where, old, new, side)
        yield from self._compare_body(f"{where} request", old, new, side)
        yield from self._compare_responses(where, *_fields("responses", old, new), side.opposite())
        yield from self._compare_callbacks(where, *_fields("callbacks", old, new), side)

    # -- parameters ----------------------------------------------------------------------------------------

    def _compare_parameters(self, where: str, old: Json, new: Json, side: Side) -> Iterator[OperationChange]:
        left, right = old["parameters"], new["parameters"]
        for key in sorted(left.keys() | right.keys()):
            was, now = left.get(key), right.get(key)
            place, style = f"{where} {key[0]} parameter {(now or was)['name']}", _DEFAULT_STYLES.get(key[0], "simple")
            yield from self._compare_parameter(place, "parameter", was, now, side, style)

    def _compare_parameter(
        self, where: str, what: str, old: Json | None, new: Json | None, side: Side, style: str
    ) -> Iterator[OperationChange]:
        """Compare a parameter or a header; None if it doesn't exist."""
        if old is None or new is None:
            yield _added_or_removed(where, what, new is None, new, side)
        else:
            yield from _required_changes(where, old, new, side)
            yield from self._compare_value(where, old, new, side, style)

    def _compare_value(self, where: str, old: Json, new: Json, side: Side, style: str) -> Iterator[OperationChange]:
        """Compare the fields that parameters and headers have in common."""
        yield from _documentation_changes(where, old, new)
        if ("content" in old) != ("content" in new) or _serialisation(old, style) != _serialisation(new, style):
            yield OperationChange(where, True, "serialisation changed")
        if "content" in old and "content" in new:
            yield from self._compare_content(where, old, new, side)
        elif "content" not in old and "content" not in new:
            yield self._compare_schema(where, old, new, side)

    def _compare_schema(self, where: str, old: Json, new: Json, side: Side, keyword: str = "schema") -> OperationChange:
        was, now = ((as_schema(holder.get(keyword, True)),) for holder in (old, new))
        return OperationChange(where, False, "", self.schemas.add(was, now, side))

    # -- bodies --------------------------------------------------------------------------------------------

    def _compare_body(self, where: str, old: Json, new: Json, side: Side) -> Iterator[OperationChange]:
        was, now = self.old.follow(old.get("requestBody")), self.new.follow(new.get("requestBody"))
        if "requestBody" in old and "requestBody" in new:
            yield from _documentation_changes(where, was, now)
            yield from _required_changes(where, was, now, side)
            yield from self._compare_content(where, was, now, side)
        elif "requestBody" in old or "requestBody" in new:
            yield _added_or_removed(where, "body", "requestBody" in old, now, side)

    def _compare_responses(self, where: str, old: Json, new: Json, side: Side) -> Iterator[OperationChange]:
        for status in sorted(key for key in old.keys() | new.keys() if key[:2] != "x-"):
            place = f"{where} response {status}"
            if status in old and status in new:
                was, now = self.old.follow(old[status]), self.new.follow(new[status])
                yield from _documentation_changes(place, was, now)
                yield from self._compare_headers(place, was, now, side)
                yield from self._compare_content(place, was, now, side)
                yield from self._compare_links(place, *_fields("links", was, now))
            else:
                yield _added_or_removed(place, "response", status in old)

    def _compare_content(self, where: str, old: Json, new: Json, side: Side) -> Iterator[OperationChange]:
        left, right = _media_types(self.old, old), _media_types(self.new, new)
        for kind in sorted(left.keys() | right.keys()):
            place = f"{where} {kind}"
            if kind in left and kind in right:
                yield from _documentation_changes(place, left[kind], right[kind])
                yield from self._compare_encoding(place, left[kind], right[kind], side)
                yield self._compare_schema(place, left[kind], right[kind], side)
                yield self._compare_schema(f"{place} item", left[kind], right[kind], side, "itemSchema")
            else:
                yield _added_or_removed(place, "media type", kind in left)

    def _compare_encoding(self, where: str, old: Json, new: Json, side: Side) -> Iterator[OperationChange]:
        left, right = _fields("encoding", old, new)
        for name in sorted(left.keys() | right.keys()):
            place, was, now = f"{where} encoding {name}", as_mapping(left.get(name)), as_mapping(right.get(name))
            written = [{key: each[key] for key in each if key != "headers"} for each in (was, now)]
            if canonical(written[0]) != canonical(written[1]):
                yield OperationChange(place, True, "encoding changed")
            yield from self._compare_headers(place, was, now, side)

    def _compare_headers(self, where: str, old: Json, new: Json, side: Side) -> Iterator[OperationChange]:
        left, right = _headers(self.old, old), _headers(self.new, new)
        for key in sorted(left.keys() | right.keys()):
            was, now = left.get(key), right.get(key)
            place = f"{where} header {(now or was or {})['name']}"
            yield from self._compare_parameter(place, "header", was, now, side, "simple")

    def _compare_links(self, where: str, old: Json, new: Json) -> Iterator[OperationChange]:
        for name in sorted(old.keys() | new.keys()):
            if name not in old or name not in new:
                yield _added_or_removed(f"{where} link {name}", "link", name in old)
                continue
            was, now = dict(self.old.follow(old[name])), dict(self.new.follow(new[name]))
            yield from _documentation_changes(f"{where} link {name}", was, now)
            for key in ("description", "server"):
                was.pop(key, None), now.pop(key, None)
            if canonical(was) != canonical(now):
                yield OperationChange(f"{where} link {name}", True, "link changed")

    # -- callbacks, security -------------------------------------------------------------------------------

    def _compare_callbacks(self, where: str, old: Json, new: Json, side: Side) -> Iterator[OperationChange]:
        for name in sorted(old.keys() | new.keys()):
            left, right = self.old.follow(old.get(name)), self.new.follow(new.get(name))
            yield from self.compare_items(left, right, side.opposite(), f"{where} callback {name} ")

    def _compare_security(self, where: str, old: Json, new: Json) -> Iterator[OperationChange]:
        """Compare security requirements: a request must satisfy any one of them, that is, all schemes in it."""
        left, right = _requirements(self.old, old), _requirements(self.new, new)
        lost = [was for was in left if not any(_is_no_stricter(now, was) for now in right)]
        for was in lost:
            yield OperationChange(where, True, _describe_lost(was, right))
        accepted = [now for now in right if not any(_is_no_stricter(was, now) for was in left)]
        if accepted and not lost:
            yield OperationChange(where, False, f"security now accepts {_describe(accepted)}")


def _added_or_removed(
    where: str, what: str, removed: bool, new: Json | None = None, side: Side = Side.RESPONSE
) -> OperationChange:
    """Return the change for a removed part, which breaks, or an added one, which breaks if clients must send it."""
    required = not removed and (new or {}).get("required") is True
    text = f"{'required ' if required else ''}{what} {'removed' if removed else 'added'}"
    return OperationChange(where, removed or (required and side is Side.REQUEST), text)


def _required_changes(where: str, old: Json, new: Json, side: Side) -> Iterator[OperationChange]:
    was, now = old.get("required") is True, new.get("required") is True
    if was != now:
        effect = Effect.NARROWS if now else Effect.WIDENS
        yield OperationChange(where, effect.breaks(side), "became required" if now else "became optional")


def _documentation_changes(where: str, old: Json, new: Json) -> Iterator[OperationChange]:
    for what in documentation_changes(old, new):
        yield OperationChange(where, False, what)


# -- paths and parameters ----------------------------------------------------------------------------------


def _match_paths(old: Json, new: Json) -> list[tuple[str, str]]:
    """Pair the paths that are equal apart from parameter names; a path without a counterpart is paired with itself."""
    taken = {_without_names(path): path for path in new if path not in old and path.startswith("/")}
    pairs = {}
    for path in old:
        pairs[path] = path if path in new else taken.pop(_without_names(path), path)
    rest = new.keys() - set(pairs.values())
    return sorted(pair for pair in [*pairs.items(), *((path, path) for path in rest)] if pair[0][:2] != "x-")


def _without_names(path: str) -> str:
    return re.sub(r"\{[^{}]*\}", "{}", path)


def _parameter_names(path: str) -> list[str]:
    return re.findall(r"\{([^{}]*)\}", path)


def _renamed_path_parameters(where: str, old: str, new: str) -> Iterator[OperationChange]:
    for was, now in zip(_parameter_names(old), _parameter_names(new), strict=True):
        if was != now:
            yield OperationChange(where, True, f"path parameter renamed from {was} to {now}")


def _effective_operation(document: Document, item: Json, operation: Json, path: str) -> Json:
    """Return an operation with the fields that it inherits from its path item, and its parameters by key."""
    parameters = [*as_list(item.get("parameters")), *as_list(operation.get("parameters"))]
    keyed = [_keyed_parameter(document.follow(parameter), path) for parameter in parameters]
    servers = operation.get("servers", item.get("servers", []))
    return {**operation, "servers": servers, "parameters": dict(pair for pair in keyed if pair is not None)}


def _keyed_parameter(parameter: Json, path: str) -> tuple[tuple[str, str], Json] | None:
    """Return a parameter with its key: location and name, or the position for a path parameter; None to ignore it."""
    location, name = parameter.get("in"), parameter.get("name")
    if not isinstance(location, str) or not isinstance(name, str):
        return None
    key = name.lower() if location == "header" else name
    if location == "path" and name in _parameter_names(path):
        key = f"{_parameter_names(path).index(name):03}"
    return None if location == "header" and key in _IGNORED_HEADERS else ((location, key), parameter)


def _headers(document: Document, holder: Json) -> dict[str, Json]:
    named = {name.lower(): {**document.follow(value), "name": name} for name, value in _entries(holder, "headers")}
    named.pop("content-type", None)
    return named


def _media_types(document: Document, holder: Json) -> dict[str, Json]:
    return {name.lower().replace(" ", ""): document.follow(value) for name, value in _entries(holder, "content")}


def _entries(holder: Json, key: str) -> list[tuple[str, Any]]:
    return list(as_mapping(holder.get(key)).items())


def _fields(key: str, old: Json, new: Json) -> tuple[Json, Json]:
    return as_mapping(old.get(key)), as_mapping(new.get(key))


def _serialisation(value: Json, style: str) -> str:
    written = {key: value.get(key, False) for key in _SERIALISATION} | {"style": value.get("style", style)}
    return canonical(written | {"explode": value.get("explode", written["style"] == "form")})


# -- security ----------------------------------------------------------------------------------------------


class _RequiredScheme(NamedTuple):
    """Represent a scheme in a security requirement.

    Attributes:
        name: The scheme's name.
        definition: Its definition as text, without OAuth flows.
        flows: Its OAuth flows.
        scopes: The scopes that the requirement asks for.
    """

    name: str
    definition: str
    flows: Json
    scopes: frozenset[str]


# A request satisfies a requirement if it satisfies all of its schemes.
_Requirement: TypeAlias = list[_RequiredScheme]


def _requirements(document: Document, operation: Json) -> list[_Requirement]:
    schemes = as_mapping(as_mapping(document.json.get("components")).get("securitySchemes"))
    security = operation.get("security", document.json.get("security"))
    alternatives = [as_mapping(each).items() for each in as_list(security) or [{}]]
    return [
        [_required_scheme(document, name, schemes.get(name, name), scopes) for name, scopes in each]
        for each in alternatives
    ]


def _required_scheme(document: Document, name: str, scheme: Any, scopes: Any) -> _RequiredScheme:
    """Return a required scheme, with a definition that doesn't depend on its name and description."""
    fields = document.follow(scheme)
    value = {key: fields[key] for key in fields if key not in _DESCRIPTIVE_FIELDS and key[:2] != "x-"}
    if isinstance(value.get("scheme"), str):
        value["scheme"] = value["scheme"].lower()
    flows = {kind: as_mapping(flow) for kind, flow in as_mapping(value.pop("flows", None)).items() if kind[:2] != "x-"}
    return _RequiredScheme(name, canonical(value or scheme), flows, frozenset(map(str, as_list(scopes))))


def _accepts(new: _RequiredScheme, old: _RequiredScheme) -> bool:
    """Return whether the new scheme accepts the credentials of each flow of the old one, regardless of scopes."""
    flows = old.flows.items()
    are_kept = all(kind in new.flows and _is_compatible_flow(new.flows[kind], flow) for kind, flow in flows)
    return new.definition == old.definition and are_kept


def _is_compatible_flow(new: Json, old: Json) -> bool:
    """Return whether clients of the old flow keep working: the URLs are the same, and all scopes are available."""
    stays = all(new.get(key) == old[key] for key in old if key != "scopes" and key[:2] != "x-")
    return stays and as_mapping(old.get("scopes")).keys() <= as_mapping(new.get("scopes")).keys()


def _is_no_stricter(new: _Requirement, old: _Requirement) -> bool:
    return all(any(_accepts(each, known) and each.scopes <= known.scopes for known in old) for each in new)


def _describe_lost(was: _Requirement, requirements: list[_Requirement]) -> str:
    if not was:
        return f"security now required: {_describe(requirements)}"
    scopes = frozenset[str]().union(*(known.scopes for known in was))
    for now in requirements:
        missing = {scope for each in now for scope in each.scopes} - scopes
        if missing and len(now) == len(was) and all(any(_accepts(each, known) for known in was) for each in now):
            return f"security {_describe([was])} requires more scopes: {', '.join(sorted(missing))}"
    if any(_names(now) == _names(was) for now in requirements):
        return f"security {_describe([was])} changed"
    return f"security {_describe([was])} no longer sufficient"


def _describe(requirements: list[_Requirement]) -> str:
    return " or ".join(" and ".join(_names(each)) or "anonymous requests" for each in requirements)


def _names(requirement: _Requirement) -> list[str]:
    return sorted(each.name for each in requirement)
