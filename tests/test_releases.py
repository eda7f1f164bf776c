"""Which releases of FastAPI and Starlette are tested, and that composer works with others and says so."""

import re
import tomllib
from importlib.metadata import version

import pytest

from composer._compat import releases
from tests.conftest import Project
from tests.serving import REPOSITORY


def set_tested(patch: pytest.MonkeyPatch, fastapi: tuple[str, str]) -> None:
    patch.setattr(releases, "TESTED", {"fastapi": fastapi})


def test_the_installed_releases_are_among_the_tested_ones() -> None:
    assert releases.untested_releases() == ""


def test_the_oldest_tested_releases_are_the_lower_bounds_of_the_package() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = dict(text.split(">=") for text in project["dependencies"] if text.partition(">=")[0] in releases.TESTED)
    assert {name: f"{bound}.0" for name, bound in bounds.items()} == {
        name: oldest for name, (oldest, _) in releases.TESTED.items()
    }


def test_the_pinned_releases_are_the_newest_tested_ones() -> None:
    pinned = dict(
        re.findall(r"^(fastapi|starlette)==(\S+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    )
    assert pinned == {name: newest for name, (_, newest) in releases.TESTED.items()}


@pytest.mark.parametrize("fastapi", [("0.1.0", "0.99.9"), ("1000.0.0", "1000.0.1")])
def test_another_release_is_named_beside_the_last_tested_one(
    fastapi: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_tested(monkeypatch, fastapi)
    installed = version("fastapi")
    told = f"fastapi {installed} is installed, the last release tested with composer is {fastapi[1]}"
    assert releases.untested_releases() == told


def test_check_notes_a_newer_release_and_ends_with_0(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from composer._cli.commands import commands

    hello = "from fastapi import FastAPI\n\ndef create_app() -> FastAPI:\n    return FastAPI()\n"
    root = project({"settings.toml": "[composer]\n", "apps/__init__.py": "", "apps/hello.py": hello})
    monkeypatch.chdir(root)
    set_tested(monkeypatch, ("0.1.0", "0.99.9"))
    with pytest.raises(SystemExit) as ended:
        commands(["check"])
    assert ended.value.code == 0
    printed = capsys.readouterr().err
    assert "the last release tested with composer is 0.99.9\n" in printed
    assert "No problems." in printed
