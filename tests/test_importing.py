"""Finding and importing what a project names, and the user's own line where that fails."""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from composer._model import Problem
from composer._project.importing import display_path, find_package, load_reference, user_location
from composer.errors import CompositionError
from tests.conftest import Project as WriteProject

APP = "def create_app(): ...\n"


def found_in(package: str, root: Path) -> list[Path]:
    return find_package(package, root, "apps")


def problem_of(call: Callable[..., object], *arguments: object) -> Problem:
    with pytest.raises(CompositionError) as caught:
        call(*arguments)
    (problem,) = caught.value.problems
    return problem


def raised_by(call: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        call()
    return caught.value


def test_a_package_is_found_in_the_projects_folder_whatever_the_working_directory(
    project: WriteProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project({"apps/__init__.py": "", "apps/notes.py": APP})
    monkeypatch.chdir(tmp_path)

    assert found_in("apps", root) == [root / "apps"]


def test_a_package_needs_no_init_file_and_may_be_inside_another_one(project: WriteProject) -> None:
    root = project({"backend/apps/notes.py": APP})

    assert found_in("backend.apps", root) == [root / "backend" / "apps"]


def test_a_folder_that_the_import_path_names_twice_is_found_once(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project({"apps/notes.py": APP})
    # As `python -c` and an interactive Python have it: "" stands for the working directory.
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "path", ["", str(root), *sys.path])

    assert found_in("apps", root) == [root / "apps"]


def test_an_installed_package_is_found_and_the_import_path_stays_as_it_is(project: WriteProject) -> None:
    root, path = project({}), list(sys.path)

    assert found_in("json", root) == [Path(json.__file__).parent]
    assert sys.path == path


@pytest.mark.parametrize("package", ["nothing_like_this", "a..b", ".apps", "", "apps.", "math", "a/b", "__main__"])
def test_a_package_that_is_not_there_is_a_problem(project: WriteProject, package: str) -> None:
    problem = problem_of(find_package, package, project({}), "apps")

    assert (problem.id, problem.where) == ("C005", "[composer] apps")


@pytest.mark.parametrize("code", ["import nothing_like_this", "x = (", "1 / 0", "raise SystemExit(1)"])
def test_a_package_above_that_can_not_be_imported_is_a_problem_at_its_line(project: WriteProject, code: str) -> None:
    root = project({"backend/__init__.py": code, "backend/apps/notes.py": APP})

    problem = problem_of(find_package, "backend.apps", root, "apps")

    assert (problem.id, problem.where) == ("C006", "backend/__init__.py:1")


def test_a_package_of_a_name_that_is_taken_is_a_problem(project: WriteProject) -> None:
    root = project({"json/notes.py": APP})

    problem = problem_of(find_package, "json", root, "apps")

    assert problem.id == "C007"
    assert problem.what.endswith(f", not {root / 'json'}.")
    assert problem.hint.startswith("Rename the folder")


def test_a_folder_that_comes_after_a_package_of_its_name_only_lacks_a_file(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "wsgiref", raising=False)
    root = project({"wsgiref/notes.py": APP})

    problem = problem_of(find_package, "wsgiref", root, "apps")

    assert (problem.id, problem.hint[:24]) == ("C007", "Give it an __init__.py: ")
    (root / "wsgiref" / "__init__.py").touch()
    importlib.invalidate_caches()
    assert find_package("wsgiref", root, "apps") == [root / "wsgiref"]


def test_a_factory_is_imported_from_its_module(project: WriteProject) -> None:
    root = project({"apps/notes.py": "def create_app():\n    return 3\n"})
    found_in("apps", root)

    factory = load_reference("apps.notes:create_app", "apps/notes.py", root)

    assert factory() == 3


@pytest.mark.parametrize(
    ("code", "where", "what"),
    [
        ("\nimport nothing_like_this", "apps/notes.py:2", "ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("def f(:", "apps/notes.py:1", "SyntaxError: invalid syntax (notes.py, line 1)"),
        ("import json\njson.loads('{')", "apps/notes.py:2", "JSONDecodeError: Expecting property name"),
        ("import apps._inner", "apps/_inner.py:1", "ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('bye')", "apps/notes.py:2", "SystemExit: bye"),
        (
            "def __getattr__(name):\n    raise ImportError('no driver') if name == 'create_app' else AttributeError",
            "apps/notes.py:2",
            "ImportError: no driver",
        ),
    ],
)
def test_an_import_that_fails_is_told_by_the_users_own_line(
    project: WriteProject, code: str, where: str, what: str
) -> None:
    root = project({"apps/notes.py": code, "apps/_inner.py": "1 / 0"})
    found_in("apps", root)

    problem = problem_of(load_reference, "apps.notes:create_app", "apps/notes.py", root)

    assert (problem.id, problem.where) == ("C006", where)
    assert problem.what.startswith(f"Import failed: {what}")


def test_an_interruption_by_the_keyboard_is_no_problem_of_the_project(project: WriteProject) -> None:
    root = project({"apps/notes.py": "raise KeyboardInterrupt"})
    found_in("apps", root)

    with pytest.raises(KeyboardInterrupt):
        load_reference("apps.notes:create_app", "apps/notes.py", root)


def test_a_name_that_is_gone_after_the_import_is_a_problem_with_the_nearest(project: WriteProject) -> None:
    root = project({"apps/notes.py": "def create_ap(): ..."})
    found_in("apps", root)

    problem = problem_of(load_reference, "apps.notes:create_app", "apps/notes.py", root)

    assert (problem.id, problem.where) == ("C009", "apps/notes.py")
    assert problem.hint.startswith("Did you mean 'create_ap'?")


def test_a_factory_that_can_not_be_called_is_a_problem(project: WriteProject) -> None:
    root = project({"apps/notes.py": "create_app = 3"})
    found_in("apps", root)

    problem = problem_of(load_reference, "apps.notes:create_app", "apps/notes.py", root)

    assert (problem.id, problem.what) == ("C009", "Cannot use 'apps.notes:create_app': it is not callable.")


@pytest.mark.parametrize("reference", ["web:create_app", "web:Apps.notes", "web:apps.notes"])
def test_a_reference_names_a_module_and_what_is_in_it(project: WriteProject, reference: str) -> None:
    code = "class Apps:\n    def notes(self): ...\n\napps = Apps()\n" + APP

    factory = load_reference(reference, "here", project({"web.py": code}))

    assert callable(factory)


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("", "it is not of the form 'package.module:name'"),
        ("web", "it is not of the form 'package.module:name'"),
        (":create_app", "it is not of the form 'package.module:name'"),
        ("web:", "it is not of the form 'package.module:name'"),
        (".web:create_app", "it is not of the form 'package.module:name'"),
        ("web:create_app()", "it is not of the form 'package.module:name'"),
        ("web:create_app:x", "it is not of the form 'package.module:name'"),
        ("../web:create_app", "it is not of the form 'package.module:name'"),
        ("wbe:create_app", "there is no module 'wbe'"),
        ("web.parts:create_app", "there is no module 'web.parts'"),
        ("web:create_ap", "'web' has no 'create_ap'"),
        ("web:create_app.run", "'web' has no 'create_app.run'"),
        ("web:size", "it is not callable"),
    ],
)
def test_a_reference_that_leads_nowhere_is_a_problem_at_its_place(
    project: WriteProject, reference: str, why: str
) -> None:
    root = project({"web.py": APP + "size = 3\n"})

    problem = problem_of(load_reference, reference, "settings.toml [apps.web]", root)

    assert (problem.id, problem.where) == ("C009", "settings.toml [apps.web]")
    assert problem.what == f"Cannot use {reference!r}: {why}."


@pytest.mark.parametrize(
    ("code", "where"),
    [
        ("import nothing_like_this\n", "web.py:1"),
        ("def __getattr__(name):\n    return {}[name] if name == 'create_app' else None\n", "web.py:2"),
    ],
    ids=["import", "attribute"],
)
def test_a_module_that_fails_when_it_is_asked_for_the_name_is_told_by_its_line(
    project: WriteProject, code: str, where: str
) -> None:
    problem = problem_of(load_reference, "web:create_app", "here", project({"web.py": code}))

    assert (problem.id, problem.where) == ("C006", where)


def test_the_problems_of_a_module_that_composes_stand_for_themselves(project: WriteProject) -> None:
    root = project({"asgi_of_project.py": "import composer\n\napp = composer.build('settings_of_project.toml')\n"})

    with pytest.raises(CompositionError, match="C001"):
        load_reference("asgi_of_project:app", "here", root)


def test_an_error_outside_of_the_project_is_told_by_the_last_line_that_is_not_installed(tmp_path: Path) -> None:
    def broken() -> None:
        raise RuntimeError

    line = broken.__code__.co_firstlineno + 1

    assert user_location(raised_by(broken), tmp_path) == f"{__file__}:{line}"


def test_an_error_without_a_frame_of_the_users_has_no_line(tmp_path: Path) -> None:
    assert user_location(RuntimeError(), tmp_path) == ""


def test_a_file_of_the_project_is_shown_from_its_folder(tmp_path: Path) -> None:
    assert display_path(tmp_path / "apps" / "notes.py", tmp_path) == "apps/notes.py"
    assert display_path(Path("/elsewhere/notes.py"), tmp_path) == "/elsewhere/notes.py"
