"""One artefact in memory: loaded once, replaced atomically, and shared by all apps that use it."""

import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

from composer.contrib.models._artefact import Artefact, ArtefactError, artefact_file, file_states, read_artefact
from composer.contrib.models._memory import give_back_memory

logger = logging.getLogger(__name__)

Wanted = TypeVar("Wanted")

# Seconds after which no batch uses a replaced model any more.
LAST_BATCHES = 1.0


class LoadedArtefact:
    """Load an artefact for all apps that use it, and reload it when its files change."""

    def __init__(self, folder: Path, name: str, trusted: Collection[str]) -> None:
        self._folder, self._name, self._trusted = folder, name, trusted
        self._accepting: list[Callable[[object], object]] = []
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
            raise LookupError(f"the model {self._name!r} isn't loaded: `await model.load()` in the app's lifespan")
        return artefact.model

    def register(self, accept: Callable[[object], Wanted]) -> "Model[Wanted]":
        """Return a handle for an app that uses only models that `accept` accepts."""
        self._accepting.append(accept)
        return Model(self, accept)

    async def load(self) -> None:
        """Load the artefact in a thread if it isn't loaded; concurrent callers share one load.

        Raises:
            ArtefactError: The artefact was rejected; the next call tries again.
        """
        async with self._lock:
            if self._artefact is None:
                # The thread itself stores the result, since cancelling the caller doesn't interrupt it.
                await anyio.to_thread.run_sync(self.read)
                await anyio.to_thread.run_sync(give_back_memory)

    def read(self) -> None:
        """Read the artefact and use it from now on; if it is rejected, the previous one stays in use.

        Raises:
            ArtefactError: The artefact was rejected.
        """
        self._read_as = self._seen_as = file_states(self._folder, self._name)
        artefact = read_artefact(self._folder, self._name, self._trusted)
        self.check_accepted(artefact.model, artefact_file(self._folder, self._name))
        self._artefact = artefact

    def check_accepted(self, model: object, file: Path) -> None:
        """Check that every app accepts this model, which was read from `file`.

        Raises:
            ArtefactError: An app rejects it.
        """
        for accept in self._accepting:
            try:
                accept(model)
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
        seen = file_states(self._folder, self._name)
        is_settled, self._seen_as = seen == self._seen_as, seen
        if seen == self._read_as or not is_settled:
            return False
        self.read()
        return True

    def unload(self) -> None:
        """Unload the model, but keep the handles."""
        self._artefact = None


def _is_transient(error: Exception) -> bool:
    """Return whether the system failed, not the files, so that reading the same files may succeed later."""
    cause = error.__cause__ if isinstance(error, ArtefactError) else error
    return isinstance(cause, OSError | MemoryError) and not isinstance(cause, FileNotFoundError)


class Model(Generic[Wanted]):
    """An app's handle for the model of one artefact: loaded once, and replaced without a restart."""

    def __init__(self, artefact: LoadedArtefact, accept: Callable[[object], Wanted]) -> None:
        self._artefact, self._accept = artefact, accept

    async def load(self) -> Wanted:
        """Load the model if it isn't loaded, and return it; call it in the app's lifespan before the `yield`.

        Raises:
            ArtefactError: The artefact was rejected.
        """
        await self._artefact.load()
        return self.current

    @property
    def current(self) -> Wanted:
        """The current model. Read it once for each response: it may be replaced at any time.

        Raises:
            LookupError: No model is loaded.
        """
        return self._accept(self._artefact.model)
