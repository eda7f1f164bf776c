"""settings.toml and the environment: read, merged and validated, with the place of every value.

The environment overrides `settings.{COMPOSER_ENV}.toml`, which overrides settings.toml. Values are never part of a
problem's text: any of them may be a secret.
"""

from composer._settings.locate import find_settings
from composer._settings.models import AppTable, ComposerTable, CornerstoneTable, PartTable, shared_values
from composer._settings.read import SettingsFile, environment_name, read_settings
from composer._settings.table import Table, place_of, quoted
from composer._settings.validate import unknown_key, validated, validated_or_default, with_paths_from

__all__ = [
    "AppTable",
    "ComposerTable",
    "CornerstoneTable",
    "PartTable",
    "SettingsFile",
    "Table",
    "environment_name",
    "find_settings",
    "place_of",
    "quoted",
    "read_settings",
    "shared_values",
    "unknown_key",
    "validated",
    "validated_or_default",
    "with_paths_from",
]
