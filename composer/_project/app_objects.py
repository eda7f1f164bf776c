"""The app that a folder holds under another name than create_app, read without importing it."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from composer._compat.guests import APP_MAKERS

# What reading a module, parsing it and walking its syntax tree raise.
UNPARSABLE: Final = (SyntaxError, ValueError, OSError, RecursionError, MemoryError)

_FILES = ("main", "app", "__init__")
_NAMES = ("app", "application", "api")


class AppObject(NamedTuple):
    """An app object, or a function that returns one: how settings name it, and whether it is a WSGI app."""

    reference: str
    wsgi: bool
    is_factory: bool = False


def find_app_object(entry: Path, module: str) -> AppObject | None:
    """Return the app that a module, or one of a folder's own modules, binds at its top level; main.py comes first.

    `module` is the import name of the module or the folder.
    """
    for file in sorted(entry.glob("*.py"), key=_rank) if entry.is_dir() else [entry]:
        is_inside = entry.is_dir() and file.stem != "__init__"
        if file.stem.isidentifier() and (best := _best_of(file)):
            name, wsgi, is_factory = best
            return AppObject(f"{module}.{file.stem}:{name}" if is_inside else f"{module}:{name}", wsgi, is_factory)
    return None


def _rank(file: Path) -> tuple[int, str]:
    """Return the position of a module in the order of search: apps in test modules are not served."""
    if file.stem in _FILES:
        return _FILES.index(file.stem), ""
    is_test = file.stem == "conftest" or file.stem.startswith("test_") or file.stem.endswith("_test")
    return len(_FILES) + (2 if is_test else file.stem.startswith("_")), file.stem


def _best_of(file: Path) -> tuple[str, bool, bool] | None:
    """Return the name of the app object of a module, else of a function that returns one."""
    try:
        module = _Module(_statements(ast.parse(file.read_bytes()).body))
    except UNPARSABLE:
        return None
    candidates = module.objects or {name: wsgi for name, wsgi in module.functions.items() if name[0] != "_"}
    best = next((name for name in (*_NAMES, *candidates) if name in candidates), None)
    return None if best is None else (best, candidates[best], not module.objects)


def _statements(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the statements that run when a module is imported, without those in functions and classes."""
    for node in nodes:
        if isinstance(node, ast.If) and any(getattr(each, "id", "") == "__name__" for each in ast.walk(node.test)):
            continue
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = (ast.stmt, ast.ExceptHandler, ast.match_case)
            yield from _statements(child for child in ast.iter_child_nodes(node) if isinstance(child, inner))


class _Module:
    """The names that a module binds to apps and to functions that return apps, each with whether they are WSGI."""

    def __init__(self, statements: Iterable[ast.AST]) -> None:
        self.objects: dict[str, bool] = {}
        self.functions: dict[str, bool] = {}
        self._classes: dict[str, bool] = {}
        self._imports: dict[str, str] = {}
        for node in statements:
            self._read(node)

    def _read(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    top = alias.name.partition(".")[0]
                    self._imports |= {alias.asname: alias.name} if alias.asname else {top: top}
            case ast.ImportFrom(module=str(module), names=names, level=0):
                makers = [name for package, name in APP_MAKERS if package == module]
                for alias in names:
                    bound = {alias.asname or alias.name: alias.name} if alias.name != "*" else {n: n for n in makers}
                    self._imports |= {name: f"{module}.{own}" for name, own in bound.items()}
            case ast.ClassDef(name=name, bases=bases):
                _bind(self._classes, [name], map(self._made_by, bases))
            case ast.FunctionDef(name=name, returns=None):
                inside = list(ast.walk(node))
                returns = any(isinstance(each, ast.Return) and each.value is not None for each in inside)
                calls = [each.func for each in inside if returns and isinstance(each, ast.Call)]
                _bind(self.functions, [name], map(self._made_by, calls))
            case ast.FunctionDef(name=name, returns=annotation):
                _bind(self.functions, [name], [self._made_by(annotation)])
            case ast.Assign(targets=targets, value=value):
                _bind(self.objects, _names_of(targets), [self._type_of(value)])
            case ast.AnnAssign(target=target, annotation=annotation, value=ast.expr() as value):
                _bind(self.objects, _names_of([target]), [self._type_of(value), self._made_by(annotation)])

    def _type_of(self, value: ast.expr) -> bool | None:
        return self._made_by(value.func) if isinstance(value, ast.Call) else None

    def _made_by(self, maker: ast.expr | None) -> bool | None:
        """Return whether a class or a function makes WSGI apps; None if it isn't known to make apps."""
        name = _dotted(maker)
        if name in (known := self._classes | self.functions):
            return known[name]
        top, _, attributes = name.partition(".")
        full_name = f"{self._imports.get(top, '')}.{attributes}".removesuffix(".")
        return APP_MAKERS.get((full_name.partition(".")[0], full_name.rpartition(".")[2]))


def _bind(names: dict[str, bool], targets: Iterable[str], types: Iterable[bool | None]) -> None:
    """Bind the targets to the first type that is known."""
    for wsgi in [wsgi for wsgi in types if wsgi is not None][:1]:
        names |= dict.fromkeys(targets, wsgi)


def _names_of(targets: Iterable[ast.expr]) -> list[str]:
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _dotted(node: ast.expr | None) -> str:
    match node:
        case ast.Name(id=name) | ast.Constant(value=str(name)):
            return name
        case ast.Attribute(value=owner, attr=name):
            return f"{_dotted(owner)}.{name}"
    return ""
