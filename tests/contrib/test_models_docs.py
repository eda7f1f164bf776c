"""What docs/models.md says holds: its app predicts, and its table has every setting."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

import composer
from composer.contrib import models
from composer.contrib.models import ModelsSettings, read_card
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


def test_the_commands_of_the_page_promote_a_model_and_go_back_to_the_one_before(tmp_path: Path) -> None:
    shipped = REPOSITORY / "artefacts"
    shutil.copytree(shipped, tmp_path / "artefacts")
    (tmp_path / "new").mkdir()
    for ending in (".json", ".joblib"):
        shutil.copy(shipped / f"house_price_linear{ending}", tmp_path / "new" / f"house_price{ending}")
    variables = {
        "COMPOSER_SETTINGS": str(REPOSITORY / "settings.toml"),
        "COMPOSER_CORNERSTONES__MODELS__FOLDER": str(tmp_path / "artefacts"),
        "PYTHONPATH": str(REPOSITORY),
    }
    digests = []
    for line in re.findall(r"^(composer models promote .*)", PAGE, re.MULTILINE):
        command = [sys.executable, "-m", *shlex.split(line, comments=True)]
        subprocess.run(command, cwd=tmp_path, env={**os.environ, **variables}, check=True)
        digests.append(read_card(tmp_path / "artefacts", "house_price").sha256)
    assert digests == [read_card(shipped, name).sha256 for name in ("house_price_linear", "house_price")]


def test_the_table_of_the_page_has_every_setting_with_its_default() -> None:
    found = dict(re.findall(r"^\| `(\w+) = (.*?)` \|", PAGE, re.MULTILINE))
    defaults = {name: field.default for name, field in ModelsSettings.model_fields.items()}
    assert found == {"folder": f'"{defaults["folder"]}"', "look_every": f"{defaults['look_every']}", "trusted": "[]"}
    assert found.keys() == defaults.keys()
