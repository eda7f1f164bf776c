"""The last known OpenAPI documents of apps that are imported late, for the time before: files beside settings.toml."""

import json
import logging
import os
from pathlib import Path
from typing import Any

_log = logging.getLogger("composer")


def kept_at(project: Path, name: str) -> Path:
    """Return where the document of an app is kept."""
    return project / ".composer" / "openapi" / f"{name.replace('/', '.')}.json"


def keep(file: Path, document: Any) -> None:
    """Write a document, whole or not at all; where that can't be done, the log says so at the level INFO."""
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(document), encoding="utf-8")
        part.replace(file)
    except (OSError, TypeError, ValueError, RecursionError) as error:
        _log.info("cannot cache the OpenAPI document: %s", error)


def read_kept(file: Path) -> dict[str, Any] | None:
    """Return the document that was kept, or None."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
