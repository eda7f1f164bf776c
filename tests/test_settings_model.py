"""Any mutation of a settings.toml that is right: it is composed, or a CompositionError tells what is wrong, and where.

Nothing else comes of it, no traceback of another kind above all.
"""

import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import composer
from tests.conftest import Project as WriteProject
from tests.conftest import examples

SECRET = "canary-5f2b"

SETTINGS = f"""
[composer]
title = "House"
version = "1.0"
apps = ["folder"]
cornerstones = ["common"]
max_body_size = "10MB"

[cornerstones.db]
url = "{SECRET}"
startup_timeout = 5.0

[apps.notes]
prefix = "/notes"
startup = "background"
shutdown_timeout = 3
on_failure = "degrade"
max_concurrency = 10
request_timeout = 2.5
after = ["v1/users"]
owner = "a team"

[apps.notes.settings]
page_size = 50
started = 2020-01-01
server = {{ host = "localhost", port = 1, ratio = 0.5 }}
servers = [{{ host = "a" }}, {{ host = "b" }}]

[apps."v1/users"]
enabled = true

[apps.again]
factory = "folder.notes:create_app"
prefix = "/again"
openapi = false
settings = {{ page_size = 5 }}
"""

FILES = {
    "common/db.py": """
        from pydantic import BaseModel, SecretStr

        class Settings(BaseModel):
            url: SecretStr = SecretStr("")

        class Database: ...

        def create_cornerstone(settings: Settings) -> Database:
            return Database()
        """,
    "folder/notes.py": """
        from datetime import date
        from fastapi import FastAPI
        from pydantic import BaseModel

        from common.db import Database

        class Server(BaseModel):
            host: str = ""
            port: int = 0
            ratio: float = 1.0

        class Settings(BaseModel):
            page_size: int = 10
            started: date | None = None
            server: Server = Server()
            servers: list[Server] = []

        def create_app(settings: Settings, db: Database) -> FastAPI:
            return FastAPI(title="Notes")
        """,
    "folder/v1/users.py": """
        from fastapi import FastAPI

        def create_app() -> FastAPI:
            return FastAPI(title="Users")
        """,
    "settings.toml": SETTINGS,
}

for_each_example = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(80))


def write_toml(value: Any) -> str:
    """Write a value as TOML, tables inline."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {write_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(write_toml, value)) + "]"
    if isinstance(value, bool | str):
        return json.dumps(value).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return str(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def document(tables: Mapping[str, Any]) -> bytes:
    return "".join(f"{json.dumps(key)} = {write_toml(value)}\n" for key, value in tables.items()).encode()


def outcome(root: Path, content: bytes) -> tuple[composer.Problem, ...]:
    """Compose a project with that settings.toml; return the problems, none where it was composed."""
    file = root / "settings.toml"
    file.write_bytes(content)
    try:
        composer.build(file)
    except composer.CompositionError as error:
        return error.problems or pytest.fail("an error without a problem")
    return ()


def are_told(problems: tuple[composer.Problem, ...]) -> bool:
    """Tell whether each problem has its place, and none tells the secret."""
    return all(
        found.where and found.what and found.hint and SECRET not in f"{found.where}{found.what}{found.hint}"
        for found in problems
    )


def test_the_file_that_is_mutated_here_is_right(project: WriteProject) -> None:
    assert outcome(project(FILES), SETTINGS.encode()) == ()
    assert outcome(project(FILES), document(tomllib.loads(SETTINGS))) == ()


def test_a_mutation_that_is_wrong_is_told_with_its_place(project: WriteProject) -> None:
    problems = outcome(project(FILES), SETTINGS.replace("page_size = 50", 'page_size = "many"').encode())
    assert [found.where for found in problems] == ["settings.toml [apps.notes.settings]"]


@st.composite
def with_other_bytes(draw: st.DrawFn) -> bytes:
    content = bytearray(SETTINGS.encode())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content) - 1))
        content[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(content)


@for_each_example
@given(with_other_bytes())
def test_with_other_bytes(project: WriteProject, content: bytes) -> None:
    assert are_told(outcome(project(FILES), content))


@st.composite
def with_other_lines(draw: st.DrawFn) -> bytes:
    lines = SETTINGS.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        taken = lines.pop(draw(st.integers(0, len(lines) - 1)))
        for _ in range(draw(st.integers(0, 2))):
            lines.insert(draw(st.integers(0, len(lines))), taken)
    return "\n".join(lines).encode()


@for_each_example
@given(with_other_lines())
def test_with_lines_dropped_doubled_and_moved(project: WriteProject, content: bytes) -> None:
    assert are_told(outcome(project(FILES), content))


WRONG_PATHS = [
    "",
    " ",
    ".",
    "..",
    "/",
    "//",
    "/a/../b",
    "../" * 50,
    "/notes\0",
    "/nul\0l.json",
    "/openapi.json",
    "x" * 300,
]
WRONG_NAMES = [
    "a:b",
    ":",
    "a.b:",
    "json:loads",
    "folder.notes:Settings",
    "sys:exit",
    "a\0b:c",
    "folder",
    "folder.notes",
]
WRONG_WORDS = ["folder..notes", ".folder", "common", "os.path", "0", "nan", "1e999", "10XB", "\0", "é", "{", "[["]
odd_texts = st.sampled_from([*WRONG_PATHS, *WRONG_NAMES, *WRONG_WORDS, "settings.toml"])
texts = odd_texts | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = (
    texts
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from([date(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every table and list in a document with each of its keys."""
    rows: list[Any] = []
    if isinstance(value, dict):
        rows = list(value.items())
    elif isinstance(value, list):
        rows = list(enumerate(value))
    return [(value, key) for key, _ in rows] + [place for _, inner in rows for place in places(inner)]


