"""Write artefacts, so that a server that starts or watches meanwhile finds the old one or the new one, whole."""

import hashlib
import io
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib

from shared.models._artefact import LIBRARY, ModelCard, artefact_file, installed_version

# Seconds for which what was replaced is kept at least: a server may have read its card just before.
KEPT = 3600


def write_artefact(folder: Path, name: str, model: object, facts: Mapping[str, object]) -> ModelCard:
    """Write `model` and its card; `facts` are the card's further fields.

    Returns:
        The card as written, with the digest of the file.

    Raises:
        ArtefactError: The name is no plain file name.
        OSError: A file can't be written.
        ValueError: The facts make no card.
    """
    file = artefact_file(folder, name)
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=3)
    payload = buffer.getvalue()
    versions = {library: installed_version(library) for library in (LIBRARY, "joblib", "numpy")}
    card = ModelCard.model_validate(
        {"name": name, **facts, "versions": versions, "sha256": hashlib.sha256(payload).hexdigest()}
    )
    folder.mkdir(parents=True, exist_ok=True)
    _write(file, payload)
    _write(file.with_suffix(".json"), _as_json(card))
    return card


def install(folder: Path, name: str, card: ModelCard, payload: bytes) -> ModelCard:
    """Put a checked artefact in the place of the artefact `name`, in one step: that in which the card is replaced.

    The file gets a name of its own, which the card holds. So each card that was ever there describes the file that it
    names, and a crash at any moment leaves the old pair or the new one. A copy of the card lies beside the file, so
    that it can be promoted again when it has been replaced; what was written without a promotion is kept likewise.
    What was replaced stays for an hour, what was in use until now for longer; then the next promotion removes it.

    Returns:
        The card as written; its `replaced` names what was in use until now.

    Raises:
        ArtefactError: The name is no plain file name.
        OSError: A file can't be written; the old artefact is still in its place.
    """
    place = artefact_file(folder, name).with_suffix(".json")
    folder.mkdir(parents=True, exist_ok=True)
    before = _card_in(place)
    # Where a model is promoted twice, what was there before it is still what one would go back to.
    replaced = before.replaced if before and before.sha256 == card.sha256 else _keep(folder, name, before)
    installed = _write_pair(folder, name, card.model_copy(update={"replaced": replaced, "name": name}), payload)
    _write(place, _as_json(installed))
    _remove_old(folder, name, keep={installed.file, replaced})
    return installed


def _card_in(place: Path) -> ModelCard | None:
    try:
        return ModelCard.model_validate_json(place.read_bytes())
    except (OSError, ValueError):
        # What isn't there or is broken names nothing, and is about to be replaced.
        return None


def _keep(folder: Path, name: str, card: ModelCard | None) -> str | None:
    """Have what is in use lie in files of its own, as what is promoted does; return its name, None for what is broken.

    What was written without a promotion has one place only, and loses it now.
    """
    if card is None:
        return None
    own = _own_file(folder, name, card)
    # The card is written after the file, and removed before it.
    if not own.with_suffix(".json").exists():
        try:
            payload = (folder / card.file if card.file else artefact_file(folder, name)).read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(payload).hexdigest() != card.sha256:
            return None
        _write_pair(folder, name, card, payload)
    return own.name


def _own_file(folder: Path, name: str, card: ModelCard) -> Path:
    # No artefact is called so: '@' is in no name.
    return folder / f"{name}@{card.sha256[:12]}.joblib"


def _write_pair(folder: Path, name: str, card: ModelCard, payload: bytes) -> ModelCard:
    """Write an artefact under a name of its own, its card beside it; return the card, which holds that name."""
    file = _own_file(folder, name, card)
    named = card.model_copy(update={"file": file.name})
    _write(file, payload)
    _write(file.with_suffix(".json"), _as_json(named))
    return named


def _remove_old(folder: Path, name: str, keep: set[str | None]) -> None:
    promoted = re.compile(rf"{re.escape(name)}@[0-9a-f]{{12}}\.joblib")
    for file in folder.iterdir():
        if not promoted.fullmatch(file.name) or file.name in keep:
            continue
        # Another promotion may remove the same ones.
        with suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime > KEPT:
                file.with_suffix(".json").unlink(missing_ok=True)
                file.unlink()


def _as_json(card: ModelCard) -> bytes:
    return (card.model_dump_json(indent=2, exclude_unset=True) + "\n").encode()


def _write(file: Path, payload: bytes) -> None:
    """Write a file in one step; where that fails, what was there before is still there.

    Others may write the same one at the same time, and also from containers that give their processes equal numbers.
    """
    # A folder, because the file in it has the permissions that files have here; a temporary file is its owner's alone.
    with TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as aside:
        unfinished = Path(aside, file.name)
        with unfinished.open("wb") as opened:
            opened.write(payload)
            opened.flush()
            os.fsync(opened.fileno())
        unfinished.replace(file)
