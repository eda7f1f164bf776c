"""`composer serve --preload`: what is loaded once, what each process makes for itself, and how they all end."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import httpx
import psutil
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from composer import App, Cornerstone, PartError, compose, composition_of
from composer.contrib.models import ArtefactError, Models, write_artefact
from tests.serving import REPOSITORY, Server, serving
from tests.soak.stops import LONGEST, SERVE, Load, stop_under_load, unclean, write_project
from tests.test_signals import hopeless, is_alive, is_open, wait_for_two

TWO = [*SERVE, "--workers", "2", "--preload"]

GROUND = """
    import os


    class Ground:
        def preload(self) -> None:
            print(f"{os.getpid()} loads", flush=True)
            self.model = ["a big one"]
            self.loaded_by = os.getpid()

        async def __aenter__(self):
            self.entered_by = os.getpid()
            return self

        async def __aexit__(self, *error):
            print("ground leaves", flush=True)


    def create_cornerstone() -> Ground:
        return Ground()
"""

FACTS = """
    import os

    from fastapi import FastAPI

    from shared.ground import Ground

    BUILT_BY = os.getpid()


    def create_app(ground: Ground) -> FastAPI:
        app = FastAPI()

        @app.get("/")
        def facts() -> dict[str, int]:
            return {
                "process": os.getpid(),
                "built by": BUILT_BY,
                "loaded by": ground.loaded_by,
                "entered by": ground.entered_by,
                "model": id(ground.model),
            }

        return app
"""


def project(folder: Path, **stones: str) -> Path:
    """Write the project of the stops with these cornerstones, and with an app that tells who did what."""
    write_project(folder)
    for name, text in ({"ground": GROUND} | stones).items():
        (folder / "shared" / f"{name}.py").write_text(dedent(text))
    (folder / "apps" / "facts.py").write_text(dedent(FACTS))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("preloading"))


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[Server]:
    with serving(TWO, folder, tmp_path / "log") as server:
        server.wait_until_ready()
        yield server


@pytest.fixture(scope="module")
def one_server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve once for the tests that only ask."""
    with serving(TWO, folder, tmp_path_factory.mktemp("one") / "log") as server:
        server.wait_until_ready()
        yield server


def facts_of_two(server: Server) -> list[dict[str, int]]:
    """Return what each of two workers tells."""
    found: dict[int, dict[str, int]] = {}
    end = time.monotonic() + 30
    # A new connection for each request: any process may take it.
    with httpx.Client(headers={"connection": "close"}) as client:
        while len(found) < 2 and time.monotonic() < end:
            facts = client.get(f"{server.url}/facts/").json()
            found[facts["process"]] = facts
    assert len(found) == 2, f"there were never two processes:\n{server.output}"
    return list(found.values())


def ended(processes: set[int]) -> bool:
    """Wait until none of them is alive, or for some seconds."""
    end = time.monotonic() + 10
    while any(map(is_alive, processes)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(is_alive, processes))


def test_the_parent_builds_and_loads_once_and_each_worker_enters_what_it_has_of_it(one_server: Server) -> None:
    parent = one_server.process.pid
    for facts in facts_of_two(one_server):
        assert facts["process"] != parent
        assert (facts["built by"], facts["loaded by"]) == (parent, parent)
        assert facts["entered by"] == facts["process"]
    assert one_server.output.count("loads\n") == 1


def test_the_loaded_object_is_the_same_memory_in_each_worker(one_server: Server) -> None:
    first, second = facts_of_two(one_server)
    assert first["model"] == second["model"]


def test_a_stop_under_load_answers_every_request_and_ends_every_stream(folder: Path, tmp_path: Path) -> None:
    # By one worker: each counts what is open at itself.
    command = [*SERVE, "--workers", "1", "--preload"]
    with serving(command, folder, tmp_path / "log") as server:
        server.wait_until_ready()
        outcome = asyncio.run(stop_under_load(server, Load(requests=100, sockets=20, streams=10)))
        assert (outcome.answered, outcome.sockets, outcome.streams) == (100, 20, 10)
        assert (outcome.wrong, unclean(server, outcome)) == ([], [])


def test_ctrl_c_at_all_processes_of_the_terminal_leaves_every_lifespan(server: Server) -> None:
    workers = wait_for_two(server)
    for process in (*workers, server.process.pid):
        os.kill(process, signal.SIGINT)
    assert server.process.wait(LONGEST) == 0
    for each in workers:
        assert server.output.count(f"{each} leaves\n") == 1


def test_a_worker_that_is_killed_is_replaced_by_one_that_loads_nothing(server: Server) -> None:
    killed, other = wait_for_two(server)
    psutil.Process(killed).kill()
    new = wait_for_two(server, without=killed) - {other}
    assert len(new) == 1
    assert {facts["loaded by"] for facts in facts_of_two(server)} == {server.process.pid}
    assert server.output.count("loads\n") == 1
    server.process.terminate()
    assert server.process.wait(LONGEST) == 0


def test_a_second_signal_ends_all_processes_at_once(server: Server) -> None:
    with hopeless(server):
        workers = wait_for_two(server)
        asyncio.run(is_open(server, stuck=1))
        server.process.terminate()
        time.sleep(0.5)
        assert server.process.poll() is None
        server.process.terminate()
        assert server.process.wait(10) == -signal.SIGTERM
        assert ended(workers)


def test_workers_whose_parent_was_killed_stop_by_themselves(server: Server) -> None:
    workers = wait_for_two(server)
    server.process.kill()
    assert ended(workers)
    assert server.output.count("ground leaves\n") == 2


