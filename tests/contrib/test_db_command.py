"""`python -m composer.contrib.db`."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner

from composer.contrib.db.__main__ import commands

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
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs a command on the repository's own apps: its exit status, and all that it printed."""
    for name in [name for name in os.environ if name.startswith("COMPOSER_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str, url: str = database_url, settings: Path = ROOT / "settings.toml") -> tuple[int, str]:
        variables = {"COMPOSER_SETTINGS": str(settings), "COMPOSER_CORNERSTONES__DB__URL": url}
        done = CliRunner().invoke(commands, arguments, env=variables)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

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
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COMPOSER_")}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "composer.contrib.db", *arguments]
        env = clean | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout

    assert run("revision", "birds", "-m", "Birds") == f"{tmp_path / 'tenants/birds/migrations/0001_birds.py'}\n"
    assert run("upgrade") == "birds: 0001 (up to date)\n"
