"""What docs/models.md says holds: its app predicts, and its table has every setting."""

import re
from typing import Any

from fastapi.testclient import TestClient

import composer
from shared import models
from shared.models import ModelsSettings
from tests.blocks import BLOCK
from tests.serving import REPOSITORY

PAGE = (REPOSITORY / "docs" / "models.md").read_text()


def test_the_app_of_the_page_predicts() -> None:
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    page: dict[str, Any] = {"__name__": "the_page"}
    exec(compile(code, "docs/models.md", "exec"), page)
    cornerstone = composer.Cornerstone(
        "models", models.create_cornerstone, settings={"folder": REPOSITORY / "artefacts"}
    )
    app = composer.compose([composer.App("page", "/", page["create_app"])], cornerstones=[cornerstone])
    with TestClient(app) as http:
        answer = http.post("/predict", json=list(BLOCK.values()))
        assert (answer.status_code, round(answer.json(), 4)) == (200, 4.2524)


def test_the_table_of_the_page_has_every_setting_with_its_default() -> None:
    found = dict(re.findall(r"^\| `(\w+) = (.*?)` \|", PAGE, re.MULTILINE))
    defaults = {name: field.default for name, field in ModelsSettings.model_fields.items()}
    assert found == {"folder": f'"{defaults["folder"]}"', "look_every": f"{defaults['look_every']}", "trusted": "[]"}
    assert found.keys() == defaults.keys()
