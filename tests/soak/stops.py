"""Stop the server under load: every request must get a response, every stream and lifespan must end.

`python -m tests.soak.stops 20`
"""

import asyncio
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.serving import Server, serving
from tests.soak.row import Row

SERVE = ["composer", "serve", "--port", "{port}", "--grace", "20"]

# Maximum seconds of a stop: less than --grace, after which the server cancels the rest.
LONGEST = 15.0

APP = """
    import asyncio
    import os
    from collections import Counter
    from collections.abc import AsyncIterator
    from contextlib import asynccontextmanager

    from fastapi import FastAPI, WebSocket
    from fastapi.sse import EventSourceResponse

    from composer import shutting_down

    open_now = Counter()


    @asynccontextmanager
    async def lifespan(app):
        print(f"{os.getpid()} enters", flush=True)
        yield
        print(f"{os.getpid()} leaves", flush=True)


    def create_app() -> FastAPI:
        app = FastAPI(lifespan=lifespan)

        @app.get("/open")
        async def count() -> dict[str, int]:
            return dict(open_now) | {"process": os.getpid()}

        @app.get("/work")
        async def work(seconds: float = 0.3) -> str:
            open_now["requests"] += 1
            await shutting_down.wait()
            await asyncio.sleep(seconds)
            return "done"

        @app.get("/stuck")
        async def stay() -> None:
            open_now["stuck"] += 1
            await asyncio.sleep(600)

        @app.get("/events", response_class=EventSourceResponse)
        async def events() -> AsyncIterator[str]:
            open_now["streams"] += 1
            yield "first"
            await shutting_down.wait()
            yield "last"

        @app.websocket("/socket")
        async def talk(websocket: WebSocket) -> None:
            await websocket.accept()
            open_now["sockets"] += 1
            await shutting_down.wait()
            await websocket.send_text("last")
            await websocket.close(1001)

        return app
"""

CORNERSTONE = """
    from collections.abc import AsyncIterator
    from contextlib import asynccontextmanager


    class Ground:
        async def __aenter__(self):
            return self

        async def __aexit__(self, *error):
            print("ground leaves", flush=True)


    def create_cornerstone() -> Ground:
        return Ground()
"""

FILES = {
    "settings.toml": "[composer]\ntitle = 'Stops'\n",
    "asgi.py": "import composer\n\napp = composer.build()\n",
    "apps/__init__.py": "",
    "apps/load.py": APP,
    "shared/__init__.py": "",
    "shared/ground.py": CORNERSTONE,
}


@dataclass(frozen=True)
class Load:
    """What is open at a server: requests that are worked on, WebSockets, streams of server-sent events."""

    requests: int = 200
    sockets: int = 50
    streams: int = 20


@dataclass
class Outcome:
    """How a stop under load went: what came to its own end, in how many seconds, and the process's exit status."""

    answered: int = 0
    sockets: int = 0
    streams: int = 0
    seconds: float = 0.0
    status: int | None = None
    wrong: list[str] = field(default_factory=list)


def write_project(folder: Path) -> Path:
    """Write the project that is served, and return its folder."""
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
    return folder


async def stop_under_load(server: Server, load: Load, told: signal.Signals = signal.SIGTERM) -> Outcome:
    """Open it all at a server, tell it to stop when everything is open, and return how all that ended."""
    outcome = Outcome()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with (
        httpx.AsyncClient(base_url=f"{server.url}/load", timeout=60, limits=limits) as http,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(load.requests):
            group.create_task(_request(http, outcome))
        for _ in range(load.streams):
            group.create_task(_stream(http, outcome))
        for _ in range(load.sockets):
            group.create_task(_socket(server, outcome))
        await until_open(http, requests=load.requests, sockets=load.sockets, streams=load.streams)
        begun = time.monotonic()
        server.process.send_signal(told)
    outcome.status = await asyncio.to_thread(server.process.wait, LONGEST)
    outcome.seconds = time.monotonic() - begun
    return outcome


async def until_open(http: httpx.AsyncClient, **expected: int) -> None:
    """Return when the server says that so many are open; raise TimeoutError where it doesn't."""
    for _ in range(1200):
        if expected.items() <= (await http.get("/open")).json().items():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"never open: {expected}")


async def _request(http: httpx.AsyncClient, outcome: Outcome) -> None:
    try:
        answer = await http.get("/work")
    except httpx.TransportError as error:
        outcome.wrong.append(f"a request: {error!r}")
        return
    if (answer.status_code, answer.text) == (200, '"done"'):
        outcome.answered += 1
    else:
        outcome.wrong.append(f"a request: {answer.status_code} {answer.text}")


async def _stream(http: httpx.AsyncClient, outcome: Outcome) -> None:
    try:
        async with http.stream("GET", "/events") as answer:
            lines = [line async for line in answer.aiter_lines() if line.startswith("data:")]
    except httpx.TransportError as error:
        outcome.wrong.append(f"a stream: {error!r}")
        return
    if lines == ['data: "first"', 'data: "last"']:
        outcome.streams += 1
    else:
        outcome.wrong.append(f"a stream: {lines}")


async def _socket(server: Server, outcome: Outcome) -> None:
    url = f"{server.url.replace('http', 'ws')}/load/socket"
    try:
        async with connect(url, open_timeout=60) as socket:
            received = [message async for message in socket]
    except (ConnectionClosed, OSError) as error:
        outcome.wrong.append(f"a socket: {error!r}")
        return
    if (received, socket.close_code) == (["last"], 1001):
        outcome.sockets += 1
    else:
        outcome.wrong.append(f"a socket: {received}, closed with {socket.close_code}")


def run(times: int = 20) -> Row:
    """Stop a server under load that often, and return what was lost in all."""
    load, lost, wrong, seconds = Load(), 0, [], []
    with tempfile.TemporaryDirectory(prefix="composer-stops-") as folder:
        root = write_project(Path(folder) / "project")
        for _ in range(times):
            outcome, unclean = _stop_once(root, Path(folder) / "log", load)
            lost += len(outcome.wrong) + len(unclean)
            wrong += [*outcome.wrong, *unclean]
            seconds.append(outcome.seconds)
    opened = f"{load.requests} requests, {load.sockets} WebSockets and {load.streams} event streams open"
    seen = f"each stop took at most {max(seconds):.1f} s"
    return Row(f"SIGTERM with {opened}", times, lost, "; ".join([seen, *dict.fromkeys(wrong)]))


def _stop_once(root: Path, log: Path, load: Load) -> tuple[Outcome, list[str]]:
    with serving(SERVE, root, log) as server:
        server.wait_until_ready()
        outcome = asyncio.run(stop_under_load(server, load))
        return outcome, unclean(server, outcome)


def unclean(server: Server, outcome: Outcome) -> list[str]:
    """Tell what an ended server has not done as it should."""
    printed = server.output
    found = {
        f"ended with {outcome.status}": outcome.status != 0,
        "the app's lifespan was not left once": printed.count("leaves\n") - printed.count("ground leaves\n") != 1,
        "the cornerstone was not left once": printed.count("ground leaves\n") != 1,
        "something was cut off": "timeout graceful shutdown exceeded" in printed,
        "a traceback": "Traceback" in printed,
        f"took {outcome.seconds:.1f} s": outcome.seconds > LONGEST,
    }
    return [what for what, happened in found.items() if happened]


if __name__ == "__main__":
    print(run(*map(int, sys.argv[1:])))
