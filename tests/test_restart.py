"""A composition that changes while it serves, over a real socket: parts replaced, removed, added and moved."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import StreamingResponse
from starlette.requests import HTTPConnection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

import composer
from composer import App, Cornerstone, Shared, State, composition_of

pytestmark = pytest.mark.anyio

Step = Callable[[], Awaitable[None]]


class Served:
    """A composition that a real uvicorn serves in this event loop."""

    def __init__(self, root: FastAPI, server: uvicorn.Server, client: httpx.AsyncClient) -> None:
        self.root = root
        self.composition = composition_of(root)
        self.server = server
        self.client = client

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def websocket(self, path: str) -> connect:
        return connect(f"ws://127.0.0.1:{self.client.base_url.port}{path}")

    async def change(self, *apps: App, cornerstones: list[Cornerstone] | None = None) -> None:
        """Serve these apps from now on, with the same cornerstones unless others are given."""
        current = [built.declared for built in self.composition.plan.cornerstones]
        await self.composition.change(apps, current if cornerstones is None else cornerstones)


@asynccontextmanager
async def served(*apps: App, cornerstones: list[Cornerstone] | None = None, **settings: Any) -> AsyncIterator[Served]:
    root = composer.compose(apps, cornerstones=cornerstones or [], **settings)
    server = uvicorn.Server(uvicorn.Config(root, port=0, log_config=None, lifespan="on"))
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(30):
            while not server.started:
                assert not serving.done()
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                yield Served(root, server, client)
    finally:
        server.should_exit = True
        await serving


class Scene:
    """Factories of apps and cornerstones that count how often each was called, and a journal of their lifespans."""

    def __init__(self) -> None:
        self.journal: list[str] = []
        self.made: dict[str, int] = {}

    def _count(self, name: str) -> str:
        self.made[name] = self.made.get(name, 0) + 1
        return f"{name} {self.made[name]}"

    def app(self, name: str, prefix: str = "", *, enter: Step | None = None, **declared: Any) -> App:
        return App(name, prefix or f"/{name}", lambda: self._create(name, enter), **declared)

    def _create(self, name: str, enter: Step | None) -> FastAPI:
        version = self._count(name)

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
            if enter:
                await enter()
            self.journal.append(f"{version} up")
            yield {"version": version}
            self.journal.append(f"{version} left")

        app = FastAPI(title=version, lifespan=lifespan)

        @app.get("/")
        async def read(request: Request) -> str:
            return str(request.state.version)

        @app.websocket("/ws")
        async def echo(websocket: WebSocket) -> None:
            await websocket.accept()
            async for text in websocket.iter_text():
                await websocket.send_text(f"{version} {text}")

        return app

    def cornerstone(self, name: str, kind: type, enter: Step | None = None) -> Cornerstone:
        def create() -> Any:
            return kind(self, self._count(name), enter)

        create.__annotations__["return"] = kind
        return Cornerstone(name, create)


class Base:
    """A cornerstone that writes into the journal."""

    def __init__(self, scene: Scene, version: str, enter: Step | None) -> None:
        self.scene, self.version, self.is_open = scene, version, False
        self._enter = enter

    async def __aenter__(self) -> None:
        if self._enter:
            await self._enter()
        self.is_open = True
        self.scene.journal.append(f"{self.version} up")

    async def __aexit__(self, *_: object) -> None:
        self.is_open = False
        self.scene.journal.append(f"{self.version} left")

    async def check_ready(self) -> None:
        self.scene.journal.append(f"{self.version} checked")
        assert self.is_open


class Store(Base):
    """A cornerstone."""


class Clock(Base):
    """Another one."""


def failing(times: int = 1) -> Step:
    """Return a step that works the first time, and then fails that often."""
    calls = iter([None, *[OSError("no weights")] * times])

    async def step() -> None:
        if error := next(calls, None):
            raise error

    return step


def identities(served: Served, *names: str) -> dict[str, Any]:
    """Return what has to be the very same object as long as nothing concerns it."""
    plan = served.composition.plan
    apps = {built.name: (built.asgi, served.composition._slots[built.name].version.state) for built in plan.apps}
    return {name: tuple(map(id, parts)) for name, parts in apps.items() if name in names} | {
        built.name: id(built.value) for built in plan.cornerstones
    }


async def test_an_app_is_replaced_under_load_without_a_lost_request_and_the_others_are_not_touched() -> None:
    scene, restarts = Scene(), 8
    apps = [scene.app("notes"), scene.app("other")]
    failures, answers = [], {"notes": set[str](), "other": set[str]()}

    async with served(*apps, cornerstones=[scene.cornerstone("store", Store)]) as server:
        done = asyncio.Event()

        async def load(name: str) -> None:
            while not done.is_set():
                answer = await server.client.get(f"/{name}/")
                answers[name].add(answer.text)
                if answer.status_code != 200:
                    failures.append((name, answer.status_code, answer.text))

        before = identities(server, "other")
        clients = [asyncio.create_task(load(name)) for name in ("notes", "other") for _ in range(4)]
        async with server.websocket("/other/ws") as websocket:
            for number in range(restarts):
                await websocket.send(str(number))
                await server.composition.restart("notes")
                assert await websocket.recv() == f"other 1 {number}"
                assert await server.get("/notes/") == f"notes {number + 2}"
        done.set()
        await asyncio.gather(*clients)
        assert failures == []
        assert identities(server, "other") == before
    assert answers["other"] == {'"other 1"'}
    assert {f'"notes {number}"' for number in range(1, restarts + 2)} >= answers["notes"] > {'"notes 1"'}
    notes = [row for row in scene.journal if row.startswith("notes")]
    starts = [f"notes {number} up" for number in range(1, restarts + 2)]
    assert sorted(notes) == sorted([*starts, *(start.replace("up", "left") for start in starts)])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class Slow:
    """An app whose requests at `/slow` wait until they may go on, as often as it is created."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.began, self.go = asyncio.Event(), asyncio.Event()

    def app(self, **declared: Any) -> App:
        return App("slow", "/slow", self._create, **declared)

    def _create(self, store: Store) -> FastAPI:
        version = self.scene._count("slow")
        app = FastAPI()

        @app.get("/")
        async def read(shared: Shared[Store]) -> list[Any]:
            return [version, shared.version, store.version, shared.is_open]

        @app.get("/slow")
        async def wait(shared: Shared[Store]) -> list[Any]:
            self.began.set()
            await self.go.wait()
            return [version, shared.version, store.version, shared.is_open]

        return app


