"""What changed from one operation to another: its parameters, bodies, responses, callbacks, credentials."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from composer._json import Json
from composer.openapi._diff.document import Document, as_schema, listing, text_of
from composer.openapi._diff.keywords import Effect, Side, texts
from composer.openapi._diff.schemas import Key, SchemaChanges
from composer.openapi._structure import OPERATION_METHODS, mapping


class Found(NamedTuple):
    """Hold one difference at a place; with a `key`, whatever the two schemas differ in below that place."""

    where: str
    breaking: bool
    what: str
    key: Key | None = None


# Headers that say what others say better: as parameters they count for nothing.
_NO_PARAMETERS: Final = ("accept", "content-type", "authorization")
_STYLES: Final = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}
_SERIAL: Final = ("style", "explode", "allowReserved", "allowEmptyValue")
# What a security scheme says beside who may come in.
_HINTS: Final = ("description", "bearerFormat")


class OperationChanges:
    """Compare operations; the schemas that they hold are handed to `schemas`, to be compared later."""

    def __init__(self, old: Document, new: Document, schemas: SchemaChanges) -> None:
        self.old = old
        self.new = new
        self.schemas = schemas

    def items(self, old: Json, new: Json, side: Side, where: str = "") -> Iterator[Found]:
        """Yield what changed in the operations of path items: of `paths`, or those of a callback or webhook.

        `side` says who sends the requests: the client, or the server for a callback.
        """
        for path_old, path_new in _same_paths(old, new):
            item_old, item_new = self.old.follow(old.get(path_old)), self.new.follow(new.get(path_new))
            path = path_new or path_old
            if path_old in old and path_new in new:
                yield from _notes(f"{where}{path}", item_old, item_new)
            for method in sorted(OPERATION_METHODS & (item_old.keys() | item_new.keys())):
                place = f"{where}{method.upper()} {path}".rstrip()
                if method in item_old and method in item_new:
                    was, now = (
                        _whole(self.old, item_old, method, path_old),
                        _whole(self.new, item_new, method, path_new),
                    )
                    yield from _renamed_in_path(place, path_old, path_new)
                    yield from self._operation(place, was, now, side)
                else:
                    yield _gone_or_new(place, "operation", method in item_old)

    def _operation(self, where: str, old: Json, new: Json, side: Side) -> Iterator[Found]:
        yield from _notes(where, old, new)
        if old.get("operationId") != new.get("operationId"):
            was, now = old.get("operationId", "none"), new.get("operationId", "none")
            yield Found(where, True, f"operationId is now {now}, was {was}")
        for key in ("tags", "servers"):
            if text_of(old.get(key, [])) != text_of(new.get(key, [])):
                yield Found(where, False, f"its {key} changed")
        yield from self._security(where, old, new)
        yield from self._parameters(where, old, new, side)
        yield from self._body(f"{where} request", old, new, side)
        yield from self._responses(where, mapping(old.get("responses")), mapping(new.get("responses")), side.other())
        yield from self._callbacks(where, mapping(old.get("callbacks")), mapping(new.get("callbacks")), side)

    # -- parameters ----------------------------------------------------------------------------------------

    def _parameters(self, where: str, old: Json, new: Json, side: Side) -> Iterator[Found]:
        left, right = old["parameters"], new["parameters"]
        for key in sorted(left.keys() | right.keys()):
            was, now = left.get(key), right.get(key)
            place = f"{where} {key[0]} parameter {(now or was)['name']}"
            yield from self._sent(place, "parameter", was, now, side, _STYLES.get(key[0], "simple"))

    def _sent(
        self, where: str, what: str, old: Json | None, new: Json | None, side: Side, style: str
    ) -> Iterator[Found]:
        """Compare a parameter or header with what it was; None stands for none."""
        if old is None or new is None:
            yield _gone_or_new(where, what, new is None, new, side)
        else:
            yield from _required(where, old, new, side)
            yield from self._value(where, old, new, side, style)

    def _value(self, where: str, old: Json, new: Json, side: Side, style: str) -> Iterator[Found]:
        """Compare what parameters and headers have in common."""
        yield from _notes(where, old, new)
        if ("content" in old) != ("content" in new) or _serial(old, style) != _serial(new, style):
            yield Found(where, True, "is written in another way")
        if "content" in old and "content" in new:
            yield from self._content(where, old, new, side)
        elif "content" not in old and "content" not in new:
            yield self._schema(where, old, new, side)

    def _schema(self, where: str, old: Json, new: Json, side: Side) -> Found:
        was, now = ((as_schema(holder.get("schema", True)),) for holder in (old, new))
        return Found(where, False, "", self.schemas.pair(was, now, side))

    # -- bodies --------------------------------------------------------------------------------------------

    def _body(self, where: str, old: Json, new: Json, side: Side) -> Iterator[Found]:
        was, now = self.old.follow(old.get("requestBody")), self.new.follow(new.get("requestBody"))
        if "requestBody" in old and "requestBody" in new:
            yield from _notes(where, was, now)
            yield from _required(where, was, now, side)
            yield from self._content(where, was, now, side)
        elif "requestBody" in old or "requestBody" in new:
            yield _gone_or_new(where, "body", "requestBody" in old, now, side)

    def _responses(self, where: str, old: Json, new: Json, side: Side) -> Iterator[Found]:
        for status in sorted(key for key in old.keys() | new.keys() if key[:2] != "x-"):
            place = f"{where} response {status}"
            if status in old and status in new:
                was, now = self.old.follow(old[status]), self.new.follow(new[status])
                yield from _notes(place, was, now)
                yield from self._headers(place, was, now, side)
                yield from self._content(place, was, now, side)
                yield from self._links(place, mapping(was.get("links")), mapping(now.get("links")))
            else:
                yield _gone_or_new(place, "response", status in old)

    def _content(self, where: str, old: Json, new: Json, side: Side) -> Iterator[Found]:
        left, right = _media_types(old), _media_types(new)
        for kind in sorted(left.keys() | right.keys()):
            place = f"{where} {kind}"
            if kind in left and kind in right:
                yield from _notes(place, left[kind], right[kind])
                yield from self._encoding(place, left[kind], right[kind], side)
                yield self._schema(place, left[kind], right[kind], side)
            else:
                yield _gone_or_new(place, "media type", kind in left)

    def _encoding(self, where: str, old: Json, new: Json, side: Side) -> Iterator[Found]:
        left, right = mapping(old.get("encoding")), mapping(new.get("encoding"))
        for name in sorted(left.keys() | right.keys()):
            place, was, now = f"{where} encoding {name}", mapping(left.get(name)), mapping(right.get(name))
            written = [{key: each[key] for key in each if key != "headers"} for each in (was, now)]
            if text_of(written[0]) != text_of(written[1]):
                yield Found(place, True, "is written in another way")
            yield from self._headers(place, was, now, side)

    def _headers(self, where: str, old: Json, new: Json, side: Side) -> Iterator[Found]:
        left, right = _headers(self.old, old), _headers(self.new, new)
        for key in sorted(left.keys() | right.keys()):
            was, now = left.get(key), right.get(key)
            place = f"{where} header {(now or was or {})['name']}"
            yield from self._sent(place, "header", was, now, side, "simple")

    def _links(self, where: str, old: Json, new: Json) -> Iterator[Found]:
        for name in sorted(old.keys() | new.keys()):
            if name not in old or name not in new:
                yield _gone_or_new(f"{where} link {name}", "link", name in old)
                continue
            was, now = dict(self.old.follow(old[name])), dict(self.new.follow(new[name]))
            yield from _notes(f"{where} link {name}", was, now)
            for key in ("description", "server"):
                was.pop(key, None), now.pop(key, None)
            if text_of(was) != text_of(now):
                yield Found(f"{where} link {name}", True, "link changed")

    # -- callbacks, security -------------------------------------------------------------------------------

    def _callbacks(self, where: str, old: Json, new: Json, side: Side) -> Iterator[Found]:
        for name in sorted(old.keys() | new.keys()):
            left, right = self.old.follow(old.get(name)), self.new.follow(new.get(name))
            yield from self.items(left, right, side.other(), f"{where} callback {name} ")

    def _security(self, where: str, old: Json, new: Json) -> Iterator[Found]:
        """Compare who may come in: any one of a list, each of which asks for some schemes with some scopes."""
        left, right = _ways(self.old, old), _ways(self.new, new)
        lost = [was for was in left if not any(_asks_no_more(now, was) for now in right)]
        for was in lost:
            yield Found(where, True, _said_of_lost(was, right))
        opened = [now for now in right if not any(_asks_no_more(was, now) for was in left)]
        if opened and not lost:
            yield Found(where, False, f"is now open to {_said(opened)}")


def _gone_or_new(where: str, what: str, gone: bool, new: Json | None = None, side: Side = Side.RESPONSE) -> Found:
    """Say that a part is gone, which breaks, or new, which breaks where a client has to send it."""
    needed = not gone and (new or {}).get("required") is True
    state = "gone" if gone else "new and required" if needed else "new"
    return Found(where, gone or (needed and side is Side.REQUEST), f"{what} is {state}")


def _required(where: str, old: Json, new: Json, side: Side) -> Iterator[Found]:
    was, now = old.get("required") is True, new.get("required") is True
    if was != now:
        effect = Effect.NARROWS if now else Effect.WIDENS
        yield Found(where, effect.breaks(side), "is newly required" if now else "is no longer required")


def _notes(where: str, old: Json, new: Json) -> Iterator[Found]:
    for what in texts(old, new):
        yield Found(where, False, what)


# -- paths and parameters ----------------------------------------------------------------------------------


def _same_paths(old: Json, new: Json) -> list[tuple[str, str]]:
    """Match the paths of which all but the parameters' names is the same; a path without a match has itself."""
    taken = {_shape(path): path for path in new if path not in old and path.startswith("/")}
    pairs = {}
    for path in old:
        pairs[path] = path if path in new else taken.pop(_shape(path), path)
    rest = new.keys() - set(pairs.values())
    return sorted(pair for pair in [*pairs.items(), *((path, path) for path in rest)] if pair[0][:2] != "x-")


