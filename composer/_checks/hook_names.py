"""Methods of a cornerstone that have nearly the name of a hook."""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from composer._project.importing import is_installed

HOOKS: Final = ("serving", "around_request", "check_ready")

# The endings of one word in its other forms, as in serve and serving, ready and readiness.
_ENDINGS: Final = re.compile(r"(iness|ness|ing|ed|es|e|s|y)$")


def misspelt_hooks(owner: type) -> Iterator[tuple[str, str]]:
    """Return the public methods of a class that were probably meant as a hook that it lacks, each with the hook.

    What a library brings is left out: its methods have their names for reasons of their own.
    """
    missing = [hook for hook in HOOKS if not hasattr(owner, hook)]
    for name, method in _own_methods(owner):
        for hook in missing:
            if name != hook and _is_near(name, hook) and _fits(method, hook):
                yield name, hook


def _own_methods(owner: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    for each in owner.__mro__:
        file = getattr(sys.modules.get(each.__module__), "__file__", None)
        if file is None or not is_installed(file):
            methods = [(name, value) for name, value in vars(each).items() if inspect.isfunction(value)]
            yield from (method for method in methods if not method[0].startswith("_"))


def _is_near(name: str, hook: str) -> bool:
    """Return whether two names differ by their spelling, by the form or the order of their words, or by one more."""
    words, wanted = _stems(name), _stems(hook)
    if "".join(words) == "".join(wanted) or sorted(words) == sorted(wanted):
        return True
    if len(wanted) > 1 and words[: len(wanted)] == wanted:
        return True
    plain = name.replace("_", "").lower()
    return plain[:1] == hook[0] and _distance(plain, hook.replace("_", "")) <= (2 if len(hook) > 8 else 1)


def _fits(method: Callable[..., Any], hook: str) -> bool:
    """Return whether a method is what the hook is; `serve` may as well be a method that serves something."""
    if hook != "serving":
        return True
    function = inspect.unwrap(method)
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _stems(name: str) -> list[str]:
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)
    return [_ENDINGS.sub("", word.lower()) for word in words]


def _distance(one: str, other: str) -> int:
    """Return how many letters have to be put in, left out, replaced or swapped with their neighbour."""
    rows = [list(range(len(other) + 1))]
    for at, letter in enumerate(one, 1):
        row = [at]
        for to, wanted in enumerate(other, 1):
            costs = [rows[-1][to] + 1, row[-1] + 1, rows[-1][to - 1] + (letter != wanted)]
            if at > 1 and to > 1 and letter == other[to - 2] and one[at - 2] == wanted:
                costs.append(rows[-2][to - 2] + 1)
            row.append(min(costs))
        rows.append(row)
    return rows[-1][-1]
