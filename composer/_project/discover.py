"""The folders of a project, read without importing them: which of them are apps, cornerstones, groups.

A package or a module that binds the factory's name (`create_app`) at its top level is an app. A package without it that
contains such packages or modules is a group, and its name a segment of theirs. Folders without Python, and names that
start with an underscore or a dot, are ignored.
"""

import ast
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from composer._catalogue import problem
from composer._model import Problem
from composer._project.app_objects import UNPARSABLE, AppObject, find_app_object
from composer._settings.table import quoted
from composer._text import did_you_mean

APP_FACTORY = "create_app"


class Discovered(NamedTuple):
    """One folder or module that has the factory: its name (`v1/house_price`), what to import, and its file."""

    name: str
    module: str
    file: Path


class Rejected(NamedTuple):
    """One folder or module that can't be composed: the name that it would have, "" for the package, and why."""

    name: str
    problem: Problem
    app: AppObject | None = None


Entries = tuple[list[Discovered], list[Rejected]]


def discover(package: str, folders: list[Path], factory: str) -> Entries:
    """Walk the folders of a package; return what has the factory, by name, and what can't be composed."""
    discovered: list[Discovered] = []
    rejected: list[Rejected] = []
    for folder in folders:
        if factory in (_bound_names(folder / "__init__.py") or ()):
            where = str(folder / "__init__.py")
            rejected.append(Rejected("", problem("C037", where, package=package, factory=factory)))
        inside = _walk_all(folder, "", package, factory)
        discovered += inside[0]
        rejected += inside[1]
    return sorted(discovered), rejected


def _walk_all(folder: Path, group: str, package: str, factory: str) -> Entries:
    if unreadable := _unreadable(folder):
        return [], [Rejected(group, unreadable)]
    parts = [_walk(entry, group, package, factory) for entry in _entries(folder)]
    return [one for discovered, _ in parts for one in discovered], [one for _, rejected in parts for one in rejected]


def _walk(entry: Path, group: str, package: str, factory: str) -> Entries:
    is_folder = entry.is_dir()
    own = entry.name if is_folder else entry.stem
    name = f"{group}/{own}" if group else own
    if unusable := _unusable(entry, own):
        return [], [Rejected(name, unusable)]
    module = f"{package}.{own}"
    file = entry / "__init__.py" if is_folder else entry
    bound = _bound_names(file)
    if _may_have(bound, factory):
        return [Discovered(name, module, file)], []
    app = find_app_object(entry, module) if factory == APP_FACTORY else None
    if is_folder and _is_group(_entries(entry), factory):
        discovered, rejected = _walk_all(entry, name, module, factory)
        with_app = [one for one in rejected if one.app]
        if discovered or not (app or with_app):
            return discovered, rejected
        # The other modules are parts of the apps.
        if not app and len(with_app) > 1:
            return [], [one for one in rejected if one.app or one.problem.id != "C008"]
        app = app or with_app[0].app
    advice = settings_lines(name, app) if app else ""
    near = did_you_mean(factory, bound or ()) if app is None else ""
    return [], [Rejected(name, problem("C008", _place(file), factory=factory, near=near, advice=advice), app)]


def settings_lines(name: str, app: AppObject) -> str:
    """Return a sentence with the lines of settings.toml that compose a folder's app object."""
    line = f'{"factory" if app.is_factory else "app"} = "{app.reference}"'
    # What people write first, and what older releases required, works as well.
    also = "" if app.is_factory or app.wsgi else f'  # factory = "{app.reference}" works, too'
    lines = [f"[apps.{quoted(name)}]", line + also, *(["wsgi = true"] if app.wsgi else [])]
    return "\n".join(["Or compose the existing app with these lines in settings.toml:", *lines])


def _unusable(entry: Path, name: str) -> Problem | None:
    """Return why a folder or a module can't be imported, by its name or by what the file system says."""
    if not name.isidentifier():
        return problem("C028", _place(entry), name=entry.name)
    if entry.is_dir() and _leads_back(entry):
        return problem("C061", _place(entry), folder=_place(entry.resolve()))
    return _unreadable(entry) if entry.is_dir() else None


def _is_group(entries: list[Path], factory: str) -> bool:
    # A module that can't be parsed may be an app: importing it shows why.
    return any(entry.is_dir() or _may_have(_bound_names(entry), factory) for entry in entries)


def _may_have(bound: set[str] | None, factory: str) -> bool:
    return bound is None or factory in bound or "*" in bound


def _leads_back(folder: Path) -> bool:
    """Return whether a folder is a link to one of its own parents, so that walking it would never end."""
    return folder.resolve() in [above.resolve() for above in folder.parents]


def _unreadable(folder: Path) -> Problem | None:
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        return problem("C060", _place(folder), why=error.strerror)
    return None


def _place(path: Path) -> str:
    """Return a path as text that can be printed, also if its name is not valid text."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _entries(folder: Path) -> list[Path]:
    """Return the modules of a folder, and its folders with Python in them."""
    entries = [entry for entry in sorted(folder.iterdir()) if not _is_private(entry.name)]
    return [entry for entry in entries if (_holds_python(entry) if entry.is_dir() else entry.suffix == ".py")]


def _is_private(name: str) -> bool:
    return name.startswith(("_", "."))


def _holds_python(folder: Path) -> bool:
    """Return whether there may be Python in a folder; a folder that can't be read is never ignored."""
    if _unreadable(folder) is not None:
        return True
    for _, folders, files in os.walk(folder):
        # os.walk doesn't enter folders that are removed from this list.
        folders[:] = [name for name in folders if not _is_private(name)]
        if any(name.endswith(".py") and (name == "__init__.py" or not _is_private(name)) for name in files):
            return True
    return False


def _bound_names(file: Path) -> set[str] | None:
    """Return the names that a module binds at its top level, or None if it can't be parsed: importing it shows why."""
    try:
        return set(_names(ast.parse(file.read_bytes()).body)) if file.is_file() else set()
    except UNPARSABLE:
        return None


def _names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        else:
            yield from _names(ast.iter_child_nodes(node))
