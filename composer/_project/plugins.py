"""Apps and cornerstones of installed packages, which settings.toml names by `plugin`.

A package declares them as entry points of two groups, each with a factory, or an app itself, as its value.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from composer._catalogue import problem
from composer._model import Kind, Problem
from composer._project.importing import load_reference
from composer._project.problems import composition_error
from composer._text import did_you_mean, listed
from composer.errors import CompositionError

_GROUPS: dict[Kind, str] = {
    "app": "composer.apps",
    "cornerstone": "composer.cornerstones",
}


class Plugin(NamedTuple):
    """One app or cornerstone of a package: `reference` is "package.module:name", `package` has name and version."""

    kind: Kind
    name: str
    package: str
    reference: str


def installed() -> list[Plugin]:
    """Return all installed plugins, apps first, each kind by name; none of them is imported."""
    return [plugin for kind in _GROUPS for plugin in _installed(kind)]


def _installed(kind: Kind) -> list[Plugin]:
    # It looks into every installed package, and most compositions have no plugin.
    from importlib.metadata import entry_points

    return sorted(
        Plugin(kind, entry.name, f"{entry.dist.name} {entry.dist.version}", _without_extras(entry.value))
        for entry in entry_points(group=_GROUPS[kind])
        if entry.dist
    )


def _without_extras(value: str) -> str:
    """Return the reference alone: an entry point may contain blanks, and extras in brackets."""
    return value.partition("[")[0].replace(" ", "")


def load_plugin(kind: Kind, name: str, where: str, root: Path) -> Any:
    """Import the app or the cornerstone of the one installed plugin of that name.

    Raises:
        CompositionError: No plugin has that name, or more than one, or it can't be imported.
    """
    plugins = _installed(kind)
    names = list(dict.fromkeys(plugin.name for plugin in plugins))
    named = [plugin for plugin in plugins if plugin.name == name]
    if not named:
        near, known = did_you_mean(name, names), listed(names)
        raise composition_error("C055", where, kind=kind, name=name, near=near, known=known)
    if len(named) > 1:
        why = f"{' and '.join(plugin.package for plugin in named)} each bring one of that name"
        raise CompositionError([_unusable(named[0], where, "Uninstall all of them but one", why=why)])
    describe_bad = partial(_bad_reference, named[0], where)
    return load_reference(named[0].reference, where, root, describe_bad)


def _bad_reference(plugin: Plugin, where: str, *, why: str, near: str) -> Problem:
    why = f"{plugin.package} points to {plugin.reference!r}, and {why}"
    return _unusable(plugin, where, "Install another version of that package", why=why, near=near)


def _unusable(plugin: Plugin, where: str, action: str, *, why: str, near: str = "") -> Problem:
    advice = f"{action}, or set factory in place of plugin."
    return problem("C009", where, subject=f"the plugin {plugin.name!r}", why=why, near=near, advice=advice)
