"""Every mistake that a project can be made with, and the whole text of the answer.

Each file of tests/mistakes is one project with one mistake, the error that it ends in, and what mends it.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import composer
from composer._catalogue import CATALOGUE
from composer.errors import problem_text
from tests.conftest import AssertSays, examples, forget
from tests.conftest import Project as WriteProject
from tests.messages import FOLDER as MESSAGES
from tests.messages import read_messages
from tests.mistakes import DOCS, Mistake, mistakes, page, rewritten
from tests.privileges import unreadable

APP = """
    from fastapi import FastAPI

    def create_app():
        return FastAPI()
    """
DATABASE = """
    class Database: ...

    def create_cornerstone() -> Database:
        return Database()
    """


MISTAKES = pytest.mark.parametrize("mistake", mistakes(), ids=lambda mistake: mistake.name)


@pytest.fixture
def write(project: WriteProject, monkeypatch: pytest.MonkeyPatch) -> WriteProject:
    """Give what writes a project's files, and sets its environment."""

    def write(files: Mapping[str, str]) -> Path:
        for line in files.get("environment", "").splitlines():
            monkeypatch.setenv(*line.split("=", 1))
        return project({path: text for path, text in files.items() if path != "environment"})

    return write


def error_of(build: Callable[[], FastAPI]) -> composer.CompositionError:
    with pytest.raises(composer.CompositionError) as caught:
        build()
    return caught.value


def problems_of(root: Path) -> tuple[composer.Problem, ...]:
    try:
        composer.build(root / "settings.toml")
    except composer.CompositionError as error:
        return error.problems or pytest.fail("an error without a problem")
    return ()


def ids_of(error: composer.CompositionError) -> list[str]:
    return [problem.id for problem in error.problems]


@MISTAKES
def test_a_mistake_is_told_with_its_place_and_its_mend(mistake: Mistake, write: WriteProject, writing: bool) -> None:
    root = write(mistake.files)

    if mistake.composes:
        warnings = composer.composition_of(composer.build(root / "settings.toml")).warnings
        text = "\n\n".join(map(problem_text, warnings))
    else:
        error = error_of(lambda: composer.build(root / "settings.toml"))
        head, text = str(error).replace(str(root), "{root}").split("\n\n", 1)
        assert re.fullmatch(r"[12] problems?( in composer)?, nothing was started:", head)

    assert text == (rewritten(mistake, text) if writing else mistake).text
    assert "hunter2" not in text


@MISTAKES
def test_a_mistake_that_is_mended_composes(mistake: Mistake, write: WriteProject) -> None:
    assert mistake.mended != mistake.files

    assert composer.composition_of(composer.build(write(mistake.mended) / "settings.toml")).warnings == ()


