"""The database, its sessions, and its startup."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import URL, Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase

from composer import Project
from composer.contrib.db._engines import make_engines
from composer.contrib.db._schema import prepare
from composer.contrib.db._settings import DatabaseSettings, sqlite_file

# Processes that start at the same time must not create a table twice. In SQLite, a writer locks out others anyway.
_ALONE = {"postgresql": ["SET LOCAL statement_timeout = 0", "SELECT pg_advisory_xact_lock(7205759403)"]}

_READABLE = {"sqlite": "SELECT count(*) FROM sqlite_master"}

Result = TypeVar("Result")


class _NoTables(DeclarativeBase):
    """The base of a database without tables of its own."""


class Database:
    """One database with its connection pools; entering it prepares the schema, leaving it closes all connections.

    `base` is the base class of the tables. With `upgrades`, entering runs the pending migrations; without, it raises if
    migrations are pending.
    """

    def __init__(
        self,
        url: URL,
        settings: DatabaseSettings | None = None,
        *,
        base: type[DeclarativeBase] | None = None,
        upgrades: bool = True,
    ) -> None:
        self.base = base or _NoTables
        self._url = url
        self._upgrades = upgrades
        self._reader, self._writer = make_engines(url, settings or DatabaseSettings())
        self._reading = async_sessionmaker(self._reader, expire_on_commit=False)
        self._writing = async_sessionmaker(self._writer, expire_on_commit=False)

    @classmethod
    def from_settings(
        cls, settings: DatabaseSettings, project: Project, *, base: type[DeclarativeBase] | None = None
    ) -> Self:
        """Return the database that the settings describe; it doesn't connect yet.

        Raises:
            ValueError: The URL is malformed.
            sqlalchemy.exc.ArgumentError: The URL names an unknown database.
            sqlalchemy.exc.InvalidRequestError: The URL names a driver that isn't asynchronous.
        """
        upgrades = project.env != "production" if settings.upgrade is None else settings.upgrade
        return cls(settings.url_from(project.root), settings, base=base, upgrades=upgrades)

    async def __aenter__(self) -> Self:
        try:
            await self.run_alone(lambda connection: prepare(connection, self.base, upgrades=self._upgrades))
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
        """Yield a session: committed after the block, rolled back if the block raises, and always closed.

        With `writes=False`, it doesn't wait for writers, and can't write. Don't open a session that writes inside
        another one: on SQLite this is a deadlock.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database is unavailable or rejects a statement; the commit may raise
                it, too.
        """
        async with (self._writing if writes else self._reading).begin() as session:
            yield session

    async def check_ready(self) -> None:
        """Run a small query.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database is unavailable.
        """
        async with self._reader.connect() as connection:
            await connection.execute(text(_READABLE.get(connection.dialect.name, "SELECT 1")))

    async def run_alone(self, work: Callable[[Connection], Result]) -> Result:
        """Call `work` in one transaction, exclusively among all processes, and return its result.

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
