"""The prefixes of a composition, and the longest one of a path."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from composer._dispatch.slot import Slot


@dataclass(frozen=True, slots=True)
class Table:
    """The slots by their prefixes, the most segments of a prefix, and the slot at `/`; never changed, only replaced."""

    by_prefix: Mapping[str, Slot]
    depth: int
    at_root: Slot | None

    @classmethod
    def of(cls, slots: Iterable[Slot]) -> Self:
        """Return the table of these slots."""
        by_prefix = {slot.prefix: slot for slot in slots}
        at_root = by_prefix.pop("", None)
        return cls(by_prefix, max((prefix.count("/") for prefix in by_prefix), default=0), at_root)

    def find(self, path: str) -> Slot | None:
        """Return the slot with the longest prefix of the path, in whole segments; the one at `/` is not considered."""
        end = path.find("/", 1)
        slot = self.by_prefix.get(path if end < 0 else path[:end])
        depth = self.depth
        while end > 0 and depth > 1:
            depth -= 1
            end = path.find("/", end + 1)
            slot = self.by_prefix.get(path if end < 0 else path[:end], slot)
        return slot
