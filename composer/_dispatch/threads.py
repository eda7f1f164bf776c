"""A pool of threads for each app, so that the blocking handlers of one can't take the threads of another.

Starlette and FastAPI run what blocks (`def` handlers and dependencies, files) in threads of AnyIO, at most as many at
once as its default limiter allows: 40 in an event loop, for all apps together. AnyIO lets that limiter be resized, but
has no limiter per caller; so it is replaced by one that delegates to the limiter of the current app.
"""

import logging
from contextvars import ContextVar
from types import TracebackType
from weakref import WeakKeyDictionary

from anyio import CapacityLimiter, CapacityLimiterStatistics
from anyio.to_thread import current_default_thread_limiter

from composer._compat.anyio import make_without_backend, replace_thread_limiter

log = logging.getLogger("composer")


class Pool:
    """Represent the threads of one version of an app, in every event loop.

    `is_replaced` says whether another version has taken its place: what still runs in its context has to end.
    """

    __slots__ = ("__weakref__", "is_replaced")

    def __init__(self) -> None:
        self.is_replaced = False


# The pool of the app in whose context the current code runs; None for the root's own.
POOL: ContextVar[Pool | None] = ContextVar("composer.threads", default=None)


def install_per_app_threads() -> None:
    """Let the apps of the running event loop have threads of their own from now on; a second call changes nothing.

    Each gets as many as the default limiter has, which stays in use for the root's own.
    """
    current = current_default_thread_limiter()
    if isinstance(current, _PerAppLimiter):
        return
    if not replace_thread_limiter(_PerAppLimiter(current)):
        log.warning("all apps share one pool of threads: this release of AnyIO keeps its thread limiter elsewhere")


class _PerAppLimiter(CapacityLimiter):
    """Delegate to the limiter of the current app, or to the common one outside of apps."""

    __slots__ = ("_common", "_own")

    def __new__(cls, common: CapacityLimiter) -> "_PerAppLimiter":
        """Create it without AnyIO's own `__new__`, which returns a limiter of the backend."""
        limiter: _PerAppLimiter = make_without_backend(cls)
        return limiter

    def __init__(self, common: CapacityLimiter) -> None:
        self._common = common
        self._own: WeakKeyDictionary[Pool, CapacityLimiter] = WeakKeyDictionary()

    @property
    def _current(self) -> CapacityLimiter:
        pool = POOL.get()
        if pool is None:
            return self._common
        own = self._own.get(pool)
        if own is None:
            own = self._own[pool] = CapacityLimiter(self._common.total_tokens)
        return own

    async def __aenter__(self) -> None:
        await self._current.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._current.release()

    @property
    def total_tokens(self) -> float:
        """Return how many threads may run at once."""
        return self._current.total_tokens

    @total_tokens.setter
    def total_tokens(self, value: float) -> None:
        self._current.total_tokens = value

    @property
    def borrowed_tokens(self) -> int:
        """Return how many threads run."""
        return self._current.borrowed_tokens

    @property
    def available_tokens(self) -> float:
        """Return how many more may run."""
        return self._current.available_tokens

    def acquire_nowait(self) -> None:
        """Acquire a token; raise anyio.WouldBlock where none is available."""
        self._current.acquire_nowait()

    def acquire_on_behalf_of_nowait(self, borrower: object) -> None:
        """Acquire a token for a borrower; raise anyio.WouldBlock where none is available."""
        self._current.acquire_on_behalf_of_nowait(borrower)

    async def acquire(self) -> None:
        """Wait for a token."""
        await self._current.acquire()

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        """Wait for a token for a borrower."""
        await self._current.acquire_on_behalf_of(borrower)

    def release(self) -> None:
        """Release the token."""
        self._current.release()

    def release_on_behalf_of(self, borrower: object) -> None:
        """Release the token of a borrower."""
        self._current.release_on_behalf_of(borrower)

    def statistics(self) -> CapacityLimiterStatistics:
        """Return the borrowers, and how many tasks wait."""
        return self._current.statistics()
