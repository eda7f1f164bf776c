"""`composer models`."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from composer.contrib.models import read_card, write_artefact
from tests.commands import composer, composer_on_repository
from tests.conftest import Project as WriteProject
from tests.serving import REPOSITORY

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY / "artefacts", tmp_path / "artefacts"))


@pytest.fixture
def run(folder: Path) -> Run:
    """Give a function that runs a command on the repository's apps: its exit status, and all that it printed."""

    def run(*arguments: object) -> tuple[int, str]:
        texts = [str(argument) for argument in arguments]
        done = composer_on_repository("models", *texts, COMPOSER_CORNERSTONES__MODELS__FOLDER=str(folder))
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_promoted_artefact_is_named_by_its_card(run: Run, folder: Path) -> None:
    linear = REPOSITORY / "artefacts" / "house_price_linear.joblib"
    status, told = run("promote", "house_price", linear)
    file = str(read_card(folder, "house_price").file)
    assert (status, told.startswith(f"house_price is now {file}.")) == (0, True)
    assert (folder / file).read_bytes() == linear.read_bytes()


def test_the_command_that_it_tells_goes_back_to_the_model_from_before(run: Run, folder: Path) -> None:
    before = read_card(folder, "house_price")
    told = run("promote", "house_price", REPOSITORY / "artefacts" / "house_price_linear.joblib")[1]
    command = shlex.split(told.partition("To roll back: ")[2])
    assert command[:2] == ["composer", "models"]
    assert run(*command[2:])[0] == 0
    now = read_card(folder, "house_price")
    assert (now.sha256, now.known_rows) == (before.sha256, before.known_rows)
    assert (folder / str(now.file)).read_bytes() == (folder / "house_price.joblib").read_bytes()


def test_what_is_refused_is_told_and_changes_nothing(run: Run, folder: Path, tmp_path: Path) -> None:
    write_artefact(tmp_path, "other", {"no": "model"}, {"known_rows": {"features": [[1]], "targets": [1], "error": 1}})
    before = {file: file.read_bytes() for file in folder.iterdir()}
    status, told = run("promote", "house_price", tmp_path / "other.joblib")
    assert status == 1
    assert told.splitlines()[0] == "artefact 'house_price' rejected"
    assert "found: TypeError: a dict has no method predict" in told
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_a_model_of_other_features_is_refused_also_where_its_card_knows_it_so(run: Run, tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    known = {"features": [[0], [1]], "targets": [0, 1], "error": 1}
    write_artefact(tmp_path, "other", LinearRegression().fit([[0], [1]], [0, 1]), {"known_rows": known})
    status, told = run("promote", "house_price", tmp_path / "other.joblib")
    assert (status, "the artefact's model expects 1 features, but a block has 8" in told) == (1, True)


def test_a_name_that_no_app_uses_is_told_with_those_that_are(run: Run) -> None:
    status, told = run("promote", "house_prize", "anything.joblib")
    assert (status, told) == (
        1,
        "no app uses the artefact 'house_prize'; artefacts in use: house_price, house_price_linear\n",
    )


def test_a_file_that_is_not_there_is_told(run: Run, tmp_path: Path) -> None:
    status, told = run("promote", "house_price", tmp_path / "nothing.joblib")
    assert (status, f"file: {tmp_path / 'nothing.json'}" in told) == (1, True)


def test_a_composition_with_mistakes_or_without_models_is_told(project: WriteProject) -> None:
    root = project({"settings.toml": "[composer]\napps = []\n[cornerstones.models]\nplugin = 'models'\nfolde = 'x'\n"})
    done = composer(root, "models", "promote", "house_price", "x.joblib")
    assert (done.returncode, "Unknown key 'folde'" in done.stderr) == (1, True), done.stderr
    project({"settings.toml": "[composer]\napps = []\n"})
    done = composer(root, "models", "show")
    expected = "--models must name one of the cornerstones of type Models; there are: none\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_each_artefact_in_use_is_shown_with_what_it_replaced(run: Run, folder: Path) -> None:
    assert run("promote", "house_price", REPOSITORY / "artefacts" / "house_price_linear.joblib")[0] == 0
    status, shown = run("show")
    card = read_card(folder, "house_price")
    assert status == 0
    assert shown.splitlines()[0] == f"house_price: {card.file}, SHA-256 {card.sha256}, replaced {card.replaced}"
    (folder / "house_price_linear.json").unlink()
    assert "house_price_linear: No such file or directory" in run("show")[1]
