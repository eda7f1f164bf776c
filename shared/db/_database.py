"""The database, its sessions, and what it does when the server starts."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import URL, Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase

from composer import Project
from shared.db._engines import make_engines
from shared.db._schema import prepare
from shared.db._settings import DatabaseSettings, sqlite_file

# Several processes that start at once must not make the same table twice. SQLite's writers lock each other out anyway.
_ALONE = {"postgresql": ["SET LOCAL statement_timeout = 0", "SELECT pg_advisory_xact_lock(7205759403)"]}

_READABLE = {"sqlite": "SELECT count(*) FROM sqlite_master"}

# PostgreSQL's own names for what has none, so that a migration can name it on any database.
# Source: https://www.postgresql.org/docs/current/sql-createtable.html, on CONSTRAINT.
_NAMES = {
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}

Result = TypeVar("Result")


class Base(DeclarativeBase):
    """What the classes that are kept in the database inherit from."""

    metadata = MetaData(naming_convention=_NAMES)


class Database:
    """One database with its pools of connections. Entered, its schema is the apps'; left, all is closed.

    `base` is the class that the kept classes inherit from. With `upgrades`, entering runs the migrations that are
    missing; without, it refuses a schema that is behind.
    """

    def __init__(
        self,
        url: URL,
        settings: DatabaseSettings | None = None,
        *,
        base: type[DeclarativeBase] = Base,
        upgrades: bool = True,
    ) -> None:
        self.base = base
        self._url = url
        self._upgrades = upgrades
        self._reader, self._writer = make_engines(url, settings or DatabaseSettings())
        self._reading = async_sessionmaker(self._reader, expire_on_commit=False)
        self._writing = async_sessionmaker(self._writer, expire_on_commit=False)

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
        """Give one unit of work: committed when the block ends well, rolled back when it raises, closed always.

        One that says that it writes nothing waits for no writer; it is refused what it writes all the same. Don't
        open a second one inside of one that writes: on SQLite it would wait for itself.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database can't be reached, or refuses what was asked of it; the
                commit too may raise it.
        """
        async with (self._writing if writes else self._reading).begin() as session:
            yield session

    async def check_ready(self) -> None:
        """Ask the database for something small.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: It can't be asked now.
        """
        async with self._reader.connect() as connection:
            await connection.execute(text(_READABLE.get(connection.dialect.name, "SELECT 1")))

    async def run_alone(self, work: Callable[[Connection], Result]) -> Result:
        """Call `work` in one transaction, which no other process's such call runs beside; return what it returns.

        SQLite looks at no foreign key meanwhile: a table that is made anew would take along the rows that refer to it.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database can't be reached, or refuses what was asked of it.
        """
        file = sqlite_file(self._url)
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
        async with self._writer.connect() as connection, _without_foreign_keys(connection), connection.begin():
            for statement in _ALONE.get(connection.dialect.name, ()):
                await connection.exec_driver_sql(statement)
            return await connection.run_sync(work)


def create_cornerstone(settings: DatabaseSettings, project: Project) -> Database:
    """Construct the database from its settings; it connects to nothing yet.

    Raises:
        ValueError: The URL is malformed.
        sqlalchemy.exc.ArgumentError: It names no known database.
        sqlalchemy.exc.InvalidRequestError: It names a driver that isn't asynchronous.
    """
    upgrades = project.env != "production" if settings.upgrade is None else settings.upgrade
    return Database(settings.url_from(project.root), settings, upgrades=upgrades)


@asynccontextmanager
async def _without_foreign_keys(connection: AsyncConnection) -> AsyncIterator[None]:
    """Have SQLite look at no foreign key in the block; it can be told so only outside of a transaction."""
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
        # It may be in any state, and must not be used again without foreign keys.
        await connection.invalidate()
        raise
    await driver.execute("PRAGMA foreign_keys = ON")
