"""`plugin = "db"`: databases without a file in the project, one or several, with SQLAlchemy's classes or SQLModel's."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import composer
from tests.commands import composer as command
from tests.commands import composer_process
from tests.conftest import Project as WriteProject

NOTES = """
    from fastapi import FastAPI
    from sqlalchemy import select
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

    from composer.contrib.db import ReadSession, Session

    class Base(DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "notes"
        text: Mapped[str] = mapped_column(primary_key=True)

    def create_app() -> FastAPI:
        app = FastAPI()

        @app.post("/{text}")
        async def add(text: str, session: Session) -> None:
            session.add(Note(text=text))

        @app.get("/")
        async def read(session: ReadSession) -> list[str]:
            return list(await session.scalars(select(Note.text)))

        return app
"""
HEROES = """
    from typing import Annotated

    from fastapi import Depends, FastAPI
    from sqlmodel import Field, SQLModel, select
    from sqlmodel.ext.asyncio.session import AsyncSession

    from composer.contrib.db import session_from

    Session = Annotated[AsyncSession, Depends(session_from(), scope="function")]

    class Hero(SQLModel, table=True):
        id: int | None = Field(default=None, primary_key=True)
        name: str = Field(index=True)

    def create_app() -> FastAPI:
        app = FastAPI()

        @app.post("/")
        async def add(hero: Hero, session: Session) -> Hero:
            session.add(hero)
            await session.flush()
            return hero

        @app.get("/")
        async def read(session: Session) -> list[Hero]:
            return list(await session.exec(select(Hero).order_by(Hero.name)))

        return app
"""
TWO = """
    from typing import Annotated

    from fastapi import Depends, FastAPI
    from sqlalchemy import select, text
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

    from composer.contrib.db import Database, session_from

    class Kept(DeclarativeBase):
        pass

    class Logged(DeclarativeBase):
        pass

    class Note(Kept):
        __tablename__ = "notes"
        text: Mapped[str] = mapped_column(primary_key=True)

    class Line(Logged):
        __tablename__ = "lines"
        text: Mapped[str] = mapped_column(primary_key=True)

    Main = Annotated[AsyncSession, Depends(session_from("main"), scope="function")]
    Log = Annotated[AsyncSession, Depends(session_from("log"), scope="function")]

    def create_app(log: Database, main: Database) -> FastAPI:
        app = FastAPI()

        @app.post("/{text}")
        async def add(text: str, main: Main, log: Log) -> None:
            main.add(Note(text=text))
            log.add(Line(text=f"added {text}"))

        @app.get("/")
        async def read() -> list[str]:
            async with main.session(writes=False) as first, log.session(writes=False) as second:
                return [*await first.scalars(select(Note.text)), *await second.scalars(select(Line.text))]

        return app
"""
TWO_SETTINGS = """
    [cornerstones.main]
    plugin = "db"
    url = "sqlite+aiosqlite:///var/main.db"
    base = "apps.two:Kept"

    [cornerstones.log]
    plugin = "db"
    url = "sqlite+aiosqlite:///var/log.db"
    base = "apps.two:Logged"
    migrations = "migrations_of_the_log"
"""


def plugin(*lines: str) -> str:
    return "\n".join(["[cornerstones.db]", "plugin = 'db'", *lines, ""])


def tables(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_one_line_of_settings_is_a_database_of_the_projects_own_base(project: WriteProject) -> None:
    root = project({"settings.toml": plugin("base = 'apps.notes:Base'"), "apps/notes.py": NOTES})
    with TestClient(composer.build(root / "settings.toml")) as http:
        assert http.post("/notes/a").status_code == 200
        assert http.get("/notes/").json() == ["a"]
    assert tables(root / "var/app.db") == {"notes"}


def test_without_a_base_a_database_has_no_tables_of_its_own(project: WriteProject) -> None:
    root = project({"settings.toml": plugin(), "apps/notes.py": NOTES})
    with TestClient(composer.build(root / "settings.toml"), raise_server_exceptions=False) as http:
        assert http.get("/notes/").status_code == 500
    assert tables(root / "var/app.db") == set()


@pytest.mark.parametrize(
    ("base", "problem"),
    [
        ("apps.notes:Bas", "Invalid python path"),
        ("apps.notes:create_app", "not the base class of tables: it has no `metadata`"),
    ],
)
def test_a_base_that_is_none_is_a_problem_at_build(project: WriteProject, base: str, problem: str) -> None:
    root = project({"settings.toml": plugin(f"base = {base!r}"), "apps/notes.py": NOTES})
    with pytest.raises(composer.CompositionError) as caught:
        composer.build(root / "settings.toml")
    assert "settings.toml [cornerstones.db]\n      Invalid value for 'base'" in str(caught.value)
    assert problem in str(caught.value)


def test_the_plain_classes_of_sqlmodel_are_tables_too(project: WriteProject) -> None:
    sessions = "session_class = 'sqlmodel.ext.asyncio.session:AsyncSession'"
    settings = plugin("base = 'sqlmodel:SQLModel'", sessions)
    root = project({"settings.toml": settings, "apps/__init__.py": "", "apps/heroes/__init__.py": HEROES})
    with TestClient(composer.build(root / "settings.toml")) as http:
        assert http.post("/heroes/", json={"name": "Deadpond"}).json() == {"id": 1, "name": "Deadpond"}
        assert http.get("/heroes/").json() == [{"id": 1, "name": "Deadpond"}]


def test_a_migration_of_sqlmodels_classes_is_written_and_run(project: WriteProject) -> None:
    files = {"settings.toml": plugin("base = 'sqlmodel:SQLModel'"), "apps/__init__.py": ""}
    root = project(files | {"apps/birds/__init__.py": HEROES.replace("Hero", "Bird")})

    # In processes of their own: all SQLModel classes of a process have one metadata.
    written = composer_process(root, "db", "revision", "birds", "-m", "Birds")
    assert (written.returncode, written.stderr) == (0, "")
    assert written.stdout == f"{root / 'apps/birds/migrations/0001_birds.py'}\n"
    assert composer_process(root, "db", "upgrade").stdout == "birds: 0001 (up to date)\n"
    assert tables(root / "var/app.db") == {"alembic__apps__birds", "bird"}
    assert composer_process(root, "db", "revision", "birds", "-m", "Nothing").stderr.startswith("No changes")


def test_two_databases_each_have_their_own_tables_and_sessions(project: WriteProject) -> None:
    root = project({"settings.toml": TWO_SETTINGS, "apps/two.py": TWO})
    with TestClient(composer.build(root / "settings.toml")) as http:
        assert http.post("/two/a").status_code == 200
        assert http.get("/two/").json() == ["a", "added a"]
        assert {part["name"] for part in http.get("/readyz").json()["parts"]} >= {"main", "log"}
    assert tables(root / "var/main.db") == {"notes"}
    assert tables(root / "var/log.db") == {"lines"}


def test_each_of_two_databases_is_migrated_by_its_own_folder(project: WriteProject) -> None:
    root = project({"settings.toml": TWO_SETTINGS, "apps/__init__.py": "", "apps/two/__init__.py": TWO})

    for name, folder in (("main", "migrations"), ("log", "migrations_of_the_log")):
        written = command(root, "db", "revision", "two", "-m", "First", "--database", name)
        assert written.stdout == f"{root / 'apps/two' / folder / '0001_first.py'}\n", written.stderr
        assert command(root, "db", "upgrade", "--database", name).stdout == "two: 0001 (up to date)\n"

    assert tables(root / "var/main.db") == {"alembic__apps__two", "notes"}
    assert tables(root / "var/log.db") == {"alembic__apps__two", "lines"}
    ambiguous = command(root, "db", "status")
    assert (ambiguous.returncode, ambiguous.stderr) == (
        1,
        "--database must name one of the databases; databases: log, main\n",
    )


def test_a_session_without_a_name_is_a_problem_at_build_if_there_are_two_databases(project: WriteProject) -> None:
    root = project({"settings.toml": TWO_SETTINGS, "apps/two.py": TWO, "apps/notes.py": NOTES})
    with pytest.raises(composer.CompositionError, match="More than one cornerstone provides"):
        composer.build(root / "settings.toml")
