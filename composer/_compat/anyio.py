"""Undocumented facts about AnyIO."""

import sys
from collections.abc import Iterator
from typing import Any

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import current_default_thread_limiter


def replace_thread_limiter(limiter: CapacityLimiter) -> bool:
    """Replace the default thread limiter of the running event loop; return False where that is impossible."""
    current = current_default_thread_limiter()
    for variable in _run_variables():
        if variable.get(None) is current:
            variable.set(limiter)
            if current_default_thread_limiter() is limiter:
                return True
            variable.set(current)
    return False


def _run_variables() -> Iterator[RunVar[Any]]:
    # AnyIO 4.16, _backends/_asyncio.py, AsyncIOBackend.current_default_thread_limiter: a RunVar in a module of AnyIO
    # holds the limiter. It is recognised by its value, so neither its name nor the module's matters.
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "anyio":
            yield from [value for value in list(vars(module).values()) if isinstance(value, RunVar)]


def make_without_backend(kind: type[CapacityLimiter]) -> Any:
    """Return an uninitialised limiter of that class."""
    # AnyIO 4.12, _core/_synchronization.py: CapacityLimiter.__new__ returns a limiter of the event loop's backend.
    return object.__new__(kind)
