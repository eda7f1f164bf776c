"""Trained models, each loaded once, shared by the apps that use it, and replaced without a restart."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import anyio
from pydantic import BaseModel, Field

from composer.contrib import requires_extra

with requires_extra("models"):
    from composer.contrib.models._artefact import (
        ArtefactError,
        ModelCard,
        checked_model,
        read_card,
        read_card_file,
        read_payload,
    )
    from composer.contrib.models._batches import Batches, ClientGoneError, QueueFullError, Statistics
    from composer.contrib.models._busy import BUSY, answering_busy
    from composer.contrib.models._known_rows import KnownRows
    from composer.contrib.models._loaded import LoadedArtefact, Model
    from composer.contrib.models._writing import install, write_artefact


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
    """The folder of the artefacts, and what they may contain."""

    folder: Path = Field(default=Path("artefacts"), description="Folder with the .joblib and .json files.")
    trusted: list[str] = Field(
        default=[],
        description="Classes and functions that artefacts may contain in addition to scikit-learn's estimators, as "
        "'module:name'. They are called when an artefact is read.",
    )
    look_every: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="Seconds between two checks for changed files."
    )


def as_it_is(model: object) -> object:
    """Accept any model."""
    return model


class Models:
    """Load artefacts by name, off the event loop; cache them until the server stops, and reload changed ones.

    Attributes:
        folder: The folder of the artefacts.
    """

    def __init__(self, folder: Path, trusted: Collection[str] = (), look_every: float = 1.0) -> None:
        self.folder, self._trusted, self._look_every = folder, tuple(trusted), look_every
        self._artefacts: dict[str, LoadedArtefact] = {}

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch(), name="models")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watching.cancel()
        await asyncio.wait([self._watching])
        for artefact in self._artefacts.values():
            artefact.unload()

    @overload
    def expect(self, name: str) -> Model[object]: ...

    @overload
    def expect(self, name: str, accept: Callable[[object], Wanted]) -> Model[Wanted]: ...

    def expect(self, name: str, accept: Callable[[object], Any] = as_it_is) -> Model[Any]:
        """Return a handle for the model of the artefact `name`; call it in the app's factory, `load` in its lifespan.

        `accept` returns the model as the type that the app needs, or raises if the app can't use it. It must be cheap:
        it is called for every model that is read, and each time that a model is used.
        """
        return self._of(name).register(accept)

    @property
    def expected(self) -> list[str]:
        """The names of the artefacts that apps use."""
        return list(self._artefacts)

    def preload(self) -> None:
        """Load the expected artefacts, in the process that `composer serve --preload` forks.

        Raises:
            ArtefactError: An artefact was rejected.
        """
        for artefact in self._artefacts.values():
            artefact.read()

    async def load(self, name: str) -> object:
        """Return the current model of the artefact `name`; all callers get the same object.

        Concurrent callers share one load. After a failed load, the next call tries again.

        Raises:
            ArtefactError: The artefact was rejected.
        """
        artefact = self._of(name)
        await artefact.load()
        return artefact.model

    def promote(self, name: str, file: Path) -> ModelCard:
        """Validate the artefact in `file`, whose card is beside it, and replace the artefact `name` with it.

        Running servers reload it by themselves. Blocks while reading and validating.

        Returns:
            The card that is now in the folder; its `replaced` names the artefact to promote for a rollback.

        Raises:
            ArtefactError: The artefact was rejected; nothing has changed.
            LookupError: No app uses an artefact of this name; nothing has changed.
            OSError: A file can't be written; the old artefact is still in use.
        """
        if name not in self._artefacts:
            raise LookupError(
                f"no app uses the artefact {name!r}; artefacts in use: {', '.join(self._artefacts) or 'none'}"
            )
        card = read_card_file(name, file.parent / f"{file.stem}.json")
        payload = read_payload(name, file)
        model = checked_model(name, file, card, payload, self._trusted)
        if card.known_rows is None:
            expected, hint = "known_rows in the card", "pass `known_rows` to write_artefact after training"
            raise ArtefactError(name, file, expected=expected, found="none", hint=hint)
        self._artefacts[name].check_accepted(model, file)
        return install(self.folder, name, card, payload)

    def _of(self, name: str) -> LoadedArtefact:
        return self._artefacts.setdefault(name, LoadedArtefact(self.folder, name, self._trusted))

    async def _watch(self) -> None:
        while True:
            await anyio.sleep(self._look_every)
            for artefact in list(self._artefacts.values()):
                await artefact.reload_if_changed()


def create_cornerstone(settings: ModelsSettings) -> Models:
    """Return the models; an artefact is read when an app loads it."""
    return Models(settings.folder, settings.trusted, settings.look_every)
