"""Measure the cost of composing until the first response: import, start, building, memory, lifespans.

Run `python -m benchmarks.starting [ROUNDS]` from the repository's folder. Each measurement has its own process, plain
FastAPI and composer take turns, and the ratio of a round is between the two. `A/A` compares plain FastAPI with itself
and shows the noise of the machine; if that is larger than the difference, a round has three pairs. A warm-up round
compiles the bytecode of all modules.

- `import`: milliseconds of `import fastapi`, and of `import composer` after it.
- `first answer`: milliseconds from the start of uvicorn's process to the first response of an app with one route, alone
  and as the only folder of a composition.
- `building`: milliseconds for 100 apps with five routes each, mounted by `FastAPI.mount` or composed.
- `memory`: MiB of the process's own memory (USS) with 1,000 such apps, after each has responded once. composer runs
  their lifespans; `FastAPI.mount` doesn't. In `memory, lifespans run`, the root runs them, each in its own task.
- `lifespans`: milliseconds until twenty apps are up whose lifespans sleep for a second, compared with one such app. In
  `async` they sleep in the event loop, in `threads` by `anyio.to_thread.run_sync(time.sleep, 1)`.
"""

import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from socket import create_connection
from statistics import median
from typing import Any

# A process that measures plain FastAPI must import nothing else, and not composer.
START = time.perf_counter()
from fastapi import FastAPI  # noqa: E402

IMPORTED = time.perf_counter() - START

ROUNDS = 9
BUILT, KEPT, STARTED = 100, 1000, 20
# Seconds that a lifespan sleeps.
SLEEP = 1.0
# Pairs in one round, for rows whose difference is smaller than the noise of most machines.
PAIRS = {"first answer": 3, "first answer A/A": 3, "building": 3, "building A/A": 3}

HELLO = """
from fastapi import FastAPI

def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    def hello() -> dict[str, str]:
        return {"hello": "world"}

    return app
"""
PROJECT = {
    "alone.py": f"{HELLO}\napp = create_app()\n",
    "asgi.py": "import composer\n\napp = composer.build()\n",
    "settings.toml": "[composer]\n",
    "apps/__init__.py": "",
    "apps/hello.py": HELLO,
}


def five_routes() -> FastAPI:
    """Return an app with five routes."""
    app = FastAPI()

    @app.get("/")
    @app.get("/items")
    @app.get("/items/{number}")
    @app.get("/items/{number}/name")
    @app.post("/items")
    async def answer(number: int = 0) -> dict[str, int]:
        return {"number": number}

    return app


def mounted(count: int) -> FastAPI:
    """Mount that many apps with `FastAPI.mount`."""
    root = FastAPI()
    for number in range(count):
        root.mount(f"/a{number}", five_routes())
    return root


def composed(count: int) -> FastAPI:
    """Compose that many apps."""
    import composer

    return composer.compose([composer.App(f"a{number}", f"/a{number}", five_routes) for number in range(count)])


def import_plain() -> float:
    """Return the duration of the import of FastAPI at the top of this module, in milliseconds."""
    return IMPORTED * 1000


def import_composer() -> float:
    """Return the same with the import of composer."""
    start = time.perf_counter()
    import composer  # noqa: F401

    return (IMPORTED + time.perf_counter() - start) * 1000


def building(make: Callable[[int], FastAPI]) -> float:
    """Return the time to build many apps, in milliseconds."""
    # The first requests also trigger lazy imports.
    make(2)
    gc.collect()
    start = time.perf_counter()
    make(BUILT)
    return (time.perf_counter() - start) * 1000


async def memory(make: Callable[[int], FastAPI]) -> float:
    """Return this process's own memory after many apps have responded, in MiB."""
    import psutil

    root = make(KEPT)
    async with root.router.lifespan_context(root):
        for number in range(KEPT):
            await get(root, f"/a{number}/")
        gc.collect()
        own: int = psutil.Process().memory_full_info().uss
    return own / 2**20


@asynccontextmanager
async def lifespan_of(app: FastAPI) -> AsyncIterator[None]:
    """Run an app's lifespan in its own task, as a server does."""
    up, stop = asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not up.is_set():
            return {"type": "lifespan.startup"}
        await stop.wait()
        return {"type": "lifespan.shutdown"}

    async def send(message: Any) -> None:
        up.set()

    running = asyncio.create_task(app({"type": "lifespan", "state": {}}, receive, send))
    await up.wait()
    yield
    stop.set()
    await running


def mounted_with_lifespans(count: int) -> FastAPI:
    """Mount that many apps with `FastAPI.mount`, and run their lifespans in that of the root."""
    apps = [five_routes() for _ in range(count)]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for each in apps:
                await stack.enter_async_context(lifespan_of(each))
            yield

    root = FastAPI(lifespan=lifespan)
    for number, app in enumerate(apps):
        root.mount(f"/a{number}", app)
    return root


async def get(app: FastAPI, path: str) -> None:
    """Request a path of an app without a server; raise RuntimeError if the status isn't 200."""
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "state": {}}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(f"{path} answered {message['status']}")

    await app(scope, receive, send)


