import json
import pickle
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sklearn.linear_model import LinearRegression

import composer
from shared.models import ArtefactError, Models, ModelsSettings, create_cornerstone, read_card, write_artefact

pytestmark = pytest.mark.anyio

CODE_RAN: list[str] = []
READING, MAY_GO_ON = threading.Event(), threading.Event()


def run_code() -> None:
    CODE_RAN.append("read")


def read_slowly() -> dict[str, str]:
    READING.set()
    MAY_GO_ON.wait(10)
    CODE_RAN.append("slowly")
    return {"read": "slowly"}


READERS: list[int] = []


def read_alone() -> dict[str, int]:
    """Stand for the imports that unpickling makes: tell how many do it at this moment."""
    READERS.append(1)
    time.sleep(0.05)
    count = len(READERS)
    READERS.pop()
    return {"at_once": count}


class Calls:
    """Pickled, it calls a function when it is read, as an attacker's pickle would."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def __reduce__(self) -> tuple[Callable[[], object], tuple[()]]:
        return self._function, ()


class UserSettings(BaseModel):
    who: str


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    write_artefact(tmp_path, "line", model, {"r2": 1.0})
    return tmp_path


@pytest.fixture
def models(folder: Path) -> Models:
    return create_cornerstone(ModelsSettings(folder=folder))


def change_card(folder: Path, **fields: object) -> None:
    file = folder / "line.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


async def refusal(models: Models, name: str = "line") -> ArtefactError:
    with pytest.raises(ArtefactError) as caught:
        await models.load(name)
    return caught.value


async def test_a_loaded_model_predicts_as_the_written_one(models: Models) -> None:
    model: Any = await models.load("line")
    assert model.predict([[3.0]])[0] == pytest.approx(6.0)


def test_the_card_keeps_the_facts_of_its_author(folder: Path) -> None:
    assert read_card(folder, "line").model_dump()["r2"] == 1.0


async def test_callers_that_ask_together_share_one_object(models: Models) -> None:
    got: list[object] = []

    async def ask() -> None:
        got.append(await models.load("line"))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(ask)
    assert len(got) == 8
    assert {id(model) for model in got} == {id(got[0])}


async def test_two_artefacts_that_are_asked_for_together_are_not_unpickled_in_two_threads_at_once(
    models: Models, folder: Path
) -> None:
    found: list[object] = []

    async def load(name: str) -> None:
        found.append(await models.load(name))

    async with anyio.create_task_group() as group:
        for name in ("first", "second"):
            write_artefact(folder, name, Calls(read_alone), {})
            group.start_soon(load, name)
    assert found == [{"at_once": 1}] * 2


def test_two_apps_that_name_one_artefact_share_one_object(folder: Path) -> None:
    got: dict[str, object] = {}

    def create_app(models: Models, settings: UserSettings) -> FastAPI:
        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            got[settings.who] = await models.load("line")
            yield

        return FastAPI(lifespan=lifespan)

    users = [composer.App(who, f"/{who}", create_app, settings={"who": who}) for who in ("one", "two")]
    cornerstone = composer.Cornerstone("models", create_cornerstone, settings={"folder": folder})
    with TestClient(composer.compose(users, cornerstones=[cornerstone])):
        assert got["one"] is got["two"]


async def test_a_caller_that_is_cancelled_while_it_loads_costs_no_second_load(models: Models, folder: Path) -> None:
    write_artefact(folder, "line", Calls(read_slowly), {})
    CODE_RAN.clear()
    got: list[object] = []
    scope = anyio.CancelScope()

    async def ask_and_be_cancelled() -> None:
        with scope:
            await models.load("line")

    async def ask() -> None:
        got.append(await models.load("line"))

    async with anyio.create_task_group() as group:
        group.start_soon(ask_and_be_cancelled)
        await anyio.to_thread.run_sync(READING.wait, 10)
        group.start_soon(ask)
        scope.cancel()
        MAY_GO_ON.set()
    assert got[0] is await models.load("line")
    assert CODE_RAN == ["slowly"]


async def test_after_a_failed_load_the_next_call_tries_again(models: Models, folder: Path) -> None:
    payload = (folder / "line.joblib").read_bytes()
    (folder / "line.joblib").unlink()
    assert "train the model" in (await refusal(models)).hint
    (folder / "line.joblib").write_bytes(payload)
    assert isinstance(await models.load("line"), LinearRegression)


async def test_after_a_restart_the_artefact_is_read_anew(models: Models) -> None:
    async with models:
        first = await models.load("line")
    async with models:
        assert await models.load("line") is not first


async def test_a_flipped_byte_is_refused(models: Models, folder: Path) -> None:
    file = folder / "line.joblib"
    payload = bytearray(file.read_bytes())
    payload[len(payload) // 2] ^= 1
    file.write_bytes(payload)
    error = await refusal(models)
    assert (error.name, error.file) == ("line", file)
    assert error.expected == f"SHA-256 {read_card(folder, 'line').sha256}"
    assert error.found.startswith("SHA-256 ")
    assert error.found != error.expected


async def test_a_wrong_digest_in_the_card_is_refused(models: Models, folder: Path) -> None:
    change_card(folder, sha256="0" * 64)
    assert (await refusal(models)).expected == f"SHA-256 {'0' * 64}"


async def test_code_in_a_swapped_pickle_never_runs(models: Models, folder: Path) -> None:
    payload = pickle.dumps(Calls(run_code))
    (folder / "line.joblib").write_bytes(payload)
    CODE_RAN.clear()
    await refusal(models)
    assert CODE_RAN == []
    pickle.loads(payload)
    assert CODE_RAN == ["read"]


async def test_code_in_the_pickle_of_another_scikit_learn_never_runs(models: Models, folder: Path) -> None:
    write_artefact(folder, "line", Calls(run_code), {})
    CODE_RAN.clear()
    change_card(folder, versions={"scikit-learn": "1.2.0"})
    error = await refusal(models)
    assert CODE_RAN == []
    assert error.expected == "scikit-learn 1.2.0 (it wrote the artefact)"
    assert "install scikit-learn==1.2.0" in error.hint


async def test_a_card_that_names_no_scikit_learn_is_refused(models: Models, folder: Path) -> None:
    change_card(folder, versions={})
    assert "none in the card" in (await refusal(models)).expected


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"sha256": "short", "versions": {}}'])
async def test_a_malformed_card_is_refused(models: Models, folder: Path, content: str) -> None:
    (folder / "line.json").write_text(content)
    error = await refusal(models)
    assert (error.file.name, error.expected) == ("line.json", "a model card")


async def test_an_artefact_without_card_is_refused(models: Models, folder: Path) -> None:
    (folder / "line.json").unlink()
    assert (await refusal(models)).file.name == "line.json"


async def test_content_that_is_no_pickle_is_refused_also_with_the_right_digest(models: Models, folder: Path) -> None:
    (folder / "line.joblib").write_bytes(b"")
    change_card(folder, sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    assert (await refusal(models)).expected == "a pickled model"


@pytest.mark.parametrize("name", ["../line", "/etc/passwd", "a/b", "..", "", ".line", "line\n", "a\\b", "a\0"])
async def test_a_name_that_could_leave_the_folder_is_refused(models: Models, name: str) -> None:
    assert (await refusal(models, name)).found == repr(name)


async def test_a_refusal_says_what_where_and_what_to_do(models: Models, folder: Path) -> None:
    lines = str(await refusal(models, "none")).splitlines()
    assert lines[0] == "artefact 'none' refused"
    assert lines[1] == f"  file: {folder / 'none.json'}"
    assert [line.split(":")[0].strip() for line in lines[2:]] == ["expected", "found", "hint"]
