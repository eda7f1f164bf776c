"""A cache on disk of the documents of deferred apps, for requests before they are imported: beside settings.toml."""

import json
import logging
import os
from pathlib import Path
from typing import Any

from composer._json import Json

_log = logging.getLogger("composer")


def cache_file(project: Path, name: str) -> Path:
    """Return the file for the document of an app."""
    return project / ".composer" / "openapi" / f"{name.replace('/', '.')}.json"


def save_document(file: Path, document: Any) -> None:
    """Write a document atomically; log a failure at level INFO."""
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(document), encoding="utf-8")
        part.replace(file)
    except (OSError, TypeError, ValueError, RecursionError) as error:
        _log.info("cannot cache the OpenAPI document: %s", error)


def load_document(file: Path) -> Json | None:
    """Return the cached document, or None if there is none."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
