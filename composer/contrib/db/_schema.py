"""The apps' schemas: which app owns which tables and migrations, and how to migrate a database.

An app with a folder `migrations` owns the tables of its classes, and has its own version table. All other tables,
including those without a class, are created when the server starts, and never changed.
"""

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.orm import Mapper

from composer import ComposerError

MIGRATIONS = "migrations"


class SchemaError(ComposerError):
    """Report that the database's tables don't match the apps' migrations."""


@dataclass(frozen=True, slots=True)
class AppSchema:
    """One app's part of the schema: the app's name, its folder of migrations, its tables and its version table."""

    name: str
    folder: Path
    tables: frozenset[str]
    version_table: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The revision of one app's tables in a database (None if there is none yet), and the app's newest one."""

    app: AppSchema
    current: str | None
    newest: str | None

    @property
    def is_behind(self) -> bool:
        """Whether the database isn't at the newest revision."""
        return self.current != self.newest


def app_schemas(base: type[Any], modules: Iterable[str] = (), folder: str = MIGRATIONS) -> list[AppSchema]:
    """Return the apps with migrations, sorted by name: those with classes of `base`, and those in `modules`.

    `folder` is the name of the folder of migrations. `modules` names imported modules; an app that no longer has a
    table is found only by it.
    """
    known = [mapper.class_.__module__ for mapper in _mappers(base)]
    packages = {_package_with_migrations(module, folder) for module in [*known, *modules]}
    return [app_schema(base, package, folder) for package in sorted(filter(None, packages))]


def app_schema(base: type[Any], package: str, folder: str = MIGRATIONS) -> AppSchema:
    """Return the schema of the app in a package, even if it has no migrations yet.

    Raises:
        SchemaError: The app is a single module, which has no folder for migrations.
    """
    places = list(getattr(sys.modules[package], "__path__", ()))
    if not places:
        raise SchemaError(
            f"{package} is a single module: make it a package, so that it can have a folder for migrations."
        )
    mappers = [mapper for mapper in _mappers(base) if f"{mapper.class_.__module__}.".startswith(f"{package}.")]
    tables = frozenset(str(getattr(table, "name", "")) for mapper in mappers for table in mapper.tables)
    name = "/".join(package.split(".")[1:]) or package
    return AppSchema(name, Path(places[0]) / folder, tables, f"alembic__{package.replace('.', '__')}")


def _mappers(base: type[Any]) -> Iterable[Mapper[Any]]:
    """Return the mappers of all classes with a table; SQLModel, unlike a declarative base, has no public registry."""
    if hasattr(base, "registry"):
        return cast(Iterable[Mapper[Any]], base.registry.mappers)
    return dict.fromkeys(_mappers_below(base))


def _mappers_below(base: type[Any]) -> Iterator[Mapper[Any]]:
    for subclass in base.__subclasses__():
        mapper = inspect(subclass, raiseerr=False)
        if isinstance(mapper, Mapper):
            yield mapper
        yield from _mappers_below(subclass)


def _package_with_migrations(module: str, folder: str) -> str | None:
    """Return the innermost package around a module that has migrations."""
    parts = module.split(".")
    for package in (".".join(parts[:length]) for length in range(len(parts), 0, -1)):
        places = getattr(sys.modules.get(package), "__path__", ())
        if any(any((Path(place) / folder).glob("*.py")) for place in places):
            return package
    return None


def prepare(connection: Connection, base: type[Any], folder: str, *, upgrades: bool) -> None:
    """Migrate a database to the newest revisions, or, without `upgrades`, check that it is at them.

    Raises:
        SchemaError: A schema is behind, or at an unknown revision.
    """
    apps = app_schemas(base, folder=folder)
    behind = [standing for standing in standings(connection, apps) if standing.is_behind]
    if behind and not upgrades:
        raise SchemaError("\n".join(map(_describe, behind)))
    upgrade_all(connection, [standing.app for standing in behind])
    owned = {table for app in apps for table in app.tables}
    rest = [table for table in base.metadata.sorted_tables if table.name not in owned]
    base.metadata.create_all(connection, tables=rest)


def _describe(standing: Standing) -> str:
    at = f"at revision {standing.current}" if standing.current else "at no revision"
    name = standing.app.name
    return f"The tables of {name} are {at}, but it requires {standing.newest}: run `composer db upgrade {name}`."


def standings(connection: Connection, apps: Iterable[AppSchema]) -> list[Standing]:
    """Return the current and the newest revision of each app.

    Raises:
        SchemaError: The current revision is unknown, or the app's migrations can't be read.
    """
    return [_standing(connection, app) for app in apps]


def _standing(connection: Connection, app: AppSchema) -> Standing:
    context = MigrationContext.configure(connection, opts={"version_table": app.version_table})
    with _naming(app):
        script = ScriptDirectory.from_config(_config(app))
        current = context.get_current_revision()
        if current is not None:
            script.get_revision(current)
        return Standing(app, current, script.get_current_head())


def revisions(app: AppSchema) -> list[tuple[str, str]]:
    """Return an app's migrations, the newest first, each with the first line of its docstring.

    Raises:
        SchemaError: The migrations can't be read.
    """
    with _naming(app):
        scripts = ScriptDirectory.from_config(_config(app)).walk_revisions()
        return [(script.revision, (script.doc or "").partition("\n")[0]) for script in scripts]


def upgrade_all(connection: Connection, apps: Iterable[AppSchema]) -> None:
    """Run the pending migrations of the apps; tables created without migrations count as created by the first one.

    Raises:
        SchemaError: A migration fails, or tables created without migrations differ from those of the first one.
    """
    for app in apps:
        _upgrade(connection, app)


