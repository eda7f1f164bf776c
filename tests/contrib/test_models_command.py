"""`python -m composer.contrib.models`."""

import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from composer.contrib.models import read_card, write_artefact
from composer.contrib.models.__main__ import commands
from tests.serving import REPOSITORY

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY / "artefacts", tmp_path / "artefacts"))


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs a command on the repository's apps: its exit status, and all that it printed."""
    for name in [name for name in os.environ if name.startswith("COMPOSER_")]:
        monkeypatch.delenv(name)

    def run(*arguments: object, settings: Path = REPOSITORY / "settings.toml") -> tuple[int, str]:
        variables = {"COMPOSER_SETTINGS": str(settings), "COMPOSER_CORNERSTONES__MODELS__FOLDER": str(folder)}
        done = CliRunner().invoke(commands, [str(argument) for argument in arguments], env=variables)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

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
    assert command[:3] == ["python", "-m", "composer.contrib.models"]
    assert run(*command[3:])[0] == 0
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


def test_a_composition_with_mistakes_or_without_models_is_told(run: Run, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("[composer]\napps = []\ncornerstones = []\n[cornerstones.models]\nfolde = 'x'\n")
    assert run("promote", "house_price", "x.joblib", settings=settings)[0] == 1
