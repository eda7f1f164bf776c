"""One mistake is one problem, in any project: generated ones, each with one mistake planted."""

import itertools
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import composer
from composer import CompositionError
from tests.conftest import Project as WriteProject
from tests.conftest import examples, forget

HEAD = "[composer]\napps = ['apps']\ncornerstones = ['shared']\n"


@dataclass
class Part:
    """An app or a cornerstone: the parts of its module, and of its table in settings.toml."""

    name: str
    needs: list[str]
    factory: str
    returns: str
    file: str
    head: str = ""
    define: str = "def"
    body: str = "pass"
    keys: list[str] = field(default_factory=list)
    table: str = ""

    def text(self) -> str:
        imports = "".join(f"from shared.{name} import {name.title()}\n" for name in self.needs)
        parameters = ", ".join(f"{name}: {name.title()}" for name in self.needs)
        kind = "from fastapi import FastAPI" if self.returns == "FastAPI" else f"class {self.name.title()}: ..."
        signature = f"{self.define} {self.factory}({parameters}){self.returns and f' -> {self.returns}'}:"
        return f"{imports}{self.head}\n{kind}\n{signature}\n    {self.body}\n    return {self.name.title()}()\n"


@st.composite
def projects(draw: st.DrawFn) -> tuple[list[Part], list[Part]]:
    """Return the cornerstones and the apps of a project; each may need cornerstones that come before it."""
    stones: list[Part] = []
    for name in "abcd"[: draw(st.integers(1, 4))]:
        needs = draw(st.lists(st.sampled_from([stone.name for stone in stones]), unique=True)) if stones else []
        path = draw(st.sampled_from([f"shared/{name}.py", f"shared/{name}/__init__.py"]))
        stones.append(Part(name, needs, "create_cornerstone", name.title(), path, table=f"cornerstones.{name}"))
    apps: list[Part] = []
    for name in "wxyz"[: draw(st.integers(1, 4))]:
        needs = draw(st.lists(st.sampled_from([stone.name for stone in stones]), unique=True))
        place = draw(st.sampled_from(["{}.py", "{}/__init__.py", "v1/{}.py", "v1/{}/__init__.py"])).format(name)
        own = place.removesuffix(".py").removesuffix("/__init__")
        after = draw(st.lists(st.sampled_from([app.table[6:-1] for app in apps]), unique=True)) if apps else []
        keys = [f"prefix = '/p/{name}'", f"after = {after}"]
        returns = draw(st.sampled_from(["", "FastAPI"]))
        app = Part(name, needs, "create_app", returns, f"apps/{place}", keys=keys, table=f'apps."{own}"')
        app.head, app.body = "from fastapi import FastAPI", "return FastAPI()"
        apps.append(app)
    return stones, apps


# The mistake as fields of a part, for an app or a cornerstone; and the problem's ID.
IN_A_PART: list[tuple[dict[str, Any], str]] = [
    ({"head": "import nothing_like_it"}, "C006"),
    ({"head": "1 / 0"}, "C006"),
    ({"head": "from shared import nothing_like_it"}, "C006"),
    ({"head": "x = ("}, "C006"),
    ({"factory": "make"}, "C008"),
    ({"define": "async def"}, "C010"),
    ({"body": "raise RuntimeError"}, "C011"),
    ({"body": "raise SystemExit"}, "C011"),
    ({"body": "return 3"}, "C020"),
    ({"body": "yield"}, "C033"),
    ({"returns": "Nowhere"}, "C006"),
    ({"keys": ["startup_timeout = -1"]}, "C004"),
]
IN_AN_APP = [({"keys": [text]}, id) for text, id in {"prefx = '/a'": "C003", "prefix = 'a'": "C021"}.items()] + [
    ({"keys": ["after = ['nobody']"]}, "C025"),
    ({"keys": ["guard = 'nobody'"]}, "C058"),
    ({"needs": ["int"], "head": "Int = int"}, "C006"),
    ({"table": "apps.nobody", "keys": ["owner = 'me'"]}, "C031"),
]
IN_A_CORNERSTONE: list[tuple[dict[str, Any], str]] = [
    ({"returns": ""}, "C017"),
    ({"returns": "'Nowhere'"}, "C016"),
    ({"table": "cornerstones.nobody", "keys": ["startup_timeout = 3"]}, "C031"),
]
IN_SETTINGS = [
    ("'apps'", "'aps'", "C005"),
    ("'shared'", "'share'", "C005"),
    ("apps =", "app =", "C003"),
    ("=", "", "C002"),
]
NUMBERS = itertools.count()


def files_of(head: str, parts: list[Part]) -> dict[str, str]:
    tables = ["\n".join([f"[{part.table}]", *part.keys]) for part in parts if part.keys]
    packages = {"apps", "shared", *(part.file.rpartition("/")[0] for part in parts)}
    settings = {"settings.toml": "\n".join([head, *tables])}
    return settings | {f"{name}/__init__.py": "" for name in packages} | {part.file: part.text() for part in parts}


@given(projects(), st.sampled_from(["none", "settings", "app", "cornerstone"]), st.data())
@settings(max_examples=examples(400), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_mistake_is_one_problem(
    project: WriteProject, parts: tuple[list[Part], list[Part]], where: str, data: st.DataObject
) -> None:
    stones, apps = parts
    head, expected = HEAD, list[str]()
    if where == "settings":
        right, wrong, *expected = data.draw(st.sampled_from(IN_SETTINGS))
        head = head.replace(right, wrong, 1)
    elif where != "none":
        part = data.draw(st.sampled_from(apps if where == "app" else stones))
        mistakes = [*IN_A_PART, *(IN_AN_APP if where == "app" else IN_A_CORNERSTONE)]
        change, *expected = data.draw(st.sampled_from(mistakes))
        vars(part).update(change)
    folder = f"project{next(NUMBERS)}"
    files = {f"{folder}/{name}": text for name, text in files_of(head, [*stones, *apps]).items()}
    root = project(files) / folder
    try:
        problems = composer.composition_of(composer.build(root / "settings.toml")).warnings
    except CompositionError as error:
        problems = error.problems
    finally:
        forget(root)
    assert [problem.id for problem in problems] == expected, "\n".join(map(str, problems))
