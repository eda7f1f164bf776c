"""What people type: the four commands, by what they print and by their exit status; `serve` as a process."""

import json
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from socket import socket

import httpx
import pytest

from tests.commands import composer, composer_process, environment_of
from tests.conftest import Project as WriteProject
from tests.serving import free_port, serving

APP = """
    from fastapi import FastAPI, WebSocket

    def create_app() -> FastAPI:
        app = FastAPI(title="Notes", version="3")

        @app.get("/items/{number}")
        def read_item(number: int) -> int:
            return number

        @app.websocket("/ws")
        async def listen(socket: WebSocket) -> None: ...

        return app
"""
PROJECT = {
    "settings.toml": "[composer]\ntitle = 'House'\n",
    "apps/__init__.py": "",
    "apps/notes.py": APP,
    "apps/v1/__init__.py": "",
    "apps/v1/notes.py": APP,
}
BROKEN = PROJECT | {
    "apps/notes.py": "def create_ap(): ...\n",
    "apps/broken.py": "import nowhere\ndef create_app(): ...\n",
}


FAILING = """
    from fastapi import FastAPI

    async def lifespan(app: FastAPI):
        raise OSError("no")
        yield

    def create_app() -> FastAPI:
        return FastAPI(lifespan=lifespan)
"""


def test_the_package_is_run_as_the_command_line(project: WriteProject) -> None:
    # What the other tests here do in their own process.
    done = composer_process(project(PROJECT), "check")
    assert (done.returncode, done.stdout) == (0, "")
    assert "No problems." in done.stderr


def test_check_shows_what_is_composed_and_ends_with_0(project: WriteProject) -> None:
    done = composer(project(PROJECT), "check")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("\nNo problems.\n")
    rows = [line.split() for line in done.stderr.splitlines()]
    assert ["notes", "/notes", "Notes", "3", "pending"] in rows
    assert ["v1/notes", "/v1/notes", "Notes", "3", "pending"] in rows


@pytest.mark.parametrize("command", ["check", "routes", "openapi", "serve"])
def test_every_command_shows_all_problems_without_a_traceback_and_ends_with_1(
    project: WriteProject, command: str
) -> None:
    run = composer_process if command == "serve" else composer
    done = run(project(BROKEN), command)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.removesuffix("\n2 errors.\n" if command == "check" else "") == (
        "2 problems in House, nothing was started:\n"
        "\n"
        "C008  apps/notes.py\n"
        "      create_app not found.\n"
        "      Hint: Did you mean 'create_ap'? Define create_app(...) there, or start the name with an "
        "underscore to leave it out.\n"
        "\n"
        "C006  apps/broken.py:1\n"
        "      Import failed: ModuleNotFoundError: No module named 'nowhere'.\n"
        "      Hint: Fix that line, or install the missing package.\n"
    )


def test_the_problems_of_an_asgi_file_are_shown_the_same(project: WriteProject) -> None:
    done = composer(project(BROKEN | {"asgi.py": "import composer\napp = composer.build()\n"}), "check")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("2 problems in House, nothing was started:\n\nC008  apps/notes.py\n")


def test_routes_lists_the_routes_of_every_app_and_of_the_root(project: WriteProject) -> None:
    asgi = "import composer\napp = composer.build()\n@app.get('/own')\ndef own(): ...\n"
    done = composer(project(PROJECT | {"asgi.py": asgi}), "routes")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["notes", "GET", "/notes/items/{number}", "read_item"] in rows
    assert ["v1/notes", "WEBSOCKET", "/v1/notes/ws", "listen"] in rows
    assert ["(root)", "GET", "/own", "own"] in rows


def test_openapi_prints_the_merged_document_or_writes_it(project: WriteProject, tmp_path: Path) -> None:
    root = project(PROJECT)
    printed = composer(root, "openapi")
    assert list(json.loads(printed.stdout)["paths"]) == ["/notes/items/{number}", "/v1/notes/items/{number}"]
    written = composer(root, "openapi", "--output", str(tmp_path / "openapi.json"))
    assert written.stdout == ""
    assert (tmp_path / "openapi.json").read_text() == printed.stdout


def test_openapi_reports_what_has_changed_since_a_file_was_written(project: WriteProject) -> None:
    root = project(PROJECT)
    assert composer(root, "openapi", "-o", "openapi.yaml").returncode == 0
    done = composer(root, "openapi", "--check", "openapi.yaml")
    assert (done.returncode, done.stdout) == (0, "openapi.yaml is up to date\n")
    done = composer(root, "openapi", "--check", "openapi.yaml", "--apps", "notes")
    assert done.returncode == 1
    assert "Breaking changes (2):\n" in done.stdout
    assert "  GET /v1/notes/items/{number}: operation removed\n" in done.stdout


