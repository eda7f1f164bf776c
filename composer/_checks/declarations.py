"""What can be wrong among the declared apps themselves: names, prefixes, order, and the root's own routes."""

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from fastapi import FastAPI

from composer._catalogue import CATALOGUE, problem
from composer._compat.fastapi import iter_route_contexts
from composer._model import App, BuiltApp, Cornerstone, Problem
from composer._observe.health import LIVE, READY
from composer._settings.table import Table, place_of
from composer._text import dependency_path, did_you_mean, is_below, listed
from composer._wire.order import ordered


def check_names(parts: Sequence[App] | Sequence[Cornerstone]) -> list[Problem]:
    """Return a problem for every name that is given twice."""
    first: dict[str, str] = {}
    problems = []
    for part in parts:
        if part.name in first:
            problems.append(problem("C027", part.place, name=part.name, other=first[part.name]))
        first.setdefault(part.name, part.place)
    return problems


def check_prefixes(apps: Sequence[App]) -> list[Problem]:
    """Return a problem for every prefix of a bad form, and for every one that two apps want."""
    problems = []
    taken: dict[str, App] = {}
    for app in apps:
        where = place_in_settings(app, "prefix")
        if why := _wrong_form(app.prefix):
            problems.append(problem("C021", where, prefix=app.prefix, why=why))
        elif (other := taken.setdefault(app.prefix, app)) is not app:
            problems.append(problem("C022", where, prefix=app.prefix, other=f"{other.name} ({other.place})"))
    return problems


def place_in_settings(app: App, key: str) -> str:
    """Return where that key of an app's own table stands, or the app itself where nobody wrote it in settings."""
    table = app.settings.parent if isinstance(app.settings, Table) else None
    return place_of(table, (key,), app.place) if table is not None and key in table else app.place


def _wrong_form(prefix: str) -> str:
    if not prefix.startswith("/"):
        return "it does not start with '/'"
    if prefix == "/":
        return ""
    if prefix.endswith("/"):
        return "it ends with '/'"
    if "//" in prefix:
        return "it has an empty segment"
    if any(segment in (".", "..") for segment in prefix.split("/")):
        return "it has a segment that browsers remove"
    if bad := re.search(r"[\s?#%{}<>*\\\x00-\x1f]", prefix):
        return f"it has the character {bad.group()!r}"
    return ""


def check_after(apps: Sequence[App], names: Iterable[str]) -> list[Problem]:
    """Return a problem for every `after` that names no app, and for every circle of apps that wait for each other.

    `names` holds the apps that are there; one that is there but not composed now is passed over.
    """
    there = sorted({*names, *(app.name for app in apps)})
    known = listed(there)
    problems = [
        problem(
            "C025", place_in_settings(app, "after"), key="after", name=name, near=did_you_mean(name, there), known=known
        )
        for app in apps
        for name in app.after
        if name not in there
    ]
    return problems + _circles(apps)


def check_ignored(parts: Iterable[App | Cornerstone]) -> list[Problem]:
    """Return a problem for every ID in the `ignore` of a part that can't be ignored."""
    return [found for part in parts for found in check_ids(part.ignore, _place_of_ignore(part))]


def check_ids(ignored: Iterable[str], where: str) -> list[Problem]:
    """Return a problem for every ID that is none, or that of an error."""
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
    # The keys of a cornerstone stand beside its settings.
    return place_of(part.settings, ("ignore",), part.place) if isinstance(part.settings, Table) else part.place


def _circles(apps: Sequence[App]) -> list[Problem]:
    _, circles = ordered({app.name: sorted(app.after) for app in apps})
    places = {app.name: place_in_settings(app, "after") for app in reversed(apps)}
    return [problem("C026", places[circle[0]], path=dependency_path(circle)) for circle in circles]


def check_objects(apps: Iterable[BuiltApp]) -> list[Problem]:
    """Return a problem for every app that is the same object as another one."""
    first: dict[int, BuiltApp] = {}
    problems = []
    for app in apps:
        other = first.setdefault(id(app.asgi), app)
        if other is not app:
            problems.append(problem("C038", app.declared.place, other=other.name))
    return problems


def check_shadows(problems: Sequence[Problem], root: Path) -> list[Problem]:
    """Return a problem for every file of the project that hides a module of Python, where an import has failed.

    Where all could be imported, nothing misses what is hidden.
    """
    if str(root) not in sys.path or not any(
        isinstance(found.error, ImportError | AttributeError) for found in problems
    ):
        return []
    files = [file for file in sorted(root.glob("*.py")) if file.stem in sys.stdlib_module_names]
    return [problem("C052", file.name, file=file.name, name=file.stem) for file in files]


def check_root(apps: Sequence[App], root: FastAPI, probes: Iterable[str] = (LIVE, READY)) -> list[Problem]:
    """Return a problem for every route of the root, or path of `probes`, that an app would hide."""
    routes = [path for context in iter_route_contexts(root.routes) if (path := context.path)]
    problems = []
    for app in apps:
        hidden = [route for route in [*routes, *probes] if app.prefix.strip("/") and is_below(route, app.prefix)]
        where = place_in_settings(app, "prefix")
        problems += [problem("C023", where, prefix=app.prefix, route=route) for route in hidden[:1]]
    return problems
