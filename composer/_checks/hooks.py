"""The hooks of a cornerstone."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from composer._catalogue import problem
from composer._checks.callables import misfit, wrong_manager
from composer._checks.hook_names import HOOKS, misspelt_hooks
from composer._model import BuiltCornerstone, Problem
from composer._text import listed

# The hooks of a cornerstone that return a context manager, with what each is called with.
_HOOKS = {"serving": (), "around_request": ("the connection",)}


def check_hooks(stone: BuiltCornerstone) -> Iterator[Problem]:
    value, place = stone.value, stone.declared.place
    for hook, given in _HOOKS.items():
        method = getattr(value, hook, None)
        if callable(method) and (why := wrong_manager(method, given)):
            yield problem("C051", place, name=f"{hook}() of {type(value).__name__}", why=why)
    # A stand-in of a test may make up whatever it is asked for.
    check = value.check_ready if hasattr(type(value), "check_ready") else None
    if callable(check) and (why := _wrong_check(check)):
        yield problem("C063", place, name=f"check_ready() of {type(value).__name__}", why=why)
    for name, hook in misspelt_hooks(type(value)):
        yield problem("C072", place, name=name, owner=type(value).__name__, hook=hook, known=listed(HOOKS))
    for enter, leave in (("__enter__", "__exit__"), ("__aenter__", "__aexit__")):
        has = [name for name in (enter, leave) if hasattr(type(value), name)]
        if len(has) == 1:
            why = f"it has {has[0]} but not the matching method"
            yield problem("C051", place, name=type(value).__name__, why=why)


def _wrong_check(check: Callable[..., Any]) -> str:
    """Return why what is called with nothing returns nothing to await, or ""."""
    function = inspect.unwrap(getattr(check, "__func__", check))
    # What isn't written in Python may return whatever it likes, and so may what says that it returns something else.
    is_plain = inspect.isfunction(function) and not inspect.iscoroutinefunction(function)
    if is_plain and function.__annotations__.get("return") in (None, bool, "None", "bool"):
        return "it is not an async def"
    return misfit(check, ())
