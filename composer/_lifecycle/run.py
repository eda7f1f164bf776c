"""One run of everything, from start to stop, and as many of them as a server wants; parts may be replaced meanwhile.

A start that fails stops what had started, and raises with every part's own error in it. Stopping stops everything,
whatever fails on the way.
"""

import asyncio
from collections import ChainMap
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from contextvars import Context, copy_context
from typing import Any, TypeVar

from composer._dispatch.threads import POOL, Pool
from composer._dispatch.version import Version
from composer._lifecycle.apps import RunningApp, start_apps, start_replacements, stop_apps
from composer._lifecycle.lifespan import Body, Handshake, context_lifespan, uninterrupted
from composer._lifecycle.part import Part, StartFailedError, cancel_all, log
from composer._lifecycle.signals import StoppedError, set_for_replaced, unless_stopped, watch_signals
from composer._model import PartStatus, Plan, State, Step
from composer._text import listed
from composer.errors import PartError, ShutdownError, StartupError

Versions = Mapping[str, Version]
Result = TypeVar("Result")


class Lifecycle:
    """Run the lifespans of the current plan, as often as a server does, and replace some of them in a run.

    `plan` returns the current plan, `versions` the versions of its apps by name. `failed_to_stop` is true once a part
    has failed to stop in one of the runs.
    """

    failed_to_stop = False

    def __init__(self, plan: Callable[[], Plan], versions: Callable[[], Versions]) -> None:
        self._plan = plan
        self._versions = versions
        # The last run, and whether it still runs; what starts or drains beside it.
        self._run: Run | None = None
        self._is_running = False
        self._changes: set[asyncio.Task[Any]] = set()
        self._listeners: list[Callable[[], None]] = []
        self._start_observers: list[Callable[[], AbstractContextManager[object]]] = []

    def when_started(self, callback: Callable[[], None]) -> None:
        """Call back each time that everything has started; an exception that the callback raises is only logged."""
        self._listeners.append(callback)

    def while_starting(self, observer: Callable[[], AbstractContextManager[object]]) -> None:
        """Enter the context manager that `observer` returns before each start, and leave it when the start is over."""
        self._start_observers.append(observer)

    def parts(self) -> list[PartStatus]:
        """Return the status of each part, in the order in which they start; before any start, each is pending."""
        if self._run is not None:
            return [part.status for part in self._run.parts]
        plan = self._plan()
        cornerstones = [PartStatus("cornerstone", built.name) for built in plan.cornerstones]
        return cornerstones + [PartStatus("app", built.name, required=built.declared.required) for built in plan.apps]

    def steps(self) -> list[Step]:
        """Return how long each step took: the imports, the constructions, and the starts that have begun."""
        parts = self._run.parts if self._run is not None else []
        return [*self._plan().steps, *(step for part in parts if (step := part.step()))]

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
            run = self._run = Run(self._plan(), self._versions())
            with ExitStack() as observers:
                for observer in self._start_observers:
                    observers.enter_context(observer())
                await _start_or_roll_back(run, run.start())
            self._is_running = True
            try:
                self._call_listeners()
                yield
            finally:
                begin_stop()
                self._is_running = False
                if failures := await uninterrupted(self._stop(run)):
                    self.failed_to_stop = True
                    raise ShutdownError(_failure_summary(failures, "stop"), failures)

    def _call_listeners(self) -> None:
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                log.exception("a callback of the start failed; the composition serves all the same")

    async def _stop(self, run: "Run") -> list[PartError]:
        # What is half started is rolled back, and what drains is stopped, as they are cancelled.
        await cancel_all(self._changes)
        return await run.stop()

    async def replace(self, new: Plan, versions: Versions, commit: Callable[[], None]) -> asyncio.Task[None]:
        """Start the parts of `new` beside those that run, and put them in the place of those of the same names.

        They start whatever their `startup` says. Then `commit` is called, which makes the next plan the current one:
        parts that this doesn't have are left out, others are only added. Returns the task that stops what was replaced
        or left out, once its requests are answered; nothing has to await it.

        Raises StartupError where a part fails to start, or the process is asked to stop meanwhile, after all that had
        started was stopped, and RuntimeError where nothing runs. Nothing has changed then.
        """
        current = self.current_run()
        started = Run(new, versions, beside=current)
        change = self._change(self._start_beside(current, started, commit, POOL.get()), started)
        try:
            return await change
        except asyncio.CancelledError:
            if self._is_running:
                raise
            raise RuntimeError("the server stopped before the parts were replaced") from None

    def current_run(self) -> "Run":
        """Return what runs; raise RuntimeError where nothing does."""
        if self._run is None or not self._is_running:
            raise RuntimeError("the composition isn't running: parts can only be replaced between its start and stop")
        return self._run

    async def _start_beside(
        self, current: "Run", started: "Run", commit: Callable[[], None], caller: Pool | None
    ) -> asyncio.Task[None]:
        await _start_or_roll_back(started, started.start_replacements())
        # No await from here on: no request comes between.
        commit()
        replaced = current.replace(self._plan(), started)
        return self._change(self._retire(replaced, caller), replaced)

    async def _retire(self, replaced: "Run", caller: Pool | None) -> None:
        """Stop what was replaced once its requests, except the caller's, are answered; at once if the server stops."""
        with suppress(asyncio.CancelledError):
            await replaced.drain(caller)
        with suppress(asyncio.CancelledError):
            self.failed_to_stop |= bool(await uninterrupted(replaced.stop()))

    def _change(self, coroutine: Coroutine[Any, Any, Result], run: "Run") -> asyncio.Task[Result]:
        change = asyncio.create_task(coroutine, name="change of the composition", context=run.context.copy())
        self._changes.add(change)
        change.add_done_callback(self._changes.discard)
        return change


