"""Apps, cornerstones and commands of installed packages; settings.toml names the first two by `plugin`.

A package declares them as entry points of three groups: the value is a factory, an app itself, or a command.
"""

from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from composer._catalogue import problem
from composer._model import Kind, Problem
from composer._project.importing import load_reference
from composer._project.problems import composition_error
from composer._text import did_you_mean, listed
from composer.errors import CompositionError

PluginKind = Kind | Literal["command"]

_GROUPS: dict[PluginKind, str] = {
    "app": "composer.apps",
    "cornerstone": "composer.cornerstones",
    "command": "composer.commands",
}


class Plugin(NamedTuple):
    """What a package brings under one name: `reference` is "package.module:name", `package` has name and version."""

    kind: PluginKind
    name: str
    package: str
    reference: str


def installed() -> list[Plugin]:
    """Return all installed plugins, apps first, each kind by name; none of them is imported."""
    return [plugin for kind in _GROUPS for plugin in plugins_of(kind)]


def plugins_of(kind: PluginKind) -> list[Plugin]:
    """Return the installed plugins of one kind, by name; none of them is imported."""
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


def find_plugin(kind: PluginKind, name: str, where: str) -> Plugin:
    """Return the one installed plugin of that name; raise CompositionError if there is none, or more than one."""
    plugins = plugins_of(kind)
    names = list(dict.fromkeys(plugin.name for plugin in plugins))
    named = [plugin for plugin in plugins if plugin.name == name]
    if not named:
        near, known = did_you_mean(name, names), listed(names)
        raise composition_error("C055", where, kind=kind, name=name, near=near, known=known)
    if len(named) > 1:
        why = f"{' and '.join(plugin.package for plugin in named)} each provide a plugin of that name"
        raise CompositionError([_unusable(named[0], where, "Uninstall all of them but one", why=why)])
    return named[0]


def load_plugin(kind: PluginKind, name: str, where: str, root: Path) -> Any:
    """Import the object of the one installed plugin of that name; raise CompositionError otherwise."""
    plugin = find_plugin(kind, name, where)
    return load_reference(plugin.reference, where, root, partial(bad_reference, plugin, where))


def bad_reference(plugin: Plugin, where: str, *, why: str, near: str = "") -> Problem:
    """Return the problem of a plugin whose object can't be used."""
    why = f"{plugin.package} points to {plugin.reference!r}, and {why}"
    return _unusable(plugin, where, "Install another version of that package", why=why, near=near)


def _unusable(plugin: Plugin, where: str, action: str, *, why: str, near: str = "") -> Problem:
    advice = f"{action}, or set factory in place of plugin."
    return problem("C009", where, subject=f"the plugin {plugin.name!r}", why=why, near=near, advice=advice)
