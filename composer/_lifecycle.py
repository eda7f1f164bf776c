"""All lifespans of a composition: cornerstones, then apps side by side; stopped in the mirrored order.

A start that fails stops what had started, and raises with every part's own error in it. Stopping stops everything,
whatever fails on the way.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any, Literal

from composer._dispatch import Mounted, unavailable
from composer._lifespan import (
    Body,
    Lifespan,
    LifespanError,
    Signals,
    asgi_lifespan,
    context_lifespan,
    is_context_manager,
)
from composer._model import App, BuiltApp, Cornerstone, PartStatus, Plan, State
from composer._render import listed
from composer._wire import ordered
from composer.errors import PartError, ShutdownError, StartupError, described

log = logging.getLogger("composer")

# Seconds that the other starts get to end, once one has failed, before they are cancelled.
FAILURE_GRACE = 0.5

STARTING = unavailable("The app is starting.")
STOPPED = unavailable("The app has stopped.")

Kind = Literal["app", "cornerstone"]


class Part:
    """One app or cornerstone while a composition runs: its lifespan, and how it is at the moment."""

    def __init__(self, kind: Kind, name: str, declared: App | Cornerstone, body: Body) -> None:
        self.declared = declared
        self.status = PartStatus(kind, name)
        self._lifespan = Lifespan(f"{kind} {name}", body)

    async def start(self) -> None:
        """Start its lifespan; raise PartError where that fails."""
        self._show(State.STARTING)
        begun = time.perf_counter()
        try:
            await self._lifespan.start(self.declared.startup_timeout)
        except asyncio.CancelledError:
            self._show(State.STOPPED, "its start was cancelled")
            raise
        except BaseException as error:
            raise self._failed("start", error) from error
        self.status = replace(self.status, state=State.UP, seconds=time.perf_counter() - begun)
        self._lifespan.when_ended(self._ended)

    async def stop(self) -> None:
        """Stop its lifespan; raise PartError where that fails, unless it had failed before and said so."""
        had_failed = self.status.state is State.FAILED
        self._show(State.STOPPING, self.status.reason)
        try:
            await self._lifespan.stop(self.declared.shutdown_timeout)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if not had_failed:
                raise self._failed("stop", error) from error
        self._show(State.STOPPED, self.status.reason)

    def not_startable(self, waited_for: str) -> PartError:
        """Note that it can't start since the app that it comes after has not; return the error that says so."""
        return self._failed("start", LifespanError(f"app {waited_for}, which it comes after, did not start"))

    def _failed(self, phase: str, error: BaseException) -> PartError:
        self._show(State.FAILED, f"failed to {phase}: {type(error).__name__}")
        reason = str(error) if isinstance(error, LifespanError) else described(error)
        return PartError(self.status.kind, self.status.name, phase, reason)

    def _ended(self, error: BaseException | None) -> None:
        reason = error or LifespanError("its lifespan ended by itself")
        log.error("%s", self._failed("serve", reason), exc_info=error)

    def _show(self, state: State, reason: str = "") -> None:
        self.status = replace(self.status, state=state, reason=reason)


