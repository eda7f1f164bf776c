"""Guests that are heavy to import: imported in a thread when they start, with their last known document until then."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

import anyio
import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import composer
from tests.commands import composer as command
from tests.commands import composer_process
from tests.conftest import Project
from tests.test_cli_problems import DOUBTFUL

HEAVY = """
    import threading
    from contextlib import asynccontextmanager

    from fastapi import FastAPI, HTTPException, Request
    from shared.clock import Clock

    IMPORTED_BY = threading.current_thread()

    def create_app(clock: Clock) -> FastAPI:
        @asynccontextmanager
        async def lifespan(app):
            yield {"started": clock.now()}

        app = FastAPI(title="Heavy", lifespan=lifespan)

        @app.get("/started")
        async def started(request: Request) -> int:
            return request.state.started

        return app
"""
CLOCK = """
    class Clock:
        def __init__(self) -> None:
            self.requests = 0

        def now(self) -> int:
            return 42

        def around_request(self, connection):
            self.requests += 1
            from contextlib import nullcontext
            return nullcontext()

    def create_cornerstone() -> Clock:
        return Clock()
"""
LIGHT = """
    from fastapi import FastAPI

    def create_app() -> FastAPI:
        app = FastAPI(title="Light")

        @app.get("/")
        async def light() -> str:
            return "light"

        return app
