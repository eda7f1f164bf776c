"""The database, its sessions, and its startup."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import URL, Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase

from composer import Project
from composer.contrib.db._engines import make_engines
from composer.contrib.db._schema import prepare
from composer.contrib.db._sessions import ending_session, session_maker
from composer.contrib.db._settings import DatabaseSettings, sqlite_file

# Processes that start at the same time must not create a table twice. In SQLite, a writer locks out others anyway.
_ALONE = {"postgresql": ["SET LOCAL statement_timeout = 0", "SELECT pg_advisory_xact_lock(7205759403)"]}

_READABLE = {"sqlite": "SELECT count(*) FROM sqlite_master"}

Result = TypeVar("Result")


class _NoTables(DeclarativeBase):
    """The base of a database without tables of its own."""


class Database:
    """One database with its connection pools; entering it prepares the schema, leaving it closes all connections.

    A project makes its own in `create_cornerstone`, with the base class of its tables:

        def create_cornerstone(settings: DatabaseSettings, project: Project) -> Database:
            return Database.from_settings(settings, project, base=Base)

    Args:
        url: The address of the database, with an asynchronous driver.
        settings: The number of connections, and timeouts.
        base: The base class of the tables: a declarative base of SQLAlchemy, or `SQLModel`. Without one, no table is
            created, and there are no migrations.
        session_class: The class of the sessions, such as the `AsyncSession` of SQLModel.
        upgrades: Whether entering runs the pending migrations; if not, pending migrations are an error.

    Attributes:
        base: The base class of the tables.
        migrations: The name of the folder, in the package of an app, that has the app's migrations.

    Raises:
        sqlalchemy.exc.ArgumentError: The URL names an unknown database.
        sqlalchemy.exc.InvalidRequestError: The URL names a driver that isn't asynchronous.
    """

    def __init__(
        self,
        url: URL,
        settings: DatabaseSettings | None = None,
        *,
        base: type[Any] | None = None,
        session_class: type[AsyncSession] = AsyncSession,
        upgrades: bool = True,
    ) -> None:
        settings = settings or DatabaseSettings()
        self.base = base or _NoTables
        self.migrations = settings.migrations
        self._url = url
        self._upgrades = upgrades
        self._reader, self._writer = make_engines(url, settings)
        self._reading = session_maker(self._reader, session_class)
        self._writing = session_maker(self._writer, session_class)

    @classmethod
    def from_settings(
        cls,
        settings: DatabaseSettings,
        project: Project,
        *,
        base: type[Any] | None = None,
        session_class: type[AsyncSession] = AsyncSession,
    ) -> Self:
        """Return the database that the settings describe; it doesn't connect yet.

        Args:
            settings: The URL, the number of connections, and timeouts.
            project: The project; outside of its production, entering the database runs the pending migrations.
            base: The base class of the tables.
            session_class: The class of the sessions.

        Raises:
            ValueError: The URL is malformed.
            sqlalchemy.exc.ArgumentError: The URL names an unknown database.
            sqlalchemy.exc.InvalidRequestError: The URL names a driver that isn't asynchronous.
        """
        upgrades = project.env != "production" if settings.upgrade is None else settings.upgrade
        url = settings.url_from(project.root)
        return cls(url, settings, base=base, session_class=session_class, upgrades=upgrades)

    async def __aenter__(self) -> Self:
        try:
            await self.run_alone(
                lambda connection: prepare(connection, self.base, self.migrations, upgrades=self._upgrades)
            )
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        await self._reader.dispose()
        await self._writer.dispose()

    @asynccontextmanager
    async def session(self, *, writes: bool = True) -> AsyncIterator[AsyncSession]:
        """Yield a session: committed after the block, rolled back if the block raises, and always ended.

        A session that has ended can't be used again, but the objects that it loaded can be read. Don't open a session
        that writes inside another one: on SQLite this is a deadlock.

        Args:
            writes: If false, the session doesn't wait for writers, and can't write.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database is unavailable or rejects a statement; the commit may raise
                it, too.
        """
        async with ending_session(self._writing if writes else self._reading) as session:
            yield session

    async def check_ready(self) -> None:
        """Run a small query.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database is unavailable.
        """
        async with self._reader.connect() as connection:
            await connection.execute(text(_READABLE.get(connection.dialect.name, "SELECT 1")))

    async def run_alone(self, work: Callable[[Connection], Result]) -> Result:
        """Call `work` in one transaction, exclusively among all processes, and return its result; for migrations.

        Foreign keys are off in SQLite during the call: recreating a table would delete the rows that refer to it.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database is unavailable or rejects a statement.
        """
        file = sqlite_file(self._url)
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
        async with self._writer.connect() as connection, _without_foreign_keys(connection), connection.begin():
            for statement in _ALONE.get(connection.dialect.name, ()):
                await connection.exec_driver_sql(statement)
            return await connection.run_sync(work)


@asynccontextmanager
async def _without_foreign_keys(connection: AsyncConnection) -> AsyncIterator[None]:
    """Turn off foreign keys in SQLite during the block; this works only outside of a transaction."""
    if connection.dialect.name != "sqlite":
        yield
        return
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    if driver is None:
        raise LookupError("the connection is closed")
    await driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    except BaseException:
        # The connection's state is unknown, and it must not be reused with foreign keys off.
        await connection.invalidate()
        raise
    await driver.execute("PRAGMA foreign_keys = ON")
