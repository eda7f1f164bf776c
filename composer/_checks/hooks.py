"""The hooks of a cornerstone, and methods that have nearly the name of one."""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, Final

from composer._catalogue import problem
from composer._checks.callables import not_a_context_manager, signature_mismatch
from composer._model import BuiltCornerstone, Problem
from composer._project.importing import is_installed
from composer._text import listed
from composer.hooks import HOOKS

# The hooks that return a context manager, with what each is called with.
_CONTEXT_MANAGERS: Final = {"serving": (), "around_request": ("the connection",)}

# The endings of one word in its other forms, as in serve and serving, ready and readiness.
_ENDINGS: Final = re.compile(r"(iness|yness|ness|ing|ed|es|e|s|y)$")


def check_hooks(stone: BuiltCornerstone) -> Iterator[Problem]:
    """Return a problem for each hook that composer can't call, and for each method that looks like a misspelt one."""
    place, kind = stone.declared.place, type(stone.value)
    for hook, arguments in _CONTEXT_MANAGERS.items():
        method = stone.hook(hook)
        why = not_a_context_manager(method, arguments) if method else _not_a_method(kind, hook)
        if why:
            parameters = ["self", *(name.removeprefix("the ") for name in arguments)]
            advice = f"Write @asynccontextmanager, async def {hook}({', '.join(parameters)}), one yield."
            yield problem("C051", place, name=f"{hook}() of {kind.__name__}", why=why, advice=advice)
    # A stand-in of a test may make up whatever it is asked for.
    check = stone.hook("check_ready") if hasattr(kind, "check_ready") else None
    if why := _not_awaitable(check) if check else _not_a_method(kind, "check_ready"):
        yield problem("C063", place, name=f"check_ready() of {kind.__name__}", why=why)
    for name, hook in misspelt_hooks(kind):
        yield problem("C072", place, name=name, owner=kind.__name__, hook=hook, known=listed(HOOKS))
    for pair in (("__enter__", "__exit__"), ("__aenter__", "__aexit__")):
        missing = [name for name in pair if not hasattr(kind, name)]
        if len(missing) == 1:
            advice = f"Add the method {missing[0]} to {kind.__name__}."
            yield problem("C051", place, name=kind.__name__, why=f"it has no {missing[0]}", advice=advice)


def _not_a_method(kind: type, hook: str) -> str:
    """Return why an attribute of a class with the name of a hook isn't one, or ""."""
    return "it is not a method" if hasattr(kind, hook) and getattr(kind, hook) is not None else ""


def _not_awaitable(check: Callable[..., Any]) -> str:
    """Return why a method can't be called without arguments and awaited, or ""."""
    function = inspect.unwrap(getattr(check, "__func__", check))
    # What isn't written in Python may return whatever it likes, and so may what is annotated to return something else.
    is_plain = inspect.isfunction(function) and not inspect.iscoroutinefunction(function)
    if is_plain and function.__annotations__.get("return") in (None, bool, "None", "bool"):
        return "it is not an async def"
    return signature_mismatch(check, ())


def misspelt_hooks(owner: type) -> Iterator[tuple[str, str]]:
    """Return the public methods of a class that were probably meant as a hook that it lacks, each with the hook.

    The methods of libraries are left out: they have their names for reasons of their own.
    """
    missing = [hook for hook in HOOKS if not hasattr(owner, hook)]
    for name, method in _own_methods(owner):
        for hook in missing:
            if _is_near(name, hook) and _could_be(method, hook):
                yield name, hook


def _own_methods(owner: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    for base in owner.__mro__:
        file = getattr(sys.modules.get(base.__module__), "__file__", None)
        if file is None or not is_installed(file):
            methods = [(name, value) for name, value in vars(base).items() if inspect.isfunction(value)]
            yield from (method for method in methods if not method[0].startswith("_"))


def _is_near(name: str, hook: str) -> bool:
    """Return whether two names differ by their spelling, by the form or the order of their words, or by one more."""
    words, wanted = _stems(name), _stems(hook)
    if "".join(words) == "".join(wanted) or sorted(words) == sorted(wanted):
        return True
    if len(wanted) > 1 and words[: len(wanted)] == wanted:
        return True
    return name[:1].lower() == hook[0] and bool(get_close_matches(name.lower(), [hook], cutoff=0.85))


def _could_be(method: Callable[..., Any], hook: str) -> bool:
    """Return whether a method is written as the hook is; `serve` may as well be a method that serves something."""
    function = inspect.unwrap(method)
    return hook != "serving" or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _stems(name: str) -> list[str]:
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)
    return [_ENDINGS.sub("", word.lower()) for word in words]
