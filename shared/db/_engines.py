"""The two engines of a database: one for sessions that only read, one for those that write.

SQLite takes one writer at a time. All writers of a process share one connection, so that they wait in a fair queue
of the process; between processes, SQLite's own time-out lets them wait. A writer takes the lock when it begins: one
that reads first and is then to write is refused by SQLite at once, whatever the time-out.
"""

import functools
from typing import Any

import aiosqlite
from sqlalchemy import URL, Connection, event
from sqlalchemy.engine import AdaptedConnection, Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random

from shared.db._settings import DatabaseSettings, sqlite_file


def make_engines(url: URL, settings: DatabaseSettings) -> tuple[AsyncEngine, AsyncEngine]:
    """Make the engine of the readers and that of the writers; neither connects to anything yet.

    Raises:
        sqlalchemy.exc.ArgumentError: The URL names no known database.
        sqlalchemy.exc.InvalidRequestError: The URL names a driver that isn't asynchronous.
    """
    if url.get_backend_name() == "sqlite":
        return _make_sqlite(url, settings)
    engine = create_async_engine(
        url,
        # A connection that was lost while nobody used it is noticed before a request gets it.
        pool_pre_ping=True,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout,
        connect_args=_postgresql_arguments(url, settings) if url.get_driver_name() == "psycopg" else {},
    )
    readonly = {"postgresql_readonly": True} if url.get_backend_name() == "postgresql" else {}
    return engine.execution_options(**readonly), engine


def _postgresql_arguments(url: URL, settings: DatabaseSettings) -> dict[str, Any]:
    """Return what libpq is told, unless the URL says it: a server that falls silent is given up in bounded time.

    Source: https://www.postgresql.org/docs/current/libpq-connect.html, 32.1.2.
    """
    seconds = settings.connect_timeout
    arguments: dict[str, Any] = {
        "connect_timeout": seconds,
        "keepalives_idle": seconds,
        "keepalives_interval": seconds,
        "keepalives_count": 2,
        "tcp_user_timeout": seconds * 3000,
    }
    if settings.statement_timeout is not None:
        arguments["options"] = f"-c statement_timeout={int(settings.statement_timeout * 1000)}"
    return {name: value for name, value in arguments.items() if name not in url.query}


def _make_sqlite(url: URL, settings: DatabaseSettings) -> tuple[AsyncEngine, AsyncEngine]:
    wait = settings.busy_timeout
    # What is in memory lives in one connection.
    queue: dict[str, Any] = {} if sqlite_file(url) else {"poolclass": AsyncAdaptedQueuePool}
    writer = _sqlite_engine(url, wait, "BEGIN IMMEDIATE", pool_size=1, max_overflow=0, pool_timeout=wait, **queue)
    if queue:
        return writer, writer
    sizes = {"pool_size": settings.pool_size, "max_overflow": settings.max_overflow}
    reader = _sqlite_engine(url, wait, "BEGIN", reads_only=True, pool_timeout=settings.pool_timeout, **sizes)
    return reader, writer


def _sqlite_engine(url: URL, wait: float, begin: str, *, reads_only: bool = False, **pool: Any) -> AsyncEngine:
    # The driver leaves it to us to begin: its own way begins late, and never with the lock.
    arguments = {"isolation_level": None}
    engine = create_async_engine(url, connect_args=arguments, **pool)

    # Not at "connect": a request may be given up before that comes.
    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(dialect: Dialect, _: ConnectionPoolEntry, arguments: Any, keywords: Any) -> DBAPIConnection:
        connection = dialect.connect(*arguments, **keywords)
        # Where a request is given up, SQLAlchemy stops its connection while aiosqlite closes it, which stops it again:
        # that would wait for ever for a thread that has ended.
        driver = connection.driver_connection
        driver.stop = functools.cache(driver.stop)
        return connection

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: AdaptedConnection, _: ConnectionPoolEntry) -> None:
        connection.run_async(lambda driver: _prepare(driver, wait, reads_only))

    @event.listens_for(engine.sync_engine, "begin")
    def take_lock(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


async def _prepare(driver: aiosqlite.Connection, busy_timeout: float, reads_only: bool) -> None:
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
    await driver.execute(f"PRAGMA query_only = {'ON' if reads_only else 'OFF'}")
