"""`[cornerstones.db] plugin = "db"`: a database without any file in the project."""

from typing import Any

from pydantic import Field, ImportString

from composer import Project
from composer.contrib.db._database import Database
from composer.contrib.db._settings import DatabaseSettings


class PluginSettings(DatabaseSettings):
    """The settings of a database that is a plugin: also the base class of its tables."""

    base: ImportString[Any] | None = Field(
        default=None,
        description="The base class of the tables, as 'package.module:Base'. Without one, the database has no tables"
        " of its own: none is created, and there are no migrations.",
    )


def create_cornerstone(settings: PluginSettings, project: Project) -> Database:
    """Return the database; it doesn't connect yet.

    Raises:
        ValueError: The URL is malformed.
        sqlalchemy.exc.ArgumentError: The URL names an unknown database.
        sqlalchemy.exc.InvalidRequestError: The URL names a driver that isn't asynchronous.
    """
    return Database.from_settings(settings, project, base=settings.base)
