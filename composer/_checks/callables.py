"""Whether composer can call something, and gets a context manager from it."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any


def not_a_context_manager(function: Callable[..., Any], arguments: Sequence[str]) -> str:
    """Return why a call with these arguments doesn't return a context manager, or ""."""
    if any(
        test(function)
        for test in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    ):
        return "it is not decorated with @asynccontextmanager"
    return signature_mismatch(function, arguments)


def signature_mismatch(function: Callable[..., Any], arguments: Sequence[str]) -> str:
    """Return why a function can't be called with these arguments, or ""."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return f"it cannot be called with {' and '.join(arguments) or 'no arguments'}"
    except ValueError:
        # Written in C, without a signature.
        return ""
    return ""
