"""One mistake is one problem: what only follows from it isn't reported beside it."""

from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import pytest

import composer
from composer import CompositionError
from composer._catalogue import problem
from composer._checks.consequences import without_consequences
from tests.conftest import Project as WriteProject

SETTINGS = "settings.toml"
PROJECT = {
    SETTINGS: """
        [composer]
        apps = ["apps"]
        cornerstones = ["shared"]
        [apps.accounts.settings]
        key = "k"
        [apps.notes]
        prefix = "/n"
        after = ["accounts"]
        guard = "auth"
        [apps."v1/items"]
        after = ["notes"]
        [apps.legacy]
        factory = "apps.legacy.main:app"
        [cornerstones.db]
        url = "sqlite://"
        """,
    "apps/__init__.py": "",
    "apps/accounts/__init__.py": """
        from fastapi import FastAPI
        from pydantic import BaseModel
        from composer import Shared
        from shared.db import Database

        class AccountsSettings(BaseModel):
            key: str

        def create_app(settings: AccountsSettings, db: Database) -> FastAPI:
            app = FastAPI()

            @app.get("/")
            def read(db: Shared[Database]): ...

            return app
        """,
    "apps/notes.py": """
        from fastapi import FastAPI
        from shared.auth import Auth
        from shared.db import Database

        def create_app(db: Database, auth: Auth) -> FastAPI:
            return FastAPI()
        """,
    "apps/v1/__init__.py": "",
    "apps/v1/items/__init__.py": """
        from fastapi import FastAPI
        from shared.auth import Auth

        def create_app(auth: Auth) -> FastAPI:
            return FastAPI()
        """,
    "apps/legacy/__init__.py": "",
    "apps/legacy/main.py": """
        from fastapi import FastAPI

        app = FastAPI()
        """,
    "shared/__init__.py": "",
    "shared/db.py": """
        class Database:
            def __init__(self, url):
                self.url = url

        def create_cornerstone(url: str) -> Database:
            return Database(url)
        """,
    "shared/auth.py": """
        from shared.db import Database

        class Auth:
            def __init__(self, db): ...

            def __call__(self): ...

        def create_cornerstone(db: Database) -> Auth:
            return Auth(db)
        """,
}

# The mistake: a file, what stands there, what is written instead; and the problem's ID.
MISTAKES = [
    (SETTINGS, 'apps = ["apps"]', 'apps = ["aps"]', "C005"),
    (SETTINGS, 'apps = ["apps"]', 'apps = ["./apps"]', "C005"),
    (SETTINGS, 'apps = ["apps"]', 'app = ["apps"]', "C003"),
    (SETTINGS, 'apps = ["apps"]', "apps = 3", "C004"),
    (SETTINGS, 'cornerstones = ["shared"]', 'cornerstones = ["share"]', "C005"),
    (SETTINGS, 'cornerstones = ["shared"]', 'packages = ["shared"]', "C003"),
    (SETTINGS, 'cornerstones = ["shared"]', "cornerstones = 3", "C004"),
    (SETTINGS, "[composer]", "[composr]", "C003"),
    (SETTINGS, "[apps.notes]", "[apps.notes", "C002"),
    (SETTINGS, "[apps.accounts.settings]", "[app.accounts.settings]", "C003"),
    (SETTINGS, "[apps.accounts.settings]", "[apps.acounts.settings]", "C031"),
    (SETTINGS, "[apps.accounts.settings]", "[apps.accounts.setings]", "C003"),
    (SETTINGS, "[apps.accounts.settings]", "[apps.accounts]", "C003"),
    (SETTINGS, 'key = "k"', 'ky = "k"', "C003"),
    (SETTINGS, 'key = "k"', "", "C004"),
    (SETTINGS, 'url = "sqlite://"', 'ulr = "sqlite://"', "C003"),
    (SETTINGS, "[cornerstones.db]", "[cornerstones.bd]", "C031"),
    (SETTINGS, "[cornerstones.db]", "[cornerstone.db]", "C003"),
    (SETTINGS, 'factory = "apps', 'factry = "apps', "C003"),
    (SETTINGS, 'factory = "apps.legacy.main:app"', "factory = 3", "C004"),
    (SETTINGS, "legacy.main:app", "legacy.man:app", "C009"),
    (SETTINGS, "legacy.main:app", "legacy.main:ap", "C009"),
    (SETTINGS, '[apps."v1/items"]', "[apps.items]", "C031"),
    (SETTINGS, 'prefix = "/n"', 'prefx = "/n"', "C003"),
    (SETTINGS, 'prefix = "/n"', 'prefix = "n"', "C021"),
    (SETTINGS, 'prefix = "/n"', 'prefix = "/accounts"', "C022"),
    (SETTINGS, 'guard = "auth"', 'guard = "auht"', "C058"),
    (SETTINGS, 'after = ["accounts"]', 'after = ["acounts"]', "C025"),
    ("shared/db.py", "class Database:", "import nothing_like_it\n        class Database:", "C006"),
    ("shared/db.py", "class Database:", "x = (\n        class Database:", "C006"),
    ("shared/db.py", "create_cornerstone", "create_cornerston", "C008"),
    (SETTINGS, "[cornerstones.db]", "[cornerstones.db]\nenabled = false", "C012"),
    ("shared/db.py", "return Database(url)", "raise RuntimeError", "C011"),
    ("shared/db.py", "return Database(url)", "return 3", "C020"),
    ("shared/db.py", "def create_cornerstone", "async def create_cornerstone", "C010"),
    ("shared/db.py", ") -> Database", ")", "C017"),
    ("shared/db.py", "-> Database", "-> Databas", "C006"),
    ("shared/db.py", "-> Database", "-> 'Databas'", "C016"),
    ("shared/auth.py", "class Auth:", "1 / 0\n        class Auth:", "C006"),
    ("shared/auth.py", "return Auth(db)", "raise RuntimeError", "C011"),
    ("shared/auth.py", "def __call__", "def call", "C059"),
    ("shared/__init__.py", "", "1 / 0", "C006"),
    ("apps/__init__.py", "", "1 / 0", "C006"),
    ("apps/v1/__init__.py", "", "1 / 0", "C006"),
    ("apps/accounts/__init__.py", "create_app", "make", "C008"),
    ("apps/accounts/__init__.py", "return app", "raise RuntimeError", "C011"),
    ("apps/accounts/__init__.py", "class Accounts", "import nothing_like_it\n        class Accounts", "C006"),
    ("apps/accounts/__init__.py", "db: Shared[Database]", "db: Database", "C011"),
    ("apps/legacy/main.py", "app = ", "import nothing_like_it\n        app = ", "C006"),
]


