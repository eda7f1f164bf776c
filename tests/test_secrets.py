"""Secrets of the settings: whatever goes wrong, and whoever looks on, none of them is seen."""

import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from types import GenericAlias
from typing import Annotated, Any, Generic, Literal, NoReturn, TypeVar

import httpx
import pydantic.dataclasses
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import AfterValidator, AliasChoices, AliasPath, BaseModel, ConfigDict, Field, SecretBytes, SecretStr
from pydantic_settings import BaseSettings
from starlette.types import Receive, Scope, Send

import composer
from composer._secrets import Secrets
from composer._stack.redact import with_redaction
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


def tell(_: Any) -> NoReturn:
    raise ValueError(f"not with {IN_FILE}")


Told = Annotated[SecretStr, AfterValidator(tell)]
Kept = TypeVar("Kept")


class Holding(BaseModel, Generic[Kept]):
    kept: Kept


class ToldByOther(Holding[Kept], Generic[Kept]):
    size: Annotated[int, AfterValidator(tell)]


class Plain(BaseModel, Generic[Kept]):
    token: Kept


@dataclass
class OfStandardLibrary(Generic[Kept]):
    token: Kept


@dataclass(slots=True)
class WithSlots(Generic[Kept]):
    token: Kept


@pydantic.dataclasses.dataclass
class OfPydantic(Generic[Kept]):
    token: Kept


class UnderAlias(BaseModel, Generic[Kept]):
    token: Kept = Field(validation_alias="key")


class UnderChoice(BaseModel, Generic[Kept]):
    token: Kept = Field(validation_alias=AliasChoices("password", "key"))


class UnderPath(BaseModel, Generic[Kept]):
    token: Kept = Field(validation_alias=AliasPath("keys", 1))


class ToldExtra(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Told]


class KeptExtra(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, SecretStr]


class ToldFromEnvironment(BaseSettings):
    notes_token: Told


class ToldTogether(BaseSettings):
    notes_token: SecretStr

    @pydantic.model_validator(mode="after")
    def check(self) -> "ToldTogether":
        raise ValueError(f"not with {self.notes_token.get_secret_value()}")


def app_given(wanted: Any, settings: Mapping[str, Any], make: Callable[[Any], FastAPI]) -> composer.App:
    """Return an app whose factory asks for `settings` of that type."""

    def create_app(settings: Any) -> FastAPI:
        return make(settings)

    create_app.__annotations__["settings"] = wanted
    return composer.App("notes", "/notes", create_app, settings=settings)


def never_made(_: Any) -> NoReturn:
    raise AssertionError("the settings are wrong")


def failure_of(app: composer.App) -> composer.CompositionError:
    with pytest.raises(composer.CompositionError) as caught:
        composer.compose([app])
    return caught.value


WRITTEN = {"token": IN_FILE}
SHAPES: dict[str, tuple[Any, Any]] = {
    "a model": (Plain, WRITTEN),
    "an alias": (UnderAlias, {"key": IN_FILE}),
    "a choice of aliases": (UnderChoice, {"key": IN_FILE}),
    "a path": (UnderPath, {"keys": ["", IN_FILE]}),
    "a dataclass": (OfStandardLibrary, WRITTEN),
    "a dataclass with slots": (WithSlots, WRITTEN),
    "a dataclass of pydantic": (OfPydantic, WRITTEN),
}


@pytest.mark.parametrize("settings_of", [Holding, ToldByOther])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_validator_tells_a_secret_however_it_is_kept(shape: str, settings_of: Any) -> None:
    kind, written = SHAPES[shape]
    one = kind[Told if settings_of is Holding else SecretStr]
    several = GenericAlias(list, one)
    named, lists = GenericAlias(dict, (str, one)), GenericAlias(dict, (str, several))
    size = {} if settings_of is Holding else {"size": 1}
    for wanted, given in [(one, written), (named, {"a": written}), (lists, {"a": [written]})]:
        error = failure_of(app_given(settings_of[wanted], {"kept": given, **size}, never_made))

        assert [found.id for found in error.problems] == ["C004"]
        assert "not with **********" in str(error)
        assert CANARY not in str(error)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_validator_tells_a_secret_of_a_keyword(shape: str) -> None:
    kind, written = SHAPES[shape]
    error = failure_of(app_given(GenericAlias(list, kind[Told]), {"settings": [written]}, never_made))

    assert "not with **********" in str(error)
    assert CANARY not in str(error)


def test_no_validator_tells_a_secret_that_has_no_field() -> None:
    error = failure_of(app_given(ToldExtra, {"any": IN_FILE}, never_made))

    assert "not with **********" in str(error)


