"""The engine, its sessions, and the tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import aiosqlite
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import URL, event, make_url
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random

from composer import Project

# Several processes that start at once must not make the same table twice.
ONE_AT_A_TIME = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(7205759403)"}


class Base(DeclarativeBase):
    """What the classes that are kept in the database inherit from."""


class DatabaseSettings(BaseModel):
    """Which database, and how long to wait for it."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: SecretStr = Field(
        default=SecretStr("sqlite+aiosqlite:///var/app.db"),
        description="An SQLAlchemy URL; a relative SQLite file starts at the folder of settings.toml.",
    )
    busy_timeout: float = Field(
        default=10.0, gt=0, le=600, description="Seconds that SQLite waits for another writer to finish."
    )


class Database:
    """One engine with its pool of connections. Entered, it has made its tables; left, it has closed them all."""

    def __init__(self, url: URL, *, busy_timeout: float = 10.0) -> None:
        self._engine = create_async_engine(url, pool_pre_ping=True)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        if url.get_backend_name() == "sqlite":
            _set_up_sqlite(self, busy_timeout)

    async def __aenter__(self) -> Self:
        _make_folder(self._engine.url)
        try:
            await self._make_tables()
        except BaseException:
            await self._engine.dispose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Give one unit of work: committed when the block ends well, rolled back when it raises, closed always.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database can't be reached, or refuses what was asked of it; the
                commit too may raise it.
        """
        async with self._sessions.begin() as session:
            yield session

    async def _make_tables(self) -> None:
        async with self._engine.begin() as connection:
            lock = ONE_AT_A_TIME.get(connection.dialect.name)
            if lock:
                await connection.exec_driver_sql(lock)
            await connection.run_sync(Base.metadata.create_all)


def create_cornerstone(settings: DatabaseSettings, project: Project) -> Database:
    """Construct the database from its settings; it connects to nothing yet.

    Raises:
        sqlalchemy.exc.ArgumentError: The URL is malformed, or names no known database.
        sqlalchemy.exc.InvalidRequestError: The URL names a driver that isn't asynchronous.
    """
    url = make_url(settings.url.get_secret_value())
    return Database(_from_root(url, project.root), busy_timeout=settings.busy_timeout)


def _sqlite_file(url: URL) -> Path | None:
    in_a_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if in_a_file and "uri" not in url.query else None


def _from_root(url: URL, root: Path) -> URL:
    file = _sqlite_file(url)
    return url.set(database=str(root / file)) if file else url


def _make_folder(url: URL) -> None:
    file = _sqlite_file(url)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)


def _set_up_sqlite(database: Database, busy_timeout: float) -> None:
    @event.listens_for(database._engine.sync_engine, "connect")
    def set_up(connection: AdaptedConnection, _: ConnectionPoolEntry) -> None:
        connection.run_async(lambda driver: _prepare(driver, busy_timeout))


async def _prepare(driver: aiosqlite.Connection, busy_timeout: float) -> None:
    await driver.execute(f"PRAGMA busy_timeout = {int(busy_timeout * 1000)}")
    # The step to WAL doesn't heed the time-out where two connections take it at once: it says "locked" right away.
    steps = AsyncRetrying(
        retry=retry_if_exception_type(aiosqlite.OperationalError),
        wait=wait_random(0.005, 0.05),
        stop=stop_after_delay(busy_timeout),
        reraise=True,
    )
    async for step in steps:
        with step:
            await driver.execute("PRAGMA journal_mode = WAL")
    await driver.execute("PRAGMA foreign_keys = ON")
