"""Secrets of the settings: whatever goes wrong, and whoever looks on, none of them is seen."""

import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import httpx
import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel, SecretBytes, SecretStr

import composer
from composer._secrets import Secrets
from tests.conftest import Project as WriteProject
from tests.serving import Server, serving

# One for each way in: settings.toml, the file of the environment, a variable; and the password inside of a URL.
IN_FILE, IN_PRODUCTION, IN_VARIABLE, PASSWORD = "canary-7d1f", "canary-42ae", "canary-'9c\"0", "canary/e8+3"
URL = "postgresql://me:canary%2Fe8%2B3@localhost/db"
CANARY = "canary"

PROJECT = {
    "settings.toml": f"""
        [composer]
        apps = ["folder"]
        cornerstones = ["common"]

        [cornerstones.db]
        url = "{URL}"

        [apps.notes.settings]
        keys = ["{IN_FILE}"]
        """,
    "settings.production.toml": f"""
        [apps.notes.settings]
        inner = {{ token = "{IN_PRODUCTION}" }}
        """,
    "common/db.py": """
        from pydantic import BaseModel, SecretStr

        class Settings(BaseModel):
            url: SecretStr
            size: int = 1

        class Database:
            def __init__(self, settings: Settings) -> None:
                self.settings = settings
                self.url = settings.url.get_secret_value()

            async def __aenter__(self):
                return self

            async def __aexit__(self, *_):
                pass

        def create_cornerstone(settings: Settings) -> Database:
            return Database(settings)
        """,
    "folder/notes.py": """
        from contextlib import asynccontextmanager
        from typing import Annotated

        from fastapi import FastAPI, Header
        from pydantic import AfterValidator, BaseModel, SecretStr

        from common.db import Database

        def check(found: SecretStr) -> SecretStr:
            return found

        class Inner(BaseModel):
            token: Annotated[SecretStr, AfterValidator(check)] = SecretStr("")

        class Settings(BaseModel):
            keys: list[SecretStr] = []
            inner: Inner = Inner()
            other: SecretStr = SecretStr("")
            size: int = 1

        def create_app(settings: Settings, db: Database) -> FastAPI:
            every = [*settings.keys, settings.inner.token, settings.other, db.settings.url]
            text = " and ".join([f"{each.get_secret_value()} {each.get_secret_value()!r}" for each in every])

            @asynccontextmanager
            async def lifespan(app):
                yield {"settings": settings}

            app = FastAPI(lifespan=lifespan)

            @app.get("/fails")
            def fails():
                try:
                    raise KeyError(settings.other.get_secret_value())
                except KeyError:
                    raise ValueError(text)

            @app.get("/fine")
            def fine(size: int = 1):
                return settings

            return app
        """,
}


def changed(file: str, old: str, new: str) -> Mapping[str, str]:
    assert PROJECT[file].count(old) == 1
    return {**PROJECT, file: PROJECT[file].replace(old, new)}


