"""The values of what Python declares, checked and read by the rules of settings.toml."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from fastapi import FastAPI
from pydantic import BaseModel

from composer._catalogue import problem
from composer._model import App, Cornerstone, Problem
from composer._project.declare import Declared
from composer._settings import AppTable, CornerstoneTable, Section, Table, validated_or_default

Part = TypeVar("Part", App, Cornerstone)


class _Rule(NamedTuple):
    """What a value has to be where settings.toml has none of that name, or one of another type.

    `text` says it in words, `instead` makes what counts in place of a wrong value.
    """

    types: tuple[Any, ...]
    text: str
    instead: Callable[[Any], Any]


_RULES = {
    "name": _Rule((str,), "a text", lambda part: str(part.name)),
    "prefix": _Rule((str,), "a text", lambda app: f"/{app.name}"),
    "factory": _Rule((Callable,), "something that can be called", lambda part: FastAPI),
    "settings": _Rule((dict, BaseModel, Mapping), "a mapping or a model's object", lambda part: {}),
    "openapi": _Rule(
        (bool, str, Path, Mapping, Callable), "a bool, a path, a document or a function", lambda app: True
    ),
}
_TABLES: dict[type, type[AppTable | CornerstoneTable]] = {App: AppTable, Cornerstone: CornerstoneTable}
_MADE_BY = {App: "App(name, prefix, factory)", Cornerstone: "Cornerstone(name, factory)"}
_LISTS = {App: "apps", Cornerstone: "cornerstones"}


def _ruled_here(kind: type[Part]) -> list[str]:
    return [field.name for field in fields(kind) if field.name in _RULES]


def _defaults(kind: type[Part]) -> dict[str, Any]:
    """Return the defaults of all that the table of such a part has the rule for."""
    ruled = _TABLES[kind].model_fields.keys() - _RULES
    return {field.name: field.default for field in fields(kind) if field.name in ruled}


_RULED_HERE = {App: _ruled_here(App), Cornerstone: _ruled_here(Cornerstone)}
_DEFAULTS = {App: _defaults(App), Cornerstone: _defaults(Cornerstone)}


def declared_in_python(apps: Iterable[App], cornerstones: Iterable[Cornerstone]) -> Declared:
    """Check and read the parts that compose() is given as tables of settings.toml are; the problems are in the result.

    A wrong value counts as not given, so that what else is wrong is found too. Text for a number is read as there.
    """
    of_apps: list[Problem] = []
    of_cornerstones: list[Problem] = []
    declared = Declared(_read(apps, App, of_apps), _read(cornerstones, Cornerstone, of_cornerstones))
    declared.problems += [*of_apps, *of_cornerstones]
    wrong: dict[Section, list[Problem]] = {"apps": of_apps, "cornerstones": of_cornerstones}
    declared.uncertain |= {section for section, problems in wrong.items() if problems}
    return declared


def _read(parts: Iterable[Part], kind: type[Part], problems: list[Problem]) -> list[Part]:
    right: list[Part] = []
    for index, part in enumerate(parts):
        if isinstance(part, kind):
            right.append(_with_read_values(part, kind, problems))
        else:
            problems.append(_misplaced(part, kind, f"{_LISTS[kind]}[{index}]"))
    return right


def _misplaced(found: Any, kind: type, where: str) -> Problem:
    wanted = "an App" if kind is App else "a Cornerstone"
    name = f"the class {found.__name__}" if isinstance(found, type) else type(found).__name__
    near = f"Move it to {_LISTS[type(found)]}." if type(found) in _LISTS else ""
    return problem("C062", where, found=name, wanted=wanted, near=near, key=_LISTS[kind], made=_MADE_BY[kind])


def _with_read_values(part: Part, kind: type[Part], problems: list[Problem]) -> Part:
    changed: dict[str, Any] = {}
    for key in _RULED_HERE[kind]:
        rule = _RULES[key]
        if not isinstance(getattr(part, key), rule.types):
            problems.append(problem("C004", part.place, key=key, why=f"it has to be {rule.text}", owner="composer"))
            changed[key] = rule.instead(part)
    # Whatever is as it was is right. For most that is all, and costs next to nothing.
    given = {key: value for key, default in _DEFAULTS[kind].items() if (value := getattr(part, key)) is not default}
    if given:
        own, wrong = validated_or_default(_TABLES[kind], Table(given, part.place))
        problems += wrong
        read = {key: tuple(value) if isinstance(value := getattr(own, key), list) else value for key in given}
        changed |= {key: value for key, value in read.items() if value != given[key]}
    return replace(part, **changed) if changed else part
