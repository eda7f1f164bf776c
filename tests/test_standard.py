"""What works without `fastapi-composer[standard]`, and what is said where a package of it is missing."""

import logging
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import composer
from composer._cli import main
from composer._docs.assets import viewers_folder
from tests.commands import environment_of
from tests.serving import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# The import names of what only [standard] and the extra dev bring.
BEYOND_THE_CORE = ["fastapi_offline", "httpx", "rich", "structlog", "tenacity", "typer", "uvicorn"]

SERVES = f"""
import asyncio, sys
sys.modules.update(dict.fromkeys({BEYOND_THE_CORE!r}))

import composer
from fastapi import FastAPI
from starlette.responses import JSONResponse

notes = FastAPI()
notes.get("/")(lambda: "note")
documented = JSONResponse({{"openapi": "3.1.0", "info": {{"title": "G", "version": "1"}}, "paths": {{"/x": {{}}}}}})

async def guest(scope, receive, send):
    if scope["type"] == "http":
        await documented(scope, receive, send)

async def get(app, path):
    sent = []
    async def receive():
        return {{"type": "http.request", "body": b"", "more_body": False}}
    async def send(message):
        sent.append(message)
    scope = {{"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}}
    await app(scope | {{"headers": [], "asgi": {{"version": "3.0"}}, "root_path": "", "scheme": "http"}}, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])

async def serve(app):
    async with app.router.lifespan_context(app):
        for path in ("/notes/", "/readyz", "/docs", "/openapi.json"):
            status, body = await get(app, path)
            print(path, status, b"/guest/x" in body)

apps = [composer.App("notes", "/notes", notes), composer.App("guest", "/guest", app=guest)]
asyncio.run(serve(composer.compose(apps)))
"""


@pytest.fixture
def without_viewers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Python's own way to say that a module can't be imported.
    monkeypatch.setitem(sys.modules, "fastapi_offline", None)
    viewers_folder.cache_clear()
    yield
    viewers_folder.cache_clear()


def test_the_core_alone_builds_and_serves_a_composition() -> None:
    command = [sys.executable, "-c", SERVES]
    done = subprocess.run(command, env=environment_of(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "/notes/ 200 False",
        "/readyz 200 False",
        "/docs 200 False",
        "/openapi.json 200 True",
    ]


def test_the_core_requires_none_of_what_it_works_without() -> None:
    names = {text.partition(">")[0].partition("[")[0].replace("-", "_") for text in PROJECT["dependencies"]}
    assert names & set(BEYOND_THE_CORE) == set()


@pytest.mark.usefixtures("without_viewers")
def test_without_local_assets_the_pages_are_those_of_fastapi_and_the_log_says_it_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "composer"):
        root = composer.compose([composer.App("a", "/a", FastAPI()), composer.App("b", "/b", FastAPI())])
    with TestClient(root) as client:
        for path in ("/docs", "/redoc", "/a/docs", "/b/redoc"):
            assert "cdn.jsdelivr.net" in client.get(path).text
    [record] = caplog.records
    assert "pip install 'fastapi-composer[standard]'" in record.getMessage()


def test_without_structlog_a_request_has_its_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "structlog"]:
        monkeypatch.setitem(sys.modules, name, None)
    app = FastAPI()
    app.get("/{note_id}")(lambda note_id: note_id)
    with caplog.at_level(logging.INFO, "composer.request"):
        with TestClient(composer.compose([composer.App("notes", "/notes", app)])) as client:
            client.get("/notes/7", headers={"X-Request-ID": "one"})
        [record] = [record for record in caplog.records if record.name == "composer.request"]
    assert record.getMessage().startswith("GET /notes/{note_id} 200 in ")
    assert record.getMessage().endswith(" ms, app notes, request one")


def test_the_command_names_the_packages_that_it_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == ("composer: typer, uvicorn not installed. Run: pip install 'fastapi-composer[standard]'")