async def test_a_request_that_is_under_way_ends_on_the_version_and_the_objects_that_it_came_to() -> None:
    scene = Scene()
    slow = Slow(scene)
    async with served(slow.app(), cornerstones=[scene.cornerstone("store", Store)]) as server:
        request = asyncio.create_task(server.get("/slow/slow"))
        await slow.began.wait()
        restart = asyncio.create_task(server.composition.restart("store"))
        await until(lambda: server.composition.get(Store).version == "store 2")
        assert await server.get("/slow/") == ["slow 2", "store 2", "store 2", True]
        assert not restart.done()
        assert "store 1 left" not in scene.journal
        slow.go.set()
        assert await request == ["slow 1", "store 1", "store 1", True]
        await restart
        assert scene.journal == ["store 1 up", "store 2 up", "store 1 left"]


async def test_a_request_that_does_not_end_in_time_is_reported_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    slow = Slow(scene)
    app = slow.app(shutdown_timeout=0.2)
    async with served(app, cornerstones=[scene.cornerstone("store", Store)]) as server:
        request = asyncio.create_task(server.get("/slow/slow"))
        await slow.began.wait()
        await server.composition.restart("slow")
        assert await server.get("/slow/") == ["slow 2", "store 1", "store 1", True]
        slow.go.set()
        assert await request == ["slow 1", "store 1", "store 1", True]
    assert "app slow: 1 requests did not end within 0.2 seconds after it was replaced" in caplog.messages


