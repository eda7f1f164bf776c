"""What users import and declare: the same keywords in Python as in settings.toml, hooks with types, read-only views."""

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.endpoints import HTTPEndpoint
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse

import composer
from composer import App, CompositionError, Cornerstone, compose, composition_of, hooks
from composer._build.compose import CompositionSettings
from composer._settings.models import AppTable, ComposerTable, CornerstoneTable
from tests.conftest import Project as WriteProject


class Database: ...


class Replica(Database): ...


def hello(text: str = "hello") -> FastAPI:
    app = FastAPI()
    app.get("/")(lambda: text)
    return app


def names_of(app: FastAPI) -> list[str]:
    return [part.name for part in composition_of(app).parts()]


def problem_of(*apps: App, **how: Any) -> tuple[str, str]:
    with pytest.raises(CompositionError) as caught:
        compose(apps, **how)
    (problem,) = caught.value.problems
    return problem.id, problem.what


# Where the names come from


@pytest.mark.parametrize("name", composer.__all__)
def test_a_public_name_is_of_the_module_that_users_import_it_from(name: str) -> None:
    value = getattr(composer, name)
    assert getattr(value, "__module__", None) == "composer"
    assert type(value).__module__ in ("composer", "builtins", "enum", "abc")


def test_the_type_of_shutting_down_is_public() -> None:
    assert isinstance(composer.shutting_down, composer.ShuttingDown)


# The same keywords in Python and in settings.toml


def test_an_app_has_the_keys_of_its_table() -> None:
    assert {field.name for field in fields(App)} == AppTable.model_fields.keys() - {"plugin"} | {"name", "where"}


def test_a_cornerstone_has_the_keys_of_its_table() -> None:
    own = AppTable.model_fields.keys() - CornerstoneTable.model_fields.keys()
    assert "startup" in own
    assert {field.name for field in fields(Cornerstone)} == {
        *(CornerstoneTable.model_fields.keys() - {"plugin"}),
        *("name", "settings", "where"),
    }


def test_compose_has_the_keys_of_the_table_of_composer() -> None:
    positional = {"apps", "cornerstones"}
    assert {*CompositionSettings.__annotations__} == ComposerTable.model_fields.keys() - positional


def test_compose_composes_only_the_selected_apps_and_groups_and_what_they_use() -> None:
    def needy(db: Database) -> FastAPI:
        return FastAPI()

    apps = [App("users", factory=hello), App("v1/items", factory=hello), App("v1/notes", factory=hello)]
    apps.append(App("needy", factory=needy))
    stones = [Cornerstone("db", Database)]

    assert names_of(compose(apps, cornerstones=stones, only="users")) == ["users"]
    assert names_of(compose(apps, cornerstones=stones, only=["v1", "needy"])) == ["db", "needy", "v1/items", "v1/notes"]
    assert problem_of(*apps, cornerstones=stones, only="user") == ("C025", "Unknown app 'user' in only.")


def test_an_app_or_a_cornerstone_that_is_not_enabled_is_not_composed() -> None:
    apps = [App("a", factory=hello), App("b", factory=hello, enabled=False)]
    app = compose(apps, cornerstones=[Cornerstone("db", Database, enabled=False)])

    assert names_of(app) == ["a"]


def test_an_app_is_mounted_under_its_name_by_default() -> None:
    with TestClient(compose([App("v1/notes", factory=hello)])) as client:
        assert client.get("/v1/notes/").json() == "hello"


@pytest.mark.parametrize(
    ("composition", "own", "size", "status"),
    [
        (None, None, 20_000_000, 413),
        (10, None, 20, 413),
        (10, 30, 20, 200),
        (10, "unlimited", 20, 200),
        ("unlimited", None, 20_000_000, 200),
        ("1KB", None, 1001, 413),
        ("unlimited", 10, 20, 413),
    ],
)
def test_the_body_limit_of_an_app_is_that_of_the_composition_unless_it_has_its_own(
    composition: int | str | None, own: Any, size: int, status: int
) -> None:
    app = FastAPI()

    @app.post("/")
    async def length(request: Request) -> int:
        return len(await request.body())

    how: Any = {} if composition is None else {"max_body_size": composition}
    with TestClient(compose([App("a", app=app, max_body_size=own)], **how)) as client:
        assert client.post("/a/", content=b"x" * size).status_code == status


# An app object is app, a factory is factory


