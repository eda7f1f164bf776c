"""The arguments of one factory: each parameter matched with a cornerstone, with the project, or with settings."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import Response

from composer._catalogue import problem
from composer._compat.pydantic import is_v1_model
from composer._model import App, Cornerstone, Problem, Project
from composer._project.problems import collected, composition_error
from composer._secrets import validation_errors
from composer._settings.table import Table, place_of
from composer._settings.validate import invalid_value, resolve_paths, unknown_key, validated
from composer._text import did_you_mean, listed, nearest
from composer._wire.asgi import looks_like_an_app
from composer._wire.types import (
    Parameter,
    factory_name,
    parameters_of,
    providers_of,
    qualified_names,
    takes_any_keyword,
    type_name,
)

# The type that each cornerstone provides, by its name.
Providers = Mapping[str, Any]

_PLAIN = (str, int, float, bool, Path)
_NO_TYPE = "Add a module to shared/ with a factory: def create_cornerstone() -> {0}: ..."


class MissingProvider(NamedTuple):
    """A type that no cornerstone provides, with the parameter or the `Shared` that requires it, and its place."""

    place: str
    parameter: str
    wanted: Any


Report = Problem | MissingProvider


class Requirements(NamedTuple):
    """The arguments of one factory: the values, and the names of the cornerstones, both by parameter.

    A factory with `reports` can't be called.
    """

    values: Mapping[str, Any] = {}
    cornerstones: Mapping[str, str] = {}
    reports: Sequence[Report] = ()


def requirements_of(part: App | Cornerstone, providers: Providers, project: Project) -> Requirements:
    """Match every parameter of a factory, and validate its settings; report all that is invalid."""
    reports: list[Report] = []
    parameters: list[Parameter] = []
    with collected(reports):
        check_factory(part.factory, part.place)
        parameters = parameters_of(part.factory, part.place)
    if reports:
        return Requirements(reports=reports)
    cornerstones: dict[str, str] = {}
    values: dict[str, Any] = {}
    models: list[Parameter] = []
    others: list[Parameter] = []
    for parameter in parameters:
        if names := providers_of(providers, parameter.wanted):
            with collected(reports):
                name, wanted = parameter.name, parameter.wanted
                cornerstones[name] = select_provider(names, parameter.marked, name, wanted, part.place)
        elif parameter.wanted is Project:
            values[parameter.name] = project
        elif is_v1_model(parameter.wanted) and (part.settings or not parameter.has_default):
            model = type_name(parameter.wanted)
            return Requirements(reports=[problem("C043", part.place, parameter=parameter.name, model=model)])
        else:
            is_model = inspect.isclass(parameter.wanted) and issubclass(parameter.wanted, BaseModel)
            (models if is_model else others).append(parameter)
    from_settings, problems = _settings_values(part, models, others, project)
    values |= {p.name: None for p in others if p.optional and not p.has_default} | from_settings
    reports += [*problems, *_unfilled(part, [p for p in others if p.name not in values and not p.has_default])]
    return Requirements(values, cornerstones, reports)


def check_factory(factory: Callable[..., Any], place: str) -> None:
    """Raise CompositionError for a factory that is asynchronous, a generator, or an app itself."""
    if kind := looks_like_an_app(factory):
        wanted = "a function that returns one"
        advice = f"Declare it as app, in place of factory{', with wsgi = true' if 'WSGI' in kind else ''}."
        raise composition_error("C057", place, key="factory", found=kind, wanted=wanted, advice=advice)
    # A generator function that contextlib's decorators wrap is one, too.
    function = inspect.unwrap(factory)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise composition_error("C033", place, factory=factory_name(factory))
    if inspect.iscoroutinefunction(function):
        raise composition_error("C010", place, factory=factory_name(factory))


def select_provider(names: list[str], marked: str | None, parameter: str, wanted: Any, place: str) -> str:
    """Return the one of these cornerstones that is named by the marker or the parameter, or the only one.

    Raises CompositionError if the marker names none of them, or if there are several and the parameter names none.
    """
    if (name := marked or parameter) in names:
        return name
    kind = type_name(wanted)
    if marked:
        missing, *others = [f"{kind} named {name!r}" for name in (marked, *names)]
        near, known = did_you_mean(marked, names), f"Types provided: {listed(others)}."
        raise composition_error("C012", place, wanted=missing, parameter=parameter, near=near, known=known)
    if len(names) > 1:
        known = listed(names)
        raise composition_error("C013", place, wanted=kind, parameter=parameter, known=known, first=names[0])
    return names[0]


def as_problems(reports: Iterable[Report], providers: Providers) -> list[Problem]:
    """Return the reports as problems: one for each type that is missing, however many parts require it."""
    problems: list[Problem] = []
    users: dict[tuple[str, str, str], list[MissingProvider]] = {}
    for report in reports:
        if isinstance(report, Problem):
            problems.append(report)
        else:
            name, types = qualified_names(report.wanted, providers.values())
            near = did_you_mean(name, types) or _advice(report.wanted)
            known = f"Types provided: {listed(types)}." if types else "" if near else _NO_TYPE.format(name)
            users.setdefault((name, near, known), []).append(report)
    for (name, near, known), (first, *others) in users.items():
        more = "".join(f", and by {each.parameter!r} in {each.place}" for each in others)
        parameter = first.parameter
        missing = problem("C012", first.place, wanted=name, parameter=parameter, more=more, near=near, known=known)
        problems.append(missing)
    return problems


def _advice(wanted: Any) -> str:
    """Return what to do instead of requiring a type that no cornerstone could provide, or ""."""
    if wanted in _PLAIN:
        return "Set its value in the settings, under that name."
    if not inspect.isclass(wanted):
        return ""
    if issubclass(wanted, HTTPConnection | Response):
        return "Factories are called before the first request: use it in a handler."
    if issubclass(wanted, Starlette):
        return "A factory creates its own app and returns it."
    if is_dataclass(wanted):
        return "Make it a pydantic model to fill it from the settings."
    return ""


def _unfilled(part: App | Cornerstone, unfilled: list[Parameter]) -> Iterable[Report]:
    # An invalid key of the settings has its own problem; its parameter doesn't get a second one.
    keys = set[str]() if isinstance(part.settings, BaseModel) else {*part.settings}
    keys |= {nearest(key, [p.name for p in unfilled]) for key in keys}
    for parameter in unfilled:
        if parameter.name not in keys and parameter.wanted is Any:
            near = "Make the method a @staticmethod." if parameter.name == "self" else ""
            factory = factory_name(part.factory)
            yield problem("C015", part.place, parameter=parameter.name, factory=factory, near=near)
        elif parameter.name not in keys:
            yield MissingProvider(part.place, parameter.name, parameter.wanted)


def _settings_values(
    part: App | Cornerstone, models: list[Parameter], others: list[Parameter], project: Project
) -> tuple[dict[str, Any], list[Problem]]:
    """Return the arguments that the settings provide: for the parameters that are models, else each key by its name."""
    settings = part.settings
    if isinstance(settings, BaseModel):
        accepting = {p.name: settings for p in models if isinstance(settings, p.wanted)}
        unused = [problem("C030", part.place, known=type(settings).__name__, factory=factory_name(part.factory))]
        return accepting, [] if accepting else unused
    if not models:
        return _keyword_values(part, settings, others, project)
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for parameter in models:
        if settings or not parameter.has_default:
            model, invalid = validated(parameter.wanted, settings, part.place)
            problems += invalid
            values[parameter.name] = resolve_paths(project.root, model)
    return values, problems


def _keyword_values(
    part: App | Cornerstone, settings: Mapping[str, Any], parameters: list[Parameter], project: Project
) -> tuple[dict[str, Any], list[Problem]]:
    """Validate each key by the annotation of the parameter of that name."""
    factory = factory_name(part.factory)
    place = settings.place if isinstance(settings, Table) else part.place
    annotations = {p.name: p.annotation for p in parameters}
    any_keyword = takes_any_keyword(part.factory)
    if settings and not annotations and not any_keyword:
        return {}, [problem("C030", place, known=listed(settings), factory=factory)]
    if isinstance(settings, Table):
        settings = settings.respelled(lambda path: () if path else annotations)
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in settings.items():
        where = place_of(settings, (key,), place)
        annotation = annotations.get(key, Any)
        if key not in annotations and not any_keyword:
            problems.append(unknown_key(where, key, annotations))
            continue
        try:
            values[key] = resolve_paths(project.root, _validator(annotation)(value))
        except ValidationError as error:
            why = "; ".join(reason for _, reason in validation_errors(error, value))
            problems.append(invalid_value(where, key, why, factory))
        except Exception as error:
            # A validator raised what pydantic doesn't expect; its text may contain the value.
            problems.append(problem("C034", where, model=f"{key!r} of {factory}", why=type(error).__name__))
    return values, problems


def _validator(annotation: Any) -> Callable[[Any], Any]:
    try:
        return TypeAdapter(annotation).validate_python
    except Exception:
        # pydantic has no schema for the type: the factory gets the value as it is written.
        return lambda value: value
