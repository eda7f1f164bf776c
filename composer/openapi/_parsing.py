"""Documents as text: JSON or YAML, read as the JSON data that they stand for."""

import json
from pathlib import Path
from typing import Any

from composer._json import Json


def is_yaml(file: Path) -> bool:
    """Tell by its suffix whether a file holds YAML; any other one holds JSON."""
    return file.suffix.lower() in (".yaml", ".yml")


def read_document(file: Path) -> Json:
    """Read a document from a file, YAML or JSON by its suffix.

    Raises OSError where it can't be read, ValueError where it holds something else than one JSON object.
    """
    return parse_document(file.read_bytes(), yaml=is_yaml(file))


def parse_document(text: bytes, *, yaml: bool) -> Json:
    """Read a document from text; raise ValueError where that holds something else than one JSON object."""
    try:
        document = _parse_yaml(text) if yaml else json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError(f"expected a JSON object, got {type(document).__name__}")
    return document


def _parse_yaml(text: bytes) -> Any:
    # Not everybody reads YAML.
    import yaml

    from composer.openapi._yaml import Loader

    try:
        data = yaml.load(text, Loader)  # noqa: S506  # a safe loader with less in it
        # Places that share an anchor become objects of their own; one inside of itself is no JSON.
        return json.loads(json.dumps(data))
    except (yaml.YAMLError, LookupError, TypeError) as error:
        raise ValueError(" ".join(str(error).split())) from None
