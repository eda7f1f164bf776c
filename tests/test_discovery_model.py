"""Any tree of folders against a model of it: odd names, broken modules, links, and what nobody may read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import composer
from composer._project.discover import discover
from tests.conftest import Project as WriteProject
from tests.conftest import examples, forget
from tests.privileges import unreadable

APP = b"def create_app():\n    import fastapi\n    return fastapi.FastAPI()\n"
HELPER = b"size = 3\n"
# Nobody can tell what these bind without importing them, which fails then.
BROKEN = [b"def create_app(:\n", b"x = '\0'\n", b"\xff\xfe\n", b"# coding: nonsense\n", b"x = " + b"(" * 500]

Tree = dict[str, "bytes | Link | Tree"]


@dataclass(frozen=True)
class Link:
    """A symbolic link: to nothing, to the folder that it is in, or to an app or a module outside of the tree."""

    to: str


FOLDERS = (Link("app"), Link("itself"))
TARGETS = {"nothing": "nowhere", "itself": ".", "app": "{outside}/app", "module": "{outside}/module.py"}


def write(folder: Path, tree: Tree, outside: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, inner in tree.items():
        if isinstance(inner, bytes):
            (folder / name).write_bytes(inner)
        elif isinstance(inner, Link):
            (folder / name).symlink_to(TARGETS[inner.to].format(outside=outside))
        else:
            write(folder / name, inner, outside)


@contextmanager
def written(tree: Tree) -> Iterator[Path]:
    """Write a tree as the package `apps` of a project without cornerstones, and give the project's folder."""
    with TemporaryDirectory() as temporary:
        root, outside = Path(temporary) / "project", Path(temporary) / "outside"
        write(outside, {"app": {"__init__.py": APP}, "module.py": APP}, outside)
        write(root, {"apps": tree, "settings.toml": b'[composer]\napps = ["apps"]\n'}, outside)
        yield root
        forget(Path(temporary))


def model(tree: Tree, path: str = "") -> dict[str, str]:
    """Return what each entry is that counts, by its path: an app, or the ID of what is wrong about it."""
    found: dict[str, str] = {}
    for name, inner in sorted(tree.items()):
        if not name.startswith(("_", ".")) and counts(name, inner, tree):
            found |= fate(f"{path}{name}", name, inner)
    return found


def counts(name: str, inner: "bytes | Link | Tree", around: Tree) -> bool:
    if isinstance(inner, Link) and inner.to in ("app", "itself"):
        return inner.to == "app" or holds_python(around)
    return holds_python(inner) if isinstance(inner, dict) else name.endswith(".py")


def holds_python(tree: Tree) -> bool:
    return any(
        holds_python(inner) if isinstance(inner, dict) else name.endswith(".py") and inner not in FOLDERS
        for name, inner in tree.items()
        if name == "__init__.py" or name[0] not in "_."
    )


def fate(path: str, name: str, inner: "bytes | Link | Tree") -> dict[str, str]:
    is_folder = isinstance(inner, dict) or (isinstance(inner, Link) and inner.to in ("app", "itself"))
    if not (name if is_folder else name.removesuffix(".py")).isidentifier():
        return {path: "C028"}
    if isinstance(inner, Link):
        return {path: {"nothing": "C008", "itself": "C061"}.get(inner.to, "app")}
    own = inner.get("__init__.py", HELPER) if isinstance(inner, dict) else inner
    if own == APP or own in BROKEN:
        return {path: "app" if own == APP else "C006"}
    visible = {key: each for key, each in inner.items() if key[0] not in "_."} if isinstance(inner, dict) else {}
    if isinstance(inner, dict) and any(is_part(key, each, inner) for key, each in visible.items()):
        return model(inner, f"{path}/")
    return {path: "C008"}


def is_part(name: str, inner: "bytes | Link | Tree", around: Tree) -> bool:
    if isinstance(inner, dict) or inner in (Link("app"), Link("itself")):
        return counts(name, inner, around)
    return name.endswith(".py") and inner in (APP, *BROKEN, Link("module"))


stems = st.sampled_from(["notes", "users", "v1", "v1.5", "a.b", "_parts", ".git", "__pycache__", "my-notes", "class"])
words = stems | st.sampled_from(["é", "名前", "x" * 60, "2fast", " ", "a b", "$", "notes\n", "Notes", "none", "import"])
contents = st.sampled_from([APP, APP, HELPER, b"", *BROKEN])
links = st.sampled_from([Link(to) for to in TARGETS])
files = contents | links.filter(lambda link: link.to != "app")
modules = st.dictionaries(words.map(lambda name: f"{name}.py"), files, max_size=3)
inits = st.sampled_from(
    [{}, {"__init__.py": b""}, {"__init__.py": APP}, {"__init__.py": BROKEN[0]}, {"README.md": b""}]
)


