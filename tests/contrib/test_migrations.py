"""Each app's tables come from its own migrations, on both databases."""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import anyio
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, make_url, text
from sqlalchemy.orm import DeclarativeBase

import apps.accounts
import apps.notes
from composer import Project
from composer.contrib.db import Database, DatabaseSettings, SchemaError
from composer.contrib.db._schema import (
    AppSchema,
    app_schema,
    app_schemas,
    downgrade,
    standings,
    upgrade_all,
    write_revision,
)
from shared import db
from shared.db import Base

pytestmark = pytest.mark.anyio

SHIPPED = [apps.notes, apps.accounts]

BASE = """
    from sqlalchemy.orm import DeclarativeBase
    from sqlalchemy import MetaData
    from composer.contrib.db import NAMING_CONVENTION

    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=NAMING_CONVENTION)
"""
TABLE = """
    from sqlalchemy import ForeignKey, Text
    from sqlalchemy.orm import Mapped, mapped_column
    from tenants.base import Base

    class Kept(Base):
        __tablename__ = "{name}"
        id: Mapped[int] = mapped_column(primary_key=True)
"""
ODD = """
    from sqlalchemy import Text
    from sqlalchemy.orm import Mapped, mapped_column
    from tenants.base import Base

    class Colour(Text):
        def __repr__(self) -> str:
            return "<a colour>"

    class Bird(Base):
        __tablename__ = "birds"
        id: Mapped[int] = mapped_column(primary_key=True)
        colour: Mapped[str] = mapped_column(Colour())
"""
FIRST = """
    import sqlalchemy as sa
    from alembic import op

    revision = "0001"
    down_revision = None

    def upgrade() -> None:
        op.create_table("{name}", sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id"))

    def downgrade() -> None:
        op.drop_table("{name}")
"""
SECOND = """
    import sqlalchemy as sa
    from alembic import op

    revision = "0002"
    down_revision = "0001"

    def upgrade() -> None:
        with op.batch_alter_table("{name}") as batch:
            batch.add_column(sa.Column("colour", sa.Text(), nullable=False, server_default="red"))

    def downgrade() -> None:
        with op.batch_alter_table("{name}") as batch:
            batch.drop_column("colour")
"""
BROKEN = """
    from alembic import op

    revision = "0002"
    down_revision = "0001"

    def upgrade() -> None:
        op.drop_table("{name}")
        op.execute("SELECT nothing FROM nowhere")
"""

Tenants = Callable[[Mapping[str, str]], type[DeclarativeBase]]


