"""A server that runs one case, as small as the protocols allow, and what it saw."""

import asyncio
import json
import threading
from dataclasses import dataclass, field
from typing import Any

import psutil

import composer
from tests.faults.cases import APP, HOOK, Case, Fault, Mode, Place
from tests.faults.parts import Entry, Scene, app, cornerstones

# Seconds that nothing here may take.
PATIENCE = 3.0


@dataclass
class Answer:
    """What one request was answered, or raised."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: BaseException | None = None

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass
class Seen:
    """What came of a case: all that an observer outside of composer can tell."""

    journal: list[Entry]
    started: bool = False
    ending: str = ""
    error: BaseException | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    leftover: list[str] = field(default_factory=list)


class Server:
    """Drive the lifespan of an app, and ask it, as a server does."""

    def __init__(self, served: Any) -> None:
        self._served = served
        self._inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._state: dict[str, Any] = {}
        self.said = asyncio.Event()
        self.ending = ""
        self.task = asyncio.create_task(self._live(), name="server")

    async def _live(self) -> BaseException | None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self._state}
        try:
            await self._served(scope, self._inbox.get, self._hear)
        except BaseException as error:
            return error
        return None

    async def _hear(self, message: Any) -> None:
        self.ending = message["type"].removeprefix("lifespan.")
        self.said.set()

    async def until(self, happens: asyncio.Event) -> None:
        """Wait until something happens, or the server has ended."""
        waiting = asyncio.create_task(happens.wait())
        await asyncio.wait({waiting, self.task}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        await asyncio.wait({waiting})

    def tell(self, phase: str) -> None:
        """Tell the app to start or to stop."""
        self._inbox.put_nowait({"type": f"lifespan.{phase}"})

    async def ask(self, path: str) -> Answer:
        """Ask for a path, and return the answer."""
        answer = Answer()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": dict(self._state),
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {key.decode().lower(): value.decode() for key, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        try:
            await self._served(scope, receive, send)
        except BaseException as error:
            answer.error = error
        return answer


async def run(case: Case) -> Seen:
    """Start a composition with this case's fault, serve, stop, and return what was seen."""
    scene = Scene(case)
    served = composer.compose([app(scene, index) for index in range(3)], cornerstones=cornerstones(scene))
    before = _open()
    server, seen = Server(served), Seen(scene.journal)
    server.tell("startup")
    at_start = case.place in (Place.ENTER, Place.SERVING_ENTER, Place.BEFORE, Place.STARTING)
    if case.fault is Fault.RUN_CANCELLED and at_start:
        await server.until(scene.reached)
        if case.mode is Mode.BACKGROUND and case.place in APP:
            await server.until(server.said)
    else:
        await server.until(server.said)
    seen.started = server.ending == "startup.complete"
    if seen.started:
        await _serve(case, scene, server, seen)
    await _end(case, scene, server, seen)
    seen.leftover = _leftover(before, _open())
    return seen


async def _serve(case: Case, scene: Scene, server: Server, seen: Seen) -> None:
    scene.serving.set()
    for _ in range(10):
        await asyncio.sleep(0)
    if case.fault is Fault.HANGS:
        await _settled(server)
    if case.place in HOOK:
        seen.answers["faulty"] = await _ask_faulty(case, scene, server)
        seen.answers["first"] = await server.ask("/first")
    else:
        seen.answers = {name: await server.ask(f"/{name}") for name in ("first", "middle", "last", "readyz")}


async def _settled(server: Server) -> None:
    """Wait until no app is on its way up any more."""
    for _ in range(int(PATIENCE / 0.002)):
        if not any(row["state"] in ("pending", "starting") for row in (await server.ask("/readyz")).json["parts"]):
            return
        await asyncio.sleep(0.002)


async def _ask_faulty(case: Case, scene: Scene, server: Server) -> Answer:
    asking = asyncio.create_task(server.ask("/middle"))
    if case.fault is Fault.RUN_CANCELLED:
        await server.until(scene.reached)
        asking.cancel()
    await asyncio.wait({asking}, timeout=PATIENCE)
    return asking.result()


async def _end(case: Case, scene: Scene, server: Server, seen: Seen) -> None:
    if case.fault is Fault.RUN_CANCELLED and scene.reached.is_set() and case.place not in HOOK:
        server.task.cancel()
    elif case.fault is Fault.RUN_CANCELLED:
        # At once: a part that is stopped has little time.
        scene.when_reached = server.task.cancel
    server.tell("shutdown")
    await asyncio.wait({server.task}, timeout=PATIENCE)
    seen.error = server.task.result()
    seen.ending = "cancelled" if isinstance(seen.error, asyncio.CancelledError) else server.ending


def _open() -> dict[str, set[Any]]:
    return {
        "task": asyncio.all_tasks(),
        "thread": set(threading.enumerate()),
        "file": set(range(psutil.Process().num_fds())),
    }


def _leftover(before: dict[str, set[Any]], after: dict[str, set[Any]]) -> list[str]:
    return [f"{kind} {thing}" for kind in before for thing in after[kind] - before[kind]]
