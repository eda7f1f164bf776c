"""Models in other formats than that of joblib: skops, and whatever a function loads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

import composer
from composer.contrib.models import (
    ArtefactError,
    KnownRows,
    Loader,
    Models,
    ModelsSettings,
    create_cornerstone,
    read_card,
    skops_loader,
    write_artefact,
)
from tests.commands import composer as command
from tests.conftest import Project as WriteProject

pytestmark = pytest.mark.anyio

KNOWN = KnownRows(features=[[1.0], [3.0]], targets=[2.0, 6.0], error=1.0)
TREE = "sklearn.ensemble._hist_gradient_boosting.predictor:TreePredictor"


class Slope:
    """A model of a format of its own: a slope, as text."""

    def __init__(self, content: bytes) -> None:
        self.slope = float(content)

    def predict(self, rows: Any) -> Any:
        return np.asarray(rows)[:, 0] * self.slope


TEXT = Loader(Slope, ".txt")


def line(slope: float = 2.0) -> LinearRegression:
    return LinearRegression().fit([[0.0], [1.0]], [0.0, slope])


async def test_a_model_of_skops_is_loaded_and_replaced(tmp_path: Path) -> None:
    served, new = tmp_path / "served", tmp_path / "new"
    for folder, slope in ((served, 2.0), (new, 2.1)):
        write_artefact(folder, "line", line(slope), {"known_rows": KNOWN}, loader=skops_loader())
    models = create_cornerstone(ModelsSettings(folder=served, loader="skops"))
    async with models, models.expect("line") as model:
        assert model.current.predict([[3.0]]) == pytest.approx(6.0)  # type: ignore[attr-defined]
        card = models.promote("line", new / "line.skops")
    assert str(card.file).startswith("line@")
    assert str(card.file).endswith(".skops")
    assert (served / str(card.replaced)).is_file()


async def test_a_type_that_skops_does_not_trust_is_refused_until_the_settings_trust_it(tmp_path: Path) -> None:
    trees = HistGradientBoostingRegressor(max_iter=2).fit(np.arange(40.0).reshape(-1, 1), np.arange(40.0))
    write_artefact(tmp_path, "trees", trees, {}, loader=skops_loader())
    with pytest.raises(ArtefactError) as caught:
        await create_cornerstone(ModelsSettings(folder=tmp_path, loader="skops")).load("trees")
    assert (caught.value.expected, caught.value.found) == ("only trusted classes and functions", TREE)
    models = create_cornerstone(ModelsSettings(folder=tmp_path, loader="skops", trusted=[TREE]))
    assert isinstance(await models.load("trees"), HistGradientBoostingRegressor)


async def test_a_function_loads_any_format_from_the_content_of_the_file(tmp_path: Path) -> None:
    write_artefact(tmp_path, "line", b"2.0", {"known_rows": KNOWN}, loader=TEXT)
    async with Models(tmp_path, look_every=0.01, loader=TEXT) as models, models.expect("line") as model:
        assert isinstance(model.current, Slope)
    assert (tmp_path / "line.txt").read_bytes() == b"2.0"


async def test_a_changed_file_of_any_format_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    loaded: list[bytes] = []
    write_artefact(tmp_path, "line", b"2.0", {}, loader=TEXT)
    (tmp_path / "line.txt").write_bytes(b"3.0")
    with pytest.raises(ArtefactError, match="SHA-256"):
        await Models(tmp_path, loader=Loader(loaded.append, ".txt")).load("line")
    assert loaded == []


async def test_known_rows_are_predicted_whatever_the_format(tmp_path: Path) -> None:
    write_artefact(tmp_path, "line", b"9.0", {"known_rows": KNOWN}, loader=TEXT)
    with pytest.raises(ArtefactError, match="the prediction of row 0 is 9 instead of 2"):
        await Models(tmp_path, loader=TEXT).load("line")


async def test_each_version_in_the_card_of_another_format_must_be_the_installed_one(tmp_path: Path) -> None:
    write_artefact(tmp_path, "line", b"2.0", {"versions": {"numpy": np.__version__}}, loader=TEXT)
    assert read_card(tmp_path, "line").versions == {"numpy": np.__version__}
    assert isinstance(await Models(tmp_path, loader=TEXT).load("line"), Slope)
    card = json.loads((tmp_path / "line.json").read_text())
    (tmp_path / "line.json").write_text(json.dumps(card | {"versions": {"numpy": "0.1"}}))
    with pytest.raises(ArtefactError, match=r"expected: numpy 0\.1, which wrote the artefact"):
        await Models(tmp_path, loader=TEXT).load("line")


def test_what_is_no_content_is_not_written_by_a_loader_that_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="not a LinearRegression"):
        write_artefact(tmp_path, "line", line(), {}, loader=TEXT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["txt", ".json", "", ".", "./x", ".tar.gz"])
def test_the_suffix_of_a_format_is_a_dot_and_letters_and_not_that_of_the_cards(suffix: str) -> None:
    with pytest.raises(ValueError, match="suffix must be"):
        Loader(Slope, suffix)


APP = """
    from fastapi import FastAPI

    from composer.contrib.models import Models

    def load(content: bytes) -> float:
        return float(content)

    def create_app(models: Models) -> FastAPI:
        slope = models.expect("line", float)

        async def lifespan(app):
            async with slope:
                yield

        app = FastAPI(lifespan=lifespan)
        app.get("/")(lambda: slope.current)
        return app
"""
SETTINGS = """
    [cornerstones.models]
    plugin = "models"
    loader = "apps.line:load"
    suffix = ".txt"
"""


def test_settings_name_the_function_that_loads(project: WriteProject) -> None:
    root = project({"settings.toml": SETTINGS, "apps/line.py": APP})
    write_artefact(root / "artefacts", "line", b"2.5", {}, loader=Loader(float, ".txt"))
    with TestClient(composer.build(root / "settings.toml")) as http:
        assert http.get("/line/").json() == 2.5
    assert command(root, "models", "show").stdout.startswith("line: line.txt, SHA-256 ")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("loader = 'apps.line:load'", "a function as loader requires a suffix"),
        ("suffix = '.txt'", "a function as loader requires a suffix"),
        ("loader = 'apps.line:lod'", "cannot import name 'lod' from 'apps.line'"),
        ("loader = 'pickle'", "or the reference of a function"),
    ],
)
def test_a_loader_that_cannot_be_used_is_a_problem_at_build(project: WriteProject, line: str, problem: str) -> None:
    settings = f"[cornerstones.models]\nplugin = 'models'\n{line}\n"
    root = project({"settings.toml": settings, "apps/line.py": APP})
    with pytest.raises(composer.CompositionError) as caught:
        composer.build(root / "settings.toml")
    assert problem in str(caught.value)
