"""What the README says holds: its smallest composition composes, its curls answer as printed, its errors read so."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import composer
from tests.conftest import Project as WriteProject
from tests.serving import REPOSITORY, serving

README = (REPOSITORY / "README.md").read_text()
UPTIME = re.compile(r'(?<="uptime_seconds":)[0-9.]+')


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def files() -> dict[str, str]:
    """Return the files of the smallest composition: each block that opens with its own path."""
    named = (re.match(r"# ([\w/.]+)\n", block) for block in [*blocks("toml"), *blocks("python")])
    return {found.group(1): found.string for found in named if found}


def test_the_smallest_composition_composes_and_answers(project: WriteProject) -> None:
    written = files()
    assert list(written) == [
        "settings.toml", "apps/hello/__init__.py", "asgi.py", "shared/clock.py", "apps/tell.py",
    ]  # fmt: skip
    with TestClient(composer.build(project(written) / "settings.toml")) as client:
        assert client.get("/hello").json() == "hello"
        assert client.get("/tell").json() > 1_700_000_000
        assert list(client.get("/openapi.json").json()["paths"]) == ["/hello/", "/tell/"]


def test_mistakes_in_it_read_as_printed(project: WriteProject) -> None:
    wrong = files()
    wrong["apps/tell.py"] = wrong["apps/tell.py"].replace("from shared.clock import Clock\n", "class Clok: ...\n")
    wrong["apps/tell.py"] = wrong["apps/tell.py"].replace("clock: Clock", "clock: Clok")
    wrong["settings.toml"] += "[apps.tell.settings]\ndigit = 2\n"
    with pytest.raises(composer.CompositionError) as caught:
        composer.build(project(wrong) / "settings.toml")
    assert set(str(caught.value).split("\n\n")) == set(blocks("text")[0].rstrip().split("\n\n"))


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="the README's commands need curl")
def test_every_curl_answers_as_printed(tmp_path: Path) -> None:
    database = {"COMPOSER_CORNERSTONES__DB__URL": f"sqlite+aiosqlite:///{tmp_path / 'app.db'}"}
    with serving(["composer", "serve", "--port", "{port}"], REPOSITORY, tmp_path / "log", database) as server:
        server.wait_until_ready()
        [token] = re.findall(r"token: (\S+)", server.output)
        variables = f"export TOKEN={token}\n"
        commands = re.findall(r"^\$ (.*)\n([^$\n].*)?", blocks("console")[0], re.MULTILINE)
        assert len(commands) == 10
        for command, printed in commands:
            script = variables + command.replace("http://127.0.0.1:8000", server.url)
            if not printed:
                variables = script + "\n"
                continue
            done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=30)
            assert UPTIME.sub("…", done.stdout) == UPTIME.sub("…", printed)
