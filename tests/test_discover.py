"""Which folders are apps, which are groups, and which are nothing."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer._project.discover import discover
from tests.conftest import examples

APP = "def create_app(): ...\n"
HELPER = "size = 3\n"

Tree = dict[str, "str | Tree"]


def write(folder: Path, tree: Mapping[str, "str | Tree"]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, inner in tree.items():
        if isinstance(inner, str):
            (folder / name).write_text(inner)
        else:
            write(folder / name, inner)
    return folder


def names_in(folder: Path) -> list[str]:
    return [found.name for found in discover("apps", [folder], "create_app")[0]]


def problems_in(folder: Path) -> list[tuple[str, str]]:
    problems = [one.problem for one in discover("apps", [folder], "create_app")[1]]
    return [(problem.id, str(Path(problem.where).relative_to(folder))) for problem in problems]


def test_a_package_and_a_module_with_the_factory_are_apps(tmp_path: Path) -> None:
    folder = write(tmp_path / "apps", {"notes": {"__init__.py": APP}, "users.py": APP})

    found, problems = discover("apps", [folder], "create_app")

    assert [(one.name, one.module, one.file) for one in found] == [
        ("notes", "apps.notes", folder / "notes" / "__init__.py"),
        ("users", "apps.users", folder / "users.py"),
    ]
    assert problems == []


def test_a_package_without_the_factory_that_holds_packages_is_a_group(tmp_path: Path) -> None:
    folder = write(tmp_path / "apps", {"v1": {"__init__.py": "", "notes": {"__init__.py": APP}, "users.py": APP}})

    found, _ = discover("apps", [folder], "create_app")

    assert [(one.name, one.module) for one in found] == [
        ("v1/notes", "apps.v1.notes"),
        ("v1/users", "apps.v1.users"),
    ]


def test_a_group_needs_no_init_file_and_may_be_in_another_one(tmp_path: Path) -> None:
    folder = write(tmp_path / "apps", {"a": {"b": {"c": {"d": {"notes.py": APP}}}}})

    assert names_in(folder) == ["a/b/c/d/notes"]


def test_a_package_inside_an_app_is_a_part_of_it(tmp_path: Path) -> None:
    folder = write(tmp_path / "apps", {"notes": {"__init__.py": APP, "routes": {"__init__.py": ""}, "tables.py": ""}})

    assert names_in(folder) == ["notes"]
    assert problems_in(folder) == []


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"README.md": "", "static": {"site.css": "", "img": {"logo.svg": ""}}},
        {"__init__.py": "", "_helper.py": HELPER, "_parts": {"__init__.py": ""}, ".hidden.py": ""},
        {"__pycache__": {"notes.py": APP}, ".venv": {"notes.py": APP}},
        {"data": {".cache": {"x.py": HELPER}, "_scripts": {"x.py": APP}, "_make.py": HELPER, "raw": {"a.csv": ""}}},
    ],
    ids=["nothing", "no Python", "underscores and dots", "caches", "below a folder"],
)
def test_what_holds_no_python_or_is_marked_as_private_is_nothing(tmp_path: Path, tree: Tree) -> None:
    folder = write(tmp_path / "apps", tree)

    assert discover("apps", [folder], "create_app") == ([], [])


@pytest.mark.parametrize(
    "code",
    [
        "from apps._base import create_app\n",
        "from apps._base import make as create_app\n",
        "import apps._base as create_app\n",
        "create_app = 3\n",
        "create_app: object = 3\n",
        "class create_app: ...\n",
        "async def create_app(): ...\n",
        "try:\n    import fast\nexcept ImportError:\n    def create_app(): ...\n",
        "if True:\n    create_app = 3\n",
        "for create_app in [3]: ...\n",
        "size, (create_app, *rest) = 1, (2, 3)\n",
        "from apps._base import *\n",
        "def create_app(:\n",
        "x = '\0'\n",
    ],
)
def test_whatever_may_bind_the_name_is_left_for_the_import_to_tell(tmp_path: Path, code: str) -> None:
    folder = write(tmp_path / "apps", {"notes.py": code})

    assert names_in(folder) == ["notes"]


@pytest.mark.parametrize("code", ["", "def outer():\n    def create_app(): ...\n", "print('create_app')\n"])
def test_a_module_that_does_not_bind_the_name_is_a_problem(tmp_path: Path, code: str) -> None:
    folder = write(tmp_path / "apps", {"notes.py": code})

    assert problems_in(folder) == [("C008", "notes.py")]


def test_a_module_that_is_not_a_group_and_has_no_factory_is_told_by_its_init_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "apps", {"notes": {"__init__.py": "def create_ap(): ...\n", "routes.py": ""}})

    assert problems_in(folder) == [("C008", "notes/__init__.py")]


def test_the_nearest_name_that_the_module_binds_is_offered(tmp_path: Path) -> None:
    folder = write(tmp_path / "apps", {"notes.py": "def create_ap(): ...\n"})

    _, rejected = discover("apps", [folder], "create_app")

    assert rejected[0].problem.hint.startswith("Did you mean 'create_ap'?")


@pytest.mark.parametrize("name", ["my-notes", "2fast", "a b"])
def test_a_name_that_can_not_be_imported_is_a_problem_of_a_package_a_group_and_a_module(
    tmp_path: Path, name: str
) -> None:
    package = write(tmp_path / "packages", {name: {"__init__.py": APP}})
    group = write(tmp_path / "groups", {name: {"notes.py": APP}})
    module = write(tmp_path / "modules", {f"{name}.py": APP})

    assert problems_in(package) == problems_in(group) == [("C028", name)]
    assert problems_in(module) == [("C028", f"{name}.py")]


def test_the_folders_of_a_package_in_several_places_are_walked_together(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", {"users.py": APP}), write(tmp_path / "two", {"notes.py": APP})

    found, _ = discover("apps", [one, two], "create_app")

    assert [one.name for one in found] == ["notes", "users"]


OBJECT = "from fastapi import FastAPI\napp = FastAPI()\n"


def test_an_app_object_that_lies_deeper_in_a_folder_is_one_problem_of_that_folder(tmp_path: Path) -> None:
    legacy: Tree = {"__init__.py": "", "core.py": "", "db": {"models.py": ""}, "src": {"web": {"main.py": OBJECT}}}
    folder = write(tmp_path / "apps", {"legacy": legacy, "notes.py": APP})

    assert problems_in(folder) == [("C008", "legacy/__init__.py")]
    hint = discover("apps", [folder], "create_app")[1][0].problem.hint
    assert '[apps.legacy]\napp = "apps.legacy.src.web.main:app"' in hint


def test_of_a_group_of_folders_with_app_objects_each_one_is_a_problem_and_nothing_else(tmp_path: Path) -> None:
    group: Tree = {"a": {"main.py": OBJECT}, "b": {"main.py": OBJECT}, "common.py": "", "not-a-name.py": ""}
    folder = write(tmp_path / "apps", {"v1": group})

    assert problems_in(folder) == [
        ("C008", "v1/a/__init__.py"),
        ("C008", "v1/b/__init__.py"),
        ("C028", "v1/not-a-name.py"),
    ]


def test_nothing_is_imported(tmp_path: Path) -> None:
    folder = write(tmp_path / "apps", {"notes.py": "raise SystemExit\n" + APP})

    assert names_in(folder) == ["notes"]


names = st.sampled_from(["notes", "users", "v1", "_parts", ".git", "my-notes", "static"])
modules = st.dictionaries(names.map(lambda name: f"{name}.py"), st.sampled_from([APP, HELPER]), max_size=2)
inits = st.sampled_from([{}, {"__init__.py": ""}, {"__init__.py": APP}])
others = st.sampled_from([{}, {"README.md": ""}])


def joined(*parts: Mapping[str, "str | Tree"]) -> Tree:
    return {name: inner for part in parts for name, inner in part.items()}


leaves = st.builds(joined, modules, inits, others)
trees = st.recursive(leaves, lambda inner: st.builds(joined, st.dictionaries(names, inner, max_size=3), leaves))


def holds_python(tree: Tree) -> bool:
    shown = {name: inner for name, inner in tree.items() if name == "__init__.py" or not name.startswith(("_", "."))}
    return any(name.endswith(".py") if isinstance(inner, str) else holds_python(inner) for name, inner in shown.items())


def expected(tree: Tree, path: str = "", module: str = "apps") -> tuple[set[str], set[str]]:
    """Say which apps a folder's entries are, and which of them are wrong, as the design's sentences do."""
    apps: set[str] = set()
    # Of a package, only what is in it is composed.
    wrong = {"__init__.py"} if not path and tree.get("__init__.py") == APP else set()
    for name, inner in tree.items():
        stem, own = name.removesuffix(".py"), inner.get("__init__.py", "") if isinstance(inner, dict) else inner
        shown = f"{path}{name}"
        if name.startswith(("_", ".")) or not (holds_python(inner) if isinstance(inner, dict) else name != stem):
            continue
        if not stem.isidentifier():
            wrong.add(shown)
        elif own == APP:
            apps.add(f"{path}{stem}")
        elif isinstance(inner, dict) and holds_parts(inner):
            more, bad = expected(inner, f"{shown}/", f"{module}.{name}")
            apps |= more
            wrong |= bad
        else:
            wrong.add(f"{shown}/__init__.py" if isinstance(inner, dict) else shown)
    return apps, wrong


def holds_parts(tree: Tree) -> bool:
    shown = {name: inner for name, inner in tree.items() if not name.startswith(("_", "."))}
    return any(holds_python(inner) if isinstance(inner, dict) else inner == APP for inner in shown.values())


@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(trees)
def test_any_tree_of_folders_is_read_as_the_design_says(tree: Tree) -> None:
    with TemporaryDirectory() as temporary:
        folder = write(Path(temporary) / "apps", tree)
        apps, wrong = expected(tree)

        assert set(names_in(folder)) == apps
        assert {where for _, where in problems_in(folder)} == wrong
