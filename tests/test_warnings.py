"""Warnings refuse nothing, are logged once at the start, and can be ignored; what they warn of fails by itself."""

import warnings as python_warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from starlette.middleware.gzip import GZipMiddleware

import composer
from composer import App, Cornerstone, compose, composition_of
from tests.conftest import Project as WriteProject
from tests.test_cli_problems import DOUBTFUL


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    yield


@contextmanager
def not_async(app: object) -> Iterator[None]:
    yield


@asynccontextmanager
async def without_parameter() -> AsyncIterator[None]:
    yield


def greeting(**how: Any) -> FastAPI:
    app = FastAPI(**how)

    @app.get("/hello")
    def hello() -> str:
        return "hello"

    return app


def hiding() -> FastAPI:
    """Return an app one route of which is never reached, as C050 says."""
    app = greeting()
    app.mount("/files", FastAPI())

    @app.get("/files/first")
    def first() -> None: ...

    return app


def with_middleware(middleware: Any, **how: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(middleware, **how)
    return app


def including(router: APIRouter) -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    return app


def with_root_path() -> FastAPI:
    with python_warnings.catch_warnings(action="ignore"):
        return greeting(root_path="/elsewhere")


class Odd:
    """Be a cornerstone with a wrong hook."""

    async def serving(self) -> AsyncIterator[None]:
        yield


def odd() -> Odd:
    return Odd()


def ids(app: FastAPI) -> list[tuple[str, str]]:
    return [(warning.id, warning.where) for warning in composition_of(app).warnings]


FAILING: dict[str, tuple[str, Callable[[], FastAPI]]] = {
    "a lifespan by contextmanager": ("C044", lambda: FastAPI(lifespan=not_async)),  # type: ignore[arg-type]
    "a lifespan that was called": ("C044", lambda: FastAPI(lifespan=lifespan(None))),  # type: ignore[arg-type]
    "a lifespan without a parameter": ("C044", lambda: FastAPI(lifespan=without_parameter)),  # type: ignore[arg-type]
    "a router with such a lifespan": ("C044", lambda: including(APIRouter(lifespan=not_async))),  # type: ignore[arg-type]
    "an unknown argument": ("C047", lambda: with_middleware(GZipMiddleware, minimum=3)),
    "middleware that was called": ("C047", lambda: with_middleware(GZipMiddleware(FastAPI()))),
}


@pytest.mark.parametrize("name", FAILING)
def test_an_app_that_fails_alone_fails_the_start_with_its_own_error_and_its_name(name: str) -> None:
    id, make = FAILING[name]
    with pytest.raises(TypeError) as alone, TestClient(make()):
        pass

    app = compose([App("bad", "/bad", make), App("good", "/good", greeting)])
    assert ids(app) == [(id, "app bad")]

    with pytest.raises(composer.StartupError) as raised, TestClient(app):
        pass
    [failure] = raised.value.exceptions
    assert str(failure) == f"app bad failed to start: TypeError: {alone.value}"


def test_where_it_may_fail_the_others_serve() -> None:
    make = FAILING["a lifespan by contextmanager"][1]
    app = compose([App("bad", "/bad", make, on_failure="degrade"), App("good", "/good", greeting)])
    with TestClient(app) as client:
        assert client.get("/good/hello").json() == "hello"
        assert client.get("/bad/").status_code == 503


def test_a_hook_that_is_no_context_manager_fails_the_start_with_the_name_of_its_cornerstone() -> None:
    app = compose([], cornerstones=[Cornerstone("odd", odd)])
    assert ids(app) == [("C051", "cornerstone odd")]

    with pytest.raises(composer.StartupError) as raised, TestClient(app):
        pass
    assert "cornerstone odd.serving failed to start: TypeError" in str(raised.value.exceptions[0])


def test_an_app_with_a_root_path_of_its_own_is_served_under_its_prefix() -> None:
    app = compose([App("notes", "/notes", with_root_path)])
    assert ids(app) == [("C024", "app notes")]

    with TestClient(app) as client:
        assert client.get("/notes/hello").json() == "hello"
        assert client.get("/notes/openapi.json").json()["servers"] == [{"url": "/notes"}]


def test_an_app_with_a_warning_serves_all_that_it_serves_alone() -> None:
    app = compose([App("notes", "/notes", hiding)])
    with TestClient(app) as client, TestClient(hiding()) as alone:
        for path in ("/hello", "/files/first", "/files/docs", "/docs"):
            assert client.get(f"/notes{path}").status_code == alone.get(path).status_code


def test_warnings_are_logged_at_each_start_of_the_server_and_not_before(caplog: pytest.LogCaptureFixture) -> None:
    app = compose([App("notes", "/notes", hiding)])
    assert caplog.messages == []

    for _ in range(2):
        with TestClient(app):
            pass
        assert [(record.name, record.levelname) for record in caplog.records] == [("composer", "WARNING")]
        [message] = caplog.messages
        assert message == (
            "C050 app notes: Unreachable route '/files/first': the app mounted at '/files' comes before it. "
            "Hint: Mount that app after all routes and routers."
        )
        caplog.clear()


def test_a_build_that_fails_shows_the_warnings_after_the_errors() -> None:
    with pytest.raises(composer.CompositionError) as caught:
        compose([App("a", "/a", hiding), App("b", "b", greeting)])

    assert [(found.id, found.level) for found in caught.value.problems] == [("C021", "error"), ("C050", "warning")]
    assert str(caught.value).startswith("2 problems in composer, nothing was started:\n\nC021  app b\n")
    assert "\n\nC050 (warning)  app a\n      Unreachable route" in str(caught.value)


def test_a_warning_is_ignored_in_one_app_or_in_all() -> None:
    quiet, loud = App("quiet", "/quiet", hiding, ignore=("C050", "C049")), App("loud", "/loud", hiding)

    assert ids(compose([quiet, loud])) == [("C050", "app loud")]
    assert ids(compose([quiet, loud], ignore=["C050"])) == []
    assert ids(compose([quiet, loud], ignore=["C049"])) == [("C050", "app loud")]
    assert ids(compose([], cornerstones=[Cornerstone("odd", odd, ignore=("C051",))])) == []


def test_a_warning_is_ignored_by_settings(project: WriteProject) -> None:
    stone = """
        class Odd:
            async def __aenter__(self): ...

        def create_cornerstone(size: int = 1) -> Odd:
            return Odd()
        """
    files = {"apps/a.py": DOUBTFUL, "apps/b.py": DOUBTFUL, "shared/odd.py": stone}

    def found(settings: str) -> list[tuple[str, str]]:
        return ids(composer.build(project({"settings.toml": settings, **files}) / "settings.toml"))

    assert found("") == [("C051", "shared/odd.py"), ("C050", "apps/a.py"), ("C050", "apps/b.py")]
    assert found("[composer]\nignore = ['C050']") == [("C051", "shared/odd.py")]
    assert found("[apps.a]\nignore = ['C050', 'C051']") == [("C051", "shared/odd.py"), ("C050", "apps/b.py")]
    assert found("[composer]\nignore = ['C050']\n[cornerstones.odd]\nignore = ['C051']\nsize = 3") == []


def test_only_the_ids_of_warnings_can_be_ignored() -> None:
    with pytest.raises(composer.CompositionError) as caught:
        compose(
            [App("a", "/a", FastAPI, ignore=("C012",))],
            cornerstones=[Cornerstone("odd", odd, ignore=("C51",))],
            ignore=["c050"],
        )

    problems = [found for found in caught.value.problems if found.level == "error"]
    assert [(found.id, found.where, found.what, found.hint) for found in problems] == [
        (
            "C064",
            "ignore",
            "Cannot ignore 'c050': unknown ID.",
            "Did you mean 'C050'? List IDs of warnings only, such as 'C049'.",
        ),
        (
            "C064",
            "cornerstone odd",
            "Cannot ignore 'C51': unknown ID.",
            "Did you mean 'C051'? List IDs of warnings only, such as 'C049'.",
        ),
        (
            "C064",
            "app a",
            "Cannot ignore 'C012': it is an error.",
            "List IDs of warnings only, such as 'C049'.",
        ),
    ]