def ids_of(write: WriteProject, files: Mapping[str, str], **how: Any) -> list[str]:
    root = write(files)
    try:
        return [found.id for found in composer.composition_of(composer.build(root / SETTINGS, **how)).warnings]
    except CompositionError as error:
        return [found.id for found in error.problems]


def test_the_project_without_a_mistake_composes(project: WriteProject) -> None:
    assert ids_of(project, PROJECT) == []


@pytest.mark.parametrize(("file", "right", "wrong", "id"), MISTAKES)
def test_one_mistake_is_one_problem(project: WriteProject, file: str, right: str, wrong: str, id: str) -> None:
    assert right in PROJECT[file]

    assert ids_of(project, {**PROJECT, file: PROJECT[file].replace(right, wrong)}) == [id]


def test_a_folder_whose_name_cant_be_imported_is_the_only_problem(project: WriteProject) -> None:
    files = {name.replace("accounts", "my-accounts"): text for name, text in PROJECT.items()}
    files[SETTINGS] = files[SETTINGS].replace("accounts", "my_accounts")

    assert ids_of(project, files) == ["C028"]


def test_an_override_for_a_cornerstone_that_fails_is_no_second_problem(project: WriteProject) -> None:
    class Stranger: ...

    files = {**PROJECT, "shared/db.py": "import nothing_like_it\n" + dedent(PROJECT["shared/db.py"])}

    assert ids_of(project, files, overrides={Stranger: Stranger()}) == ["C006"]


def test_what_follows_is_reported_where_only_warnings_would_be_left() -> None:
    follows = problem("C012", "apps/notes.py", wanted="Db", parameter="db", known="none")
    warning = problem("C072", "shared/db.py", name="serve", owner="Db", hook="serving", known="serving")

    assert without_consequences([follows, warning], {"cornerstones"}, []) == [follows, warning]
    assert without_consequences([follows, problem("C036", "root")], {"cornerstones"}, []) == [problem("C036", "root")]


@pytest.mark.parametrize("how", ["off", "only"])
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("apps/wip/notes.py", "x = 1\n"),
        ("apps/wip/__init__.py", "x = (\n"),
        ("apps/wip/routes/__init__.py", "1 / 0\n"),
        ("apps/wip/a-b.py", "x = 1\n"),
        ("apps/wip/deep/broken.py", "x = (\n"),
        ("apps/wip.py", "x = 1\n"),
        ("apps/wip/__init__.py", "def create_app(db: int): ...\n"),
    ],
)
def test_a_folder_that_is_switched_off_or_not_asked_for_brings_no_problem(
    project: WriteProject, how: str, path: str, text: str
) -> None:
    table = "[apps.wip]\nprefx = '/w'\n" + ("enabled = false\n" if how == "off" else "")
    files = {
        SETTINGS: f"[composer]\n{table}",
        "apps/__init__.py": "",
        "apps/ok.py": "from fastapi import FastAPI\ndef create_app():\n    return FastAPI()\n",
        path: text,
    }

    assert ids_of(project, files, only=None if how == "off" else "ok") == []