@pytest.fixture(autouse=True)
def environment(project: WriteProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPOSER_ENV", "production")
    monkeypatch.setenv("COMPOSER_APPS__NOTES__SETTINGS__OTHER", IN_VARIABLE)


MISTAKES = {
    "a wrong type beside a secret": changed("settings.toml", "keys =", 'size = "many"\nkeys ='),
    "a secret of the wrong type": changed("settings.toml", f'["{IN_FILE}"]', f'[{{ a = "{IN_FILE}" }}]'),
    "a secret where a list has to be": changed("settings.toml", f'["{IN_FILE}"]', f'"{IN_FILE}"'),
    "a secret under an unknown key": changed("settings.toml", "keys =", "kyes ="),
    "a secret under an unknown table": changed("settings.toml", "[apps.notes.settings]", "[apps.nots.settings]"),
    "a secret in the place of a table": changed("settings.production.toml", "inner = { token = ", "inner = ["),
    "a secret in broken TOML": changed("settings.toml", f'["{IN_FILE}"]', f'["{IN_FILE}'),
    "a secret without quotes": changed("settings.toml", f'"{URL}"', "canary"),
    "a validator that tells the value": changed(
        "folder/notes.py", "return found", "raise ValueError(f'no: {found.get_secret_value()}')"
    ),
    "a validator that breaks": changed("folder/notes.py", "return found", "raise KeyError(found.get_secret_value())"),
    "a cornerstone's factory that raises": changed(
        "common/db.py", "return Database(settings)", "raise ConnectionError(settings.url.get_secret_value())"
    ),
    "a cornerstone's factory that tells only the password": changed(
        "common/db.py", "return Database(settings)", f"raise ConnectionError('no user with {PASSWORD}')"
    ),
    "an app's factory that raises": changed(
        "folder/notes.py", "app = FastAPI(lifespan=lifespan)", "raise OSError(text)"
    ),
    "an app's factory that raises several": changed(
        "folder/notes.py", "app = FastAPI(lifespan=lifespan)", "raise ExceptionGroup(text, [OSError(text), OSError(2)])"
    ),
    "an app's factory that shows its settings": changed(
        "folder/notes.py", "app = FastAPI(lifespan=lifespan)", "raise OSError(repr(settings))"
    ),
}


@pytest.mark.parametrize("files", MISTAKES.values(), ids=MISTAKES)
def test_no_mistake_of_a_composition_tells_a_secret(
    project: WriteProject, capsys: pytest.CaptureFixture[str], files: Mapping[str, str]
) -> None:
    root = project(files)

    with pytest.raises(composer.CompositionError) as caught:
        composer.build(root / "settings.toml")

    shown = "".join(traceback.format_exception(caught.value))
    assert CANARY not in without_source(shown)
    assert CANARY not in repr(caught.value.problems)
    assert CANARY not in "".join(capsys.readouterr())


def without_source(shown: str) -> str:
    """Return a traceback without the lines of code that it shows: what is written there is no setting."""
    return "\n".join(line for line in shown.splitlines() if "raise ConnectionError('no user" not in line)


FAULTS = {
    "a cornerstone that fails to start": changed(
        "common/db.py", "return self", "raise ConnectionError(f'can not reach {self.url}')"
    ),
    "a cornerstone that fails to stop": changed("common/db.py", "pass", "raise ConnectionError(self.url)"),
    "an app that fails to start": changed(
        "folder/notes.py", 'yield {"settings": settings}', "raise OSError(text); yield"
    ),
    "an app that fails to stop": changed(
        "folder/notes.py", 'yield {"settings": settings}', "yield; raise OSError(text) from ValueError(text)"
    ),
    "an app that fails to start with several errors": changed(
        "folder/notes.py",
        'yield {"settings": settings}',
        "raise ExceptionGroup('two', [OSError(text), OSError(2)]); yield",
    ),
}


@pytest.mark.parametrize("files", FAULTS.values(), ids=FAULTS)
def test_no_part_that_fails_tells_a_secret(
    project: WriteProject, caplog: pytest.LogCaptureFixture, files: Mapping[str, str]
) -> None:
    app = composer.build(project(files) / "settings.toml")

    with pytest.raises((composer.StartupError, composer.ShutdownError)) as caught, TestClient(app):
        pass

    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "**********" in shown
    assert CANARY not in shown
    assert CANARY not in "".join(part.reason for part in composer.composition_of(app).parts())


LATE = """
    from contextlib import asynccontextmanager

    from fastapi import FastAPI

    from common.db import Database

    def create_app(db: Database) -> FastAPI:
        @asynccontextmanager
        async def lifespan(app):
            raise ConnectionError(db.url)
            yield

        return FastAPI(lifespan=lifespan)
    """
SILENT = """
    from fastapi import FastAPI

    from common.db import Database

    def create_app(db: Database) -> FastAPI:
        app = FastAPI()

        def openapi():
            raise LookupError(db.url)

        app.openapi = openapi
        return app
    """
READY = """
async def check_ready(self):
    raise ConnectionError(self.url)

Database.check_ready = check_ready
"""
ASGI = "import composer\n\napp = composer.build()\n"
PAGES = ["/readyz", "/openapi.json", "/docs", "/notes/docs", "/notes/openapi.json", "/late/", "/notes/fails"]
PAGES += ["/notes/fine", "/notes/fine?size=no", "/notes/nowhere", "/nowhere", "/livez"]


def get(server: Server, page: str, seconds: float = 30) -> httpx.Response:
    """Get a page of a server that may be starting."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert server.process.poll() is None, server.output
        try:
            return httpx.get(server.url + page)
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"no answer within {seconds} seconds:\n{server.output}")


def test_no_page_and_no_line_of_a_servers_log_tells_a_secret(project: WriteProject, tmp_path: Path) -> None:
    database = dedent(PROJECT["common/db.py"]) + READY
    settings = dedent(PROJECT["settings.toml"]) + '[apps.late]\non_failure = "degrade"\n'
    served = {
        "settings.toml": settings,
        "common/db.py": database,
        "folder/late.py": LATE,
        "folder/silent.py": SILENT,
        "asgi.py": ASGI,
    }
    root = project({**PROJECT, **served})
    variables = {"COMPOSER_ENV": "production", "COMPOSER_APPS__NOTES__SETTINGS__OTHER": IN_VARIABLE}

    with serving(["uvicorn", "asgi:app", "--port", "{port}"], root, tmp_path / "log", variables) as server:
        answers = {page: get(server, page) for page in PAGES}
        server.stop()

    assert {page: answers[page].status_code for page in ("/readyz", "/late/", "/notes/fails", "/notes/fine")} == {
        "/readyz": 503,
        "/late/": 503,
        "/notes/fails": 500,
        "/notes/fine": 200,
    }
    assert [page for page, answer in answers.items() if CANARY in answer.text] == []
    kinds = ("ConnectionError", "ValueError", "LookupError")
    assert [kind for kind in kinds if f"{kind}: **********" not in server.output] == []
    assert CANARY not in server.output


class Inner(BaseModel):
    token: SecretStr
    raw: SecretBytes = SecretBytes(b"")


def test_the_secrets_inside_of_models_and_collections_are_known() -> None:
    secrets = Secrets(
        [{"a": [Inner(token=SecretStr("one-secret"), raw=SecretBytes(b"two-secret"))]}, (SecretStr("three"),)]
    )
    assert secrets.hidden("one-secret two-secret three four") == "********** ********** ********** four"


def test_a_secret_too_short_to_be_one_is_left_where_it_is() -> None:
    assert Secrets([SecretStr("a"), SecretStr("")]).hidden("a banana") == "a banana"


def test_an_error_without_a_secret_stays_the_same_object() -> None:
    error = ValueError("nothing to hide")
    assert Secrets([SecretStr("hunter2")]).cleaned(error) is error


def fail_for_a_secret() -> None:
    try:
        raise KeyError("hunter2")
    except KeyError as cause:
        cause.add_note("it was hunter2")
        raise ConnectionError("nobody there") from cause


def test_an_error_with_a_secret_keeps_its_name_its_traceback_its_notes_and_its_cause() -> None:
    secrets = Secrets([SecretStr("hunter2")])
    with pytest.raises(ConnectionError) as caught:
        fail_for_a_secret()

    found = secrets.cleaned(caught.value)

    shown = "".join(traceback.format_exception(found))
    assert found.__traceback__ is caught.value.__traceback__
    assert [line for line in shown.splitlines() if not line.startswith(" ")] == [
        "Traceback (most recent call last):",
        "KeyError: '**********'",
        "it was **********",
        "",
        "The above exception was the direct cause of the following exception:",
        "",
        "Traceback (most recent call last):",
        "ConnectionError: nobody there",
    ]
