"""One run of everything, from start to stop, and as many of them as a server wants.

A start that fails stops what had started, and raises with every part's own error in it. Stopping stops everything,
whatever fails on the way.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from typing import Any

from composer._dispatch.slot import Slot
from composer._lifecycle.apps import Apps
from composer._lifecycle.lifespan import Body, Handshake, context_lifespan, uninterrupted
from composer._lifecycle.part import Part, StartFailedError, log
from composer._lifecycle.signals import StoppedError, unless_stopped, watch_signals
from composer._model import PartStatus, Plan, State, Step
from composer._text import listed
from composer.errors import PartError, ShutdownError, StartupError


class Lifecycle:
    """Run the lifespans of one plan, as often as a server does.

    `failed_to_stop` is true once a part has failed to stop in one of the runs.
    """

    failed_to_stop = False

    def __init__(self, plan: Plan, slots: Mapping[str, Slot]) -> None:
        self._plan = plan
        self._slots = slots
        self._parts: list[Part] = []
        self._listeners: list[Callable[[], None]] = []
        self._start_observers: list[Callable[[], AbstractContextManager[object]]] = []

    def when_started(self, callback: Callable[[], None]) -> None:
        """Call back each time that everything has started; an exception that the callback raises is only logged."""
        self._listeners.append(callback)

    def run_from_now_on(self, plan: Plan) -> None:
        """Run this plan at the next start: the same apps, with other cornerstones."""
        self._plan = plan

    def while_starting(self, observer: Callable[[], AbstractContextManager[object]]) -> None:
        """Enter the context manager that `observer` returns before each start, and leave it when the start is over."""
        self._start_observers.append(observer)

    def parts(self) -> list[PartStatus]:
        """Return the status of each part, in the order in which they start; before any start, each is pending."""
        if self._parts:
            return [part.status for part in self._parts]
        cornerstones = [PartStatus("cornerstone", built.name) for built in self._plan.cornerstones]
        return cornerstones + [
            PartStatus("app", built.name, required=built.declared.required) for built in self._plan.apps
        ]

    def steps(self) -> list[Step]:
        """Return how long each step took: the imports, the constructions, and the starts that have begun."""
        starts = [step for part in self._parts if (step := part.step())]
        return [*self._plan.steps, *starts]

    def apps(self) -> dict[str, PartStatus]:
        """Return the status of each app, by name."""
        return {part.name: part for part in self.parts() if part.kind == "app"}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything on entry and stop it on exit.

        Raises StartupError when a part fails to start, or the process is asked to stop meanwhile, after all that had
        started was stopped, and ShutdownError when parts fail to stop, after all were.
        """
        with watch_signals() as begin_stop:
            run = _Run(self._plan, self._slots)
            self._parts = run.all_parts
            with ExitStack() as observers:
                for observer in self._start_observers:
                    observers.enter_context(observer())
                await _start_or_roll_back(run)
            try:
                self._call_listeners()
                yield
            finally:
                begin_stop()
                if failures := await uninterrupted(run.stop()):
                    self.failed_to_stop = True
                    raise ShutdownError(_failure_summary(failures, "stop"), failures)

    def _call_listeners(self) -> None:
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                log.exception("a callback of the start failed; the composition serves all the same")


async def _start_or_roll_back(run: "_Run") -> None:
    """Start everything, or stop what had started and raise StartupError."""
    try:
        await unless_stopped(run.start())
    except BaseException as error:
        interrupted = [part for part in run.all_parts if part.status.state in (State.STARTING, State.STOPPED)]
        stop_failures = await uninterrupted(run.stop())
        failures = error.failures if isinstance(error, StartFailedError) else []
        if isinstance(error, StoppedError):
            failures = [_stop_requested(part.status) for part in interrupted or run.all_parts]
        if not isinstance(error, StartFailedError | StoppedError):
            raise
        for failure in failures:
            # Without the traceback: the StartupError carries it.
            log.error("%s", failure)
        raise StartupError(_failure_summary(failures, "start"), [*failures, *stop_failures]) from None


def _stop_requested(status: PartStatus) -> PartError:
    return PartError(status.kind, status.name, "start", "the process was told to stop during the start")


def _failure_summary(failures: Sequence[PartError], phase: str) -> str:
    names = listed(f"{failure.kind} {failure.name}" for failure in failures)
    return f"failed to {phase}: {names}"


class _Run:
    """One run of all the lifespans, from start to stop."""

    def __init__(self, plan: Plan, slots: Mapping[str, Slot]) -> None:
        self._cornerstones = [
            Part("cornerstone", built.name, built.declared, context_lifespan(built.value), secrets=plan.secrets)
            for built in plan.cornerstones
        ]
        self._apps = Apps(plan, slots)
        self._serving = [
            Part("cornerstone", f"{built.name}.serving", built.declared, _serving(built.value), secrets=plan.secrets)
            for built in plan.cornerstones
            if callable(getattr(built.value, "serving", None))
        ]
        self._started: list[Part] = []

    @property
    def all_parts(self) -> list[Part]:
        """Every part, in the order of the start."""
        return [*self._cornerstones, *self._apps.parts, *self._serving]

    async def start(self) -> None:
        """Start all parts; raise StartFailedError with every failure."""
        self._apps.announce()
        await self._start_each(self._cornerstones)
        await self._apps.start()
        await self._start_each(self._serving)

    async def _start_each(self, parts: Sequence[Part]) -> None:
        for part in parts:
            try:
                await part.start()
            except PartError as failure:
                raise StartFailedError([failure]) from None
            self._started.append(part)

    async def stop(self) -> list[PartError]:
        """Stop all that had started, mirroring the start; return every failure."""
        failures = await self._stop_each(self._serving)
        failures += await self._apps.stop()
        return failures + await self._stop_each(self._cornerstones)

    async def _stop_each(self, parts: Sequence[Part]) -> list[PartError]:
        started = [part for part in reversed(parts) if part in self._started]
        return [failure for part in started for failure in await part.stop()]


def _serving(value: Any) -> Body:
    async def body(handshake: Handshake) -> None:
        # The context manager is made only when the cornerstone is up.
        await context_lifespan(value.serving())(handshake)

    return body
