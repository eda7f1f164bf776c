"""`[cornerstones.db] plugin = "db"`: a database without any file in the project."""

from typing import Any

from pydantic import Field, ImportString, field_validator
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession

from composer import Project
from composer.contrib.db._database import Database
from composer.contrib.db._settings import DatabaseSettings


class PluginSettings(DatabaseSettings):
    """The settings of a database that is a plugin: also the base class of its tables, and the class of its sessions."""

    base: ImportString[Any] = Field(
        default=None,
        description="The base class of the tables, such as 'apps.notes:Base' or 'sqlmodel:SQLModel'. Without one, no"
        " table is created, and there are no migrations.",
    )
    session_class: ImportString[type[AsyncSession]] = Field(
        default=AsyncSession,
        description="The class of the sessions, such as 'sqlmodel.ext.asyncio.session:AsyncSession'.",
    )

    @field_validator("base")
    @classmethod
    def _only_a_base(cls, base: Any) -> Any:
        if isinstance(base, type) and isinstance(getattr(base, "metadata", None), MetaData):
            return base
        raise ValueError("not the base class of tables: it has no `metadata`")


def create_cornerstone(settings: PluginSettings, project: Project) -> Database:
    """Return the database that the settings describe; it doesn't connect yet.

    Raises:
        ValueError: The URL is malformed.
        sqlalchemy.exc.ArgumentError: The URL names an unknown database.
        sqlalchemy.exc.InvalidRequestError: The URL names a driver that isn't asynchronous.
    """
    return Database.from_settings(settings, project, base=settings.base, session_class=settings.session_class)