class Echo(HTTPEndpoint):
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{request.scope['root_path']} {request.scope['path']}")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await PlainTextResponse(f"{scope['root_path']} {scope['path']}")(scope, receive, send)


class EchoObject:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await echo(scope, receive, send)


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['SCRIPT_NAME']} {environ['SCRIPT_NAME']}{environ['PATH_INFO']}".encode()]


@pytest.mark.parametrize(
    "declared",
    [
        App("a", app=Echo),
        App("a", app=echo),
        App("a", app=EchoObject()),
        App("a", app=EchoObject().__call__),
        App("a", app=wsgi, wsgi=True),
        App("a", factory=lambda: Echo),
        App("a", factory=lambda: echo),
        App("a", factory=EchoObject),
        App("a", factory=EchoObject()),
        App("a", factory=lambda: wsgi, wsgi=True),
    ],
)
def test_an_object_a_function_or_a_class_that_is_an_app_is_mounted_as_app_and_what_returns_one_as_factory(
    declared: App,
) -> None:
    with TestClient(compose([declared])) as client:
        assert client.get("/a/x").text == "/a /a/x"


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        (App("a", factory=echo), ("C057", "factory is an ASGI app, not a function that returns one.")),
        (App("a", factory=wsgi, wsgi=True), ("C057", "factory is a WSGI app, not a function that returns one.")),
        (App("a", app=FastAPI), ("C057", "app is the class FastAPI, not an ASGI app.")),
        (App("a", app=hello), ("C057", "app is the function hello, not an ASGI app.")),
        (App("a", app=3), ("C004", "Invalid value for 'app': it is int.")),
        (App("a", app=echo, factory=hello), ("C056", "Only one of app and factory can be set.")),
        (App("a"), ("C004", "Invalid value for 'factory': it is required.")),
        (App("a", app=FastAPI(), settings={"x": 1}), ("C030", "Unused settings (x): the app takes no settings.")),
    ],
)
def test_what_is_declared_as_the_other_or_as_both_is_one_problem(declared: App, problem: tuple[str, str]) -> None:
    assert problem_of(declared) == problem


@pytest.mark.parametrize(
    "table",
    [
        'app = "web:app"',
        'factory = "web:app"',
        'factory = "web:create_app"',
        'app = "web:Echo"',
        'app = "web:echo"',
        'app = "web:Echo"\nstartup = "lazy"',
        'app = "web:echo"\nstartup = "background"',
    ],
)
def test_settings_name_an_app_or_a_factory(project: WriteProject, table: str) -> None:
    code = """
        from fastapi import FastAPI
        from starlette.endpoints import HTTPEndpoint
        from starlette.responses import PlainTextResponse

        app = FastAPI()
        app.get("/x")(lambda: None)

        def create_app():
            return app

        class Echo(HTTPEndpoint):
            async def get(self, request):
                return PlainTextResponse("")

        async def echo(scope, receive, send):
            assert scope["type"] == "http"
            await PlainTextResponse("")(scope, receive, send)
        """
    root = project({"settings.toml": f"[apps.a]\n{table}\n", "web.py": code})
    with TestClient(composer.build(root / "settings.toml")) as client:
        # An app that starts in the background answers 503 until it is up.
        answers = (client.get("/a/x").status_code for _ in range(1000))
        assert next(status for status in answers if status != 503) == 200


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('app = "web:a"\nfactory = "web:b"', ("C056", "Only one of app and factory can be set.")),
        ('app = "web:a"\nplugin = "b"', ("C056", "Only one of app and plugin can be set.")),
        ('factory = "web:echo"', ("C057", "factory is an ASGI app, not a function that returns one.")),
        ('app = "web:Plain"', ("C057", "app is the class Plain, not an ASGI app.")),
    ],
)
def test_a_table_with_two_sources_or_the_other_one_is_one_problem(
    project: WriteProject, table: str, problem: tuple[str, str]
) -> None:
    code = "async def echo(scope, receive, send): ...\n\nclass Plain: ...\n"
    root = project({"settings.toml": f"[apps.a]\n{table}\n", "web.py": code})
    with pytest.raises(CompositionError) as caught:
        composer.build(root / "settings.toml")
    assert [(one.id, one.what) for one in caught.value.problems] == [problem]


# Hooks


