"""For commands that other packages add to the command line.

A package adds one by an entry point of the group `composer.commands`: its name is the command's, its value a
`typer.Typer`, which is imported only when the command is run. In `pyproject.toml`:

    [project.entry-points."composer.commands"]
    cache = "acme.cache.commands:commands"

and in that module:

    import typer

    from acme.cache import Cache
    from composer.commands import SettingsPath, load_composition

    commands = typer.Typer(help="Manage the cache.", no_args_is_help=True)

    @commands.command(help="Remove all entries.")
    def clear(settings: SettingsPath = None) -> None:
        load_composition(settings).get(Cache).clear()

`composer cache clear` runs it. A `composer.ComposerError` that it raises is printed without a traceback.
"""

from pathlib import Path

from composer._build import Composition, composition_of
from composer._cli.commands import SettingsPath
from composer._cli.locate import load_composition as _load_composition
from composer._cli.locate import select_composition

__all__ = ["SettingsPath", "load_composition"]


def load_composition(settings: Path | None = None) -> Composition:
    """Return the composition of the project that the command runs in, built but not started.

    Args:
        settings: The settings file, as `--settings` names it. Default: COMPOSER_SETTINGS, else the settings.toml of the
            working directory or above.

    Returns:
        What asgi.py composes, if the project has one, else what the settings file says.

    Raises:
        CompositionError: It can't be built.
        ComposerError: asgi.py composes nothing.
    """
    select_composition(None, settings, None)
    return composition_of(_load_composition())
