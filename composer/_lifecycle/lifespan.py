"""The lifespan of one part, run whole in one long-lived task: what is entered in that task is left in it.

`Lifespan` starts and stops such a task and knows nothing of what runs in it. What runs is a body: `asgi_lifespan` (an
app, driven through the ASGI lifespan protocol) or `context_lifespan` (a cornerstone that is a context manager).

Source of the protocol: https://asgi.readthedocs.io/en/latest/specs/lifespan.html.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

import anyio.to_thread
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Scope

log = logging.getLogger("composer")

# Seconds that a task gets to end after it was cancelled, or after it reported a failure; a task that ignores the
# cancellation is then abandoned. Tests set it lower.
CANCEL_GRACE = 1.0

Body = Callable[["Handshake"], Coroutine[Any, Any, None]]
Result = TypeVar("Result")


class LifespanError(Exception):
    """Report that a lifespan broke the protocol, or ended, without an error of its own."""


class Handshake:
    """What the task of a lifespan and its owner report to each other: up, failed, and the request to stop.

    Each app has one: with an asyncio.Event for the stop, it would take three times the memory.
    """

    __slots__ = ("_waiters", "abandoned", "error", "is_up", "on_failure", "reported", "stopping")

    def __init__(self) -> None:
        # Resolved at the lifespan's first signal, up or failed.
        self.reported: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_up = self.stopping = self.abandoned = False
        self.error: LifespanError | None = None
        self.on_failure: Callable[[], None] | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def up(self) -> None:
        """Report that the lifespan is up."""
        self.is_up = True
        _resolve(self.reported)

    def fail(self, error: LifespanError) -> LifespanError:
        """Report that the lifespan has failed, though its task may go on; the first such error counts.

        What an app does about its cancellation is no failure of its own.
        """
        if self.error is None and not self.abandoned:
            self.error = error
            _resolve(self.reported)
            if self.on_failure:
                self.reported.get_loop().call_soon(self.on_failure)
        return error

    def stop(self) -> None:
        """Request the stop of the lifespan."""
        self.stopping = True
        for waiter in self._waiters:
            _resolve(waiter)

    async def stop_requested(self) -> None:
        """Wait until the owner requests the stop."""
        while not self.stopping:
            waiter = self.reported.get_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Lifespan:
    """Run one body in a task of its own: `start` returns when it is up, `stop` when it has ended.

    Each is called once. The task is referenced here, since asyncio itself keeps only a weak reference to it.
    """

    __slots__ = ("_body", "_handshake", "_on_end", "_task", "name")

    def __init__(self, name: str, body: Body) -> None:
        self.name = name
        self._body = body
        self._task: asyncio.Task[BaseException | None] | None = None

    @property
    def ended(self) -> bool:
        """Whether its task doesn't run: it has ended, or was never started."""
        return self._task is None or self._task.done()

    @property
    def error(self) -> BaseException | None:
        """The error that its task ended with, else the failure that it reported; None where there was neither."""
        if self._task is None:
            return None
        own = self._task.result() if self._task.done() and not self._task.cancelled() else None
        return self._handshake.error if own is None else own

    async def start(self, seconds: float) -> None:
        """Start the task and wait until it reports that it is up, for at most that many seconds.

        Raises the body's own error, TimeoutError, or LifespanError where it ended without a report. Unless the
        lifespan is up afterwards, its task has ended, or was cancelled and abandoned after a grace.
        """
        handshake = self._handshake = Handshake()
        self._task = asyncio.create_task(self._run_body(handshake), name=f"lifespan of {self.name}")
        await self._wait(seconds, self._task, handshake.reported)
        if handshake.error:
            # An app may report that it failed, and then raise the error that says why.
            await self._wait(CANCEL_GRACE, self._task)
        elif handshake.is_up and self.error is None:
            return
        over = self._task.done() or handshake.error
        await self._cancel()
        if over:
            raise self.error or LifespanError("its lifespan exited before startup was complete")
        raise TimeoutError(f"startup did not complete within {seconds:g} seconds") from self.error

    async def stop(self, seconds: float) -> None:
        """Request the stop and wait until the task has ended, for at most that many seconds.

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

    def when_ended(self, callback: Callable[[BaseException | None], None]) -> None:
        """Call back with the error, or None, if the task ends or reports a failure before its stop is requested.

        A task that first reports a failure and then ends causes two calls.
        """
        if self._task is not None:
            self._on_end = callback
            self._handshake.on_failure = self._ended
            self._task.add_done_callback(self._ended)

    def _ended(self, _: object = None) -> None:
        if not self._handshake.stopping:
            self._on_end(self.error)

    async def _run_body(self, handshake: Handshake) -> BaseException | None:
        """Run the body and return its error: a task that raises SystemExit or KeyboardInterrupt ends the event loop."""
        try:
            await self._body(handshake)
        except asyncio.CancelledError as error:
            # The body may have raised this error itself; the owner of the task must not seem to be cancelled.
            own = LifespanError("it was cancelled").with_traceback(error.__traceback__)
            return None if handshake.abandoned else own
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
        """Cancel the task where it runs, and wait for its end, or abandon it after the grace."""
        if self._task is None or self._task.done():
            return
        self._handshake.abandoned = True
        # One that swallows the cancellation and comes up all the same has to stop at once.
        self._handshake.stop()
        self._task.cancel()
        try:
            await uninterrupted(asyncio.wait({self._task}, timeout=CANCEL_GRACE))
        finally:
            if not self._task.done():
                log.error("lifespan of %s ignored cancellation; abandoning it", self.name)


async def uninterrupted(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Await to the end, also when this task is cancelled meanwhile: the cancellation is raised afterwards."""
    task = asyncio.create_task(coroutine)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()


def context_lifespan(manager: Any) -> Body:
    """Return the body that enters a context manager, async or not, and leaves it at the stop."""

    async def body(handshake: Handshake) -> None:
        async with AsyncExitStack() as stack:
            if isinstance(manager, AbstractAsyncContextManager):
                await stack.enter_async_context(manager)
            else:
                stack.enter_context(manager)
            handshake.up()
            await handshake.stop_requested()

    return body


def asgi_lifespan(app: ASGIApp, state: dict[str, Any]) -> Body:
    """Return the body that drives an app's lifespan, whose state goes into `state`.

    An app that ends or raises before it has received or sent anything has no lifespan and is simply up; a FastAPI or
    Starlette app always has one, so one that raises has failed.
    """

    async def body(handshake: Handshake) -> None:
        server = _ServerSide(handshake)
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        try:
            await app(scope, server.receive, server.send)
        except Exception:
            if server.begun or isinstance(app, Starlette):
                raise
        if not server.begun:
            handshake.up()
            await handshake.stop_requested()

    return body


def deferred_lifespan(load: Callable[[], ASGIApp], state: dict[str, Any]) -> Body:
    """Return the body that drives the lifespan of the app that `load` returns, called in a thread."""

    async def body(handshake: Handshake) -> None:
        # An import can't be interrupted; waiting for it can.
        app = await anyio.to_thread.run_sync(load, abandon_on_cancel=True)
        await asgi_lifespan(app, state)(handshake)

    return body


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
    """Return the error that an app sent as text: its last line, with the whole as a note where that is more."""
    error = LifespanError(text.splitlines()[-1].strip())
    if "\n" in text:
        error.add_note(text)
    return error