SLOW = """
    import asyncio


    class Slow:
        async def __aenter__(self) -> None:
            print("slowly", flush=True)
            await asyncio.sleep(25)

        async def __aexit__(self, *error: object) -> None: ...


    def create_cornerstone() -> Slow:
        return Slow()
"""


def test_a_stop_in_the_middle_of_the_start_is_no_failure(tmp_path: Path) -> None:
    with serving(TWO, project(tmp_path / "project", slow=SLOW), tmp_path / "log") as server:
        server.wait_until_printed("slowly", times=2)
        server.process.terminate()
        assert server.process.wait(10) == 0
        assert "slow failed to start: the process was asked to stop during the start" in server.output


FAILING = """
    class Failing:
        def preload(self) -> None:
            raise OSError("no such model")

    def create_cornerstone() -> Failing:
        return Failing()
"""


def test_a_preload_that_fails_is_reported_and_nothing_is_forked_or_opened(tmp_path: Path) -> None:
    with serving(TWO, project(tmp_path / "project", failing=FAILING), tmp_path / "log") as server:
        assert server.process.wait(30) == 3
        assert "cornerstone failing failed to preload: OSError: no such model" in server.output
        assert "running on" not in server.output
        assert "Booting worker" not in server.output


def test_workers_that_cannot_start_end_the_server_with_a_status_that_says_so(tmp_path: Path) -> None:
    failing = FAILING.replace("preload(self)", "__enter__(self)") + "\n    Failing.__exit__ = lambda *_: None\n"
    with serving(TWO, project(tmp_path / "project", failing=failing), tmp_path / "log") as server:
        assert server.process.wait(30) == 3
        assert "cornerstone failing failed to start: OSError: no such model" in server.output


def test_a_port_in_use_is_reported_before_anything_is_forked(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [part.format(port=taken.getsockname()[1]) for part in TWO]
        with serving(command, folder, tmp_path / "log") as server:
            assert server.process.wait(30) == 3
            assert "ddress already in use" in server.output
            assert "Booting worker" not in server.output


def test_without_gunicorn_it_says_what_to_install(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'gunicorn'\", name='gunicorn')\n"
    )
    without = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(REPOSITORY)])}
    with serving(TWO, folder, tmp_path / "log", without) as server:
        assert server.process.wait(30) == 1
        assert "pip install 'fastapi-composer[preload]'" in server.output
        assert "Traceback" not in server.output


def test_it_does_not_go_with_reload(folder: Path, tmp_path: Path) -> None:
    with serving([*TWO, "--reload"], folder, tmp_path / "log") as server:
        assert server.process.wait(30) == 1
        assert "mutually exclusive" in server.output


def test_event_loops_and_connections_of_this_repository_are_made_after_the_fork(tmp_path: Path) -> None:
    database = tmp_path / "app.db"
    settings = {"COMPOSER_CORNERSTONES__DB__URL": f"sqlite+aiosqlite:///{database}"}
    with serving(TWO, REPOSITORY, tmp_path / "log", settings) as server:
        server.wait_until_ready()
        parent = psutil.Process(server.process.pid)
        workers = parent.children()
        # The second may still be starting.
        server.wait_until_printed("Application startup complete", times=2)
        assert len(workers) == 2
        assert opened(parent, database) == {"loop": False, "database": False}
        assert [opened(worker, database) for worker in workers] == [{"loop": True, "database": True}] * 2
        assert "threads run before the fork" not in server.output
        server.stop()


def opened(process: psutil.Process, database: Path) -> dict[str, bool]:
    """Tell whether a process has an event loop, and a connection to the database."""
    files = [str(file.readlink()) for file in Path(f"/proc/{process.pid}/fd").iterdir()]
    return {"loop": "anon_inode:[eventpoll]" in files, "database": str(database) in files}


class Ground:
    """Note when it is loaded."""

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls

    def preload(self) -> None:
        self._calls.append("ground")


class House:
    """Note when it is loaded; it needs the ground."""

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls

    def preload(self) -> None:
        self._calls.append("house")


def composed(calls: list[str]) -> FastAPI:
    def house(ground: Ground) -> House:
        return House(calls)

    def ground() -> Ground:
        return Ground(calls)

    return compose(
        [App("one", "/one", FastAPI())], cornerstones=[Cornerstone("house", house), Cornerstone("ground", ground)]
    )


def test_cornerstones_preload_in_the_order_in_which_they_need_each_other() -> None:
    from composer._cli.preload import preload

    calls: list[str] = []
    preload(composition_of(composed(calls)).plan)
    assert calls == ["ground", "house"]


def test_nothing_preloads_without_the_option() -> None:
    calls: list[str] = []
    with TestClient(composed(calls)) as client:
        assert client.get("/readyz").status_code == 200
    assert calls == []


def test_an_async_preload_is_reported() -> None:
    from composer._cli.preload import preload

    class Ground:
        async def preload(self) -> None: ...

    def ground() -> Ground:
        return Ground()

    plan = composition_of(compose([], cornerstones=[Cornerstone("ground", ground)])).plan
    with pytest.raises(PartError, match="ground failed to preload: TypeError: preload\\(\\) is async"):
        preload(plan)


@pytest.mark.anyio
async def test_an_expected_artefact_is_read_before_it_is_used(tmp_path: Path) -> None:
    write_artefact(tmp_path, "small", [1, 2, 3], {"title": "Small"})
    models = Models(tmp_path)
    models.expect("small")
    models.preload()
    (tmp_path / "small.joblib").unlink()
    async with models:
        assert await models.load("small") == [1, 2, 3]


def test_an_expected_artefact_that_is_refused_fails_the_preload(tmp_path: Path) -> None:
    models = Models(tmp_path)
    models.expect("nowhere")
    with pytest.raises(ArtefactError, match="nowhere"):
        models.preload()
