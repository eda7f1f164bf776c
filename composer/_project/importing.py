"""Finding and importing what a project names, with errors that name the user's own line.

A project's own folder comes first, then what is installed.
"""

import importlib
import sys
import traceback
from collections.abc import Callable
from functools import partial
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from composer._catalogue import problem
from composer._compat.cpython import is_import_machinery
from composer._model import Problem
from composer._text import did_you_mean
from composer.errors import CompositionError

_NOT_CALLABLE = "it is not callable"
_MISSING = object()
_COMES_LAST = "Give it an __init__.py: without one, a folder comes after all packages of its name. Or:"


def find_package(package: str, root: Path, key: str) -> tuple[list[Path], Problem | None]:
    """Return the folders of a package, or the problem.

    A package of the same name that another project of this process has imported is a problem: importing it again
    would silently give the other one's modules.
    """
    own = root.joinpath(*package.split("."))
    try:
        spec = _spec(package, root)
    except (Exception, SystemExit) as error:
        # The packages above it are imported to find it.
        return [], problem("C006", user_location(error, root) or f"[composer] {key}", error=error)
    places = (spec.submodule_search_locations if spec else None) or ()
    # The import path may name a folder twice: "" is the working directory.
    folders = list(dict.fromkeys(Path(place).resolve() for place in places))
    if spec and own.is_dir() and own.resolve() not in folders:
        taken = folders[0] if folders else spec.origin
        near = "" if (own / "__init__.py").is_file() or package in sys.modules else _COMES_LAST
        return [], problem("C007", f"[composer] {key}", package=package, taken=taken, wanted=own, near=near)
    if not folders:
        return [], problem("C005", f"[composer] {key}", package=package, key=key)
    return folders, None


def _spec(module: str, root: Path) -> ModuleSpec | None:
    """Find a module, after putting the project's folder on the import path where it is needed there."""
    top = module.partition(".")[0]
    own = (root / top).is_dir() or (root / f"{top}.py").is_file()
    if own and top not in sys.modules and str(root) not in sys.path:
        sys.path.insert(0, str(root))
        importlib.invalidate_caches()
    try:
        return find_spec(module)
    except (ImportError, ValueError) as error:
        # Without a frame of the module's own, it is the name that can't be found.
        if user_location(error, root):
            raise
        return None


def load(module: str, name: str, where: str, root: Path) -> tuple[Any, Problem | None]:
    """Import a module and return what it binds under that name, or None and the problem.

    A module that ends the process while it is imported (SystemExit) is a problem like any other.
    """
    try:
        loaded = importlib.import_module(module)
        # A module may have a __getattr__, which imports what is asked for and fails as an import does.
        factory = getattr(loaded, name, _MISSING)
    except (Exception, SystemExit) as error:
        return None, problem("C006", user_location(error, root) or where, error=error)
    if factory is _MISSING:
        return None, problem("C008", where, factory=name, near=did_you_mean(name, vars(loaded)))
    if not callable(factory):
        return None, problem("C009", where, subject=repr(f"{module}:{name}"), why=_NOT_CALLABLE)
    return factory, None


class _BadReferenceError(Exception):
    """Say why a reference can't be used, and what was meant perhaps."""

    def __init__(self, why: str, near: str = "") -> None:
        self.why = why
        self.near = near


def load_reference(
    reference: str, where: str, root: Path, bad: Callable[..., Problem] | None = None
) -> tuple[Any, Problem | None]:
    """Import what "package.module:name" stands for and return it, or None and the problem.

    `bad` makes the problem of a reference that can't be used, given `reference`, `why` and `near`; by default it is the
    user's own mistake. Raises CompositionError where the module itself composes something and can't: its problems stand
    for themselves.
    """
    try:
        return _referred(reference, root), None
    except CompositionError:
        raise
    except _BadReferenceError as error:
        bad = bad or partial(_bad_reference, where)
        return None, bad(reference=reference, why=error.why, near=error.near)
    except (Exception, SystemExit) as error:
        return None, problem("C006", user_location(error, root) or where, error=error)


def _bad_reference(where: str, *, reference: str, why: str, near: str) -> Problem:
    return problem("C009", where, subject=repr(reference), why=why, near=near)


def _referred(reference: str, root: Path) -> Any:
    """Return what the reference stands for; raise _BadReferenceError, or what its module raises."""
    module, colon, path = reference.partition(":")
    if not (colon and all(step.isidentifier() for step in f"{module}.{path}".split("."))):
        raise _BadReferenceError("it is not of the form 'package.module:name'")
    try:
        _spec(module, root)
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            raise _BadReferenceError(f"there is no module {error.name!r}") from None
        raise
    for name in path.split("."):
        if not hasattr(found, name):
            near = did_you_mean(name, vars(found) if hasattr(found, "__dict__") else ())
            raise _BadReferenceError(f"{module!r} has no {path!r}", near)
        found = getattr(found, name)
    if not callable(found):
        raise _BadReferenceError(_NOT_CALLABLE)
    return found


def user_location(error: BaseException, root: Path) -> str:
    """Return the place in the user's own code that an exception came from: file and line, or "" where there is none.

    That is the last line of the traceback in the project's folder, else the last one outside composer itself, Python's
    import machinery and what is installed.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return shown(Path(error.filename), root) + (f":{error.lineno}" if error.lineno else "")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame.filename)]
    theirs = [frame for frame in frames if not is_installed(frame.filename)]
    own = [frame for frame in theirs if root in Path(frame.filename).parents]
    for last in (own or theirs)[-1:]:
        return f"{shown(Path(last.filename), root)}:{last.lineno}"
    return ""


def shown(file: Path, root: Path) -> str:
    """Return a file's path as an error shows it: relative to the project where it is in there."""
    return str(file.relative_to(root)) if root in file.parents else str(file)


def _is_machinery(filename: str) -> bool:
    return is_import_machinery(filename) or Path(__file__).parent in Path(filename).parents


def is_installed(filename: str) -> bool:
    """Return whether a file is of Python's own library or of an installed package."""
    return "site-packages" in Path(filename).parts or Path(filename).is_relative_to(Path(sys.base_prefix) / "lib")
