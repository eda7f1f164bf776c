"""What installed packages bring: apps and cornerstones that settings.toml may name, and commands.

A package says so by entry points of three groups: the value is a factory, an app itself, or a command.
"""

from typing import Literal, NamedTuple

from composer._catalogue import problem
from composer._model import Kind, Problem
from composer._text import did_you_mean, listed

PluginKind = Kind | Literal["command"]

_GROUPS: dict[PluginKind, str] = {
    "app": "composer.apps",
    "cornerstone": "composer.cornerstones",
    "command": "composer.commands",
}


class Plugin(NamedTuple):
    """What a package brings under one name: `reference` is "package.module:name", `package` has its version."""

    kind: PluginKind
    name: str
    package: str
    reference: str


def installed() -> list[Plugin]:
    """Return all that is installed, apps first, each kind by name; nothing of it is imported."""
    return [plugin for kind in _GROUPS for plugin in plugins_of(kind)]


def plugins_of(kind: PluginKind) -> list[Plugin]:
    """Return all that is installed of one kind, by name; nothing of it is imported."""
    # It looks into every package there is, and most compositions have no plugin.
    from importlib.metadata import entry_points

    return sorted(
        Plugin(kind, entry.name, f"{entry.dist.name} {entry.dist.version}", _without_extras(entry.value))
        for entry in entry_points(group=_GROUPS[kind])
        if entry.dist
    )


def _without_extras(value: str) -> str:
    """Return the reference alone: an entry point may have blanks in it, and extras in brackets after it."""
    return value.partition("[")[0].replace(" ", "")


def find_plugin(kind: PluginKind, name: str, where: str) -> tuple[Plugin | None, Problem | None]:
    """Return the plugin of that name, or the problem: none has it, or more than one."""
    plugins = plugins_of(kind)
    found = [plugin for plugin in plugins if plugin.name == name]
    if not found:
        names = list(dict.fromkeys(plugin.name for plugin in plugins))
        return None, problem("C055", where, kind=kind, name=name, near=did_you_mean(name, names), known=listed(names))
    if len(found) > 1:
        why = f"{' and '.join(plugin.package for plugin in found)} each provide a plugin of that name"
        return None, _unusable(name, where, "Uninstall all of them but one", why)
    return found[0], None


def unusable(plugin: Plugin, where: str, *, reference: str, why: str, near: str) -> Problem:
    """Make the problem of a plugin that points to what isn't there or can't be called."""
    why = f"{plugin.package} points to {reference!r}, and {why}"
    return _unusable(plugin.name, where, "Install another version of that package", why, near)


def _unusable(name: str, where: str, do: str, why: str, near: str = "") -> Problem:
    advice = f"{do}, or set factory in place of plugin."
    return problem("C009", where, subject=f"the plugin {name!r}", why=why, near=near, advice=advice)
