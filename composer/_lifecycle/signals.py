"""Whether the process has been told to stop: known before the server waits for what is still open.

Servers tell an app's lifespan only after the last connection has ended, so that a stream which waits for that word
waits for itself. Signals tell it in time. They are handled beside the server's own handlers, and only while a
composition runs.
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

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

# Seconds within which signals are one and the same stop: coreutils' `timeout`, for one, signals the process and then
# its group, which the process is in.
SAME_STOP: Final = 0.2

# Seconds that handlers of requests have before the server hears of the signal: uvicorn then closes every WebSocket at
# once, with 1012, whatever was still to be sent.
HEAD_START: Final = 0.2

Handler = Callable[[int, FrameType | None], Any]


class ShuttingDown:
    """Tell whether the process has been told to stop; there is one of it, `composer.shutting_down`.

    It is set by the first SIGINT or SIGTERM, before the server waits for open connections, and at the latest when the
    last composition that runs in the process begins to stop: so where the server runs in a thread, which no signal
    reaches. The next start clears it.
    """

    def __init__(self) -> None:
        self._is_set = self._by_signal = False
        self._waiting: set[tuple[AbstractEventLoop, Callable[[], None]]] = set()

    def is_set(self) -> bool:
        """Tell whether the process has been told to stop; may be asked from any thread."""
        return self._is_set

    async def wait(self) -> None:
        """Return as soon as the process has been told to stop; may be awaited in any event loop of asyncio."""
        told = asyncio.Event()
        with self._calling_when_set(told.set):
            await told.wait()

    @contextmanager
    def _calling_when_set(self, tell: Callable[[], None]) -> Iterator[None]:
        """Call `tell` in this event loop when it is set while the block runs, or was before."""
        waiting = asyncio.get_running_loop(), tell
        self._waiting.add(waiting)
        try:
            # Asked only now: whoever sets it looks for those that wait afterwards.
            if self._is_set:
                tell()
            yield
        finally:
            self._waiting.discard(waiting)

    def _set(self, by_signal: bool = False) -> None:
        """Wake all that wait; without a lock, since a signal may come while this same thread would hold it."""
        self._by_signal = self._by_signal or by_signal
        self._is_set = True
        for loop, tell in tuple(self._waiting):
            # A loop may have been closed before what waited in it had ended.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(tell)

    def _clear(self) -> None:
        self._is_set = self._by_signal = False


shutting_down: Final = ShuttingDown()


def stopped_by_signal() -> bool:
    """Tell whether a signal told the process to stop: a server that gives up by itself stops its apps too."""
    return shutting_down._by_signal


class _Running:
    """How many compositions run in this process and don't stop yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def enter(self) -> None:
        with self._lock:
            if not self._count:
                shutting_down._clear()
            self._count += 1

    def leave(self) -> None:
        with self._lock:
            self._count -= 1

    def tell(self) -> None:
        """Say that the stop begins, unless another one still runs."""
        with self._lock:
            if not self._count:
                shutting_down._set()


_running: Final = _Running()


@contextmanager
def watch_signals() -> Iterator[Callable[[], None]]:
    """Set `shutting_down` when a signal to stop comes while the block runs; give what says that its stop begins.

    In the main thread only are signals handled, and only where somebody handles them already: that handler is called
    too, a moment later by the event loop, and is in its place again afterwards. A second signal ends the process at
    once, except in one of several workers: one stop reaches it twice, from the terminal or the service manager, and
    from its parent.
    """
    with ExitStack() as signals, ExitStack() as running:
        _running.enter()
        running.callback(_running.leave)
        if threading.current_thread() is threading.main_thread():
            signals.enter_context(handle_signals(end_at_once, asyncio.get_running_loop()))

        def stopping() -> None:
            running.close()
            _running.tell()

        yield stopping


@contextmanager
def handle_signals(again: Callable[[int], None], loop: AbstractEventLoop | None = None) -> Iterator[None]:
    """Handle the signals to stop while the block runs: each sets `shutting_down`, the second calls `again`.

    It calls `again` with the signal's number, and the former handler with each signal but that: after HEAD_START where
    there is a loop, else at once. Works in the main thread only.
    """
    stops = _StopHandlers(again, loop)
    with ExitStack() as handlers:
        for number in SIGNALS:
            former = signal.getsignal(number)
            # Else nobody handles it: it ends the process, is ignored, or belongs to what isn't Python.
            if callable(former):
                handlers.enter_context(_handler_installed(number, former, stops.handler(former)))
        yield


@contextmanager
def _handler_installed(number: int, former: Handler, handler: Handler) -> Iterator[None]:
    signal.signal(number, handler)
    try:
        yield
    finally:
        # One that was set meanwhile stays, and may call this one.
        if signal.getsignal(number) is handler:
            signal.signal(number, former)


class _StopHandlers:
    """The stops that signals have told so far."""

    def __init__(self, again: Callable[[int], None], loop: AbstractEventLoop | None) -> None:
        self._again = again
        self._loop = loop
        self._first: float | None = None

    def handler(self, former: Handler) -> Handler:
        """Return a handler that lets the former one do its work, unless it is the second stop."""

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
                self._again(number)
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
    """End the process by a signal as if nobody handled it: nothing more is left, answered or written."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    # The first process of a container has no default for signals.
    os._exit(128 + number)


class StoppedError(Exception):
    """Tell that the process was told to stop while something was awaited."""


async def unless_stopped(awaited: Awaitable[None]) -> None:
    """Await, or cancel it and raise StoppedError when the process is told to stop meanwhile."""
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
