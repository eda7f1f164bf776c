"""What one factory is given: each parameter matched with a cornerstone, with the project, or with settings."""

import inspect
from collections.abc import Callable, Mapping
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
from composer._secrets import validation_errors
from composer._settings import Table, place_of, validated, with_paths_from
from composer._text import did_you_mean, listed, nearest
from composer._wire.types import (
    Parameter,
    factory_name,
    parameters_of,
    providers_of,
    qualified_names,
    takes_any_keyword,
    type_name,
)

Providers = Mapping[str, Any]

_PLAIN = (str, int, float, bool, Path)


class Requirements(NamedTuple):
    """The arguments of one factory: those known before anything is made, and those that are cornerstones.

    `cornerstones` maps the parameter to the cornerstone's name. Where the needs aren't `met`, there is a problem, and
    the factory is not called.
    """

    known: Mapping[str, Any] = {}
    cornerstones: Mapping[str, str] = {}
    met: bool = True


def requirements_of(part: App | Cornerstone, offers: Providers, project: Project) -> tuple[Requirements, list[Problem]]:
    """Match every parameter of a factory, and validate its settings; return the problems of all of them."""
    parameters, problems = parameters_of(part.factory, part.place)
    if problems:
        return Requirements(met=False), problems
    cornerstones: dict[str, str] = {}
    known: dict[str, Any] = {}
    models: list[Parameter] = []
    left: list[Parameter] = []
    for parameter in parameters:
        if found := providers_of(offers, parameter.wanted):
            chosen, doubt = select_provider(parameter.marked, parameter.name, parameter.wanted, found, part.place)
            problems += [doubt] if doubt else []
            cornerstones |= {parameter.name: chosen} if chosen else {}
        elif parameter.wanted is Project:
            known[parameter.name] = project
        elif inspect.isclass(parameter.wanted) and issubclass(parameter.wanted, BaseModel):
            models.append(parameter)
        elif is_v1_model(parameter.wanted) and (part.settings or not parameter.has_default):
            return Requirements(met=False), [_old_model(part, parameter)]
        else:
            left.append(parameter)
    given, wrong = _settings_for(part, models, left, project)
    known |= given
    problems += wrong
    known |= {p.name: None for p in left if p.optional and not p.has_default and p.name not in known}
    problems += _unfilled(part, [p for p in left if p.name not in known and not p.has_default], offers)
    return Requirements(known, cornerstones, met=not problems), problems


def _old_model(part: App | Cornerstone, parameter: Parameter) -> Problem:
    return problem("C043", part.place, parameter=parameter.name, model=type_name(parameter.wanted))


def select_provider(
    marked: str | None, asking: str, wanted: Any, found: list[str], place: str
) -> tuple[str | None, Problem | None]:
    """Choose among the cornerstones of the wanted type: the one that is named, or the only one."""
    kind, known = type_name(wanted), listed(found)
    if (named := marked or asking) in found:
        return named, None
    if marked:
        near = did_you_mean(marked, found)
        wanted, *others = [f"{kind} named {name!r}" for name in (marked, *found)]
        return None, problem("C012", place, wanted=wanted, parameter=asking, near=near, known=listed(others))
    if len(found) == 1:
        return found[0], None
    return None, problem("C013", place, parameter=asking, wanted=kind, known=known, first=found[0])


def not_given(place: str, parameter: str, wanted: Any, offers: Providers) -> Problem:
    """Make the problem of a type that no cornerstone is of."""
    name, types = qualified_names(wanted, offers.values())
    near = did_you_mean(name, types) or _advice(wanted)
    return problem("C012", place, wanted=name, parameter=parameter, near=near, known=listed(types))


def _advice(wanted: Any) -> str:
    """Return what to do instead of asking for a type that no cornerstone could ever be of, or ""."""
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


def _unfilled(part: App | Cornerstone, left: list[Parameter], offers: Providers) -> list[Problem]:
    # A key of the settings that is wrong has its problem already, and its parameter is not to have a second one.
    tried = set[str]() if isinstance(part.settings, BaseModel) else {*part.settings}
    tried |= {nearest(key, [p.name for p in left]) for key in tried}
    untyped = [p for p in left if p.wanted is Any and p.name not in tried]
    unknown = [p for p in left if p.wanted is not Any and p.name not in tried]
    factory = factory_name(part.factory)
    return [
        *(problem("C015", part.place, parameter=p.name, factory=factory, near=_of_a_method(p)) for p in untyped),
        *(not_given(part.place, p.name, p.wanted, offers) for p in unknown),
    ]


def _of_a_method(parameter: Parameter) -> str:
    return "Make the method a @staticmethod." if parameter.name == "self" else ""


def _settings_for(
    part: App | Cornerstone, models: list[Parameter], left: list[Parameter], project: Project
) -> tuple[dict[str, Any], list[Problem]]:
    """Return the arguments that settings give: the settings model, or keywords where the factory takes none."""
    if isinstance(part.settings, BaseModel):
        return _given_model(part, part.settings, models)
    if not models:
        return _keywords(part, part.settings, left, project)
    known: dict[str, Any] = {}
    problems: list[Problem] = []
    for parameter in models:
        if parameter.has_default and not part.settings:
            continue
        model, wrong = validated(parameter.wanted, part.settings, part.place)
        problems += wrong
        known[parameter.name] = with_paths_from(project.root, model)
    return known, problems


def _given_model(
    part: App | Cornerstone, settings: BaseModel, models: list[Parameter]
) -> tuple[dict[str, Any], list[Problem]]:
    providers_of = {p.name: settings for p in models if isinstance(settings, p.wanted)}
    if providers_of:
        return providers_of, []
    return {}, [problem("C030", part.place, known=type(settings).__name__, factory=factory_name(part.factory))]


def _keywords(
    part: App | Cornerstone, settings: Mapping[str, Any], left: list[Parameter], project: Project
) -> tuple[dict[str, Any], list[Problem]]:
    """Validate each key by the annotation of the parameter of that name."""
    factory = factory_name(part.factory)
    place = settings.place if isinstance(settings, Table) else part.place
    if settings and not left and not takes_any_keyword(part.factory):
        return {}, [problem("C030", place, known=listed(settings), factory=factory)]
    takes = {p.name: p.annotation for p in left}
    if isinstance(settings, Table):
        settings = settings.spelled(lambda path: () if path else takes)
    known: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in settings.items():
        where = place_of(settings, (key,), place)
        if key not in takes and not takes_any_keyword(part.factory):
            problems.append(problem("C003", where, key=key, near=did_you_mean(key, takes), known=listed(takes)))
            continue
        annotation = takes.get(key, Any)
        try:
            known[key] = with_paths_from(project.root, _adapter(annotation)(value))
        except ValidationError as error:
            why = "; ".join(said for _, said in validation_errors(error, value))
            problems.append(problem("C004", where, key=key, why=why, owner=factory))
        except Exception as error:
            # A validator raised what pydantic doesn't expect, and its text may hold the value.
            problems.append(problem("C034", where, model=f"{key!r} of {factory}", why=type(error).__name__))
    return known, problems


def _adapter(annotation: Any) -> Callable[[Any], Any]:
    try:
        return TypeAdapter(annotation).validate_python
    except Exception:
        # A type that pydantic has no schema for: the factory gets the value as it was written.
        return lambda value: value
