"""Folders and declarations in, one FastAPI out."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request, WebSocket
from fastapi.exceptions import FastAPIDeprecationWarning
from fastapi.middleware.cors import CORSMiddleware
from fastapi.testclient import TestClient
from pydantic import BaseModel
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

import composer
from composer import App, CompositionError, Cornerstone, Project, Shared
from tests.conftest import Project as WriteProject


class Database:
    def __init__(self, name: str = "real") -> None:
        self.name = name


def create_database() -> Database:
    return Database()


def hello(text: str) -> FastAPI:
    app = FastAPI(title=text)

    @app.get("/")
    def read(request: Request) -> dict[str, Any]:
        return {"text": text, "url": str(request.url_for("read")), "state": request.state._state}

    return app


GREETING = {
    "settings.toml": """
        [composer]
        title = "Greetings"
    """,
    "apps/__init__.py": "",
    "apps/hello/__init__.py": """
        from fastapi import FastAPI

        def create_app() -> FastAPI:
            app = FastAPI(title="Hello")

            @app.get("/")
            def read() -> str:
                return "hello"

            return app
    """,
}


def test_build_composes_the_folders_that_settings_name(project: WriteProject) -> None:
    root = project(GREETING)
    app = composer.build(root / "settings.toml")
    assert (isinstance(app, FastAPI), app.title) == (True, "Greetings")
    with TestClient(app) as client:
        assert client.get("/hello").json() == "hello"


def test_build_finds_the_settings_beside_the_file_that_calls_it(
    project: WriteProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(GREETING | {"asgi.py": "import composer\napp = composer.build()\n"})
    monkeypatch.chdir(tmp_path)
    module: dict[str, Any] = {"__file__": str(root / "asgi.py")}
    exec((root / "asgi.py").read_text(), module)
    with TestClient(module["app"]) as client:
        assert client.get("/hello").json() == "hello"


def test_build_finds_the_settings_where_the_environment_says(
    project: WriteProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(GREETING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSER_SETTINGS", str(root / "settings.toml"))
    assert composer.build().title == "Greetings"


def test_apps_and_cornerstones_can_be_in_an_installed_package(
    project: WriteProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = "class Clock:\n    time = 'noon'\ndef create_cornerstone() -> Clock:\n    return Clock()\n"
    site = project(
        {
            "house/__init__.py": "",
            "house/parts/__init__.py": "",
            "house/parts/clock.py": clock,
            "house/apps/__init__.py": "",
            "house/apps/tell.py": """
                from fastapi import FastAPI
                from house.parts.clock import Clock

                def create_app(clock: Clock) -> FastAPI:
                    return FastAPI(title=clock.time)
            """,
        }
    )
    monkeypatch.syspath_prepend(site)
    settings = tmp_path / "elsewhere" / "settings.toml"
    settings.parent.mkdir()
    settings.write_text("[composer]\napps = ['house.apps']\ncornerstones = ['house.parts']\n")
    [built] = _apps(composer.build(settings))
    assert (built.prefix, built.asgi.title) == ("/tell", "noon")
    assert str(settings.parent) not in sys.path


def test_a_package_without_create_app_is_a_group_and_a_folder_without_python_is_nothing(project: WriteProject) -> None:
    app = GREETING["apps/hello/__init__.py"]
    root = project(
        GREETING
        | {
            "apps/v1/__init__.py": "",
            "apps/v1/deep/er/__init__.py": app,
            "apps/v1/hello/__init__.py": app,
            "apps/module.py": app,
            "apps/_helper.py": "raise RuntimeError('not to be imported')",
            "apps/templates/index.html": "<p>",
        }
    )
    composed = composer.build(root / "settings.toml")
    prefixes = {built.name: built.prefix for built in composer.composition_of(composed).plan.apps}
    assert prefixes == {
        "hello": "/hello",
        "module": "/module",
        "v1/deep/er": "/v1/deep/er",
        "v1/hello": "/v1/hello",
    }


def test_a_factory_in_settings_adds_an_app_that_lives_elsewhere_and_a_folder_a_second_time(
    project: WriteProject,
) -> None:
    root = project(
        {
            "settings.toml": """
                [composer]
                [apps.pages.settings]
                title = "first"
                [apps.again]
                factory = "apps.pages:create_app"
                prefix = "/second"
                settings = { title = "second" }
                [apps.elsewhere]
                factory = "other.web:make"
                settings = { folder = "var/files", count = "3" }
            """,
            "apps/__init__.py": "",
            "apps/pages.py": """
                from fastapi import FastAPI
                from pydantic import BaseModel

                class PagesSettings(BaseModel):
                    title: str

                def create_app(settings: PagesSettings) -> FastAPI:
                    return FastAPI(title=settings.title)
            """,
            "other/web.py": """
                from pathlib import Path
                from fastapi import FastAPI

                def make(folder: Path, count: int) -> FastAPI:
                    return FastAPI(title=f"{folder} {count + 1}")
            """,
        }
    )
    plan = composer.composition_of(composer.build(root / "settings.toml")).plan
    titles = {built.prefix: built.asgi.title for built in plan.apps if isinstance(built.asgi, FastAPI)}
    assert titles == {"/pages": "first", "/second": "second", "/elsewhere": f"{root / 'var/files'} 4"}


def test_settings_reach_the_factory_from_file_environment_file_and_environment(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(
        {
            "settings.toml": """
                [composer]
                [apps.pages.settings]
                a = "file"
                b = "file"
                c = "file"
                folder = "var"
            """,
            "settings.production.toml": """
                [apps.pages.settings]
                b = "production"
                c = "production"
            """,
            "apps/__init__.py": "",
            "apps/pages.py": """
                from pathlib import Path
                from fastapi import FastAPI
                from pydantic import BaseModel
                from composer import Project

                class PagesSettings(BaseModel):
                    a: str
                    b: str
                    c: str
                    folder: Path

                def create_app(settings: PagesSettings, project: Project) -> FastAPI:
                    return FastAPI(title=" ".join([settings.a, settings.b, settings.c, project.env]),
                                   description=str(settings.folder))
            """,
        }
    )
    monkeypatch.setenv("COMPOSER_ENV", "production")
    monkeypatch.setenv("COMPOSER_APPS__PAGES__SETTINGS__C", "environment")
    monkeypatch.setenv("COMPOSER_TITLE", "Titled")
    app = composer.build(root / "settings.toml")
    [built] = composer.composition_of(app).plan.apps
    assert isinstance(built.asgi, FastAPI)
    assert built.asgi.title == "file production environment production"
    assert built.asgi.description == str(root / "var")
    assert app.title == "Titled"


def test_an_app_that_is_switched_off_is_not_imported(project: WriteProject) -> None:
    root = project(
        GREETING
        | {
            "settings.toml": "[composer]\n[apps.broken]\nenabled = false\n",
            "apps/broken.py": "def create_app(): ...\nraise RuntimeError('imported')\n",
        }
    )
    assert [built.name for built in _apps(composer.build(root / "settings.toml"))] == ["hello"]


def test_a_subset_leaves_the_other_apps_and_the_cornerstones_that_only_they_use_alone(project: WriteProject) -> None:
    files = GREETING | {
        "apps/stored.py": """
            from fastapi import FastAPI
            from shared.db import Database

            def create_app(db: Database) -> FastAPI:
                return FastAPI()
        """,
        "apps/v1/__init__.py": "",
        "apps/v1/hello.py": GREETING["apps/hello/__init__.py"],
        "shared/__init__.py": "",
        "shared/db.py": """
            class Database:
                def __enter__(self):
                    raise ConnectionError("no database here")
                def __exit__(self, *error): ...

            def create_cornerstone() -> Database:
                return Database()
        """,
    }
    settings = project(files) / "settings.toml"
    with TestClient(composer.build(settings, only=["hello", "v1"])) as client:
        assert client.get("/hello").json() == client.get("/v1/hello").json() == "hello"
        assert client.get("/stored").status_code == 404
    with pytest.raises(composer.StartupError), TestClient(composer.build(settings)):
        pass


def test_what_a_route_that_is_added_later_asks_for_is_started_in_a_subset_too(project: WriteProject) -> None:
    cornerstones = """
        from tests.test_build import Database

        def create_cornerstone() -> Database:
            return Database("started late")
    """
    root = project(GREETING | {"shared/__init__.py": "", "shared/db.py": cornerstones})
    app = composer.build(root / "settings.toml", only=["hello"])
    assert composer.composition_of(app).parts()[0].kind == "app"

    @app.get("/name")
    def name(db: Shared[Database]) -> str:
        return db.name

    with TestClient(app) as client:
        assert client.get("/name").json() == "started late"
        assert {"cornerstone", "app"} == {part["kind"] for part in client.get("/readyz").json()["parts"]}


def test_a_route_that_is_added_later_and_asks_for_what_nobody_gives_fails_the_start() -> None:
    app = composer.compose([App("hello", "/hello", hello("hello"))])

    @app.get("/name")
    def name(db: Shared[Database]) -> str:
        return db.name

    with pytest.raises(CompositionError, match=r"C012 (.|\n)*No cornerstone provides Database"), TestClient(app):
        pass


def _apps(app: FastAPI) -> tuple[Any, ...]:
    return composer.composition_of(app).plan.apps


def test_compose_does_the_same_from_python() -> None:
    class Settings(BaseModel):
        text: str

    def create(db: Database, settings: Settings, project: Project) -> FastAPI:
        return hello(f"{db.name} {settings.text} {project.env}")

    app = composer.compose(
        [
            App("first", "/first", create, settings={"text": "one"}),
            App("second", "/second", create, settings=Settings(text="two")),
            App("itself", "/itself", hello("itself")),
        ],
        cornerstones=[Cornerstone("db", create_database)],
        title="By hand",
        project=Project(Path("/nowhere"), "test"),
    )
    assert app.title == "By hand"
    with TestClient(app) as client:
        texts = [client.get(f"/{name}").json()["text"] for name in ("first", "second", "itself")]
    assert texts == ["real one test", "real two test", "itself"]


def test_overrides_replace_a_cornerstone_for_factories_and_handlers_and_its_factory_is_not_called() -> None:
    def fails() -> Database:
        raise ConnectionError("not in a test")

    def create(db: Database) -> FastAPI:
        app = FastAPI()

        @app.get("/")
        def read(shared: Shared[Database]) -> list[str]:
            return [db.name, shared.name]

        return app

    fake = Database("fake")
    stones = [Cornerstone("db", fails)]
    app = composer.compose([App("a", "/a", create)], cornerstones=stones, overrides={Database: fake})
    with TestClient(app) as client:
        assert client.get("/a").json() == ["fake", "fake"]


router = APIRouter()


@router.get("/")
def read_shared(db: Shared[Database], request: Request) -> list[Any]:
    return [db.name, request.app.state.db is db]


def test_one_module_level_router_serves_in_two_compositions_that_share_nothing() -> None:
    def create(db: Database) -> FastAPI:
        app = FastAPI()
        app.state.db = db
        app.include_router(router, prefix="/inner")
        return app

    def composition(name: str) -> FastAPI:
        def create_named() -> Database:
            return Database(name)

        return composer.compose([App("a", "/a", create)], cornerstones=[Cornerstone("db", create_named)])

    with TestClient(composition("one")) as one, TestClient(composition("two")) as two:
        assert [client.get("/a/inner").json() for client in (one, two)] == [["one", True], ["two", True]]


def test_two_cornerstones_of_one_type_are_told_apart_by_name() -> None:
    def create_replica() -> Database:
        return Database("replica")

    def create(db: Database, replica: Database) -> FastAPI:
        app = FastAPI()

        @app.get("/")
        def read(second: Shared[Annotated[Database, "replica"]]) -> list[str]:
            return [db.name, replica.name, second.name]

        return app

    stones = [Cornerstone("db", create_database), Cornerstone("replica", create_replica)]
    with TestClient(composer.compose([App("a", "/a", create)], cornerstones=stones)) as client:
        assert client.get("/a").json() == ["real", "replica", "replica"]


def test_a_root_keeps_its_own_routes_middleware_state_and_lifespan() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def root_lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        seen.append("root in")
        yield {"root": "state", "both": "root"}
        seen.append("root out")

    @asynccontextmanager
    async def own_lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        seen.append("app in")
        yield {"both": "app"}
        seen.append("app out")

    sub = FastAPI(lifespan=own_lifespan)

    @sub.get("/")
    def read(request: Request) -> Any:
        return request.state._state

    root = FastAPI(title="Root", lifespan=root_lifespan)
    root.add_middleware(CORSMiddleware, allow_origins=["https://example.org"])

    @root.get("/own")
    def own(request: Request) -> Any:
        return request.state._state

    composed = composer.compose([App("sub", "/sub", sub)], root=root)
    assert composed is root
    with TestClient(composed) as client:
        assert client.get("/own").json() == {"root": "state", "both": "root"}
        answer = client.get("/sub", headers={"Origin": "https://example.org"})
        assert answer.json() == {"root": "state", "both": "app"}
        assert answer.headers["access-control-allow-origin"] == "https://example.org"
    assert seen == ["root in", "app in", "app out", "root out"]


def test_routes_and_middleware_that_are_added_afterwards_work_as_on_any_fastapi() -> None:
    app = composer.compose([App("a", "/a", hello("a")), App("all", "/", hello("all"))])

    @app.get("/late/{number}")
    def late(number: int) -> int:
        return number

    @app.middleware("http")
    async def name(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-seen"] = request.url.path
        return response

    with TestClient(app) as client:
        assert client.get("/late/3").json() == 3
        assert client.get("/late/x").status_code == 422
        assert client.get("/a").headers["x-seen"] == "/a"
        assert client.get("/").json()["text"] == "all"
        assert "/late/{number}" in client.get("/openapi.json").json()["paths"]


def test_a_route_added_afterwards_that_an_app_hides_is_found_at_the_start() -> None:
    app = composer.compose([App("a", "/a", hello("a"))])
    app.add_api_route("/a/late", lambda: None)
    with pytest.raises(CompositionError, match="'/a/late'"), TestClient(app):
        pass


def test_url_for_names_the_apps_own_routes_with_prefix_and_root_path() -> None:
    app = composer.compose([App("a", "/v1", hello("a")), App("b", "/v1/b", hello("b"))])
    with TestClient(app, root_path="/api") as client:
        assert client.get("/v1").json()["url"] == "http://testserver/api/v1/"
        assert client.get("/v1/b/").json()["url"] == "http://testserver/api/v1/b/"


def test_a_root_that_names_its_own_root_path_still_reaches_its_apps() -> None:
    # FastAPI deprecates the parameter, and around a plain mount it answers 404.
    with pytest.warns(FastAPIDeprecationWarning):
        root = FastAPI(root_path="/api")
    with TestClient(composer.compose([App("a", "/a", hello("a"))], root=root)) as client:
        assert client.get("/a").json()["url"] == "http://testserver/api/a/"


class SignsIn:
    """A middleware that says who asks, as Starlette's AuthenticationMiddleware does."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "user": "ada"}, receive, send)


