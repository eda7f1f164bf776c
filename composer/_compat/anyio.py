"""What composer knows of AnyIO's insides."""

import sys
from collections.abc import Iterator
from typing import Any

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import current_default_thread_limiter


def replace_thread_limiter(limiter: CapacityLimiter) -> bool:
    """Put a limiter in the place of the running event loop's default one; return False where that can't be done."""
    current = current_default_thread_limiter()
    for variable in _run_variables():
        if variable.get(None) is current:
            variable.set(limiter)
            if current_default_thread_limiter() is limiter:
                return True
            variable.set(current)
    return False


def _run_variables() -> Iterator[RunVar[Any]]:
    # AnyIO 4.16, _backends/_asyncio.py, AsyncIOBackend.current_default_thread_limiter: the limiter is in a RunVar of a
    # module of AnyIO's. It is found by its value, so that neither its name nor the module's matters.
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "anyio":
            yield from [value for value in list(vars(module).values()) if isinstance(value, RunVar)]


def make_without_backend(kind: type[CapacityLimiter]) -> Any:
    """Make a limiter of that class as it is."""
    # AnyIO 4.12, _core/_synchronization.py: CapacityLimiter.__new__ returns a limiter of the event loop's backend.
    return object.__new__(kind)
