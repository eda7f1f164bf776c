"""Which app a folder holds, read without importing it."""

from pathlib import Path
from textwrap import dedent

import pytest

from composer._project.app_objects import AppObject, find_app_object

OBJECT = "from fastapi import FastAPI\napp = FastAPI()\n"


def found_in(folder: Path, files: dict[str, str]) -> tuple[str, bool] | None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedent(text))
    found = find_app_object(folder, "apps.legacy")
    return found and (found.reference, found.wsgi)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (OBJECT, "app"),
        ("from fastapi import FastAPI as F\napi = F(title='x')\n", "api"),
        ("import fastapi\nserver = fastapi.FastAPI()\n", "server"),
        ("import fastapi as fa\nserver = fa.applications.FastAPI()\n", "server"),
        ("import fastapi.applications\nserver = fastapi.applications.FastAPI()\n", "server"),
        ("from fastapi import *\napp = FastAPI()\n", "app"),
        ("from fastapi import FastAPI\napp: FastAPI = FastAPI()\n", "app"),
        ("from fastapi import FastAPI\nfrom .made import make\napp: FastAPI = make()\n", "app"),
        ("from starlette.applications import Starlette\napp = Starlette()\n", "app"),
        ("from fastapi import FastAPI\nclass Own(FastAPI): ...\napp = Own()\n", "app"),
        ("from fastapi import FastAPI\ntry:\n    app = FastAPI()\nfinally:\n    pass\n", "app"),
        ("from fastapi import FastAPI\ninner = FastAPI()\napp = FastAPI()\n", "app"),
        ("from fastapi import FastAPI\none = two = FastAPI()\n", "one"),
        ("from fastapi import FastAPI\ndef make_app() -> FastAPI: ...\n", "make_app"),
        ("from fastapi import FastAPI\ndef make_app() -> 'FastAPI': ...\n", "make_app"),
        ("from fastapi import FastAPI\ndef get_app():\n    app = FastAPI()\n    return app\n", "get_app"),
        ("from fastapi import FastAPI\ndef get_app() -> FastAPI: ...\napp = get_app()\n", "app"),
    ],
)
def test_an_app_object_or_a_function_that_returns_one_is_found(tmp_path: Path, text: str, name: str) -> None:
    assert found_in(tmp_path, {"main.py": text}) == (f"apps.legacy.main:{name}", False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = (\n",
        "from elsewhere import FastAPI\napp = FastAPI()\n",
        "app = FastAPI()\n",
        "from fastapi import APIRouter\nrouter = APIRouter()\n",
        "from fastapi import FastAPI\nif __name__ == '__main__':\n    app = FastAPI()\n",
        "from fastapi import FastAPI\ndef test_it():\n    app = FastAPI()\n    assert app\n",
        "from fastapi import FastAPI\nasync def get_app() -> FastAPI: ...\n",
        "from fastapi import FastAPI\ndef _get_app() -> FastAPI: ...\n",
        "from fastapi import FastAPI\nkinds = [FastAPI]\napp: FastAPI\n",
    ],
)
def test_what_only_looks_like_an_app_is_not_proposed(tmp_path: Path, text: str) -> None:
    assert found_in(tmp_path, {"main.py": text}) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from flask import Flask\napp = Flask(__name__)\n", "app"),
        ("from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n", "application"),
        ("import flask\ndef build() -> flask.Flask: ...\n", "build"),
    ],
)
def test_a_wsgi_app_is_known_as_one(tmp_path: Path, text: str, name: str) -> None:
    assert found_in(tmp_path, {"wsgi.py": text}) == (f"apps.legacy.wsgi:{name}", True)


def test_the_module_is_chosen_by_its_name(tmp_path: Path) -> None:
    order = ["main", "app", "__init__", "api", "server", "_own", "conftest", "test_api"]
    for at, name in reversed(list(enumerate(order))):
        module = "" if name == "__init__" else f".{name}"
        assert found_in(tmp_path, {f"{name}.py": OBJECT}) == (f"apps.legacy{module}:app", False), order[at:]


def test_a_module_is_an_app_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "legacy.py").write_text(OBJECT)

    assert find_app_object(tmp_path / "legacy.py", "apps.legacy") == AppObject("apps.legacy:app", wsgi=False)
