"""One trained model as two files: its model card `<name>.json`, and `<name>.joblib` or the file that the card names.

A pickle runs code when it is read, so everything that can be checked is checked before, and what is unpickled
are the very bytes that were checked. The digest finds a damaged, swapped or half-copied file. Against somebody who
may write both files there is the list of what an artefact may be made of (`_unpickler`): code of another kind is
refused, but a model that predicts what he wants is not. Keep the folder of artefacts as safe as the source code.
"""

import hashlib
import re
import threading
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.models._known_rows import KnownRows
from shared.models._unpickler import RefusedError, unpickle

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
LIBRARY = "scikit-learn"

# Unpickling imports the library's modules, which import each other in circles: two threads that do so at once can
# meet one that is only half imported ("cannot import name 'clone' from partially initialized module").
_UNPICKLING = threading.Lock()


class ArtefactError(Exception):
    """Say why an artefact was refused, and what to do about it.

    Attributes:
        name: The artefact's name, as it was asked for.
        file: The file at fault.
        expected: What should have been found.
        found: What was found instead.
        hint: What to do.
    """

    def __init__(self, name: str, file: Path, *, expected: str, found: str, hint: str) -> None:
        self.name, self.file, self.expected, self.found, self.hint = name, file, expected, found, hint
        super().__init__(
            f"artefact {name!r} refused\n  file: {file}\n  expected: {expected}\n  found: {found}\n  hint: {hint}"
        )


class ModelCard(BaseModel):
    """Tell what an artefact is; the fields that loading relies on, and any others that its author adds."""

    model_config = ConfigDict(extra="allow")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the .joblib file, in lower-case hex.")
    versions: dict[str, str] = Field(description="Distribution name to version, of what wrote the artefact.")
    file: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]*\.joblib$",
        description="The .joblib file beside the card, where it isn't called like the card; a promotion writes it.",
    )
    replaced: str | None = Field(
        default=None, description="The .joblib file of the model that a promotion replaced by this one, to go back to."
    )
    known_rows: KnownRows | None = Field(default=None, description="What the model is checked by once it is read.")


@dataclass(frozen=True)
class Artefact:
    """A model that was read, and the card by which it was checked."""

    card: ModelCard
    model: object


def artefact_file(folder: Path, name: str) -> Path:
    """Return where the artefact `name` lies, unless its card names another file.

    Raises:
        ArtefactError: The name is no plain file name, so that it could point out of the folder.
    """
    if NAME.fullmatch(name):
        return folder / f"{name}.joblib"
    raise ArtefactError(
        name,
        folder,
        expected="a name of letters, digits, '_', '-' and '.', starting with a letter or digit",
        found=repr(name),
        hint="give the file's name without folder and ending, as in 'house_price'",
    )


def read_artefact(folder: Path, name: str, trusted: Collection[str] = ()) -> Artefact:
    """Read the artefact `name`: check it by its card before anything in it can run, and by its known rows after.

    `trusted` names classes and functions that it may be made of beside those of scikit-learn, as "module:name".
    Blocks for as long as reading, unpickling and predicting the known rows take.

    Raises:
        ArtefactError: A file is missing or unreadable, the card is malformed, the digest or the scikit-learn
            version differs, the content can't be unpickled or would run what isn't trusted, or the model predicts a
            known row further off than the card says.
    """
    while True:
        before = file_states(folder, name)
        try:
            card = read_card(folder, name)
            file = folder / card.file if card.file else artefact_file(folder, name)
            return Artefact(card, checked_model(name, file, card, read_payload(name, file), trusted))
        except ArtefactError:
            # One of two files was read before it was replaced, and the other one after.
            if file_states(folder, name) == before:
                raise


def checked_model(name: str, file: Path, card: ModelCard, payload: bytes, trusted: Collection[str]) -> object:
    """Return the model that `payload` holds, which was read from `file`; `read_artefact` says what is checked.

    Raises:
        ArtefactError: It was refused.
    """
    _check_digest(name, file, card, payload)
    _check_library(name, file, card)
    try:
        with _UNPICKLING:
            model = unpickle(payload, trusted)
    except RefusedError as error:
        found, hint = f"{error}", f"if you trust it, add it: [cornerstones.models] trusted = ['{error}']"
        raise ArtefactError(name, file, expected="what a model is made of", found=found, hint=hint) from None
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        hint = "train the model again and keep both files that this writes"
        raise ArtefactError(name, file, expected="a pickled model", found=found, hint=hint) from error
    _check_known_rows(name, file, card, model)
    return model


def file_states(folder: Path, name: str) -> tuple[object, ...]:
    """Return something that differs once the card or the artefact of this name is written, replaced or removed.

    Raises:
        ArtefactError: The name is no plain file name.
    """
    file = artefact_file(folder, name)
    return _state(file.with_suffix(".json")), _state(file)


def read_card(folder: Path, name: str) -> ModelCard:
    """Read and validate the card of the artefact `name`.

    Raises:
        ArtefactError: The card is missing, unreadable or malformed.
    """
    return read_card_file(name, artefact_file(folder, name).with_suffix(".json"))


def read_card_file(name: str, file: Path) -> ModelCard:
    """Read and validate a card that lies in `file`, of what is or is to be the artefact `name`.

    Raises:
        ArtefactError: The card is missing, unreadable or malformed.
    """
    try:
        return ModelCard.model_validate_json(read_payload(name, file))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        hint = "keep the .json file that was written together with the .joblib file"
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
    found = hashlib.sha256(payload).hexdigest()
    if found != card.sha256:
        hint = "restore the file that belongs to the card, or train the model again"
        raise ArtefactError(name, file, expected=f"SHA-256 {card.sha256}", found=f"SHA-256 {found}", hint=hint)


def _check_library(name: str, file: Path, card: ModelCard) -> None:
    written_with, installed = card.versions.get(LIBRARY, "none in the card"), installed_version(LIBRARY)
    if written_with != installed:
        expected, found = f"{LIBRARY} {written_with} (it wrote the artefact)", f"{LIBRARY} {installed}"
        hint = f"install {LIBRARY}=={written_with}, or train the model again with {installed}"
        raise ArtefactError(name, file, expected=expected, found=found, hint=hint)


def _check_known_rows(name: str, file: Path, card: ModelCard, model: object) -> None:
    if card.known_rows is None:
        return
    try:
        card.known_rows.check(model)
    except Exception as error:
        expected = f"the card's known rows, predicted with an error of {card.known_rows.error:g} at most"
        found = f"{type(error).__name__}: {error}"
        hint = "train the model again; the card belongs to another model, or the model is no good"
        raise ArtefactError(name, file, expected=expected, found=found, hint=hint) from error


def _state(file: Path) -> object:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def installed_version(library: str) -> str:
    """Return the version of a distribution, or words that say that there is none."""
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
