"""Finding and importing what a project names, with errors that show the user's own line.

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
from composer._project.problems import composition_error
from composer._text import did_you_mean
from composer.errors import CompositionError

_WITHOUT_INIT = "Give it an __init__.py: without one, a folder comes after all packages of its name. Or:"


def find_package(package: str, root: Path, key: str) -> list[Path]:
    """Return the folders of a package; raise CompositionError if there are none.

    A package of the same name that another project of this process has imported is a problem: importing it again
    would return the modules of the other project.
    """
    own = root.joinpath(*package.split("."))
    where = f"[composer] {key}"
    try:
        spec = _spec(package, root)
    except (Exception, SystemExit) as error:
        # Finding a package imports the packages above it.
        raise composition_error("C006", user_location(error, root) or where, error=error) from error
    places = (spec.submodule_search_locations if spec else None) or ()
    # The import path may name a folder twice: "" is the working directory.
    folders = list(dict.fromkeys(Path(place).resolve() for place in places))
    if spec and own.is_dir() and own.resolve() not in folders:
        taken = folders[0] if folders else spec.origin
        near = "" if (own / "__init__.py").is_file() or package in sys.modules else _WITHOUT_INIT
        raise composition_error("C007", where, package=package, taken=taken, wanted=own, near=near)
    if not folders:
        raise composition_error("C005", where, package=package, key=key)
    return folders


def _spec(module: str, root: Path) -> ModuleSpec | None:
    """Find a module, after adding the project's folder to the import path if it is needed there."""
    top = module.partition(".")[0]
    is_own = (root / top).is_dir() or (root / f"{top}.py").is_file()
    if is_own and top not in sys.modules and str(root) not in sys.path:
        sys.path.insert(0, str(root))
        importlib.invalidate_caches()
    try:
        return find_spec(module)
    except (ImportError, ValueError) as error:
        # Without a frame of the module's own, it is the name that can't be found.
        if user_location(error, root):
            raise
        return None


def load_reference(reference: str, where: str, root: Path, describe_bad: Callable[..., Problem] | None = None) -> Any:
    """Import the object that "package.module:name" refers to, which can be called.

    `describe_bad` returns the problem of a reference that can't be used, from `why` and `near`; by default it is C009.

    Raises:
        CompositionError: The object doesn't exist, can't be called, or importing it failed; a module that ends the
            process (SystemExit) has failed, too. If the module itself composes something, the problems are its own.
    """
    describe_bad = describe_bad or partial(problem, "C009", where, subject=repr(reference))
    try:
        value, why, near = _resolve(reference, root)
    except CompositionError:
        raise
    except (Exception, SystemExit) as error:
        raise composition_error("C006", user_location(error, root) or where, error=error) from error
    if why:
        raise CompositionError([describe_bad(why=why, near=near)])
    return value


def _resolve(reference: str, root: Path) -> tuple[Any, str, str]:
    """Return the object, why it can't be used, and a sentence that offers the nearest name; raise what it raises."""
    module, colon, path = reference.partition(":")
    if not (colon and all(step.isidentifier() for step in f"{module}.{path}".split("."))):
        return None, "it is not of the form 'package.module:name'", ""
    try:
        _spec(module, root)
        value = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            return None, f"there is no module {error.name!r}", ""
        raise
    for name in path.split("."):
        # A module may have a __getattr__, which fails as an import does.
        if not hasattr(value, name):
            return None, f"{module!r} has no {path!r}", did_you_mean(name, getattr(value, "__dict__", ()))
        value = getattr(value, name)
    return value, "" if callable(value) else "it is not callable", ""


def user_location(error: BaseException, root: Path) -> str:
    """Return the place in the user's own code where an exception was raised: file and line, or "" if there is none.

    That is the last line of the traceback in the project's folder, else the last one outside composer itself, Python's
    import machinery and installed packages.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return display_path(Path(error.filename), root) + (f":{error.lineno}" if error.lineno else "")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame.filename)]
    theirs = [frame for frame in frames if not is_installed(frame.filename)]
    own = [frame for frame in theirs if root in Path(frame.filename).parents]
    for last in (own or theirs)[-1:]:
        return f"{display_path(Path(last.filename), root)}:{last.lineno}"
    return ""


def display_path(file: Path, root: Path) -> str:
    """Return a file's path as an error shows it: relative to the project where the file is in it."""
    return str(file.relative_to(root)) if root in file.parents else str(file)


def _is_machinery(filename: str) -> bool:
    return is_import_machinery(filename) or Path(__file__).parent in Path(filename).parents


def is_installed(filename: str) -> bool:
    """Return whether a file is part of Python's standard library or of an installed package."""
    return "site-packages" in Path(filename).parts or Path(filename).is_relative_to(Path(sys.base_prefix) / "lib")
