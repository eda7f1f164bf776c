"""The folders of a project, read without importing them: which of them are apps, cornerstones, groups.

A package or a module that binds the factory's name (`create_app`) at its top level is one. A package without it that
holds such packages or modules is a group, and its name a segment of theirs. A folder without Python is nothing, and
what starts with an underscore or a dot is passed over.
"""

import ast
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from composer._catalogue import problem
from composer._model import Problem
from composer._project.app_objects import AppObject, find_app_object
from composer._settings import quoted
from composer._text import did_you_mean

APP_FACTORY: Final = "create_app"


class Found(NamedTuple):
    """One folder or module that has the factory: its name (`v1/house_price`), what to import, and its file."""

    name: str
    module: str
    file: Path


class Rejected(NamedTuple):
    """One folder or module that can't be composed: the name that it would have, "" for the package, and why."""

    name: str
    problem: Problem


def discover(package: str, folders: list[Path], factory: str) -> tuple[list[Found], list[Rejected]]:
    """Walk the folders of a package; return what has the factory, in order of name, and what can't be composed."""
    found: list[Found] = []
    rejected: list[Rejected] = []
    for folder in folders:
        if factory in (_bound_names(folder / "__init__.py") or ()):
            where = str(folder / "__init__.py")
            rejected.append(Rejected("", problem("C037", where, package=package, factory=factory)))
        more, wrong = _walk_all(folder, "", package, factory)
        found += more
        rejected += wrong
    return sorted(found, key=lambda one: one.name), rejected


def _walk_all(folder: Path, group: str, package: str, factory: str) -> tuple[list[Found], list[Rejected]]:
    if unreadable := _unreadable(folder):
        return [], [Rejected(group, unreadable)]
    parts = [_walk(entry, group, package, factory) for entry in _entries(folder)]
    return [one for found, _ in parts for one in found], [one for _, wrong in parts for one in wrong]


def _walk(entry: Path, group: str, package: str, factory: str) -> tuple[list[Found], list[Rejected]]:
    is_folder = entry.is_dir()
    own = entry.name if is_folder else entry.stem
    name = f"{group}/{own}" if group else own
    if wrong := _unusable(entry, own):
        return [], [Rejected(name, wrong)]
    module = f"{package}.{own}"
    file = entry / "__init__.py" if is_folder else entry
    bound = _bound_names(file)
    if _may_have(bound, factory):
        return [Found(name, module, file)], []
    app = find_app_object(entry, module) if factory == APP_FACTORY else None
    if is_folder and _is_group(_entries(entry), factory):
        found, rejected = _walk_all(entry, name, module, factory)
        # What is beside an app object is a part of that app.
        if found or app is None:
            return found, rejected
    advice = in_settings(name, app) if app else ""
    near = did_you_mean(factory, bound or ()) if app is None else ""
    return [], [Rejected(name, problem("C008", _place(file), factory=factory, near=near, advice=advice))]


def in_settings(name: str, app: AppObject) -> str:
    """Return a sentence with the lines of settings.toml by which a folder's app object is composed."""
    lines = [f"[apps.{quoted(name)}]", f'factory = "{app.reference}"', *(["wsgi = true"] if app.wsgi else [])]
    return "\n".join(["Or compose the existing app with these lines in settings.toml:", *lines])


def _unusable(entry: Path, name: str) -> Problem | None:
    """Return why a folder or a module can't be imported, by its name or by what the file system says."""
    if not name.isidentifier():
        return problem("C028", _place(entry), name=entry.name)
    if entry.is_dir() and _leads_back(entry):
        return problem("C061", _place(entry), folder=_place(entry.resolve()))
    return _unreadable(entry) if entry.is_dir() else None


def _is_group(entries: list[Path], factory: str) -> bool:
    # A module that can't be read may be an app: it is a part of the group, so that importing it tells why.
    return any(entry.is_dir() or _may_have(_bound_names(entry), factory) for entry in entries)


def _may_have(bound: set[str] | None, factory: str) -> bool:
    return bound is None or factory in bound or "*" in bound


def _leads_back(folder: Path) -> bool:
    """Tell whether a folder is a link to one that it is in, so that walking it would never end."""
    return folder.resolve() in [above.resolve() for above in folder.parents]


def _unreadable(folder: Path) -> Problem | None:
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        return problem("C060", _place(folder), why=error.strerror)
    return None


def _place(path: Path) -> str:
    """Return a path as text that can be printed, also where its name is no text."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _entries(folder: Path) -> list[Path]:
    """Return what may be an app in a folder: modules, and folders with Python in them."""
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    shown = [entry for entry in entries if not _is_private(entry.name)]
    return [entry for entry in shown if (_holds_python(entry) if entry.is_dir() else entry.suffix == ".py")]


def _is_private(name: str) -> bool:
    return name.startswith(("_", "."))


def _holds_python(folder: Path) -> bool:
    """Tell whether there may be Python in a folder: also in one that can't be read, which is never passed over."""
    if _unreadable(folder) is not None:
        return True
    for _, folders, files in os.walk(folder):
        # What is private at the top is private below, too: os.walk doesn't go into what is taken out here.
        folders[:] = [name for name in folders if not _is_private(name)]
        if any(name.endswith(".py") and (name == "__init__.py" or not _is_private(name)) for name in files):
            return True
    return False


def _bound_names(file: Path) -> set[str] | None:
    """Return the names that a module binds at its top level, or None where it can't be read: importing it tells why."""
    try:
        if not file.is_file():
            return set()
        return set(_names(ast.parse(file.read_bytes()).body))
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
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
