"""Faults of documents, and the exception and the warning that report them."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """Represent one fault of a document.

    Attributes:
        app: Name of the source, as passed to the merge.
        pointer: JSON pointer to the fault in the source's document, such as `#/paths/~1a/get`.
        message: What is wrong there.
    """

    app: str
    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.app}: {self.pointer}: {self.message}"


class OpenAPIMergeError(ValueError):
    """Raised where documents can't be merged; `faults` and the message list every fault of every document."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(["Cannot merge these OpenAPI documents:", *(f"  {fault}" for fault in self.faults)]))


class OpenAPIMergeWarning(UserWarning):
    """Issued for a merge that is incomplete: a reference to another file, or a source that was skipped."""
