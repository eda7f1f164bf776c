"""Checks of `overrides`: whether a value can replace a cornerstone's object, as far as that can be known."""

import inspect
from collections.abc import Callable
from functools import partial
from numbers import Number
from types import ModuleType, UnionType
from typing import Any, Union, get_args, get_origin, is_typeddict

from composer._compat.cpython import is_protocol
from composer._wire.types import factory_name, value_name

# Values of these types have none of the methods of a cornerstone's class.
_PLAIN = (Number, str, bytes, bytearray, list, tuple, dict, set, frozenset, type(None), type(...), type(NotImplemented))


def describe_invalid_override(value: Any, provided: Any) -> str:
    """Return what the value is, if it can't replace an object of the provided type, or "".

    It need not be of that type: any object of a class of the project or of a library is accepted.
    """
    if value is None:
        return "None"
    if (inspect.isclass(provided) and is_protocol(provided)) or is_typeddict(provided) or _is_one(value, provided):
        return ""
    if inspect.isclass(value):
        return value_name(value)
    if inspect.isroutine(value) or isinstance(value, partial):
        return "" if _is_callable(provided) else f"the function {factory_name(value)}"
    if inspect.isawaitable(value) or inspect.isgenerator(value) or inspect.isasyncgen(value):
        return f"an unfinished {type(value).__name__}" if type(value).__module__ == "builtins" else ""
    is_plain = isinstance(value, _PLAIN) and type(value).__module__ in ("builtins", "decimal", "fractions")
    return f"a value of type {type(value).__name__}" if is_plain and not isinstance(value, ModuleType) else ""


def _is_one(value: Any, provided: Any) -> bool:
    """Return whether a value is of the provided type, or of a type that the provided one is derived from."""
    if get_origin(provided) in (Union, UnionType):
        return any(_is_one(value, arm) for arm in get_args(provided))
    origin = get_origin(provided) or getattr(provided, "__supertype__", provided)
    bases = inspect.getmro(origin)[:-1] if inspect.isclass(origin) else ()
    try:
        return isinstance(value, origin) or type(value) in bases
    except TypeError:
        # isinstance() doesn't support the type.
        return True


def _is_callable(provided: Any) -> bool:
    """Return whether the objects of a type are called, as functions are."""
    return issubclass(provided, Callable) if inspect.isclass(provided) else get_origin(provided) in (Callable, None)  # type: ignore[arg-type]
