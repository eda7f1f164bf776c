"""Apps and cornerstones that hold a resource, write down when they enter and leave it, and do what a case says."""

import asyncio
import contextvars
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from composer import App, Cornerstone
from tests.faults.cases import HOOK, NAMES, Case, Fault, Mode, Place

# Seconds that a part gets which hangs, and those that a part gets which needs no time at all.
SHORT, LONG = 0.005, 20.0

HELD: contextvars.ContextVar[str] = contextvars.ContextVar("held")


class OwnBaseError(BaseException):
    """Be what is raised by neither Python nor any library."""


RAISED = {
    Fault.RAISES: OSError,
    Fault.RAISES_BASE: OwnBaseError,
    Fault.EXITS: SystemExit,
    Fault.INTERRUPTS: KeyboardInterrupt,
}


@dataclass(frozen=True)
class Entry:
    """One line of the journal: what was entered or left, and by which task."""

    what: str
    entered: bool
    task: "asyncio.Task[Any] | None"


class Scene:
    """What happens in one case: the journal, the fault, and the signals between the parts and the server."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.journal: list[Entry] = []
        self.reached = asyncio.Event()
        self.when_reached: Callable[[], object] = lambda: None
        self.serving = asyncio.Event()

    @contextmanager
    def holding(self, what: str) -> Iterator[None]:
        """Hold a socket and a context variable, which can only be left in the task that entered them."""
        token, resource = HELD.set(what), socket.socket()
        self.journal.append(Entry(what, True, asyncio.current_task()))
        try:
            yield
        finally:
            resource.close()
            HELD.reset(token)
            self.journal.append(Entry(what, False, asyncio.current_task()))

    def is_faulty(self, name: str, place: Place) -> bool:
        """Tell whether this part has the fault at this place."""
        return place is self.case.place and name in self.case.names

    async def fault(self, name: str, place: Place) -> bool:
        """Do what is wrong with this part at this place; return whether it has to return early."""
        if not self.is_faulty(name, place):
            return False
        self.reached.set()
        self.when_reached()
        fault = self.case.fault
        if error := RAISED.get(fault):
            raise error(f"{name} at {place}")
        if fault is Fault.TASK_CANCELLED:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(LONG)
        if fault is Fault.HANGS or (fault is Fault.RUN_CANCELLED and place not in (Place.AT_COMPLETE, Place.UP)):
            await asyncio.sleep(LONG)
        return fault is Fault.RETURNS


class Stone:
    """A cornerstone with all the hooks."""

    def __init__(self, scene: Scene, name: str) -> None:
        self._scene = scene
        self._name = name
        self._context = self._held(f"cornerstone {name}", Place.ENTER, Place.EXIT)

    async def __aenter__(self) -> None:
        await self._context.__aenter__()

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._context.__aexit__(*error)

    def serving(self) -> Any:
        return self._held(f"serving {self._name}", Place.SERVING_ENTER, Place.SERVING_EXIT)

    def around_request(self, connection: HTTPConnection) -> Any:
        if not connection.url.path.startswith("/middle"):
            return self._held(f"hook {self._name} of another", None, None)
        return self._held(f"hook {self._name}", Place.HOOK_ENTER, Place.HOOK_EXIT)

    @asynccontextmanager
    async def _held(self, what: str, enter: Place | None, leave: Place | None) -> AsyncIterator[None]:
        with self._scene.holding(what):
            if enter and await self._scene.fault(self._name, enter):
                return
            yield
            if leave:
                await self._scene.fault(self._name, leave)


class Guest:
    """An app in plain ASGI, that does by itself what a framework would do for it."""

    def __init__(self, scene: Scene, name: str) -> None:
        self._scene = scene
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            with self._scene.holding(f"app {self._name}"):
                await self._live(receive, send)
        else:
            await PlainTextResponse(self._name)(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        if await self._at(Place.BEFORE, send):
            return
        await receive()
        if await self._at(Place.STARTING, send):
            return
        await send({"type": "lifespan.startup.complete"})
        if await self._at(Place.AT_COMPLETE, send):
            return
        if self._scene.is_faulty(self._name, Place.UP):
            await self._scene.serving.wait()
            if await self._at(Place.UP, send):
                return
        await receive()
        if not await self._at(Place.SHUTDOWN, send):
            await send({"type": "lifespan.shutdown.complete"})

    async def _at(self, place: Place, send: Send) -> bool:
        if not self._scene.is_faulty(self._name, place):
            return False
        phase = "shutdown" if place is Place.SHUTDOWN else "startup"
        if self._scene.case.fault is Fault.SAYS_FAILED:
            await send({"type": f"lifespan.{phase}.failed", "message": f"{self._name} at {place}"})
            return True
        if self._scene.case.fault is Fault.OUTSIDE:
            # Once it is up, one that is known to the protocol, but out of turn.
            out_of_turn = place in (Place.AT_COMPLETE, Place.UP)
            await send({"type": "lifespan.shutdown.complete" if out_of_turn else "http.response.start"})
        if self._scene.case.fault is Fault.SAYS_TWICE:
            # With what it says on its way anyway it is twice, or three times.
            await send({"type": f"lifespan.{phase}.complete"})
            await send({"type": f"lifespan.{phase}.complete"})
        return await self._scene.fault(self._name, place)


def starlette(scene: Scene, name: str) -> Starlette:
    """Return an app of Starlette with a lifespan."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with scene.holding(f"app {name}"):
            if await scene.fault(name, Place.STARTING):
                return
            yield
            await scene.fault(name, Place.SHUTDOWN)

    async def answer(request: Request) -> Response:
        return PlainTextResponse(name)

    return Starlette(lifespan=lifespan, routes=[Route("/", answer)])


