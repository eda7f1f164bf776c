"""Write artefacts, so that a server that starts or watches meanwhile finds the old one or the new one, whole."""

import hashlib
import io
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

import joblib

from shared.models._artefact import LIBRARY, ModelCard, artefact_file, installed_version

# Seconds for which a file that was promoted once is kept at least: a server may have read its card just before.
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
    names, and a crash at any moment leaves the old pair or the new one. Files that were promoted before stay for an
    hour, the one that was in use until now for longer; then the next promotion removes them.

    Returns:
        The card as written.

    Raises:
        ArtefactError: The name is no plain file name.
        OSError: A file can't be written; the old artefact is still in its place.
    """
    place = artefact_file(folder, name).with_suffix(".json")
    folder.mkdir(parents=True, exist_ok=True)
    before = _named_file(place)
    # No artefact is called so: '@' is in no name.
    file = folder / f"{name}@{card.sha256[:12]}.joblib"
    _write(file, payload)
    installed = card.model_copy(update={"file": file.name, "name": name})
    _write(place, _as_json(installed))
    _remove_old(folder, name, keep={file.name, before})
    return installed


def _named_file(card: Path) -> str | None:
    try:
        return ModelCard.model_validate_json(card.read_bytes()).file
    except (OSError, ValueError):
        # What isn't there or is broken names nothing, and is about to be replaced.
        return None


def _remove_old(folder: Path, name: str, keep: set[str | None]) -> None:
    promoted = re.compile(rf"{re.escape(name)}@[0-9a-f]{{12}}\.joblib")
    for file in folder.iterdir():
        if promoted.fullmatch(file.name) and file.name not in keep and time.time() - file.stat().st_mtime > KEPT:
            file.unlink(missing_ok=True)


def _as_json(card: ModelCard) -> bytes:
    return (card.model_dump_json(indent=2, exclude_unset=True) + "\n").encode()


def _write(file: Path, payload: bytes) -> None:
    """Write a file in one step; where that fails, what was there before is still there."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as opened:
            opened.write(payload)
            opened.flush()
            os.fsync(opened.fileno())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
