"""The two engines of a database: one for sessions that only read, one for sessions that write.

SQLite allows one writer at a time. All writers of a process share one connection, so that they wait in a fair queue;
between processes, they wait by SQLite's own timeout. A writer takes the lock when its transaction begins: SQLite
immediately rejects a transaction that reads first and writes later, whatever the timeout.
"""

import asyncio
import functools
import random
import time
from typing import Any

import aiosqlite
from sqlalchemy import URL, Connection, event
from sqlalchemy.engine import AdaptedConnection, Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from composer.contrib.db._settings import DatabaseSettings, sqlite_file


def make_engines(url: URL, settings: DatabaseSettings) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the engine for reading and the engine for writing; neither connects yet.

    Raises:
        sqlalchemy.exc.ArgumentError: The URL names an unknown database.
        sqlalchemy.exc.InvalidRequestError: The URL names a driver that isn't asynchronous.
    """
    if url.get_backend_name() == "sqlite":
        return _make_sqlite(url, settings)
    engine = create_async_engine(
        url,
        # A connection that was lost while idle is detected before a request gets it.
        pool_pre_ping=True,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout,
        connect_args=_postgresql_arguments(url, settings) if url.get_driver_name() == "psycopg" else {},
    )
    readonly = {"postgresql_readonly": True} if url.get_backend_name() == "postgresql" else {}
    return engine.execution_options(**readonly), engine


def _postgresql_arguments(url: URL, settings: DatabaseSettings) -> dict[str, Any]:
    """Return arguments for libpq that the URL doesn't set: they detect an unresponsive server in bounded time.

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
    # A database in memory exists in one connection only.
    queue: dict[str, Any] = {} if sqlite_file(url) else {"poolclass": AsyncAdaptedQueuePool}
    writer = _sqlite_engine(url, wait, "BEGIN IMMEDIATE", pool_size=1, max_overflow=0, pool_timeout=wait, **queue)
    if queue:
        return writer, writer
    sizes = {"pool_size": settings.pool_size, "max_overflow": settings.max_overflow}
    reader = _sqlite_engine(url, wait, "BEGIN", reads_only=True, pool_timeout=settings.pool_timeout, **sizes)
    return reader, writer


def _sqlite_engine(url: URL, wait: float, begin: str, *, reads_only: bool = False, **pool: Any) -> AsyncEngine:
    # The driver's own transactions begin late, and never with the lock; so they are off.
    arguments = {"isolation_level": None}
    engine = create_async_engine(url, connect_args=arguments, **pool)

    # Not at "connect": a request may be cancelled before.
    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(dialect: Dialect, _: ConnectionPoolEntry, arguments: Any, keywords: Any) -> DBAPIConnection:
        connection = dialect.connect(*arguments, **keywords)
        # If a request is cancelled, SQLAlchemy stops its connection while aiosqlite closes it, which stops it again:
        # this would wait for ever for a thread that has ended.
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
    # Switching to WAL ignores the timeout if two connections do it at the same time: it fails with "locked" at once.
    end = time.monotonic() + busy_timeout
    while True:
        try:
            await driver.execute("PRAGMA journal_mode = WAL")
            break
        except aiosqlite.OperationalError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(random.uniform(0.005, 0.05))  # noqa: S311  # no secret
    await driver.execute("PRAGMA foreign_keys = ON")
    await driver.execute(f"PRAGMA query_only = {'ON' if reads_only else 'OFF'}")
