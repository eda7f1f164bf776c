"""Trained models, each loaded once, shared by every app that names it, and replaced while the server serves."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import anyio
from pydantic import BaseModel, Field

from shared.models._artefact import ArtefactError, ModelCard, checked_model, read_card, read_card_file, read_payload
from shared.models._batches import Batches, ClientGoneError, QueueFullError, Statistics
from shared.models._busy import BUSY, answering_busy
from shared.models._kept import Kept, Model
from shared.models._known_rows import KnownRows
from shared.models._writing import install, write_artefact

__all__ = [
    "BUSY",
    "ArtefactError",
    "Batches",
    "ClientGoneError",
    "KnownRows",
    "Model",
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

Wanted = TypeVar("Wanted")


class ModelsSettings(BaseModel):
    """Where the artefacts lie, and what they may be made of."""

    folder: Path = Field(default=Path("artefacts"), description="Folder with the .joblib and .json files.")
    trusted: list[str] = Field(
        default=[],
        description="What artefacts may be made of beside scikit-learn's estimators, as 'module:name'. It is called "
        "when an artefact is read.",
    )
    look_every: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="Seconds between two looks at whether a file has changed."
    )


def as_it_is(model: object) -> object:
    """Return any model: for those who take whatever the artefact holds."""
    return model


class Models:
    """Load artefacts by name, off the event loop; keep them until the server stops, and take up what they become.

    Attributes:
        folder: Where the artefacts lie.
    """

    def __init__(self, folder: Path, trusted: Collection[str] = (), look_every: float = 1.0) -> None:
        self.folder, self._trusted, self._look_every = folder, tuple(trusted), look_every
        self._kept: dict[str, Kept] = {}

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look(), name="models")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._looking.cancel()
        await asyncio.wait([self._looking])
        for kept in self._kept.values():
            kept.forget()

    @overload
    def expect(self, name: str) -> Model[object]: ...

    @overload
    def expect(self, name: str, accept: Callable[[object], Wanted]) -> Model[Wanted]: ...

    def expect(self, name: str, accept: Callable[[object], Any] = as_it_is) -> Model[Any]:
        """Return the model of the artefact `name`, to be loaded by the app's lifespan; an app's factory asks for it.

        `accept` returns what it gets, as the type that the app needs, or raises where it can't use it. It looks and
        doesn't compute: it is called for every model that is read, and each time that one is used.
        """
        return self._of(name).used_by(accept)

    def preload(self) -> None:
        """Load what is expected, in the process that `composer serve --preload` forks the others from.

        Raises:
            ArtefactError: An artefact was refused.
        """
        for kept in self._kept.values():
            kept.read()

    async def load(self, name: str) -> object:
        """Return what the artefact `name` holds at this moment; whoever asks for it gets this one object.

        Callers that ask at the same time share one load. After a load that failed, the next call tries again.

        Raises:
            ArtefactError: The artefact was refused.
        """
        kept = self._of(name)
        await kept.load()
        return kept.model

    def promote(self, name: str, file: Path) -> ModelCard:
        """Check the artefact in `file`, with its card beside it, and put it in the place of the artefact `name`.

        Servers that run take it up by themselves. Blocks for as long as reading and checking take.

        Returns:
            The card as it is now in the folder; its `replaced` names what can be promoted to go back.

        Raises:
            ArtefactError: It was refused; nothing has changed.
            LookupError: No app expects an artefact of this name; nothing has changed.
            OSError: A file can't be written; the old artefact is still in its place.
        """
        if name not in self._kept:
            raise LookupError(f"no app uses the artefact {name!r}; used: {', '.join(self._kept) or 'none'}")
        card = read_card_file(name, file.parent / f"{file.stem}.json")
        payload = read_payload(name, file)
        model = checked_model(name, file, card, payload, self._trusted)
        if card.known_rows is None:
            expected, hint = "known rows in its card", "write them when it is trained: `known_rows` of write_artefact"
            raise ArtefactError(name, file, expected=expected, found="none", hint=hint)
        self._kept[name].check_accepted(model, file)
        return install(self.folder, name, card, payload)

    def _of(self, name: str) -> Kept:
        return self._kept.setdefault(name, Kept(self.folder, name, self._trusted))

    async def _look(self) -> None:
        while True:
            await anyio.sleep(self._look_every)
            for kept in list(self._kept.values()):
                await kept.follow()


def create_cornerstone(settings: ModelsSettings) -> Models:
    """Construct the collection; nothing is read before an app asks for an artefact."""
    return Models(settings.folder, settings.trusted, settings.look_every)
