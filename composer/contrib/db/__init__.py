"""One database: SQLite in a file by default, PostgreSQL by its URL.

An app declares its tables as classes that inherit from the project's base class. If it has a folder `migrations`, they
create and change its tables: `composer db` writes and runs migrations, and outside of production the
server runs them when it starts. The tables of an app without migrations are created when the server starts, and never
changed.

A handler that writes uses a `Session`, one that only reads a `ReadSession`. `answering_503(app)` makes an app respond
with 503 while the database is unavailable.
"""

from composer.contrib import requires_extra

with requires_extra("db"):
    from composer.contrib.db._database import Database
    from composer.contrib.db._naming import NAMING_CONVENTION
    from composer.contrib.db._plugin import PluginSettings, create_cornerstone
    from composer.contrib.db._requests import (
        MAX_LIMIT,
        Id,
        Limit,
        ReadSession,
        Session,
        Skip,
        StorableText,
        session_from,
    )
    from composer.contrib.db._schema import SchemaError
    from composer.contrib.db._settings import DatabaseSettings
    from composer.contrib.db._unavailable import UNAVAILABLE, answering_503


__all__ = [
    "MAX_LIMIT",
    "NAMING_CONVENTION",
    "UNAVAILABLE",
    "Database",
    "DatabaseSettings",
    "Id",
    "Limit",
    "PluginSettings",
    "ReadSession",
    "SchemaError",
    "Session",
    "Skip",
    "StorableText",
    "answering_503",
    "create_cornerstone",
    "session_from",
]
