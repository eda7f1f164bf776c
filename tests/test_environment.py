"""Which environment it is, and where the settings are."""

import sys
from pathlib import Path
from subprocess import run

import pytest

import composer
from composer._cli.log import in_production
from composer._settings.environment import current_environment
from composer._settings.locate import find_settings
from tests.conftest import Project as WriteProject

APP = "from fastapi import FastAPI\ndef create_app():\n    return FastAPI()\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [
        (None, None, "development"),
        ("", "", "development"),
        (None, "staging", "staging"),
        ("", "production", "production"),
        ("production", "development", "production"),
    ],
)
def test_the_environment_is_composers_own_variable_and_else_that_of_fastapi(
    monkeypatch: pytest.MonkeyPatch, ours: str | None, theirs: str | None, name: str
) -> None:
    for variable, value in (("COMPOSER_ENV", ours), ("FASTAPI_ENV", theirs)):
        monkeypatch.delenv(variable, raising=False)
        if value is not None:
            monkeypatch.setenv(variable, value)

    assert current_environment()[0] == name
    assert in_production() == (name == "production")


def test_the_environment_of_fastapi_selects_a_settings_file(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project({"settings.toml": "", "settings.staging.toml": "[composer]\ntitle = 'Stage'", "apps/notes.py": APP})
    monkeypatch.setenv("FASTAPI_ENV", "staging")

    assert composer.build(root / "settings.toml").title == "Stage"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("prod", "production"),
        ("Prod", "production"),
        ("prodution", "production"),
        ("PRODUCTION", "production"),
        ("live", "production"),
        ("dev", "development"),
        ("developement", "development"),
        ("local", "development"),
        ("stagin", "staging"),
        ("test", ""),
        ("a/b", ""),
    ],
)
def test_an_environment_without_a_file_is_told_with_the_nearest_name(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch, name: str, near: str
) -> None:
    root = project({"settings.toml": "", "settings.staging.toml": "", "apps/notes.py": APP})
    monkeypatch.setenv("FASTAPI_ENV", name)

    (found,) = composer.composition_of(composer.build(root / "settings.toml")).warnings
    assert (found.id, found.where) == ("C073", "environment FASTAPI_ENV")
    assert found.hint.startswith(f"Did you mean {near!r}?" if near else "Set FASTAPI_ENV to")


@pytest.mark.parametrize("name", ["development", "production", "staging"])
def test_an_environment_with_a_file_or_that_needs_none_is_right(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root = project({"settings.toml": "", "settings.staging.toml": "", "apps/notes.py": APP})
    monkeypatch.setenv("COMPOSER_ENV", name)

    assert composer.composition_of(composer.build(root / "settings.toml")).warnings == ()


def test_settings_are_looked_for_beside_a_file_and_then_upwards_to_the_root_of_the_project(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = project({"pyproject.toml": "", "a/b/c.py": "", "lib/helper.py": ""})
    monkeypatch.chdir(root / "a" / "b")
    (tmp_path / "settings.toml").touch()
    places = ["lib", "a/b", "a", ""]

    file, missing = find_settings(str(root / "lib" / "helper.py"))
    assert missing is not None
    assert file == root / "a/b/settings.toml"
    assert [missing.what.index(f"{root / place}" if place else f"{root}.") for place in places]
    for place in reversed(places):
        (root / place / "settings.toml").touch()
        assert find_settings(str(root / "lib" / "helper.py")) == (root / place / "settings.toml", None)


def test_without_a_root_of_a_project_only_the_working_directory_is_looked_into(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project({"settings.toml": "", "sub/x.py": ""})
    monkeypatch.chdir(root / "sub")

    assert find_settings()[1] is not None


@pytest.mark.parametrize("folder", ["", "apps"])
def test_a_program_without_a_file_of_its_own_finds_the_settings(project: WriteProject, folder: str) -> None:
    root = project({"pyproject.toml": "", "settings.toml": "", "apps/__init__.py": "", "apps/notes.py": APP})

    program = "import composer; print(len(composer.composition_of(composer.build()).plan.apps))"
    done = run([sys.executable, "-c", program], cwd=root / folder, capture_output=True, text=True, check=False)

    assert done.stdout == "1\n", done.stderr
    done = run(
        [sys.executable, "-m", "composer", "check"], cwd=root / folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
