"""Handlers that get a new object, or a query parameter, in place of a cornerstone."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from fastapi.params import Depends

from composer._catalogue import problem
from composer._compat.fastapi import parameters_of_request
from composer._model import Plan, Problem
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


def check_dependencies(plan: Plan, apps: Mapping[str, Any], project: Path) -> Iterator[Problem]:
    """Return a problem for each function that requires a cornerstone's type without `Shared`; `apps` are by place."""
    provided = [built.provides for built in plan.cornerstones]
    # The same parameter is one mistake, whatever the number of routes that depend on it.
    seen: set[tuple[Any, ...]] = set()
    uses = [(place, use) for place, app in apps.items() for each in dependants_of(app) for use in _uses(each, provided)]
    for place, use in uses:
        key = (use.parameter and id(use.caller), use.parameter, use.wanted)
        if key not in seen:
            seen.add(key)
            caller, parameter = _with_place(use.caller, project), use.parameter or "db"
            yield problem("C070", place, caller=caller, wanted=type_name(use.wanted), why=use.why, parameter=parameter)


def _uses(dependant: Any, provided: list[Any]) -> Iterator[_Use]:
    for parameter in parameters_of_request(dependant):
        if shared := _shared_in(getattr(parameter, "default", None)):
            why = f"the default of {parameter.name!r} is {shared}, which is an annotation"
            yield _Use(dependant.call, parameter.name, shared.wanted, why)
    for inner in getattr(dependant, "dependencies", ()):
        name = inner.name or ""
        if shared := _shared_in(inner.call):
            yield _Use(dependant.call, name, shared.wanted, f"Depends is given {shared}, which is an annotation")
        elif wanted := _provided(inner.call, provided):
            why = f"it depends on the class {type_name(inner.call)}, which FastAPI calls for each request"
            yield _Use(dependant.call, name, wanted, why)
        else:
            yield from _uses(inner, provided)


def _shared_in(value: Any) -> SharedDependency | None:
    """Return the dependency of a `Shared[...]` that is used as a value, not as an annotation."""
    if get_origin(value) is not Annotated:
        return None
    calls = [mark.dependency for mark in get_args(value)[1:] if isinstance(mark, Depends)]
    return next((call for call in calls if isinstance(call, SharedDependency)), None)


def _provided(call: Callable[..., Any] | None, provided: list[Any]) -> Any:
    """Return the type of a cornerstone that a class is related to: the same, a base of it, or a derived class."""
    if not inspect.isclass(call) or call.__module__ == "builtins":
        return None
    for offered in provided:
        if provides(offered, call):
            return call
    derived = [one for one in provided if inspect.isclass(one) and one.__module__ != "builtins" and one in call.__mro__]
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
