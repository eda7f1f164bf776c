"""Trained models, each loaded once, shared by the apps that use it, and replaced without a restart."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, cast, overload

import anyio
from pydantic import BaseModel, Field, ImportString, model_validator

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
    from composer.contrib.models._loaders import Loader, joblib_loader, skops_loader
    from composer.contrib.models._writing import install, write_artefact


__all__ = [
    "BUSY",
    "ArtefactError",
    "Batches",
    "ClientGoneError",
    "KnownRows",
    "Loader",
    "Model",
    "ModelCard",
    "Models",
    "ModelsSettings",
    "QueueFullError",
    "Statistics",
    "answering_busy",
    "create_cornerstone",
    "joblib_loader",
    "read_card",
    "skops_loader",
    "write_artefact",
]

Wanted = TypeVar("Wanted")


class ModelsSettings(BaseModel):
    """The folder of the artefacts, their format, and what they may contain."""

    folder: Path = Field(default=Path("artefacts"), description="Folder with the models and their cards (.json).")
    loader: Literal["joblib", "skops"] | ImportString[Any] = Field(
        default="joblib",
        description="Format of the models: 'joblib', 'skops', or 'package.module:function', a function that returns the"
        " model in the content of a file, as bytes.",
    )
    suffix: str | None = Field(
        default=None, description="Ending of the files that such a function loads, such as '.onnx'."
    )
    trusted: list[str] = Field(
        default=[],
        description="Classes and functions that artefacts may contain in addition to scikit-learn's estimators, as "
        "'module:name'. They are called when an artefact is read.",
    )
    look_every: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="Seconds between two checks for changed files."
    )

    @model_validator(mode="after")
    def _check_suffix(self) -> Self:
        if not isinstance(self.loader, str) and not callable(self.loader):
            raise ValueError("loader must be 'joblib', 'skops', or the reference of a function")
        if callable(self.loader) != (self.suffix is not None):
            raise ValueError("a function as loader requires a suffix, and the other loaders have one of their own")
        return self


def as_it_is(model: object) -> object:
    """Accept any model."""
    return model


class Models:
    """Load artefacts by name, off the event loop; cache them until the server stops, and reload changed ones.

    An app gets it by its type, and asks for a model in its factory:

        def create_app(models: Models) -> FastAPI:
            model = models.expect("house_price", as_regressor)

    Args:
        folder: The folder of the artefacts.
        trusted: Classes and functions that pickles may contain in addition to scikit-learn's, as "module:name".
        look_every: Seconds between two checks for changed files.
        loader: The format of the artefacts. Default: that of joblib.

    Attributes:
        folder: The folder of the artefacts.
    """

    def __init__(
        self,
        folder: Path,
        trusted: Collection[str] = (),
        look_every: float = 1.0,
        *,
        loader: Loader | None = None,
    ) -> None:
        self.folder, self._loader, self._look_every = folder, loader or joblib_loader(trusted), look_every
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
        """Return a handle for the model of an artefact: call this in the app's factory, and enter it in its lifespan.

        Args:
            name: The name of the artefact.
            accept: Returns the model as the type that the app needs, or raises if the app can't use it. It must be
                cheap: it is called for every model that is read, and each time that a model is used.

        Returns:
            A handle. When the app ends, `async with` ends its expectations, too; `promote` and a new model need only
            satisfy the apps that run.
        """
        return self._of(name).register(accept)

    @property
    def expected(self) -> list[str]:
        """The names of the artefacts that apps use."""
        return [name for name, artefact in self._artefacts.items() if artefact.is_expected]

    def file_in_use(self, name: str) -> Path:
        """Return the file that the card of the artefact `name` describes.

        Raises:
            ArtefactError: The card is missing, unreadable or malformed.
        """
        card = read_card(self.folder, name)
        return self.folder / (card.file or f"{name}{self._loader.suffix}")

    def preload(self) -> None:
        """Load the expected artefacts, in the process that `composer serve --preload` forks.

        Raises:
            ArtefactError: An artefact was rejected.
        """
        for name in self.expected:
            self._artefacts[name].read()

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
        """Validate a new model, whose card is beside it, and replace an artefact with it.

        Running servers reload it by themselves. Blocks while reading and validating.

        Args:
            name: The name of the artefact to replace.
            file: The file of the new model.

        Returns:
            The card that is now in the folder; its `replaced` names the artefact to promote for a rollback.

        Raises:
            ArtefactError: The artefact was rejected; nothing has changed.
            LookupError: No app uses an artefact of this name; nothing has changed.
            OSError: A file can't be written; the old artefact is still in use.
        """
        if name not in self.expected:
            raise LookupError(
                f"no app uses the artefact {name!r}; artefacts in use: {', '.join(self.expected) or 'none'}"
            )
        card = read_card_file(name, file.parent / f"{file.stem}.json")
        payload = read_payload(name, file)
        model = checked_model(name, file, card, payload, self._loader)
        if card.known_rows is None:
            expected, hint = "known_rows in the card", "pass `known_rows` to write_artefact after training"
            raise ArtefactError(name, file, expected=expected, found="none", hint=hint)
        self._artefacts[name].check_accepted(model, file)
        return install(self.folder, name, card, payload, self._loader.suffix)

    def _of(self, name: str) -> LoadedArtefact:
        return self._artefacts.setdefault(name, LoadedArtefact(self.folder, name, self._loader))

    async def _watch(self) -> None:
        while True:
            await anyio.sleep(self._look_every)
            for artefact in list(self._artefacts.values()):
                await artefact.reload_if_changed()


def create_cornerstone(settings: ModelsSettings) -> Models:
    """Return the models; an artefact is read when an app loads it.

    Raises:
        ModuleNotFoundError: The loader is that of skops, which isn't installed.
        ValueError: The suffix isn't one of files with models.
    """
    if settings.suffix is not None:
        loader = Loader(cast(Callable[[bytes], object], settings.loader), settings.suffix)
    else:
        loader = (skops_loader if settings.loader == "skops" else joblib_loader)(settings.trusted)
    return Models(settings.folder, look_every=settings.look_every, loader=loader)
