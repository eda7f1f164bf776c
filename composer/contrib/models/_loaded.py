"""One artefact in memory: loaded once, replaced atomically, and shared by all apps that use it."""

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import anyio
import anyio.to_thread

from composer.contrib.models._artefact import Artefact, ArtefactError, artefact_file, file_states, read_artefact
from composer.contrib.models._loaders import Loader
from composer.contrib.models._memory import give_back_memory

logger = logging.getLogger(__name__)

Wanted = TypeVar("Wanted")

# Seconds after which no batch uses a replaced model any more.
LAST_BATCHES = 1.0


class LoadedArtefact:
    """Load an artefact for all apps that use it, and reload it when its files change."""

    def __init__(self, folder: Path, name: str, loader: Loader) -> None:
        self._folder, self._name, self._loader = folder, name, loader
        # Replaced, never changed: a thread may be going through them. Factories may register in another thread.
        self._registered: tuple[Model[Any], ...] = ()
        self._in_use: tuple[Model[Any], ...] = ()
        self._changing = threading.Lock()
        self._artefact: Artefact | None = None
        self._lock = anyio.Lock()
        # The states of the files when they were last read, last checked, and last reported as broken.
        self._read_as: object = None
        self._seen_as: object = None
        self._reported_as: object = None

    @property
    def model(self) -> object:
        """The current model.

        Raises:
            LookupError: No model is loaded.
        """
        artefact = self._artefact
        if artefact is None:
            raise LookupError(f"the model {self._name!r} isn't loaded: `async with model:` in the app's lifespan")
        return artefact.model

    @property
    def is_expected(self) -> bool:
        """Whether an app uses the artefact."""
        return bool(self._registered)

    def register(self, accept: Callable[[object], Wanted]) -> "Model[Wanted]":
        """Return a handle for an app that uses only models that `accept` accepts."""
        model = Model(self, accept)
        with self._changing:
            self._registered += (model,)
        return model

    def use(self, model: "Model[Any]") -> None:
        """Count a handle as in use, also one that was ended before."""
        with self._changing:
            self._registered = (*_without(model, self._registered), model)
            self._in_use = (*_without(model, self._in_use), model)

    def end(self, model: "Model[Any]") -> None:
        """Forget a handle; the model of the last one is unloaded."""
        with self._changing:
            was_in_use = model in self._in_use
            self._registered = _without(model, self._registered)
            self._in_use = _without(model, self._in_use)
            if was_in_use and not self._registered:
                self.unload()

    async def load(self, *handles: "Model[Any]") -> None:
        """Load the artefact for these handles in a thread if it isn't loaded; concurrent callers share one load.

        Raises:
            ArtefactError: The artefact was rejected; the next call tries again.
        """
        async with self._lock:
            if self._artefact is None:
                # The thread itself stores the result, since cancelling the caller doesn't interrupt it.
                await anyio.to_thread.run_sync(self.read, handles)
                await anyio.to_thread.run_sync(give_back_memory)
            else:
                self._check(self._artefact.model, self._file, handles)

    def read(self, handles: Iterable["Model[Any]"] | None = None) -> None:
        """Read the artefact and use it from now on; if it is rejected, the previous one stays in use.

        It must be accepted by `handles`, or by default by all.

        Raises:
            ArtefactError: The artefact was rejected.
        """
        self._read_as = self._seen_as = file_states(self._folder, self._name, self._loader)
        artefact = read_artefact(self._folder, self._name, self._loader)
        self._check(artefact.model, self._file, self._in_use or self._registered if handles is None else handles)
        self._artefact = artefact

    @property
    def _file(self) -> Path:
        return artefact_file(self._folder, self._name, self._loader.suffix)

    def check_accepted(self, model: object, file: Path) -> None:
        """Check that every app accepts this model, which was read from `file`.

        While apps are running, those count: the version of an app that was built and never started has no say.

        Raises:
            ArtefactError: An app rejects it.
        """
        self._check(model, file, self._in_use or self._registered)

    def _check(self, model: object, file: Path, handles: Iterable["Model[Any]"]) -> None:
        for handle in handles:
            try:
                handle.accept(model)
            except Exception as error:
                expected, hint = "a model that the apps can use", "set another artefact in the app's settings"
                found = f"{type(error).__name__}: {error}"
                raise ArtefactError(self._name, file, expected=expected, found=found, hint=hint) from error

    async def reload_if_changed(self) -> None:
        """Reload the artefact if its files have changed since it was read, and not since the last call; log the result.

        Call it about every second: a file that is being copied changes between two calls.
        """
        if self._artefact is None:
            return
        try:
            if await anyio.to_thread.run_sync(self._read_if_changed):
                # A level that is shown by default, because predictions change from here on.
                logger.warning("%s: new model loaded, SHA-256 %s", self._name, self._artefact.card.sha256)
                await anyio.sleep(LAST_BATCHES)
                await anyio.to_thread.run_sync(give_back_memory)
        except Exception as error:
            self._log_failure(error)

    def _log_failure(self, error: Exception) -> None:
        """Log why the old model stays in use: once for each state of the files, even if each check tries again."""
        is_transient = _is_transient(error)
        if is_transient:
            self._read_as = None
        if not (is_transient and self._reported_as == self._seen_as):
            unforeseen = None if isinstance(error, ArtefactError) else error
            logger.error("%s: the old model stays in use: %s", self._name, error, exc_info=unforeseen)
        self._reported_as = self._seen_as

    def _read_if_changed(self) -> bool:
        seen = file_states(self._folder, self._name, self._loader)
        is_settled, self._seen_as = seen == self._seen_as, seen
        if seen == self._read_as or not is_settled:
            return False
        self.read()
        return True

    def unload(self) -> None:
        """Unload the model, but keep the handles."""
        self._artefact = None


def _without(model: "Model[Any]", models: "tuple[Model[Any], ...]") -> "tuple[Model[Any], ...]":
    return tuple(each for each in models if each is not model)


def _is_transient(error: Exception) -> bool:
    """Return whether the system failed, not the files, so that reading the same files may succeed later."""
    cause = error.__cause__ if isinstance(error, ArtefactError) else error
    return isinstance(cause, OSError | MemoryError) and not isinstance(cause, FileNotFoundError)


class Model(Generic[Wanted]):
    """An app's handle for the model of one artefact, which is loaded once, and replaced without a restart.

    In the app's lifespan, it is an async context manager: the model is loaded before the app starts, and the app's
    expectations of it end with the app.

        async with model:
            yield

    Attributes:
        accept: Returns a model as the type that the app needs, or raises.
    """

    def __init__(self, artefact: LoadedArtefact, accept: Callable[[object], Wanted]) -> None:
        self._artefact, self.accept = artefact, accept

    async def __aenter__(self) -> Self:
        """Load the model if it isn't loaded.

        Raises:
            ArtefactError: The artefact was rejected.
        """
        try:
            await self.load()
        except BaseException:
            self.end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    async def load(self) -> Wanted:
        """Load the model if it isn't loaded, and return it, without a block that ends the app's expectations.

        Raises:
            ArtefactError: The artefact was rejected.
        """
        self._artefact.use(self)
        await self._artefact.load(self)
        return self.current

    def end(self) -> None:
        """End the app's expectations: new models needn't fit it any more. Entering the handle again renews them."""
        self._artefact.end(self)

    @property
    def current(self) -> Wanted:
        """The current model. Read it once for each response: it may be replaced at any time.

        Raises:
            LookupError: No model is loaded.
        """
        return self.accept(self._artefact.model)