async def test_a_stream_of_a_replaced_app_ends_by_shutting_down_and_those_of_the_others_go_on() -> None:
    def create(name: str) -> App:
        def factory() -> FastAPI:
            app = FastAPI()

            @app.get("/")
            async def stream() -> StreamingResponse:
                async def lines() -> AsyncIterator[str]:
                    yield f"{name} begins\n"
                    await composer.shutting_down.wait()
                    yield f"{name} ends {composer.shutting_down.is_set()}\n"

                return StreamingResponse(lines())

            return app

        return App(name, f"/{name}", factory)

    async with (
        served(create("a"), create("b")) as server,
        server.client.stream("GET", "/a/") as a,
        server.client.stream("GET", "/b/") as b,
    ):
        lines = {"a": a.aiter_lines(), "b": b.aiter_lines()}
        assert [await anext(each) for each in lines.values()] == ["a begins", "b begins"]
        await server.composition.restart("a")
        assert await anext(lines["a"]) == "a ends True"
        assert not composer.shutting_down.is_set()
        await server.composition.restart("b")
        assert await anext(lines["b"]) == "b ends True"


async def test_an_app_may_be_restarted_by_a_handler_of_its_own() -> None:
    scene = Scene()

    def create() -> FastAPI:
        version, app = scene._count("self"), FastAPI()

        @app.get("/")
        async def read() -> str:
            return version

        @app.get("/restart")
        async def restart(request: Request) -> str:
            await composition_of(server.root).restart("self")
            return version

        return app

    async with served(App("self", "/self", create)) as server:
        assert await server.get("/self/restart") == "self 1"
        assert await server.get("/self/") == "self 2"


async def test_the_websockets_of_a_replaced_app_are_closed_so_that_their_clients_connect_to_the_new_one() -> None:
    scene = Scene()
    async with served(scene.app("notes"), scene.app("other")) as server, server.websocket("/other/ws") as other:
        async with server.websocket("/notes/ws") as websocket:
            await websocket.send("a")
            assert await websocket.recv() == "notes 1 a"
            await server.composition.restart("notes")
            with pytest.raises(ConnectionClosed) as closed:
                await websocket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        async with server.websocket("/notes/ws") as websocket:
            await websocket.send("b")
            assert await websocket.recv() == "notes 2 b"
        await other.send("c")
        assert await other.recv() == "other 1 c"


async def test_a_replaced_cornerstone_replaces_all_that_uses_it_and_nothing_else() -> None:
    scene = Scene()

    class Cache(Base):
        """A cornerstone that needs another one."""

    def create_cache(store: Store) -> Cache:
        return Cache(scene, scene._count("cache"), None)

    def create_user(cache: Cache) -> FastAPI:
        return scene._create("user", None)

    def create_clock_user(clock: Clock) -> FastAPI:
        return scene._create("watch", None)

    stones = [scene.cornerstone("store", Store), Cornerstone("cache", create_cache), scene.cornerstone("clock", Clock)]
    apps = [App("user", "/user", create_user), App("watch", "/watch", create_clock_user), scene.app("alone")]
    async with served(*apps, cornerstones=stones) as server:
        before = identities(server, "watch", "alone")
        del scene.journal[:]
        await server.composition.restart("store")
        changed = {name for name, same in identities(server, "watch", "alone").items() if before[name] != same}
        assert changed == {"store", "cache"}
        assert await server.get("/user/") == "user 2"
        assert scene.journal == [
            "store 2 up", "cache 2 up", "user 2 up", "user 1 left", "cache 1 left", "store 1 left",
        ]  # fmt: skip
        del scene.journal[:]
    assert sorted(scene.journal[:3]) == ["alone 1 left", "user 2 left", "watch 1 left"]
    assert scene.journal[3:] == ["cache 2 left", "store 2 left", "clock 1 left"] or set(scene.journal[3:]) == {
        "clock 1 left", "cache 2 left", "store 2 left",
    }  # fmt: skip


async def test_a_version_that_fails_to_start_leaves_the_former_one_serving() -> None:
    scene = Scene()

    async with served(scene.app("notes", enter=failing()), scene.app("other")) as server:
        before = identities(server, "notes", "other")
        with pytest.raises(composer.StartupError, match="failed to start: app notes"):
            await server.composition.restart("notes")
        assert await server.get("/notes/") == "notes 1"
        assert await server.get("/other/") == "other 1"
        assert identities(server, "notes", "other") == before
        # The next attempt works.
        await server.composition.restart("notes")
        assert await server.get("/notes/") == "notes 3"
        assert (await server.get("/readyz"))["status"] == "ready"


