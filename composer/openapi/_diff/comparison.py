"""The comparison of two documents: their operations, and their top-level fields."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from composer._json import Json
from composer.openapi._diff.document import Document, canonical
from composer.openapi._diff.keywords import Side, documentation_changes
from composer.openapi._diff.operations import OperationChange, OperationChanges
from composer.openapi._diff.schemas import SchemaChanges
from composer.openapi._structure import as_mapping

# Top-level fields that are for people and tools, and that no client depends on.
_METADATA: Final = {"info": "info", "servers": "servers", "tags": "tags", "x-tagGroups": "tags"}


@dataclass(frozen=True)
class Change:
    """Represent one change between two documents.

    Attributes:
        breaking: Whether it breaks clients of the old document.
        where: The place, such as `GET /notes response 200 application/json [].text`.
        what: What changed there, such as `property removed`.
    """

    breaking: bool
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


# For documents that differ only in what no operation refers to, or in spelling.
_OTHER_CHANGE: Final = Change(False, "document", "other details changed")


def changes(old: Json, new: Json) -> list[Change]:
    """Return what changed between two OpenAPI 3.0, 3.1 or 3.2 documents.

    A change of a component is reported for every operation that refers to it.

    Args:
        old: The older document as plain JSON data; it isn't changed.
        new: The newer document as plain JSON data; it isn't changed.

    Returns:
        The changes, breaking ones first, then by place. Empty only if the documents are equal apart from the order of
        keys.

    Raises:
        TypeError: A document contains values that JSON doesn't have.
        ValueError: A document contains itself.

    Example:
        >>> item = {"/notes": {"get": {"responses": {}}}}
        >>> [str(change) for change in changes({"paths": item}, {"paths": {}})]
        ['GET /notes: operation removed']
    """
    if canonical(old) == canonical(new):
        return []
    before, after = Document(old), Document(new)
    schemas = SchemaChanges(before, after)
    metadata = _metadata_changes(before.json, after.json)
    pending = [*metadata, *_operation_changes(OperationChanges(before, after, schemas))]
    schemas.compare_all()
    result = {change for each in pending for change in _expanded(each, schemas)}
    return sorted(result or {_OTHER_CHANGE}, key=lambda change: (not change.breaking, change.where, change.what))


def _metadata_changes(old: Json, new: Json) -> Iterator[OperationChange]:
    for key, what in _METADATA.items():
        if canonical(old.get(key)) != canonical(new.get(key)):
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
        # The server sends these requests, and the client responds.
        yield from operations.compare_items(items[0], items[1], Side.RESPONSE, f"webhook {name} ")


def _expanded(change: OperationChange, schemas: SchemaChanges) -> Iterator[Change]:
    if change.key is None:
        yield Change(change.breaking, change.where, change.what)
        return
    for breaking, place, what in schemas.collect(change.key):
        yield Change(breaking, f"{change.where} {place}".rstrip(), what)
