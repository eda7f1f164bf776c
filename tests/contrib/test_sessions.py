"""A session ends with its request or its block, also for whoever keeps a reference to it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import make_url, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.responses import StreamingResponse

import composer
from composer import Shared
from composer.contrib.db import Database, DatabaseSettings, ReadSession, Session

pytestmark = pytest.mark.anyio


class Base(DeclarativeBase):
    pass


class Word(Base):
    __tablename__ = "words"

    text: Mapped[str] = mapped_column(primary_key=True)


router = APIRouter()
errors: list[str] = []


@router.post("/late/{text}")
async def add_after_the_response(text: str, session: Session, tasks: BackgroundTasks) -> None:
    async def add() -> None:
        try:
            session.add(Word(text=text))
        except InvalidRequestError as error:
            errors.append(str(error))

    tasks.add_task(add)


@router.post("/own/{text}")
async def add_in_a_session_of_its_own(text: str, database: Shared[Database], tasks: BackgroundTasks) -> None:
    async def add() -> None:
        async with database.session() as session:
            session.add(Word(text=text))

    tasks.add_task(add)


@router.get("/stream")
async def stream_words(session: ReadSession) -> StreamingResponse:
    async def words() -> AsyncIterator[str]:
        try:
            for word in await session.scalars(select(Word)):
                yield word.text
        except InvalidRequestError as error:
            errors.append(str(error))

    return StreamingResponse(words())


@router.get("/words")
async def list_words(session: ReadSession) -> list[str]:
    return list(await session.scalars(select(Word.text).order_by(Word.text)))


def create_app() -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    return app


def create_cornerstone(settings: DatabaseSettings, project: composer.Project) -> Database:
    return Database.from_settings(settings, project, base=Base)


@pytest.fixture
def http(tmp_path: Path) -> TestClient:
    errors.clear()
    url = f"sqlite+aiosqlite:///{tmp_path / 'app.db'}"
    cornerstone = composer.Cornerstone("db", create_cornerstone, settings={"url": url})
    return TestClient(composer.compose([composer.App("words", "/", create_app)], cornerstones=[cornerstone]))


def test_a_background_task_may_not_use_the_session_of_its_request(http: TestClient) -> None:
    with http:
        assert http.post("/late/a").status_code == 200
        assert http.get("/words").json() == []
    [error] = errors
    assert "ends when its handler returns" in error
    assert "`async with database.session() as session:`" in error


def test_a_streamed_response_may_not_use_the_session_of_its_request(http: TestClient) -> None:
    with http:
        assert http.get("/stream").text == ""
    [error] = errors
    assert "a streamed response" in error


def test_a_background_task_may_open_a_session_of_its_own(http: TestClient) -> None:
    with http:
        http.post("/own/a")
        assert http.get("/words").json() == ["a"]
    assert errors == []


@pytest.mark.parametrize(
    "use",
    [
        lambda session: session.execute(select(Word)),
        lambda session: session.scalars(select(Word)),
        lambda session: session.get(Word, "a"),
        lambda session: session.add(Word(text="b")),
        lambda session: session.flush(),
        lambda session: session.commit(),
        lambda session: session.begin(),
        lambda session: session.sync_session,
    ],
)
async def test_whatever_an_ended_session_is_used_for_is_refused(use: Callable[[AsyncSession], Any]) -> None:
    async with Database(make_url("sqlite+aiosqlite://"), base=Base) as database:
        async with database.session() as session:
            session.add(Word(text="a"))
        with pytest.raises(InvalidRequestError, match="this session has ended"):
            await use(session)


async def test_a_session_that_failed_is_refused_too() -> None:
    async with Database(make_url("sqlite+aiosqlite://"), base=Base) as database:
        with pytest.raises(LookupError):
            async with database.session() as session:
                raise LookupError
        with pytest.raises(InvalidRequestError, match="this session has ended"):
            await session.execute(select(Word))


async def test_what_a_session_has_loaded_can_be_read_after_its_end() -> None:
    async with Database(make_url("sqlite+aiosqlite://"), base=Base) as database:
        async with database.session() as session:
            session.add(word := Word(text="a"))
        assert word.text == "a"
        assert isinstance(session, AsyncSession)
        assert "Session" in repr(session)
