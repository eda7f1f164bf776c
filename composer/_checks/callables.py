"""Whether something can be called as composer will call it, and returns a context manager."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any


def wrong_manager(make: Callable[..., Any], given: Sequence[str]) -> str:
    """Return why what is called with these arguments returns no context manager, or ""."""
    if inspect.iscoroutinefunction(make) or inspect.isgeneratorfunction(make) or inspect.isasyncgenfunction(make):
        return "it is not decorated with @asynccontextmanager"
    return misfit(make, given)


def misfit(make: Callable[..., Any], given: Sequence[str]) -> str:
    """Return why a function can't be called with these arguments, or ""."""
    try:
        inspect.signature(make).bind(*given)
    except TypeError:
        return f"its parameters do not match the call with {' and '.join(given) or 'no arguments'}"
    except ValueError:
        # Written in C, without a signature.
        return ""
    return ""
