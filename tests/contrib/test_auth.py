import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from textwrap import dedent

import httpx
import pytest
from fastapi import FastAPI, Security, WebSocket
from fastapi.testclient import TestClient
from pydantic import SecretStr, ValidationError
from starlette.testclient import WebSocketDenialResponse

import composer
from composer.contrib import auth
from composer.contrib.auth import APIKeyAuth, APIKeySettings, hash_key, new_key
from tests.commands import composer_on_repository
from tests.conftest import Project as WriteProject
from tests.serving import REPOSITORY, serving

KEYS = [new_key(), new_key()]


def guarded_app(auth: APIKeyAuth) -> FastAPI:
    app = FastAPI(dependencies=[Security(auth)])

    @app.get("/")
    def read() -> str:
        return "welcome"

    @app.websocket("/socket")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    return app


def client(keys: list[str] | None = None, header: str = "token") -> TestClient:
    settings = {"keys": [hash_key(key) for key in (KEYS if keys is None else keys)], "header": header}
    cornerstone = composer.Cornerstone("auth", auth.create_cornerstone, settings=settings)
    return TestClient(composer.compose([composer.App("guarded", "/", guarded_app)], cornerstones=[cornerstone]))


@pytest.mark.parametrize("key", KEYS, ids=["first", "second"])
def test_each_good_key_is_let_in(key: str) -> None:
    with client() as http:
        assert http.get("/", headers={"token": key}).json() == "welcome"


@pytest.mark.parametrize("headers", [{}, {"token": ""}, {"token": "wrong"}, {"token": hash_key(KEYS[0])}])
def test_a_missing_or_wrong_key_is_answered_with_401_and_a_challenge(headers: dict[str, str]) -> None:
    with client() as http:
        answer = http.get("/", headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "APIKey")


def test_a_key_of_bytes_beyond_ascii_is_answered_with_401() -> None:
    with client() as http:
        assert http.get("/", headers=[(b"token", b"\xff\xfe")]).status_code == 401


def test_a_websocket_without_a_key_is_refused() -> None:
    with client() as http, pytest.raises(WebSocketDenialResponse) as refused, http.websocket_connect("/socket"):
        raise AssertionError("it was let in")
    assert refused.value.status_code == 401


def test_a_websocket_with_a_good_key_is_let_in() -> None:
    with client() as http, http.websocket_connect("/socket", headers={"token": KEYS[0]}) as socket:
        assert socket.receive()["type"] == "websocket.close"


def test_the_header_has_the_name_that_the_settings_give() -> None:
    with client(header="X-Key") as http:
        assert http.get("/", headers={"x-key": KEYS[0]}).status_code == 200


def test_keys_guard_an_app_from_settings_alone(project: WriteProject) -> None:
    settings = f"""
        [cornerstones.auth]
        plugin = "auth"
        keys = ["{hash_key(KEYS[0])}"]

        [apps.plain]
        guard = "auth"
        guard_exempt = ["/health"]
    """
    app = "from fastapi import FastAPI\n\ndef create_app() -> FastAPI:\n    return FastAPI()\n"
    root = project({"settings.toml": settings, "apps/plain.py": app})
    with TestClient(composer.build(root / "settings.toml")) as http:
        assert http.get("/plain/").status_code == 401
        assert http.get("/plain/", headers={"token": KEYS[1]}).status_code == 401
        assert http.get("/plain/", headers={"token": KEYS[0]}).status_code == 404
        assert http.get("/plain/health").status_code == 404


def test_the_merged_docs_show_the_security_scheme() -> None:
    with client() as http:
        document = http.get("/openapi.json").json()
    scheme = document["components"]["securitySchemes"]["APIKey"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "token")
    assert document["paths"]["/"]["get"]["security"] == [{"APIKey": []}]


def test_a_development_server_without_keys_prints_a_random_one_that_is_good(
    capsys: pytest.CaptureFixture[str],
) -> None:
    http = client(keys=[])
    assert capsys.readouterr().err == ""
    with http:
        printed = capsys.readouterr().err.strip().rpartition("(header token): ")[2]
        assert http.get("/", headers={"token": printed}).status_code == 200
        assert http.get("/").status_code == 401