def test_every_id_of_the_catalogue_is_made_by_a_test() -> None:
    tests = [file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py")]
    messages = [file.read_text(encoding="utf-8") for file in MESSAGES.rglob("*.txt")]
    texts = [mistake.text for mistake in mistakes()] + messages + tests

    assert set(re.findall(r"\bC\d{3}\b", "\n".join(texts))) >= set(CATALOGUE)


def test_every_text_that_is_kept_belongs_to_a_test() -> None:
    tests = Path(__file__).parent
    for file in MESSAGES.rglob("*.txt"):
        module = (tests / file.relative_to(MESSAGES)).with_suffix(".py").read_text(encoding="utf-8")
        functions = {name.partition("[")[0] for name in read_messages(file)}
        assert functions <= set(re.findall(r"^(?:async )?def (test_\w+)", module, flags=re.MULTILINE))


def test_every_mistake_has_a_title_of_its_own_and_a_row_for_each_of_its_ids() -> None:
    assert len({mistake.title for mistake in mistakes()}) == len(mistakes()) >= 40
    for mistake in mistakes():
        ids = set(re.findall(r"^C\d{3}", mistake.text, flags=re.MULTILINE))
        assert {id for id, *_ in mistake.problems} == ids


def test_the_page_of_mistakes_is_as_the_catalogue_and_the_cases_make_it() -> None:
    assert DOCS.read_text(encoding="utf-8") == page(), "run: python -m tests.mistakes --write"


def test_a_root_that_holds_a_composition_takes_no_second_one(assert_says: AssertSays) -> None:
    root = composer.compose([])

    error = error_of(lambda: composer.compose([composer.App("a", "/a", FastAPI())], root=root))

    assert_says(error)


def test_metrics_without_the_extra_are_a_mistake(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch, assert_says: AssertSays
) -> None:
    root = project({"settings.toml": "[composer]\nmetrics = true", "apps/__init__.py": ""})
    # Python's own way to say that a module can't be imported.
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    error = error_of(lambda: composer.build(root / "settings.toml"))

    assert_says(error)


def test_only_for_an_app_that_is_not_there_offers_the_nearest(project: WriteProject, assert_says: AssertSays) -> None:
    root = project({"settings.toml": "", "apps/notes.py": APP})

    error = error_of(lambda: composer.build(root / "settings.toml", only=["nots"]))

    assert_says(error)


def test_an_override_of_a_type_that_no_cornerstone_is_of_is_a_mistake(
    project: WriteProject, assert_says: AssertSays
) -> None:
    root = project({"settings.toml": "", "apps/__init__.py": "", "shared/db.py": DATABASE})

    error = error_of(lambda: composer.build(root / "settings.toml", overrides={int: 3}))

    assert_says(error)


def test_a_package_that_another_project_of_the_process_has_imported_is_a_mistake(
    project: WriteProject, tmp_path: Path, assert_says: AssertSays
) -> None:
    first = project({"settings.toml": "", "apps/notes.py": APP})
    composer.build(first / "settings.toml")
    second = tmp_path / "second"
    (second / "apps").mkdir(parents=True)
    (second / "settings.toml").touch()

    error = error_of(lambda: composer.build(second / "settings.toml"))

    assert_says(error)


def test_mistakes_of_apps_that_are_declared_in_python_are_told_by_their_names(assert_says: AssertSays) -> None:
    apps = [
        composer.App("notes", "notes", lambda: None),
        composer.App("notes", "/readyz", FastAPI, after=("user",)),
    ]

    error = error_of(lambda: composer.compose(apps))

    assert_says(error)


def test_what_is_no_app_or_no_cornerstone_is_a_mistake(assert_says: AssertSays) -> None:
    stone: Any = composer.Cornerstone("db", dict)
    pair: Any = ("notes", "/notes", FastAPI)
    kind: Any = FastAPI

    error = error_of(lambda: composer.compose([composer.App("a", "/a", FastAPI), stone, pair], cornerstones=[kind]))

    assert_says(error)


# What no type checker lets pass, and nobody is stopped from writing.
WRONG: dict[str, Any] = {
    "startup": "lazzy",
    "startup_timeout": -1,
    "on_failure": "degarde",
    "after": "users",
    "max_concurrency": 0,
    "request_timeout": float("inf"),
    "max_body_size": "huge",
    "path": "striped",
    "location": "rewrit",
    "guard_exempt": "/health",
    "owner": None,
    "settings": None,
    "openapi": None,
    "prefix": None,
    "factory": "notes:create_app",
}
RIGHT: dict[str, Any] = {"prefix": "/notes", "factory": FastAPI}


@pytest.mark.parametrize("key", WRONG)
def test_a_value_that_python_declares_is_checked_as_one_of_settings(key: str, assert_says: AssertSays) -> None:
    error = error_of(lambda: composer.compose([composer.App("notes", **RIGHT | {key: WRONG[key]})]))

    assert_says(error)


def test_all_values_that_python_declares_are_checked_at_once_and_the_rest_with_them() -> None:
    no_name: Any = None
    values = WRONG | {"factory": lambda: 3}
    apps = [composer.App("notes", **values), composer.App(no_name, "/users", FastAPI)]
    cornerstones = [composer.Cornerstone("db", Path, shutdown_timeout=0)]

    error = error_of(lambda: composer.compose(apps, cornerstones=cornerstones, title=""))

    assert [(problem.id, problem.where) for problem in error.problems] == [
        *[("C004", "app notes")] * (len(WRONG) - 1),
        ("C004", "app None"),
        ("C004", "cornerstone db"),
        ("C004", "compose()"),
        ("C020", "app notes"),
    ]


def test_a_value_that_python_declares_is_read_as_one_of_settings() -> None:
    values: dict[str, Any] = {"max_body_size": "10MB", "startup_timeout": "3", "after": ["users"]}

    app = composer.compose([composer.App("notes", "/notes", FastAPI, **values), composer.App("users", "/u", FastAPI)])

    notes = composer.composition_of(app).plan.apps[0].declared
    assert (notes.max_body_size, notes.startup_timeout, notes.after) == (10_000_000, 3.0, ("users",))


def test_all_mistakes_of_a_project_are_told_at_once_and_each_of_them_once(project: WriteProject) -> None:
    root = project(
        {
            "settings.toml": """
                [composer]
                title = "House"
                titel = "Hose"
                [apps.notes]
                prefix = "notes"
                [apps.users]
                after = ["notes", "user"]
                startup_timeout = "soon"
                [apps.nothing]
                enabled = true
                """,
            "apps/notes.py": APP,
            "apps/users.py": APP,
            "apps/broken.py": "import _helper\n\ndef create_app(): ...\n",
            "apps/torn.py": "import _helper\n\ndef create_app(): ...\n",
            "apps/lonely.py": "def create_app(limit: float): ...\n",
            "apps/idle.py": "x = 1\n",
            "_helper.py": "1 / 0\n",
            "shared/db.py": "async def create_cornerstone() -> int:\n    return 3\n",
        }
    )

    error = error_of(lambda: composer.build(root / "settings.toml"))

    assert str(error).startswith("9 problems in House, nothing was started:\n\nC003  settings.toml [composer]\n")
    assert [(problem.id, problem.where) for problem in error.problems] == [
        ("C003", "settings.toml [composer]"),
        ("C008", "apps/idle.py"),
        ("C031", "settings.toml [apps.nothing]"),
        ("C004", "settings.toml [apps.users]"),
        ("C006", "_helper.py:1"),
        ("C021", "settings.toml [apps.notes]"),
        ("C025", "settings.toml [apps.users]"),
        ("C010", "shared/db.py"),
        ("C012", "apps/lonely.py"),
    ]


def test_what_depends_on_a_mistake_is_not_told_as_another_one(project: WriteProject) -> None:
    root = project(
        {
            "settings.toml": """
                [apps.notes]
                prefx = "/n"
                [apps.users]
                after = ["notes"]
                [apps.idle.settings]
                size = 1
                """,
            "apps/notes.py": APP,
            "apps/idle.py": "x = 1\n",
            "apps/users.py": """
                from fastapi import FastAPI
                from shared.db import Database

                def create_app(db: Database):
                    return FastAPI()
                """,
            "shared/db.py": "class Database: ...\n\nasync def create_cornerstone() -> Database: ...\n",
        }
    )

    error = error_of(lambda: composer.build(root / "settings.toml"))

    assert [(problem.id, problem.where) for problem in error.problems] == [
        ("C008", "apps/idle.py"),
        ("C003", "settings.toml [apps.notes]"),
        ("C010", "shared/db.py"),
    ]


def test_after_a_mistake_nothing_was_started_and_the_given_root_is_as_before(project: WriteProject) -> None:
    root = project(
        {
            "settings.toml": "",
            "apps/notes.py": """
                from contextlib import asynccontextmanager
                from pathlib import Path
                from fastapi import FastAPI

                @asynccontextmanager
                async def lifespan(app):
                    Path(__file__).with_name("started").touch()
                    yield

                def create_app():
                    return FastAPI(lifespan=lifespan)
                """,
            "apps/broken.py": "def create_app():\n    raise RuntimeError\n",
            "shared/db.py": """
                from pathlib import Path

                class Database:
                    def __enter__(self):
                        Path(__file__).with_name("entered").touch()

                    def __exit__(self, *error): ...

                def create_cornerstone() -> Database:
                    return Database()
                """,
        }
    )
    own = FastAPI()

    @own.get("/hello")
    def hello() -> str:
        return "hello"

    before = (list(own.routes), own.router.lifespan_context, own.router.default, own.openapi, dict(own.state._state))
    error = error_of(lambda: composer.build(root / "settings.toml", root=own))

    assert ids_of(error) == ["C011"]
    assert before == (
        list(own.routes),
        own.router.lifespan_context,
        own.router.default,
        own.openapi,
        dict(own.state._state),
    )
    with TestClient(own) as client:
        assert client.get("/hello").json() == "hello"
        assert client.get("/notes").status_code == 404
    assert not [*root.rglob("started"), *root.rglob("entered")]


def test_after_an_import_that_failed_the_corrected_project_composes_in_the_same_process(project: WriteProject) -> None:
    root = project({"settings.toml": "", "apps/notes/__init__.py": "from apps.notes._table import Table\n" + "x = (\n"})
    assert ids_of(error_of(lambda: composer.build(root / "settings.toml"))) == ["C006"]
    project({"apps/notes/__init__.py": "from apps.notes._tables import Table\n\ndef create_app(): ...\n"})
    assert ids_of(error_of(lambda: composer.build(root / "settings.toml"))) == ["C006"]

    project({"apps/notes/__init__.py": APP})

    app = composer.build(root / "settings.toml")
    assert [built.name for built in composer.composition_of(app).plan.apps] == ["notes"]


VALID = [
    "[composer]",
    'title = "House"',
    'version = "1.0"',
    'apps = ["apps"]',
    "[apps.notes]",
    'prefix = "/notes"',
    "enabled = true",
    "startup_timeout = 3.5",
    'after = ["users"]',
    "[apps.notes.settings]",
    "page_size = 5",
    'root = "var"',
    "[apps.users]",
    'factory = "apps.notes:create_app"',
    "settings = { page_size = 3 }",
    "[cornerstones.db]",
    'url = "sqlite://"',
]
KEYS = [line.partition(" = ")[0] for line in VALID if "=" in line]
VALUES = [line.partition(" = ")[2] for line in VALID if "=" in line] + ["[]", "{}", "nan", "''", "-1", "1979-05-27"]
lines = st.sampled_from(VALID) | st.builds("{} = {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES))
edits = st.lists(st.tuples(st.integers(0, len(VALID)), st.sampled_from(["drop", "put", "cut"]), lines), max_size=5)


def edited(changes: list[tuple[int, str, str]]) -> str:
    text = list(VALID)
    for at, change, line in changes:
        if change == "put":
            text.insert(at, line)
        elif change == "cut":
            text[at : at + 1] = [row[: len(row) // 2] for row in text[at : at + 1]]
        else:
            del text[at : at + 1]
    return "\n".join(text)


@settings(
    max_examples=examples(80),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(edits)
def test_whatever_is_done_to_settings_either_composes_or_is_told_with_a_place(
    project: WriteProject, changes: list[tuple[int, str, str]]
) -> None:
    root = project(
        {
            "settings.toml": edited(changes),
            "apps/notes.py": """
                from pathlib import Path
                from fastapi import FastAPI
                from pydantic import BaseModel

                class NotesSettings(BaseModel):
                    page_size: int = 1
                    root: Path = Path()

                def create_app(settings: NotesSettings):
                    return FastAPI()
                """,
            "shared/db.py": """
                class Database: ...

                def create_cornerstone(url: str = "") -> Database:
                    return Database()
                """,
        }
    )
    problems = problems_of(root)
    forget(root.parent)
    assert all(problem.where and problem.what and problem.hint for problem in problems)


def test_a_folder_that_nobody_may_read_is_a_mistake(project: WriteProject, assert_says: AssertSays) -> None:
    root = project({"settings.toml": "", "apps/notes/__init__.py": APP})

    with unreadable(root / "apps" / "notes"):
        error = error_of(lambda: composer.build(root / "settings.toml"))

    assert_says(error)


def test_a_link_to_the_folder_that_it_is_in_is_a_mistake(project: WriteProject, assert_says: AssertSays) -> None:
    root = project({"settings.toml": "", "apps/notes/__init__.py": APP})
    (root / "apps" / "all").symlink_to(root / "apps")

    error = error_of(lambda: composer.build(root / "settings.toml"))

    assert_says(error)