def test_what_the_roots_middleware_puts_into_the_scope_reaches_the_app() -> None:
    root = FastAPI()
    root.add_middleware(SignsIn)
    sub = FastAPI()

    @sub.get("/")
    def read(request: Request) -> str:
        return str(request.user)

    with TestClient(composer.compose([App("a", "/a", sub)], root=root)) as client:
        assert client.get("/a").json() == "ada"


def test_a_folder_of_static_files_is_an_app_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("static")
    files = StaticFiles(directory=tmp_path)
    with TestClient(composer.compose([App("files", "/files", files)])) as client:
        assert client.get("/files/page.txt").text == "static"
        assert client.get("/files/none.txt").status_code == 404


def test_an_app_keeps_its_own_exception_handlers_and_middleware() -> None:
    def create(name: str) -> FastAPI:
        app = FastAPI()

        @app.exception_handler(LookupError)
        async def handle(request: Request, error: Exception) -> PlainTextResponse:
            return PlainTextResponse(f"{name} handled {request.app is app}", 410)

        @app.middleware("http")
        async def mark(request: Request, call_next: Any) -> Any:
            response = await call_next(request)
            response.headers["x-app"] = name
            return response

        @app.get("/")
        def read() -> None:
            raise LookupError

        return app

    apps = [App(name, f"/{name}", create(name)) for name in ("a", "b")]
    with TestClient(composer.compose(apps)) as client:
        for name in ("a", "b"):
            answer = client.get(f"/{name}")
            assert (answer.status_code, answer.text, answer.headers["x-app"]) == (410, f"{name} handled True", name)
        assert "x-app" not in client.get("/docs").headers