@pytest.fixture
def tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenants]:
    """Give a function that writes the packages of apps and imports their tables; returns the base of their classes."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda files: _import_tenants(tmp_path / "tenants", {"__init__.py": "", "base.py": BASE, **files})
    _forget_tenants()


def _import_tenants(folder: Path, files: Mapping[str, str]) -> type[DeclarativeBase]:
    _forget_tenants()
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(content.replace("{name}", path.split("/")[0])))
        if path.endswith("tables.py"):
            (file.parent / "__init__.py").touch()
    importlib.invalidate_caches()
    for path in files:
        if path.endswith("tables.py"):
            importlib.import_module(f"tenants.{path.split('/')[0]}.tables")
    base: type[DeclarativeBase] = importlib.import_module("tenants.base").Base
    return base


def _forget_tenants() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "tenants"]:
        del sys.modules[name]


def tenant(name: str, *migrations: str) -> dict[str, str]:
    numbered = {f"{name}/migrations/{number:04d}.py": made for number, made in enumerate(migrations, 1)}
    return {f"{name}/tables.py": TABLE, **numbered}


def open_database(url: str, base: type[DeclarativeBase] = Base, *, upgrades: bool = True) -> Database:
    return Database(make_url(url), base=base, upgrades=upgrades)


def tables(connection: Connection) -> set[str]:
    return {name for name in inspect(connection).get_table_names() if not name.startswith("alembic__")}


def columns(connection: Connection, table: str) -> list[str]:
    return sorted(column["name"] for column in inspect(connection).get_columns(table))


async def where(database: Database) -> dict[str, str | None]:
    found = await database.run_alone(lambda connection: standings(connection, app_schemas(database.base)))
    return {standing.app.name: standing.current for standing in found}


async def run(database: Database, statement: str) -> None:
    async with database.session() as session:
        await session.execute(text(statement))


def shipped() -> list[AppSchema]:
    return app_schemas(Base, [app.__name__ for app in SHIPPED])


def owned() -> set[str]:
    return {table for app in shipped() for table in app.tables}


def is_owned(_: object, name: str | None, kind: str, *__: object) -> bool:
    return kind != "table" or name in owned()


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"include_object": is_owned})
    return list(compare_metadata(context, Base.metadata))


def never_given_again(connection: Connection) -> set[str]:
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all()
    return {name for name, sql in rows if "AUTOINCREMENT" in sql}


async def test_the_shipped_migrations_make_what_the_classes_say(database_url: str) -> None:
    async with open_database(database_url) as database:
        assert await where(database) == {"notes": "0001", "accounts": "0001"}
        assert owned() == {"notes", "users", "items"}
        assert await database.run_alone(differences) == []


async def test_on_sqlite_they_never_give_an_id_again_as_the_classes_say(tmp_path: Path) -> None:
    async with open_database(f"sqlite+aiosqlite:///{tmp_path / 'app.db'}") as database:
        assert await database.run_alone(never_given_again) == owned()


async def test_the_shipped_migrations_can_be_taken_back_app_by_app(database_url: str) -> None:
    async with open_database(database_url) as database:
        [accounts, notes] = [app for app in shipped() if app.name in ("accounts", "notes")]
        await database.run_alone(lambda connection: downgrade(connection, accounts, "base"))
        left = await database.run_alone(tables)
        assert left & {"users", "items", "notes"} == {"notes"}
        await database.run_alone(lambda connection: downgrade(connection, notes, "base"))
        assert await database.run_alone(tables) & {"users", "items", "notes"} == set()


async def test_an_apps_tables_are_added_and_dropped_without_touching_anothers(
    database_url: str, tenants: Tenants
) -> None:
    base = tenants(tenant("birds", FIRST))
    async with open_database(database_url, base) as database:
        await run(database, "INSERT INTO birds VALUES (1)")
    base = tenants({**tenant("birds", FIRST), **tenant("bees", FIRST)})
    async with open_database(database_url, base) as database:
        assert await database.run_alone(tables) == {"birds", "bees"}
        [bees, _] = app_schemas(base)
        await database.run_alone(lambda connection: downgrade(connection, bees, "base"))
        assert await database.run_alone(tables) == {"birds"}
        async with database.session(writes=False) as session:
            assert await session.scalar(text("SELECT count(*) FROM birds")) == 1
        assert await where(database) == {"birds": "0001", "bees": None}


async def test_a_new_migration_changes_a_table_and_keeps_its_rows_and_who_refers_to_them(
    database_url: str, tenants: Tenants
) -> None:
    referring = FIRST.replace(
        'sa.PrimaryKeyConstraint("id")', 'sa.PrimaryKeyConstraint("id"), sa.ForeignKeyConstraint(["id"], ["birds.id"])'
    )
    both = {**tenant("birds", FIRST), **tenant("nests", referring)}
    async with open_database(database_url, tenants(both)) as database:
        await run(database, "INSERT INTO birds VALUES (1)")
        await run(database, "INSERT INTO nests VALUES (1)")
    base = tenants({**both, **tenant("birds", FIRST, SECOND)})
    async with open_database(database_url, base) as database:
        async with database.session(writes=False) as session:
            assert (await session.execute(text("SELECT * FROM birds"))).all() == [(1, "red")]
            assert await session.scalar(text("SELECT count(*) FROM nests")) == 1
        assert await where(database) == {"birds": "0002", "nests": "0001"}


async def test_servers_that_start_together_run_each_migration_once(database_url: str, tenants: Tenants) -> None:
    base = tenants(tenant("birds", FIRST, SECOND))
    seen: list[dict[str, str | None]] = []

    async def start() -> None:
        async with open_database(database_url, base) as database:
            seen.append(await where(database))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(start)
    assert seen == [{"birds": "0002"}] * 8


async def test_a_schema_that_is_behind_is_refused_where_it_is_not_upgraded(database_url: str, tenants: Tenants) -> None:
    async with open_database(database_url, tenants(tenant("birds", FIRST))):
        pass
    base = tenants({**tenant("birds", FIRST, SECOND), **tenant("bees", FIRST)})
    database = open_database(database_url, base, upgrades=False)
    with pytest.raises(SchemaError) as refused:
        await database.__aenter__()
    assert str(refused.value) == (
        "The tables of bees are at no revision, but it requires 0001:"
        " run `composer db upgrade bees`.\n"
        "The tables of birds are at revision 0001, but it requires 0002:"
        " run `composer db upgrade birds`."
    )
    assert await database.run_alone(tables) == {"birds"}
    await database.run_alone(lambda connection: upgrade_all(connection, app_schemas(base)))
    async with database:
        assert await database.run_alone(tables) == {"birds", "bees"}


@pytest.mark.parametrize(("env", "upgrades"), [("production", False), ("development", True), ("test", True)])
async def test_only_production_waits_to_be_upgraded(tmp_path: Path, env: str, upgrades: bool) -> None:
    database = db.create_cornerstone(DatabaseSettings(), Project(tmp_path, env))
    if upgrades:
        async with database:
            assert "notes" in await database.run_alone(tables)
    else:
        with pytest.raises(SchemaError, match=r"run `composer db upgrade notes`"):
            await database.__aenter__()


async def test_a_revision_that_the_code_does_not_know_is_refused(database_url: str, tenants: Tenants) -> None:
    async with open_database(database_url, tenants(tenant("birds", FIRST, SECOND))):
        pass
    (Path(sys.modules["tenants"].__path__[0]) / "birds/migrations/0002.py").unlink()
    for upgrades in (True, False):
        with pytest.raises(SchemaError, match="birds: Can't locate revision identified by '0002'"):
            await open_database(database_url, tenants(tenant("birds", FIRST)), upgrades=upgrades).__aenter__()


async def test_tables_from_before_there_were_migrations_are_taken_over(database_url: str, tenants: Tenants) -> None:
    async with open_database(database_url, tenants(tenant("birds"))) as database:
        await run(database, "INSERT INTO birds VALUES (1)")
        assert await where(database) == {}
    async with open_database(database_url, tenants(tenant("birds", FIRST, SECOND))) as database:
        assert await where(database) == {"birds": "0002"}
        assert await database.run_alone(lambda connection: columns(connection, "birds")) == ["colour", "id"]


async def test_tables_that_are_not_those_of_the_first_revision_are_left_alone(
    database_url: str, tenants: Tenants
) -> None:
    database = open_database(database_url, tenants(tenant("birds", FIRST)))
    await run(database, "CREATE TABLE birds (wings INTEGER)")
    with pytest.raises(SchemaError, match=r"tables without a revision.* differ from revision 0001: birds"):
        await database.__aenter__()
    assert await database.run_alone(lambda connection: columns(connection, "birds")) == ["wings"]
    await database.close()


async def test_a_migration_that_fails_leaves_everything_as_it_was(database_url: str, tenants: Tenants) -> None:
    async with open_database(database_url, tenants(tenant("birds", FIRST))) as database:
        await run(database, "INSERT INTO birds VALUES (1)")
    database = open_database(database_url, tenants(tenant("birds", FIRST, BROKEN)))
    with pytest.raises(Exception, match="nowhere"):
        await database.__aenter__()
    assert await where(database) == {"birds": "0001"}
    async with database.session(writes=False) as session:
        assert await session.scalar(text("SELECT count(*) FROM birds")) == 1
    await database.close()


async def test_a_migration_after_which_rows_refer_to_nothing_is_refused_on_sqlite(
    tmp_path: Path, tenants: Tenants
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'app.db'}"
    async with open_database(url, tenants(tenant("birds", FIRST))) as database:
        await run(database, "INSERT INTO birds VALUES (1)")
        await run(database, "CREATE TABLE nests (bird INTEGER REFERENCES birds (id))")
        await run(database, "INSERT INTO nests VALUES (1)")
    emptied = SECOND.replace("with op", 'op.execute("DELETE FROM birds")\n        with op', 1)
    database = open_database(url, tenants(tenant("birds", FIRST, emptied)))
    with pytest.raises(SchemaError, match="birds: foreign keys are violated after the migration, in: nests"):
        await database.__aenter__()
    assert await where(database) == {"birds": "0001"}
    await database.close()


async def test_foreign_keys_hold_again_after_a_migration(database_url: str, tenants: Tenants) -> None:
    async with open_database(database_url, tenants(tenant("birds", FIRST))) as database:
        await run(database, "CREATE TABLE nests (bird INTEGER REFERENCES birds (id))")
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            await run(database, "INSERT INTO nests VALUES (1)")


async def test_a_migration_is_written_from_the_classes_and_then_makes_them(database_url: str, tenants: Tenants) -> None:
    base = tenants({**tenant("birds"), **tenant("bees", FIRST)})
    birds = app_schema(base, "tenants.birds")
    file = write_revision(base, birds, "Make birds")
    assert file.name == "0001_make_birds.py"
    assert "bees" not in file.read_text()
    async with open_database(database_url, base) as database:
        assert await database.run_alone(tables) == {"birds", "bees"}
    with pytest.raises(SchemaError, match="No changes: the migrations"):
        write_revision(base, birds, "Again")


@pytest.mark.parametrize("message", ['Name it "large"', "Name it \\N", 'Name it """', "Größe"])
def test_any_message_makes_a_migration_that_can_be_read(tenants: Tenants, message: str) -> None:
    base = tenants(tenant("birds"))
    birds = app_schema(base, "tenants.birds")
    written: dict[str, Any] = {}
    exec(write_revision(base, birds, message).read_text(), written)
    assert (written["__doc__"], written["revision"]) == (message, "0001")


