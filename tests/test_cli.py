"""What people type: `python -m composer` with its four commands, as a process and by its exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Project as WriteProject
from tests.serving import REPOSITORY

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


def composer(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COMPOSER_")}
    env = clean | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "200", "NO_COLOR": "1"} | environment
    command = [sys.executable, "-m", "composer", *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_check_shows_what_is_composed_and_ends_with_0(project: WriteProject) -> None:
    done = composer(project(PROJECT), "check")
    assert done.returncode == 0, done.stderr
    assert "No problems in 2 apps." in done.stderr
    rows = [line.split() for line in done.stderr.splitlines()]
    assert ["notes", "/notes", "Notes", "3", "pending"] in rows
    assert ["v1/notes", "/v1/notes", "Notes", "3", "pending"] in rows


@pytest.mark.parametrize("command", ["check", "routes", "openapi", "serve"])
def test_every_command_shows_all_problems_without_a_traceback_and_ends_with_1(
    project: WriteProject, command: str
) -> None:
    done = composer(project(BROKEN), command)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert done.stderr == (
        "2 problems in House, nothing was started:\n"
        "\n"
        "C008  apps/notes.py\n"
        "      It has no create_app.\n"
        "      Hint: Did you mean 'create_ap'? Define create_app(...) there; a helper that is not to be composed "
        "starts with an underscore.\n"
        "\n"
        "C006  apps/broken.py:1\n"
        "      Importing it failed: ModuleNotFoundError: No module named 'nowhere'.\n"
        "      Hint: Mend that line, or install what is missing.\n"
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


def test_openapi_tells_what_has_changed_since_a_file_was_written(project: WriteProject) -> None:
    root = project(PROJECT)
    assert composer(root, "openapi", "-o", "openapi.yaml").returncode == 0
    done = composer(root, "openapi", "--check", "openapi.yaml")
    assert (done.returncode, done.stdout) == (0, "openapi.yaml is up to date\n")
    done = composer(root, "openapi", "--check", "openapi.yaml", "--apps", "notes")
    assert done.returncode == 1
    assert "Breaking changes (2):\n" in done.stdout
    assert "  GET /v1/notes/items/{number}: operation is gone\n" in done.stdout


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
    assert "without that of bad: #: only OpenAPI 3.0 and 3.1 can be merged, this is 2.0" in done.stderr
    assert "Nothing was written: the document of every app is needed." in done.stderr
    assert not (root / "openapi.json").exists()


def test_a_subset_can_be_named_by_apps_and_groups(project: WriteProject) -> None:
    root = project(PROJECT)
    assert "No problems in 1 apps." in composer(root, "check", "--apps", "v1").stderr
    assert list(json.loads(composer(root, "openapi", "--apps", "notes").stdout)["paths"]) == ["/notes/items/{number}"]
    done = composer(root, "check", "--apps", "note,v1")
    assert done.returncode == 1
    assert "only names an app that isn't there: 'note'." in done.stderr
    assert "Did you mean 'notes'?" in done.stderr


def test_the_settings_can_be_elsewhere(project: WriteProject, tmp_path: Path) -> None:
    settings = project(PROJECT) / "settings.toml"
    assert composer(tmp_path, "check", "--settings", str(settings)).returncode == 0
    assert composer(tmp_path, "check", COMPOSER_SETTINGS=str(settings)).returncode == 0
    done = composer(tmp_path, "check")
    assert done.returncode == 1
    assert f"C001  {tmp_path / 'settings.toml'}\n      There is no settings file." in done.stderr


def test_a_target_that_is_no_composition_says_so(project: WriteProject) -> None:
    root = project(PROJECT | {"plain.py": "from fastapi import FastAPI\napp = FastAPI()\n"})
    done = composer(root, "check", "plain:app")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "nothing was composed into this app" in done.stderr
    done = composer(root, "check", "plain:application")
    assert done.returncode == 1
    assert (
        "C009  the command line\n      'plain:application' can't be used: 'plain' has no 'application'" in done.stderr
    )


def test_without_a_command_it_says_what_there_is() -> None:
    done = composer(REPOSITORY, "--help")
    for command in ("serve", "check", "routes", "openapi"):
        assert command in done.stdout