async def lifespans(count: int, *, in_threads: bool) -> float:
    """Return the time until that many apps are up, in milliseconds."""
    import anyio.to_thread

    import composer

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await (anyio.to_thread.run_sync(time.sleep, SLEEP) if in_threads else asyncio.sleep(SLEEP))
        yield

    make = partial(FastAPI, lifespan=lifespan)
    root = composer.compose([composer.App(f"a{number}", f"/a{number}", lambda: make()) for number in range(count)])
    start = time.perf_counter()
    async with root.router.lifespan_context(root):
        return (time.perf_counter() - start) * 1000


CHILDREN: dict[str, Callable[[], float]] = {
    "import_plain": import_plain,
    "import_composer": import_composer,
    "building_plain": partial(building, mounted),
    "building_composer": partial(building, composed),
    "memory_plain": lambda: asyncio.run(memory(mounted)),
    "memory_composer": lambda: asyncio.run(memory(composed)),
    "memory_lifespans": lambda: asyncio.run(memory(mounted_with_lifespans)),
    "lifespans_one": lambda: asyncio.run(lifespans(1, in_threads=False)),
    "lifespans_async": lambda: asyncio.run(lifespans(STARTED, in_threads=False)),
    "lifespans_threads": lambda: asyncio.run(lifespans(STARTED, in_threads=True)),
}


def in_a_process(name: str, environment: dict[str, str]) -> float:
    """Return the result of one measurement in its own process."""
    command = [sys.executable, "-m", "benchmarks.starting", name]
    # The arguments are constants of this file.
    done = subprocess.run(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    return float(done.stdout)


def first_answer(target: str, path: str, folder: Path, environment: dict[str, str]) -> float:
    """Return the time from the start of a server's process to its first response, in milliseconds."""
    from tests.serving import serving

    start = time.perf_counter()
    with serving(["uvicorn", target, "--port", "{port}"], folder, folder / "log", environment) as server:
        while not answers(server.port, path):
            if server.process.poll() is not None:
                raise RuntimeError(server.output)
            time.sleep(0.001)
        return (time.perf_counter() - start) * 1000


def answers(port: int, path: str) -> bool:
    """Return whether a server responds to a path; raise RuntimeError if the status isn't 200."""
    try:
        with create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            head = connection.recv(4096)
    except ConnectionError:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"{path} answered {head!r}")
    return True


def rows(folder: Path, environment: dict[str, str]) -> dict[str, tuple[Callable[[], float], Callable[[], float]]]:
    """Return the pairs of each row: plain FastAPI and composer."""
    alone = partial(first_answer, "alone:app", "/", folder, environment)
    child = {name: partial(in_a_process, name, environment) for name in CHILDREN}
    return {
        "import": (child["import_plain"], child["import_composer"]),
        "first answer": (alone, partial(first_answer, "asgi:app", "/hello", folder, environment)),
        "first answer A/A": (alone, alone),
        "building": (child["building_plain"], child["building_composer"]),
        "building A/A": (child["building_plain"], child["building_plain"]),
        "memory": (child["memory_plain"], child["memory_composer"]),
        "memory, lifespans run": (child["memory_lifespans"], child["memory_composer"]),
        "lifespans, async": (child["lifespans_one"], child["lifespans_async"]),
        "lifespans, threads": (child["lifespans_one"], child["lifespans_threads"]),
    }


def measured(rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Measure some rounds of all rows, after a warm-up round, alternating the order."""
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, text in PROJECT.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        environment = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
        for number in range(rounds + 1):
            for name, (plain, ours) in rows(folder, environment).items():
                for again in range(PAIRS.get(name, 1) if number else 1):
                    pair = (plain(), ours()) if (number + again) % 2 else (ours(), plain())[::-1]
                    found.setdefault(name, []).extend([pair] if number else [])
    return found


def row(name: str, pairs: list[tuple[float, float]]) -> str:
    """Return one row of the table as text."""
    ratios = sorted(ours / plain for plain, ours in pairs)
    plain, ours = (median(column) for column in zip(*pairs, strict=True))
    more = median(ours - plain for plain, ours in pairs)
    spread = f"{ratios[0]:.3f} to {ratios[-1]:.3f}"
    return f"{name:21} {plain:9.1f} {ours:9.1f} {more:9.1f} {median(ratios):7.3f}   {spread}"


def main(rounds: int) -> None:
    """Measure, and print the table."""
    found = measured(rounds)
    versions = ", ".join(f"{name} {version(name)}" for name in ("fastapi", "starlette", "pydantic", "uvicorn"))
    print(f"Python {sys.version.split()[0]}, {versions}; {os.cpu_count()} processors; medians of {rounds} rounds")
    print(f"{'':21} {'plain':>9} {'composer':>9} {'more':>9} {'ratio':>7}   ratios of the rounds")
    for name, pairs in found.items():
        print(row(name, pairs))


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in CHILDREN:
        print(CHILDREN[sys.argv[1]]())
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else ROUNDS)
