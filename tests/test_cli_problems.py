"""How `composer check` prints problems: as text, as JSON, as GitHub's annotations; and the status that it ends with."""

import json
from pathlib import Path

import pytest

from composer._cli.problems import as_github, as_json, count_line
from composer._model import Problem
from tests.commands import composer, composer_process
from tests.conftest import Project as WriteProject
from tests.test_cli import BROKEN, PROJECT

DOUBTFUL = """
    from fastapi import FastAPI

    def create_app():
        app = FastAPI()
        app.mount("/files", FastAPI())

        @app.get("/files/first")
        def first(): ...

        return app
    """
WARNING = (
    "C050 (warning)  apps/doubtful.py\n"
    "      Unreachable route '/files/first': the app mounted at '/files' comes before it.\n"
    "      Hint: Mount that app after all routes and routers.\n"
)
FAILING = """
    from fastapi import FastAPI

    async def lifespan(app):
        raise OSError
        yield

    def create_app():
        return FastAPI(lifespan=lifespan)
    """


def error(where: str, what: str = "Bad.") -> Problem:
    return Problem("C001", where, what, "Fix it.")


def warning(where: str) -> Problem:
    return Problem("C050", where, "Odd.", "Look at it.", level="warning")


@pytest.mark.parametrize(
    ("problems", "line"),
    [
        ([], "No problems."),
        ([error("a")], "1 error."),
        ([warning("a"), warning("b")], "2 warnings."),
        ([error("a"), error("b"), warning("c")], "2 errors, 1 warning."),
    ],
)
def test_the_last_line_counts_each_level(problems: list[Problem], line: str) -> None:
    assert count_line(problems) == line


@pytest.mark.parametrize(
    ("where", "file", "line"),
    [
        ("apps/notes.py", "apps/notes.py", None),
        ("apps/notes.py:3", "apps/notes.py", 3),
        ("settings.toml [apps.notes]", "settings.toml", None),
        ("{root}/apps/notes.py:12", "apps/notes.py", 12),
        ("apps/gone.py:3", None, None),
        ("apps", None, None),
        ("app notes", None, None),
        ("environment COMPOSER_TITLE", None, None),
        ("[composer] apps", None, None),
        ("", None, None),
    ],
)
def test_the_file_and_the_line_are_those_that_the_place_names(
    project: WriteProject, where: str, file: str | None, line: int | None
) -> None:
    root = project({"apps/notes.py": "", "settings.toml": ""})

    [found] = json.loads(as_json([error(where.format(root=root))], root))

    assert (found["file"], found["line"]) == (str(root / file) if file else None, line)


def test_json_has_the_same_keys_for_every_problem(project: WriteProject) -> None:
    root = project({"apps/notes.py": ""})

    assert json.loads(as_json([error("apps/notes.py:3", "“Bad”\nthere."), warning("app notes")], root)) == [
        {
            "id": "C001",
            "level": "error",
            "where": "apps/notes.py:3",
            "file": f"{root}/apps/notes.py",
            "line": 3,
            "what": "“Bad”\nthere.",
            "hint": "Fix it.",
        },
        {
            "id": "C050",
            "level": "warning",
            "where": "app notes",
            "file": None,
            "line": None,
            "what": "Odd.",
            "hint": "Look at it.",
        },
    ]


def test_characters_that_mean_something_to_github_are_escaped(project: WriteProject) -> None:
    root = project({"a,b:c%.py": ""})

    assert as_github([error("a,b:c%.py:3", "100 %:\r\nbad, too"), warning("app notes")], root) == (
        f"::error file={root}/a%2Cb%3Ac%25.py,line=3,title=C001::"
        "a,b:c%25.py:3: 100 %25:%0D%0Abad, too%0AHint: Fix it.\n"
        "::warning title=C050::app notes: Odd.%0AHint: Look at it.\n"
    )


def test_check_shows_warnings_and_ends_with_0_unless_it_is_strict(project: WriteProject) -> None:
    root = project(PROJECT | {"apps/doubtful.py": DOUBTFUL})

    done, strict = composer(root, "check"), composer(root, "check", "--strict")

    assert done.stderr.endswith(f"\n\n{WARNING}\n1 warning.\n")
    assert (done.returncode, strict.returncode) == (0, 1)
    assert strict.stderr == done.stderr


def test_a_warning_that_is_ignored_fails_no_strict_check(project: WriteProject) -> None:
    settings = "[apps.doubtful]\nignore = ['C050']"
    root = project(PROJECT | {"apps/doubtful.py": DOUBTFUL, "settings.toml": settings})

    done = composer(root, "check", "--strict")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith("\nNo problems.\n")


def test_check_shows_errors_before_warnings_and_counts_both(project: WriteProject) -> None:
    done = composer(project(BROKEN | {"apps/doubtful.py": DOUBTFUL}), "check")

    assert done.returncode == 1
    assert done.stderr.startswith("3 problems in House, nothing was started:\n\nC008  apps/notes.py\n")
    assert done.stderr.endswith(f"\n\n{WARNING}\n2 errors, 1 warning.\n")


@pytest.mark.parametrize(("files", "ids"), [(PROJECT, ["C050"]), (BROKEN, ["C008", "C006", "C050"])])
def test_check_prints_json_alone(project: WriteProject, files: dict[str, str], ids: list[str]) -> None:
    root = project(files | {"apps/doubtful.py": DOUBTFUL})

    done = composer(root, "check", "--format", "json")

    assert (done.returncode, done.stderr) == (int(len(ids) > 1), "")
    assert [found["id"] for found in json.loads(done.stdout)] == ids
    assert composer(root, "check", "--format", "json", "--strict").returncode == 1


def test_what_an_app_prints_is_no_part_of_the_json(project: WriteProject) -> None:
    root = project(PROJECT | {"apps/loud.py": PROJECT["apps/notes.py"] + "\n    print('loud')\n"})

    done = composer(root, "check", "--format", "json")

    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "loud\n")


def test_check_prints_annotations_with_places_that_github_finds(project: WriteProject, tmp_path: Path) -> None:
    root = project(BROKEN | {"apps/doubtful.py": DOUBTFUL})

    done = composer(tmp_path, "check", "--format", "github", "--settings", str(root / "settings.toml"))

    assert (done.returncode, done.stderr) == (1, "")
    assert [line.split("::")[1] for line in done.stdout.splitlines()] == [
        f"error file={root}/apps/notes.py,title=C008",
        f"error file={root}/apps/broken.py,line=1,title=C006",
        f"warning file={root}/apps/doubtful.py,title=C050",
    ]


def test_help_names_all_keys_of_the_json(project: WriteProject) -> None:
    shown = " ".join(composer(project(PROJECT), "check", "--help").stdout.split())
    for key in json.loads(as_json([warning("here")], Path()))[0]:
        assert f" {key} (" in shown or f" {key}," in shown or f" {key}." in shown


def test_the_log_of_the_server_shows_a_warning_once(project: WriteProject) -> None:
    root = project(PROJECT | {"apps/doubtful.py": DOUBTFUL, "apps/failing.py": FAILING})

    done = composer_process(root, "serve", "--port", "0")

    assert done.returncode == 3
    assert done.stderr.count("C050 apps/doubtful.py: Unreachable route '/files/first'") == 1
