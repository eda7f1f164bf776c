"""What the README says holds: its projects compose, its commands print what it shows, its errors read as it shows."""

import re
import runpy
import shutil
import subprocess
from datetime import datetime
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
    """Return the files of the README's project: each block that opens with its own path."""
    named = (re.match(r"# ([\w/.]+)\n", block) for block in [*blocks("toml"), *blocks("python")])
    return {found.group(1): found.string for found in named if found}


def anchors(page: str) -> list[str]:
    """Return the names that a link to a heading of a page may end with."""
    headings = re.findall(r"^#+ (.*)$", (REPOSITORY / page).read_text(), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading).replace(" ", "-").lower() for heading in headings]


def test_the_smallest_project_and_what_is_added_to_it_compose_and_answer(project: WriteProject) -> None:
    written = files()
    smallest = ["settings.toml", "apps/hello/__init__.py", "asgi.py"]
    assert list(written) == [
        *smallest,
        "shared/clock.py",
        "apps/now.py",
        "apps/utc.py",
        "main.py",
        "shared/scheduler.py",
    ]
    folder = project({name: written[name] for name in smallest})
    with TestClient(composer.build(folder / "settings.toml")) as client:
        assert client.get("/hello").json() == "hello"
    with TestClient(composer.build(project(written) / "settings.toml")) as client:
        assert client.get("/now").json() > 1_700_000_000
        assert datetime.fromisoformat(client.get("/utc").json()).timestamp() > 1_700_000_000
        assert list(client.get("/openapi.json").json()["paths"]) == ["/hello/", "/now/", "/utc/"]
        assert client.get("/readyz").json()["status"] == "ready"


def test_the_composition_in_python_answers(project: WriteProject, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(files())
    monkeypatch.syspath_prepend(folder)
    with TestClient(runpy.run_path(str(folder / "main.py"))["app"]) as client:
        assert client.get("/hello").json() == "hello"
        assert client.get("/time/now").json() > 1_700_000_000


def test_mistakes_in_it_read_as_printed(project: WriteProject) -> None:
    # The scheduler is shown after this.
    wrong = {name: text for name, text in files().items() if name != "shared/scheduler.py"}
    imported = "from shared.clock import Clock\n"
    wrong["apps/now.py"] = wrong["apps/now.py"].replace(imported, "from datetime import datetime\n")
    wrong["apps/now.py"] = wrong["apps/now.py"].replace("clock: Clock", "clock: datetime")
    wrong["settings.toml"] += "[apps.now.settings]\ndigit = 2\n"
    with pytest.raises(composer.CompositionError) as caught:
        composer.build(project(wrong) / "settings.toml")
    assert str(caught.value) == blocks("text")[0].rstrip()


def test_every_link_leads_to_a_page_and_to_a_heading_of_it() -> None:
    links = re.findall(r"\]\(([\w/.]+)(?:#([\w-]+))?\)", README)
    assert len(links) > 10
    for page, heading in links:
        assert (REPOSITORY / page).is_file(), page
        assert not heading or heading in anchors(page)


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="the README's commands need curl")
def test_every_curl_answers_as_printed(tmp_path: Path) -> None:
    database = {"COMPOSER_CORNERSTONES__DB__URL": f"sqlite+aiosqlite:///{tmp_path / 'app.db'}"}
    with serving(["composer", "serve", "--port", "{port}"], REPOSITORY, tmp_path / "log", database) as server:
        server.wait_until_ready()
        [token] = re.findall(r"\(header token\): (\S+)", server.output)
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