@pytest.mark.parametrize("model", [ToldFromEnvironment, ToldTogether])
def test_no_validator_tells_a_secret_that_settings_read_from_the_environment_themselves(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTES_TOKEN", IN_FILE)

    error = failure_of(app_given(model, {}, never_made))

    assert [found.id for found in error.problems] == ["C034"]
    assert "not with **********" in str(error)


class Level(BaseModel):
    level: Literal["info", "warning"]


def test_what_pydantic_says_itself_stays_whole_also_where_it_holds_the_value() -> None:
    error = failure_of(app_given(Level, {"level": "warn"}, never_made))

    assert "Input should be 'info' or 'warning'" in str(error)


HELD: dict[str, tuple[Any, Any]] = {
    "a model": (Plain[SecretStr], WRITTEN),
    "a keyword": (list[Plain[SecretStr]], {"settings": [WRITTEN]}),
    "a dataclass": (Holding[OfStandardLibrary[SecretStr]], {"kept": WRITTEN}),
    "a dataclass with slots": (Holding[WithSlots[SecretStr]], {"kept": WRITTEN}),
    "a dataclass of pydantic": (Holding[OfPydantic[SecretStr]], {"kept": WRITTEN}),
    "a keyword that is a dataclass": (OfStandardLibrary[SecretStr], {"settings": WRITTEN}),
    "a queue": (Holding[deque[SecretStr]], {"kept": [IN_FILE]}),
    "what has no field": (KeptExtra, {"any": IN_FILE}),
}


@pytest.mark.parametrize(("wanted", "settings"), HELD.values(), ids=HELD)
def test_no_factory_tells_a_secret_however_its_settings_keep_it(wanted: Any, settings: Mapping[str, Any]) -> None:
    error = failure_of(app_given(wanted, settings, tell))

    assert [found.id for found in error.problems] == ["C011"]
    assert CANARY not in "".join(traceback.format_exception(error))


ALONE = {
    "settings.toml": f"""
        [apps.notes]
        factory = "notes:create_app"
        startup = "STARTUP"

        [apps.notes.settings]
        token = "{IN_FILE}"
        """,
    "notes.py": """
        from fastapi import FastAPI
        from pydantic import BaseModel, SecretStr

        class Settings(BaseModel):
            token: SecretStr
            other: SecretStr = SecretStr("")

        def create_app(settings: Settings) -> FastAPI:
            app = FastAPI()

            @app.get("/fails")
            def fails():
                raise ConnectionError(settings.token.get_secret_value())

            return app
        """,
}


@pytest.mark.parametrize("startup", ["wait", "background", "lazy"])
def test_no_request_tells_the_secret_of_the_only_app_that_has_one(project: WriteProject, startup: str) -> None:
    root = project({name: text.replace("STARTUP", startup) for name, text in ALONE.items()})

    with TestClient(composer.build(root / "settings.toml")) as client:
        error = error_of(client, "/notes/fails")

    shown = "".join(traceback.format_exception(error))
    assert "ConnectionError: **********" in shown
    assert CANARY not in shown


def error_of(client: TestClient, page: str, seconds: float = 30) -> Exception:
    """Return what a request raises as soon as its app is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            client.get(page)
        except Exception as error:
            return error
        time.sleep(0.05)
    raise AssertionError(f"no error within {seconds} seconds")


async def app_itself(scope: Scope, receive: Receive, send: Send) -> None:
    pass


def test_an_app_gets_no_layer_where_nothing_is_secret() -> None:
    assert with_redaction(app_itself, Secrets()) is app_itself


def test_no_request_tells_a_secret_of_an_error_that_is_its_own_cause() -> None:
    def make(settings: Plain[SecretStr]) -> FastAPI:
        app = FastAPI()

        @app.get("/fails")
        def fails() -> None:
            try:
                raise ConnectionError(settings.token.get_secret_value())
            except ConnectionError as error:
                raise error from error

        return app

    with TestClient(composer.compose([app_given(Plain[SecretStr], WRITTEN, make)])) as client:
        error = error_of(client, "/notes/fails")

    assert type(error).__name__ == "ConnectionError"
    assert CANARY not in "".join(traceback.format_exception(error))


class Inner(BaseModel):
    token: SecretStr
    raw: SecretBytes = SecretBytes(b"")


def test_the_secrets_inside_of_models_and_collections_are_known() -> None:
    secrets = Secrets(
        [{"a": [Inner(token=SecretStr("one-secret"), raw=SecretBytes(b"two-secret"))]}, (SecretStr("three"),)]
    )
    assert secrets.redact("one-secret two-secret three four") == "********** ********** ********** four"


def test_a_secret_too_short_to_be_one_is_left_where_it_is() -> None:
    assert Secrets([SecretStr("a"), SecretStr("")]).redact("a banana") == "a banana"


def test_an_error_without_a_secret_stays_the_same_object() -> None:
    error = ValueError("nothing to hide")
    assert Secrets([SecretStr("hunter2")]).redacted(error) is error


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

    found = secrets.redacted(caught.value)

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


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("hunter2")


def errors_in_a_circle() -> list[Exception]:
    """Return errors that are behind themselves: directly, by another one, and by a group that they are in."""
    itself, one, other, inside, silent = (
        ValueError("hunter2"),
        KeyError(1),
        OSError("hunter2"),
        KeyError(2),
        SilentError(),
    )
    itself.__cause__ = itself
    one.__context__, other.__cause__ = other, one
    within = ExceptionGroup("hunter2", [inside])
    inside.__cause__ = ExceptionGroup("outer", [within])
    silent.__cause__ = itself
    return [itself, one, other, within, inside, silent]


@pytest.mark.parametrize("error", errors_in_a_circle(), ids=repr)
def test_an_error_that_is_behind_itself_is_cleaned_once(error: Exception) -> None:
    found = Secrets([SecretStr("hunter2")]).redacted(error)

    assert found is not error
    assert type(found).__name__ == type(error).__name__
    assert "hunter2" not in "".join(traceback.format_exception(found))
