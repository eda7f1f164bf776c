"""What callers see while the database can't serve."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.testclient import TestClient
from sqlalchemy import text
from starlette.websockets import WebSocketDisconnect

import composer
from composer.contrib import db
from composer.contrib.db import ReadSession, Session, answering_503

LOST_AT_COMMIT = """
CREATE FUNCTION end_it() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON away DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION end_it();
"""

router = APIRouter()


@router.post("/notes")
async def write(session: Session) -> str:
    await session.execute(text("INSERT INTO away VALUES (1)"))
    return "written"


@router.get("/notes")
async def count(session: ReadSession) -> int:
    return await session.scalar(text("SELECT count(*) FROM away")) or 0


@router.post("/lost")
async def lose_connection(session: Session) -> str:
    await session.execute(text("INSERT INTO away VALUES (1)"))
    await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    return "written"


@router.post("/large")
async def write_much(session: Session) -> str:
    await session.execute(text("INSERT INTO away VALUES (zeroblob(100000))"))
    return "written"


@router.post("/nested")
async def wait_for_itself(session: Session, database: composer.Shared[db.Database]) -> str:
    await session.execute(text("SELECT 1"))
    async with database.session() as second:
        await second.execute(text("SELECT 1"))
    return "free"


@router.get("/slow")
async def sleep(session: ReadSession) -> None:
    await session.execute(text("SELECT pg_sleep(30)"))


@router.post("/full")
async def leave_no_room(session: Session) -> None:
    await session.execute(text("PRAGMA max_page_count = 1"))


@router.get("/wrong")
async def ask_for_nonsense(session: ReadSession) -> None:
    await session.execute(text("SELECT nothing FROM nowhere"))


@router.post("/read_only")
async def write_where_it_only_reads(session: ReadSession) -> None:
    await session.execute(text("INSERT INTO away VALUES (1)"))


@router.websocket("/socket")
async def talk(socket: WebSocket, session: Session) -> None:
    await socket.accept()
    await session.execute(text("INSERT INTO away VALUES (1)"))


def make_app() -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    return answering_503(app)


@contextmanager
def serve(url: str, **settings: Any) -> Iterator[TestClient]:
    stone = composer.Cornerstone("db", db.create_cornerstone, settings={"url": url, **settings})
    root = composer.compose([composer.App("app", "/", make_app)], cornerstones=[stone])
    with TestClient(root, raise_server_exceptions=False) as http:
        database = composer.composition_of(root).plan.cornerstones[0].value
        assert http.portal is not None
        http.portal.call(make_table, database)
        yield http


async def make_table(database: db.Database) -> None:
    async with database.session() as session:
        await session.execute(text("CREATE TABLE IF NOT EXISTS away (x INTEGER)"))


def assert_is_503(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "The database is temporarily unavailable.",
    }


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'app.db'}"


@pytest.fixture
def postgres_url(postgres: Any) -> str:
    postgres.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return str(postgres.get_uri(driver="psycopg"))


def test_a_sqlite_file_that_another_process_keeps_locked_is_503_for_writers_alone(
    sqlite_url: str, tmp_path: Path
) -> None:
    with serve(sqlite_url, busy_timeout=0.05) as http, closing(sqlite3.connect(tmp_path / "app.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert_is_503(http.post("/notes"))
        assert http.get("/notes").json() == 0
        other.rollback()
        assert http.post("/notes").json() == "written"
        assert http.get("/notes").json() == 1


def test_a_sqlite_file_without_room_to_grow_is_503(sqlite_url: str) -> None:
    with serve(sqlite_url) as http:
        http.post("/full")
        assert_is_503(http.post("/large"))
        assert http.get("/notes").json() == 0
        assert http.post("/notes").json() == "written"


def test_waiting_too_long_for_a_connection_is_503(database_url: str) -> None:
    one = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.05, "busy_timeout": 0.05}
    with serve(database_url, **one) as http:
        assert_is_503(http.post("/nested"))
        # What was held meanwhile is free again.
        assert http.post("/notes").json() == "written"


def test_a_connection_that_is_lost_in_the_middle_is_503_and_nothing_is_written(postgres_url: str) -> None:
    with serve(postgres_url) as http:
        assert_is_503(http.post("/lost"))
        assert http.get("/notes").json() == 0


def test_a_connection_that_is_lost_at_the_commit_is_503(postgres_url: str, postgres: Any) -> None:
    with serve(postgres_url) as http:
        postgres.psql(LOST_AT_COMMIT)
        assert_is_503(http.post("/notes"))
        assert http.get("/notes").json() == 0


def test_connections_that_were_lost_while_nobody_used_them_are_made_anew(postgres_url: str, postgres: Any) -> None:
    with serve(postgres_url) as http:
        http.post("/notes")
        postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        assert http.get("/notes").json() == 1
        assert http.post("/notes").json() == "written"


def test_a_statement_that_takes_too_long_is_503(postgres_url: str) -> None:
    with serve(postgres_url, statement_timeout=0.05) as http:
        assert_is_503(http.get("/slow"))


def test_a_mistake_in_a_statement_stays_a_500(database_url: str) -> None:
    with serve(database_url) as http:
        assert http.get("/wrong").status_code == 500


def test_a_session_that_only_reads_cannot_write(database_url: str) -> None:
    with serve(database_url) as http:
        assert http.post("/read_only").status_code == 500
        assert http.get("/notes").json() == 0


def test_a_websocket_is_closed_with_1013(sqlite_url: str, tmp_path: Path) -> None:
    with serve(sqlite_url, busy_timeout=0.05) as http, closing(sqlite3.connect(tmp_path / "app.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with http.websocket_connect("/socket") as socket, pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert closed.value.code == 1013


def test_readiness_asks_the_database(postgres_url: str, postgres: Any) -> None:
    with serve(postgres_url) as http:
        assert http.get("/readyz").status_code == 200
        postgres.stop()
        try:
            answer = http.get("/readyz")
            [part] = [part for part in answer.json()["parts"] if part["name"] == "db"]
            assert (answer.status_code, part["reason"]) == (503, "not ready: OperationalError")
            assert_is_503(http.get("/notes"))
            assert_is_503(http.post("/notes"))
        finally:
            postgres.ensure_postgres_running()
        assert http.get("/readyz").status_code == 200
        assert http.post("/notes").json() == "written"


def test_the_log_tells_it_in_one_line_without_the_databases_own_words(
    postgres_url: str, postgres: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(postgres_url) as http:
        caplog.clear()
        http.post("/lost")
        told = [record for record in caplog.records if record.name.startswith("composer.contrib.db")]
    assert [record.getMessage() for record in told] == ["The database is temporarily unavailable. (AdminShutdown)"]
    assert told[0].exc_info is None