def test_around_request_wraps_the_requests_of_the_apps_that_use_it_even_through_another_cornerstone() -> None:
    seen: list[str] = []

    class Hooked:
        name = "hooked"

        @contextmanager
        def around_request(self, connection: HTTPConnection) -> Iterator[None]:
            seen.append(f"{self.name} {connection.url.path}")
            try:
                yield
            finally:
                seen.append(f"{self.name} left")

    class Outer(Hooked):
        name = "outer"

    class Behind:
        def __init__(self, hooked: Hooked) -> None: ...

    def create_hooked() -> Hooked:
        return Hooked()

    def create_outer(hooked: Hooked) -> Outer:
        return Outer()

    def create(outer: Outer, behind: Behind) -> FastAPI:
        app = FastAPI()

        @app.get("/fails")
        def fails() -> None:
            raise HTTPException(418)

        @app.websocket("/ws")
        async def ws(socket: WebSocket) -> None:
            await socket.accept()
            await socket.close()

        return app

    app = composer.compose(
        [App("user", "/user", create), App("other", "/other", hello("other"))],
        cornerstones=[
            Cornerstone("outer", create_outer),
            Cornerstone("behind", Behind),
            Cornerstone("hooked", create_hooked),
        ],
    )
    with TestClient(app) as client:
        client.get("/other")
        assert seen == []
        assert client.get("/user/fails").status_code == 418
        with client.websocket_connect("/user/ws"):
            pass
    assert seen == [
        *("hooked /user/fails", "outer /user/fails", "outer left", "hooked left"),
        *("hooked /user/ws", "outer /user/ws", "outer left", "hooked left"),
    ]


