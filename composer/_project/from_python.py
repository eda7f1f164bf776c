"""Declarations in Python, checked and converted by the rules of settings.toml."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, TypeVar

from fastapi import FastAPI
from pydantic import BaseModel

from composer._catalogue import problem
from composer._model import App, Cornerstone, Problem, Section
from composer._project.declare import Declared, is_selected, unknown_names
from composer._settings.models import AppTable, CornerstoneTable, PartTable, shared_values
from composer._settings.table import Table
from composer._settings.validate import validated_or_default

Part = TypeVar("Part", App, Cornerstone)


class _Rule(NamedTuple):
    """The types of a value that settings.toml has no key for, or one of another type.

    `text` names them; `fallback` returns the value that replaces an invalid one.
    """

    types: tuple[Any, ...]
    text: str
    fallback: Callable[[Any], Any]


_RULES = {
    "name": _Rule((str,), "a string", lambda part: str(part.name)),
    "prefix": _Rule((str,), "a string", lambda app: f"/{app.name}"),
    "factory": _Rule((Callable, NoneType), "something that can be called", lambda part: FastAPI),
    "app": _Rule((Callable, NoneType), "something that can be called", lambda app: FastAPI()),
    "settings": _Rule((BaseModel, Mapping), "a mapping or a model's object", lambda part: {}),
    "openapi": _Rule(
        (bool, str, Path, Mapping, Callable), "a bool, a path, a document or a function", lambda app: True
    ),
}
_TABLES: dict[type, type[PartTable]] = {App: AppTable, Cornerstone: CornerstoneTable}
_SECTIONS: dict[type, Section] = {App: "apps", Cornerstone: "cornerstones"}
_CALLS = {App: "App(name, prefix, factory)", Cornerstone: "Cornerstone(name, factory)"}


def declared_in_python(apps: Iterable[App], cornerstones: Iterable[Cornerstone], only: list[str] | None) -> Declared:
    """Return the parts that compose() gets, checked and converted as tables of settings.toml are, and the problems.

    An invalid value is replaced by its default, so that other problems are found, too. With `only`, the apps and groups
    of these names are composed.
    """
    declared = Declared()
    every_app = _checked(apps, App, declared)
    declared.names += [app.name for app in every_app]
    declared.apps += [app for app in every_app if app.enabled and is_selected(app.name, only)]
    declared.cornerstones += [part for part in _checked(cornerstones, Cornerstone, declared) if part.enabled]
    declared.problems += unknown_names(only, "only", declared.names)
    return declared


def _checked(parts: Iterable[Part], kind: type[Part], declared: Declared) -> list[Part]:
    valid: list[Part] = []
    problems: list[Problem] = []
    for index, part in enumerate(parts):
        if isinstance(part, kind):
            valid.append(_converted(part, kind, problems))
        else:
            problems.append(_misplaced(part, kind, f"{_SECTIONS[kind]}[{index}]"))
    declared.problems += problems
    declared.uncertain |= {_SECTIONS[kind]} if problems else set()
    return valid


def _misplaced(value: Any, kind: type, where: str) -> Problem:
    wanted = "an App" if kind is App else "a Cornerstone"
    name = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
    near = f"Move it to {_SECTIONS[type(value)]}." if type(value) in _SECTIONS else ""
    return problem("C062", where, found=name, wanted=wanted, near=near, key=_SECTIONS[kind], call=_CALLS[kind])


def _converted(part: Part, kind: type[Part], problems: list[Problem]) -> Part:
    changed: dict[str, Any] = {}
    for key, rule in _RULES.items():
        if hasattr(part, key) and not isinstance(value := getattr(part, key), rule.types):
            why, advice = f"it is {type(value).__name__}", f"Pass {rule.text}."
            problems.append(problem("C004", part.place, key=key, why=why, advice=advice))
            changed[key] = rule.fallback(part)
    sources = [key for key in ("app", "factory") if getattr(part, key, None) is not None]
    if len(sources) > 1:
        problems.append(problem("C056", part.place, keys="app and factory"))
        changed["factory"] = None
    elif not sources:
        advice = "Pass a function that returns the object."
        problems.append(problem("C004", part.place, key="factory", why="it is required", advice=advice))
        changed["factory"] = FastAPI
    if getattr(part, "prefix", None) == "":
        changed["prefix"] = f"/{part.name}"
    # Most values are defaults, which need no validation.
    keys = [field.name for field in fields(kind) if getattr(part, field.name) is not field.default]
    values = {key: getattr(part, key) for key in keys if key not in _RULES and key != "where"}
    if values:
        table, invalid = validated_or_default(_TABLES[kind], Table(values, part.place))
        problems += invalid
        changed |= {key: value for key, value in shared_values(table).items() if value != values.get(key, value)}
    return replace(part, **changed) if changed else part
