"""The lifespan of one part, run whole in one long-lived task: what is entered in that task is left in it.

`Lifespan` starts and stops such a task and knows nothing of what runs in it. What runs is made by `asgi_lifespan` (an
app, driven through the ASGI lifespan protocol) or by `context_lifespan` (a cornerstone that is a context manager).

Source of the protocol: https://asgi.readthedocs.io/en/latest/specs/lifespan.html.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

from starlette.applications import Starlette

from composer._asgi import ASGIApp, Message, Scope

log = logging.getLogger("composer")

# Seconds that a task gets to end after it was cancelled; one that is deaf to cancellation is then left behind.
CANCEL_GRACE = 1.0

Body = Callable[["Signals"], Coroutine[Any, Any, None]]


class LifespanError(Exception):
    """Tell how a lifespan broke its promise, where it raised no error of its own."""


class Signals:
    """What a lifespan's task and its owner tell each other: started, and stop."""

    def __init__(self) -> None:
        self.started = asyncio.get_running_loop().create_future()
        self.stop = asyncio.Event()

    def up(self) -> None:
        """Tell the owner that the lifespan is up; saying it again changes nothing."""
        if not self.started.done():
            self.started.set_result(None)


class Lifespan:
    """Run one body in a task of its own: `start` returns when it is up, `stop` when it has ended.

    Each is called once. The task is held here, since asyncio itself keeps only a weak reference to it.
    """

    def __init__(self, name: str, body: Body) -> None:
        self.name = name
        self._body = body
        self._task: asyncio.Task[None] | None = None

    async def start(self, seconds: float) -> None:
        """Start the task and wait until it says that it is up, for at most that many seconds.

        Raises the body's own error, TimeoutError, or LifespanError where it ended without a word. However this ends,
        unless the lifespan is up its task has ended, or was cancelled and left behind after a grace.
        """
        signals = self._signals = Signals()
        self._task = asyncio.create_task(self._body(signals), name=f"lifespan of {self.name}")
        try:
            await asyncio.wait({self._task, signals.started}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._cancel()
            raise
        if self._task.done():
            _raise_error(self._task)
        if signals.started.done():
            return
        if self._task.done():
            raise LifespanError("it ended before it was up")
        await self._cancel()
        raise TimeoutError(f"it was not up after {seconds:g} seconds")

    async def stop(self, seconds: float) -> None:
        """Tell the task to stop and wait until it has ended, for at most that many seconds.

        Raises the body's own error, or TimeoutError; the task is then cancelled. Does nothing where it has ended.
        """
        if self._task is None:
            return
        self._signals.stop.set()
        done, _ = await asyncio.wait({self._task}, timeout=seconds)
        if not done:
            await self._cancel()
            raise TimeoutError(f"it had not stopped after {seconds:g} seconds")
        _raise_error(self._task)

    def when_ended(self, tell: Callable[[BaseException | None], None]) -> None:
        """Call `tell` with the error, or None, if the task ends before it was told to stop."""

        def ended(task: asyncio.Task[None]) -> None:
            if not self._signals.stop.is_set():
                tell(_error_of(task))

        if self._task is not None:
            self._task.add_done_callback(ended)

    async def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            _, deaf = await asyncio.wait({self._task}, timeout=CANCEL_GRACE)
            if deaf:
                log.error("the lifespan of %s is deaf to cancellation, and is left behind", self.name)


def _raise_error(task: asyncio.Task[None]) -> None:
    if (error := _error_of(task)) is not None:
        raise error


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    if task.cancelled():
        return LifespanError("it was cancelled")
    error = task.exception()
    # A task's owner must not be taken for cancelled because the task raised that error itself.
    return LifespanError(f"it raised {error!r}") if isinstance(error, asyncio.CancelledError) else error


def context_lifespan(manager: Any) -> Body:
    """Make the body that enters a context manager, async or not, and leaves it when told to stop."""

    async def body(signals: Signals) -> None:
        if isinstance(manager, AbstractAsyncContextManager):
            async with manager:
                signals.up()
                await signals.stop.wait()
        else:
            with manager:
                signals.up()
                await signals.stop.wait()

    return body


def is_context_manager(thing: object) -> bool:
    """Tell whether an object can be entered and left, async or not."""
    return isinstance(thing, AbstractAsyncContextManager | AbstractContextManager)


def asgi_lifespan(app: ASGIApp, state: dict[str, Any]) -> Body:
    """Make the body that drives an app's lifespan; what the app yields is put into `state`.

    An app that ends or raises before it has received `lifespan.startup` has no lifespan and is simply up; a FastAPI or
    Starlette app always has one, so one that raises has failed.
    """

    async def body(signals: Signals) -> None:
        conversation = _Conversation(signals)
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        try:
            await app(scope, conversation.receive, conversation.send)
        except Exception:
            if conversation.received or isinstance(app, Starlette):
                raise
        if not conversation.received:
            signals.up()
            await signals.stop.wait()
        conversation.check_ended()

    return body


class _Conversation:
    """The server's side of the lifespan protocol with one app."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._failed: str | None = None
        self.received = False

    async def receive(self) -> Message:
        if not self.received:
            self.received = True
            return {"type": "lifespan.startup"}
        await self._signals.stop.wait()
        return {"type": "lifespan.shutdown"}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.complete":
            self._signals.up()
        elif kind in ("lifespan.startup.failed", "lifespan.shutdown.failed"):
            self._failed = str(message.get("message", "")) or f"it sent {kind}"
        elif kind != "lifespan.shutdown.complete":
            raise LifespanError(f"it sent {kind!r}, which is no message of the lifespan protocol")

    def check_ended(self) -> None:
        """Raise LifespanError where the app only said that it failed, and raised nothing itself."""
        if self._failed is not None:
            raise LifespanError(self._failed)
