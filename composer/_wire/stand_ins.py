"""Whether what `overrides` gives can stand in for a cornerstone's object, as far as that can be known."""

import inspect
from collections.abc import Callable
from functools import partial
from numbers import Number
from types import ModuleType, UnionType
from typing import Any, Union, get_args, get_origin, is_typeddict

from composer._compat.cpython import is_protocol

# Values that are complete in themselves: none of them has what a class of one's own has.
_PLAIN = (Number, str, bytes, bytearray, list, tuple, dict, set, frozenset, type(None), type(...), type(NotImplemented))


def wrong_stand_in(value: Any, provided: Any) -> str:
    """Return what is given instead of an object of the provided type, or "" where it may be right.

    A stand-in needn't be of the type: any object of a class that somebody wrote is right.
    """
    if value is None:
        return "" if provided is None else "None"
    if (inspect.isclass(provided) and is_protocol(provided)) or is_typeddict(provided) or _is_one(value, provided):
        return ""
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    if inspect.isroutine(value) or isinstance(value, partial):
        return "" if _is_callable(provided) else f"the function {_name(value)}"
    if inspect.isawaitable(value) or inspect.isgenerator(value) or inspect.isasyncgen(value):
        return f"a {type(value).__name__}, which isn't finished," if type(value).__module__ == "builtins" else ""
    is_plain = isinstance(value, _PLAIN) and type(value).__module__ in ("builtins", "decimal", "fractions")
    return f"a value of type {type(value).__name__}" if is_plain and not isinstance(value, ModuleType) else ""


def _is_one(value: Any, provided: Any) -> bool:
    """Return whether a value is of the provided type, or of the plain type that the provided one is made from."""
    if get_origin(provided) in (Union, UnionType):
        return any(_is_one(value, arm) for arm in get_args(provided))
    origin = get_origin(provided) or getattr(provided, "__supertype__", provided)
    bases = [base for base in origin.__mro__ if base is not object] if inspect.isclass(origin) else [origin]
    try:
        return isinstance(value, origin) or any(type(value) is base for base in bases)
    except TypeError:
        # What can't be asked about can't be known.
        return True


def _is_callable(provided: Any) -> bool:
    """Return whether the objects of a type are called, as functions are."""
    if not inspect.isclass(provided):
        return get_origin(provided) in (Callable, None)
    return any("__call__" in vars(base) for base in provided.__mro__)


def _name(function: Any) -> str:
    name: str = getattr(function, "__qualname__", type(function).__name__)
    return name.rpartition("<locals>.")[2]
