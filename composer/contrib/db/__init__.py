"""One database for all apps: SQLite in a file by default, PostgreSQL by its URL.

An app declares its tables as classes that inherit from `Base`. If it has a folder `migrations`, they create and change
its tables: `python -m shared.db` writes and runs migrations, and outside of production the server runs them when it
starts. The tables of an app without migrations are created when the server starts, and never changed.

A handler that writes uses a `Session`, one that only reads a `ReadSession`. `answering_503(app)` makes an app respond
with 503 while the database is unavailable.
"""

from shared.db._database import Base, Database, create_cornerstone
from shared.db._requests import MAX_LIMIT, Id, Limit, ReadSession, Session, Skip, StorableText
from shared.db._schema import SchemaError
from shared.db._settings import DatabaseSettings
from shared.db._unavailable import UNAVAILABLE, answering_503

__all__ = [
    "MAX_LIMIT",
    "UNAVAILABLE",
    "Base",
    "Database",
    "DatabaseSettings",
    "Id",
    "Limit",
    "ReadSession",
    "SchemaError",
    "Session",
    "Skip",
    "StorableText",
    "answering_503",
    "create_cornerstone",
]