async def test_a_version_that_can_not_be_built_leaves_the_former_one_serving() -> None:
    scene, broken = Scene(), False

    def create() -> FastAPI:
        if broken:
            raise OSError("no weights")
        return scene._create("notes", None)

    async with served(App("notes", "/notes", create)) as server:
        broken = True
        with pytest.raises(composer.CompositionError, match="no weights"):
            await server.composition.restart("notes")
        assert await server.get("/notes/") == "notes 1"
        assert scene.journal == ["notes 1 up"]


async def test_what_had_started_beside_a_part_that_fails_is_stopped_again() -> None:
    scene = Scene()

    def create_user(store: Store) -> FastAPI:
        return scene._create("user", fails)

    fails = failing()
    async with served(App("user", "/user", create_user), cornerstones=[scene.cornerstone("store", Store)]) as server:
        with pytest.raises(composer.StartupError):
            await server.composition.restart("store")
        assert scene.journal == ["store 1 up", "user 1 up", "store 2 up", "store 2 left"]
        assert await server.get("/user/") == "user 1"
        assert server.composition.get(Store).version == "store 1"


async def test_a_slow_start_lets_the_former_version_answer_meanwhile() -> None:
    scene, go, first = Scene(), asyncio.Event(), True

    async def enter() -> None:
        if not first:
            await go.wait()

    async with served(scene.app("notes", enter=enter)) as server:
        first = False
        restart = asyncio.create_task(server.composition.restart("notes"))
        await until(lambda: scene.made["notes"] == 2)
        for _ in range(20):
            assert await server.get("/notes/") == "notes 1"
        go.set()
        await restart
        assert await server.get("/notes/") == "notes 2"


@pytest.mark.parametrize("startup", ["background", "lazy"])
async def test_an_app_that_starts_later_is_replaced_as_the_others(startup: str) -> None:
    scene = Scene()
    async with served(scene.app("notes", startup=startup)) as server:
        await server.composition.restart("notes")
        assert await server.get("/notes/") == "notes 2"
        await server.composition.restart("notes")
        assert await server.get("/notes/") == "notes 3"
    assert [row for row in scene.journal if "left" in row][-1] == "notes 3 left"


async def test_apps_are_added_moved_and_removed_with_their_documents_pages_probes_and_metrics() -> None:
    scene = Scene()
    notes, other = scene.app("notes"), scene.app("other")

    async with served(notes, other, metrics=True) as server:

        async def shown() -> tuple[set[str], ...]:
            paths = (await server.get("/openapi.json"))["paths"]
            parts = (await server.get("/readyz"))["parts"]
            pages = await server.get("/docs/apps")
            metrics = (await server.client.get("/metrics")).text.splitlines()
            rows = [line for line in metrics if line.startswith("composer_part_state{")]
            states = {row.split('name="')[1].split('"')[0] for row in rows}
            return set(paths), {part["name"] for part in parts}, {page["name"] for page in pages}, states

        assert await shown() == ({"/notes/", "/other/"}, *[{"notes", "other"}] * 3)
        await server.change(notes, other, scene.app("new"))
        assert await shown() == ({"/notes/", "/other/", "/new/"}, *[{"notes", "other", "new"}] * 3)
        assert await server.get("/new/") == "new 1"
        await server.change(notes, scene.app("new", "/moved"))
        assert await shown() == ({"/notes/", "/moved/"}, *[{"notes", "new"}] * 3)
        assert await server.get("/moved/") == "new 2"
        assert (await server.client.get("/new/")).status_code == 404
        assert (await server.client.get("/other/")).status_code == 404
        assert await server.get("/notes/") == "notes 1"
    assert scene.journal[-2:] == ["new 2 left", "notes 1 left"] or scene.journal[-2:] == ["notes 1 left", "new 2 left"]
    assert "other 1 left" in scene.journal


async def test_the_app_at_the_root_is_added_replaced_and_removed() -> None:
    scene = Scene()
    async with served(scene.app("notes")) as server:
        notes = server.composition.apps[0]
        assert (await server.client.get("/")).status_code == 404
        await server.change(notes, scene.app("site", "/"))
        assert await server.get("/") == "site 1"
        await server.composition.restart("site")
        assert await server.get("/") == "site 2"
        await server.change(notes)
        assert (await server.client.get("/")).status_code == 404
        assert await server.get("/notes/") == "notes 1"


