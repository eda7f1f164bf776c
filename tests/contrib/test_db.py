import asyncio
import sqlite3
import subprocess
import sys
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import ForeignKey, MetaData, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, InvalidRequestError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import composer
from composer.contrib.db import NAMING_CONVENTION, Database, DatabaseSettings, Session

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.anyio


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Thing(Base):
    __tablename__ = "test_db_things"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    # Checked when the transaction ends, so that it is the commit that fails.
    part_of: Mapped[int | None] = mapped_column(ForeignKey(id, deferrable=True, initially="DEFERRED"))


class WithoutTables(DeclarativeBase):
    pass


router = APIRouter()


@router.post("/things/{name}")
async def create_thing(name: str, session: Session, part_of: int | None = None) -> str:
    session.add(Thing(name=name, part_of=part_of))
    await session.flush()
    if name == "refused":
        raise HTTPException(418)
    return name


@router.get("/things")
async def list_things(session: Session) -> list[str]:
    return list(await session.scalars(select(Thing.name).order_by(Thing.id)))


def things_app() -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    return app


def create_cornerstone(settings: DatabaseSettings, project: composer.Project) -> Database:
    return Database.from_settings(settings, project, base=Base)


def open_database(url: str, root: Path = Path("/nowhere")) -> Database:
    return create_cornerstone(DatabaseSettings(url=SecretStr(url)), composer.Project(root, "test"))


def client(url: str) -> TestClient:
    cornerstone = composer.Cornerstone("db", create_cornerstone, settings={"url": url})
    app = composer.compose([composer.App("things", "/", things_app)], cornerstones=[cornerstone])
    return TestClient(app, raise_server_exceptions=False)


async def count(database: Database) -> int:
    async with database.session() as session:
        return await session.scalar(select(func.count()).select_from(Thing)) or 0


async def add(database: Database, name: str, part_of: int | None = None) -> None:
    async with database.session() as session:
        session.add(Thing(name=name, part_of=part_of))


async def add_and_fail(database: Database) -> None:
    async with database.session() as session:
        session.add(Thing(name="a"))
        await session.flush()
        raise LookupError


async def test_what_was_committed_is_there_after_a_restart(database_url: str) -> None:
    async with open_database(database_url) as database:
        await add(database, "a")
    async with open_database(database_url) as database:
        assert await count(database) == 1


async def test_an_error_in_the_block_rolls_everything_back(database_url: str) -> None:
    async with open_database(database_url) as database:
        with pytest.raises(LookupError):
            await add_and_fail(database)
        assert await count(database) == 0


async def test_failed_sessions_give_their_connections_back(database_url: str) -> None:
    async with open_database(database_url) as database:
        await add(database, "a")
        for _ in range(40):
            with pytest.raises(IntegrityError):
                await add(database, "a")
        assert await count(database) == 1


async def test_one_database_can_be_entered_again_after_it_was_left(database_url: str) -> None:
    database = open_database(database_url)
    async with database:
        await add(database, "a")
    async with database:
        assert await count(database) == 1


async def test_writers_that_come_together_all_succeed(database_url: str) -> None:
    async with open_database(database_url) as database:
        async with anyio.create_task_group() as group:
            for number in range(40):
                group.start_soon(add, database, str(number))
        assert await count(database) == 40


async def test_64_writers_that_read_first_all_succeed(database_url: str) -> None:
    async def read_then_add(database: Database, number: int) -> None:
        async with database.session() as session:
            await session.scalar(select(func.count()).select_from(Thing))
            session.add(Thing(name=str(number)))

    async with open_database(database_url) as database:
        async with anyio.create_task_group() as group:
            for number in range(64):
                group.start_soon(read_then_add, database, number)
        assert await count(database) == 64


def test_64_writers_in_four_processes_all_succeed(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'app.db'}"
    commands = [[sys.executable, "-m", "tests.contrib.writers", url, str(number), "16"] for number in range(4)]
    writing = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for command in commands]
    told = [process.communicate(timeout=60)[1] for process in writing]
    assert [process.returncode for process in writing] == [0] * 4, told
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        assert connection.execute("SELECT count(*) FROM written").fetchone() == (64 * 5,)


async def test_who_only_reads_waits_for_no_writer(database_url: str) -> None:
    async with open_database(database_url) as database, database.session() as writing:
        writing.add(Thing(name="a"))
        await writing.flush()
        with anyio.fail_after(5):
            async with database.session(writes=False) as reading:
                assert await reading.scalar(select(func.count()).select_from(Thing)) == 0


async def test_a_writer_waits_for_nobody_who_only_reads(database_url: str) -> None:
    async with open_database(database_url) as database, database.session(writes=False) as reading:
        counting = select(func.count()).select_from(Thing)
        assert await reading.scalar(counting) == 0
        with anyio.fail_after(5):
            await add(database, "a")
    assert await count(database) == 1
    await database.close()


async def test_who_only_reads_is_refused_what_it_writes(database_url: str) -> None:
    async with open_database(database_url) as database:
        with pytest.raises(DBAPIError, match=r"(?i)read-?only"):
            async with database.session(writes=False) as session:
                session.add(Thing(name="a"))
        # And the connection is as good as before for who may write.
        await add(database, "b")
        assert await count(database) == 1


async def test_a_database_in_memory_is_one_for_all_sessions() -> None:
    async with open_database("sqlite+aiosqlite://") as database:
        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(add, database, str(number))
        async with database.session(writes=False) as session:
            assert await session.scalar(select(func.count()).select_from(Thing)) == 8