"""


def files(startup: str = "lazy", heavy: str = HEAVY, more: str = "") -> dict[str, str]:
    return {
        "settings.toml": f"""
            [apps.heavy]
            factory = "heavy:create_app"
            startup = "{startup}"
            {more}
        """,
        "heavy.py": heavy,
        "apps/__init__.py": "",
        "apps/light.py": LIGHT,
        "shared/__init__.py": "",
        "shared/clock.py": CLOCK,
    }


# Its import goes on only when the test lets it.
HELD = "import gate\ngate.reached.set()\nassert gate.opened.wait(30)\n" + dedent(HEAVY)


class Gate(SimpleNamespace):
    """The module that an import stops at."""

    reached: threading.Event
    opened: threading.Event


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(reached=threading.Event(), opened=threading.Event())
    monkeypatch.setitem(sys.modules, "gate", gate)
    yield gate
    gate.opened.set()


def built(folder: Path) -> FastAPI:
    return composer.build(folder / "settings.toml")


@pytest.mark.anyio
async def test_it_is_imported_by_the_first_request_in_a_thread_while_the_others_serve(
    project: Project, gate: Gate
) -> None:
    root = built(project(files(heavy=HELD)))
    async with (
        root.router.lifespan_context(root),
        httpx.AsyncClient(transport=httpx.ASGITransport(root), base_url="http://test") as client,
    ):
        assert "heavy" not in sys.modules
        assert (await client.get("/light/")).json() == "light"
        assert "heavy" not in sys.modules
        async with anyio.create_task_group() as group:
            answers: list[int] = []

            async def ask() -> None:
                answers.append((await client.get("/heavy/started")).json())

            group.start_soon(ask)
            assert await anyio.to_thread.run_sync(gate.reached.wait, 30)
            assert (await client.get("/light/")).json() == "light"
            assert answers == []
            gate.opened.set()
        assert answers == [42]
        assert sys.modules["heavy"].IMPORTED_BY.name != "MainThread"


def test_it_gets_its_cornerstones_and_their_hooks_as_any_other_app(project: Project) -> None:
    root = built(project(files()))
    with TestClient(root) as client:
        assert client.get("/heavy/started").json() == 42
        assert client.get("/heavy/docs").status_code == 200
        clock = next(stone.value for stone in composer.composition_of(root).plan.cornerstones)
        assert clock.requests == 2
        client.get("/light/")
        assert clock.requests == 2


def test_in_the_background_no_other_start_waits_for_it(project: Project, gate: Gate) -> None:
    root = built(project(files("background", HELD)))
    with TestClient(root) as client:
        assert gate.reached.wait(30)
        assert client.get("/light/").status_code == 200
        assert client.get("/heavy/started").status_code == 503
        gate.opened.set()
        while client.get("/heavy/started").status_code == 503:
            time.sleep(0.05)
        assert client.get("/heavy/started").json() == 42


def test_its_document_comes_from_its_last_start_until_it_is_there(project: Project) -> None:
    folder = project(files())
    with TestClient(built(folder)) as client:
        assert "/heavy/started" not in client.get("/openapi.json").json()["paths"]
        client.get("/heavy/started")
        assert "/heavy/started" in client.get("/openapi.json").json()["paths"]
    assert json.loads((folder / ".composer/openapi/heavy.json").read_text())["info"]["title"] == "Heavy"

    del sys.modules["heavy"]
    with TestClient(built(folder)) as client:
        assert "/heavy/started" in client.get("/openapi.json").json()["paths"]
        assert "heavy" not in sys.modules


@pytest.mark.parametrize(
    ("heavy", "told"),
    [
        ("raise ZeroDivisionError('broken')", "ZeroDivisionError: broken"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def create_app() -> int:\n    return 3", "int"),
        ("def create_app(database: 'Nothing'): ...", "Nothing"),
        ("from fastapi import APIRouter\ndef create_app():\n    return APIRouter()", "APIRouter"),
    ],
)
def test_what_is_wrong_with_it_fails_it_alone_and_is_told_by_check(project: Project, heavy: str, told: str) -> None:
    folder = project(files(heavy=heavy))
    with TestClient(built(folder)) as client:
        answer = client.get("/heavy/started")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert client.get("/light/").status_code == 200

    checked = command(folder, "check")
    assert checked.returncode == 1
    assert told in checked.stderr


def test_its_warnings_are_logged_when_it_is_made(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    root = built(project(files(heavy=DOUBTFUL)))
    with TestClient(root) as client:
        assert (caplog.messages, composer.composition_of(root).warnings) == ([], ())
        assert client.get("/heavy/files/first").status_code == 404
        [warning] = composer.composition_of(root).warnings
        assert caplog.messages == [str(warning)]
        assert warning.id == "C050"


@pytest.mark.parametrize("more", ['ignore = ["C050"]', '[composer]\nignore = ["C050"]'])
def test_its_warnings_can_be_ignored(project: Project, caplog: pytest.LogCaptureFixture, more: str) -> None:
    root = built(project(files(heavy=DOUBTFUL, more=more)))
    with TestClient(root) as client:
        assert client.get("/heavy/files/first").status_code == 404
    assert (caplog.messages, composer.composition_of(root).warnings) == ([], ())


def test_check_shows_its_warnings_once(project: Project) -> None:
    checked = command(project(files(heavy=DOUBTFUL)), "check")
    assert checked.returncode == 0
    assert checked.stderr.count("C050") == 1
    assert checked.stderr.endswith("1 warning.\n")


def test_a_start_that_failed_is_tried_again_with_a_new_import(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("composer._lifecycle.apps.FIRST_PAUSE", 0.05)
    folder = project(files("background", "raise ConnectionError('away')"))
    with TestClient(built(folder)) as client:
        while client.get("/heavy/started").headers.get("retry-after") is None:
            time.sleep(0.01)
        project({"heavy.py": HEAVY})
        for _ in range(200):
            if client.get("/heavy/started").status_code == 200:
                break
            time.sleep(0.05)
        assert client.get("/heavy/started").json() == 42


def test_check_imports_it_and_shows_it(project: Project) -> None:
    checked = command(project(files()), "check")
    assert checked.returncode == 0, checked.stderr
    assert ["heavy", "/heavy", "Heavy", "0.1.0", "pending"] in [line.split() for line in checked.stderr.splitlines()]


def test_check_names_what_it_changes_of_the_process(project: Project) -> None:
    changing = "import logging\nlogging.basicConfig(level='DEBUG')\n" + LIGHT.replace("\n    ", "\n")
    checked = composer_process(project(files(heavy=changing)), "check")
    assert checked.returncode == 0, checked.stderr
    assert "apps/heavy: while it was imported, it set the root logger's level to DEBUG" in checked.stderr


def test_the_projects_own_apps_are_imported_at_once_whenever_they_start(project: Project) -> None:
    apps = {"settings.toml": "[apps.light]\nstartup = 'lazy'\n", "apps/__init__.py": "", "apps/light.py": LIGHT}
    built(project(apps))
    assert "apps.light" in sys.modules


def test_its_guard_and_its_limits_hold_before_it_is_there(project: Project) -> None:
    guarded = files(more='guard = "key"\nmax_body_size = 10') | {
        "shared/key.py": """
            from fastapi import HTTPException

            class Key:
                def __call__(self) -> None:
                    raise HTTPException(401)

            def create_cornerstone() -> Key:
                return Key()
        """
    }
    with TestClient(built(project(guarded))) as client:
        assert client.get("/heavy/started").status_code == 401


@pytest.mark.anyio
async def test_it_can_be_restarted_before_and_after_its_first_start(project: Project) -> None:
    root = built(project(files()))
    composition = composer.composition_of(root)
    async with (
        root.router.lifespan_context(root),
        httpx.AsyncClient(transport=httpx.ASGITransport(root), base_url="http://test") as client,
    ):
        for _ in range(2):
            [heavy] = [app for app in composition.plan.apps if app.name == "heavy"]
            await composition.restart("heavy")
            assert (await client.get("/heavy/started")).json() == 42
            assert "/heavy/started" in (await client.get("/openapi.json")).json()["paths"]
            assert heavy not in composition.plan.apps
        assert composition.cornerstones["clock"].requests == 2
