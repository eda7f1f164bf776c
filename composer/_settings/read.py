"""settings.toml and the environment: read, merged, and checked."""

import glob
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from composer._catalogue import problem
from composer._model import Problem, Project, Section
from composer._settings.environment import DEVELOPMENT, PRODUCTION, current_environment
from composer._settings.models import ComposerTable
from composer._settings.table import ENVIRONMENT, KeyPath, Table, merged_tables, nested, place_below, place_of
from composer._settings.validate import unknown_key, validated_or_default
from composer._text import did_you_mean, nearest

_PREFIX = "COMPOSER_"
_SECTIONS: tuple[Section, ...] = ("apps", "cornerstones")
# Variables of the command line, of the environment's name and of the switch of the fast path.
_NOT_SETTINGS = ("COMPOSER_ENV", "COMPOSER_SETTINGS", "COMPOSER_TARGET", "COMPOSER_FAST_PATH")


class SettingsFile(NamedTuple):
    """The settings before any app is known: the table [composer], and the others by section and name.

    `keys_set` are the keys of [composer] that are set, `environment` the tables that the environment sets. `misspelt`
    are the sections that an unknown table was meant for; `doubtful` also those whose packages an unknown key or an
    invalid value was meant for.
    """

    project: Project
    file: Path
    composer: ComposerTable
    keys_set: frozenset[str]
    sections: Mapping[Section, Table]
    environment: Mapping[Section, Table]
    misspelt: frozenset[Section] = frozenset()
    doubtful: frozenset[Section] = frozenset()

    def tables(self, section: Section, names: Iterable[str]) -> dict[str, Table]:
        """Return the tables of a section by name: those of the files, overridden by the environment.

        `names` are the names of the folders. Not every name can be written in the environment, where `v1/house_price`
        is V1_HOUSE_PRICE, so its tables belong to the name that is written like that.
        """
        files, environment = self.sections[section], self.environment[section]
        tables = {name: files.table(name) for name in files}
        known = {environment_name(name): name for name in [*tables, *names]}
        for key in environment:
            name = known.get(environment_name(key), key)
            table = tables.get(name, files.table(name))
            tables[name] = table.overridden_by(environment.table(key)).respelled(partial(_keys_at, table))
        return tables


def _keys_at(table: Mapping[str, Any], path: KeyPath) -> Iterable[str]:
    inner: Any = table
    for step in path:
        inner = inner.get(step) if isinstance(inner, Mapping) else None
    return inner if isinstance(inner, Mapping) else ()


def environment_name(name: str) -> str:
    """Return a name as the environment writes it."""
    return re.sub(r"\W", "_", name).upper()


def read_settings(file: Path, env: str) -> tuple[SettingsFile | None, list[Problem]]:
    """Read the settings of one project: the file, the one of that environment beside it, and the environment.

    Returns the settings, or None if a file can't be read, and every problem.
    """
    whole = Table({}, file.name)
    problems: list[Problem] = []
    own = file.parent / f"{file.stem}.{env}{file.suffix}"
    for layer in (file, own):
        try:
            if layer.is_file():
                values = tomllib.loads(layer.read_text(encoding="utf-8"))
                whole = whole.overridden_by(Table(values, layer.name, dict(_leaves(values, layer.name))))
            elif layer is file:
                return None, [problem("C001", str(file))]
        except OSError as error:
            return None, [problem("C002", str(layer), error=error)]
        except (ValueError, RecursionError) as error:
            problems.append(problem("C002", str(layer), error=error))
    if problems:
        return None, problems
    settings, problems = _validated(Project(file.parent, env), file, whole)
    return settings, [*_unknown_environment(file, env), *problems]


# Common short names of the two environments that need no file of their own.
_SHORT = {"dev": DEVELOPMENT, "develop": DEVELOPMENT, "local": DEVELOPMENT, "prod": PRODUCTION, "live": PRODUCTION}


