import hashlib
import json
import pickle
import threading
import time
import warnings
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from sklearn import ensemble, linear_model, naive_bayes, neighbors, neural_network, pipeline, preprocessing, svm
from sklearn.linear_model import LinearRegression

import composer
from composer.contrib.models import ArtefactError, Models, ModelsSettings, create_cornerstone, read_card, write_artefact
from composer.contrib.models._artefact import read_artefact

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


# The functions of these tests that an artefact of theirs may call.
TRUSTED = [f"{__name__}:{function.__name__}" for function in (read_slowly, read_alone)]


class UserSettings(BaseModel):
    who: str


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    write_artefact(tmp_path, "line", model, {"r2": 1.0})
    return tmp_path


@pytest.fixture
def models(folder: Path) -> Models:
    return create_cornerstone(ModelsSettings(folder=folder, trusted=TRUSTED))


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
    assert error.expected == "scikit-learn 1.2.0, which wrote the artefact"
    assert "install scikit-learn==1.2.0" in error.hint


async def test_code_in_a_pickle_whose_digest_is_right_never_runs(models: Models, folder: Path) -> None:
    write_artefact(folder, "line", Calls(run_code), {})
    CODE_RAN.clear()
    error = await refusal(models)
    assert CODE_RAN == []
    assert (error.expected, error.found) == ("only trusted classes and functions", f"{__name__}:run_code")
    assert f"trusted = ['{__name__}:run_code']" in error.hint


def write_payload(folder: Path, payload: bytes) -> None:
    (folder / "line.joblib").write_bytes(payload)
    change_card(folder, sha256=hashlib.sha256(payload).hexdigest())


def call(module: str, name: str, protocol: int, file: Path) -> bytes:
    """Pickle a call of a function by its name, with a file's path as its argument."""
    named = f"c{module}\n{name}\n".encode()
    if protocol == 0:
        return named + f"(V{file}\ntR.".encode()
    if protocol == 1:
        return f"(V{file}\ni{module}\n{name}\n.".encode()
    words = b"".join(b"\x8c" + bytes([len(word)]) + word for word in (module.encode(), name.encode()))
    return b"\x80\x04" + words + b"\x93" + f"(V{file}\ntR.".encode()