def test_after_old_migrations_were_put_together_the_next_has_a_number_of_its_own(tenants: Tenants) -> None:
    base = tenants(tenant("birds", FIRST.replace("0001", "0005").replace("{name}", "eggs")))
    birds = app_schema(base, "tenants.birds")
    assert write_revision(base, birds, "Birds").name == "0006_birds.py"
    without_numbers = app_schema(tenants(tenant("bees", FIRST.replace("0001", "3f2a"))), "tenants.bees")
    assert write_revision(base, without_numbers, "Bees").name == "0001_bees.py"


def test_a_migration_that_cannot_be_read_is_refused_and_not_left_behind(tenants: Tenants) -> None:
    base = tenants({"birds/tables.py": ODD})
    birds = app_schema(base, "tenants.birds")
    with pytest.raises(SchemaError, match=r"birds: invalid syntax \(0001_birds\.py, line"):
        write_revision(base, birds, "Birds")
    assert not birds.folder.exists()


async def test_an_empty_folder_of_migrations_is_none(tmp_path: Path, tenants: Tenants) -> None:
    base = tenants({"birds/migrations/.keep": "", **tenant("birds")})
    async with open_database(f"sqlite+aiosqlite:///{tmp_path / 'app.db'}", base) as database:
        assert await database.run_alone(tables) == {"birds"}


def test_an_app_of_one_module_has_no_place_for_migrations(tenants: Tenants) -> None:
    base = tenants(tenant("birds"))
    with pytest.raises(SchemaError, match=r"tenants\.birds\.tables is a single module: make it a package"):
        app_schema(base, "tenants.birds.tables")


async def test_a_class_that_is_gone_becomes_a_migration_that_drops_its_table(
    database_url: str, tenants: Tenants
) -> None:
    async with open_database(database_url, tenants(tenant("birds", FIRST))):
        pass
    without = {**tenant("birds", FIRST), "birds/tables.py": ""}
    base = tenants(without)
    [birds] = app_schemas(base, ["tenants.birds.tables"])
    assert "drop_table('birds')" in write_revision(base, birds, "No birds").read_text()
    database = open_database(database_url, base)
    await database.run_alone(lambda connection: upgrade_all(connection, [birds]))
    assert await database.run_alone(tables) == set()
    await database.close()
