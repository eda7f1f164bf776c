"""Making every object: cornerstones in the order in which they need each other, then the apps."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

from fastapi import FastAPI

from composer._asgi import is_app_not_factory
from composer._catalogue import problem
from composer._compat.cpython import is_protocol
from composer._compat.fastapi import reads_dependencies
from composer._model import (
    App,
    BuiltApp,
    BuiltCornerstone,
    Cornerstone,
    DeferredFactory,
    Plan,
    Problem,
    Project,
    errors_among,
)
from composer._project.importing import user_location
from composer._secrets import Secrets
from composer._text import dependency_path, did_you_mean, listed
from composer._timings import PartRecorder
from composer._wire.deferred import DeferredApp
from composer._wire.mountable import is_wsgi_itself, mountable
from composer._wire.order import ordered
from composer._wire.requirements import Providers, Requirements, not_given, requirements_of, select_provider
from composer._wire.shared import SharedDependency, shared_dependencies_of
from composer._wire.stand_ins import wrong_stand_in
from composer._wire.types import factory_name, made_name, providers_of, return_type_of, type_name


def wire(
    cornerstones: Sequence[Cornerstone],
    apps: Sequence[App],
    project: Project,
    overrides: Mapping[type, object],
) -> tuple[Plan, list[Problem]]:
    """Make all cornerstones and apps; return what could be made, and every problem.

    `overrides` gives objects instead of the cornerstones of these types, whose factories are then not called.
    """
    offers, problems = _offers(cornerstones)
    replaced, wrong = _replaced(offers, overrides)
    problems += wrong
    refused = {name for name, value in replaced.items() if wrong_stand_in(value, offers[name])}
    needs: dict[str, Requirements] = {}
    for part in cornerstones:
        if part.name in refused:
            needs[part.name] = Requirements(met=False)
        elif part.name in offers and part.name not in replaced:
            unusable = _unusable(part)
            needs[part.name], wrong = (
                (Requirements(met=False), [unusable]) if unusable else requirements_of(part, offers, project)
            )
            problems += wrong
    secrets = Secrets(each.known for each in needs.values())
    recorder = PartRecorder()
    usable = {name: value for name, value in replaced.items() if name not in refused}
    made, wrong = _make_cornerstones(cornerstones, offers, usable, needs, project, recorder)
    problems += wrong
    built = []
    for app in sorted(apps, key=lambda app: app.name):
        with recorder.of("build", "app", app.name):
            one, wrong = _make_app(app, offers, made, needs, project, secrets)
        problems += wrong
        built += [one] if one else []
    plan = Plan(tuple(made.values()), tuple(built), secrets, tuple(recorder.steps), tuple(recorder.notices))
    return plan, [_without(secrets, one) for one in problems]


def _without(secrets: Secrets, found: Problem) -> Problem:
    error = secrets.redacted(found.error) if found.error else None
    return replace(found, what=secrets.redact(found.what), hint=secrets.redact(found.hint), error=error)


def _offers(cornerstones: Sequence[Cornerstone]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the type that each cornerstone is asked for by."""
    offers, problems = {}, []
    for part in cornerstones:
        provided, missing = return_type_of(part.factory, part.place)
        if missing:
            problems.append(missing)
        else:
            offers[part.name] = provided
    return offers, problems


def _unusable(part: App | Cornerstone) -> Problem | None:
    """Return the problem of a factory that isn't a plain function, method, class or something else that is called."""
    # What contextlib's decorators make of a generator function is none itself.
    function = inspect.unwrap(part.factory)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return problem("C033", part.place, factory=factory_name(part.factory))
    if inspect.iscoroutinefunction(function):
        return problem("C010", part.place, factory=factory_name(part.factory))
    return None


def _replaced(offers: Providers, overrides: Mapping[type, object]) -> tuple[dict[str, object], list[Problem]]:
    replaced: dict[str, object] = {}
    problems = []
    for wanted, value in overrides.items():
        found = providers_of(offers, wanted)
        replaced |= dict.fromkeys(found, value)
        if not found:
            types = [type_name(provided) for provided in offers.values()]
            near = did_you_mean(type_name(wanted), types)
            problems.append(problem("C029", "overrides", wanted=type_name(wanted), near=near, known=listed(types)))
        why = [why for name in found if (why := wrong_stand_in(value, offers[name]))]
        problems += [problem("C071", "overrides", found=why[0], wanted=type_name(wanted))] if why else []
    return replaced, problems


