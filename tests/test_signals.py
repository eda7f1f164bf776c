"""The word to stop: who is told, when, and what a server makes of it that is told by a signal."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from types import ModuleType

import httpx
import psutil
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from composer import App, StartupError, compose, composition_of, shutting_down
from composer._lifecycle.signals import HEAD_START, SAME_STOP
from tests.serving import Server, serving
from tests.soak.stops import LONGEST, SERVE, Load, stop_under_load, unclean, until_open, write_project

TWO = [*SERVE, "--workers", "2"]

Lifespan = Callable[[FastAPI], AsyncIterator[None]]


def composed(lifespan: Lifespan | None = None) -> FastAPI:
    asgi = FastAPI(lifespan=asynccontextmanager(lifespan) if lifespan else None)

    @asgi.get("/told")
    def told() -> bool:
        return shutting_down.is_set()

    return compose([App("one", "/one", asgi)])


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """Handle SIGTERM as a server does; give the signals that came."""
    signals: list[int] = []
    former = signal.signal(signal.SIGTERM, lambda number, frame: signals.append(number))
    yield signals
    signal.signal(signal.SIGTERM, former)


def test_the_lifespans_are_told_when_they_stop_and_the_next_start_takes_it_back() -> None:
    told: list[bool] = []

    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        told.append(shutting_down.is_set())
        yield
        told.append(shutting_down.is_set())

    for _ in range(2):
        with TestClient(composed(lifespan)) as client:
            assert client.get("/one/told").json() is False
    assert told == [False, True, False, True]


def test_a_composition_that_ends_beside_another_one_does_not_tell_it_to_stop() -> None:
    with TestClient(composed()) as outer:
        with TestClient(composed()):
            pass
        assert outer.get("/one/told").json() is False
    assert shutting_down.is_set()


def test_a_start_that_fails_tells_nobody_to_stop() -> None:
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        raise OSError("no")
        yield

    with pytest.raises(StartupError), TestClient(composed(lifespan)):
        pass
    with TestClient(composed()) as client:
        assert client.get("/one/told").json() is False


@pytest.mark.anyio
async def test_a_signal_wakes_all_that_wait_and_reaches_the_servers_handler_a_moment_later(heard: list[int]) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    async with composition_of(composed()).lifecycle.running():
        waiting = [asyncio.create_task(shutting_down.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(asyncio.gather(*waiting, shutting_down.wait()), 5)
        assert heard == []
        await asyncio.sleep(2 * HEAD_START)
        assert heard == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.mark.anyio
async def test_a_signal_wakes_what_waits_in_the_event_loop_of_another_thread(heard: list[int]) -> None:
    begun = threading.Event()

    async def wait() -> None:
        begun.set()
        await shutting_down.wait()

    async with composition_of(composed()).lifecycle.running():
        thread = threading.Thread(target=lambda: asyncio.run(wait()), daemon=True)
        thread.start()
        await asyncio.to_thread(begun.wait)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()


@pytest.mark.anyio
async def test_one_stop_that_is_signalled_twice_at_once_counts_once(heard: list[int]) -> None:
    async with composition_of(composed()).lifecycle.running():
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(2 * HEAD_START)
        assert heard == [signal.SIGTERM]


@pytest.mark.anyio
async def test_a_worker_of_gunicorn_does_not_end_at_the_second_signal(
    heard: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", ModuleType("gunicorn.arbiter"))
    async with composition_of(composed()).lifecycle.running():
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(SAME_STOP)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(2 * HEAD_START)
        assert heard == [signal.SIGTERM, signal.SIGTERM]


@pytest.mark.anyio
async def test_a_signal_that_nobody_handles_keeps_its_effect() -> None:
    former = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        async with composition_of(composed()).lifecycle.running():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, former)


@pytest.mark.anyio
async def test_a_handler_that_an_app_sets_meanwhile_stays(heard: list[int]) -> None:
    def own(number: int, frame: object) -> None: ...

    async with composition_of(composed()).lifecycle.running():
        signal.signal(signal.SIGTERM, own)
    assert signal.getsignal(signal.SIGTERM) is own


def test_ctrl_c_interrupts_a_program_of_ones_own_as_ever() -> None:
    async def main() -> None:
        async with composition_of(composed()).lifecycle.running():
            signal.raise_signal(signal.SIGINT)
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            await asyncio.sleep(SAME_STOP)
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_after_the_event_loop_was_closed_is_not_swallowed(heard: list[int]) -> None:
    manager = composition_of(compose([])).lifecycle.running()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(manager.__aenter__())
    loop.close()
    signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGTERM]
    asyncio.run(leave(manager))


async def leave(manager: AbstractAsyncContextManager[None]) -> None:
    await manager.__aexit__(None, None, None)


@pytest.mark.anyio
async def test_a_signal_during_the_start_gives_it_up_and_says_what_was_under_way(heard: list[int]) -> None:
    left: list[str] = []

    @asynccontextmanager
    async def quick(app: FastAPI) -> AsyncIterator[None]:
        yield
        left.append("quick")

    @asynccontextmanager
    async def slow(app: FastAPI) -> AsyncIterator[None]:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGTERM)
        await asyncio.sleep(60)
        yield

    apps = [
        App("quick", "/quick", FastAPI(lifespan=quick)),
        App("slow", "/slow", FastAPI(lifespan=slow), after=("quick",)),
    ]
    with pytest.raises(StartupError, match="failed to start: app slow") as caught:
        async with composition_of(compose(apps)).lifecycle.running():
            pass
    assert [str(error) for error in caught.value.exceptions] == [
        "app slow failed to start: the process was asked to stop during the start"
    ]
    assert left == ["quick"]


FAILING = """
class Ground:
    def __enter__(self) -> None:
        raise OSError("no ground")

    def __exit__(self, *error: object) -> None: ...


