"""Two documents compared: each operation with its own, and what stands at the top."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from composer._json import Json
from composer.openapi._diff.document import Document, text_of
from composer.openapi._diff.keywords import Side, texts
from composer.openapi._diff.operations import Found, OperationChanges
from composer.openapi._diff.schemas import SchemaChanges
from composer.openapi._structure import mapping

# What stands at the top of a document and is for people.
_HEAD: Final = {"info": "info", "servers": "servers", "tags": "tags", "x-tagGroups": "tags"}


@dataclass(frozen=True)
class Change:
    """Say what changed: does it break a client, where (`GET /notes response 200 application/json [].text`), what."""

    breaking: bool
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


# Documents that differ in what no operation reaches, or in how the same is written.
_UNSEEN: Final = Change(False, "document", "other details changed")


def changes(old: Json, new: Json) -> list[Change]:
    """Return what changed between two OpenAPI documents, 3.0 or 3.1, what breaks clients first, then by place.

    The documents are plain JSON data, and aren't changed. A change of a component is a change of every operation
    that it reaches. The list is empty only where the documents are the same but for the order of keys. Raises
    TypeError or ValueError where one of them isn't JSON.
    """
    if text_of(old) == text_of(new):
        return []
    before, after = Document(old), Document(new)
    schemas = SchemaChanges(before, after)
    found = [*_head(before.json, after.json), *_contract(OperationChanges(before, after, schemas))]
    schemas.run()
    result = {change for each in found for change in _told(each, schemas)}
    return sorted(result or {_UNSEEN}, key=lambda change: (not change.breaking, change.where, change.what))


def _head(old: Json, new: Json) -> Iterator[Found]:
    for key, what in _HEAD.items():
        if text_of(old.get(key)) != text_of(new.get(key)):
            yield Found("document", False, f"its {what} changed")
    was, now = old.get("openapi"), new.get("openapi")
    if was != now:
        yield Found("document", False, f"openapi is now {now}, was {was}")
    for text in texts(*({key: each[key] for key in each if key not in _HEAD} for each in (old, new))):
        yield Found("document", False, text)


def _contract(operations: OperationChanges) -> Iterator[Found]:
    old, new = operations.old.json, operations.new.json
    yield from operations.items(mapping(old.get("paths")), mapping(new.get("paths")), Side.REQUEST)
    left, right = mapping(old.get("webhooks")), mapping(new.get("webhooks"))
    for name in sorted(left.keys() | right.keys()):
        hooks: list[Any] = [{"": each[name]} if name in each else {} for each in (left, right)]
        # The server sends these requests, and a client answers.
        yield from operations.items(hooks[0], hooks[1], Side.RESPONSE, f"webhook {name} ")


def _told(found: Found, schemas: SchemaChanges) -> Iterator[Change]:
    if found.key is None:
        yield Change(found.breaking, found.where, found.what)
        return
    for breaking, place, what in schemas.collect(found.key):
        yield Change(breaking, f"{found.where} {place}".rstrip(), what)
