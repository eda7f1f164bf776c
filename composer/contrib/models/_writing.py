"""Write artefacts atomically: a server that reads meanwhile finds either the old one or the new one."""

import hashlib
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from composer.contrib.models._artefact import JOBLIB, ModelCard, artefact_file, installed_version
from composer.contrib.models._loaders import Loader

# Minimum seconds that a replaced artefact is kept: a server may have read its card just before.
KEEP_REPLACED = 3600


def write_artefact(
    folder: Path, name: str, model: object, facts: Mapping[str, object], *, loader: Loader = JOBLIB
) -> ModelCard:
    """Write a model and its card.

    Args:
        folder: The folder of the artefacts; it is created if needed.
        name: The name of the artefact.
        model: The model, or the content of its file if the loader can't write.
        facts: Additional fields of the card, such as `known_rows`, and `versions` of further libraries.
        loader: The format of the file.

    Returns:
        The card as written, with the digest of the file.

    Raises:
        ArtefactError: The name isn't a plain file name.
        OSError: A file can't be written.
        TypeError: The loader can't write, and `model` isn't the content of a file.
        ValueError: The facts aren't valid for a card.
    """
    file = artefact_file(folder, name, loader.suffix)
    payload = loader.dump(model) if loader.dump else model
    if not isinstance(payload, bytes):
        raise TypeError(f"a loader without `dump` requires the content of the file, not a {type(model).__name__}")
    libraries = ("scikit-learn", "joblib", "numpy") if loader.libraries else ()
    versions = {library: installed_version(library) for library in libraries}
    more = {**facts, "versions": {**versions, **cast(Mapping[str, str], facts.get("versions", {}))}}
    card = ModelCard.model_validate({"name": name, **more, "sha256": hashlib.sha256(payload).hexdigest()})
    folder.mkdir(parents=True, exist_ok=True)
    _write(file, payload)
    _write(artefact_file(folder, name, ".json"), _as_json(card))
    return card


def install(folder: Path, name: str, card: ModelCard, payload: bytes, suffix: str) -> ModelCard:
    """Replace the artefact `name` with a validated one, atomically: by replacing the card.

    The file gets a unique name, which the card contains. So every card always describes the file that it names, and a
    crash at any moment leaves either the old pair or the new one. A copy of the card is written beside the file, so
    that it can be promoted again after it was replaced; an artefact written without a promotion is kept in the same
    way. A replaced artefact is kept for an hour, the most recent one for longer; then the next promotion removes it.

    Returns:
        The card as written; its `replaced` names the artefact that was in use until now.

    Raises:
        ArtefactError: The name isn't a plain file name.
        OSError: A file can't be written; the old artefact is still in use.
    """
    place = artefact_file(folder, name, ".json")
    folder.mkdir(parents=True, exist_ok=True)
    before = _card_in(place)
    # If a model is promoted twice, a rollback still leads to the one before it.
    replaced = before.replaced if before and before.sha256 == card.sha256 else _keep(folder, name, before, suffix)
    installed = _write_pair(folder, name, card.model_copy(update={"replaced": replaced, "name": name}), payload, suffix)
    _write(place, _as_json(installed))
    _remove_old(folder, name, suffix, keep={installed.file, replaced})
    return installed


def _card_in(place: Path) -> ModelCard | None:
    try:
        return ModelCard.model_validate_json(place.read_bytes())
    except (OSError, ValueError):
        # A card that is missing or broken names nothing, and is about to be replaced.
        return None


def _keep(folder: Path, name: str, card: ModelCard | None, suffix: str) -> str | None:
    """Copy the artefact in use to uniquely named files, like a promoted one; return the name, or None if it is broken.

    An artefact written without a promotion has no other files, and they are about to be replaced.
    """
    if card is None:
        return None
    own = _own_file(folder, name, card, suffix)
    # The card is written after the file, and removed before it.
    if not own.with_suffix(".json").exists():
        try:
            payload = (folder / card.file if card.file else artefact_file(folder, name, suffix)).read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(payload).hexdigest() != card.sha256:
            return None
        _write_pair(folder, name, card, payload, suffix)
    return own.name


def _own_file(folder: Path, name: str, card: ModelCard, suffix: str) -> Path:
    # This is no artefact's name: names don't contain '@'.
    return folder / f"{name}@{card.sha256[:12]}{suffix}"


def _write_pair(folder: Path, name: str, card: ModelCard, payload: bytes, suffix: str) -> ModelCard:
    """Write an artefact and its card to uniquely named files; return the card, which contains that name."""
    file = _own_file(folder, name, card, suffix)
    named = card.model_copy(update={"file": file.name})
    _write(file, payload)
    _write(file.with_suffix(".json"), _as_json(named))
    return named


def _remove_old(folder: Path, name: str, suffix: str, keep: set[str | None]) -> None:
    promoted = re.compile(rf"{re.escape(name + '@')}[0-9a-f]{{12}}{re.escape(suffix)}")
    for file in folder.iterdir():
        if not promoted.fullmatch(file.name) or file.name in keep:
            continue
        # A concurrent promotion may remove the same files.
        with suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime > KEEP_REPLACED:
                file.with_suffix(".json").unlink(missing_ok=True)
                file.unlink()


def _as_json(card: ModelCard) -> bytes:
    return (card.model_dump_json(indent=2, exclude_unset=True) + "\n").encode()


def _write(file: Path, payload: bytes) -> None:
    """Write a file atomically; if that fails, the previous content stays.

    Others may write the same file concurrently, even from containers in which processes have the same IDs.
    """
    # In a temporary folder, because a temporary file would be readable only by its owner.
    with TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as aside:
        unfinished = Path(aside, file.name)
        with unfinished.open("wb") as opened:
            opened.write(payload)
            opened.flush()
            os.fsync(opened.fileno())
        unfinished.replace(file)