# What runs code, reads or writes files, or leads on to what does; some by way of a module that may be imported.
ATTACKS = [
    ("os", "mkdir"),
    ("posix", "mkdir"),
    ("nt", "mkdir"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("operator", "attrgetter"),
    ("functools", "partial"),
    ("importlib", "import_module"),
    ("pathlib", "Path.touch"),
    ("numpy", "load"),
    ("numpy", "os.mkdir"),
    ("numpy.testing._private.utils", "runstring"),
    ("joblib", "load"),
    ("sklearn.base", "clone"),
    ("sklearn.base", "os.mkdir"),
    ("sklearn.base", "BaseEstimator.__init_subclass__"),
    ("sklearn.datasets", "load_svmlight_file"),
    ("sklearn.datasets._base", "os.mkdir"),
    ("sklearn.utils.parallel", "Parallel"),
    ("sklearn.utils", "os"),
    ("sklearn.tests.test_base", "NaNTag"),
    ("sklearn", "os.mkdir"),
    ("sklearn.linear_model._base", "sp.os"),
    ("tests.contrib.test_models", "read_slowly.__globals__"),
]


@pytest.mark.parametrize("protocol", [0, 1, 4])
@pytest.mark.parametrize(("module", "name"), ATTACKS)
async def test_a_pickle_that_would_call_something_else_is_refused(
    models: Models, folder: Path, module: str, name: str, protocol: int
) -> None:
    made = folder / "made"
    write_payload(folder, call(module, name, protocol, made))
    assert (await refusal(models)).found == f"{module}:{name}"
    assert not made.exists()


async def test_code_in_an_array_of_objects_never_runs(models: Models, folder: Path) -> None:
    write_artefact(folder, "line", {"array": np.array([Calls(run_code)], dtype=object)}, {})
    CODE_RAN.clear()
    assert (await refusal(models)).found == f"{__name__}:run_code"
    assert CODE_RAN == []


ROWS = [[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [3.0, 2.0]] * 3
CLASSES = [0, 0, 1, 1] * 3
ESTIMATORS = [
    ensemble.HistGradientBoostingClassifier(max_iter=2),
    ensemble.HistGradientBoostingRegressor(max_iter=2),
    ensemble.GradientBoostingClassifier(n_estimators=2),
    ensemble.RandomForestClassifier(n_estimators=2, random_state=np.random.RandomState(0)),
    linear_model.LogisticRegression(),
    linear_model.SGDClassifier(),
    naive_bayes.GaussianNB(),
    neighbors.KNeighborsClassifier(2, algorithm="kd_tree"),
    neighbors.KNeighborsClassifier(2, algorithm="ball_tree"),
    neural_network.MLPClassifier((2,), solver="lbfgs"),
    svm.SVC(),
    pipeline.make_pipeline(preprocessing.StandardScaler(), preprocessing.PolynomialFeatures(2), svm.LinearSVC()),
    pipeline.make_pipeline(preprocessing.OneHotEncoder(handle_unknown="ignore"), linear_model.LogisticRegression()),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
async def test_an_estimator_of_scikit_learn_needs_no_trust(models: Models, folder: Path, estimator: Any) -> None:
    written = estimator.fit(ROWS, CLASSES)
    write_artefact(folder, "line", written, {})
    read: Any = await models.load("line")
    assert read.predict(ROWS).tolist() == written.predict(ROWS).tolist()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    write_artefact(folder, "line", LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), {})
    return folder, (folder / "line.joblib").read_bytes()


@given(st.data())
def test_any_flipped_byte_of_an_artefact_is_refused_as_a_wrong_digest(
    whole: tuple[Path, bytes], data: st.DataObject
) -> None:
    folder, payload = whole
    at, bits = data.draw(st.integers(0, len(payload) - 1)), data.draw(st.integers(1, 255))
    (folder / "line.joblib").write_bytes(payload[:at] + bytes([payload[at] ^ bits]) + payload[at + 1 :])
    with pytest.raises(ArtefactError) as caught:
        read_artefact(folder, "line")
    assert caught.value.expected.startswith("SHA-256")


@given(st.data())
def test_whatever_is_flipped_behind_a_right_digest_never_ends_in_another_error(
    whole: tuple[Path, bytes], data: st.DataObject
) -> None:
    folder, payload = whole
    changed = bytearray(zlib.decompress(payload))
    for at in data.draw(st.lists(st.integers(0, len(changed) - 1), min_size=1, max_size=4)):
        changed[at] = data.draw(st.integers(0, 255))
    (folder / "line.joblib").write_bytes(bytes(changed))
    change_card(folder, sha256=hashlib.sha256(bytes(changed)).hexdigest())
    error: ArtefactError | None = None
    with warnings.catch_warnings(action="ignore"):
        try:
            read_artefact(folder, "line")
        except ArtefactError as refused:
            error = refused
    assert error is None or error.expected in ("a model in the format .joblib", "only trusted classes and functions")


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
    assert (await refusal(models)).expected == "a model in the format .joblib"


@pytest.mark.parametrize("name", ["../line", "/etc/passwd", "a/b", "..", "", ".line", "line\n", "a\\b", "a\0"])
async def test_a_name_that_could_leave_the_folder_is_refused(models: Models, name: str) -> None:
    assert (await refusal(models, name)).found == repr(name)


async def test_a_refusal_says_what_where_and_what_to_do(models: Models, folder: Path) -> None:
    lines = str(await refusal(models, "none")).splitlines()
    assert lines[0] == "artefact 'none' rejected"
    assert lines[1] == f"  file: {folder / 'none.json'}"
    assert [line.split(":")[0].strip() for line in lines[2:]] == ["expected", "found", "hint"]
