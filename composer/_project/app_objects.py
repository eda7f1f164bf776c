"""The app that a folder holds under another name than create_app, read without importing it."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from composer._compat.guests import APP_MAKERS

_FILES = ("main", "app", "__init__")
_NAMES = ("app", "application", "api")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class AppObject(NamedTuple):
    """An app object, or a function that returns one: how settings name it, and whether it is a WSGI app."""

    reference: str
    wsgi: bool


def find_app_object(entry: Path, module: str) -> AppObject | None:
    """Return the app that a module, or a folder's own modules, hold at their top level; main.py is asked first.

    `module` is the import name of the module or the folder.
    """
    for file in sorted(entry.glob("*.py"), key=_rank) if entry.is_dir() else [entry]:
        inside = entry.is_dir() and file.stem != "__init__"
        if file.stem.isidentifier() and (found := _best_of(file)):
            name, wsgi = found
            return AppObject(f"{module}.{file.stem}:{name}" if inside else f"{module}:{name}", wsgi)
    return None


def _rank(file: Path) -> tuple[int, str]:
    """Return the place of a module in the order of search: modules of tests hold apps that nobody serves."""
    if file.stem in _FILES:
        return _FILES.index(file.stem), ""
    is_test = file.stem == "conftest" or file.stem.startswith("test_") or file.stem.endswith("_test")
    return len(_FILES) + (2 if is_test else file.stem.startswith("_")), file.stem


def _best_of(file: Path) -> tuple[str, bool] | None:
    """Return the name of the app object of a module, else of a function that returns one."""
    try:
        statements = list(_statements(ast.parse(file.read_bytes()).body))
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
        return None
    names = _Names(statements)
    objects = {name: wsgi for node in statements for name, wsgi in names.assigned(node)}
    functions = {name: wsgi for name, wsgi in names.functions.items() if not name.startswith("_")}
    found = objects or functions
    known = [name for name in _NAMES if name in found]
    best = next(iter([*known, *found]), None)
    return None if best is None else (best, found[best])


def _statements(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Return what runs when a module is imported, without what stands in functions and classes."""
    for node in nodes:
        if isinstance(node, ast.If) and any(
            isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(node.test)
        ):
            continue
        yield node
        if not isinstance(node, _Function | ast.ClassDef):
            inner = (ast.stmt, ast.ExceptHandler, ast.match_case)
            yield from _statements(child for child in ast.iter_child_nodes(node) if isinstance(child, inner))


class _Names:
    """What the names of a module stand for: imports by their full names, and what makes an app when it is called."""

    def __init__(self, statements: list[ast.AST]) -> None:
        self._imports = dict(imported for node in statements for imported in _imports(node))
        self._classes: dict[str, bool] = {}
        for node in statements:
            if isinstance(node, ast.ClassDef):
                found = [wsgi for base in node.bases if (wsgi := self._made_by(base)) is not None]
                self._classes |= {node.name: found[0]} if found else {}
        made = {node.name: self._returned_by(node) for node in statements if isinstance(node, ast.FunctionDef)}
        self.functions = {name: wsgi for name, wsgi in made.items() if wsgi is not None}

    def assigned(self, node: ast.AST) -> list[tuple[str, bool]]:
        """Return the names to which a statement assigns an app."""
        targets = node.targets if isinstance(node, ast.Assign) else []
        wsgi = self._value_of(node.value) if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
            wsgi = self._made_by(node.annotation) if wsgi is None else wsgi
        return [] if wsgi is None else [(target.id, wsgi) for target in targets if isinstance(target, ast.Name)]

    def _value_of(self, value: ast.AST | None) -> bool | None:
        if not isinstance(value, ast.Call):
            return None
        wsgi = self._made_by(value.func)
        return self.functions.get(value.func.id) if wsgi is None and isinstance(value.func, ast.Name) else wsgi

    def _made_by(self, maker: ast.AST | None) -> bool | None:
        """Return whether a class or a function makes WSGI apps; None where it isn't known to make any app."""
        if isinstance(maker, ast.Constant) and isinstance(maker.value, str):
            return self._classes.get(maker.value, _wsgi_of(self._imports.get(maker.value, "")))
        if isinstance(maker, ast.Name) and maker.id in self._classes:
            return self._classes[maker.id]
        return _wsgi_of(self._full_name(maker))

    def _full_name(self, node: ast.AST | None) -> str:
        if isinstance(node, ast.Name):
            return self._imports.get(node.id, "")
        if isinstance(node, ast.Attribute) and (owner := self._full_name(node.value)):
            return f"{owner}.{node.attr}"
        return ""

    def _returned_by(self, function: ast.FunctionDef) -> bool | None:
        if function.returns is not None:
            return self._made_by(function.returns)
        inside = list(ast.walk(function))
        made = [
            wsgi for node in inside if isinstance(node, ast.Call) and (wsgi := self._made_by(node.func)) is not None
        ]
        returns = any(isinstance(node, ast.Return) and node.value is not None for node in inside)
        return made[0] if made and returns else None


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            yield (alias.asname, alias.name) if alias.asname else (top, top)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module}.{alias.name}"
        if any(alias.name == "*" for alias in node.names):
            yield from ((name, f"{node.module}.{name}") for package, name in APP_MAKERS if node.module == package)


def _wsgi_of(full_name: str) -> bool | None:
    return APP_MAKERS.get((full_name.partition(".")[0], full_name.rpartition(".")[2]))