def test_without_a_lifespan_apps_answer_503_and_say_why() -> None:
    answer = TestClient(composer.compose([App("a", "/a", hello("a"))])).get("/a")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "ran no lifespan" in answer.json()["detail"]


def test_the_probes_tell_that_the_process_runs_and_that_every_part_is_up() -> None:
    app = composer.compose([App("a", "/a", hello("a"))], cornerstones=[Cornerstone("db", create_database)])
    client = TestClient(app)
    assert client.get("/livez").json() == {"status": "live"}
    assert client.get("/readyz").status_code == 503
    with client:
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json() == {
            "status": "ready",
            "parts": [
                {"kind": "cornerstone", "name": "db", "state": "up", "reason": None, "required": True},
                {"kind": "app", "name": "a", "state": "up", "reason": None, "required": True},
            ],
        }


def test_any_asgi_app_can_be_composed() -> None:
    async def plain(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(f"{scope['root_path']} {scope['path']}")(scope, receive, send)

    with TestClient(composer.compose([App("plain", "/plain", app=plain)])) as client:
        assert client.get("/plain/x").text == "/plain /plain/x"


def test_what_was_composed_can_be_asked_for_and_what_was_not_says_so() -> None:
    with pytest.raises(LookupError, match="nothing was composed into this app"):
        composer.composition_of(FastAPI())


def test_a_mistake_leaves_the_given_root_as_it_was() -> None:
    root = FastAPI()
    routes, lifespan = list(root.routes), root.router.lifespan_context
    with pytest.raises(CompositionError):
        composer.compose([App("a", "/docs", hello("a"))], root=root)
    assert (root.routes, root.router.lifespan_context) == (routes, lifespan)
    assert "dispatcher" not in type(root.router.middleware_stack).__name__.lower()
