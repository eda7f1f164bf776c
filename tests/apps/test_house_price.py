import csv
import io
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from threadpoolctl import threadpool_limits

import apps
import composer
from apps import house_price
from apps.house_price import train
from apps.v1 import house_price as house_price_v1
from composer.contrib import auth, models
from composer.contrib.auth import hash_key, new_key
from composer.contrib.models import ArtefactError, ModelCard, read_card

ROOT = Path(apps.__file__).parents[1]
ARTEFACTS = ROOT / "artefacts"
KEY = new_key()
FIELDS = [
    "median_income_in_block",
    "median_house_age_in_block",
    "average_rooms",
    "average_bedrooms",
    "population_per_block",
    "average_house_occupancy",
    "block_latitude",
    "block_longitude",
]


def held_back_rows() -> list[tuple[dict[str, float], float]]:
    """Return each row as a payload and the true value in US dollars; training has never seen them."""
    with (Path(__file__).parent / "held_back_rows.csv").open(encoding="utf-8") as file:
        rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    return [(dict(zip(FIELDS, row[:-1], strict=True)), row[-1] * 100_000) for row in rows]


ROWS = held_back_rows()
BLOCK = ROWS[0][0]


def measures(name: str) -> dict[str, Any]:
    card: ModelCard = read_card(ARTEFACTS, name)
    return card.model_dump()


def compose(folder: Path = ARTEFACTS) -> TestClient:
    cornerstones = [
        composer.Cornerstone("auth", auth.create_cornerstone, settings={"keys": [hash_key(KEY)]}),
        composer.Cornerstone("models", models.create_cornerstone, settings={"folder": folder}),
    ]
    versions = [
        composer.App("house_price", "/house_price", house_price.create_app),
        composer.App("v1/house_price", "/v1/house_price", house_price_v1.create_app),
    ]
    return TestClient(composer.compose(versions, cornerstones=cornerstones), headers={"token": KEY})


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    with compose() as client:
        yield client


@pytest.mark.parametrize(
    ("prefix", "artefact"), [("/house_price", "house_price"), ("/v1/house_price", "house_price_linear")]
)
@pytest.mark.parametrize(("block", "value"), ROWS)
def test_a_held_back_row_is_predicted_within_the_cards_error(
    http: TestClient, prefix: str, artefact: str, block: dict[str, float], value: float
) -> None:
    answer = http.post(f"{prefix}/predict", json=block).json()
    assert answer["currency"] == "USD"
    assert abs(answer["median_house_value"] - value) <= measures(artefact)["absolute_error_95th_percentile_usd"]


def test_the_better_model_errs_less_on_the_held_back_rows_and_by_its_card(http: TestClient) -> None:
    def error(prefix: str) -> float:
        answers = [(http.post(f"{prefix}/predict", json=block).json(), value) for block, value in ROWS]
        return sum(abs(float(answer["median_house_value"]) - value) for answer, value in answers)

    assert error("/house_price") < error("/v1/house_price")
    assert measures("house_price")["r2"] >= 0.83 > measures("house_price_linear")["r2"]


def test_an_artefact_is_small_enough_to_be_kept_with_the_code() -> None:
    assert sum(file.stat().st_size for file in ARTEFACTS.iterdir()) < 2_000_000


@pytest.mark.parametrize("prefix", ["/house_price", "/v1/house_price"])
def test_without_a_key_nothing_is_predicted(http: TestClient, prefix: str) -> None:
    answer = http.post(f"{prefix}/predict", json=BLOCK, headers={"token": "wrong"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "APIKey")


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_is_required(http: TestClient, field: str) -> None:
    answer = http.post("/house_price/predict", json={key: BLOCK[key] for key in FIELDS if key != field})
    assert answer.status_code == 422
    assert [fault["loc"] for fault in answer.json()["detail"]] == [["body", field]]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1e6, 1e6, None, "much", "3", True, [1]])
@pytest.mark.parametrize("field", FIELDS)
def test_a_value_that_is_not_finite_or_not_sensible_is_answered_with_422(
    http: TestClient, field: str, value: object
) -> None:
    body = json.dumps({**BLOCK, field: value})
    answer = http.post("/house_price/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert {fault["loc"][-1] for fault in answer.json()["detail"]} == {field}


def test_the_docs_name_the_fields_with_their_ranges(http: TestClient) -> None:
    document = http.get("/house_price/openapi.json").json()
    block = document["components"]["schemas"]["Block"]
    assert list(block["properties"]) == block["required"] == FIELDS
    assert all("description" in field and "maximum" in field for field in block["properties"].values())


def test_a_refused_artefact_keeps_the_server_from_starting(tmp_path: Path) -> None:
    with pytest.raises(Exception) as caught, compose(tmp_path):
        raise AssertionError("it started")
    assert ArtefactError.__name__ in "".join(type(error).__name__ for error in all_errors(caught.value))


def all_errors(error: BaseException) -> Iterator[BaseException]:
    yield error
    for inner in [error.__cause__, *getattr(error, "exceptions", ())]:
        if inner is not None:
            yield from all_errors(inner)


def test_an_artefact_that_cant_predict_is_refused_at_start(tmp_path: Path) -> None:
    models.write_artefact(tmp_path, "house_price", {"no": "model"}, {})
    models.write_artefact(tmp_path, "house_price_linear", {"no": "model"}, {})
    with pytest.raises(Exception) as caught, compose(tmp_path):
        raise AssertionError("it started")
    assert any("contains a dict, which has no method predict" in str(error) for error in all_errors(caught.value))


def small_csv(folder: Path) -> Path:
    """Make data of the right form, of which the value is the income alone."""
    lines = [",".join([*train.COLUMNS, train.TARGET])]
    lines += [f"{1 + i % 9},{i % 50},5,1,{100 + i},3,{33 + i % 7},-118,{(1 + i % 9) / 2}" for i in range(200)]
    (folder / "small.csv").write_text("\n".join(lines))
    return folder / "small.csv"


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep the threads of OpenMP from waiting for each other actively, which takes minutes on a busy machine."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Train once, which takes seconds: give the folder of what was written, and what was printed."""
    folder, printed = tmp_path_factory.mktemp("trained"), io.StringIO()
    with redirect_stdout(printed), one_thread():
        train.main([str(small_csv(folder)), "--folder", str(folder), "--held-back", str(folder / "held_back.csv")])
    return folder, printed.getvalue()


def test_training_writes_both_artefacts_and_prints_their_r2(trained: tuple[Path, str]) -> None:
    folder, printed = trained
    assert "house_price_linear: 5-fold R² 1.0000" in printed
    assert len((folder / "held_back.csv").read_text().splitlines()) == 1 + train.HELD_BACK
    card = read_card(folder, "house_price").model_dump()
    assert (card["rows"], list(card["features"])) == (200 - train.HELD_BACK, FIELDS)


def test_training_twice_writes_the_same_bytes(trained: tuple[Path, str], tmp_path: Path) -> None:
    with one_thread():
        train.main([str(small_csv(tmp_path)), "--folder", str(tmp_path)])
    for name in train.MODELS:
        assert read_card(trained[0], name).sha256 == read_card(tmp_path, name).sha256


def test_training_refuses_other_columns(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="expected the columns MedInc"):
        train.main([str(tmp_path / "other.csv"), "--folder", str(tmp_path)])
