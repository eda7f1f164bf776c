"""Another release of a neighbour: a copy with a private name changed, which no promise of theirs forbids."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

ALONE = """
from fastapi import FastAPI
from fastapi.testclient import TestClient

app = FastAPI()
app.get("/")(lambda: 1)
with TestClient(app) as client:
    for path in ("/", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 200
"""

PACKAGES = {"fastapi": ["fastapi", "starlette"], "starlette": ["fastapi", "starlette"]}

# What can't be had in another way: the prefix of an app in the route of FastAPI's span, and the name of the app there.
WITHOUT_PREFIX = ["None: None", "a: /inner/x", "a: /r/db"]
LESS: dict[str, dict[str, Any]] = {
    "_route_selected": {"spans": WITHOUT_PREFIX},
    "_api": {"spans": WITHOUT_PREFIX},
    "span": {"spans": ["None: /a/inner/x", "None: /a/r/db", "None: None"]},
    # An app with a limit of its own has no other, where the two can't be told apart.
    "body_limit": {"limits": [200, 200]},
    "total_size": {"limits": [200, 200]},
}


def run(*command: str, first: Path | None = None, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run Python with a folder first on the import path, then the repository."""
    path = os.pathsep.join(map(str, [*([first] if first else []), ROOT]))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    whole = [sys.executable, *command]
    return subprocess.run(whole, capture_output=True, text=True, env=environment, cwd=cwd, timeout=60, check=False)


@cache
def usual_answers() -> dict[str, Any]:
    return answers(None)


def answers(first: Path | None) -> dict[str, Any]:
    done = run("-m", "tests.compat.program", first=first)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def copied(package: str, folder: Path, change: Callable[[str], str], moved: str = "") -> Path:
    """Copy a package, and those that are of one piece with it, with all of their code changed; rename a module."""
    for name in PACKAGES.get(package, [package]):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.submodule_search_locations
        source = Path(next(iter(spec.submodule_search_locations)))
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in [file for name in PACKAGES.get(package, [package]) for file in (folder / name).rglob("*.py")]:
        text = file.read_text(encoding="utf-8")
        if (changed := change(text)) != text:
            file.write_text(changed, encoding="utf-8")
    for file in [found for found in folder.rglob("*") if found.stem == moved]:
        file.rename(file.with_name(file.name.replace(moved, f"{moved}_new")))
    return folder


def renamed(name: str) -> Callable[[str], str]:
    return lambda text: re.sub(rf"(?<!\w){re.escape(name)}\b", f"{name}_new", text)


NAMES = {
    "fastapi": [
        *("_DefaultLifespan", "_body_limit", "_get_routes_version", "_low_priority_routes", "_merge_lifespan_context"),
        *("_native_telemetry", "_openapi_routes_version", "_route_selected", "_router", "_telemetry"),
        *("AppBodyLimitMiddleware", "ExceptionTelemetryMiddleware", "effective_route_context", "original_route"),
        *("fastapi_function_astack", "fastapi_inner_astack", "fastapi_middleware_astack"),
        *("nested_context", "original_context", "_api", "span", "dependant", "iter_route_contexts", "_IncludedRouter"),
        *("swagger_ui_parameters", "swagger_ui_init_oauth", "swagger_ui_oauth2_redirect_url", "ServerErrorMiddleware"),
        "handler",
        *("fastapi.telemetry", "_legacy_otel", "_RequestTelemetry", "swagger_ui_html"),
    ],
    "starlette": [
        *("_BODY_LIMIT_RESPONDER_SCOPE_KEY", "_body_limit_responder", "RequestBodyLimitResponder", "total_size"),
        *("_utils", "app_root_path", "get_route_path", "MAX_BODY_SIZE_SCOPE_KEY", "body_limit"),
        *("starlette.exception_handlers", "middleware_stack", "lifespan_context", "build_middleware_stack"),
        *("user_middleware", "self.default"),
    ],
    "anyio": ["_default_thread_limiter", "_backends"],
    "opentelemetry": ["_LOGGER_PROVIDER", "_METER_PROVIDER", "_TRACER_PROVIDER", "_internal", "_logs"],
}


@pytest.mark.slow
@pytest.mark.parametrize(("package", "name"), [(package, name) for package in NAMES for name in NAMES[package]])
def test_a_composition_answers_the_same_where_a_private_name_is_another_one(
    package: str, name: str, tmp_path: Path
) -> None:
    copy = copied(package, tmp_path, renamed(name), moved=name)
    if run("-c", ALONE, first=copy).returncode:
        pytest.skip("FastAPI alone can't do without it")
    assert answers(copy) == {**usual_answers(), **LESS.get(name, {})}


def test_a_composition_answers_the_same_where_most_private_names_are_others(tmp_path: Path) -> None:
    # Without those that are a part of a longer one, or a word that stands for something else elsewhere.
    together = {
        "fastapi": [name for name in NAMES["fastapi"] if name.startswith("_") and name != "_telemetry"],
        "starlette": ["_BODY_LIMIT_RESPONDER_SCOPE_KEY", "_body_limit_responder", "app_root_path", "middleware_stack"],
        "anyio": ["_default_thread_limiter"],
        "opentelemetry": ["_LOGGER_PROVIDER", "_METER_PROVIDER", "_TRACER_PROVIDER"],
    }
    names = [name for each in together.values() for name in each if name not in ("_api", "_body_limit")]

    def change(text: str) -> str:
        for name in names:
            text = renamed(name)(text)
        return text

    for package in ("fastapi", "anyio", "opentelemetry"):
        copied(package, tmp_path, change)
    assert answers(tmp_path) == {**usual_answers(), **LESS["_route_selected"]}


def test_the_fast_path_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = usual_answers()
    monkeypatch.setenv("COMPOSER_FAST_PATH", "0")
    assert answers(None) == expected


FAILS_TO_STOP = """
import asyncio, os, signal
from contextlib import asynccontextmanager

import composer
from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app):
    asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGTERM)
    yield
    raise RuntimeError("boom")


app = composer.compose([composer.App("a", "/a", FastAPI(lifespan=lifespan))])
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shutdown_failed", "STARTUP_FAILURE", "Multiprocess", "supervisors"])
def test_a_server_tells_that_a_part_failed_to_stop_whatever_uvicorn_calls_it(name: str, tmp_path: Path) -> None:
    copy = copied("uvicorn", tmp_path / "copy", renamed(name), moved=name)
    (tmp_path / "asgi.py").write_text(FAILS_TO_STOP)
    assert run("-m", "composer", "serve", "--port", "0", first=copy, cwd=tmp_path).returncode == 1


@pytest.mark.slow
def test_several_processes_serve_where_uvicorn_has_its_supervisor_elsewhere(tmp_path: Path) -> None:
    copy = copied("uvicorn", tmp_path / "copy", renamed("Multiprocess"))
    stops = FAILS_TO_STOP.replace("os.getpid()", "os.getppid()").replace('    raise RuntimeError("boom")\n', "")
    (tmp_path / "asgi.py").write_text(stops)
    served = run("-m", "composer", "serve", "--port", "0", "--workers", "2", first=copy, cwd=tmp_path)
    assert served.returncode == 0, served.stderr