def test_two_development_servers_have_different_keys() -> None:
    enter = (
        "import asyncio, composer.contrib.auth; asyncio.run(composer.contrib.auth.APIKeyAuth('token', []).__aenter__())"
    )
    command = [sys.executable, "-c", enter]
    printed = {subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True).stderr for _ in range(2)}
    assert [len(line.strip().rpartition("(header token): ")[2]) for line in printed] == [43, 43]


SETTINGS = """
    [composer]
    apps = ["tenants"]
    cornerstones = ["shared"]
"""
GUARDED = """
    import os
    import time
    from fastapi import FastAPI, Security
    from composer.contrib.auth import APIKeyAuth

    def create_app(auth: APIKeyAuth) -> FastAPI:
        app = FastAPI(dependencies=[Security(auth)])

        @app.get("/")
        async def read() -> int:
            time.sleep(0.05)  # So that the other process takes the next request.
            return os.getpid()

        return app
"""


@pytest.mark.parametrize("way", [[], ["--preload"]], ids=["spawned", "forked"])
def test_the_key_of_a_development_server_is_good_for_each_of_its_workers(tmp_path: Path, way: list[str]) -> None:
    (tmp_path / "tenants").mkdir()
    (tmp_path / "tenants/guarded.py").write_text(dedent(GUARDED))
    (tmp_path / "settings.toml").write_text(dedent(SETTINGS))
    arguments = ["composer", "serve", "--workers", "2", "--port", "{port}", *way]
    with serving(arguments, tmp_path, tmp_path / "log") as server, ThreadPoolExecutor(4) as threads:
        server.wait_until_ready()
        key = server.output.partition("(header token): ")[2].split()[0]
        ask = partial(httpx.get, f"{server.url}/guarded/", headers={"token": key}, timeout=30)
        processes: set[int] = set()
        end = time.monotonic() + 30
        while len(processes) < 2 and time.monotonic() < end:
            answers = [done.result() for done in [threads.submit(ask) for _ in range(8)]]
            assert {answer.status_code for answer in answers} == {200}
            processes |= {answer.json() for answer in answers}
        assert len(processes) == 2
        assert httpx.get(f"{server.url}/guarded/").status_code == 401


def test_a_server_with_keys_prints_none(capsys: pytest.CaptureFixture[str]) -> None:
    with client():
        assert capsys.readouterr().err == ""


def test_production_without_a_key_is_refused_at_build(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"composer auth new-key"):
        auth.create_cornerstone(APIKeySettings(), composer.Project(tmp_path, "production"))


def test_a_key_in_place_of_its_hash_is_refused_and_not_shown() -> None:
    with pytest.raises(ValidationError, match="entry 2 isn't a hash") as caught:
        APIKeySettings(keys=[SecretStr(hash_key(KEYS[0])), SecretStr(KEYS[1])])
    assert KEYS[1] not in str(caught.value)


def test_a_hash_in_upper_case_is_good_too() -> None:
    settings = APIKeySettings(keys=[SecretStr(hash_key(KEYS[0]).upper())])
    guarded = composer.App("guarded", "/", guarded_app)
    cornerstone = composer.Cornerstone("auth", auth.create_cornerstone, settings=settings)
    with TestClient(composer.compose([guarded], cornerstones=[cornerstone])) as http:
        assert http.get("/", headers={"token": KEYS[0]}).status_code == 200
        assert http.get("/", headers={"token": KEYS[1]}).status_code == 401


def test_new_key_prints_a_key_and_its_hash_for_settings_and_environment() -> None:
    printed = composer_on_repository("auth", "new-key").stdout
    key, settings, environment = (line for line in printed.splitlines() if '"' in line or "API key" in line)
    hashed = hash_key(key.rpartition(" ")[2])
    assert settings.strip() == f'keys = ["{hashed}"]'
    assert environment.endswith(f"""COMPOSER_CORNERSTONES__AUTH__KEYS='["{hashed}"]'""")
