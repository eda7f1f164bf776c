"""Documents as text: JSON or YAML, read as the JSON data that they stand for."""

import json
from pathlib import Path
from typing import Any

from composer.openapi._shape import Json


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
        raise ValueError("it is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError(f"it is no object but {type(document).__name__}")
    return document


def _parse_yaml(text: bytes) -> Any:
    # Not everybody reads YAML, and importing it takes longer than a merge does.
    import yaml

    class Loader(yaml.CSafeLoader):
        """Read what JSON has: a date is text, as OpenAPI's recommended YAML schema says."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        found = yaml.load(text, Loader)  # noqa: S506  # a safe loader with less in it
        # A status code that is written without quotes is a number, and no key of JSON.
        return json.loads(json.dumps(found))
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(" ".join(str(error).split())) from None
