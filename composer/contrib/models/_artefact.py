"""One trained model as two files: its model card `<name>.json`, and the file that the card names or `<name>.joblib`.

Reading a pickle runs code, so everything that can be checked is checked before, on the same bytes that are unpickled.
The digest detects a damaged, swapped or half-copied file. An attacker who can write both files is limited by the list
of what an artefact may contain (`_unpickler`): other code is rejected, but a model with false predictions is not.
Protect the folder of artefacts like source code.
"""

import hashlib
import re
import threading
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from composer import ComposerError
from composer.contrib.models._known_rows import KnownRows
from composer.contrib.models._loaders import Loader, joblib_loader
from composer.contrib.models._unpickler import RefusedError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

JOBLIB = joblib_loader()

# Unpickling imports the library's modules, which have circular imports: of two concurrent threads, one can get a
# partially initialized module ("cannot import name 'clone' from partially initialized module").
_UNPICKLING = threading.Lock()


class ArtefactError(ComposerError):
    """An artefact was rejected.

    Attributes:
        name: The artefact's name.
        file: The file that caused the error.
        expected: What the file should contain.
        found: What it contains instead.
        hint: How to fix it.
    """

    def __init__(self, name: str, file: Path, *, expected: str, found: str, hint: str) -> None:
        self.name, self.file, self.expected, self.found, self.hint = name, file, expected, found, hint
        super().__init__(
            f"artefact {name!r} rejected\n  file: {file}\n  expected: {expected}\n  found: {found}\n  hint: {hint}"
        )


class ModelCard(BaseModel):
    """The description of an artefact: the fields that loading requires, and any others that its author adds."""

    model_config = ConfigDict(extra="allow")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the model's file, in lower-case hex.")
    versions: dict[str, str] = Field(
        description="Versions of the libraries that wrote the artefact, by distribution name."
    )
    file: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]*\.[A-Za-z0-9]+$",
        description="The model's file beside the card, if its name differs from the card's; a promotion sets it.",
    )
    replaced: str | None = Field(
        default=None, description="The file of the model that this one replaced, for a rollback."
    )
    known_rows: KnownRows | None = Field(default=None, description="Rows that the model is validated with.")


@dataclass(frozen=True)
class Artefact:
    """A model, and the card that it was checked against."""

    card: ModelCard
    model: object


def artefact_file(folder: Path, name: str, suffix: str) -> Path:
    """Return the file of the artefact `name` with this suffix: its model, unless its card names another file, or card.

    Raises:
        ArtefactError: The name isn't a plain file name, so that it could point outside of the folder.
    """
    if NAME.fullmatch(name):
        return folder / f"{name}{suffix}"
    raise ArtefactError(
        name,
        folder,
        expected="a name of letters, digits, '_', '-' and '.', starting with a letter or digit",
        found=repr(name),
        hint="use the file's name without folder and extension, such as 'house_price'",
    )


def read_artefact(folder: Path, name: str, loader: Loader = JOBLIB) -> Artefact:
    """Read the artefact `name`: check it against its card before any of its code runs, then predict its known rows.

    Blocks while reading, loading and predicting the known rows.

    Raises:
        ArtefactError: A file is missing or unreadable, the card is malformed, the digest or the version of a library
            differs, the content can't be loaded or isn't trusted, or the prediction of a known row is off by more than
            the card allows.
    """
    while True:
        before = file_states(folder, name, loader)
        try:
            card = read_card(folder, name)
            file = folder / card.file if card.file else artefact_file(folder, name, loader.suffix)
            return Artefact(card, checked_model(name, file, card, read_payload(name, file), loader))
        except ArtefactError:
            # One of the two files may have been read before they were replaced, and the other one after.
            if file_states(folder, name, loader) == before:
                raise


def checked_model(name: str, file: Path, card: ModelCard, payload: bytes, loader: Loader) -> object:
    """Return the model in `payload`, which was read from `file`; `read_artefact` lists the checks.

    Raises:
        ArtefactError: It was rejected.
    """
    _check_digest(name, file, card, payload)
    _check_libraries(name, file, card, loader)
    try:
        with _UNPICKLING:
            model = loader.load(payload)
    except RefusedError as error:
        found, hint = f"{error}", f"if you trust it, add it: [cornerstones.models] trusted = ['{error}']"
        raise ArtefactError(name, file, expected="only trusted classes and functions", found=found, hint=hint) from None
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        hint = "train the model again and keep both files"
        raise ArtefactError(
            name, file, expected=f"a model in the format {loader.suffix}", found=found, hint=hint
        ) from error
    _check_known_rows(name, file, card, model)
    return model


def file_states(folder: Path, name: str, loader: Loader) -> tuple[object, ...]:
    """Return a value that changes when the card or the artefact of this name is written, replaced or removed.

    Raises:
        ArtefactError: The name isn't a plain file name.
    """
    return _state(artefact_file(folder, name, ".json")), _state(artefact_file(folder, name, loader.suffix))


def read_card(folder: Path, name: str) -> ModelCard:
    """Read and validate the card of the artefact `name`.

    Raises:
        ArtefactError: The card is missing, unreadable or malformed.
    """
    return read_card_file(name, artefact_file(folder, name, ".json"))


def read_card_file(name: str, file: Path) -> ModelCard:
    """Read and validate the card in `file`, of the artefact `name` or of its replacement.

    Raises:
        ArtefactError: The card is missing, unreadable or malformed.
    """
    try:
        return ModelCard.model_validate_json(read_payload(name, file))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        hint = "use the .json file that was written together with the model's file"
        raise ArtefactError(name, file, expected="a model card", found=faults, hint=hint) from error


def read_payload(name: str, file: Path) -> bytes:
    """Read a file of the artefact `name`.

    Raises:
        ArtefactError: It is missing or unreadable.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        hint = "train the model, or correct the folder or the artefact's name in the settings"
        found = error.strerror or str(error)
        raise ArtefactError(name, file, expected="a readable file", found=found, hint=hint) from error


def _check_digest(name: str, file: Path, card: ModelCard, payload: bytes) -> None:
    digest = hashlib.sha256(payload).hexdigest()
    if digest != card.sha256:
        hint = "restore the file that the card describes, or train the model again"
        raise ArtefactError(name, file, expected=f"SHA-256 {card.sha256}", found=f"SHA-256 {digest}", hint=hint)


def _check_libraries(name: str, file: Path, card: ModelCard, loader: Loader) -> None:
    for library in card.versions if loader.libraries is None else loader.libraries:
        written_with, installed = card.versions.get(library, "none in the card"), installed_version(library)
        if written_with != installed:
            expected, found = f"{library} {written_with}, which wrote the artefact", f"{library} {installed}"
            hint = f"install {library}=={written_with}, or train the model again with {installed}"
            raise ArtefactError(name, file, expected=expected, found=found, hint=hint)


def _check_known_rows(name: str, file: Path, card: ModelCard, model: object) -> None:
    if card.known_rows is None:
        return
    try:
        card.known_rows.check(model)
    except Exception as error:
        expected = f"predictions of the card's known rows with an error of at most {card.known_rows.error:g}"
        found = f"{type(error).__name__}: {error}"
        hint = "train the model again: the card belongs to another model, or the model is broken"
        raise ArtefactError(name, file, expected=expected, found=found, hint=hint) from error


def _state(file: Path) -> object:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def installed_version(library: str) -> str:
    """Return the version of a distribution, or `not installed`."""
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
