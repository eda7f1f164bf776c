"""Trained models, each loaded once and shared by every app that names it."""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread
from pydantic import BaseModel, Field

from shared.models._artefact import ArtefactError, ModelCard, read_artefact, read_card, write_artefact
from shared.models._batches import Batches, ClientGoneError, QueueFullError, Statistics
from shared.models._busy import BUSY, answering_busy

__all__ = [
    "BUSY",
    "ArtefactError",
    "Batches",
    "ClientGoneError",
    "ModelCard",
    "Models",
    "ModelsSettings",
    "QueueFullError",
    "Statistics",
    "answering_busy",
    "create_cornerstone",
    "read_card",
    "write_artefact",
]


class ModelsSettings(BaseModel):
    """Where the artefacts lie, and what they may be made of."""

    folder: Path = Field(default=Path("artefacts"), description="Folder with the .joblib and .json files.")
    trusted: list[str] = Field(
        default=[],
        description="What artefacts may be made of beside scikit-learn's estimators, as 'module:name'. It is called "
        "when an artefact is read.",
    )


class Models:
    """Load artefacts by name, off the event loop, and keep them until the server stops."""

    def __init__(self, folder: Path, trusted: Collection[str] = ()) -> None:
        self._folder = folder
        self._trusted = tuple(trusted)
        self._expected: dict[str, None] = {}
        self._loaded: dict[str, object] = {}
        self._locks: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loaded.clear()
        self._locks.clear()

    def expect(self, name: str) -> None:
        """Note that somebody will ask for the artefact `name`, so that `preload` loads it; an app's factory says so."""
        self._expected[name] = None

    def preload(self) -> None:
        """Load what is expected, in the process that `composer serve --preload` forks the others from.

        Raises:
            ArtefactError: An artefact was refused.
        """
        for name in self._expected:
            self._keep(name)

    async def load(self, name: str) -> object:
        """Return the artefact `name`; whoever asks for it gets this one object.

        Callers that ask at the same time share one load. After a load that failed, the next call tries again.

        Raises:
            ArtefactError: The artefact was refused.
        """
        async with self._locks[name]:
            if name not in self._loaded:
                await anyio.to_thread.run_sync(self._keep, name)
            return self._loaded[name]

    def _keep(self, name: str) -> None:
        # Stored by the thread itself, which no cancellation of the waiting caller can interrupt.
        self._loaded[name] = read_artefact(self._folder, name, self._trusted)


def create_cornerstone(settings: ModelsSettings) -> Models:
    """Construct the collection; nothing is read before an app asks for an artefact."""
    return Models(settings.folder, settings.trusted)
