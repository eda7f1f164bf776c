"""The folders of a project, read without importing them: which of them are apps, cornerstones, groups.

A package or a module that binds the factory's name (`create_app`) at its top level is one. A package without it that
holds such packages or modules is a group, and its name a segment of theirs. A folder without Python is nothing, and
what starts with an underscore or a dot is passed over.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from composer._model import Problem
from composer._render import did_you_mean
from composer.errors import problem


@dataclass(frozen=True, slots=True)
class Found:
    """One folder or module that has the factory: its name (`v1/house_price`), what to import, and its file."""

    name: str
    module: str
    file: Path


def discover(package: str, folders: list[Path], factory: str) -> tuple[list[Found], list[Problem]]:
    """Walk the folders of a package; return what has the factory, in order of name, and the problems of the rest."""
    found: list[Found] = []
    problems: list[Problem] = []
    for folder in folders:
        if factory in (_bound_names(folder / "__init__.py") or ()):
            problems.append(problem("C037", str(folder / "__init__.py"), package=package, factory=factory))
        for entry in _entries(folder):
            more, wrong = _walk(entry, "", package, factory)
            found += more
            problems += wrong
    return sorted(found, key=lambda one: one.name), problems


def _walk(entry: Path, group: str, package: str, factory: str) -> tuple[list[Found], list[Problem]]:
    name = f"{group}/{entry.stem}" if group else entry.stem
    module = f"{package}.{entry.stem}"
    file = entry / "__init__.py" if entry.is_dir() else entry
    if not entry.stem.isidentifier():
        return [], [problem("C028", str(entry), name=entry.name)]
    bound = _bound_names(file)
    if bound is None or factory in bound or "*" in bound:
        return [Found(name, module, file)], []
    inner = _entries(entry) if entry.is_dir() else []
    if _is_group(inner, factory):
        parts = [_walk(child, name, module, factory) for child in inner]
        return [one for found, _ in parts for one in found], [one for _, wrong in parts for one in wrong]
    return [], [problem("C008", str(file), factory=factory, near=did_you_mean(factory, bound))]


def _is_group(entries: list[Path], factory: str) -> bool:
    return any(entry.is_dir() or factory in (_bound_names(entry) or ()) for entry in entries)


def _entries(folder: Path) -> list[Path]:
    """Return what may be an app in a folder: modules, and folders with Python in them."""
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    shown = [entry for entry in entries if not entry.name.startswith(("_", "."))]
    return [entry for entry in shown if entry.suffix == ".py" or (entry.is_dir() and _holds_python(entry))]


def _holds_python(folder: Path) -> bool:
    return any(folder.rglob("*.py"))


def _bound_names(file: Path) -> set[str] | None:
    """Return the names that a module binds at its top level, or None where it can't be read: importing it tells why."""
    if not file.is_file():
        return set()
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return None
    return set(_names(tree.body))


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
