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

import anyio.to_thread
from starlette.applications import Starlette

from composer._asgi import ASGIApp, Message, Scope

log = logging.getLogger("composer")

# Seconds that a task gets to end after it was cancelled, or after it said that it failed; one that is deaf to
# cancellation is then left behind. Tests set it lower.
CANCEL_GRACE = 1.0

Body = Callable[["Handshake"], Coroutine[Any, Any, None]]


class LifespanError(Exception):
    """Tell how a lifespan broke its promise, where it raised no error of its own."""


class Handshake:
    """What a lifespan's task and its owner tell each other: up, failed, and stop.

    A composition has one for each app: with futures of asyncio's for all of it, they would take twice the memory.
    """

    __slots__ = ("_waiting", "abandoned", "error", "is_up", "reported", "stopping", "tell")

    def __init__(self) -> None:
        # Done as soon as the lifespan says whatever it may be.
        self.reported: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_up = self.stopping = self.abandoned = False
        self.error: LifespanError | None = None
        self.tell: Callable[[], None] | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def up(self) -> None:
        """Tell the owner that the lifespan is up; saying it again changes nothing."""
        self.is_up = True
        _done(self.reported)

    def fail(self, error: LifespanError) -> LifespanError:
        """Tell the owner that the lifespan has failed, though its task may go on; the first such error counts.

        What an app makes of its cancellation is no failure of its own.
        """
        if self.error is None and not self.abandoned:
            self.error = error
            _done(self.reported)
            if self.tell:
                self.reported.get_loop().call_soon(self.tell)
        return error

    def stop(self) -> None:
        """Tell the lifespan to stop; saying it again changes nothing."""
        self.stopping = True
        for waiting in self._waiting:
            _done(waiting)

    async def stop_requested(self) -> None:
        """Wait until the owner says so; who waits may be cancelled, and wait again."""
        while not self.stopping:
            waiting = self.reported.get_loop().create_future()
            self._waiting.append(waiting)
            try:
                await waiting
            finally:
                self._waiting.remove(waiting)


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Lifespan:
    """Run one body in a task of its own: `start` returns when it is up, `stop` when it has ended.

    Each is called once. The task is held here, since asyncio itself keeps only a weak reference to it.
    """

    __slots__ = ("_body", "_handshake", "_task", "_tell", "name")

    def __init__(self, name: str, body: Body) -> None:
        self.name = name
        self._body = body
        self._task: asyncio.Task[BaseException | None] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs: it has ended, or was never started."""
        return self._task is None or self._task.done()

    @property
    def error(self) -> BaseException | None:
        """The error that its task ended with, or else how it broke its promise; None where neither happened."""
        if self._task is None:
            return None
        own = self._task.result() if self._task.done() and not self._task.cancelled() else None
        return self._handshake.error if own is None else own

    async def start(self, seconds: float) -> None:
        """Start the task and wait until it says that it is up, for at most that many seconds.

        Raises the body's own error, TimeoutError, or LifespanError where it ended without a word. However this ends,
        unless the lifespan is up its task has ended, or was cancelled and left behind after a grace.
        """
        handshake = self._handshake = Handshake()
        self._task = asyncio.create_task(self._run_body(handshake), name=f"lifespan of {self.name}")
        await self._wait(seconds, self._task, handshake.reported)
        if handshake.error:
            # An app may say that it failed, and then raise what tells why.
            await self._wait(CANCEL_GRACE, self._task)
        elif handshake.is_up and self.error is None:
            return
        over = self._task.done() or handshake.error
        await self._cancel()
        if over:
            raise self.error or LifespanError("its lifespan exited before startup was complete")
        raise TimeoutError(f"startup did not complete within {seconds:g} seconds") from self.error

    async def stop(self, seconds: float) -> None:
        """Tell the task to stop and wait until it has ended, for at most that many seconds.

        Raises the body's own error, or TimeoutError; the task is then cancelled. Does nothing where it has ended.
        """
        if self._task is None:
            return
        self._handshake.stop()
        await self._wait(seconds, self._task)
        if not self._task.done():
            await self._cancel()
            raise TimeoutError(f"shutdown did not complete within {seconds:g} seconds") from self.error
        if self.error is not None:
            raise self.error

    def when_ended(self, tell: Callable[[BaseException | None], None]) -> None:
        """Call `tell` with the error, or None, if the task ends or says that it failed before it was told to stop.

        It is called twice where the task first says so and then ends.
        """
        if self._task is not None:
            self._tell = tell
            self._handshake.tell = self._ended
            self._task.add_done_callback(self._ended)

    def _ended(self, _: object = None) -> None:
        if not self._handshake.stopping:
            self._tell(self.error)

    async def _run_body(self, handshake: Handshake) -> BaseException | None:
        """Run the body and return its error: a task that raises SystemExit or KeyboardInterrupt ends the event loop."""
        try:
            await self._body(handshake)
        except asyncio.CancelledError as error:
            # A task's owner must not be taken for cancelled because the body raised that error itself.
            told = LifespanError("it was cancelled").with_traceback(error.__traceback__)
            return None if handshake.abandoned else told
        except BaseException as error:
            return error
        return None

    async def _wait(self, seconds: float, *any_of: asyncio.Future[Any]) -> None:
        """Wait for one of them; where that is cancelled, the task is cancelled too and has ended afterwards."""
        try:
            await asyncio.wait(any_of, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._cancel()
            raise

    async def _cancel(self) -> None:
        """Cancel the task where it runs, and wait for its end, or leave it behind after the grace."""
        if self._task is None or self._task.done():
            return
        self._handshake.abandoned = True
        # One that swallows the cancellation and comes up all the same is told to stop at once.
        self._handshake.stop()
        self._task.cancel()
        try:
            await _wait_until_done(self._task, CANCEL_GRACE)
        finally:
            if not self._task.done():
                log.error("lifespan of %s ignored cancellation; abandoning it", self.name)


async def _wait_until_done(task: asyncio.Task[Any], seconds: float) -> None:
    """Wait until a task has ended, for at most that many seconds; a cancellation meanwhile is raised only then."""
    now = asyncio.get_running_loop().time
    end, cancelled = now() + seconds, None
    while not task.done() and (left := end - now()) > 0:
        try:
            await asyncio.wait({task}, timeout=left)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def context_lifespan(manager: Any) -> Body:
    """Make the body that enters a context manager, async or not, and leaves it when told to stop."""

    async def body(handshake: Handshake) -> None:
        if isinstance(manager, AbstractAsyncContextManager):
            async with manager:
                handshake.up()
                await handshake.stop_requested()
        else:
            with manager:
                handshake.up()
                await handshake.stop_requested()

    return body


def is_context_manager(thing: object) -> bool:
    """Tell whether an object can be entered and left, async or not."""
    return isinstance(thing, AbstractAsyncContextManager | AbstractContextManager)


def asgi_lifespan(app: ASGIApp, state: dict[str, Any]) -> Body:
    """Make the body that drives an app's lifespan; what the app yields is put into `state`.

    An app that ends or raises before it has received or sent anything has no lifespan and is simply up; a FastAPI or
    Starlette app always has one, so one that raises has failed.
    """
    return _AppLifespan(app, state)


def deferred_lifespan(load: Callable[[], ASGIApp], state: dict[str, Any]) -> Body:
    """Make the body that drives the lifespan of an app which `load` returns, called in a thread."""

    async def body(handshake: Handshake) -> None:
        # An import can't be interrupted; who waits for it can.
        app = await anyio.to_thread.run_sync(load, abandon_on_cancel=True)
        await asgi_lifespan(app, state)(handshake)

    return body


class _AppLifespan:
    """Drive one app's lifespan."""

    __slots__ = ("_app", "_state")

    def __init__(self, app: ASGIApp, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state

    async def __call__(self, handshake: Handshake) -> None:
        server = _ServerSide(handshake)
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._state}
        try:
            await self._app(scope, server.receive, server.send)
        except Exception:
            if server.begun or isinstance(self._app, Starlette):
                raise
        if not server.begun:
            handshake.up()
            await handshake.stop_requested()