def _make_cornerstones(
    cornerstones: Sequence[Cornerstone],
    offers: Providers,
    replaced: Mapping[str, object],
    needs: Mapping[str, Requirements],
    project: Project,
    recorder: PartRecorder,
) -> tuple[dict[str, BuiltCornerstone], list[Problem]]:
    parts = {part.name: part for part in cornerstones}
    order, problems = _ordered(parts, needs)
    made: dict[str, BuiltCornerstone] = {}
    for name in [name for name in order if name in offers]:
        part = parts[name]
        if name in replaced:
            made[name] = BuiltCornerstone(part, replaced[name], offers[name])
        elif needs[name].met and set(needs[name].cornerstones.values()) <= made.keys():
            with recorder.of("build", "cornerstone", name):
                value, wrong = _call(part, needs[name], made, project)
            wrong = wrong or _not_a(part, value, offers[name])
            problems += [wrong] if wrong else []
            made |= {} if wrong else {name: BuiltCornerstone(part, value, offers[name])}
    return made, problems


def _ordered(parts: Mapping[str, Cornerstone], needs: Mapping[str, Requirements]) -> tuple[list[str], list[Problem]]:
    """Order the cornerstones so that each comes after those that it needs; by name where nothing else decides."""
    graph = {name: sorted(needs.get(name, Requirements()).cornerstones.values()) for name in sorted(parts)}
    order, circles = ordered(graph)
    return order, [_cycle(circle, parts, needs) for circle in circles]


def _cycle(circle: list[str], parts: Mapping[str, Cornerstone], needs: Mapping[str, Requirements]) -> Problem:
    steps = [f"{circle[0]} ({parts[circle[0]].place})"]
    for asking, asked in pairwise(circle):
        parameter = next(p for p, name in needs[asking].cornerstones.items() if name == asked)
        steps.append(f"{asked}, for the parameter {parameter!r} of {asking}")
    return problem("C014", parts[circle[0]].place, path=dependency_path(steps))


def _call(
    part: App | Cornerstone, needs: Requirements, made: Mapping[str, BuiltCornerstone], project: Project
) -> tuple[Any, Problem | None]:
    """Call a factory with what it needs; return what it made, or the problem."""
    arguments = dict(needs.known) | {p: made[name].value for p, name in needs.cornerstones.items()}
    make: Callable[..., Any] = part.factory
    try:
        value = make(*_positional(make, arguments), **arguments)
    except (Exception, SystemExit) as error:
        return None, _raised(part, project, error)
    if inspect.iscoroutine(value):
        value.close()
        return None, problem("C010", part.place, factory=factory_name(part.factory))
    return value, None


def _raised(part: App | Cornerstone, project: Project, error: BaseException) -> Problem:
    place = user_location(error, project.root) or part.place
    return problem("C011", place, factory=factory_name(part.factory), error=error)


def _positional(factory: Callable[..., Any], arguments: dict[str, Any]) -> list[Any]:
    """Take out of the arguments those that the factory doesn't take by name."""
    parameters = inspect.signature(factory).parameters.values() if arguments else ()
    return [arguments.pop(p.name) for p in parameters if p.kind is p.POSITIONAL_ONLY and p.name in arguments]


def _not_a(part: Cornerstone, value: Any, provided: Any) -> Problem | None:
    checkable = inspect.isclass(provided) and not is_protocol(provided)
    if value is not None and (not checkable or isinstance(value, provided)):
        return None
    return problem(
        "C020",
        part.place,
        factory=factory_name(part.factory),
        found=made_name(value),
        wanted=type_name(provided),
    )


