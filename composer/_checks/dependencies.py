"""Handlers that get a new object, or a query parameter, in place of a cornerstone."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from fastapi import FastAPI
from fastapi.params import Depends

from composer._catalogue import problem
from composer._compat.fastapi import parameters_of_request
from composer._model import BuiltApp, Plan, Problem
from composer._project.importing import display_path
from composer._wire.shared import SharedDependency, dependants_of
from composer._wire.types import provides, type_name


class _Use(NamedTuple):
    """One parameter that doesn't get the cornerstone of its type.

    `caller` is the function or the class with the parameter. `parameter` is "" for an entry in the `dependencies` of a
    route or a router; `caller` is then the first handler with it.
    """

    caller: Any
    parameter: str
    wanted: Any
    why: str


def check_dependencies(plan: Plan, apps: Iterable[BuiltApp], project: Path) -> list[Problem]:
    """Return a problem for each function of the apps that requires a cornerstone's type without `Shared`."""
    offers = [built.provides for built in plan.cornerstones]
    seen: set[tuple[Any, ...]] = set()
    return [problem for app in apps for problem in _check(app.asgi, app.declared.place, offers, project, seen)]


def check_root_usage(plan: Plan, root: FastAPI, project: Path) -> list[Problem]:
    """Return the same for the routes of the root itself."""
    return list(_check(root, "root", [built.provides for built in plan.cornerstones], project, set()))


def _check(asgi: Any, place: str, offers: list[Any], project: Path, seen: set[tuple[Any, ...]]) -> Iterator[Problem]:
    for dependant in dependants_of(asgi):
        for use in _uses(dependant, offers):
            # The same parameter is one mistake, whatever the number of routes that depend on it.
            key = (use.parameter and id(use.caller), use.parameter, use.wanted)
            if key not in seen:
                seen.add(key)
                caller, parameter = _with_place(use.caller, project), use.parameter or "db"
                yield problem(
                    "C070", place, caller=caller, wanted=type_name(use.wanted), why=use.why, parameter=parameter
                )


def _uses(dependant: Any, offers: list[Any]) -> Iterator[_Use]:
    for parameter in parameters_of_request(dependant):
        if shared := _shared_in(getattr(parameter, "default", None)):
            why = f"the default of {parameter.name!r} is {shared}, which is an annotation"
            yield _Use(dependant.call, parameter.name, shared.wanted, why)
    for inner in getattr(dependant, "dependencies", ()):
        name = inner.name or ""
        if shared := _shared_in(inner.call):
            yield _Use(dependant.call, name, shared.wanted, f"Depends is given {shared}, which is an annotation")
        elif wanted := _provided(inner.call, offers):
            why = f"it depends on the class {type_name(inner.call)}, which FastAPI calls for each request"
            yield _Use(dependant.call, name, wanted, why)
        else:
            yield from _uses(inner, offers)


def _shared_in(value: Any) -> SharedDependency | None:
    """Return the dependency of a `Shared[...]` that is used as a value, not as an annotation."""
    if get_origin(value) is not Annotated:
        return None
    calls = [mark.dependency for mark in get_args(value)[1:] if isinstance(mark, Depends)]
    return next((call for call in calls if isinstance(call, SharedDependency)), None)


def _provided(call: Callable[..., Any] | None, offers: list[Any]) -> Any:
    """Return the type of a cornerstone that a class is related to: the same, a base of it, or a derived class."""
    if not inspect.isclass(call) or call.__module__ == "builtins":
        return None
    for offered in offers:
        if provides(offered, call):
            return call
    derived = [one for one in offers if inspect.isclass(one) and one.__module__ != "builtins" and one in call.__mro__]
    return next(iter(derived), None)


def _with_place(caller: Any, project: Path) -> str:
    """Return a function or a class with its file and line, where it has one."""
    name = getattr(caller, "__qualname__", type(caller).__qualname__).rpartition("<locals>.")[2]
    try:
        function = inspect.unwrap(caller)
        file, line = inspect.getfile(function), inspect.getsourcelines(function)[1]
    except (OSError, TypeError):
        return name
    return f"{name} ({display_path(Path(file), project)}:{line})"
