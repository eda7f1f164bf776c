"""`composer db`."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tests.commands import composer_on_repository, composer_process

ROOT = Path(__file__).parents[2]

Run = Callable[..., tuple[int, str]]

SETTINGS = """
    [composer]
    apps = ["tenants"]
    cornerstones = ["shared"]
"""
APP = """
    from fastapi import FastAPI
    from sqlalchemy.orm import Mapped, mapped_column
    from composer.contrib.db import Database
    from shared.db import Base

    class Bird(Base):
        __tablename__ = "birds"
        id: Mapped[int] = mapped_column(primary_key=True)

    def create_app(db: Database) -> FastAPI:
        return FastAPI()
"""


@pytest.fixture
def run(database_url: str) -> Run:
    """Give a function that runs a command on the repository's own apps: its exit status, and all that it printed."""

    def run(*arguments: str, url: str = database_url) -> tuple[int, str]:
        done = composer_on_repository("db", *arguments, COMPOSER_CORNERSTONES__DB__URL=url)
        return done.returncode, done.stdout + done.stderr

    return run


def test_all_apps_are_upgraded_and_one_is_taken_back(run: Run) -> None:
    assert run("upgrade") == (0, "accounts: 0001 (up to date)\nnotes: 0001 (up to date)\n")
    assert run("downgrade", "notes", "base") == (0, "notes: no revision (behind 0001)\n")
    assert run("status") == (1, "accounts: 0001 (up to date)\nnotes: no revision (behind 0001)\n")
    assert run("status", "accounts") == (0, "accounts: 0001 (up to date)\n")
    assert run("upgrade", "notes") == (0, "notes: 0001 (up to date)\n")


def test_there_is_no_migration_to_write_where_the_classes_have_not_changed(run: Run) -> None:
    status, told = run("revision", "notes", "-m", "Nothing")
    assert (status, told.startswith("No changes: the migrations of notes match its classes.")) == (1, True)


def test_what_cannot_be_done_is_told_in_one_line(run: Run, tmp_path: Path) -> None:
    assert run("upgrade", "nots") == (1, "no app with migrations named nots; apps: accounts, notes\n")
    assert run("downgrade", "notes", "0007") == (1, "notes: Can't locate revision identified by '0007'\n")


def test_a_database_that_is_away_is_told_without_its_address(run: Run, tmp_path: Path) -> None:
    away = f"postgresql+psycopg://nobody:hunter2@/none?host={tmp_path}"
    assert run("upgrade", url=away) == (1, "Database error: OperationalError.\n")


def test_no_migration_is_written_for_an_app_that_is_not_there(run: Run) -> None:
    status, told = run("revision", "nots", "-m", "Nothing")
    assert (status, told.startswith("no app named nots; apps: accounts,")) == (1, True)


def test_an_app_that_keeps_nothing_gets_no_folder_of_migrations(run: Run) -> None:
    assert run("revision", "heartbeat", "-m", "Nothing")[0] == 1
    assert not (ROOT / "apps/heartbeat/migrations").exists()


def test_a_first_migration_is_written_for_an_app_and_makes_its_tables(tmp_path: Path) -> None:
    (tmp_path / "tenants/birds").mkdir(parents=True)
    (tmp_path / "settings.toml").write_text(dedent(SETTINGS))
    (tmp_path / "tenants/__init__.py").touch()
    (tmp_path / "tenants/birds/__init__.py").write_text(dedent(APP))

    def run(*arguments: str) -> str:
        done = composer_process(tmp_path, "db", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("revision", "birds", "-m", "Birds") == f"{tmp_path / 'tenants/birds/migrations/0001_birds.py'}\n"
    assert run("upgrade") == "birds: 0001 (up to date)\n"


def test_the_history_marks_the_current_revision(run: Run) -> None:
    assert run("history", "notes") == (0, "notes:\n  0001  Notes.\n")
    run("upgrade")
    assert run("history") == (0, "accounts:\n* 0001  Users and items.\nnotes:\n* 0001  Notes.\n")


def test_one_of_several_databases_must_be_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("status", "--database", "replica") == (
        1,
        "--database must name one of the databases; databases: db\n",
    )