def test_openapi_writes_nothing_where_an_app_s_document_fails(project: WriteProject) -> None:
    bad = """
        from fastapi import FastAPI

        def create_app():
            app = FastAPI()
            app.openapi = lambda: {"openapi": "2.0"}
            return app
        """
    root = project(PROJECT | {"apps/bad.py": bad})
    done = composer(root, "openapi", "--output", "openapi.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "document: bad: #: unsupported OpenAPI version: 2.0 (supported: 3.0, 3.1 and 3.2)" in done.stderr
    assert "Nothing was written: the document of at least one app is missing." in done.stderr
    assert not (root / "openapi.json").exists()


def test_a_subset_can_be_named_by_apps_and_groups(project: WriteProject) -> None:
    root = project(PROJECT)
    rows = [line.split()[:1] for line in composer(root, "check", "--apps", "v1").stderr.splitlines()]
    assert ["v1/notes"] in rows
    assert ["notes"] not in rows
    assert list(json.loads(composer(root, "openapi", "--apps", "notes").stdout)["paths"]) == ["/notes/items/{number}"]
    done = composer(root, "check", "--apps", "note,v1")
    assert done.returncode == 1
    assert "Unknown app 'note' in only." in done.stderr
    assert "Did you mean 'notes'?" in done.stderr


def test_the_settings_can_be_elsewhere(project: WriteProject, tmp_path: Path) -> None:
    settings = project(PROJECT) / "settings.toml"
    assert composer(tmp_path, "check", "--settings", str(settings)).returncode == 0
    assert composer(tmp_path, "check", COMPOSER_SETTINGS=str(settings)).returncode == 0
    done = composer(tmp_path, "check")
    assert done.returncode == 1
    assert "C001  settings.toml\n      Settings file not found" in done.stderr
    assert str(tmp_path) in done.stderr


def test_a_target_that_is_no_composition_says_so(project: WriteProject) -> None:
    root = project(PROJECT | {"plain.py": "from fastapi import FastAPI\napp = FastAPI()\n"})
    done = composer(root, "check", "plain:app")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "nothing was composed into this app" in done.stderr
    done = composer(root, "check", "plain:application")
    assert done.returncode == 1
    assert "C009  the command line\n      Cannot use 'plain:application': 'plain' has no 'application'" in done.stderr


def test_without_a_command_it_says_what_there_is(tmp_path: Path) -> None:
    done = composer(tmp_path, "--help")
    for command in ("serve", "check", "routes", "openapi"):
        assert command in done.stdout


@pytest.mark.parametrize("apps", ["", "notes,"])
def test_an_empty_name_among_the_apps_is_a_mistake(project: WriteProject, apps: str) -> None:
    done = composer(project(PROJECT), "check", "--apps", apps)
    assert done.returncode == 1
    assert "Unknown app '' in only." in done.stderr
    assert "Known apps: notes, v1/notes." in done.stderr


@pytest.mark.parametrize("more", [[], ["--workers", "2"]])
def test_a_server_whose_port_is_taken_ends_with_the_status_of_a_failure(project: WriteProject, more: list[str]) -> None:
    with socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = composer_process(project(PROJECT), "serve", "--port", str(other.getsockname()[1]), *more)
    # One of uvicorn's, whose releases differ.
    assert done.returncode in (1, 3), done.stderr
    assert "address already in use" in done.stderr.lower()


def test_the_documentation_is_where_the_server_says_also_behind_a_proxy(project: WriteProject, tmp_path: Path) -> None:
    serve = ["composer", "serve", "--port", "{port}", "--root-path", "/api"]
    with serving(serve, project(PROJECT), tmp_path / "log") as server:
        server.wait_until_ready()
        [address] = re.findall("Documentation at (.+)", server.output)
        assert httpx.get(address).status_code == 200


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--host", "::1", "--port", "8000"], ["http://[::1]:8000/docs"]),
        (["--host", "localhost", "--port", "8000"], ["http://localhost:8000/docs"]),
        # Nobody knows it yet.
        (["--port", "0"], []),
    ],
)
def test_the_address_of_the_documentation_is_one_that_a_browser_takes(
    project: WriteProject, more: list[str], told: list[str]
) -> None:
    done = composer_process(project(PROJECT | {"apps/failing.py": FAILING}), "serve", *more)
    assert done.returncode == 3, done.stderr
    assert re.findall("Documentation at (.+)", done.stderr) == told


def test_a_reader_of_the_output_that_goes_away_ends_no_server(project: WriteProject) -> None:
    """As `composer serve 2>&1 | head -1` does: what is printed when all is up goes nowhere."""
    port = free_port()
    command = [sys.executable, "-m", "composer", "serve", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=project(PROJECT), env=environment_of(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith(b"Documentation at")
        process.stdout.close()
        assert is_ready(process, port)
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def is_ready(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Wait until the server is ready, until it has ended, or for some time."""
    end = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end:
        with suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        time.sleep(0.05)
    return False