@st.composite
def with_other_values(draw: st.DrawFn) -> bytes:
    tables = tomllib.loads(SETTINGS)
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(places(tables) or [(tables, "composer")]))
        old = holder.pop(key) if isinstance(holder, dict) and key in holder else None
        new = draw(st.one_of(values, st.just(old or {}), st.just({"inside": old or ""}), st.just([old or ""])))
        if isinstance(holder, list):
            holder[key] = new
        elif draw(st.booleans()) or draw(st.booleans()):
            holder[draw(st.one_of(st.just(key), st.just(key), texts))] = new
    return document(tables)


@for_each_example
@example(document({"composer": {"title": ""}}))
@example(document({"composer": {"version": ""}}))
@example(document({"composer": {"apps": [""]}}))
@example(document({"composer": {"apps": [".folder"]}}))
@example(document({"composer": {"apps": ["a\0b"]}}))
@given(with_other_values())
def test_with_keys_renamed_values_of_another_type_and_tables_nested(project: WriteProject, content: bytes) -> None:
    assert are_told(outcome(project(FILES), content))


@for_each_example
@given(st.lists(texts, min_size=1, max_size=3), texts.filter(lambda text: "\0" not in text))
def test_with_variables_that_say_anything(project: WriteProject, names: list[str], value: str) -> None:
    root = project(FILES)
    variable = "__".join(["COMPOSER_APPS", *names]).replace("\0", "").replace("=", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(variable, value)
        assert are_told(outcome(root, SETTINGS.encode()))


def test_a_table_whose_name_is_too_long_for_a_folder_is_a_problem(project: WriteProject) -> None:
    settings = SETTINGS + f"\n[apps.{'x' * 300}]\nprefix = '/x'\n"

    with pytest.raises(composer.CompositionError, match="C031"):
        composer.build(project({**FILES, "settings.toml": settings}) / "settings.toml")


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000, "..", "", "settings.toml/inside"])
def test_with_a_settings_file_or_an_environment_that_no_file_can_be_named_after(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root = project(FILES)
    with pytest.raises(composer.CompositionError) as caught:
        composer.build(root / name)
    assert [found.id in ("C001", "C002") and bool(found.where) for found in caught.value.problems] == [True]
    monkeypatch.setenv("COMPOSER_ENV", name)
    assert are_told(outcome(root, SETTINGS.encode()))


@pytest.mark.parametrize("depth", [50, 500, 5000])
def test_with_tables_or_lists_nested_as_deep_as_one_likes(project: WriteProject, depth: int) -> None:
    root = project(FILES)
    for opening, closing in (("[", "]"), ("{a=", "}")):
        text = f"[apps.notes.settings]\npage_size = {opening * depth}1{closing * depth}\n"
        assert outcome(root, text.encode())
    assert outcome(root, f"[apps.notes.settings.{'.'.join('a' * depth)}]\n".encode())