def _shape(path: str) -> str:
    return re.sub(r"\{[^{}]*\}", "{}", path)


def _names_in(path: str) -> list[str]:
    return re.findall(r"\{([^{}]*)\}", path)


def _renamed_in_path(where: str, old: str, new: str) -> Iterator[Found]:
    for was, now in zip(_names_in(old), _names_in(new), strict=True):
        if was != now:
            yield Found(where, True, f"path parameter {was} is now called {now}")


def _whole(document: Document, item: Json, method: str, path: str) -> Json:
    """Return an operation with what its path item says for it, and its parameters by their place."""
    operation = mapping(item[method])
    parameters = [*listing(item.get("parameters")), *listing(operation.get("parameters"))]
    keyed = [_keyed(document.follow(parameter), path) for parameter in parameters]
    servers = operation.get("servers", item.get("servers", []))
    return {**operation, "servers": servers, "parameters": dict(pair for pair in keyed if pair is not None)}


def _keyed(parameter: Json, path: str) -> tuple[tuple[str, str], Json] | None:
    """Put a parameter beside what tells it from others; one in the path is told by its position there."""
    place, name = parameter.get("in"), parameter.get("name")
    if not isinstance(place, str) or not isinstance(name, str):
        return None
    key = name.lower() if place == "header" else name
    if place == "path" and name in _names_in(path):
        key = f"{_names_in(path).index(name):03}"
    return None if place == "header" and key in _NO_PARAMETERS else ((place, key), parameter)


