"""`composer db`: run the apps' migrations, show the current revisions, write a new migration."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, NamedTuple, TypeVar

import anyio
import typer
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from composer import ComposerError
from composer.commands import SettingsPath, load_composition
from composer.contrib.db import Database
from composer.contrib.db._schema import (
    AppSchema,
    app_schema,
    app_schemas,
    downgrade,
    revisions,
    standings,
    upgrade_all,
    write_revision,
)

commands = typer.Typer(help="Migrate the tables of the apps.", no_args_is_help=True)

Result = TypeVar("Result")

Names = Annotated[list[str] | None, typer.Argument(help="Names of apps. Default: all apps with migrations.")]
Name = Annotated[str, typer.Argument(help="The name of an app.")]
Cornerstone = Annotated[
    str | None, typer.Option("--database", help="Name of the cornerstone; required if there are several databases.")
]


@commands.command("upgrade")
def upgrade_apps(apps: Names = None, database: Cornerstone = None, settings: SettingsPath = None) -> None:
    """Run the pending migrations of all apps, or of those named."""
    composed = _composed(settings, database)
    chosen = composed.schemas(apps)
    composed.run(lambda connection: upgrade_all(connection, chosen))
    _show(composed, chosen)


@commands.command("downgrade")
def downgrade_app(
    app: Name,
    revision: Annotated[str, typer.Argument(help="The target revision; `base` reverts all.")],
    database: Cornerstone = None,
    settings: SettingsPath = None,
) -> None:
    """Revert an app's migrations down to a revision; the data that they added is lost."""
    composed = _composed(settings, database)
    [chosen] = composed.schemas([app])
    composed.run(lambda connection: downgrade(connection, chosen, revision))
    _show(composed, [chosen])


@commands.command()
def status(apps: Names = None, database: Cornerstone = None, settings: SettingsPath = None) -> None:
    """Show each app's current revision; exit with 1 if migrations are pending."""
    composed = _composed(settings, database)
    if _show(composed, composed.schemas(apps)):
        raise typer.Exit(1)


@commands.command()
def history(apps: Names = None, database: Cornerstone = None, settings: SettingsPath = None) -> None:
    """List each app's migrations, the newest first, and mark the current revision of the database."""
    composed = _composed(settings, database)
    chosen = composed.schemas(apps)
    for standing in composed.run(lambda connection: standings(connection, chosen)):
        print(f"{standing.app.name}:")
        for revision, title in revisions(standing.app):
            print(f"{'*' if revision == standing.current else ' '} {revision}  {title}".rstrip())


@commands.command()
def revision(
    app: Name,
    message: Annotated[str, typer.Option("--message", "-m", help="What the migration changes.")],
    database: Cornerstone = None,
    settings: SettingsPath = None,
) -> None:
    """Generate a migration from the changes of an app's classes; review it before you run it."""
    composed = _composed(settings, database)
    if app not in composed.modules:
        raise ComposerError(f"no app named {app}; apps: {', '.join(composed.modules)}")
    base, folder = composed.database.base, composed.database.migrations
    print(write_revision(base, app_schema(base, composed.modules[app], folder), message))


class _Composed(NamedTuple):
    """The chosen database of a composition, and the package or module of each app."""

    database: Database
    modules: dict[str, str]
    is_only: bool

    def schemas(self, names: Sequence[str] | None) -> list[AppSchema]:
        """Return the schemas of the apps with migrations, of all or of those named."""
        # Whose are the migrations of an app without any table? If other databases share the folder, this is unknown.
        modules = self.modules.values() if self.is_only else ()
        base, folder = self.database.base, self.database.migrations
        schemas = {app.name: app for app in app_schemas(base, modules, folder)}
        missing = [name for name in names or () if name not in schemas]
        if missing:
            known = ", ".join(schemas) or "none"
            raise ComposerError(f"no app with migrations named {', '.join(missing)}; apps: {known}")
        return [schemas[name] for name in names or schemas]

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """Call `work` with a connection that no other process migrates at the same time."""

        async def run() -> Result:
            try:
                return await self.database.run_alone(work)
            finally:
                await self.database.close()

        with _without_address():
            return anyio.run(run)


def _composed(settings: SettingsPath, name: str | None) -> _Composed:
    composition = load_composition(settings)
    databases = {key: value for key, value in composition.cornerstones.items() if isinstance(value, Database)}
    if name is None and len(databases) == 1:
        [name] = databases
    if name not in databases:
        known = ", ".join(databases) or "none"
        raise ComposerError(f"--database must name one of the databases; databases: {known}")
    modules = {app.name: _module(app.name, app.factory) for app in composition.apps}
    sharing = [other for other in databases.values() if other.migrations == databases[name].migrations]
    return _Composed(databases[name], modules, is_only=len(sharing) == 1)


def _module(name: str, factory: object) -> str:
    """Return the module of an app, even if its factory is defined in a submodule of its package."""
    module = str(getattr(factory, "__module__", ""))
    own = name.replace("/", ".")
    above, separator, _ = f"{module}.".rpartition(f".{own}.")
    return f"{above}.{own}" if separator else module


def _show(composed: _Composed, apps: Sequence[AppSchema]) -> bool:
    """Print the current revision of each app; return whether one is behind."""
    rows = composed.run(lambda connection: standings(connection, apps))
    for standing in rows:
        note = f"behind {standing.newest}" if standing.is_behind else "up to date"
        print(f"{standing.app.name}: {standing.current or 'no revision'} ({note})")
    return any(standing.is_behind for standing in rows)


@contextmanager
def _without_address() -> Iterator[None]:
    """Leave out the text of a database's error, which may contain its address."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise ComposerError(f"Database error: {type(cause).__name__}.") from None
