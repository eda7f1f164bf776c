"""Two documents compared: each operation with its own, and what stands at the top."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from composer._json import Json
from composer.openapi._diff.document import Document, canonical_text
from composer.openapi._diff.keywords import Side, documentation_changes
from composer.openapi._diff.operations import OperationChange, OperationChanges
from composer.openapi._diff.schemas import SchemaChanges
from composer.openapi._structure import as_mapping

# What stands at the top of a document and is for people.
_METADATA: Final = {"info": "info", "servers": "servers", "tags": "tags", "x-tagGroups": "tags"}


@dataclass(frozen=True)
class Change:
    """Say what changed: does it break a client, where (`GET /notes response 200 application/json [].text`), what."""

    breaking: bool
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


# Documents that differ in what no operation reaches, or in how the same is written.
_OTHER_CHANGE: Final = Change(False, "document", "other details changed")


def changes(old: Json, new: Json) -> list[Change]:
    """Return what changed between two OpenAPI documents, 3.0 or 3.1, what breaks clients first, then by place.

    The documents are plain JSON data, and aren't changed. A change of a component is a change of every operation
    that it reaches. The list is empty only where the documents are the same but for the order of keys. Raises
    TypeError or ValueError where one of them isn't JSON.
    """
    if canonical_text(old) == canonical_text(new):
        return []
    before, after = Document(old), Document(new)
    schemas = SchemaChanges(before, after)
    found = [*_metadata_changes(before.json, after.json), *_operation_changes(OperationChanges(before, after, schemas))]
    schemas.compare_all()
    result = {change for each in found for change in _expanded(each, schemas)}
    return sorted(result or {_OTHER_CHANGE}, key=lambda change: (not change.breaking, change.where, change.what))


def _metadata_changes(old: Json, new: Json) -> Iterator[OperationChange]:
    for key, what in _METADATA.items():
        if canonical_text(old.get(key)) != canonical_text(new.get(key)):
            yield OperationChange("document", False, f"{what} changed")
    was, now = old.get("openapi"), new.get("openapi")
    if was != now:
        yield OperationChange("document", False, f"openapi changed from {was} to {now}")
    others = ({key: each[key] for key in each if key not in _METADATA} for each in (old, new))
    for text in documentation_changes(*others):
        yield OperationChange("document", False, text)


def _operation_changes(operations: OperationChanges) -> Iterator[OperationChange]:
    old, new = operations.old.json, operations.new.json
    yield from operations.compare_items(as_mapping(old.get("paths")), as_mapping(new.get("paths")), Side.REQUEST)
    left, right = as_mapping(old.get("webhooks")), as_mapping(new.get("webhooks"))
    for name in sorted(left.keys() | right.keys()):
        items: list[Any] = [{"": each[name]} if name in each else {} for each in (left, right)]
        # The server sends these requests, and a client answers.
        yield from operations.compare_items(items[0], items[1], Side.RESPONSE, f"webhook {name} ")


def _expanded(change: OperationChange, schemas: SchemaChanges) -> Iterator[Change]:
    if change.key is None:
        yield Change(change.breaking, change.where, change.what)
        return
    for breaking, place, what in schemas.collect(change.key):
        yield Change(breaking, f"{change.where} {place}".rstrip(), what)