def app(scene: Scene, index: int) -> App:
    """Declare one app of a case."""
    case, name = scene.case, NAMES[index]

    def create_app(first: Stone, middle: Stone, last: Stone) -> Any:
        return starlette(scene, name) if case.starlette else Guest(scene, name)

    return App(
        name,
        f"/{name}",
        create_app,
        after=(NAMES[index - 1],) if case.chain and index else (),
        startup="background" if case.mode is Mode.BACKGROUND else "wait",
        on_failure="degrade" if case.mode is Mode.DEGRADE else "abort",
        # Long enough to get as far as to the fault.
        request_timeout=0.1 if case.place in HOOK and case.fault is Fault.HANGS and name == "middle" else None,
        startup_timeout=_seconds(case, name, Place.BEFORE, Place.STARTING),
        shutdown_timeout=_seconds(case, name, Place.AT_COMPLETE, Place.UP, Place.SHUTDOWN),
    )


def cornerstones(scene: Scene) -> list[Cornerstone]:
    """Declare the cornerstones of a case, each of which needs the one before it."""

    def create_first() -> Stone:
        return Stone(scene, "first")

    def create_middle(first: Stone) -> Stone:
        return Stone(scene, "middle")

    def create_last(middle: Stone) -> Stone:
        return Stone(scene, "last")

    factories: list[Callable[..., Stone]] = [create_first, create_middle, create_last]
    return [
        Cornerstone(
            name,
            create,
            startup_timeout=_seconds(scene.case, name, Place.ENTER, Place.SERVING_ENTER),
            shutdown_timeout=_seconds(scene.case, name, Place.EXIT, Place.SERVING_EXIT),
        )
        for name, create in zip(NAMES, factories, strict=True)
    ]


def _seconds(case: Case, name: str, *places: Place) -> float:
    """Return how long a part may take: little where it hangs, so that none that is well can be too slow."""
    stopping = case.place in (Place.SHUTDOWN, Place.EXIT, Place.SERVING_EXIT)
    hangs = case.fault is Fault.HANGS or (case.fault is Fault.RUN_CANCELLED and stopping)
    return SHORT if hangs and name in case.names and case.place in places else LONG
