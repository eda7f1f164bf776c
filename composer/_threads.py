"""A pool of threads for each app, so that the blocking handlers of one can't take the threads of another.

Starlette and FastAPI run what blocks (`def` handlers and dependencies, files) in threads of AnyIO, at most as many at
once as its default limiter allows: 40 in an event loop, whoever asks. AnyIO lets that limiter be resized, but not be
told apart by who asks; so a limiter is put in its place that asks the pool of the current app instead.
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
    """Stand for the threads of one app, whatever event loop it runs in."""

    __slots__ = ("__weakref__",)


# The app in whose context the current code runs; none for the root's own.
POOL: ContextVar[Pool | None] = ContextVar("composer.threads", default=None)


def install_per_app_threads() -> None:
    """Let the apps of the running event loop have threads of their own from now on; doing it again changes nothing.

    Each gets as many as the default limiter has, which stays for all that is no app's.
    """
    current = current_default_thread_limiter()
    if isinstance(current, _PerAppLimiter):
        return
    if not replace_thread_limiter(_PerAppLimiter(current)):
        log.warning("all apps share one pool of threads: this release of AnyIO keeps its thread limiter elsewhere")


class _PerAppLimiter(CapacityLimiter):
    """Be the limiter of the app that asks, or the common one where none does."""

    __slots__ = ("_common", "_own")

    def __new__(cls, common: CapacityLimiter) -> "_PerAppLimiter":
        """Make it as it is: AnyIO would make one of its own."""
        limiter: _PerAppLimiter = make_without_backend(cls)
        return limiter

    def __init__(self, common: CapacityLimiter) -> None:
        self._common = common
        self._own: WeakKeyDictionary[Pool, CapacityLimiter] = WeakKeyDictionary()

    def _current(self) -> CapacityLimiter:
        pool = POOL.get()
        if pool is None:
            return self._common
        own = self._own.get(pool)
        if own is None:
            own = self._own[pool] = CapacityLimiter(self._common.total_tokens)
        return own

    async def __aenter__(self) -> None:
        await self._current().acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._current().release()

    @property
    def total_tokens(self) -> float:
        """Return how many threads may run at once."""
        return self._current().total_tokens

    @total_tokens.setter
    def total_tokens(self, value: float) -> None:
        self._current().total_tokens = value

    @property
    def borrowed_tokens(self) -> int:
        """Return how many threads run."""
        return self._current().borrowed_tokens

    @property
    def available_tokens(self) -> float:
        """Return how many more may run."""
        return self._current().available_tokens

    def acquire_nowait(self) -> None:
        """Take a thread at once, or raise anyio.WouldBlock."""
        self._current().acquire_nowait()

    def acquire_on_behalf_of_nowait(self, borrower: object) -> None:
        """Take a thread for somebody at once, or raise anyio.WouldBlock."""
        self._current().acquire_on_behalf_of_nowait(borrower)

    async def acquire(self) -> None:
        """Wait for a thread."""
        await self._current().acquire()

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        """Wait for a thread for somebody."""
        await self._current().acquire_on_behalf_of(borrower)

    def release(self) -> None:
        """Give the thread back."""
        self._current().release()

    def release_on_behalf_of(self, borrower: object) -> None:
        """Give somebody's thread back."""
        self._current().release_on_behalf_of(borrower)

    def statistics(self) -> CapacityLimiterStatistics:
        """Return who has threads, and how many wait."""
        return self._current().statistics()