async def test_a_cornerstone_is_added_and_removed_with_the_app_that_uses_it() -> None:
    scene = Scene()
    slow = Slow(scene)
    async with served(scene.app("notes")) as server:
        notes, stone = server.composition.apps[0], scene.cornerstone("store", Store)
        await server.change(notes, slow.app(), cornerstones=[stone])
        assert await server.get("/slow/") == ["slow 1", "store 1", "store 1", True]
        assert [part["name"] for part in (await server.get("/readyz"))["parts"]] == ["store", "notes", "slow"]
        await server.change(notes, cornerstones=[])
        assert [part["name"] for part in (await server.get("/readyz"))["parts"]] == ["notes"]
        assert scene.journal[-2:] == ["store 1 checked", "store 1 left"]


async def test_the_hooks_and_the_guard_of_the_current_cornerstones_stand_before_a_restarted_app() -> None:
    scene = Scene()

    class Door(Base):
        """A guard that also has a hook."""

        async def __call__(self, request: Request) -> None:
            if request.headers.get("key") != self.version:
                raise HTTPException(401)

        @asynccontextmanager
        async def around_request(self, connection: HTTPConnection) -> AsyncIterator[None]:
            scene.journal.append(f"{self.version} around")
            yield

    apps = [scene.app("notes", guard="door")]
    async with served(*apps, cornerstones=[scene.cornerstone("door", Door)]) as server:

        async def statuses() -> list[int]:
            answers = [await server.client.get("/notes/", headers={"key": f"door {number}"}) for number in (1, 2)]
            return [answer.status_code for answer in answers]

        assert await statuses() == [200, 401]
        await server.composition.restart("notes")
        assert await statuses() == [200, 401]
        await server.composition.restart("door")
        assert await statuses() == [401, 200]
        assert [row for row in scene.journal if "around" in row] == ["door 1 around"] * 2 + ["door 2 around"]


async def test_readyz_asks_the_current_cornerstone_only() -> None:
    scene = Scene()
    async with served(scene.app("notes"), cornerstones=[scene.cornerstone("store", Store)]) as server:
        assert (await server.get("/readyz"))["status"] == "ready"
        await server.composition.restart("store")
        del scene.journal[:]
        assert (await server.get("/readyz"))["status"] == "ready"
        assert scene.journal == ["store 2 checked"]


async def test_a_problem_of_a_change_is_reported_as_by_a_build_and_changes_nothing() -> None:
    scene = Scene()
    async with served(scene.app("notes")) as server:
        notes = server.composition.apps[0]
        with pytest.raises(composer.CompositionError) as raised:
            await server.change(notes, scene.app("other", "/notes"), scene.app("bad", "no slash"))
        assert {problem.id for problem in raised.value.problems} >= {"C019"} or len(raised.value.problems) == 2
        assert await server.get("/notes/") == "notes 1"


async def test_an_app_whose_factory_returns_the_same_object_again_is_not_started_beside_itself() -> None:
    app = FastAPI()
    app.get("/")(lambda: "same")
    async with served(App("notes", "/notes", lambda: app)) as server:
        with pytest.raises(
            composer.PartError, match="app notes failed to restart: its factory returned the same object"
        ):
            await server.composition.restart("notes")
        assert await server.get("/notes/") == "same"


async def test_an_unknown_name_is_reported_with_the_nearest_one() -> None:
    async with served(Scene().app("notes")) as server:
        with pytest.raises(LookupError, match=r"no app or cornerstone 'note'.*Did you mean.*notes"):
            await server.composition.restart("note")


async def test_a_composition_that_does_not_run_has_nothing_to_restart() -> None:
    root = composer.compose([Scene().app("notes")])
    with pytest.raises(RuntimeError, match="isn't running"):
        await composition_of(root).restart("notes")


