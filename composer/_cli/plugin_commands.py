"""The commands that installed packages provide by entry points of the group `composer.commands`."""

from functools import cached_property
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from composer._cli.show import CommandError, show_error
from composer._project.plugins import bad_reference, find_plugin, load_plugin, plugins_of
from composer.errors import ComposerError, CompositionError, problem_text

_PANEL = "Commands of installed packages"


class CommandGroup(TyperGroup):
    """composer's own commands, and those of installed packages; one of these is imported only when it is run."""

    @cached_property
    def _packages(self) -> dict[str, list[str]]:
        """The packages that bring each command."""
        packages: dict[str, list[str]] = {}
        for plugin in plugins_of("command"):
            packages.setdefault(plugin.name, []).append(plugin.package)
        return packages

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, composer's own first."""
        return list(dict.fromkeys([*super().list_commands(ctx), *self._packages]))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command as `--help` lists it; nothing of a package is imported for that."""
        if own := super().get_command(ctx, cmd_name):
            return own
        if packages := self._packages.get(cmd_name):
            return TyperCommand(cmd_name, help=f"From {' and '.join(packages)}.", rich_help_panel=_PANEL)
        return None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command to run; exit with 1 if it is a package's and can't be imported."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None or name in self.commands else _load(name, ctx), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a ComposerError that it raises is printed without a traceback, with exit status 1."""
        try:
            return super().invoke(ctx)
        except ComposerError as error:
            show_error(str(error))
            raise typer.Exit(1) from None


def _load(name: str, ctx: Any) -> Any:
    where = f"command {name!r}"
    try:
        loaded = load_plugin("command", name, where, Path.cwd())
    except CompositionError as error:
        raise CommandError(problem_text(error.problems[0])) from None
    if not isinstance(loaded, typer.Typer):
        problem = bad_reference(find_plugin("command", name, where), where, why="it is not a typer.Typer")
        raise CommandError(problem_text(problem))
    group = typer.Typer(add_completion=False)
    group.add_typer(loaded, name=name)
    return get_group(group).get_command(ctx, name)
