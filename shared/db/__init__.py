"""One database for all apps: SQLite in a file by default, PostgreSQL by its URL.

An app declares its tables as classes that inherit from `Base`; those that don't exist are made when the server
starts. A table that does exist is left as it is: changing its columns takes a migration.
"""

from shared.db._database import Base, Database, DatabaseSettings, create_cornerstone
from shared.db._requests import MAX_LIMIT, Id, Limit, Session, Skip, StorableText

__all__ = [
    "MAX_LIMIT",
    "Base",
    "Database",
    "DatabaseSettings",
    "Id",
    "Limit",
    "Session",
    "Skip",
    "StorableText",
    "create_cornerstone",
]