class Lifecycle:
    """Run the lifespans of one plan, as often as a server does; `parts` tells how each is at the moment."""

    def __init__(self, plan: Plan, mounted: Mapping[str, Mounted]) -> None:
        self._plan = plan
        self._mounted = mounted
        self._parts: list[Part] = []
        self._listeners: list[Callable[[], None]] = []

    def when_started(self, tell: Callable[[], None]) -> None:
        """Call `tell` each time that everything has started."""
        self._listeners.append(tell)

    def parts(self) -> list[PartStatus]:
        """Return how each part is, in the order in which they start; before any start, each as pending."""
        if self._parts:
            return [part.status for part in self._parts]
        cornerstones = [PartStatus("cornerstone", built.name) for built in self._plan.cornerstones]
        return cornerstones + [PartStatus("app", built.name) for built in self._plan.apps]

    def apps(self) -> dict[str, PartStatus]:
        """Return how each app is, by name."""
        return {part.name: part for part in self.parts() if part.kind == "app"}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything on entry and stop it on exit.

        Raises StartupError when a part fails to start, after all that had started was stopped, and ShutdownError when
        parts fail to stop, after all were.
        """
        run = _Run(self._plan, self._mounted)
        self._parts = run.all_parts
        try:
            await run.start()
        except BaseException as error:
            failures = await _to_the_end(run.stop())
            if isinstance(error, _StartFailedError):
                raise StartupError(_title(error.failures, "start"), [*error.failures, *failures]) from None
            raise
        for tell in self._listeners:
            tell()
        try:
            yield
        finally:
            failures = await _to_the_end(run.stop())
            if failures:
                raise ShutdownError(_title(failures, "stop"), failures)


def _title(failures: Sequence[PartError], phase: str) -> str:
    names = listed(f"{failure.kind} {failure.name}" for failure in failures)
    return f"failed to {phase}: {names}"


async def _to_the_end(stopping: Coroutine[Any, Any, list[PartError]]) -> list[PartError]:
    """Await to the end, also when this task is cancelled meanwhile: nothing may be left open."""
    task = asyncio.create_task(stopping, name="stopping the composition")
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()


class _StartFailedError(Exception):
    """Carry the failures of a start out of it."""

    def __init__(self, failures: list[PartError]) -> None:
        super().__init__("not started")
        self.failures = failures


class _Run:
    """One run of all the lifespans, from start to stop."""

    def __init__(self, plan: Plan, mounted: Mapping[str, Mounted]) -> None:
        self._mounted = mounted
        self._cornerstones = [
            Part("cornerstone", built.name, built.declared, context_lifespan(_manager(built.value)))
            for built in plan.cornerstones
        ]
        self._apps = {built.name: self._app_part(built) for built in plan.apps}
        self._after = {built.name: [n for n in built.declared.after if n in self._apps] for built in plan.apps}
        self._serving = [
            Part("cornerstone", f"{built.name}.serving", built.declared, _serving(built.value))
            for built in plan.cornerstones
            if callable(getattr(built.value, "serving", None))
        ]
        self._started: list[Part] = []

    @property
    def all_parts(self) -> list[Part]:
        """Every part, in the order of the start."""
        return [*self._cornerstones, *self._apps.values(), *self._serving]

    def _app_part(self, built: BuiltApp) -> Part:
        state = self._mounted[built.name].state
        state.clear()
        return Part("app", built.name, built.declared, asgi_lifespan(built.asgi, state))

    async def start(self) -> None:
        """Start all parts; raise _StartFailedError with every failure."""
        for mounted in self._mounted.values():
            mounted.close(STARTING)
        for part in self._cornerstones:
            await self._start_one(part)
        await self._start_apps()
        for part in self._serving:
            await self._start_one(part)

    async def _start_one(self, part: Part) -> None:
        try:
            await part.start()
        except PartError as failure:
            raise _StartFailedError([failure]) from None
        self._started.append(part)

    async def _start_apps(self) -> None:
        """Start the apps side by side, each after those that it names; a failure ends the starts under way."""
        starts: dict[str, asyncio.Task[None]] = {}
        # In order of `after`, so that each task finds those that it waits for.
        for name in ordered(self._after)[0]:
            starts[name] = asyncio.create_task(self._start_app(name, starts), name=f"start of app {name}")
        try:
            await asyncio.wait(starts.values(), return_when=asyncio.FIRST_EXCEPTION) if starts else None
            if any(_failure_of(task) for task in starts.values()):
                await asyncio.wait(starts.values(), timeout=FAILURE_GRACE)
        finally:
            await _cancel_all(starts.values())
        failures = [failure for task in starts.values() if (failure := _failure_of(task))]
        if failures:
            raise _StartFailedError(failures)

    async def _start_app(self, name: str, starts: Mapping[str, asyncio.Task[None]]) -> None:
        part = self._apps[name]
        for before in self._after[name]:
            await asyncio.wait({starts[before]})
            if starts[before].cancelled() or starts[before].exception() is not None:
                raise part.not_startable(before)
        await part.start()
        self._started.append(part)
        self._mounted[name].open()

    async def stop(self) -> list[PartError]:
        """Stop all that had started, mirroring the start; return every failure."""
        failures = []
        for part in reversed([part for part in self._started if part in self._serving]):
            failures += await _stop(part)
        for mounted in self._mounted.values():
            mounted.close(STOPPED)
        failures += await self._stop_apps()
        for part in reversed([part for part in self._started if part in self._cornerstones]):
            failures += await _stop(part)
        return failures

    async def _stop_apps(self) -> list[PartError]:
        """Stop the apps side by side, each after those that named it."""
        started = {name: part for name, part in self._apps.items() if part in self._started}
        stops: dict[str, asyncio.Task[list[PartError]]] = {}

        async def stop_one(name: str, part: Part) -> list[PartError]:
            later = {stops[other] for other in started if name in self._after[other]}
            if later:
                await asyncio.wait(later)
            return await _stop(part)

        for name, part in started.items():
            stops[name] = asyncio.create_task(stop_one(name, part), name=f"stop of app {name}")
        return [failure for failures in await asyncio.gather(*stops.values()) for failure in failures]


def _manager(value: Any) -> Any:
    return value if is_context_manager(value) else nullcontext()


def _serving(value: Any) -> Body:
    async def body(signals: Signals) -> None:
        await context_lifespan(value.serving())(signals)

    return body


async def _stop(part: Part) -> list[PartError]:
    try:
        await part.stop()
    except PartError as failure:
        log.error("%s", failure, exc_info=failure.__cause__)
        return [failure]
    return []


def _failure_of(task: asyncio.Task[None]) -> PartError | None:
    error = task.exception() if task.done() and not task.cancelled() else None
    return error if isinstance(error, PartError) else None


async def _cancel_all(tasks: Iterable[asyncio.Task[None]]) -> None:
    left = [task for task in tasks if not task.done()]
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)
