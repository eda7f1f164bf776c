"""What is wrong with a document, said with its app and place."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """Say what is wrong, and where: the app's name, a JSON pointer into its document (`#/paths/~1a/get`), the cause."""

    app: str
    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.app}: {self.pointer}: {self.message}"


class OpenAPIMergeError(ValueError):
    """Report every fault that kept documents from being merged, all at once, in `faults` and in the text."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(["Cannot merge these OpenAPI documents:", *(f"  {fault}" for fault in self.faults)]))


class OpenAPIMergeWarning(UserWarning):
    """Warn of what was merged, but not wholly: a reference into another file, an app that was left out."""
