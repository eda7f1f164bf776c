"""settings.toml and the environment: read, laid over each other, and validated, with the place of every value kept.

The environment stands over `settings.{COMPOSER_ENV}.toml`, and that over settings.toml. Values are never part of a
problem's text: any of them may be a secret.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    PydanticUserError,
    SecretStr,
    TypeAdapter,
    ValidationError,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, TomlConfigSettingsSource

from composer._model import MAX_BODY_SIZE, SHUTDOWN_TIMEOUT, STARTUP_TIMEOUT, OnFailure, Problem, Project, Startup
from composer._render import did_you_mean, listed
from composer._secrets import Secrets, secrets_below
from composer.errors import described, problem

Section = Literal["apps", "cornerstones"]
Model = TypeVar("Model", bound=BaseModel)
KeyPath = tuple[str, ...]

_PREFIX = "COMPOSER_"
_SECTIONS: tuple[Section, ...] = ("apps", "cornerstones")
# Read before there are settings: which environment, which file, and what the command line serves.
_NOT_SETTINGS = ("COMPOSER_ENV", "COMPOSER_SETTINGS", "COMPOSER_TARGET")


def _truth(value: Any) -> Any:
    """Read the words for true and false as what they say: the environment has no other way to write them."""
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _bytes(value: Any) -> Any:
    """Read a number of bytes, or a text like 10MB; what pydantic says about a wrong one repeats a part of it."""
    try:
        return TypeAdapter(ByteSize).validate_python(value)
    except ValidationError:
        raise ValueError("it is neither a number of bytes nor a text like 10MB or 16MiB") from None


Bytes = Annotated[int, Field(gt=0), BeforeValidator(_bytes)]


class ComposerTable(BaseModel):
    """The table `[composer]`: what is composed. Packages are import names, found from the settings' folder first.

    `max_body_size` is that of every app whose own table has none. `request_log` logs each request and gives it an id,
    `metrics` opens `/metrics` (with the extra `fastapi-composer[metrics]`).
    """

    model_config = ConfigDict(frozen=True)

    title: str = Field("composer", min_length=1)
    version: str = Field("0.1.0", min_length=1)
    apps: list[str] = ["apps"]
    cornerstones: list[str] = ["shared"]
    only: list[str] | None = None
    max_body_size: Bytes = MAX_BODY_SIZE
    request_log: bool = True
    metrics: bool = False


class AppTable(BaseModel):
    """The table `[apps.NAME]`: how one app is mounted, started, limited and stopped. Every key is optional.

    Times are in seconds. A `max_body_size` is a number of bytes, or a text like "10MB" or "16MiB".
    """

    model_config = ConfigDict(frozen=True)

    prefix: str | None = None
    enabled: bool = True
    factory: str | None = None
    startup: Startup = "wait"
    startup_timeout: float = Field(STARTUP_TIMEOUT, gt=0)
    shutdown_timeout: float = Field(SHUTDOWN_TIMEOUT, gt=0)
    on_failure: OnFailure = "abort"
    after: list[str] = []
    max_concurrency: int | None = Field(None, gt=0)
    request_timeout: float | None = Field(None, gt=0, allow_inf_nan=False)
    max_body_size: Bytes | None = None
    openapi: Annotated[bool | str, BeforeValidator(_truth)] = True
    owner: str = ""
    description: str = ""
    settings: dict[str, Any] = {}


class CornerstoneTable(BaseModel):
    """The keys of `[cornerstones.NAME]` that are composer's own; all others are the cornerstone's settings."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    factory: str | None = None
    enabled: bool = True
    startup_timeout: float = Field(STARTUP_TIMEOUT, gt=0)
    shutdown_timeout: float = Field(SHUTDOWN_TIMEOUT, gt=0)


class Table(dict[str, Any]):
    """A table of settings that remembers where it stands, and where each of its values does.

    `place` is the table's own place (`settings.toml [apps.notes]`), `places` the place of every value by its path
    below the table, `above` the table that it was taken from.
    """

    def __init__(self, values: Mapping[str, Any], place: str, places: Mapping[KeyPath, str] | None = None) -> None:
        super().__init__(values)
        self.place = place
        self.places = dict(places or {})
        self.above: Table | None = None

    def table(self, key: str) -> "Table":
        """Return the table under that key, empty where there is none."""
        inner = self.get(key)
        places = {path[1:]: place for path, place in self.places.items() if path[0] == key and len(path) > 1}
        table = Table(inner if isinstance(inner, Mapping) else {}, _below(self.place, key), places)
        table.above = self
        return table

    def without(self, keys: Iterable[str]) -> "Table":
        """Return the table without these keys."""
        dropped = set(keys)
        return Table({k: v for k, v in self.items() if k not in dropped}, self.place, self.places)

    def under(self, above: "Table") -> "Table":
        """Return the two laid over each other, table by table: where both have a value, the one above counts."""
        return Table(_merged(self, above), self.place, self.places | above.places)