async def _start_or_roll_back(run: "Run", start: Coroutine[Any, Any, None]) -> None:
    """Start the parts of a run, or stop what had started and raise StartupError."""
    try:
        await unless_stopped(start)
    except BaseException as error:
        interrupted = [part for part in run.parts if part.status.state in (State.STARTING, State.STOPPED)]
        stop_failures = await uninterrupted(run.stop())
        failures = error.failures if isinstance(error, StartFailedError) else []
        if isinstance(error, StoppedError):
            failures = [_stop_requested(part.status) for part in interrupted or run.parts]
        if not isinstance(error, StartFailedError | StoppedError):
            raise
        for failure in failures:
            # Without the traceback: the StartupError carries it.
            log.error("%s", failure)
        raise StartupError(_failure_summary(failures, "start"), [*failures, *stop_failures]) from None


def _stop_requested(status: PartStatus) -> PartError:
    return PartError(status.kind, status.name, "start", "the process was asked to stop during the start")


def _failure_summary(failures: Sequence[PartError], phase: str) -> str:
    names = listed(f"{failure.kind} {failure.name}" for failure in failures)
    return f"failed to {phase}: {names}"


class Run:
    """The parts of a plan from start to stop: all of a composition, or some that start beside the others or are left.

    `versions` are those of the plan's apps by name. Parts that start beside others have the context of their start.
    """

    def __init__(self, plan: Plan, versions: Versions, beside: "Run | None" = None) -> None:
        self.context: Context = copy_context() if beside is None else beside.context
        self._cornerstones = {
            built.name: Part("cornerstone", built.name, built.declared, _lifetime(built.value), secrets=plan.secrets)
            for built in plan.cornerstones
        }
        self.apps = {
            built.name: RunningApp(built, versions[built.name], self.context, plan.secrets) for built in plan.apps
        }
        self._serving = {
            built.name: Part(
                "cornerstone", f"{built.name}.serving", built.declared, _serving(serving), secrets=plan.secrets
            )
            for built in plan.cornerstones
            if (serving := built.hook("serving"))
        }
        self._connect(self.apps if beside is None else ChainMap(self.apps, beside.apps))

    def _connect(self, apps: Mapping[str, RunningApp]) -> None:
        """Let its apps find those that have to be up before them."""
        for app in self.apps.values():
            app.apps = apps

    @property
    def parts(self) -> list[Part]:
        """Every part, in the order of the start."""
        apps = [app.part for app in self.apps.values()]
        return [*self._cornerstones.values(), *apps, *self._serving.values()]

    async def start(self) -> None:
        """Start all parts; raise StartFailedError with every failure."""
        for app in self.apps.values():
            app.announce()
        await _start_each(self._cornerstones.values())
        await start_apps(self.apps.values())
        await _start_each(self._serving.values())

    async def start_replacements(self) -> None:
        """Start all parts, once, whatever their `startup` says; raise StartFailedError with every failure."""
        await _start_each(self._cornerstones.values())
        await start_replacements(self.apps.values())
        await _start_each(self._serving.values())

    def replace(self, plan: Plan, started: "Run") -> "Run":
        """Take over the parts that another run has started; return those that they replace or the plan leaves out."""
        replaced = Run(plan._replace(cornerstones=(), apps=()), {}, beside=self)
        order = [built.name for built in plan.cornerstones]
        replaced._cornerstones = _take_over(self._cornerstones, started._cornerstones, order)
        replaced._serving = _take_over(self._serving, started._serving, order)
        replaced.apps = _take_over(self.apps, started.apps, [built.name for built in plan.apps])
        self._connect(self.apps)
        replaced._connect(replaced.apps)
        for part in replaced.parts:
            part.is_replaced = True
        return replaced

    async def drain(self, caller: Pool | None) -> None:
        """Wait until its apps have answered their requests, each for at most its `shutdown_timeout`.

        In a request of one of them, whose threads the `caller` then has, that request isn't waited for.
        """
        await asyncio.gather(*(self._drain(app, own=app.version.pool is caller) for app in self.apps.values()))

    async def _drain(self, app: RunningApp, own: bool) -> None:
        set_for_replaced(app.version.pool)
        seconds = app.declared.shutdown_timeout
        if not await app.version.drain(seconds, own):
            count = app.version.requests - own
            log.warning(
                "app %s: %d requests did not end within %g seconds after it was replaced",
                app.declared.name,
                count,
                seconds,
            )

    async def stop(self) -> list[PartError]:
        """Stop all that had started, mirroring the start; return every failure."""
        failures = await _stop_each(self._serving.values())
        failures += await stop_apps(self.apps.values())
        return failures + await _stop_each(self._cornerstones.values())


Running = TypeVar("Running")


def _take_over(current: dict[str, Running], started: dict[str, Running], order: Sequence[str]) -> dict[str, Running]:
    """Put what was started into the current ones, in that order; return what is no longer among them."""
    merged = current | started
    replaced = {name: each for name, each in current.items() if name in started or name not in order}
    current.clear()
    current.update({name: merged[name] for name in order if name in merged})
    return replaced


async def _start_each(parts: Collection[Part]) -> None:
    for part in parts:
        try:
            await part.start()
        except PartError as failure:
            raise StartFailedError([failure]) from None


async def _stop_each(parts: Collection[Part]) -> list[PartError]:
    started = [part for part in reversed(list(parts)) if part.has_started]
    return [failure for part in started for failure in await part.stop()]


def _lifetime(value: Any) -> Body:
    is_manager = isinstance(value, AbstractAsyncContextManager | AbstractContextManager)
    return context_lifespan(value if is_manager else nullcontext())


def _serving(hook: Callable[[], Any]) -> Body:
    async def body(handshake: Handshake) -> None:
        # The context manager is made only when the cornerstone is up.
        await context_lifespan(hook())(handshake)

    return body