def joined(*parts: Tree) -> Tree:
    return {name: inner for part in parts for name, inner in part.items()}


folders = st.recursive(
    st.builds(joined, modules, inits),
    lambda inner: st.builds(joined, modules, st.dictionaries(words, inner | links, max_size=3), inits),
    max_leaves=6,
)
trees = st.builds(joined, modules, st.dictionaries(words | st.just("folder.py"), folders | links, max_size=4))


def key_of(place: Path, apps: Path) -> str:
    """Return a place as the model names it: a package by its folder."""
    return str((place.parent if place.name == "__init__.py" else place).relative_to(apps))


@settings(max_examples=examples(80))
@example({"a": {"b": Link("itself"), "notes.py": APP}, "c": Link("itself")})
@example({"v1.5": {"__init__.py": APP}, "v1": {"__init__.py": APP}})
@example({"notes.py": Link("nothing"), "users.py": Link("module"), "v1": Link("app")})
@example({"folder.py": Link("app"), "notes": Link("itself")})
@example({"v1": {"_parts": {"notes.py": APP}, ".git": {"users.py": APP}, "_parts.py": APP}})
@given(trees)
def test_a_tree_is_read_as_the_model_says(tree: Tree) -> None:
    with written(tree) as root:
        apps = root / "apps"
        found, rejected = discover("apps", [apps], "create_app")
        read = {key_of(one.file, apps): "app" for one in found}
        told = {key_of(Path(one.where), apps): one.id for _, one, _ in rejected}
        expected = model(tree)

    assert {**read, **told} == {key: {"C006": "app"}.get(value, value) for key, value in expected.items()}
    assert not read.keys() & told.keys()
    assert [one.name for one in found] == sorted(key.removesuffix(".py") for key in read)
    assert [one.module for one in found] == [f"apps.{one.name.replace('/', '.')}" for one in found]


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees)
def test_a_tree_is_composed_or_each_problem_has_its_place(project: WriteProject, tree: Tree) -> None:
    expected = model(tree)
    names = sorted(path.removesuffix(".py") for path, kind in expected.items() if kind == "app")
    wrong = {path for path, kind in expected.items() if kind != "app"}
    with written(tree) as root:
        try:
            app = composer.build(root / "settings.toml")
        except composer.CompositionError as error:
            places = {found.where.partition(":")[0].removesuffix("/__init__.py") for found in error.problems}
            doubled = {f"apps/{name}.py" for name in names if names.count(name) > 1}
            assert {f"apps/{path}" for path in wrong} <= places
            assert wrong or doubled
        else:
            assert (wrong, [built.name for built in composer.composition_of(app).plan.apps]) == (set(), names)


def test_a_link_to_the_folder_around_it_is_a_problem_however_many_there_are(tmp_path: Path) -> None:
    folder = tmp_path / "apps"
    write(folder, {"a": {"notes.py": APP}, "b": {"users.py": APP}}, tmp_path)
    (folder / "a" / "b").symlink_to(folder / "b")
    (folder / "b" / "a").symlink_to(folder / "a")

    found, rejected = discover("apps", [folder], "create_app")

    assert [one.name for one in found] == ["a/b/users", "a/notes", "b/a/notes", "b/users"]
    assert [(one.id, one.where.removeprefix(f"{folder}/")) for _, one, _ in rejected] == [
        ("C061", "a/b/a"),
        ("C061", "b/a/b"),
    ]


@pytest.mark.parametrize("where", ["apps", "apps/group", "apps/notes", "apps/group/users.py", "apps/notes/__init__.py"])
def test_what_nobody_may_read_is_a_problem_with_its_place(project: WriteProject, where: str) -> None:
    tree: Tree = {"notes": {"__init__.py": APP}, "group": {"__init__.py": b"", "users.py": APP}}
    with written(tree) as root, unreadable(root / where), pytest.raises(composer.CompositionError) as caught:
        composer.build(root / "settings.toml")

    assert {found.where.removesuffix("/__init__.py") for found in caught.value.problems} >= {
        where.removesuffix("/__init__.py")
    }


def test_a_name_that_is_no_text_is_told_in_text_that_can_be_printed(tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py"))
    file.write_bytes(APP)

    _, rejected = discover("apps", [tmp_path], "create_app")
    problems = [one.problem for one in rejected]

    assert [one.id for one in problems] == ["C028"]
    assert str(composer.CompositionError(problems)).encode()
    assert problems[0].where == f"{tmp_path}/caf\\xe9.py"


def test_a_sum_too_long_to_be_walked_is_left_for_the_import_to_tell(tmp_path: Path) -> None:
    write(tmp_path / "apps", {"notes.py": b"x = " + b"1 + " * 900 + b"1\n" + APP}, tmp_path)

    found, problems = discover("apps", [tmp_path / "apps"], "create_app")

    assert ([one.name for one in found], problems) == (["notes"], [])
