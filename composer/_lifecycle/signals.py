"""Whether the process was asked to stop: known before the server waits for open connections.

Servers stop an app's lifespan only after the last connection has ended, so a stream that waits for that stop waits for
itself. Signals come in time. They are handled in addition to the server's own handlers, and only while a composition
runs.
"""

import asyncio
import os
import signal
import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any, Final, NoReturn

from composer._compat.cpython import is_default_handler, is_worker
from composer._dispatch.threads import POOL, Pool

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

# Seconds within which signals are one and the same stop: coreutils' `timeout`, for one, signals the process and then
# its group, which the process is in.
SAME_STOP: Final = 0.2

# Seconds that handlers of requests have before the server gets the signal: uvicorn then closes every WebSocket at
# once, with 1012, whatever was still to be sent.
HEAD_START: Final = 0.2

Handler = Callable[[int, FrameType | None], Any]


class ShuttingDown:
    """Represent whether the process was asked to stop; the one instance is `composer.shutting_down`.

    It is set by the first SIGINT or SIGTERM, before the server waits for open connections, and at the latest when the
    last composition that runs in the process begins to stop: no signal reaches a server that runs in a thread. The
    next start clears it. For an app that `Composition.restart()` replaces, it is set then, and only for what the former
    app still runs.

    Example:
        A stream that ends at the stop, so that the server needn't wait for its client::

            async def ticks() -> AsyncIterator[str]:
                while not composer.shutting_down.is_set():
                    yield f"data: {time.time()}\\n\\n"
                    await asyncio.sleep(1)
    """

    def __init__(self) -> None:
        self._is_set = self._by_signal = False
        self._callbacks: set[tuple[AbstractEventLoop, Callable[[], None], Pool | None]] = set()

    def is_set(self) -> bool:
        """Return whether the process was asked to stop, or the app was replaced; may be called from any thread."""
        pool = POOL.get()
        return self._is_set or (pool is not None and pool.is_replaced)

    async def wait(self) -> None:
        """Return as soon as `is_set()` does; may be awaited in any event loop of asyncio."""
        event = asyncio.Event()
        with self._calling_when_set(event.set):
            await event.wait()

    @contextmanager
    def _calling_when_set(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call back in this event loop when it is set while the block runs, or was before."""
        entry = asyncio.get_running_loop(), callback, POOL.get()
        self._callbacks.add(entry)
        try:
            # Checked only now: a thread that sets it meanwhile has seen the entry, or is seen here.
            if self.is_set():
                callback()
            yield
        finally:
            self._callbacks.discard(entry)

    def _set(self, by_signal: bool = False) -> None:
        """Set it and call back; without a lock, since a signal may come while this same thread would hold it."""
        self._by_signal = self._by_signal or by_signal
        self._is_set = True
        self._call(lambda pool: True)

    def _set_for(self, replaced: Pool) -> None:
        """Set it for what runs in the context of a version that was replaced."""
        replaced.is_replaced = True
        self._call(lambda pool: pool is replaced)

    def _call(self, concerns: Callable[[Pool | None], bool]) -> None:
        for loop, callback, pool in tuple(self._callbacks):
            # A loop may have been closed before the tasks in it had ended.
            with suppress(RuntimeError):
                if concerns(pool):
                    loop.call_soon_threadsafe(callback)

    def _clear(self) -> None:
        self._is_set = self._by_signal = False


shutting_down: Final = ShuttingDown()


def stopped_by_signal() -> bool:
    """Return whether a signal asked the process to stop: a server that gives up by itself stops its apps too."""
    return shutting_down._by_signal


def set_for_replaced(pool: Pool) -> None:
    """Set `shutting_down` for what runs in the context of a version that was replaced."""
    shutting_down._set_for(pool)


_lock: Final = threading.Lock()
# The compositions that run in this process and don't stop yet.
_running = 0


@contextmanager
def _counted() -> Iterator[None]:
    global _running
    with _lock:
        if not _running:
            shutting_down._clear()
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1


@contextmanager
def watch_signals() -> Iterator[Callable[[], None]]:
    """Set `shutting_down` when a signal to stop comes while the block runs; yield the function that begins the stop.

    Signals are handled in the main thread only, and only where they have a handler already: that handler is called
    too, a moment later by the event loop, and is restored afterwards. A second signal ends the process at once, except
    in one of several workers: one stop reaches it twice, from the terminal or the service manager, and from its parent.
    """
    with ExitStack() as handlers, ExitStack() as counted:
        counted.enter_context(_counted())
        if threading.current_thread() is threading.main_thread():
            handlers.enter_context(handle_signals(end_at_once, asyncio.get_running_loop()))

        def begin_stop() -> None:
            counted.close()
            with _lock:
                if not _running:
                    shutting_down._set()

        yield begin_stop


@contextmanager
def handle_signals(on_second: Callable[[int], None], loop: AbstractEventLoop | None = None) -> Iterator[None]:
    """Handle the signals to stop while the block runs: each sets `shutting_down`, the second calls `on_second`.

    That gets the signal's number; every other signal calls the former handler, after HEAD_START where there is a loop,
    else at once. Works in the main thread only.
    """
    stops = _StopHandlers(on_second, loop)
    with ExitStack() as handlers:
        for number in SIGNALS:
            former = signal.getsignal(number)
            # Else it has no handler: it ends the process, is ignored, or is handled outside of Python.
            if callable(former):
                handlers.enter_context(_handler_installed(number, former, stops.handler(former)))
        yield


@contextmanager
def _handler_installed(number: int, former: Handler, handler: Handler) -> Iterator[None]:
    signal.signal(number, handler)
    try:
        yield
    finally:
        # A handler that was set meanwhile stays, and may call this one.
        if signal.getsignal(number) is handler:
            signal.signal(number, former)


class _StopHandlers:
    """The handlers of the signals to stop, which share when the first one came."""

    def __init__(self, on_second: Callable[[int], None], loop: AbstractEventLoop | None) -> None:
        self._on_second = on_second
        self._loop = loop
        self._first: float | None = None

    def handler(self, former: Handler) -> Handler:
        """Return a handler that calls the former one, unless the signal is the second one."""

        def interrupt(number: int, frame: FrameType | None) -> None:
            shutting_down._set(by_signal=True)
            former(number, frame)

        def handle(number: int, frame: FrameType | None) -> None:
            now = time.monotonic()
            if self._first is None:
                self._first = now
            elif now - self._first < SAME_STOP:
                return
            elif not is_worker():
                self._on_second(number)
            shutting_down._set(by_signal=True)
            self._call_former(former, number, frame)

        return interrupt if is_default_handler(former) else handle

    def _call_former(self, former: Handler, number: int, frame: FrameType | None) -> None:
        try:
            if self._loop is not None:
                # Not call_later itself: the signal may have come in the middle of another one.
                self._loop.call_soon_threadsafe(self._loop.call_later, HEAD_START, former, number, frame)
                return
        except RuntimeError:
            # The loop is closed.
            pass
        former(number, frame)


def end_at_once(number: int) -> NoReturn:
    """End the process by a signal as if it had no handler: without any cleanup."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    # The first process of a container has no default for signals.
    os._exit(128 + number)


class StoppedError(Exception):
    """Report that the process was asked to stop while something was awaited."""


async def unless_stopped(awaited: Awaitable[None]) -> None:
    """Await, or cancel it and raise StoppedError when the process is asked to stop meanwhile."""
    limit = asyncio.timeout(None)

    def stop() -> None:
        # It may be over by now.
        with suppress(RuntimeError):
            limit.reschedule(0)

    try:
        async with limit:
            with shutting_down._calling_when_set(stop):
                await awaited
    except TimeoutError:
        if limit.expired():
            raise StoppedError from None
        raise
