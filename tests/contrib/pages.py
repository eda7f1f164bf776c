"""What the pages in docs/ show: their code, and their tables of settings."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def settings_of(page: str, heading: str) -> dict[str, str]:
    """Return the settings in the table with a heading, each with its default as written; "" if it has none."""
    table = page.partition(f"| {heading}")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)(?: = (.*?))?` \|", table, re.MULTILINE))


def defaults_of(model: type[BaseModel]) -> dict[str, str]:
    """Return the settings of a model, each with its default as the pages write it."""
    return {name: _written(field.default) for name, field in model.model_fields.items()}


def _written(default: Any) -> str:
    if default is None or repr(default) == "PydanticUndefined":
        return ""
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, type):
        default = f"{default.__module__.removesuffix('.session')}:{default.__name__}"
    return json.dumps(str(default) if isinstance(default, Path) else default)
