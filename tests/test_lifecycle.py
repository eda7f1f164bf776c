"""All lifespans together: the order, the isolation, the rollback."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from composer._dispatch.version import Version
from composer._lifecycle.run import Lifecycle
from composer._model import App, BuiltApp, BuiltCornerstone, Cornerstone, Plan, State
from composer._secrets import Secrets
from composer.errors import PartError, ShutdownError, StartupError

pytestmark = pytest.mark.anyio

Step = Callable[[], Any]


class Journal(list[str]):
    """What happened, in order; and parts that write into it, and do something else on the way where told to."""

    def app(self, name: str, *, after: tuple[str, ...] = (), enter: Step | None = None, leave: Step | None = None,
            startup_timeout: float = 5.0, shutdown_timeout: float = 5.0) -> BuiltApp:  # fmt: skip
        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
            self.append(f"{name} starts")
            await _do(enter)
            self.append(f"{name} is up")
            try:
                yield {"name": name}
            finally:
                self.append(f"{name} stops")
                await _do(leave)
                self.append(f"{name} has stopped")

        asgi = FastAPI(lifespan=lifespan)
        declared = App(
            name,
            f"/{name}",
            asgi,
            after=after,
            startup_timeout=startup_timeout,
            shutdown_timeout=shutdown_timeout,
        )
        return BuiltApp(declared, asgi, ())

    def cornerstone(self, name: str, *, enter: Step | None = None, leave: Step | None = None) -> BuiltCornerstone:
        @asynccontextmanager
        async def manager() -> AsyncIterator[None]:
            await _do(enter)
            self.append(f"{name} in")
            yield
            await _do(leave)
            self.append(f"{name} out")

        value = manager()
        return BuiltCornerstone(Cornerstone(name, lambda: value), value, object)


async def _do(step: Step | None) -> None:
    if step is not None:
        result = step()
        if asyncio.iscoroutine(result):
            await result


def failing(error: BaseException) -> Step:
    def step() -> None:
        raise error

    return step


def lifecycle(apps: list[BuiltApp], cornerstones: list[BuiltCornerstone] | None = None) -> Lifecycle:
    plan = Plan(tuple(cornerstones or ()), tuple(apps), Secrets())
    versions = {app.name: Version(app.asgi) for app in apps}
    return Lifecycle(lambda: plan, lambda: versions)


def states(life: Lifecycle) -> dict[str, State]:
    return {part.name: part.state for part in life.parts()}


async def test_cornerstones_start_first_and_stop_last_in_mirrored_order() -> None:
    journal = Journal()
    life = lifecycle([journal.app("notes")], [journal.cornerstone("db"), journal.cornerstone("auth")])
    async with life.running():
        journal.append("serving")
    assert journal == [
        "db in", "auth in", "notes starts", "notes is up", "serving",
        "notes stops", "notes has stopped", "auth out", "db out",
    ]  # fmt: skip


async def test_apps_start_side_by_side() -> None:
    journal = Journal()
    both = asyncio.Barrier(2)
    # Each waits for the other inside its lifespan: one after the other would never come up.
    apps = [journal.app(name, enter=both.wait, leave=both.wait) for name in ("a", "b")]
    async with lifecycle(apps).running():
        assert {"a is up", "b is up"} <= set(journal)
    assert journal[-2:] in (["a has stopped", "b has stopped"], ["b has stopped", "a has stopped"])


async def test_an_app_starts_after_those_that_it_names_and_stops_before_them() -> None:
    journal = Journal()
    slow = lambda: asyncio.sleep(0.02)  # noqa: E731
    apps = [
        journal.app("a", after=("b", "c"), leave=slow),
        journal.app("b", after=("c",), enter=slow, leave=slow),
        journal.app("c", enter=slow, leave=slow),
    ]
    async with lifecycle(apps).running():
        journal.append("serving")
    assert journal == [
        "c starts", "c is up", "b starts", "b is up", "a starts", "a is up", "serving",
        "a stops", "a has stopped", "b stops", "b has stopped", "c stops", "c has stopped",
    ]  # fmt: skip


async def test_a_failed_start_stops_what_had_started_and_names_every_app_that_failed() -> None:
    journal = Journal()
    apps = [
        journal.app("good"),
        journal.app("bad", after=("good",), enter=failing(OSError("no weights"))),
        journal.app("worse", after=("good",), enter=failing(KeyError("token"))),
        journal.app("waiting", after=("bad",)),
    ]
    life = lifecycle(apps, [journal.cornerstone("db")])
    with pytest.raises(StartupError) as caught:
        async with life.running():
            journal.append("serving")
    messages = sorted(str(error) for error in caught.value.exceptions)
    assert messages == [
        "app bad failed to start: OSError: no weights",
        "app waiting failed to start: app bad, which must start first, did not start",
        "app worse failed to start: KeyError: 'token'",
    ]
    assert str(caught.value).startswith("failed to start: app ")
    assert {type(error.__cause__) for error in caught.value.exceptions} >= {OSError, KeyError}
    assert [row for row in journal if "good" in row or "db" in row] == [
        "db in", "good starts", "good is up", "good stops", "good has stopped", "db out",
    ]  # fmt: skip
    assert "serving" not in journal
    assert "waiting starts" not in journal


async def test_a_failed_start_cancels_the_starts_under_way_after_a_short_grace() -> None:
    journal = Journal()
    apps = [
        journal.app("bad", enter=failing(OSError("no"))),
        journal.app("slow", enter=lambda: asyncio.sleep(0.05)),
        journal.app("stuck", enter=lambda: asyncio.sleep(60)),
    ]
    life = lifecycle(apps)
    with pytest.raises(StartupError) as caught:
        async with life.running():
            pass
    assert [str(error) for error in caught.value.exceptions] == ["app bad failed to start: OSError: no"]
    assert "slow has stopped" in journal
    assert "stuck is up" not in journal
    assert states(life) == {"bad": State.FAILED, "slow": State.STOPPED, "stuck": State.STOPPED}


async def test_a_cornerstone_that_fails_starts_no_app_and_stops_the_cornerstones_before_it() -> None:
    journal = Journal()
    bad = journal.cornerstone("auth", enter=failing(PermissionError("no key")))
    life = lifecycle([journal.app("notes")], [journal.cornerstone("db"), bad])
    with pytest.raises(StartupError, match="failed to start: cornerstone auth"):
        async with life.running():
            pass
    assert journal == ["db in", "db out"]


async def test_an_app_that_is_not_up_in_time_fails_the_start() -> None:
    journal = Journal()
    app = journal.app("notes", enter=lambda: asyncio.sleep(60), startup_timeout=0.05)
    with pytest.raises(StartupError) as caught:
        async with lifecycle([app]).running():
            pass
    [error] = caught.value.exceptions
    assert str(error) == "app notes failed to start: TimeoutError: startup did not complete within 0.05 seconds"


async def test_a_failed_or_hanging_stop_keeps_nothing_else_from_stopping(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    apps = [
        journal.app("bad", leave=failing(OSError("disk full"))),
        journal.app("hanging", leave=lambda: asyncio.sleep(60), shutdown_timeout=0.05),
        journal.app("good"),
    ]
    with caplog.at_level(logging.ERROR, "composer"), pytest.raises(ShutdownError) as caught:
        async with lifecycle(apps, [journal.cornerstone("db")]).running():
            pass
    messages = sorted(str(error) for error in caught.value.exceptions)
    assert messages == [
        "app bad failed to stop: OSError: disk full",
        "app hanging failed to stop: TimeoutError: shutdown did not complete within 0.05 seconds",
    ]
    assert "good has stopped" in journal
    assert journal[-1] == "db out"
    assert sorted(record.getMessage() for record in caplog.records) == messages


async def test_serving_is_entered_once_all_have_started_and_left_before_any_stops() -> None:
    journal = Journal()

    class Announcer:
        def serving(self) -> AbstractContextManager[None]:
            @contextmanager
            def manager() -> Iterator[None]:
                journal.append("announced")
                yield
                journal.append("withdrawn")

            return manager()

    class Registry:
        def serving(self) -> AbstractAsyncContextManager[None]:
            @asynccontextmanager
            async def manager() -> AsyncIterator[None]:
                journal.append("registered")
                yield
                journal.append("deregistered")

            return manager()

    hooks = [BuiltCornerstone(Cornerstone(kind.__name__, kind), kind(), kind) for kind in (Announcer, Registry)]
    async with lifecycle([journal.app("notes")], hooks).running():
        journal.append("serving")
    assert journal == [
        "notes starts", "notes is up", "announced", "registered", "serving",
        "deregistered", "withdrawn", "notes stops", "notes has stopped",
    ]  # fmt: skip


async def test_a_serving_hook_that_fails_stops_everything() -> None:
    journal = Journal()

    class Registry:
        def serving(self) -> AbstractContextManager[None]:
            raise ConnectionError("no registry")

    hook = BuiltCornerstone(Cornerstone("registry", Registry), Registry(), Registry)
    with pytest.raises(StartupError, match=r"cornerstone registry\.serving"):
        async with lifecycle([journal.app("notes")], [hook]).running():
            pass
    assert journal[-1] == "notes has stopped"


async def test_a_cornerstone_that_is_no_context_manager_is_simply_up() -> None:
    class Enters:
        def __enter__(self) -> None:
            raise AssertionError("it can't be left, so it isn't entered")

    stones = [BuiltCornerstone(Cornerstone(name, object), value, object) for name, value in [("a", 1), ("b", Enters())]]
    life = lifecycle([], stones)
    async with life.running():
        assert states(life) == {"a": State.UP, "b": State.UP}


async def test_each_app_has_its_own_state() -> None:
    journal = Journal()
    apps = [journal.app("a"), journal.app("b")]
    plan = Plan((), tuple(apps), Secrets())
    versions = {app.name: Version(app.asgi) for app in apps}
    async with Lifecycle(lambda: plan, lambda: versions).running():
        assert {name: version.state for name, version in versions.items()} == {"a": {"name": "a"}, "b": {"name": "b"}}


async def test_a_composition_can_be_run_again() -> None:
    journal = Journal()
    life = lifecycle([journal.app("notes")])
    for _ in range(2):
        async with life.running():
            assert states(life) == {"notes": State.UP}
        assert states(life) == {"notes": State.STOPPED}
    assert journal.count("notes has stopped") == 2


async def test_parts_are_pending_before_the_start() -> None:
    journal = Journal()
    life = lifecycle([journal.app("notes")], [journal.cornerstone("db")])
    assert states(life) == {"db": State.PENDING, "notes": State.PENDING}


async def test_who_waits_for_the_start_is_told_each_time() -> None:
    told = []
    life = lifecycle([Journal().app("notes")])
    life.when_started(lambda: told.append(states(life)))
    async with life.running():
        pass
    assert told == [{"notes": State.UP}]


async def test_a_lifespan_that_ends_by_itself_is_logged_and_its_part_has_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})

    life = lifecycle([BuiltApp(App("guest", "/guest", app=asgi), asgi, ())])
    with caplog.at_level(logging.ERROR, "composer"):
        async with life.running():
            await asyncio.sleep(0.01)
            [part] = life.parts()
            assert (part.state, part.reason) == (State.FAILED, "failed to serve: LifespanError")
    assert [record.getMessage() for record in caplog.records] == [
        "app guest failed to serve: its lifespan exited while it was running"
    ]


async def test_cancelling_the_start_leaves_everything_that_was_entered() -> None:
    journal = Journal()
    entered = asyncio.Event()

    def enter() -> Any:
        entered.set()
        return asyncio.sleep(60)

    apps = [journal.app("good"), journal.app("slow", after=("good",), enter=enter)]
    life = lifecycle(apps, [journal.cornerstone("db")])

    async def run() -> None:
        async with life.running():
            journal.append("serving")

    task = asyncio.create_task(run())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert journal == [
        "db in", "good starts", "good is up", "slow starts", "good stops", "good has stopped", "db out",
    ]  # fmt: skip


async def test_cancelling_the_stop_does_not_keep_anything_from_stopping() -> None:
    journal = Journal()
    stopping = asyncio.Event()

    async def leave() -> None:
        stopping.set()
        await asyncio.sleep(0.05)

    async def run() -> None:
        async with lifecycle([journal.app("notes", leave=leave)], [journal.cornerstone("db")]).running():
            pass

    task = asyncio.create_task(run())
    await stopping.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert journal[-2:] == ["notes has stopped", "db out"]


def test_a_failure_names_the_part_and_the_phase_as_fields() -> None:
    error = PartError("app", "notes", "start", "OSError: no")
    assert (error.kind, error.name, error.phase, error.reason) == ("app", "notes", "start", "OSError: no")


async def test_a_failed_start_has_a_line_in_the_log_for_each_part(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    apps = [journal.app("bad", enter=failing(OSError("no weights"))), journal.app("waiting", after=("bad",))]
    with pytest.raises(StartupError) as caught:
        async with lifecycle(apps).running():
            pass
    assert caplog.messages == [str(error) for error in caught.value.exceptions]
    # What is raised carries the tracebacks.
    assert not any(record.exc_info for record in caplog.records)


async def test_an_app_that_says_that_it_failed_and_then_ends_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await asyncio.sleep(0.005)
        await send({"type": "lifespan.startup.failed", "message": "the broker went away"})
        await asyncio.sleep(0.005)

    async with lifecycle([BuiltApp(App("guest", "/guest", app=asgi), asgi, ())]).running():
        await asyncio.sleep(0.03)
    assert caplog.messages == ["app guest failed to serve: the broker went away"]


async def test_what_raises_when_it_is_told_of_the_start_is_logged_and_all_serves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal = Journal()
    life = lifecycle([journal.app("notes")], [journal.cornerstone("db")])
    life.when_started(failing(OSError("the terminal is closed")))
    life.when_started(lambda: journal.append("told"))
    async with life.running():
        assert states(life) == {"db": State.UP, "notes": State.UP}
    assert journal == ["db in", "notes starts", "notes is up", "told", "notes stops", "notes has stopped", "db out"]
    [record] = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the terminal is closed"


async def test_what_ends_the_process_when_it_is_told_of_the_start_stops_everything_first() -> None:
    journal = Journal()
    life = lifecycle([journal.app("notes")], [journal.cornerstone("db")])
    life.when_started(failing(SystemExit(1)))
    with pytest.raises(SystemExit):
        async with life.running():
            journal.append("serving")
    assert journal == ["db in", "notes starts", "notes is up", "notes stops", "notes has stopped", "db out"]