async def test_a_stop_during_a_start_beside_the_others_stops_all_of_it_once() -> None:
    scene, first = Scene(), True

    async def enter() -> None:
        if not first:
            await asyncio.Event().wait()

    def create_user(store: Store) -> FastAPI:
        return scene._create("user", enter)

    async with served(App("user", "/user", create_user), cornerstones=[scene.cornerstone("store", Store)]) as server:
        first = False
        restart = asyncio.create_task(server.composition.restart("store"))
        await until(lambda: "store 2 up" in scene.journal and scene.made["user"] == 2)
    with pytest.raises((RuntimeError, composer.StartupError)):
        await restart
    assert sorted(scene.journal) == sorted([
        "store 1 up", "user 1 up", "store 2 up", "store 2 left", "user 1 left", "store 1 left",
    ])  # fmt: skip


async def test_a_stop_while_a_replaced_version_drains_stops_that_too() -> None:
    scene = Scene()
    slow = Slow(scene)
    root = composer.compose([slow.app(shutdown_timeout=60)], cornerstones=[scene.cornerstone("store", Store)])
    composition = composition_of(root)
    async with composition.lifecycle.running():
        transport = httpx.ASGITransport(root)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            request = asyncio.create_task(client.get("/slow/slow"))
            await slow.began.wait()
            restart = asyncio.create_task(composition.restart("store"))
            await until(lambda: composition.get(Store).version == "store 2")
    async with asyncio.timeout(5):
        await restart
    slow.go.set()
    await request
    assert scene.journal == ["store 1 up", "store 2 up", "store 1 left", "store 2 left"]


async def test_a_cancelled_restart_goes_back_before_the_switch() -> None:
    scene, first = Scene(), True

    async def enter() -> None:
        if not first:
            await asyncio.Event().wait()

    async with served(scene.app("notes", enter=enter)) as server:
        first = False
        restart = asyncio.create_task(server.composition.restart("notes"))
        await until(lambda: scene.made["notes"] == 2)
        restart.cancel()
        with pytest.raises(asyncio.CancelledError):
            await restart
        assert await server.get("/notes/") == "notes 1"
        first = True
        await server.composition.restart("notes")
        assert await server.get("/notes/") == "notes 3"


async def test_former_versions_are_released() -> None:
    scene, apps = Scene(), list[weakref.ref[FastAPI]]()

    def create() -> FastAPI:
        app = scene._create("notes", None)
        apps.append(weakref.ref(app))
        return app

    async with served(App("notes", "/notes", create), metrics=True) as server:
        for _ in range(8):
            await server.composition.restart("notes")
            for path in ("/notes/", "/openapi.json", "/docs/apps", "/readyz"):
                await server.get(path)
        gc.collect()
        assert [app() is None for app in apps] == [True] * 8 + [False]


async def test_two_restarts_at_once_are_done_one_after_the_other() -> None:
    scene = Scene()
    async with served(scene.app("notes"), scene.app("other")) as server:
        await asyncio.gather(*(server.composition.restart(name) for name in ("notes", "other", "notes")))
        assert [await server.get("/notes/"), await server.get("/other/")] == ["notes 3", "other 2"]


async def test_the_composition_that_was_changed_is_what_the_next_run_starts() -> None:
    scene = Scene()
    root = composer.compose([scene.app("notes"), scene.app("other")])
    composition = composition_of(root)
    async with root.router.lifespan_context(root):
        await composition.change(composition.apps[1:], [])
        await composition.restart("other")
    del scene.journal[:]
    async with root.router.lifespan_context(root):
        assert [part.name for part in composition.parts()] == ["other"]
    assert scene.journal == ["other 2 up", "other 2 left"]


async def test_an_app_that_fails_after_it_was_replaced_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    slow, ends = Slow(scene), list[asyncio.Event]()

    def create() -> Any:
        end = asyncio.Event()
        ends.append(end)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await end.wait()
            else:
                slow.began.set()
                await slow.go.wait()

        return app

    async with served(App("guest", "/guest", create)) as server:
        request = asyncio.create_task(server.client.get("/guest/"))
        await slow.began.wait()
        restart = asyncio.create_task(server.composition.restart("guest"))
        await until(lambda: len(ends) == 2 and server.composition.parts()[0].state is State.UP)
        ends[0].set()
        await asyncio.sleep(0.05)
        slow.go.set()
        await request
        await restart
        assert (await server.get("/readyz"))["status"] == "ready"
        assert not [message for message in caplog.messages if "failed" in message]
