"""One artefact in memory: loaded once, replaced as a whole, and seen by all who use it."""

import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

from shared.models._artefact import Artefact, ArtefactError, artefact_file, file_states, read_artefact
from shared.models._memory import give_back_memory

logger = logging.getLogger(__name__)

Wanted = TypeVar("Wanted")

# Seconds in which the batches end that still predict by a model that was replaced.
LAST_BATCHES = 1.0


class Kept:
    """Load an artefact for all who use it, and take up what its files become."""

    def __init__(self, folder: Path, name: str, trusted: Collection[str]) -> None:
        self._folder, self._name, self._trusted = folder, name, trusted
        self._accepting: list[Callable[[object], object]] = []
        self._artefact: Artefact | None = None
        self._lock = anyio.Lock()
        # Of the files: as they were when they were read last, and when they were looked at last.
        self._read_as: object = None
        self._seen_as: object = None
        self._complained_of: object = None

    @property
    def model(self) -> object:
        """The object that serves at this moment.

        Raises:
            LookupError: None is loaded.
        """
        artefact = self._artefact
        if artefact is None:
            raise LookupError(f"the model {self._name!r} isn't loaded: `await model.load()` in the app's lifespan")
        return artefact.model

    def used_by(self, accept: Callable[[object], Wanted]) -> "Model[Wanted]":
        """Note that somebody uses it, who takes only what `accept` does."""
        self._accepting.append(accept)
        return Model(self, accept)

    async def load(self) -> None:
        """Load it in a thread, if it isn't loaded; callers that ask at the same time share one load.

        Raises:
            ArtefactError: It was refused; the next call tries again.
        """
        async with self._lock:
            if self._artefact is None:
                # Kept by the thread itself, which no cancellation of the waiting caller can interrupt.
                await anyio.to_thread.run_sync(self.read)
                await anyio.to_thread.run_sync(give_back_memory)

    def read(self) -> None:
        """Read it and let it serve from now on; where it is refused, what served before goes on.

        Raises:
            ArtefactError: It was refused.
        """
        self._read_as = self._seen_as = file_states(self._folder, self._name)
        artefact = read_artefact(self._folder, self._name, self._trusted)
        self.check_accepted(artefact.model, artefact_file(self._folder, self._name))
        self._artefact = artefact

    def check_accepted(self, model: object, file: Path) -> None:
        """Ask all who use the artefact whether they take this model, which was read from `file`.

        Raises:
            ArtefactError: One doesn't.
        """
        for accept in self._accepting:
            try:
                accept(model)
            except Exception as error:
                expected, hint = "a model that the apps can use", "name another artefact in the app's settings"
                found = f"{type(error).__name__}: {error}"
                raise ArtefactError(self._name, file, expected=expected, found=found, hint=hint) from error

    async def follow(self) -> None:
        """Read it again where its files have changed and stay as they are; say in the log what came of it.

        To be called every second or so: a file that is just being copied changes between two calls.
        """
        if self._artefact is None:
            return
        try:
            if await anyio.to_thread.run_sync(self._read_if_changed):
                # Of the level that is shown by default: from here on callers get other answers.
                logger.warning("%s serves what its files hold now: SHA-256 %s", self._name, self._artefact.card.sha256)
                await anyio.sleep(LAST_BATCHES)
                await anyio.to_thread.run_sync(give_back_memory)
        except Exception as error:
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        """Say why it serves what it has: once for what the files are now, also where it tries again each time."""
        is_passing = _is_passing(error)
        if is_passing:
            self._read_as = None
        if not (is_passing and self._complained_of == self._seen_as):
            unforeseen = None if isinstance(error, ArtefactError) else error
            logger.error("%s serves the model that it has: %s", self._name, error, exc_info=unforeseen)
        self._complained_of = self._seen_as

    def _read_if_changed(self) -> bool:
        seen = file_states(self._folder, self._name)
        is_settled, self._seen_as = seen == self._seen_as, seen
        if seen == self._read_as or not is_settled:
            return False
        self.read()
        return True

    def forget(self) -> None:
        """Forget the model, but not who uses it."""
        self._artefact = None


def _is_passing(error: Exception) -> bool:
    """Tell whether the machine failed, and not the files: the same ones may be read the next time."""
    cause = error.__cause__ if isinstance(error, ArtefactError) else error
    return isinstance(cause, OSError | MemoryError) and not isinstance(cause, FileNotFoundError)


class Model(Generic[Wanted]):
    """The model of one artefact, as an app uses it: loaded once, and replaced while the server serves."""

    def __init__(self, kept: Kept, accept: Callable[[object], Wanted]) -> None:
        self._kept, self._accept = kept, accept

    async def load(self) -> Wanted:
        """Return the model, after loading it where nobody has; an app's lifespan does so before it yields.

        Raises:
            ArtefactError: The artefact was refused.
        """
        await self._kept.load()
        return self.current

    @property
    def current(self) -> Wanted:
        """The model that serves at this moment. Read it once for each answer: the next time it may be another one.

        Raises:
            LookupError: None is loaded.
        """
        return self._accept(self._kept.model)