@dataclass(frozen=True)
class SettingsFile:
    """All that was read, before any app is known: the table [composer], and the others by section and name.

    `given` holds the keys of [composer] that somebody wrote, `environment` the tables that the environment gives.
    """

    project: Project
    file: Path
    composer: ComposerTable
    given: frozenset[str]
    sections: Mapping[Section, Table]
    environment: Mapping[Section, Table]

    def tables(self, section: Section, names: Iterable[str]) -> dict[str, Table]:
        """Return the tables of a section by name: those of the files, with the environment laid over them.

        `names` are the names that discovery found. The environment can't write every name (`v1/house_price` is
        V1_HOUSE_PRICE there), so its tables go to the name that reads the same.
        """
        files, environment = self.sections[section], self.environment[section]
        tables = {name: files.table(name) for name in files}
        known = {environment_name(name): name for name in [*tables, *names]}
        for key in environment:
            name = known.get(environment_name(key), key)
            tables[name] = tables.get(name, files.table(name)).under(environment.table(key))
        return tables


def quoted(name: str) -> str:
    """Return a name as TOML writes it in a table's header."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def environment_name(name: str) -> str:
    """Return a name as the environment writes it."""
    return re.sub(r"\W", "_", name).upper()


def read_settings(file: Path, env: str) -> tuple[SettingsFile | None, list[Problem]]:
    """Read the settings of one project: the file, the one of that environment beside it, and the environment.

    Returns what was read, or None where there is nothing to go on with, and every problem that was found.
    """
    try:
        is_there = file.is_file()
    except OSError as error:
        return None, [problem("C002", str(file), error=error)]
    if not is_there:
        return None, [problem("C001", str(file))]
    whole = Table({}, file.name)
    problems: list[Problem] = []
    for layer in (file, file.parent / f"{file.stem}.{env}{file.suffix}"):
        try:
            whole = whole.under(_layer(layer)) if layer.is_file() else whole
        except (ValueError, OSError, RecursionError) as error:
            problems.append(problem("C002", str(layer), error=error))
    if problems:
        return None, problems
    return _checked(Project(file.parent, env), file, whole)


def _layer(file: Path) -> Table:
    values = TomlConfigSettingsSource(BaseSettings, toml_file=file)()
    return Table(values, file.name, dict(_leaves(values, file.name)))


def _leaves(values: Mapping[str, Any], place: str, path: KeyPath = ()) -> Iterable[tuple[KeyPath, str]]:
    for key, value in values.items():
        yield (*path, key), place
        if isinstance(value, Mapping):
            yield from _leaves(value, _below(place, key), (*path, key))


def _checked(project: Project, file: Path, whole: Table) -> tuple[SettingsFile | None, list[Problem]]:
    environment, problems = _environment()
    known = ("composer", *_SECTIONS)
    problems += [_unknown_key(file.name, name, known) for name in whole if name not in known]
    problems += _not_tables(whole.without(name for name in whole if name not in known))
    problems += [wrong for section in _SECTIONS for wrong in _not_tables(whole.table(section))]
    problems += [wrong for section in _SECTIONS for wrong in _not_tables(environment.table(section))]
    head = whole.table("composer").under(environment.table("composer"))
    composer, found = validated_or_default(ComposerTable, head)
    problems += found
    sections: dict[Section, Table] = {}
    variables: dict[Section, Table] = {}
    for section in _SECTIONS:
        sections[section] = _only_tables(whole.table(section))
        variables[section] = _only_tables(environment.table(section))
    return SettingsFile(project, file, composer, frozenset(composer.model_fields_set), sections, variables), problems


def _only_tables(section: Table) -> Table:
    return section.without([name for name, value in section.items() if not isinstance(value, Mapping)])


def _not_tables(section: Table) -> list[Problem]:
    wrong = [name for name, value in section.items() if not isinstance(value, Mapping)]
    return [
        problem("C004", place_of(section, (name,), ""), key=name, why="it is not a table", owner="composer")
        for name in wrong
    ]


def _environment() -> tuple[Table, list[Problem]]:
    """Read the variables that start with COMPOSER_, as one table with the three tables of settings.toml in it.

    pydantic-settings would do this too, but it reads a value of a table whose model it doesn't know as JSON, and a
    password of digits would become a number. So a value stays text here, unless it opens a list or a table.
    """
    values: dict[str, Any] = {}
    places: dict[KeyPath, str] = {}
    problems = []
    scalars = {f"{_PREFIX}{name.upper()}": name for name in ComposerTable.model_fields}
    for variable, text in sorted(os.environ.items()):
        section, *path = variable.upper().removeprefix(_PREFIX).split("__")
        if not variable.upper().startswith(_PREFIX) or variable.upper() in _NOT_SETTINGS:
            continue
        if path and section.lower() in _SECTIONS and all(path):
            keys: KeyPath = (section.lower(), *(step.lower() for step in path))
        elif variable.upper() in scalars:
            keys = ("composer", scalars[variable.upper()])
        else:
            known = [*scalars, *_NOT_SETTINGS, "COMPOSER_APPS__…", "COMPOSER_CORNERSTONES__…"]
            problems.append(_unknown_key("the environment", variable, known))
            continue
        values = _merged(values, _nested(keys, _decoded(text)))
        places[keys] = f"environment {variable}"
    return Table(values, "the environment", places), problems


def _nested(keys: KeyPath, value: Any) -> dict[str, Any]:
    first, *others = keys
    return {first: _nested(tuple(others), value) if others else value}


def _decoded(text: str) -> Any:
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _unknown_key(place: str, key: str, known: Iterable[str]) -> Problem:
    names = list(known)
    return problem("C003", place, key=key, near=did_you_mean(key, names), known=listed(names))


def _below(place: str, key: str) -> str:
    return f"{place[:-1]}.{quoted(key)}]" if place.endswith("]") else f"{place} [{quoted(key)}]"


def validated_or_default(model: type[Model], table: Table) -> tuple[Model, list[Problem]]:
    """Validate a table of composer's own, whose keys all have defaults: a wrong value counts as not given.

    So what else is wrong is found too.
    """
    found, problems = validated(model, table, "composer")
    if found is not None:
        return found, []
    right = {key: value for key, value in table.items() if validated(model, {key: value}, "")[0] is not None}
    return model.model_validate(right), problems


def validated(model: type[Model], table: Mapping[str, Any], owner: str) -> tuple[Model | None, list[Problem]]:
    """Validate a table by a model; unknown keys are forbidden unless the model itself says what to do with them.

    Returns the model, or None, with one problem for each wrong value and each unknown key.
    """
    try:
        return model.model_validate(dict(table), extra=model.model_config.get("extra") or "forbid"), []
    except ValidationError as error:
        return None, _invalid(model, table, owner, error)
    except Exception as error:
        # A validator raised what pydantic doesn't expect, and its text may hold the value; or it's no usable model.
        why = described(error) if isinstance(error, PydanticUserError) else type(error).__name__
        return None, [problem("C034", owner, model=model.__name__, why=why)]


def _invalid(model: type[BaseModel], table: Mapping[str, Any], owner: str, error: ValidationError) -> list[Problem]:
    """Return a problem for each unknown key, and one for each wrong value, with all that is wrong about it."""
    problems: list[Problem] = []
    reasons: dict[tuple[str, ...], list[str]] = {}
    # What a validator of the user's says may repeat the value.
    secrets = Secrets([SecretStr(text) for text in secrets_below(model, table)])
    for row in error.errors(include_input=False, include_url=False, include_context=False):
        loc = row["loc"]
        if row["type"] == "extra_forbidden":
            problems.append(_unknown_key(place_of(table, loc, owner), str(loc[-1]), _fields_at(model, loc[:-1])))
        else:
            missing = row["type"] == "missing"
            why = "it is missing" if missing else secrets.hidden(row["msg"].removeprefix("Value error, "))
            reasons.setdefault(_path_in(table, loc, missing), []).append(why)
    for path, found in reasons.items():
        where = place_of(table, path, owner)
        key, reason = ".".join(path), "; ".join(dict.fromkeys(found))
        problems.append(
            problem("C004", where, key=key, why=reason, owner=owner)
            if path
            else problem("C035", where, why=reason, owner=owner)
        )
    return problems


def _path_in(table: Mapping[str, Any], loc: tuple[int | str, ...], missing: bool) -> tuple[str, ...]:
    """Return a place that pydantic names as a path of keys in the table, without the steps that stand for types."""
    path: list[str] = []
    here: Any = table
    for step in loc:
        inside = step in here if isinstance(here, Mapping) else isinstance(here, list) and isinstance(step, int)
        if inside:
            here = here[step]
            path.append(str(step))
    return (*path, str(loc[-1])) if missing and loc else tuple(path)


def place_of(table: Mapping[str, Any], loc: tuple[int | str, ...], owner: str) -> str:
    """Return where a value of the table stands, or `owner` where the table came from no file."""
    if not isinstance(table, Table):
        return owner
    path = tuple(map(str, loc))
    near = [path[:length] for length in range(len(path), 0, -1) if path[:length] in table.places]
    return table.places[near[0]] if near else table.place


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return what may be written in the table at that place, as it is written there."""
    models = [model]
    for step in loc:
        fields = [info for each in models for name, info in each.model_fields.items() if step in _spelled(name, info)]
        models = [inner for info in fields for inner in _models_in(info.annotation)] if fields else models
    return [word for each in models for name, info in each.model_fields.items() for word in _spelled(name, info)]


def _spelled(name: str, info: FieldInfo) -> list[str]:
    alias = info.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return [choice for choice in choices if isinstance(choice, str)] or [name]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def with_paths_from(root: Path, value: Any) -> Any:
    """Return settings in which every relative Path starts at `root`; models, lists and tables are gone through."""
    if isinstance(value, Path):
        return root / value
    if isinstance(value, BaseModel):
        update = {name: with_paths_from(root, getattr(value, name)) for name in type(value).model_fields}
        return value.model_copy(update=update)
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(with_paths_from(root, item) for item in value)
    if isinstance(value, dict):
        return {key: with_paths_from(root, item) for key, item in value.items()}
    return value