def create_cornerstone() -> Ground:
    return Ground()
"""


@pytest.fixture(scope="module", autouse=True)
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve what fails to start, beside all the other tests: it takes uvicorn seconds to see that its workers ended."""
    folder = write_project(tmp_path_factory.mktemp("failing"))
    (folder / "shared" / "ground.py").write_text(FAILING)
    with serving(TWO, folder, folder / "log") as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("stopping"))


def test_a_stop_under_load_answers_every_request_and_ends_every_stream(folder: Path, tmp_path: Path) -> None:
    load = Load(requests=200, sockets=50, streams=20)
    with serving(SERVE, folder, tmp_path / "log") as server:
        server.wait_until_ready()
        outcome = asyncio.run(stop_under_load(server, load))
        assert (outcome.answered, outcome.sockets, outcome.streams) == (200, 50, 20)
        assert (outcome.wrong, unclean(server, outcome)) == ([], [])


# Status 0 by its own command; uvicorn's own lets the signal end the process once everything has stopped.
STOPS = {
    "composer serve, Ctrl-C": (SERVE, signal.SIGINT, 0),
    "uvicorn, SIGTERM": (["uvicorn", "asgi:app", "--port", "{port}"], signal.SIGTERM, -signal.SIGTERM),
}


@pytest.mark.parametrize("way", STOPS)
def test_another_server_or_signal_ends_streams_and_sockets_as_well(way: str, folder: Path, tmp_path: Path) -> None:
    command, told, status = STOPS[way]
    load = Load(requests=10, sockets=5, streams=5)
    with serving(command, folder, tmp_path / "log") as server:
        server.wait_until_ready()
        outcome = asyncio.run(stop_under_load(server, load, told))
        assert outcome.wrong == []
        assert outcome.status == status
        assert server.output.count("ground leaves\n") == 1


def test_a_second_signal_ends_it_at_once(folder: Path, tmp_path: Path) -> None:
    with serving(SERVE, folder, tmp_path / "log") as server, hopeless(server):
        asyncio.run(is_open(server, stuck=1))
        server.process.terminate()
        time.sleep(2 * SAME_STOP)
        assert server.process.poll() is None
        server.process.terminate()
        assert server.process.wait(10) == -signal.SIGTERM
        assert "leaves" not in server.output


