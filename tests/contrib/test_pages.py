"""What docs/db.md and docs/auth.md say holds: their projects compose and answer, their tables have every setting."""

import re
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

import composer
from composer.contrib import auth
from composer.contrib.auth import APIKeySettings, hash_key, new_key
from composer.contrib.auth.jwt import BearerSettings, create_cornerstone
from composer.contrib.db import PluginSettings
from tests.conftest import Project as WriteProject
from tests.contrib.pages import blocks, defaults_of, settings_of
from tests.contrib.test_jwt import HS, bearer, token
from tests.serving import REPOSITORY

DB, AUTH = ((REPOSITORY / "docs" / name).read_text() for name in ("db.md", "auth.md"))


def files(page: str) -> dict[str, str]:
    """Return the files that a page shows: each block that opens with its own path."""
    named = (re.match(r"# ([\w/.]+)\n", block) for block in [*blocks(page, "toml"), *blocks(page, "python")])
    return {match.group(1): match.string for match in named if match}


@pytest.mark.parametrize(
    ("page", "heading", "model"),
    [
        (DB, "`[cornerstones.db]`", PluginSettings),
        (AUTH, '`[cornerstones.auth]` with `plugin = "auth"`', APIKeySettings),
        (AUTH, '`[cornerstones.auth]` with `plugin = "jwt"`', BearerSettings),
    ],
)
def test_the_table_of_a_page_has_every_setting_with_its_default(
    page: str, heading: str, model: type[BaseModel]
) -> None:
    assert settings_of(page, heading) == defaults_of(model)


def test_the_database_of_the_page_works_without_a_file_and_with_one(project: WriteProject) -> None:
    shown = files(DB)
    assert list(shown) == ["settings.toml", "apps/notes.py", "shared/db/__init__.py"]
    root = project({name: shown[name] for name in ("settings.toml", "apps/notes.py")})
    with TestClient(composer.build(root / "settings.toml")) as http:
        assert http.post("/notes/", params={"text": "water"}).json() == 1
        assert http.get("/notes/1").json() == "water"
    base = re.compile(r"class Base\(DeclarativeBase\):\n    pass\n")
    notes = base.sub("", shown["apps/notes.py"].replace("DeclarativeBase, ", ""))
    settings = "[cornerstones.db]\nurl = 'sqlite+aiosqlite:///var/other.db'\n"
    own = f"from shared.db import Base\n{notes.removeprefix('# apps/notes.py')}"
    root = project(
        {"settings.toml": settings, "apps/tasks.py": own, "shared/db/__init__.py": shown["shared/db/__init__.py"]}
    )
    (root / "apps/notes.py").unlink()
    with TestClient(composer.build(root / "settings.toml")) as http:
        assert http.post("/tasks/", params={"text": "water"}).json() == 1


def test_all_other_code_of_the_page_on_databases_runs() -> None:
    shown = [block for block in blocks(DB, "python") if not block.startswith("# ")]
    assert len(shown) == 3
    names: dict[str, object] = {}
    for block in shown:
        exec(compile(block, "docs/db.md", "exec"), names)


@pytest.mark.parametrize("block", [block for page in (DB, AUTH) for block in blocks(page, "toml")])
def test_all_settings_of_the_pages_are_toml_with_known_keys(block: str) -> None:
    known: dict[str, type[BaseModel]] = {"db": PluginSettings, "auth": APIKeySettings, "jwt": BearerSettings}
    for cornerstone in tomllib.loads(block)["cornerstones"].values():
        assert set(cornerstone) - {"plugin"} <= set(known[cornerstone["plugin"]].model_fields)


def test_the_apps_of_the_page_ask_for_a_key_or_a_token() -> None:
    [keys, tokens, staff] = (_run(block) for block in blocks(AUTH, "python"))
    with _serve(keys["create_app"], auth.create_cornerstone, {"keys": [hash_key(key := new_key())]}) as http:
        assert http.get("/public").status_code == 200
        assert http.get("/private").status_code == 401
        assert http.get("/private", headers={"token": key}).json() == hash_key(key)
    with _serve(tokens["create_app"], create_cornerstone, HS) as http:
        assert http.get("/me", headers=bearer(token())).json() == "ada"
        assert http.post("/notes", headers=bearer(token())).status_code == 403
        assert http.post("/notes", headers=bearer(token(scope="notes:write"))).json() == "added"
    with _serve(_welcome, staff["create_cornerstone"], HS, guard="auth") as http:
        assert http.get("/", headers=bearer(token())).json() == {"detail": "Staff only"}
        assert http.get("/", headers=bearer(token(groups=["staff"]))).json() == "welcome"


def _run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "the_page"}
    exec(compile(code, "docs/auth.md", "exec"), names)
    return names


def _serve(create_app: Callable[..., Any], guard_of: Callable[..., Any], settings: Any, guard: str = "") -> TestClient:
    cornerstone = composer.Cornerstone("auth", guard_of, settings=settings)
    return TestClient(
        composer.compose([composer.App("page", "/", create_app, guard=guard)], cornerstones=[cornerstone])
    )


def _welcome() -> FastAPI:
    app = FastAPI()
    app.get("/")(lambda: "welcome")
    return app