class Scheduler(hooks.Serving, hooks.AroundRequest, hooks.CheckReady, hooks.Preload):
    """A cornerstone with all hooks, one of them synchronous; mypy checks it against the protocols."""

    def __init__(self) -> None:
        self.journal: list[str] = []

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        self.journal.append("serving")
        yield

    @contextmanager
    def around_request(self, connection: HTTPConnection, /) -> Iterator[None]:
        self.journal.append(connection.url.path)
        yield

    async def check_ready(self) -> None:
        self.journal.append("ready")

    def preload(self) -> None:
        self.journal.append("preload")


class Misspelt(hooks.Serving):
    """A cornerstone whose hook has another name."""

    def servng(self) -> None: ...


def test_the_hooks_of_a_class_that_inherits_the_protocols_are_called() -> None:
    def create(scheduler: Scheduler) -> FastAPI:
        return hello()

    app = compose([App("a", factory=create)], cornerstones=[Cornerstone("scheduler", Scheduler)])
    with TestClient(app) as client:
        client.get("/a/")
        client.get("/readyz")
    assert composition_of(app).get(Scheduler).journal == ["serving", "/a/", "ready"]


def test_a_misspelt_hook_of_a_class_that_inherits_its_protocol_is_an_error_of_mypy_and_of_the_build() -> None:
    # mypy --strict reports this line, and would report a comment that isn't needed.
    with pytest.raises(TypeError, match="abstract"):
        Misspelt()  # type: ignore[abstract]

    id, what = problem_of(cornerstones=[Cornerstone("misspelt", Misspelt)])
    assert (id, "abstract" in what) == ("C011", True)


def test_a_hook_of_another_signature_is_an_error_of_mypy() -> None:
    class Wrong(hooks.AroundRequest):
        @contextmanager
        def around_request(self) -> Iterator[None]:  # type: ignore[override]
            yield

    (warning,) = composition_of(compose([], cornerstones=[Cornerstone("wrong", Wrong)])).warnings
    assert warning.id == "C051"


def test_each_hook_has_a_protocol_with_a_method_of_its_name() -> None:
    assert {name for name in hooks.__all__ if name != "HOOKS"} == {kind.__name__ for kind in hooks.HOOKS.values()}
    for name, kind in hooks.HOOKS.items():
        assert kind.__abstractmethods__ == {name}  # type: ignore[attr-defined]
        assert inspect.getdoc(kind)


@pytest.mark.parametrize(("name", "hook"), [("preloads", "preload"), ("pre_load", "preload"), ("serve", "serving")])
def test_a_misspelt_hook_of_any_class_is_a_warning(name: str, hook: str) -> None:
    async def method(self: Any) -> AsyncIterator[None]:
        yield

    kind = type("Cache", (), {"__module__": __name__, name: method})

    def create() -> Any:
        return kind()

    create.__annotations__["return"] = kind
    (warning,) = composition_of(compose([], cornerstones=[Cornerstone("cache", create)])).warnings
    assert (warning.id, f"Did you mean '{hook}'?" in warning.hint) == ("C072", True)


# What was composed


def test_a_composition_shows_its_apps_and_shared_objects() -> None:
    def create(db: Database) -> FastAPI:
        return FastAPI()

    notes, users = App("notes", factory=create), App("users", "/u", create)
    stones = [Cornerstone("db", Database), Cornerstone("replica", Replica)]
    composition = composition_of(compose([users, notes], cornerstones=stones))

    assert [(app.name, app.prefix) for app in composition.apps] == [("notes", "/notes"), ("users", "/u")]
    assert {name: type(value) for name, value in composition.cornerstones.items()} == {
        "db": Database,
        "replica": Replica,
    }
    assert composition.get(Replica) is composition.cornerstones["replica"]
    assert composition.get(Database, "db") is composition.cornerstones["db"]


def test_the_views_of_a_composition_cannot_be_changed() -> None:
    composition = composition_of(compose([App("a", factory=hello)], cornerstones=[Cornerstone("db", Database)]))

    with pytest.raises(TypeError):
        composition.cornerstones["db"] = None  # type: ignore[index]
    with pytest.raises(AttributeError):
        composition.apps = ()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        composition.apps[0].prefix = "/b"  # type: ignore[misc]


@pytest.mark.parametrize(("wanted", "name"), [(Database, None), (Path, None), (Database, "third")])
def test_a_shared_object_that_is_missing_or_ambiguous_is_a_lookup_error(wanted: type, name: str | None) -> None:
    stones = [Cornerstone("db", Database), Cornerstone("replica", Replica)]
    with pytest.raises(LookupError, match=f"^Shared.*{wanted.__name__}"):
        composition_of(compose([], cornerstones=stones)).get(wanted, name)
