"""The apps of one run: each started when its `startup` says and after those that it names, and stopped before them."""

import asyncio
import itertools
import math
import random
from collections.abc import Collection, Iterable, Mapping
from contextvars import Context
from typing import Final

from starlette.types import Receive, Scope, Send

from composer._dispatch.threads import POOL
from composer._dispatch.version import Version
from composer._lifecycle.lifespan import asgi_lifespan, deferred_lifespan
from composer._lifecycle.part import Part, StartFailedError, cancel_all, log, log_failure
from composer._model import BuiltApp
from composer._problem_json import unavailable
from composer._secrets import Secrets
from composer._wire.deferred import DeferredApp
from composer.errors import PartError

# Seconds that the other starts get to end, once a required one has failed, before they are cancelled.
FAILURE_GRACE: Final = 0.5
# Seconds between two attempts to start an app in the background: the first pause, and the longest.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0

STARTING: Final = unavailable("The app is starting.")
STOPPED: Final = unavailable("The app has stopped.")
# There is no further attempt before the server itself is started again.
FAILED: Final = unavailable("The app failed to start.", retry_after=60)
ENDED: Final = unavailable("The app has failed.", retry_after=60)


class RunningApp:
    """One app during a run: its part, its version, and the attempts to start it.

    `apps` are all apps of the run by name, `retries` says whether further attempts follow a failed one. `context` is
    that of the server's start: a request that starts a lazy app may have context variables of its own.
    """

    __slots__ = ("_attempt", "_context", "_retries", "apps", "declared", "part", "retries", "version")

    def __init__(self, built: BuiltApp, version: Version, context: Context, secrets: Secrets) -> None:
        self.declared = built.declared
        self.version = version
        self.apps: Mapping[str, RunningApp] = {}
        self.retries = self.declared.startup != "wait"
        self._context = context
        asgi, state = built.asgi, version.state
        body = deferred_lifespan(asgi.load, state) if isinstance(asgi, DeferredApp) else asgi_lifespan(asgi, state)
        self.part = Part("app", built.name, self.declared, body, required=self.declared.required, secrets=secrets)
        self._attempt: asyncio.Task[None] | None = None
        self._retries: asyncio.Task[None] | None = None
        state.clear()

    @property
    def failure(self) -> PartError | None:
        """Why its last attempt to start has failed; None where it hasn't."""
        return _failure_of(self._attempt) if self._attempt else None

    def predecessors(self) -> "list[RunningApp]":
        """Return the apps that have to be up before it."""
        return [self.apps[name] for name in self.declared.after if name in self.apps]

    def announce(self) -> None:
        """Let requests be answered by 503 until it is up, or let the first one start it."""
        self.version.close(self._answer_after_start if self.declared.startup == "lazy" else STARTING)

    def ensure_started(self) -> asyncio.Task[None]:
        """Return the last attempt to start it, running or over; begin the first where there is none."""
        if self._attempt is not None:
            return self._attempt
        attempt = self._begin_attempt()
        if self.retries:
            name = f"starting app {self.declared.name}"
            self._retries = asyncio.create_task(self._retry_until_up(attempt), name=name, context=self._own_context())
            self._retries.add_done_callback(_log_bug)
        return attempt

    def _begin_attempt(self) -> asyncio.Task[None]:
        name = f"start of app {self.declared.name}"
        self._attempt = asyncio.create_task(self._start(), name=name, context=self._own_context())
        # Its failure is reported whether or not the task is awaited.
        self._attempt.add_done_callback(_failure_of)
        return self._attempt

    async def _start(self) -> None:
        try:
            for predecessor in self.predecessors():
                attempt = predecessor.ensure_started()
                await asyncio.wait({attempt})
                if attempt.cancelled() or attempt.exception() is not None:
                    raise self.part.not_startable(predecessor.declared.name)
            self.version.state.clear()
            await self.part.start()
        except PartError:
            self.version.close(FAILED)
            raise
        self.version.open()
        self.part.on_failure = self._close

    def _close(self) -> None:
        # What its lifespan had opened may be closed once it has ended.
        self.version.close(ENDED)

    def _own_context(self) -> Context:
        context = self._context.copy()
        context.run(POOL.set, self.version.pool)
        return context

    async def _retry_until_up(self, attempt: asyncio.Task[None]) -> None:
        """Begin further attempts, with growing pauses, until one succeeds."""
        for number in itertools.count():
            await asyncio.wait({attempt})
            failure = _failure_of(attempt)
            if failure is None:
                attempt.result()
                return
            pause = min(FIRST_PAUSE * 2**number, LONGEST_PAUSE) + random.uniform(0, FIRST_PAUSE)  # noqa: S311
            log.error("%s; retrying in %.1f seconds", failure, pause, exc_info=failure.__cause__)
            self.version.close(unavailable("The app failed to start and will be retried.", math.ceil(pause)))
            await asyncio.sleep(pause)
            self.version.close(STARTING)
            attempt = self._begin_attempt()

    async def _answer_after_start(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for an app that its first request starts: that request waits for the start."""
        await asyncio.wait({self.ensure_started()})
        # The state of its lifespan exists only now.
        scope["state"].update(self.version.state)
        await self.version.answer(scope, receive, send)

    async def cancel_start(self) -> None:
        """Cancel the attempts to start it, and let requests be answered by 503."""
        self.version.close(STOPPED)
        await cancel_all([task for task in (self._retries, self._attempt) if task])
        # It may have come up in the meantime.
        self.version.close(STOPPED)


async def start_apps(apps: Collection[RunningApp]) -> None:
    """Start the apps that the server waits for, side by side, and begin to start those in the background.

    Raises StartFailedError with every failure as soon as a required app has failed, after a short grace.
    """
    awaited = [app for app in apps if app.declared.startup == "wait"]
    attempts: set[asyncio.Task[None]] = set()
    for app in awaited:
        attempts.add(app.ensure_started())
        # One that has little to do is up before many others begin: together they would take more memory.
        await asyncio.sleep(0)
    for app in apps:
        if app.declared.startup == "background":
            app.ensure_started()
    while attempts and not _failures(awaited, required=True):
        done, attempts = await asyncio.wait(attempts, return_when=asyncio.FIRST_COMPLETED)
        _raise_bugs(done)
    if _failures(awaited, required=True):
        if attempts:
            await asyncio.wait(attempts, timeout=FAILURE_GRACE)
        raise StartFailedError(_failures(awaited, required=True))
    for failure in _failures(awaited, required=False):
        log_failure(failure)


async def start_replacements(apps: Collection[RunningApp]) -> None:
    """Start apps side by side, once, whatever their `startup` says; raise StartFailedError where any of them fails."""
    for app in apps:
        app.retries = False
    attempts = [app.ensure_started() for app in apps]
    if attempts:
        await asyncio.wait(attempts)
    _raise_bugs(attempts)
    if failures := [app.failure for app in apps if app.failure]:
        raise StartFailedError(failures)


async def stop_apps(apps: Collection[RunningApp]) -> list[PartError]:
    """Stop apps side by side, each after those that named it; return every failure."""
    await asyncio.gather(*(app.cancel_start() for app in apps))
    started = [app for app in apps if app.part.has_started]
    stops: dict[RunningApp, asyncio.Task[list[PartError]]] = {}

    async def stop_one(app: RunningApp) -> list[PartError]:
        if successors := {stops[other] for other in started if app in other.predecessors()}:
            await asyncio.wait(successors)
        return await app.part.stop()

    for app in started:
        stops[app] = asyncio.create_task(stop_one(app), name=f"stop of app {app.declared.name}")
    return [failure for failures in await asyncio.gather(*stops.values()) for failure in failures]


def _failures(apps: Iterable[RunningApp], *, required: bool) -> list[PartError]:
    return [app.failure for app in apps if app.failure and app.declared.required is required]


def _failure_of(task: asyncio.Task[None]) -> PartError | None:
    error = task.exception() if task.done() and not task.cancelled() else None
    return error if isinstance(error, PartError) else None


def _raise_bugs(attempts: Iterable[asyncio.Task[None]]) -> None:
    """Raise what ended an attempt and isn't a part's failure: nothing else would report it."""
    for attempt in attempts:
        if not attempt.cancelled() and not _failure_of(attempt):
            attempt.result()


def _log_bug(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the task that restarts failed apps crashed; they will not be retried", exc_info=error)
