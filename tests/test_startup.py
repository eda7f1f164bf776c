"""When an app starts, and what its failure does to the others: `startup` and `on_failure`, over HTTP."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import httpx
import pytest
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

import composer
from composer import App, StartupError
from composer._lifecycle import apps as lifecycle_apps

pytestmark = pytest.mark.anyio

# What middleware of the root may say of a request.
USER: ContextVar[str] = ContextVar("user")


class Scene:
    """Apps that write down what happens to them, and do what a test says while they start."""

    def __init__(self) -> None:
        self.journal: list[str] = []

    def app(self, name: str, enter: Callable[[], Awaitable[Any]] | None = None, **more: Any) -> App:
        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
            self.journal.append(f"{name} starts")
            await enter() if enter else None
            self.journal.append(f"{name} is up")
            yield {"word": f"of {name}"}
            self.journal.append(f"{name} stops")

        def create_app() -> FastAPI:
            app = FastAPI(lifespan=lifespan)

            @app.get("/")
            def read(request: Request) -> str:
                word: str = request.state.word
                return word

            return app

        return App(name, f"/{name}", create_app, **more)


@asynccontextmanager
async def running(*apps: App) -> AsyncIterator[httpx.AsyncClient]:
    app = composer.compose(apps)
    async with (
        app.router.lifespan_context(app) as state,
        httpx.AsyncClient(transport=httpx.ASGITransport(with_state(app, state)), base_url="http://test") as client,
    ):
        yield client


def with_state(app: FastAPI, state: Any) -> Any:
    async def served(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": dict(state or {})}, receive, send)

    return served


def failing(times: int, error: type[Exception] = OSError) -> Callable[[], Awaitable[None]]:
    left = [error(f"attempt {number}") for number in range(1, times + 1)]

    async def enter() -> None:
        if left:
            raise left.pop(0)

    return enter


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle_apps, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(lifecycle_apps, "LONGEST_PAUSE", 0.05)


async def until(client: httpx.AsyncClient, path: str) -> httpx.Response:
    with_time = asyncio.get_running_loop().time() + 5
    while (answer := await client.get(path)).status_code == 503:
        assert asyncio.get_running_loop().time() < with_time
        await asyncio.sleep(0.005)
    return answer


def assert_unavailable(answer: httpx.Response, detail: str) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["detail"] == detail


async def part(client: httpx.AsyncClient, name: str) -> tuple[int, str, str | None]:
    answer = await client.get("/readyz")
    [row] = [row for row in answer.json()["parts"] if row["name"] == name]
    return answer.status_code, row["state"], row["reason"]


# -- background --------------------------------------------------------------------------------------------


async def test_the_server_opens_while_an_app_starts_in_the_background() -> None:
    scene, go = Scene(), asyncio.Event()
    apps = [scene.app("slow", go.wait, startup="background"), scene.app("quick")]
    async with running(*apps) as client:
        assert (await client.get("/quick")).json() == "of quick"
        assert_unavailable(await client.get("/slow"), "The app is starting.")
        assert await part(client, "slow") == (503, "starting", None)
        told = {entry["name"]: entry["state"] for entry in (await client.get("/docs/apps")).json()}
        assert told == {"quick": "up", "slow": "starting"}
        go.set()
        assert (await until(client, "/slow")).json() == "of slow"
        assert await part(client, "slow") == (200, "up", None)
    assert sorted(scene.journal[-2:]) == ["quick stops", "slow stops"]


async def test_a_background_start_that_fails_is_tried_again_until_it_is_up(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    async with running(scene.app("shy", failing(3), startup="background")) as client:
        assert (await until(client, "/shy")).json() == "of shy"
        assert await part(client, "shy") == (200, "up", None)
    assert scene.journal == ["shy starts"] * 4 + ["shy is up", "shy stops"]
    told = [message.split("; retrying in ")[0] for message in caplog.messages]
    assert told == [f"app shy failed to start: OSError: attempt {number}" for number in (1, 2, 3)]
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 3


async def test_between_two_attempts_the_app_says_that_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle_apps, "FIRST_PAUSE", 30.0)
    monkeypatch.setattr(lifecycle_apps, "LONGEST_PAUSE", 60.0)
    async with running(Scene().app("shy", failing(1), startup="background")) as client:
        async with asyncio.timeout(5):
            while "retried" not in (answer := await client.get("/shy")).json()["detail"]:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert_unavailable(answer, "The app failed to start and will be retried.")
        assert int(answer.headers["retry-after"]) >= 30
        assert await part(client, "shy") == (503, "failed", "failed to start: OSError")


async def test_a_stop_ends_a_start_in_the_background_and_the_pause_after_one() -> None:
    scene = Scene()
    apps = [
        scene.app("stuck", asyncio.Event().wait, startup="background"),
        scene.app("bad", failing(100), startup="background"),
    ]
    before = asyncio.all_tasks()
    async with running(*apps) as client:
        await asyncio.sleep(0.02)
        assert (await client.get("/stuck")).status_code == 503
    assert asyncio.all_tasks() == before
    assert not any("is up" in row for row in scene.journal)


async def test_an_app_after_a_background_one_waits_for_it() -> None:
    scene, go = Scene(), asyncio.Event()
    apps = [
        scene.app("first", go.wait, startup="background"),
        scene.app("second", startup="background", after=("first",)),
        scene.app("third"),
    ]
    async with running(*apps) as client:
        assert_unavailable(await client.get("/second"), "The app is starting.")
        go.set()
        await until(client, "/second")
    journal = scene.journal
    assert journal.index("second starts") > journal.index("first is up")
    assert journal.index("first stops") > journal.index("second stops")


# -- lazy --------------------------------------------------------------------------------------------------


async def test_a_lazy_app_is_started_by_its_first_request_which_waits_for_it() -> None:
    scene, go = Scene(), asyncio.Event()
    async with running(scene.app("lazy", go.wait, startup="lazy")) as client:
        assert await part(client, "lazy") == (200, "pending", None)
        assert scene.journal == []
        asking = [asyncio.create_task(client.get("/lazy")) for _ in range(3)]
        await asyncio.sleep(0.02)
        assert scene.journal == ["lazy starts"]
        go.set()
        assert [(await answer).json() for answer in asking] == ["of lazy"] * 3
    assert scene.journal == ["lazy starts", "lazy is up", "lazy stops"]


async def test_a_lazy_app_that_nobody_asks_for_is_never_started() -> None:
    scene = Scene()
    async with running(scene.app("lazy", startup="lazy")):
        pass
    assert scene.journal == []


async def test_a_client_that_leaves_does_not_end_the_start_that_it_began() -> None:
    scene, go = Scene(), asyncio.Event()
    async with running(scene.app("lazy", go.wait, startup="lazy")) as client:
        asking = asyncio.create_task(client.get("/lazy"))
        await asyncio.sleep(0.02)
        asking.cancel()
        go.set()
        assert (await client.get("/lazy")).json() == "of lazy"
    assert scene.journal == ["lazy starts", "lazy is up", "lazy stops"]


async def test_a_lazy_start_that_fails_is_told_and_tried_again() -> None:
    async with running(Scene().app("lazy", failing(2), startup="lazy")) as client:
        assert (await client.get("/lazy")).status_code == 503
        status, state, _ = await part(client, "lazy")
        assert (status, state) in [(200, "failed"), (200, "starting")]
        assert (await until(client, "/lazy")).json() == "of lazy"


async def test_an_app_after_a_lazy_one_has_it_started() -> None:
    scene = Scene()
    async with running(scene.app("lazy", startup="lazy"), scene.app("eager", after=("lazy",))) as client:
        assert scene.journal == ["lazy starts", "lazy is up", "eager starts", "eager is up"]
        assert (await client.get("/lazy")).json() == "of lazy"


async def test_a_lazy_start_knows_nothing_of_the_request_that_it_is_begun_by() -> None:
    seen: dict[str, str] = {}

    def note(name: str) -> Callable[[], Awaitable[None]]:
        async def enter() -> None:
            seen[name] = USER.get()

        return enter

    scene = Scene()
    first = scene.app("first", note("first"), startup="lazy")
    second = scene.app("second", note("second"), startup="lazy", after=("first",))
    USER.set("the server")
    async with running(first, second) as client:
        USER.set("ada")
        assert (await client.get("/second/")).status_code == 200
    assert seen == {"first": "the server", "second": "the server"}


async def test_a_start_that_a_request_began_is_tried_again_without_it() -> None:
    seen: list[str] = []
    fail = failing(1)

    async def enter() -> None:
        seen.append(USER.get())
        await fail()

    USER.set("the server")
    async with running(Scene().app("guest", enter, startup="lazy")) as client:
        USER.set("ada")
        await until(client, "/guest/")
    assert seen == ["the server", "the server"]


@pytest.mark.parametrize("startup", ["wait", "background", "lazy"])
async def test_a_lifespan_changes_the_threads_of_its_own_app_and_of_no_other(startup: Any) -> None:
    def app(name: str, threads: int | None, **more: Any) -> App:
        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            if threads is not None:
                current_default_thread_limiter().total_tokens = threads
            yield

        asgi = FastAPI(lifespan=lifespan)

        @asgi.get("/")
        async def read() -> float:
            return current_default_thread_limiter().total_tokens

        return App(name, f"/{name}", asgi, startup=startup, **more)

    apps = [app("heavy", 100), app("light", 3, after=("heavy",)), app("plain", None, after=("light",))]
    before = current_default_thread_limiter().total_tokens
    async with running(*apps) as client:
        answers = [(await until(client, path)).json() for path in ("/plain/", "/light/", "/heavy/")]
        assert current_default_thread_limiter().total_tokens == before
    assert answers == [before, 3, 100]


# -- on_failure --------------------------------------------------------------------------------------------


async def test_the_others_serve_without_an_app_that_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    async with running(scene.app("weak", failing(1), on_failure="degrade"), scene.app("strong")) as client:
        assert (await client.get("/strong")).json() == "of strong"
        assert_unavailable(await client.get("/weak"), "The app failed to start.")
        assert await part(client, "weak") == (200, "failed", "failed to start: OSError")
    assert caplog.messages == ["app weak failed to start: OSError: attempt 1"]
    assert scene.journal[-1] == "strong stops"


async def test_what_comes_after_an_app_that_failed_fails_with_it() -> None:
    scene = Scene()
    apps = [
        scene.app("weak", failing(1), on_failure="degrade"),
        scene.app("follower", after=("weak",), on_failure="degrade"),
    ]
    async with running(*apps) as client:
        assert_unavailable(await client.get("/follower"), "The app failed to start.")
    assert scene.journal == ["weak starts"]


async def test_a_required_app_after_one_that_failed_fails_the_start() -> None:
    scene = Scene()
    apps = [scene.app("weak", failing(1), on_failure="degrade"), scene.app("strict", after=("weak",))]
    with pytest.raises(StartupError) as caught:
        async with running(*apps):
            pass
    [error] = caught.value.exceptions
    assert str(error) == "app strict failed to start: app weak, which must start first, did not start"


async def test_a_required_app_that_fails_ends_what_starts_in_the_background() -> None:
    scene = Scene()
    before = asyncio.all_tasks()
    apps = [
        scene.app("bad", failing(1)),
        scene.app("stuck", asyncio.Event().wait, startup="background"),
        scene.app("good"),
    ]
    with pytest.raises(StartupError, match="failed to start: app bad"):
        async with running(*apps):
            pass
    assert asyncio.all_tasks() == before
    assert scene.journal[-1] == "good stops"


async def test_an_app_whose_lifespan_has_ended_answers_that_it_has_failed_and_the_others_serve() -> None:
    end = asyncio.Event()

    async def guest(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await end.wait()

    async with running(App("guest", "/guest", app=guest), Scene().app("strong")) as client:
        end.set()
        await asyncio.sleep(0.01)
        assert_unavailable(await client.get("/guest"), "The app has failed.")
        assert await part(client, "guest") == (503, "failed", "failed to serve: LifespanError")
        assert (await client.get("/strong")).json() == "of strong"


def test_websockets_of_apps_that_are_not_up_are_answered_503_while_the_others_serve() -> None:
    scene = Scene()
    late = scene.app("late", asyncio.Event().wait, startup="background")
    failed = scene.app("failed", failing(1), on_failure="degrade")
    with TestClient(composer.compose([late, failed, scene.app("other")])) as client:
        for name, detail in (("late", "The app is starting."), ("failed", "The app failed to start.")):
            with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(f"/{name}/"):
                pass
            assert (refused.value.status_code, refused.value.json()["detail"]) == (503, detail)
            assert int(refused.value.headers["retry-after"]) >= 1
        assert client.get("/other/").json() == "of other"