class _ServerSide:
    """The server's side of the lifespan protocol with one app."""

    __slots__ = ("_handshake", "_received", "begun")

    def __init__(self, handshake: Handshake) -> None:
        self._handshake = handshake
        self._received = False
        self.begun = False

    async def receive(self) -> Message:
        self.begun = True
        if not self._received:
            self._received = True
            return {"type": "lifespan.startup"}
        await self._handshake.stop_requested()
        return {"type": "lifespan.shutdown"}

    async def send(self, message: Message) -> None:
        self.begun = True
        kind = message.get("type")
        if kind == "lifespan.startup.complete":
            self._handshake.up()
        elif kind in ("lifespan.startup.failed", "lifespan.shutdown.failed"):
            self._handshake.fail(_error_from(str(message.get("message", "")).strip() or f"it sent {kind}"))
        elif kind != "lifespan.shutdown.complete":
            what = "a message without a type" if kind is None else f"{kind!r}"
            # The app may catch it, and has failed all the same.
            raise self._handshake.fail(LifespanError(f"it sent {what}, which is not a lifespan message"))
        elif not self._handshake.stopping:
            raise self._handshake.fail(LifespanError(f"it sent {kind!r} before shutdown was requested"))


def _error_from(text: str) -> LifespanError:
    """Return the error that an app wrote out: its last line, with the whole as a note where that is more."""
    error = LifespanError(text.splitlines()[-1].strip())
    if "\n" in text:
        error.add_note(text)
    return error
