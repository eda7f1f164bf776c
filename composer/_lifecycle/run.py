"""One run of everything, from start to stop, and as many of them as a server wants.

A start that fails stops what had started, and raises with every part's own error in it. Stopping stops everything,
whatever fails on the way.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, nullcontext
from typing import Any

from composer._dispatch.slot import Slot
from composer._lifecycle.apps import Apps
from composer._lifecycle.lifespan import Body, Handshake, context_lifespan, is_context_manager
from composer._lifecycle.part import Part, StartFailedError, log, stop_and_log
from composer._lifecycle.signals import StoppedError, unless_stopped, watch_signals
from composer._model import PartStatus, Plan, State, Step
from composer._text import listed
from composer.errors import PartError, ShutdownError, StartupError


class Lifecycle:
    """Run the lifespans of one plan, as often as a server does; `parts` tells how each is at the moment.

    `failed_to_stop` says whether a part did in any of the runs.
    """

    failed_to_stop = False

    def __init__(self, plan: Plan, mounted: Mapping[str, Slot]) -> None:
        self._plan = plan
        self._mounted = mounted
        self._parts: list[Part] = []
        self._listeners: list[Callable[[], None]] = []
        self._around_starts: list[Callable[[], AbstractContextManager[object]]] = []

    def when_started(self, tell: Callable[[], None]) -> None:
        """Call `tell` each time that everything has started; an exception that it raises is logged, no more."""
        self._listeners.append(tell)

    def run_from_now_on(self, plan: Plan) -> None:
        """Run this plan at the next start: the same apps, with other cornerstones."""
        self._plan = plan

    def while_starting(self, watch: Callable[[], AbstractContextManager[object]]) -> None:
        """Enter what `watch` returns before each start of everything, and leave it when that start is over."""
        self._around_starts.append(watch)

    def parts(self) -> list[PartStatus]:
        """Return how each part is, in the order in which they start; before any start, each as pending."""
        if self._parts:
            return [part.status for part in self._parts]
        cornerstones = [PartStatus("cornerstone", built.name) for built in self._plan.cornerstones]
        return cornerstones + [
            PartStatus("app", built.name, required=built.declared.required) for built in self._plan.apps
        ]

    def steps(self) -> list[Step]:
        """Return what took how long: the imports, the constructions, and the starts that have begun."""
        starts = [step for part in self._parts if (step := part.step())]
        return [*self._plan.steps, *starts]

    def apps(self) -> dict[str, PartStatus]:
        """Return how each app is, by name."""
        return {part.name: part for part in self.parts() if part.kind == "app"}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything on entry and stop it on exit.

        Raises StartupError when a part fails to start, or the process is told to stop meanwhile, after all that had
        started was stopped, and ShutdownError when parts fail to stop, after all were.
        """
        with watch_signals() as stopping:
            run = _Run(self._plan, self._mounted)
            self._parts = run.all_parts
            with ExitStack() as watched:
                for watch in self._around_starts:
                    watched.enter_context(watch())
                await _start_or_roll_back(run)
            try:
                self._call_listeners()
                yield
            finally:
                stopping()
                failures = await _uninterrupted(run.stop())
                if failures:
                    self.failed_to_stop = True
                    raise ShutdownError(_failure_summary(failures, "stop"), failures)

    def _call_listeners(self) -> None:
        for tell in self._listeners:
            try:
                tell()
            except Exception:
                log.exception("what was to be told of the start could not hear it; everything serves all the same")


async def _start_or_roll_back(run: "_Run") -> None:
    """Start everything, or stop what had started and raise StartupError."""
    try:
        await unless_stopped(run.start())
    except BaseException as error:
        parts_under_way = [part for part in run.all_parts if part.status.state in (State.STARTING, State.STOPPED)]
        failures = await _uninterrupted(run.stop())
        if isinstance(error, StoppedError):
            error = StartFailedError([_stop_requested(part) for part in parts_under_way or run.all_parts])
        if isinstance(error, StartFailedError):
            raise _startup_error(error.failures, failures) from None
        raise


def _startup_error(failures: Sequence[PartError], of_the_stop: Sequence[PartError]) -> StartupError:
    """Return the error with all failures in it, each told in the log too, without the traceback that it carries."""
    for failure in failures:
        log.error("%s", failure)
    return StartupError(_failure_summary(failures, "start"), [*failures, *of_the_stop])


def _stop_requested(part: Part) -> PartError:
    return PartError(part.status.kind, part.status.name, "start", "the process was told to stop during the start")


def _failure_summary(failures: Sequence[PartError], phase: str) -> str:
    names = listed(f"{failure.kind} {failure.name}" for failure in failures)
    return f"failed to {phase}: {names}"


async def _uninterrupted(stopping: Coroutine[Any, Any, list[PartError]]) -> list[PartError]:
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


class _Run:
    """One run of all the lifespans, from start to stop."""

    def __init__(self, plan: Plan, mounted: Mapping[str, Slot]) -> None:
        self._cornerstones = [
            Part(
                "cornerstone",
                built.name,
                built.declared,
                context_lifespan(_as_context_manager(built.value)),
                secrets=plan.secrets,
            )
            for built in plan.cornerstones
        ]
        self._apps = Apps(plan, mounted)
        self._serving = [
            Part("cornerstone", f"{built.name}.serving", built.declared, _serving(built.value), secrets=plan.secrets)
            for built in plan.cornerstones
            if callable(getattr(built.value, "serving", None))
        ]
        self._started: list[Part] = []

    @property
    def all_parts(self) -> list[Part]:
        """Every part, in the order of the start."""
        return [*self._cornerstones, *self._apps.parts.values(), *self._serving]

    async def start(self) -> None:
        """Start all parts; raise StartFailedError with every failure."""
        self._apps.announce()
        for part in self._cornerstones:
            await self._start_one(part)
        await self._apps.start()
        for part in self._serving:
            await self._start_one(part)

    async def _start_one(self, part: Part) -> None:
        try:
            await part.start()
        except PartError as failure:
            raise StartFailedError([failure]) from None
        self._started.append(part)

    async def stop(self) -> list[PartError]:
        """Stop all that had started, mirroring the start; return every failure."""
        failures = []
        for part in reversed([part for part in self._started if part in self._serving]):
            failures += await stop_and_log(part)
        failures += await self._apps.stop()
        for part in reversed([part for part in self._started if part in self._cornerstones]):
            failures += await stop_and_log(part)
        return failures


def _as_context_manager(value: Any) -> Any:
    return value if is_context_manager(value) else nullcontext()


def _serving(value: Any) -> Body:
    async def body(handshake: Handshake) -> None:
        await context_lifespan(value.serving())(handshake)

    return body
