"""One database for all apps: SQLite in a file by default, PostgreSQL by its URL.

An app declares its tables as classes that inherit from `Base`. Where it has a folder `migrations`, those make and
change its tables: `python -m shared.db` writes and runs them, and outside of production the server does when it starts.
The tables of an app without are made when the server starts, and left as they are ever after.

A handler asks for a `Session` where it writes, for a `ReadSession` where it only reads. `answering_503(app)` has an app
say to its callers that the database is away.
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
