"""The apps of one run: each started when its `startup` says and after those that it names, and stopped before them."""

import asyncio
import math
from collections.abc import Iterable, Mapping
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Final

from composer._asgi import ASGIApp, Receive, Scope, Send
from composer._dispatch.mounted import Mounted
from composer._lifecycle.lifespan import asgi_lifespan, deferred_lifespan
from composer._lifecycle.part import Part, StartFailedError, cancel_all, log, stop_and_log, tell
from composer._model import BuiltApp, Plan
from composer._problem_json import unavailable
from composer._threads import POOL
from composer._wire.deferred import DeferredApp
from composer.errors import PartError

if TYPE_CHECKING:
    from tenacity import RetryCallState

# Seconds that the other starts get to end, once a required one has failed, before they are cancelled.
FAILURE_GRACE: Final = 0.5
# Seconds between two attempts to start an app in the background: the first pause, and the longest.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0

STARTING: Final = unavailable("The app is starting.")
STOPPED: Final = unavailable("The app has stopped.")
# Nobody tries again before the server itself is started again.
FAILED: Final = unavailable("The app failed to start.", retry_after=60)
ENDED: Final = unavailable("The app has failed.", retry_after=60)


class Apps:
    """Start and stop the apps of one run, and let each answer its requests while it is up."""

    def __init__(self, plan: Plan, mounted: Mapping[str, Mounted]) -> None:
        self._secrets = plan.secrets
        self._declared = {built.name: built.declared for built in plan.apps}
        self._mounted = mounted
        # That of the server's start, for all starts: a request that begins one may have put its own things into its.
        self._context = copy_context()
        self._after = {
            name: [each for each in app.after if each in self._declared] for name, app in self._declared.items()
        }
        self.parts = {built.name: self._part(built) for built in plan.apps}
        self._attempts: dict[str, asyncio.Task[None]] = {}
        self._trying: list[asyncio.Task[None]] = []
        self._started: list[str] = []

    def _part(self, built: BuiltApp) -> Part:
        state = self._mounted[built.name].state
        state.clear()
        asgi = built.asgi
        body = deferred_lifespan(asgi.load, state) if isinstance(asgi, DeferredApp) else asgi_lifespan(asgi, state)
        required = built.declared.required
        return Part("app", built.name, built.declared, body, required=required, secrets=self._secrets)

    def announce(self) -> None:
        """Let each app's requests be answered by word of its start, or begin it."""
        for name, app in self._declared.items():
            self._mounted[name].close(self._start_on_request(name) if app.startup == "lazy" else STARTING)

    async def start(self) -> None:
        """Start those that the server waits for, side by side, and begin with those in the background.

        Raises StartFailedError with every failure as soon as one that is required has failed, after a short grace.
        """
        left: set[asyncio.Task[None]] = set()
        for name in [name for name, app in self._declared.items() if app.startup == "wait"]:
            left.add(self._ensure_started(name))
            # One that has little to do is up before many others begin: together they would take more memory.
            await asyncio.sleep(0)
        for name in [name for name, app in self._declared.items() if app.startup == "background"]:
            self._ensure_started(name)
        while left and not self._failures(required=True):
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            _raise_bugs(done)
        if self._failures(required=True):
            if left:
                await asyncio.wait(left, timeout=FAILURE_GRACE)
            raise StartFailedError(self._failures(required=True))
        for failure in self._failures(required=False):
            tell(failure)

    def _failures(self, *, required: bool) -> list[PartError]:
        """Return why apps that the server waits for haven't started, of those that are required or of the others."""
        found = []
        for name, attempt in self._attempts.items():
            app = self._declared[name]
            if app.startup == "wait" and app.required is required and (why := _failure_of(attempt)):
                found.append(why)
        return found

    def _ensure_started(self, name: str) -> asyncio.Task[None]:
        """Return the last attempt to start an app, under way or over; begin the first where there is none."""
        if name not in self._attempts:
            self._attempt(name)
            if self._declared[name].startup != "wait":
                context = self._context_of(name)
                trying = asyncio.create_task(self._retry_until_up(name), name=f"starting app {name}", context=context)
                trying.add_done_callback(_tell_bug)
                self._trying.append(trying)
        return self._attempts[name]

    def _attempt(self, name: str) -> None:
        context = self._context_of(name)
        self._attempts[name] = asyncio.create_task(self._start_app(name), name=f"start of app {name}", context=context)
        # It may be that nobody awaits it, and its failure is told all the same.
        self._attempts[name].add_done_callback(_failure_of)

    def _context_of(self, name: str) -> Context:
        """Return a context for an app's lifespan: that in which the run has begun, with the app's own threads."""
        context = self._context.copy()
        context.run(POOL.set, self._mounted[name].pool)
        return context

    async def _start_app(self, name: str) -> None:
        part, mounted = self.parts[name], self._mounted[name]
        try:
            for before in self._after[name]:
                attempt = self._ensure_started(before)
                await asyncio.wait({attempt})
                if attempt.cancelled() or attempt.exception() is not None:
                    raise part.not_startable(before)
            mounted.state.clear()
            await part.start()
        except PartError:
            mounted.close(FAILED)
            raise
        self._started.append(name)
        mounted.open()
        part.when_failed(self._close)

    def _close(self, name: str) -> None:
        # What its lifespan had opened may be closed by now.
        self._mounted[name].close(ENDED)

    async def _retry_until_up(self, name: str) -> None:
        """Try to start an app again and again, with growing pauses, until it is up."""
        # Not for every composition: few have an app in the background.
        from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

        def pause(state: "RetryCallState") -> None:
            failure, seconds = _failure_of(self._attempts[name]), state.upcoming_sleep
            log.error("%s; retrying in %.1f seconds", failure, seconds, exc_info=failure and failure.__cause__)
            self._mounted[name].close(unavailable("The app failed to start and will be retried.", math.ceil(seconds)))

        pauses = wait_exponential_jitter(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE, jitter=FIRST_PAUSE)
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(PartError), wait=pauses, before_sleep=pause, reraise=True
        ):
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    self._mounted[name].close(STARTING)
                    self._attempt(name)
                await asyncio.wait({self._attempts[name]})
                self._attempts[name].result()

    def _start_on_request(self, name: str) -> ASGIApp:
        """Return what answers for an app that its first request starts: that request waits for the start."""
        mounted = self._mounted[name]

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.wait({self._ensure_started(name)})
            # What its lifespan yields is there only now.
            scope["state"].update(mounted.state)
            await mounted.answer(scope, receive, send)

        return answer

    async def stop(self) -> list[PartError]:
        """Stop the apps side by side, each after those that named it; return every failure."""
        for mounted in self._mounted.values():
            mounted.close(STOPPED)
        await cancel_all([*self._trying, *self._attempts.values()])
        # One may have come up in the meantime.
        for name in self._started:
            self._mounted[name].close(STOPPED)
        stops: dict[str, asyncio.Task[list[PartError]]] = {}

        async def stop_one(name: str) -> list[PartError]:
            later = {stops[other] for other in self._started if name in self._after[other]}
            if later:
                await asyncio.wait(later)
            return await stop_and_log(self.parts[name])

        for name in self._started:
            stops[name] = asyncio.create_task(stop_one(name), name=f"stop of app {name}")
        return [failure for failures in await asyncio.gather(*stops.values()) for failure in failures]


def _failure_of(task: asyncio.Task[None]) -> PartError | None:
    error = task.exception() if task.done() and not task.cancelled() else None
    return error if isinstance(error, PartError) else None


def _raise_bugs(attempts: Iterable[asyncio.Task[None]]) -> None:
    """Raise what ended an attempt and is no failure of a part: nobody else would tell."""
    for attempt in attempts:
        if not attempt.cancelled() and not _failure_of(attempt):
            attempt.result()


def _tell_bug(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the task that restarts failed apps crashed; they will not be retried", exc_info=error)