async def test_the_number_of_connections_is_bounded(postgres: Any) -> None:
    most = 0

    async def hold(database: Database) -> None:
        nonlocal most
        async with database.session(writes=False) as session:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            most = max(most, await session.scalar(text(query)) or 0)

    settings = DatabaseSettings(url=SecretStr(postgres.get_uri(driver="psycopg")), pool_size=2, max_overflow=1)
    database = create_cornerstone(settings, composer.Project(Path("/nowhere"), "test"))
    async with database, anyio.create_task_group() as group:
        for _ in range(30):
            group.start_soon(hold, database)
    assert 1 <= most <= 3


async def test_it_is_ready_while_it_can_be_asked(database_url: str) -> None:
    async with open_database(database_url) as database:
        await database.check_ready()


async def test_it_is_not_ready_where_its_server_is_away(tmp_path: Path) -> None:
    database = open_database(f"postgresql+psycopg://nobody@/none?host={tmp_path}")
    with pytest.raises(OperationalError):
        await database.check_ready()
    await database.close()


async def test_it_is_not_ready_where_its_file_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_bytes(b"no database" * 1000)
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'app.db'}")
    with pytest.raises(DBAPIError):
        await database.check_ready()
    await database.close()


async def test_servers_that_start_together_make_each_table_once(database_url: str) -> None:
    started = []

    async def start() -> None:
        async with open_database(database_url) as database:
            started.append(await count(database))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(start)
    assert started == [0] * 8


async def test_sqlite_servers_that_start_together_never_find_the_database_locked(tmp_path: Path) -> None:
    started = []

    async def start(url: str) -> None:
        async with Database(make_url(url), base=WithoutTables):
            started.append(url)

    # Two steps to WAL at once met in one round of twenty.
    urls = [f"sqlite+aiosqlite:///{tmp_path / f'{number}.db'}" for number in range(40)]
    for url in urls:
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(start, url)
    assert len(started) == 8 * len(urls)


async def test_a_foreign_key_that_leads_nowhere_is_refused(database_url: str) -> None:
    async with open_database(database_url) as database:
        with pytest.raises(IntegrityError):
            await add(database, "a", part_of=99)


async def test_sqlite_readers_and_a_writer_dont_block_each_other(tmp_path: Path) -> None:
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'app.db'}")
    async with database, database.session() as session:
        assert await session.scalar(text("PRAGMA journal_mode")) == "wal"


async def test_sessions_of_sqlite_that_are_given_up_leave_no_task_behind(tmp_path: Path) -> None:
    async def give_up(database: Database, writes: bool, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            async with database.session(writes=writes) as session:
                await session.scalar(select(func.count()).select_from(Thing))

    async with open_database(f"sqlite+aiosqlite:///{tmp_path / 'app.db'}") as database:
        before = asyncio.all_tasks()
        for _ in range(10):
            with closing(sqlite3.connect(tmp_path / "app.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                async with anyio.create_task_group() as group:
                    for milliseconds in range(1, 8):
                        group.start_soon(give_up, database, True, milliseconds * 0.005)
                        group.start_soon(give_up, database, False, milliseconds * 0.001)
        with anyio.fail_after(10):
            while asyncio.all_tasks() != before:  # noqa: ASYNC110  # what closes a connection tells nobody of its end
                await anyio.sleep(0.01)
        await add(database, "a")
        assert await count(database) == 1


async def test_a_relative_sqlite_file_starts_at_the_project_and_its_folder_is_made(tmp_path: Path) -> None:
    async with open_database("sqlite+aiosqlite:///deep/var/app.db", tmp_path):
        with sqlite3.connect(tmp_path / "deep/var/app.db") as connection:
            tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        connection.close()
    assert ("test_db_things",) in tables


def test_nothing_is_touched_before_the_database_is_entered(tmp_path: Path) -> None:
    open_database("sqlite+aiosqlite:///var/app.db", tmp_path)
    open_database("postgresql+psycopg://nobody:secret@host.invalid/none", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_url_is_not_shown_with_the_settings() -> None:
    assert "hunter2" not in repr(DatabaseSettings(url=SecretStr("postgresql+psycopg://me:hunter2@host/name")))


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("sqlite:///app.db", InvalidRequestError),
        ("nosql://me:hunter2@host/name", ArgumentError),
        ("no url: hunter2", ValueError),
        ("", ValueError),
        ("postgresql+psycopg://me:p@ss:hunter2@host/name", ValueError),
        ("postgresql+psycopg://me:p@sshunter2@host/name", ValueError),
        ("postgresql+psycopg://me:secret@host:hunter2/name", ValueError),
    ],
)
def test_a_wrong_url_is_refused_at_build_and_not_shown(url: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        open_database(url)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_password_that_would_have_to_be_escaped_is_not_shown_with_the_mistakes_of_a_composition() -> None:
    with pytest.raises(composer.CompositionError) as caught, client("postgresql+psycopg://me:p@ss:hunter2@host/name"):
        pass
    assert "hunter2" not in str(caught.value)
    assert "escape special characters in the user and the password: %40 for @" in str(caught.value)


def test_a_request_commits_what_its_handler_wrote(database_url: str) -> None:
    with client(database_url) as http:
        assert http.post("/things/a").status_code == 200
        assert http.get("/things").json() == ["a"]


def test_an_http_exception_rolls_back_what_the_handler_wrote(database_url: str) -> None:
    with client(database_url) as http:
        assert http.post("/things/refused").status_code == 418
        assert http.get("/things").json() == []


def test_a_commit_that_fails_is_no_success_for_the_caller(database_url: str) -> None:
    with client(database_url) as http:
        assert http.post("/things/a", params={"part_of": 99}).status_code == 500
        assert http.get("/things").json() == []