@contextmanager
def hopeless(server: Server) -> Iterator[None]:
    """Leave a request at a server that it never answers, until the block has ended the server."""

    def ask() -> None:
        with suppress(httpx.TransportError):
            httpx.get(f"{server.url}/load/stuck", timeout=60)

    server.wait_until_ready()
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        server.process.kill()
        thread.join()


async def is_open(server: Server, **expected: int) -> None:
    # A new connection for each request: any process may take it.
    async with httpx.AsyncClient(base_url=f"{server.url}/load", headers={"connection": "close"}) as http:
        await until_open(http, **expected)


def wait_for_two(server: Server, without: int = 0) -> set[int]:
    """Return the processes that answer once there are two of them, beside the one that is told."""
    found: set[int] = set()
    end = time.monotonic() + 30
    # A new connection for each request: any process may take it.
    with httpx.Client(base_url=f"{server.url}/load", headers={"connection": "close"}) as client:
        while len(found) < 2 and time.monotonic() < end:
            found |= {client.get("/open").json()["process"]} - {without}
            time.sleep(0.01)
    assert len(found) == 2, f"there were never two processes:\n{server.output}"
    return found


def test_a_worker_that_is_killed_is_replaced_and_ctrl_c_stops_both_as_it_should(folder: Path, tmp_path: Path) -> None:
    with serving(TWO, folder, tmp_path / "log") as server:
        server.wait_until_ready()
        killed, other = wait_for_two(server)
        psutil.Process(killed).kill()
        assert httpx.get(f"{server.url}/load/open").json()["process"] == other
        workers = wait_for_two(server, without=killed)
        assert other in workers
        with ThreadPoolExecutor() as pool:
            request = pool.submit(httpx.get, f"{server.url}/load/work", params={"seconds": 1.5}, timeout=30)
            asyncio.run(is_open(server, requests=1))
            # As a terminal does at Ctrl-C; the workers get another signal from their parent a moment later.
            for process in (*workers, server.process.pid):
                os.kill(process, signal.SIGINT)
            assert request.result().status_code == 200
        assert server.process.wait(LONGEST) == 0
        for each in workers:
            assert server.output.count(f"{each} leaves\n") == 1
            assert not psutil.pid_exists(each)


def test_a_second_signal_ends_the_workers_too(folder: Path, tmp_path: Path) -> None:
    with serving(TWO, folder, tmp_path / "log") as server, hopeless(server):
        workers = wait_for_two(server)
        server.process.terminate()
        time.sleep(0.5)
        assert server.process.poll() is None
        server.process.terminate()
        assert server.process.wait(10) == -signal.SIGTERM
        end = time.monotonic() + 5
        while any(is_alive(worker) for worker in workers):
            assert time.monotonic() < end
            time.sleep(0.05)


def is_alive(process: int) -> bool:
    """Tell whether a process runs; one that has ended may wait for its parent to ask."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_workers_that_cannot_start_end_the_server_with_a_status_that_says_so(failing: Server) -> None:
    assert failing.process.wait(60) == 3
    assert "cornerstone ground failed to start" in failing.output


STUBBORN = """
class Ground:
    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None:
        raise OSError("stays")


def create_cornerstone() -> Ground:
    return Ground()
"""


def test_a_part_that_fails_to_stop_is_told_by_the_status(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    (folder / "shared" / "ground.py").write_text(STUBBORN)
    with serving(SERVE, folder, tmp_path / "log") as server:
        server.wait_until_ready()
        server.process.terminate()
        assert server.process.wait(10) == 1
        assert "cornerstone ground failed to stop: OSError: stays" in server.output


SLOW = """
import asyncio


class Ground:
    async def __aenter__(self) -> None:
        print("slowly", flush=True)
        await asyncio.sleep(25)

    async def __aexit__(self, *error: object) -> None: ...


def create_cornerstone() -> Ground:
    return Ground()
"""


def test_a_stop_in_the_middle_of_the_start_is_no_failure(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    (folder / "shared" / "ground.py").write_text(SLOW)
    with serving(SERVE, folder, tmp_path / "log") as server:
        server.wait_until_printed("slowly")
        server.process.terminate()
        assert server.process.wait(10) == 0
        assert "ground failed to start: the process was asked to stop during the start" in server.output