def _upgrade(connection: Connection, app: AppSchema) -> None:
    if _standing(connection, app).current is None and (first := _first(app)):
        existing = _tables(connection, set(_tables_at(app, first)))
        if existing:
            _adopt(connection, app, first, existing)
    with _naming(app):
        command.upgrade(_config(app, connection), "head")
    _check_foreign_keys(connection, app)


def downgrade(connection: Connection, app: AppSchema, revision: str) -> None:
    """Revert an app's migrations down to a revision; `base` reverts all of them, and so drops its tables.

    Raises:
        SchemaError: The revision doesn't exist.
    """
    with _naming(app):
        command.downgrade(_config(app, connection), revision)
    _check_foreign_keys(connection, app)


def write_revision(base: type[Any], app: AppSchema, message: str) -> Path:
    """Write the migration from the app's current migrations to its classes; return the file.

    It doesn't use the project's database: the current migrations run on an SQLite database in memory, which contains
    only this app's tables.

    Raises:
        SchemaError: The app's migrations fail, or nothing has changed.
    """
    app.folder.mkdir(exist_ok=True)
    try:
        with _naming(app), _scratch(app, "heads") as connection:
            return _write(connection, base, app, message)
    finally:
        if not any(app.folder.iterdir()):
            app.folder.rmdir()


def _write(connection: Connection, base: type[Any], app: AppSchema, message: str) -> Path:
    options = {
        "target_metadata": base.metadata,
        "include_object": _own_or_existing(app),
        "render_item": _import_of_type,
    }
    context = MigrationContext.configure(connection, opts={**options, "version_table": app.version_table})
    if not compare_metadata(context, base.metadata):
        raise SchemaError(f"No changes: the migrations of {app.name} match its classes.")
    config = _config(app, connection, **options)
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    # The highest, not the count: old migrations may have been merged into one.
    number = max((int(revision) for revision in known if revision.isdecimal()), default=0) + 1
    before = set(app.folder.glob("*.py"))
    try:
        script = command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")
    except BaseException:
        # Alembic writes the file before it validates it.
        for file in set(app.folder.glob("*.py")) - before:
            file.unlink()
        raise
    return Path(getattr(script, "path", app.folder))


def _config(app: AppSchema, connection: Connection | None = None, **options: Any) -> Config:
    config = Config(cmd_opts=Namespace(quiet=True))
    texts = {
        "script_location": str(Path(__file__).with_name("_alembic")),
        "version_locations": str(app.folder),
        "path_separator": "newline",
        "file_template": "%(rev)s_%(slug)s",
    }
    for name, value in texts.items():
        config.set_main_option(name, value.replace("%", "%%"))
    settings = {"connection": connection, "version_table": app.version_table, "render_as_batch": True}
    config.attributes["options"] = settings | options
    return config


@contextmanager
def _naming(app: AppSchema) -> Iterator[None]:
    """Raise Alembic's errors as a SchemaError that names the app."""
    try:
        yield
    except (CommandError, SyntaxError) as error:
        raise SchemaError(f"{app.name}: {error}") from error


def _first(app: AppSchema) -> str | None:
    revisions = list(ScriptDirectory.from_config(_config(app)).walk_revisions())
    return revisions[-1].revision if revisions else None


@contextmanager
def _scratch(app: AppSchema, revision: str) -> Iterator[Connection]:
    """Yield a connection to a database in memory, migrated to a revision of one app, and nothing else."""
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            command.upgrade(_config(app, connection), revision)
            yield connection
    finally:
        engine.dispose()


def _tables_at(app: AppSchema, revision: str) -> dict[str, set[str]]:
    with _naming(app), _scratch(app, revision) as connection:
        names = set(inspect(connection).get_table_names()) - {app.version_table}
        return _tables(connection, names)


def _tables(connection: Connection, names: set[str]) -> dict[str, set[str]]:
    """Return the tables that exist, with the names of their columns."""
    inspector = inspect(connection)
    existing = names & set(inspector.get_table_names())
    return {name: {column["name"] for column in inspector.get_columns(name)} for name in existing}


def _adopt(connection: Connection, app: AppSchema, first: str, existing: dict[str, set[str]]) -> None:
    expected = _tables_at(app, first)
    different = sorted(name for name in expected if existing.get(name) != expected[name])
    if different:
        raise SchemaError(
            f"{app.name}: the database has tables without a revision that differ from revision {first}:"
            f" {', '.join(different)}. Change them to match, or remove them."
        )
    with _naming(app):
        command.stamp(_config(app, connection), first)


def _own_or_existing(app: AppSchema) -> Any:
    def is_included(_: object, name: str | None, kind: str, reflected: bool, __: object) -> bool:
        return kind != "table" or reflected or name in app.tables

    return is_included


def _import_of_type(kind: str, item: object, context: Any) -> Literal[False]:
    """Import the module of a column's type in the migration, such as that of SQLModel; let Alembic render the type."""
    module = type(item).__module__
    if kind == "type" and not module.startswith("sqlalchemy."):
        context.imports.add(f"import {module}")
    return False


def _check_foreign_keys(connection: Connection, app: AppSchema) -> None:
    """Raise if rows refer to missing rows after a migration: foreign keys are off in SQLite during it."""
    if connection.dialect.name == "sqlite":
        lost = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if lost:
            tables = ", ".join(sorted({row[0] for row in lost}))
            raise SchemaError(f"{app.name}: foreign keys are violated after the migration, in: {tables}.")
