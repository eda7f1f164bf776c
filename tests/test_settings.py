"""settings.toml and the environment, laid over each other and validated."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, field_validator

from composer._model import Problem, Project
from composer._settings.models import AppTable, ComposerTable
from composer._settings.read import SettingsFile, environment_name, read_settings
from composer._settings.table import Table, place_of, quoted
from composer._settings.validate import resolve_paths, validated, validated_or_default
from tests.conftest import Project as WriteProject


class Server(BaseModel):
    host: str = ""
    port: int = 0


class Settings(BaseModel):
    size: int = 1
    key: SecretStr = SecretStr("")
    server: Server | None = None
    servers: list[Server] = []
    either: int | bool = 1
    renamed: str = Field("", alias="newName")
    respelled: str = Field("", validation_alias=AliasChoices("one", "two"))


def read(root: Path, env: str = "development") -> SettingsFile:
    settings, problems = read_settings(root / "settings.toml", env)
    assert problems == []
    assert settings is not None
    return settings


def problems_of(root: Path, env: str = "development") -> list[Problem]:
    return read_settings(root / "settings.toml", env)[1]


def whats(problems: list[Problem]) -> list[str]:
    return [problem.what for problem in problems]


def test_without_a_word_the_packages_are_apps_and_shared(project: WriteProject) -> None:
    root = project({"settings.toml": ""})

    settings = read(root)

    assert settings.composer == ComposerTable(
        title="composer", version="0.1.0", apps=["apps"], cornerstones=["shared"], only=None
    )
    assert settings.keys_set == frozenset()
    assert settings.project == Project(root, "development")
    assert settings.tables("apps", []) == {}


def test_the_file_of_the_environment_is_laid_over_settings_table_by_table(project: WriteProject) -> None:
    root = project(
        {
            "settings.toml": '[composer]\ntitle = "House"\n[apps.notes]\nprefix = "/n"\nenabled = false\n',
            "settings.production.toml": "[apps.notes]\nenabled = true\n[apps.users]\n",
        }
    )

    assert read(root, "production").tables("apps", []) == {"notes": {"prefix": "/n", "enabled": True}, "users": {}}
    assert read(root, "development").tables("apps", []) == {"notes": {"prefix": "/n", "enabled": False}}
    assert read(root, "production").composer.title == "House"


def test_the_environment_is_laid_over_both(project: WriteProject, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project({"settings.toml": '[composer]\ntitle = "a"\n[apps.notes.settings]\nsize = 1\nname = "x"\n'})
    monkeypatch.setenv("COMPOSER_TITLE", "b")
    monkeypatch.setenv("COMPOSER_ONLY", '["notes"]')
    monkeypatch.setenv("COMPOSER_APPS__NOTES__SETTINGS__SIZE", "2")
    monkeypatch.setenv("COMPOSER_APPS__USERS__PREFIX", "/u")

    settings = read(root)

    assert (settings.composer.title, settings.composer.only) == ("b", ["notes"])
    assert settings.tables("apps", ["users"]) == {
        "notes": {"settings": {"size": "2", "name": "x"}},
        "users": {"prefix": "/u"},
    }


def test_a_variable_reaches_the_key_that_reads_the_same_whatever_its_letters(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(
        {"settings.toml": '[apps.notes.settings]\nnewName = "a"\n[apps.notes.settings.labels]\nKeepIt = "x"\n'}
    )
    monkeypatch.setenv("COMPOSER_APPS__NOTES__SETTINGS__NEWNAME", "b")
    monkeypatch.setenv("COMPOSER_APPS__NOTES__SETTINGS__LABELS__KEEPIT", "y")
    monkeypatch.setenv("COMPOSER_APPS__NOTES__SETTINGS__LABELS__DONE", "z")

    settings = read(root).tables("apps", [])["notes"].table("settings")

    assert settings == {"newName": "b", "labels": {"KeepIt": "y", "done": "z"}}
    assert place_of(settings, ("newName",), "") == "environment COMPOSER_APPS__NOTES__SETTINGS__NEWNAME"


def test_a_variable_reaches_the_field_that_reads_the_same_whatever_its_letters(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project({"settings.toml": ""})
    monkeypatch.setenv("COMPOSER_APPS__NOTES__SETTINGS__NEWNAME", "b")
    monkeypatch.setenv("COMPOSER_APPS__NOTES__SETTINGS__SERVER__PORT", "80")

    settings = read(root).tables("apps", ["notes"])["notes"].table("settings")

    found, problems = validated(Settings, settings, "")
    assert (found and found.renamed, found and found.server, problems) == ("b", Server(port=80), [])
    monkeypatch.setenv("COMPOSER_APPS__NOTES__SETTINGS__NEWNAMES", "c")
    found, problems = validated(Settings, read(root).tables("apps", ["notes"])["notes"].table("settings"), "")
    assert (found, [(each.id, each.where) for each in problems]) == (
        None,
        [("C003", "environment COMPOSER_APPS__NOTES__SETTINGS__NEWNAMES")],
    )


def test_a_variable_reaches_the_app_whose_name_reads_the_same(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project({"settings.toml": ""})
    monkeypatch.setenv("COMPOSER_APPS__V1_HOUSE_PRICE__PREFIX", "/old")

    assert read(root).tables("apps", ["v1/house_price"]) == {"v1/house_price": {"prefix": "/old"}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0123", "0123"),
        ("true", "true"),
        ('["a", "b"]', ["a", "b"]),
        ('{"size": 3}', {"size": 3}),
        ("[not json", "[not json"),
        ("", ""),
    ],
)
def test_a_variable_stays_text_unless_it_is_a_list_or_a_table(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch, text: str, value: object
) -> None:
    root = project({"settings.toml": ""})
    monkeypatch.setenv("COMPOSER_CORNERSTONES__DB__VALUE", text)

    assert read(root).tables("cornerstones", []) == {"db": {"value": value}}


@pytest.mark.parametrize("name", ["COMPOSER_ENV", "COMPOSER_SETTINGS", "COMPOSER_TARGET"])
def test_what_is_read_before_there_are_settings_is_no_unknown_variable(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root = project({"settings.toml": ""})
    monkeypatch.setenv(name, "x")

    assert problems_of(root) == []


@pytest.mark.parametrize("name", ["COMPOSER_", "COMPOSER_APPS__", "COMPOSER_APPS____X", "COMPOSER_APS__NOTES__PREFIX"])
def test_any_other_variable_of_composer_is_a_problem(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root = project({"settings.toml": ""})
    monkeypatch.setenv(name, "hunter2")

    (problem,) = problems_of(root)

    assert (problem.id, problem.where) == ("C003", "the environment")
    assert problem.what == f"Unknown key '{name}'."


@pytest.mark.parametrize("line", ["apps = 3", "cornerstones = 3", "composer = 3", "[[apps]]\nprefix = '/a'"])
def test_something_else_in_the_place_of_a_table_is_a_problem(project: WriteProject, line: str) -> None:
    (problem,) = problems_of(project({"settings.toml": line}))

    assert (problem.id, problem.where) == ("C004", "settings.toml")
    assert problem.what.endswith(": it is not a table.")


@pytest.mark.parametrize(
    "text",
    ["title = ", "a = 1\na = 2", "a = " + "[" * 5000, f"a = {'1' * 5000}", "a" + ".a" * 3000 + " = 1", "\0"],
    ids=["no value", "twice", "deep", "long", "deep key", "null"],
)
def test_a_file_that_can_not_be_read_as_toml_is_a_problem_at_its_path(project: WriteProject, text: str) -> None:
    root = project({"settings.toml": text})

    settings, (problem,) = read_settings(root / "settings.toml", "development")

    assert settings is None
    assert (problem.id, problem.where) == ("C002", str(root / "settings.toml"))


def test_a_file_that_is_not_in_utf_8_is_a_problem(project: WriteProject) -> None:
    root = project({})
    (root / "settings.toml").write_bytes(b'a = "\xe9"')

    assert [problem.id for problem in problems_of(root)] == ["C002"]


@pytest.mark.parametrize("env", ["../x", "a/b", "x" * 300])
def test_a_strange_name_of_an_environment_is_no_crash(project: WriteProject, env: str) -> None:
    root = project({"settings.toml": ""})

    assert {problem.id for problem in problems_of(root, env)} <= {"C002", "C073"}


def test_a_wrong_key_of_composer_hides_no_other_problem_and_no_other_key(project: WriteProject) -> None:
    root = project({"settings.toml": '[composer]\ntitle = "House"\nversion = 1\n[app]\n'})

    settings, problems = read_settings(root / "settings.toml", "development")

    assert settings is not None
    assert (settings.composer.title, settings.composer.version) == ("House", "0.1.0")
    assert whats(problems) == [
        "Unknown key 'app'.",
        "Invalid value for 'version': Input should be a valid string.",
    ]


def test_each_value_knows_where_it_was_written(project: WriteProject, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(
        {
            "settings.toml": '[apps."v1/a"]\nprefix = "/a"\n[apps."v1/a".settings]\nx = 1\ny = 1\n',
            "settings.test.toml": '[apps."v1/a".settings]\nx = 2\n',
        }
    )
    monkeypatch.setenv("COMPOSER_APPS__V1_A__SETTINGS__Z", "3")

    table = read(root, "test").tables("apps", [])["v1/a"]

    assert table.place == 'settings.toml [apps."v1/a"]'
    assert place_of(table, ("prefix",), "") == 'settings.toml [apps."v1/a"]'
    assert place_of(table, ("settings", "x"), "") == 'settings.test.toml [apps."v1/a".settings]'
    assert place_of(table, ("settings", "y"), "") == 'settings.toml [apps."v1/a".settings]'
    assert place_of(table, ("settings", "z"), "") == "environment COMPOSER_APPS__V1_A__SETTINGS__Z"
    assert place_of(table.table("settings"), ("z",), "") == "environment COMPOSER_APPS__V1_A__SETTINGS__Z"
    assert place_of(table.table("settings"), ("w",), "") == 'settings.toml [apps."v1/a".settings]'


def test_a_value_of_a_plain_mapping_stands_where_its_owner_says() -> None:
    assert place_of({"size": 1}, ("size",), "app notes") == "app notes"


def test_a_table_knows_the_one_that_it_was_taken_from() -> None:
    whole = Table({"settings": {"size": 1}}, "settings.toml [apps.notes]")

    assert whole.table("settings").parent is whole
    assert whole.parent is None


@pytest.mark.parametrize(("name", "text"), [("notes", "notes"), ("v1/a", '"v1/a"'), ('a"b', '"a\\"b"'), ("ä", '"ä"')])
def test_a_name_is_quoted_as_toml_wants_it(name: str, text: str) -> None:
    assert quoted(name) == text


def test_the_environment_writes_a_name_with_underscores_and_capitals() -> None:
    assert environment_name("v1/house-price") == "V1_HOUSE_PRICE"


@pytest.mark.parametrize(
    ("values", "what", "hint"),
    [
        (
            {"siz": 1},
            "Unknown key 'siz'.",
            "Did you mean 'size'? Known keys: size, key, server, servers, either, newName, one, two.",
        ),
        ({"server": {"prt": 1}}, "Unknown key 'prt'.", "Did you mean 'port'? Known keys: host, port."),
        ({"servers": [{"prt": 1}]}, "Unknown key 'prt'.", "Did you mean 'port'? Known keys: host, port."),
        (
            {"renamed": "x"},
            "Unknown key 'renamed'.",
            "Did you mean 'newName'? Known keys: size, key, server, servers, either, newName, one, two.",
        ),
        (
            {"size": "hunter2"},
            "Invalid value for 'size': Input should be a valid integer, unable to parse string as an integer.",
            "Change the value, or the type that notes.py declares for it.",
        ),
        (
            {"key": 31337},
            "Invalid value for 'key': Input should be a valid string.",
            "Change the value, or the type that notes.py declares for it.",
        ),
        (
            {"servers": [{}, {"port": "x"}]},
            (
                "Invalid value for 'servers.1.port': "
                "Input should be a valid integer, unable to parse string as an integer."
            ),
            "Change the value, or the type that notes.py declares for it.",
        ),
        (
            {"either": "hunter2"},
            (
                "Invalid value for 'either': Input should be a valid integer, unable to parse string as an "
                "integer; Input should be a valid boolean, unable to interpret input."
            ),
            "Change the value, or the type that notes.py declares for it.",
        ),
    ],
    ids=["key", "nested", "in a list", "alias", "type", "secret", "type in a list", "union"],
)
def test_what_is_wrong_is_told_by_its_key_and_without_its_value(
    values: dict[str, object], what: str, hint: str
) -> None:
    model, (problem,) = validated(Settings, values, "notes.py")

    assert model is None
    assert (problem.where, problem.what, problem.hint) == ("notes.py", what, hint)


def test_a_key_that_is_missing_is_told_as_missing() -> None:
    class Needed(BaseModel):
        url: str
        server: Annotated[Server, Field()]

    _, problems = validated(Needed, Table({}, "settings.toml [cornerstones.db]"), "db.py")

    assert [(problem.where, problem.what) for problem in problems] == [
        ("settings.toml [cornerstones.db]", "Invalid value for 'url': it is required."),
        ("settings.toml [cornerstones.db]", "Invalid value for 'server': it is required."),
    ]


def test_a_model_that_says_what_to_do_with_other_keys_is_heeded() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")

    model, problems = validated(Open, {"size": 1}, "notes.py")

    assert problems == []
    assert model is not None
    assert model.model_extra == {"size": 1}


def test_a_validator_that_breaks_is_a_problem_without_the_value() -> None:
    class Broken(BaseModel):
        mode: str

        @field_validator("mode")
        @classmethod
        def known(cls, value: str) -> str:
            names: dict[str, str] = {}
            return names[value]

    _, (problem,) = validated(Broken, {"mode": "hunter2"}, "notes.py")

    assert (problem.id, problem.where, problem.what) == (
        "C034",
        "notes.py",
        "Settings validation failed for Broken: KeyError.",
    )


def test_a_model_that_can_not_be_made_is_a_problem() -> None:
    _, (problem,) = validated(BaseModel, {}, "notes.py")

    assert problem.id == "C034"
    assert problem.what.startswith("Settings validation failed for BaseModel: PydanticUserError: ")


def test_of_a_table_of_composer_a_wrong_value_counts_as_not_given() -> None:
    table = Table({"prefix": "/n", "enabled": "maybe", "prefx": "/m", "after": "users"}, "settings.toml [apps.notes]")

    own, problems = validated_or_default(AppTable, table)

    assert own == AppTable.model_validate({"prefix": "/n"})
    assert sorted(whats(problems)) == [
        "Invalid value for 'after': Input should be a valid list.",
        "Invalid value for 'enabled': Input should be a valid boolean, unable to interpret input.",
        "Unknown key 'prefx'.",
    ]


def test_every_relative_path_in_settings_starts_at_the_project() -> None:
    class Inner(BaseModel):
        model_config = ConfigDict(frozen=True)
        folder: Path = Path("in")

    class Files(BaseModel):
        root: Path = Path("var")
        other: Path = Path("/elsewhere")
        many: list[Path] = [Path("a"), Path("/b")]
        pair: tuple[Path, int] = (Path("c"), 1)
        named: dict[str, Path] = {"x": Path("d")}
        inner: Inner = Inner()
        maybe: Path | None = None

    root = Path("/srv/house")

    assert resolve_paths(root, Files()) == Files(
        root=root / "var",
        many=[root / "a", Path("/b")],
        pair=(root / "c", 1),
        named={"x": root / "d"},
        inner=Inner(folder=root / "in"),
    )
