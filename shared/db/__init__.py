"""The project's database, and the base class of its tables."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from composer import Project
from composer.contrib.db import NAMING_CONVENTION, Database, DatabaseSettings

__all__ = ["Base", "create_cornerstone"]


class Base(DeclarativeBase):
    """The base class of all tables."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


def create_cornerstone(settings: DatabaseSettings, project: Project) -> Database:
    """Return the database with the tables of `Base`; it doesn't connect yet."""
    return Database.from_settings(settings, project, base=Base)
