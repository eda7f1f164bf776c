"""settings.toml and the environment: read, laid over each other, and validated, with the place of every value kept.

The environment stands over `settings.{COMPOSER_ENV}.toml`, and that over settings.toml. Values are never part of a
problem's text: any of them may be a secret.
"""

from composer._settings.locate import find_settings
from composer._settings.models import AppTable, ComposerTable, CornerstoneTable
from composer._settings.read import Section, SettingsFile, environment_name, read_settings
from composer._settings.table import Table, place_of, quoted
from composer._settings.validate import validated, validated_or_default, with_paths_from

__all__ = [
    "AppTable",
    "ComposerTable",
    "CornerstoneTable",
    "Section",
    "SettingsFile",
    "Table",
    "environment_name",
    "find_settings",
    "place_of",
    "quoted",
    "read_settings",
    "validated",
    "validated_or_default",
    "with_paths_from",
]
