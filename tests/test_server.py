"""The composed server over a real socket: every way to start it, behind a proxy's prefix, and to its end."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.blocks import BLOCK
from tests.conftest import Project as WriteProject
from tests.conftest import write_files
from tests.serving import REPOSITORY, Server, serving

KEY = "a key of the tests"

WAYS = {
    "composer serve": ["composer", "serve", "--port", "{port}"],
    "uvicorn": ["uvicorn", "asgi:app", "--port", "{port}"],
    "fastapi run": ["fastapi", "run", "asgi.py", "--port", "{port}", "--host", "127.0.0.1"],
}


def environment(folder: Path) -> dict[str, str]:
    from composer.contrib.auth import hash_key

    return {
        "COMPOSER_CORNERSTONES__DB__URL": f"sqlite+aiosqlite:///{folder / 'app.db'}",
        "COMPOSER_CORNERSTONES__AUTH__KEYS": f'["{hash_key(KEY)}"]',
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with serving(WAYS["composer serve"], REPOSITORY, folder / "log", environment(folder)) as running:
        running.wait_until_ready()
        yield running


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_start_it_serves_every_app(way: str, tmp_path: Path) -> None:
    with serving(WAYS[way], REPOSITORY, tmp_path / "log", environment(tmp_path)) as running:
        running.wait_until_ready()
        with httpx.Client(base_url=running.url, headers={"token": KEY}) as client:
            assert client.get("/heartbeat").json()["status"] == "alive"
            note = client.post("/notes", json={"text": "over a socket"})
            assert (note.status_code, note.json()["text"]) == (201, "over a socket")
            for prefix in ("/house_price", "/v1/house_price", "/valuation"):
                assert client.post(f"{prefix}/predict", json=BLOCK).json()["currency"] == "USD"
            paths = client.get("/openapi.json").json()["paths"]
            assert {"/notes/", "/accounts/users", "/heartbeat/", "/house_price/predict"} <= paths.keys()
            assert client.get("/docs").status_code == 200
            for app in ("accounts", "heartbeat", "house_price", "notes", "v1/house_price", "valuation"):
                assert client.get(f"/{app}/docs").status_code == 200
        running.stop()


def test_it_prints_what_was_composed(server: Server) -> None:
    for text in ("House of apps", "v1/house_price", "/valuation", "Notes 1.0.0", "up", " ms"):
        assert text in server.output
    assert f"Documentation at {server.url}/docs" in server.output


def test_a_websocket_reaches_its_app(server: Server) -> None:
    with connect(f"{server.url.replace('http', 'ws')}/heartbeat/echo") as socket:
        socket.send("over a socket")
        assert socket.recv() == "over a socket"


def test_a_prediction_needs_the_key(server: Server) -> None:
    for headers in ({}, {"token": "wrong"}):
        answer = httpx.post(f"{server.url}/house_price/predict", json=BLOCK, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"]


def test_it_serves_from_any_working_directory_and_with_several_workers(tmp_path: Path) -> None:
    settings = str(REPOSITORY / "settings.toml")
    arguments = [*WAYS["composer serve"], "--settings", settings, "--workers", "2", "--apps", "heartbeat,notes"]
    with serving(arguments, tmp_path, tmp_path / "log", environment(tmp_path)) as running:
        running.wait_until_ready()
        assert httpx.get(f"{running.url}/heartbeat").status_code == 200
        assert httpx.get(f"{running.url}/accounts/users").status_code == 404
        running.stop()


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    for start in range(2):
        with serving(WAYS["uvicorn"], REPOSITORY, tmp_path / "log", environment(tmp_path)) as running:
            running.wait_until_ready()
            if start == 0:
                httpx.post(f"{running.url}/notes", json={"text": "kept"}).raise_for_status()
            assert [note["text"] for note in httpx.get(f"{running.url}/notes").json()["items"]] == ["kept"]
            running.stop()


PROXIED = {
    "asgi.py": "import composer\n\napp = composer.build()\n",
    "settings.toml": "[composer]\ntitle = 'Proxied'\n",
    "apps/__init__.py": "",
    "apps/v1/__init__.py": "",
    "apps/v1/files/page.txt": "a static file\n",
    "apps/v1/files/__init__.py": """
        from pathlib import Path

        from fastapi import FastAPI, Request
        from fastapi.staticfiles import StaticFiles

        def create_app() -> FastAPI:
            app = FastAPI(title="Files")
            app.mount("/static", StaticFiles(directory=Path(__file__).parent), name="static")

            @app.get("/")
            def index(request: Request) -> dict[str, str]:
                return {
                    "self": str(request.url_for("index")),
                    "file": str(request.url_for("static", path="page.txt")),
                    "named": str(request.url_for("named", name="x")),
                }

            @app.get("/named/{name}/")
            def named(name: str) -> str:
                return name

            return app
    """,
    "apps/outer.py": """
        from fastapi import FastAPI

        def create_app() -> FastAPI:
            app = FastAPI()

            @app.get("/{rest:path}")
            def read(rest: str) -> str:
                return rest

            return app
    """,
}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve an app whose prefix holds another's, behind a proxy that takes `/api` away."""
    root = tmp_path_factory.mktemp("proxied")
    write_files(root, PROXIED | {"settings.toml": "[composer]\n[apps.outer]\nprefix = '/v1'\n"})
    arguments = ["uvicorn", "asgi:app", "--port", "{port}", "--root-path", "/api"]
    with serving(arguments, root, root / "log") as running:
        running.wait_until_ready()
        yield running


