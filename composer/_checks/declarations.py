"""Checks of the declared parts: names, prefixes, start order, ignored IDs, and the root's own routes."""

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from composer._catalogue import CATALOGUE, problem
from composer._compat.fastapi import iter_route_contexts
from composer._model import App, BuiltApp, Cornerstone, Problem
from composer._observe.health import LIVE, READY
from composer._settings.table import Table, place_of
from composer._text import dependency_path, did_you_mean, is_below, listed
from composer._wire.order import ordered

_INVALID_FORMS: Final = {
    "^(?!/)": "it does not start with '/'",
    "./$": "it ends with '/'",
    "//": "it has an empty segment",
    r"/\.\.?(?:/|$)": "it has a segment '.' or '..', which browsers remove",
    r"[\s?#%{}<>*\\\x00-\x1f]": "it has the character {!r}",
}


def check_declarations(
    cornerstones: Sequence[Cornerstone], apps: Sequence[App], names: Iterable[str], root: FastAPI, paths: Iterable[str]
) -> list[Problem]:
    """Return the problems of declared parts, before any of them is built; see the checks below for the parameters."""
    return [
        *(problem for parts in (cornerstones, apps) for problem in check_names(parts)),
        *check_prefixes(apps),
        *check_after(apps, names),
        *check_root(apps, root, paths),
        *check_ignored([*cornerstones, *apps]),
    ]


def check_names(parts: Sequence[App] | Sequence[Cornerstone]) -> list[Problem]:
    """Return a problem for every duplicate name."""
    first: dict[str, str] = {}
    problems = []
    for part in parts:
        if part.name in first:
            problems.append(problem("C027", part.place, name=part.name, other=first[part.name]))
        first.setdefault(part.name, part.place)
    return problems


def check_prefixes(apps: Sequence[App]) -> list[Problem]:
    """Return a problem for every invalid prefix, and for every duplicate one."""
    problems = []
    first: dict[str, App] = {}
    for app in apps:
        where = place_in_settings(app, "prefix")
        if why := _invalid_form(app.prefix):
            problems.append(problem("C021", where, prefix=app.prefix, why=why))
        elif (other := first.setdefault(app.prefix, app)) is not app:
            problems.append(problem("C022", where, prefix=app.prefix, other=f"{other.name} ({other.place})"))
    return problems


def place_in_settings(app: App, key: str) -> str:
    """Return the place of a key in an app's own table, or that of the app where settings don't set the key."""
    table = app.settings.parent if isinstance(app.settings, Table) else None
    return place_of(table, (key,), app.place) if table is not None and key in table else app.place


def _invalid_form(prefix: str) -> str:
    matches = ((re.search(pattern, prefix), why) for pattern, why in _INVALID_FORMS.items())
    return next((why.format(match.group()) for match, why in matches if match), "")


def check_after(apps: Sequence[App], names: Iterable[str]) -> list[Problem]:
    """Return a problem for every unknown name in an `after`, and for every circular start order.

    `names` are all existing apps: one that exists but isn't composed now is no problem.
    """
    known = sorted({*names, *(app.name for app in apps)})
    unknown = [(place_in_settings(app, "after"), name) for app in apps for name in app.after if name not in known]
    return _cycles(apps) + [
        problem("C025", where, key="after", name=name, near=did_you_mean(name, known), known=listed(known))
        for where, name in unknown
    ]


def check_ignored(parts: Iterable[App | Cornerstone]) -> list[Problem]:
    """Return a problem for every ID that a part ignores and that can't be ignored."""
    return [problem for part in parts for problem in check_ids(part.ignore, _place_of_ignore(part))]


def check_ids(ignored: Iterable[str], where: str) -> list[Problem]:
    """Return a problem for every ID that is unknown, or that of an error."""
    known = [id for id, entry in CATALOGUE.items() if entry.level == "warning"]
    return [
        problem(
            "C064",
            where,
            name=id,
            why="it is an error" if id in CATALOGUE else "unknown ID",
            near="" if id in CATALOGUE else did_you_mean(id, known),
        )
        for id in ignored
        if id not in known
    ]


def _place_of_ignore(part: App | Cornerstone) -> str:
    if isinstance(part, App):
        return place_in_settings(part, "ignore")
    # The keys of a cornerstone are beside its settings.
    return place_of(part.settings, ("ignore",), part.place) if isinstance(part.settings, Table) else part.place


def _cycles(apps: Sequence[App]) -> list[Problem]:
    _, cycles = ordered({app.name: sorted(app.after) for app in apps})
    places = {app.name: place_in_settings(app, "after") for app in reversed(apps)}
    return [problem("C026", places[cycle[0]], path=dependency_path(cycle)) for cycle in cycles]


def check_objects(apps: Iterable[BuiltApp]) -> list[Problem]:
    """Return a problem for every app that is the same object as an earlier one."""
    first: dict[int, BuiltApp] = {}
    problems = []
    for app in apps:
        other = first.setdefault(id(app.asgi), app)
        if other is not app:
            problems.append(problem("C038", app.declared.place, other=other.name))
    return problems


def check_shadows(problems: Sequence[Problem], root: Path) -> list[Problem]:
    """Return a problem for every file of the project that shadows a standard module, if an import has failed."""
    if str(root) not in sys.path or not any(
        isinstance(problem.error, ImportError | AttributeError) for problem in problems
    ):
        return []
    files = [file for file in sorted(root.glob("*.py")) if file.stem in sys.stdlib_module_names]
    return [problem("C052", file.name, file=file.name, name=file.stem) for file in files]


def check_root(apps: Sequence[App], root: FastAPI, probes: Iterable[str] = (LIVE, READY)) -> list[Problem]:
    """Return a problem for every route of the root, or path of `probes`, that an app would hide."""
    routes = [path for context in iter_route_contexts(root.routes) if (path := context.path)]
    problems = []
    for app in apps:
        owned = [*((route, "the root app") for route in routes), *((probe, "composer") for probe in probes)]
        hidden = [pair for pair in owned if app.prefix.strip("/") and is_below(pair[0], app.prefix)]
        where = place_in_settings(app, "prefix")
        problems += [problem("C023", where, prefix=app.prefix, route=route, owner=owner) for route, owner in hidden[:1]]
    return problems