def _make_app(
    app: App,
    offers: Providers,
    made: Mapping[str, BuiltCornerstone],
    needs: Mapping[str, Requirements],
    project: Project,
    secrets: Secrets,
) -> tuple[BuiltApp | None, list[Problem]]:
    if isinstance(app.factory, DeferredFactory):
        # Nobody knows yet which cornerstones it uses.
        late = DeferredApp(app.name, partial(_make_late, app, app.factory, offers, made, needs, project, secrets))
        return BuiltApp(app, late, tuple(made)), _check_guard(app, offers, made)
    asgi, used, problems = _asgi_of(app, offers, made, project, secrets)
    if asgi is None or errors_among(problems):
        return None, problems
    problems += _check_guard(app, offers, made)
    used |= {app.guard} & offers.keys()
    # Where it isn't known what the handlers ask for, they may ask for all.
    used |= set() if not offers or reads_dependencies() else offers.keys()
    for demand in shared_dependencies_of(asgi):
        name, wrong = _demanded(app, demand, offers)
        used |= {name} if name else set()
        problems += [wrong] if wrong else []
    return BuiltApp(app, asgi, _with_all_below(used, made, needs)), problems


def _make_late(app: App, late: DeferredFactory, *others: Any) -> tuple[BuiltApp | None, list[Problem]]:
    factory, wrong = late.load()
    return (None, [wrong]) if wrong else _make_app(replace(app, factory=factory), *others)


def _asgi_of(
    app: App, offers: Providers, made: Mapping[str, BuiltCornerstone], project: Project, secrets: Secrets
) -> tuple[Any, set[str], list[Problem]]:
    """Return the ASGI app with the names of the cornerstones that its factory was given."""
    if is_app_not_factory(app.factory) or is_wsgi_itself(app.factory):
        asgi, wrong = mountable(app, app.factory)
        if app.settings:
            known = listed(app.settings) if isinstance(app.settings, Mapping) else type(app.settings).__name__
            wrong.append(problem("C030", app.place, known=known, factory="the app"))
        return asgi, set(), wrong
    if unusable := _unusable(app):
        return None, set(), [unusable]
    needs, problems = requirements_of(app, offers, project)
    secrets.learn(needs.known.values())
    used = set(needs.cornerstones.values())
    if problems or not used <= made.keys():
        return None, used, problems
    value, failed = _call(app, needs, made, project)
    asgi, problems = (None, [failed]) if failed else mountable(app, value)
    return asgi, used, problems


def _check_guard(app: App, offers: Providers, made: Mapping[str, BuiltCornerstone]) -> list[Problem]:
    if not app.guard:
        return []
    if app.guard not in offers:
        near, known = did_you_mean(app.guard, offers), listed(offers)
        return [problem("C058", app.place, name=app.guard, near=near, known=known)]
    guard = made.get(app.guard)
    if guard is None or callable(guard.value):
        return []
    return [problem("C059", app.place, name=app.guard, found=type(guard.value).__name__)]


def _demanded(app: App, demand: SharedDependency, offers: Providers) -> tuple[str | None, Problem | None]:
    """Return the name of the cornerstone that a handler's `Shared` asks for, or the problem."""
    if found := providers_of(offers, demand.wanted):
        return select_provider(demand.marked, str(demand), demand.wanted, found, app.place)
    return None, not_given(app.place, str(demand), demand.wanted, offers)


def check_root_dependencies(root: FastAPI, plan: Plan) -> list[Problem]:
    """Return a problem for all that the root's own handlers ask for by `Shared`, and no cornerstone of the plan is."""
    offers = {built.name: built.provides for built in plan.cornerstones}
    asking = App("root", "/", FastAPI, where="root")
    return [
        wrong for demand in shared_dependencies_of(root) for _, wrong in [_demanded(asking, demand, offers)] if wrong
    ]


def _with_all_below(
    used: Iterable[str], made: Mapping[str, BuiltCornerstone], needs: Mapping[str, Requirements]
) -> tuple[str, ...]:
    """Return the cornerstones used directly or through another one, in order of construction."""
    found: set[str] = set()
    left = list(used)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += needs.get(name, Requirements()).cornerstones.values()
    return tuple(name for name in made if name in found)
