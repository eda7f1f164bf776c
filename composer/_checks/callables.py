"""Whether something can be called as composer will call it, and returns a context manager."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any


def wrong_manager(make: Callable[..., Any], given: Sequence[str]) -> str:
    """Return why what is called with these arguments returns no context manager, or ""."""
    if inspect.iscoroutinefunction(make) or inspect.isgeneratorfunction(make) or inspect.isasyncgenfunction(make):
        return "it is a plain function without @asynccontextmanager"
    return misfit(make, given)


def misfit(make: Callable[..., Any], given: Sequence[str]) -> str:
    """Return why a function can't be called with these arguments, or ""."""
    try:
        inspect.signature(make).bind(*given)
    except TypeError:
        return f"it is called with {' and '.join(given) or 'nothing'}, which doesn't fit its parameters"
    except ValueError:
        # Written in C, without a signature.
        return ""
    return ""
