"""Parsing of OpenAPI documents from JSON or YAML into plain JSON data."""

import json
from pathlib import Path
from typing import Any

from composer._json import Json


def is_yaml(file: Path) -> bool:
    """Return whether a file is YAML by its suffix (`.yaml`, `.yml`); every other file is taken for JSON."""
    return file.suffix.lower() in (".yaml", ".yml")


def read_document(file: Path) -> Json:
    """Read an OpenAPI document from a file: YAML if its suffix is `.yaml` or `.yml`, JSON otherwise.

    Args:
        file: Path of the file.

    Returns:
        The document as plain JSON data, as `merge_openapi` and `changes` take it.

    Raises:
        OSError: The file can't be read.
        ValueError: The file isn't valid JSON or YAML, or isn't an object.

    Example:
        changes(read_document(Path("v1.yaml")), read_document(Path("v2.yaml")))
    """
    return parse_document(file.read_bytes(), yaml=is_yaml(file))


def parse_document(text: bytes, *, yaml: bool) -> Json:
    """Parse an OpenAPI document from text.

    Args:
        text: The document, encoded in UTF-8.
        yaml: Whether the text is YAML 1.2; it is JSON otherwise.

    Returns:
        The document as plain JSON data.

    Raises:
        ValueError: The text isn't valid JSON or YAML, is nested too deeply, or isn't an object.

    Example:
        >>> parse_document(b"openapi: 3.1.0", yaml=True)
        {'openapi': '3.1.0'}
    """
    try:
        document = _parse_yaml(text) if yaml else json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError(f"expected a JSON object, got {type(document).__name__}")
    return document


def _parse_yaml(text: bytes) -> Any:
    # Imported here because PyYAML takes longer to import than a merge takes, and most documents are JSON.
    import yaml

    from composer.openapi._yaml import Loader

    try:
        data = yaml.load(text, Loader)  # noqa: S506  # a safe loader with less in it
        # Aliases of one anchor become separate objects, so that one can be changed without the other; a recursive
        # alias can't be JSON, and fails here.
        return json.loads(json.dumps(data))
    except (yaml.YAMLError, LookupError, TypeError) as error:
        raise ValueError(" ".join(str(error).split())) from None
