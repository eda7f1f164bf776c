"""What holds for the repository as a whole: directions of imports, public names, nothing left for later."""

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import composer
from composer import openapi
from tests.conftest import SLOW

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ["typer", "rich", "uvicorn", "fastapi", "fastapi_offline", "sklearn", "joblib", "sqlalchemy", "selenium"]
HEAVY += [
    "structlog",
    "prometheus_client",
    "pydantic_settings",
    "yaml",
    "tenacity",
    "multiprocessing",
    "composer._build",
]
# Put together here, so that this file doesn't find itself.
LEFT_FOR_LATER = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error"])


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of pyproject.toml on the packages in a folder."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    # Without the installed copy of the packages on the path: the folder's own are the ones to look at.
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Copy what the contracts look at to a folder where it may be broken."""
    for package in ("composer", "apps", "shared"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def tracked_files() -> list[Path]:
    """List the files that git tracks; skip the test outside of a checkout."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def functions_of_tests() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every test function of the suite with the place where it stands."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def claims(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Say whether a test can fail: it asserts, expects an exception, or calls a helper that does."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call) and any(
            word in ast.unparse(node.func) for word in ("assert", "raises", "warns", "expect", "check")
        ):
            return True
    return False


def test_imports_go_one_way_only() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("composer/_text.py", "from composer import _build as upwards", "composer._text -> composer._build"),
        (
            "composer/_observe/health.py",
            "from composer import _dispatch as beside",
            "composer._observe.health -> composer._dispatch",
        ),
        (
            "composer/_model.py",
            "import typing\nif typing.TYPE_CHECKING:\n    from composer.errors import CompositionError as Upwards",
            "composer._model -> composer.errors",
        ),
        (
            "composer/_project/importing.py",
            "from apps import heartbeat as theirs",
            "composer._project.importing -> apps.heartbeat",
        ),
        ("composer/_text.py", "from composer import contrib as upwards", "composer._text -> composer.contrib"),
        (
            "composer/contrib/auth/__init__.py",
            "from composer import _text as private",
            "composer.contrib.auth -> composer._text",
        ),
        (
            "composer/contrib/auth/__init__.py",
            "from composer.contrib import db as beside",
            "composer.contrib.auth -> composer.contrib.db",
        ),
        ("shared/__init__.py", "from apps import heartbeat as theirs", "shared -> apps.heartbeat"),
        ("apps/notes/__init__.py", "from apps import heartbeat as theirs", "apps.notes -> apps.heartbeat"),
    ],
)
def test_an_import_in_a_wrong_direction_is_refused(scratch: Path, module: str, line: str, broken: str) -> None:
    path = scratch / module
    path.write_text(f"{path.read_text()}\n{line}\n")
    result = lint_imports(scratch)
    assert result.returncode == 1
    assert broken in result.stdout


def test_the_cornerstones_that_come_with_composer_are_kept_from_every_private_module() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [contract] = [each for each in contracts if each["id"] == "contrib-uses-public-names"]
    modules = {path.stem for path in (ROOT / "composer").iterdir() if path.suffix == ".py" or path.is_dir()}
    private = {f"composer.{name}" for name in modules if name.startswith("_") and not name.startswith("__")}
    assert set(contract["forbidden_modules"]) == private


def test_a_module_without_a_row_is_refused(scratch: Path) -> None:
    (scratch / "composer" / "_stray.py").write_text('"""Belongs nowhere."""\n')
    result = lint_imports(scratch)
    assert result.returncode == 1
    assert "_stray" in result.stdout


def test_importing_composer_loads_nothing_that_is_used_later() -> None:
    code = f"import sys, composer; from composer import openapi; print(*sorted(set({HEAVY!r}) & sys.modules.keys()))"
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_the_public_names_are_listed_once_and_importable() -> None:
    names = list(composer.__all__)
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(composer, name)] == []
    assert set(names) <= set(dir(composer))


def test_type_checkers_and_python_know_which_names_there_are() -> None:
    # A checker that takes every name complains of the comments here, which are for nothing then.
    with pytest.raises(AttributeError, match="module 'composer' has no attribute 'nobody'"):
        _ = composer.nobody  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"module 'composer\.openapi' has no attribute 'nobody'"):
        _ = openapi.nobody  # type: ignore[attr-defined]


def test_the_public_names_are_all_that_the_package_shows() -> None:
    shown = {name for name, value in vars(composer).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert shown - set(composer.__all__) == set()


@pytest.mark.parametrize("name", composer.__all__)
def test_each_public_class_and_function_says_what_it_is_for(name: str) -> None:
    value = getattr(composer, name)
    own = inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)
    # A dataclass without a docstring gets its signature for one.
    assert not own or (value.__doc__ or "").strip().removeprefix(f"{name}(")[:1].isupper()


def test_nothing_is_left_for_later() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked_files()
        if path.suffix in {".py", ".toml", ".md", ".txt", ""}
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if re.search(LEFT_FOR_LATER, line)
    ]
    assert found == []


def test_every_test_claims_something() -> None:
    assert [place for place, function in functions_of_tests() if not claims(function)] == []


def test_every_test_is_run_by_one_of_the_two_commands_and_both_are_run_by_ci() -> None:
    makefile, ci = (ROOT / "Makefile").read_text(), (ROOT / ".ci" / "run").read_text()
    recipes = dict(re.findall(r"^(test|test-slow): .+\n\t\$\(PYTEST\) (.+) \$\(ARGS\)$", makefile, flags=re.MULTILINE))
    # Whatever is marked, a test is in the one or in the other.
    assert recipes == {"test": '-m "not slow"', "test-slow": "-m slow"}
    assert {"test", "test-slow"} <= set(re.findall(r"^make (.+)$", ci, flags=re.MULTILINE))
    checked = re.findall(r"^check: (lint .+)$", makefile, flags=re.MULTILINE)
    assert {"test", "test-slow"} <= set(checked[0].split())


def test_properties_are_tried_with_all_of_their_examples_by_ci_and_by_make_check() -> None:
    assert "\nexport CI=1\n" in (ROOT / ".ci" / "run").read_text()
    assert "\ncheck: export CI = 1\n" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("file", SLOW)
def test_the_files_that_are_marked_slow_exist(file: str) -> None:
    assert (ROOT / file).is_file()