def test_a_group_is_switched_off_as_a_whole(project: WriteProject) -> None:
    files = {**PROJECT, SETTINGS: PROJECT[SETTINGS] + "[apps.v1]\nenabled = false\n", "apps/v1/broken.py": "x = (\n"}

    root = project({name: text for name, text in files.items() if name != SETTINGS})
    (root / SETTINGS).write_text(files[SETTINGS])

    app = composer.build(root / SETTINGS)
    assert [each.name for each in composer.composition_of(app).plan.apps] == ["accounts", "legacy", "notes"]


@pytest.mark.parametrize("text", ["x = 1\n", "x = (\n", "1 / 0\n"])
def test_the_only_app_of_a_group_may_be_switched_off(project: WriteProject, text: str) -> None:
    files = {
        SETTINGS: "[apps.'v1/wip']\nenabled = false\n",
        "apps/__init__.py": "",
        "apps/v1/__init__.py": "",
        "apps/v1/wip.py": text,
    }

    assert ids_of(project, files) == []


def test_a_cornerstone_that_is_switched_off_brings_no_problem(project: WriteProject) -> None:
    files = {
        SETTINGS: "[cornerstones.wip]\nenabled = false\n[cornerstones.broken]\nenabled = false\n",
        "apps/__init__.py": "",
        "shared/__init__.py": "",
        "shared/wip/__init__.py": "x = 1\n",
        "shared/broken.py": "x = (\n",
    }

    assert ids_of(project, files) == []


@pytest.mark.parametrize("text", ["only = 'ok'", "only = ['ok']", "only = 'ok, v1'", ""])
def test_only_may_be_one_name(project: WriteProject, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    if not text:
        monkeypatch.setenv("COMPOSER_ONLY", "ok,v1")
    app = "from fastapi import FastAPI\ndef create_app():\n    return FastAPI()\n"
    files = {SETTINGS: f"[composer]\n{text}\n", "apps/__init__.py": "", "apps/ok.py": app, "apps/other.py": app}
    root = project({**files, "apps/v1/__init__.py": "", "apps/v1/items.py": app})

    names = [each.name for each in composer.composition_of(composer.build(root / SETTINGS)).plan.apps]
    assert names == (["ok", "v1/items"] if not text or "v1" in text else ["ok"])
    assert len(composer.composition_of(composer.build(root / SETTINGS, only="ok")).plan.apps) == 1


@pytest.mark.parametrize("path", ["apps/v1/legacy.py", "apps/v1/legacy/main.py", "apps/v1/legacy/core/main.py"])
def test_a_table_may_name_what_is_in_a_folder_of_a_group(project: WriteProject, path: str) -> None:
    module = path.removesuffix(".py").replace("/", ".")
    files = {
        SETTINGS: f"[apps.'v1/legacy']\nfactory = '{module}:app'\n",
        "apps/__init__.py": "",
        "apps/v1/__init__.py": "",
        path: "from fastapi import FastAPI\napp = FastAPI()\ndef create_app(x: int): ...\n",
    }

    assert ids_of(project, files) == []


def test_a_table_may_name_the_factory_of_a_cornerstones_folder(project: WriteProject) -> None:
    files = {
        SETTINGS: "[cornerstones.db]\nfactory = 'shared.db.made:make'\n",
        "apps/__init__.py": "",
        "shared/__init__.py": "",
        "shared/db/__init__.py": "",
        "shared/db/made.py": "class Database: ...\n\ndef make() -> Database:\n    return Database()\n",
    }

    assert ids_of(project, files) == []


def test_a_missing_type_is_one_problem_that_names_all_who_require_it(project: WriteProject) -> None:
    files = {**PROJECT, SETTINGS: PROJECT[SETTINGS].replace("[cornerstones.db]", "[cornerstones.db]\nenabled = false")}

    with pytest.raises(CompositionError) as caught:
        composer.build(project(files) / SETTINGS)

    (missing,) = caught.value.problems
    assert missing.where == "shared/auth.py"
    assert missing.what == (
        "No cornerstone provides Database (required by 'db', and by 'db' in apps/accounts/__init__.py, "
        "and by 'db' in apps/notes.py)."
    )