def test_behind_a_proxy_every_link_of_a_sub_app_is_right(proxied: Server) -> None:
    for path in ("/v1/files", "/v1/files/"):
        answer = httpx.get(proxied.url + path)
        assert answer.status_code == 200
        assert answer.json() == {
            "self": f"{proxied.url}/api/v1/files/",
            "file": f"{proxied.url}/api/v1/files/static/page.txt",
            "named": f"{proxied.url}/api/v1/files/named/x/",
        }
    assert httpx.get(f"{proxied.url}/v1/files/static/page.txt").text == "a static file\n"
    redirect = httpx.get(f"{proxied.url}/v1/files/named/x")
    assert redirect.headers["location"] == f"{proxied.url}/api/v1/files/named/x/"


def test_an_app_whose_prefix_holds_anothers_answers_the_rest(proxied: Server) -> None:
    assert httpx.get(f"{proxied.url}/v1/filesystem").json() == "filesystem"
    assert httpx.get(f"{proxied.url}/v1").json() == ""
    assert httpx.get(f"{proxied.url}/v1/a%20b/%C3%A9").json() == "a b/é"


def test_behind_a_proxy_the_documents_name_the_proxys_prefix(proxied: Server) -> None:
    assert httpx.get(f"{proxied.url}/openapi.json").json()["servers"] == [{"url": "/api"}]
    assert "/api/openapi.json" in httpx.get(f"{proxied.url}/docs").text
    assert httpx.get(f"{proxied.url}/v1/files/openapi.json").json()["servers"] == [{"url": "/api/v1/files"}]
    assert "/api/v1/files/openapi.json" in httpx.get(f"{proxied.url}/v1/files/docs").text


def test_a_project_without_an_asgi_file_is_served_and_its_factories_are_called_once(
    project: WriteProject, tmp_path: Path
) -> None:
    app = "from fastapi import FastAPI\ndef create_app() -> FastAPI:\n    print('made')\n    return FastAPI()\n"
    root = project({"settings.toml": "[composer]\n", "apps/__init__.py": "", "apps/notes.py": app})
    with serving(WAYS["composer serve"], root, tmp_path / "log", {"PYTHONUNBUFFERED": "1"}) as running:
        running.wait_until_ready()
        assert httpx.get(f"{running.url}/notes/docs").status_code == 200
        running.stop()
        assert running.output.count("made") == 1


def test_a_failed_start_ends_the_server_and_names_the_app(project: WriteProject, tmp_path: Path) -> None:
    root = project(
        {
            "settings.toml": "[composer]\n",
            "apps/__init__.py": "",
            "apps/broken.py": """
                from contextlib import asynccontextmanager
                from fastapi import FastAPI

                @asynccontextmanager
                async def lifespan(app):
                    raise ConnectionError("the broker is away")
                    yield

                def create_app() -> FastAPI:
                    return FastAPI(lifespan=lifespan)
            """,
        }
    )
    with serving(WAYS["composer serve"], root, tmp_path / "log") as running:
        assert running.process.wait(30) == 3
    assert "app broken failed to start: ConnectionError: the broker is away" in running.output
