"""One part's lifespan, in one task: started, stopped, failed, cancelled."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from composer._lifecycle import lifespan as lifespan_module
from composer._lifecycle.lifespan import Lifespan, LifespanError, asgi_lifespan, context_lifespan

pytestmark = pytest.mark.anyio


def lifespan_of(app: Any, state: dict[str, Any] | None = None) -> Lifespan:
    return Lifespan("app", asgi_lifespan(app, {} if state is None else state))


def open_tasks() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("lifespan of")]


async def test_what_an_app_yields_is_in_its_state_while_it_is_up() -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        yield {"model": "loaded"}

    state: dict[str, Any] = {}
    part = lifespan_of(FastAPI(lifespan=lifespan), state)
    await part.start(1)
    assert state == {"model": "loaded"}
    await part.stop(1)
    assert not open_tasks()


async def test_the_layers_of_an_app_are_made_when_it_starts() -> None:
    for app in (FastAPI(), Starlette()):
        part = lifespan_of(app)
        await part.start(1)
        assert app.middleware_stack is not None
        await part.stop(1)


class Listening:
    """Middleware, or a whole app, that is told of whatever passes it."""

    def __init__(self, app: ASGIApp, heard: list[str]) -> None:
        self.app, self.heard = app, heard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.heard.append(scope["type"])
        await self.app(scope, receive, send)


async def with_middleware(app: Starlette, heard: list[str], patch: pytest.MonkeyPatch) -> None:
    app.add_middleware(Listening, heard=heard)


async def with_layers_of_its_own(app: Starlette, heard: list[str], patch: pytest.MonkeyPatch) -> None:
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: Listening(build(), heard)  # type: ignore[method-assign]


async def with_a_router_of_its_own(app: Starlette, heard: list[str], patch: pytest.MonkeyPatch) -> None:
    app.router.middleware_stack = Listening(app.router.middleware_stack, heard)


async def with_an_instrumented_class(app: Starlette, heard: list[str], patch: pytest.MonkeyPatch) -> None:
    call = Starlette.__call__

    async def instrumented(self: Starlette, scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(scope["type"])
        await call(self, scope, receive, send)

    patch.setattr(Starlette, "__call__", instrumented)


@pytest.mark.parametrize("kind", [FastAPI, Starlette])
@pytest.mark.parametrize(
    "arrange", [with_middleware, with_layers_of_its_own, with_a_router_of_its_own, with_an_instrumented_class]
)
async def test_what_stands_around_an_apps_router_hears_of_its_lifespan(
    kind: type[Starlette], arrange: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    app = kind()
    await arrange(app, heard, monkeypatch)
    part = lifespan_of(app)
    await part.start(1)
    await part.stop(1)
    assert heard == ["lifespan"]


async def test_where_the_environment_asks_for_telemetry_fastapi_itself_hears_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[str] = []
    from fastapi.telemetry import _runtime

    monkeypatch.setattr(_runtime, "_configure_from_environment", lambda config: heard.append("asked"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    part = lifespan_of(FastAPI())
    await part.start(1)
    await part.stop(1)
    assert heard == ["asked"]


async def test_a_lifespan_is_entered_and_left_in_one_task() -> None:
    tasks: list[object] = []
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # A task group can only be left in the task that entered it, a token only be reset in its own context.
        async with anyio.create_task_group():
            token = variable.set("entered")
            tasks.append(asyncio.current_task())
            yield
            tasks.append(asyncio.current_task())
            variable.reset(token)

    part = lifespan_of(Starlette(lifespan=lifespan))
    await part.start(1)
    await part.stop(1)
    assert tasks[0] is tasks[1]
    assert tasks[0] is not asyncio.current_task()


async def test_an_app_that_raises_before_it_received_anything_has_no_lifespan_and_is_up() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("only http here")

    part = lifespan_of(app)
    await part.start(1)
    await part.stop(1)
    assert not open_tasks()


async def test_an_app_that_returns_before_it_received_anything_has_no_lifespan_and_is_up() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        return

    part = lifespan_of(app)
    await part.start(1)
    await part.stop(1)
    assert not open_tasks()


async def test_an_app_that_raises_after_it_received_startup_has_failed_with_its_own_error() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise ValueError("no model here")

    with pytest.raises(ValueError, match="no model here"):
        await lifespan_of(app).start(1)
    assert not open_tasks()


@pytest.mark.parametrize("kind", [FastAPI, Starlette])
async def test_a_fastapi_or_starlette_app_that_raises_at_all_has_failed(kind: type[Starlette]) -> None:
    class Broken:
        def __init__(self, app: ASGIApp, /, **options: Any) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise RuntimeError("middleware is broken")

    app = kind()
    app.add_middleware(Broken)
    with pytest.raises(RuntimeError, match="middleware is broken"):
        await lifespan_of(app).start(1)


async def test_the_error_that_starlette_raises_after_startup_failed_is_the_one_reported() -> None:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        raise KeyError("weights")
        yield

    with pytest.raises(KeyError, match="weights"):
        await lifespan_of(Starlette(lifespan=lifespan)).start(1)


async def test_an_app_that_only_sends_startup_failed_has_failed_with_its_message() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "the disk is full"})

    with pytest.raises(LifespanError, match="the disk is full"):
        await lifespan_of(app).start(1)


async def test_an_app_that_returns_without_completing_its_startup_has_failed() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    with pytest.raises(LifespanError, match="its lifespan exited before startup was complete"):
        await lifespan_of(app).start(1)


async def test_a_message_outside_the_protocol_is_a_failure() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200})

    with pytest.raises(LifespanError, match=r"'http\.response\.start', which is not a lifespan message"):
        await lifespan_of(app).start(1)


async def test_a_start_that_takes_too_long_is_cancelled_and_reported() -> None:
    left = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await asyncio.sleep(60)
            yield
        finally:
            left.append(True)

    with pytest.raises(TimeoutError, match=r"startup did not complete within 0\.05 seconds"):
        await lifespan_of(FastAPI(lifespan=lifespan)).start(0.05)
    assert left == [True]
    assert not open_tasks()


async def test_a_stop_that_takes_too_long_is_cancelled_and_reported() -> None:
    left = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        try:
            await asyncio.sleep(60)
        finally:
            left.append(True)

    part = lifespan_of(FastAPI(lifespan=lifespan))
    await part.start(1)
    with pytest.raises(TimeoutError, match=r"shutdown did not complete within 0\.05 seconds"):
        await part.stop(0.05)
    assert left == [True]
    assert not open_tasks()


async def test_an_error_while_stopping_is_raised_by_stop() -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        raise OSError("can't flush")

    part = lifespan_of(FastAPI(lifespan=lifespan))
    await part.start(1)
    with pytest.raises(OSError, match="can't flush"):
        await part.stop(1)


@pytest.mark.parametrize("phase", ["start", "stop"])
async def test_a_lifespan_that_is_deaf_to_cancellation_is_left_behind_with_a_line_in_the_log(
    phase: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lifespan_module, "CANCEL_GRACE", 0.01)
    end = asyncio.Event()

    async def deaf() -> None:
        while not end.is_set():
            with suppress(asyncio.CancelledError):
                await end.wait()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await deaf() if phase == "start" else await send({"type": "lifespan.startup.complete"})
        await deaf()

    part = lifespan_of(app)
    if phase == "start":
        with pytest.raises(TimeoutError, match=r"startup did not complete within 0\.01 seconds"):
            await part.start(0.01)
    else:
        await part.start(1)
        with pytest.raises(TimeoutError, match=r"shutdown did not complete within 0\.01 seconds"):
            await part.stop(0.01)
    assert caplog.messages == ["lifespan of app ignored cancellation; abandoning it"]
    assert not part.ended
    end.set()
    await asyncio.sleep(0.01)
    assert part.ended


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
async def test_what_would_end_the_process_ends_its_own_lifespan_alone(error: BaseException) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        raise error

    part = lifespan_of(FastAPI(lifespan=lifespan))
    await part.start(1)
    with pytest.raises(type(error)):
        await part.stop(1)
    assert not open_tasks()


async def test_cancelling_a_start_leaves_what_was_entered() -> None:
    entered, left = asyncio.Event(), []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        entered.set()
        try:
            await asyncio.sleep(60)
            yield
        finally:
            left.append(True)

    start = asyncio.create_task(lifespan_of(FastAPI(lifespan=lifespan)).start(60))
    await entered.wait()
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert left == [True]
    assert not open_tasks()


async def test_a_lifespan_that_ends_by_itself_is_told() -> None:
    end, told = asyncio.Event(), asyncio.Queue[BaseException | None]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await end.wait()
        raise RuntimeError("the broker went away")

    part = lifespan_of(app)
    await part.start(1)
    part.when_ended(told.put_nowait)
    end.set()
    assert str(await told.get()) == "the broker went away"
    with pytest.raises(RuntimeError, match="the broker went away"):
        await part.stop(1)


async def test_a_lifespan_that_is_stopped_is_not_told_to_have_ended_by_itself() -> None:
    told: list[BaseException | None] = []
    part = lifespan_of(FastAPI())
    await part.start(1)
    part.when_ended(told.append)
    await part.stop(1)
    await asyncio.sleep(0)
    assert told == []


async def test_a_part_that_was_never_started_can_be_stopped() -> None:
    await lifespan_of(FastAPI()).stop(1)
    assert not open_tasks()


async def test_sync_and_async_context_managers_are_entered_and_left() -> None:
    seen: list[str] = []

    @contextmanager
    def plain() -> Iterator[None]:
        seen.append("plain in")
        yield
        seen.append("plain out")

    @asynccontextmanager
    async def awaited() -> AsyncIterator[None]:
        seen.append("awaited in")
        yield
        seen.append("awaited out")

    for manager in (plain(), awaited()):
        part = Lifespan("cornerstone", context_lifespan(manager))
        await part.start(1)
        await part.stop(1)
    assert seen == ["plain in", "plain out", "awaited in", "awaited out"]
