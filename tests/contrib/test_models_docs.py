"""What docs/models.md says holds: its app predicts, and its table has every setting."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import numpy as np
from fastapi.testclient import TestClient

import composer
from composer.contrib import models
from composer.contrib.models import Loader, Models, ModelsSettings, read_card
from tests.blocks import BLOCK
from tests.contrib.pages import blocks, defaults_of, settings_of
from tests.serving import REPOSITORY

PAGE = (REPOSITORY / "docs" / "models.md").read_text()


def test_the_app_of_the_page_predicts() -> None:
    code = blocks(PAGE, "python")[0]
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
    assert settings_of(PAGE, "`[cornerstones.models]`") == defaults_of(ModelsSettings)


def test_the_format_of_the_page_is_written_and_read(tmp_path: Path) -> None:
    page: dict[str, Any] = {}
    exec(compile(blocks(PAGE, "python")[1], "docs/models.md", "exec"), page)
    page["write"](tmp_path, np.array([1.0, 2.0]))
    loaded = anyio.run(Models(tmp_path, loader=Loader(page["load"], ".npy")).load, "weights")
    assert isinstance(loaded, np.ndarray)
    assert loaded.tolist() == [1.0, 2.0]
