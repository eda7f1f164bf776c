"""What composer knows of AnyIO's insides."""

from typing import Any

from anyio import CapacityLimiter


def replace_thread_limiter(limiter: CapacityLimiter) -> bool:
    """Put a limiter in the place of the running event loop's default one; return False where that can't be done."""
    # AnyIO 4.12, _backends/_asyncio.py, AsyncIOBackend.current_default_thread_limiter.
    try:
        from anyio._backends._asyncio import _default_thread_limiter
    except ImportError:
        return False
    # Typed as AnyIO's own class, of which it uses no more than its base has.
    variable: Any = _default_thread_limiter
    variable.set(limiter)
    return True


def make_without_backend(kind: type[CapacityLimiter]) -> Any:
    """Make a limiter of that class as it is."""
    # AnyIO 4.12, _core/_synchronization.py: CapacityLimiter.__new__ returns a limiter of the event loop's backend.
    return object.__new__(kind)