def _headers(document: Document, holder: Json) -> dict[str, Json]:
    named = {name.lower(): {**document.follow(value), "name": name} for name, value in _items(holder, "headers")}
    named.pop("content-type", None)
    return named


def _media_types(holder: Json) -> dict[str, Json]:
    return {name.lower().replace(" ", ""): mapping(value) for name, value in _items(holder, "content")}


def _items(holder: Json, key: str) -> list[tuple[str, Any]]:
    return list(mapping(holder.get(key)).items())


def _serial(value: Json, style: str) -> str:
    written = {key: value.get(key, False) for key in _SERIAL} | {"style": value.get("style", style)}
    return text_of(written | {"explode": value.get("explode", written["style"] == "form")})


# -- credentials -------------------------------------------------------------------------------------------


class _Asked(NamedTuple):
    """Hold one scheme that a way in asks for: its name, what it is but for its OAuth flows, these, the scopes asked."""

    name: str
    what: str
    flows: Json
    scopes: frozenset[str]


# One way in: whoever has what all of these ask for may come.
_Way: TypeAlias = list[_Asked]


def _ways(document: Document, operation: Json) -> list[_Way]:
    schemes = mapping(mapping(document.json.get("components")).get("securitySchemes"))
    asked = operation.get("security", document.json.get("security"))
    return [
        [_asked(document, name, schemes.get(name, name), scopes) for name, scopes in mapping(requirement).items()]
        for requirement in listing(asked) or [{}]
    ]


def _asked(document: Document, name: str, scheme: Any, scopes: Any) -> _Asked:
    """Return what a security scheme is, whatever it is called and says of itself."""
    value = {key: each for key, each in document.follow(scheme).items() if key not in _HINTS and key[:2] != "x-"}
    if isinstance(value.get("scheme"), str):
        value["scheme"] = value["scheme"].lower()
    flows = {kind: mapping(flow) for kind, flow in mapping(value.pop("flows", None)).items() if kind[:2] != "x-"}
    return _Asked(name, text_of(value or scheme), flows, frozenset(map(str, listing(scopes))))


def _takes(new: _Asked, old: _Asked) -> bool:
    """Tell whether the new scheme takes what clients get by each flow of the old one, whatever the scopes asked."""
    flows = old.flows.items()
    return new.what == old.what and all(kind in new.flows and _goes_on(new.flows[kind], flow) for kind, flow in flows)


def _goes_on(new: Json, old: Json) -> bool:
    """Tell whether a client of the old flow can go on: each address stays as it is, and each scope can be had."""
    stays = all(new.get(key) == old[key] for key in old if key != "scopes" and key[:2] != "x-")
    return stays and mapping(old.get("scopes")).keys() <= mapping(new.get("scopes")).keys()


def _asks_no_more(way: _Way, than: _Way) -> bool:
    return all(any(_takes(each, known) and each.scopes <= known.scopes for known in than) for each in way)


def _said_of_lost(was: _Way, ways: list[_Way]) -> str:
    if not was:
        return f"security is newly required: {_said(ways)}"
    had = frozenset[str]().union(*(known.scopes for known in was))
    for way in ways:
        more = {scope for each in way for scope in each.scopes} - had
        if more and len(way) == len(was) and all(any(_takes(each, known) for known in was) for each in way):
            return f"security {_said([was])} needs more scopes: {', '.join(sorted(more))}"
    if any(sorted(each.name for each in way) == sorted(each.name for each in was) for way in ways):
        return f"security {_said([was])} works in another way"
    return f"security {_said([was])} is no longer enough"


def _said(ways: list[_Way]) -> str:
    return " or ".join(" with ".join(sorted(each.name for each in way)) or "all" for way in ways)
