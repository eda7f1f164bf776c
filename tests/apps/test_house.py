"""All the apps and cornerstones together, as settings.toml composes them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import apps
import composer
from composer.contrib.auth import hash_key, new_key
from tests.blocks import BLOCK

SETTINGS = Path(apps.__file__).parents[1] / "settings.toml"
KEY = new_key()


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setenv("COMPOSER_CORNERSTONES__DB__URL", f"sqlite+aiosqlite:///{tmp_path / 'app.db'}")
    monkeypatch.setenv("COMPOSER_CORNERSTONES__AUTH__KEYS", json.dumps([hash_key(KEY)]))
    monkeypatch.setenv("COMPOSER_APPS__NOTES__SETTINGS__PAGE_SIZE", "7")
    monkeypatch.chdir(tmp_path)
    return composer.build(SETTINGS)


@pytest.fixture
def http(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, headers={"token": KEY}) as client:
        yield client


def test_every_app_serves_under_its_prefix(http: TestClient) -> None:
    assert http.get("/heartbeat").json()["status"] == "alive"
    assert http.get("/notes").json()["limit"] == 7
    assert http.get("/accounts/users").json() == []


def test_the_versions_and_the_second_mount_stand_side_by_side(http: TestClient) -> None:
    prefixes = ["/house_price", "/valuation", "/v1/house_price"]
    current, mounted_again, linear = (
        http.post(f"{prefix}/predict", json=BLOCK).json()["median_house_value"] for prefix in prefixes
    )
    assert current == mounted_again
    assert current != linear


def test_the_merged_docs_show_each_operation_once_with_its_security(http: TestClient) -> None:
    document = http.get("/openapi.json").json()
    assert document["info"]["title"] == "House of apps"
    operations = {
        f"{method} {path}": operation for path, item in document["paths"].items() for method, operation in item.items()
    }
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations) == 18
    guarded = sorted(name for name, operation in operations.items() if "security" in operation)
    prefixes = ("/house_price", "/v1/house_price", "/valuation")
    assert guarded == [f"post {prefix}/predict{many}" for prefix in prefixes for many in ("", "/batch")]
    assert set(document["components"]["securitySchemes"]) == {"APIKey"}


def test_each_operation_has_a_summary_a_tag_and_its_refusals(http: TestClient) -> None:
    document = http.get("/openapi.json").json()
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            assert operation["tags"]
            assert "requestBody" not in operation or {"400", "422"} <= set(operation["responses"])


def test_data_survives_a_restart(app: FastAPI) -> None:
    with TestClient(app) as http:
        created = http.post("/notes", json={"text": "a"}).json()
    with TestClient(composer.build(SETTINGS)) as http:
        assert http.get(f"/notes/{created['id']}").json() == created


def test_every_part_is_ready(http: TestClient) -> None:
    ready = http.get("/readyz")
    assert ready.status_code == 200
    assert {part["state"] for part in ready.json()["parts"]} == {"up"}
