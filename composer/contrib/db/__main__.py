"""`python -m composer.contrib.db`: run the apps' migrations, show the current revisions, write a new migration."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, TypeVar

import anyio
import typer
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

import composer
from composer.contrib.db import Database
from composer.contrib.db._schema import (
    AppSchema,
    SchemaError,
    app_schema,
    app_schemas,
    downgrade,
    standings,
    upgrade_all,
    write_revision,
)

commands = typer.Typer(
    name="python -m composer.contrib.db",
    help="Migrate the tables of the apps in settings.toml.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Result = TypeVar("Result")

Names = Annotated[list[str] | None, typer.Argument(help="Names of apps. Default: all apps with migrations.")]
Name = Annotated[str, typer.Argument(help="The name of an app.")]


@commands.command("upgrade")
def upgrade_apps(apps: Names = None) -> None:
    """Run the pending migrations of all apps, or of the given ones."""
    with _exit_on_error():
        database, modules = _composed()
        chosen = _chosen(database, modules, apps)
        _run(database, lambda connection: upgrade_all(connection, chosen))
        _show(database, chosen)


@commands.command("downgrade")
def downgrade_app(
    app: Name, revision: Annotated[str, typer.Argument(help="The target revision; `base` reverts all.")]
) -> None:
    """Revert an app's migrations down to a revision; the data that they added is lost."""
    with _exit_on_error():
        database, modules = _composed()
        [chosen] = _chosen(database, modules, [app])
        _run(database, lambda connection: downgrade(connection, chosen, revision))
        _show(database, [chosen])


@commands.command()
def status(apps: Names = None) -> None:
    """Show each app's current revision; exit with 1 if migrations are pending."""
    with _exit_on_error():
        database, modules = _composed()
        if _show(database, _chosen(database, modules, apps)):
            raise typer.Exit(1)


@commands.command()
def revision(
    app: Name, message: Annotated[str, typer.Option("--message", "-m", help="What the migration changes.")]
) -> None:
    """Generate a migration from the changes of an app's classes; review it before you run it."""
    with _exit_on_error():
        database, modules = _composed()
        if app not in modules:
            raise LookupError(f"no app named {app}; apps: {', '.join(modules)}")
        print(write_revision(database.base, app_schema(database.base, modules[app]), message))


def _composed() -> tuple[Database, dict[str, str]]:
    """Return the composition's database, and the package or module of each app."""
    file = os.environ.get("COMPOSER_SETTINGS") or "settings.toml"
    plan = composer.composition_of(composer.build(file)).plan
    databases = [built.value for built in plan.cornerstones if isinstance(built.value, Database)]
    if len(databases) != 1:
        raise LookupError(f"{file} composes {len(databases)} databases; exactly one is required")
    return databases[0], {app.name: _module(app.name, app.declared.factory) for app in plan.apps}


def _module(name: str, factory: object) -> str:
    """Return the module of an app, even if its factory is defined in a submodule of its package."""
    module = str(getattr(factory, "__module__", ""))
    own = name.replace("/", ".")
    above, found, _ = f"{module}.".rpartition(f".{own}.")
    return f"{above}.{own}" if found else module


def _chosen(database: Database, modules: dict[str, str], names: Sequence[str] | None) -> list[AppSchema]:
    found = {app.name: app for app in app_schemas(database.base, modules.values())}
    missing = [name for name in names or () if name not in found]
    if missing:
        raise LookupError(f"no app with migrations named {', '.join(missing)}; apps: {', '.join(found) or 'none'}")
    return [found[name] for name in names or found]


def _show(database: Database, apps: Sequence[AppSchema]) -> bool:
    """Print the current revision of each app; return whether one is behind."""
    found = _run(database, lambda connection: standings(connection, apps))
    for standing in found:
        note = f"behind {standing.newest}" if standing.is_behind else "up to date"
        print(f"{standing.app.name}: {standing.current or 'no revision'} ({note})")
    return any(standing.is_behind for standing in found)


def _run(database: Database, work: Callable[[Connection], Result]) -> Result:
    async def run() -> Result:
        try:
            return await database.run_alone(work)
        finally:
            await database.close()

    return anyio.run(run)


@contextmanager
def _exit_on_error() -> Iterator[None]:
    """Print errors that the user can fix, and exit with 1."""
    try:
        yield
    except (composer.CompositionError, SchemaError) as error:
        print(error, file=sys.stderr)
    except LookupError as error:
        print(error.args[0] if error.args else error, file=sys.stderr)
    except SQLAlchemyError as error:
        # Its own text may contain the address of the database.
        print(f"Database error: {type(getattr(error, 'orig', None) or error).__name__}.", file=sys.stderr)
    else:
        return
    raise typer.Exit(1)


if __name__ == "__main__":
    commands()