def _unknown_environment(file: Path, env: str) -> list[Problem]:
    """Return a warning for an environment without a file, unless it needs none."""
    own = file.with_name(f"{file.stem}.{env}{file.suffix}").name if _is_name(env) else f"{file.stem}.NAME{file.suffix}"
    if env in (DEVELOPMENT, PRODUCTION) or (_is_name(env) and file.with_name(own).is_file()):
        return []
    pattern = f"{glob.escape(file.stem)}.*{glob.escape(file.suffix)}"
    names = [other.name[len(file.stem) + 1 : -len(file.suffix) or None] for other in sorted(file.parent.glob(pattern))]
    short = _SHORT.get(env.lower().strip(), "")
    near = f"Did you mean {short!r}?" if short else did_you_mean(env.strip(), [PRODUCTION, DEVELOPMENT, *names])
    variable = current_environment()[1]
    return [problem("C073", f"environment {variable}", variable=variable, name=env, near=near, file=own)]


def _is_name(env: str) -> bool:
    return bool(re.fullmatch(r"[\w.-]{1,100}", env))


def _leaves(values: Mapping[str, Any], place: str, path: KeyPath = ()) -> Iterable[tuple[KeyPath, str]]:
    for key, value in values.items():
        yield (*path, key), place
        if isinstance(value, Mapping):
            yield from _leaves(value, place_below(place, key), (*path, key))


def _validated(project: Project, file: Path, whole: Table) -> tuple[SettingsFile, list[Problem]]:
    environment, problems = _environment()
    known = ("composer", *_SECTIONS)
    unknown = [name for name in whole if name not in known]
    problems += [unknown_key(file.name, name, known) for name in unknown]
    _tables_in(whole.without(unknown), problems)
    sections: dict[Section, Table] = {name: _tables_in(whole.table(name), problems) for name in _SECTIONS}
    variables: dict[Section, Table] = {name: _tables_in(environment.table(name), problems) for name in _SECTIONS}
    head = whole.table("composer").overridden_by(environment.table("composer"))
    composer, invalid = validated_or_default(ComposerTable, head)
    problems += invalid
    keys_set = frozenset(composer.model_fields_set)
    meant = {nearest(name, known) for name in unknown}
    misspelt = frozenset(section for section in _SECTIONS if section in meant)
    doubtful = frozenset(_SECTIONS) if "composer" in meant else misspelt | _doubtful(head, keys_set)
    return SettingsFile(project, file, composer, keys_set, sections, variables, misspelt, doubtful), problems


def _doubtful(head: Table, keys_set: frozenset[str]) -> frozenset[Section]:
    """Return the sections whose packages an unknown key of [composer], or one with an invalid value, was meant for."""
    fields = ComposerTable.model_fields
    # A list under a key that is near to none may be one of packages.
    meant = {key if key in fields else nearest(key, fields) or isinstance(head[key], list) for key in head}
    return frozenset(section for section in _SECTIONS if section not in keys_set and meant & {section, True})


def _tables_in(section: Table, problems: list[Problem]) -> Table:
    """Return a section with its tables only; any other value is a problem."""
    others = [name for name, value in section.items() if not isinstance(value, Mapping)]
    for name in others:
        where = place_of(section, (name,), "")
        advice = "Write a table of that name, as in [apps.notes]."
        problems.append(problem("C004", where, key=name, why="it is not a table", advice=advice))
    return section.without(others)


def _environment() -> tuple[Table, list[Problem]]:
    """Read the variables that start with COMPOSER_, as one table with the three tables of settings.toml in it.

    A value stays text unless it starts a list or a table: a password of digits must not become a number.
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
            problems.append(unknown_key("the environment", variable, known))
            continue
        values = merged_tables(values, nested(keys, _decoded(text)))
        places[keys] = f"{ENVIRONMENT}{variable}"
    return Table(values, "the environment", places), problems


def _decoded(text: str) -> Any:
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
