"""Construction of all objects: cornerstones in the order of their dependencies, then the apps."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from composer._catalogue import problem
from composer._compat.cpython import is_protocol
from composer._compat.fastapi import reads_dependencies
from composer._model import App, BuiltApp, BuiltCornerstone, Cornerstone, DeferredImport, Plan, Problem, Project
from composer._project.importing import user_location
from composer._project.problems import collected, composition_error
from composer._project.timings import PartRecorder
from composer._secrets import Secrets
from composer._text import dependency_path, did_you_mean, listed
from composer._wire.asgi import is_app_object
from composer._wire.deferred import DeferredApp
from composer._wire.mountable import mountable
from composer._wire.order import ordered
from composer._wire.overrides import describe_invalid_override
from composer._wire.requirements import (
    MissingProvider,
    Providers,
    Report,
    Requirements,
    as_problems,
    requirements_of,
    select_provider,
)
from composer._wire.shared import shared_dependencies_of
from composer._wire.types import (
    factory_name,
    providers_of,
    return_type_of,
    takes_any_keyword,
    type_name,
    value_name,
)


def wire(
    cornerstones: Sequence[Cornerstone],
    apps: Sequence[App],
    project: Project,
    overrides: Mapping[type, object],
    kept: Plan | None = None,
) -> tuple[Plan, list[Problem]]:
    """Build all cornerstones and apps; return what could be built, and every problem.

    `overrides` maps types to objects that replace the cornerstones of these types, whose factories are not called.
    `kept` has the cornerstones that are built already, and the secrets that are known already.
    """
    builder = _Builder(project, kept or Plan((), (), Secrets()))
    reports = builder.build_cornerstones(cornerstones, overrides)
    built_apps = []
    for app in sorted(apps, key=lambda app: app.name):
        with builder.recorder.of("build", "app", app.name):
            built_apps.append(builder.build_app(app, reports))
    plan = Plan(
        tuple(builder.built.values()),
        tuple(built for built in built_apps if built),
        builder.secrets,
        tuple(builder.recorder.steps),
        tuple(builder.recorder.notices),
    )
    return plan, builder.problems_of(reports)


class _Builder:
    """The state of the second phase: what each cornerstone provides and requires, and what is built so far."""

    def __init__(self, project: Project, kept: Plan) -> None:
        self.built: dict[str, BuiltCornerstone] = {}
        self.secrets = kept.secrets
        self.recorder = PartRecorder()
        self._kept = {built.name: built for built in kept.cornerstones}
        self._project = project
        self._providers: dict[str, Any] = {}
        self._requirements: dict[str, Requirements] = {}

    def problems_of(self, reports: Iterable[Report]) -> list[Problem]:
        """Return the problems of these reports, with all secrets that are known redacted."""
        hide = self.secrets.redact
        return [
            replace(
                each, what=hide(each.what), hint=hide(each.hint), error=each.error and self.secrets.redacted(each.error)
            )
            for each in as_problems(reports, self._providers)
        ]

    def build_cornerstones(self, cornerstones: Sequence[Cornerstone], overrides: Mapping[type, object]) -> list[Report]:
        reports: list[Report] = []
        for part in cornerstones:
            with collected(reports):
                self._providers[part.name] = return_type_of(part.factory, part.place)
        replaced, problems = self._replaced(overrides)
        reports += problems
        for part in cornerstones:
            if part.name in self._providers and part.name not in replaced:
                requirements = requirements_of(part, self._providers, self._project)
                self._requirements[part.name] = requirements
                self.secrets.learn(requirements.values.values())
                reports += requirements.reports
        parts = {part.name: part for part in cornerstones}
        order, circles = ordered({name: sorted(self._required_by(name).values()) for name in sorted(parts)})
        reports += [self._circle(circle, parts) for circle in circles]
        for name in order:
            with collected(reports):
                self._build_cornerstone(parts[name], replaced)
        return reports

    def _required_by(self, name: str) -> Mapping[str, str]:
        return self._requirements[name].cornerstones if name in self._requirements else {}

    def _replaced(self, overrides: Mapping[type, object]) -> tuple[dict[str, object], list[Problem]]:
        replaced: dict[str, object] = {}
        problems = []
        replacements: dict[Any, object] = dict(overrides)
        for wanted, value in replacements.items():
            names = providers_of(self._providers, wanted)
            replaced |= dict.fromkeys(names, value)
            if not names:
                types = [type_name(provided) for provided in self._providers.values()]
                near = did_you_mean(type_name(wanted), types) if not isinstance(wanted, str) else "Use the type itself."
                problems.append(problem("C029", "overrides", wanted=type_name(wanted), near=near, known=listed(types)))
            invalid = [describe_invalid_override(value, self._providers[name]) for name in names]
            if any(invalid):
                problems.append(problem("C071", "overrides", found=max(invalid), wanted=type_name(wanted)))
        return replaced, problems

    def _circle(self, circle: list[str], parts: Mapping[str, Cornerstone]) -> Problem:
        steps = [f"{circle[0]} ({parts[circle[0]].place})"]
        for name, required in pairwise(circle):
            parameter = next(p for p, other in self._required_by(name).items() if other == required)
            steps.append(f"{required}, for the parameter {parameter!r} of {name}")
        return problem("C014", parts[circle[0]].place, path=dependency_path(steps))

    def _build_cornerstone(self, part: Cornerstone, replaced: Mapping[str, object]) -> None:
        if part.name in self._kept:
            self.built[part.name] = self._kept[part.name]
            return
        if part.name in replaced:
            value = replaced[part.name]
            if describe_invalid_override(value, self._providers[part.name]):
                return
        elif part.name in self._requirements and self._can_be_built(self._requirements[part.name]):
            with self.recorder.of("build", "cornerstone", part.name):
                value = self._call(part, self._requirements[part.name])
            _check_type(part, value, self._providers[part.name])
        else:
            return
        uses = self._with_indirect(self._required_by(part.name).values())
        self.built[part.name] = BuiltCornerstone(part, value, self._providers[part.name], uses)

    def _can_be_built(self, requirements: Requirements) -> bool:
        return not requirements.reports and self.built.keys() >= {*requirements.cornerstones.values()}

    def _call(self, part: App | Cornerstone, requirements: Requirements) -> Any:
        """Call a factory with its arguments and return the object; raise CompositionError if it fails."""
        arguments = dict(requirements.values) | {p: self.built[n].value for p, n in requirements.cornerstones.items()}
        # Not all parameters can be passed by name.
        parameters = inspect.signature(part.factory).parameters.values() if arguments else ()
        positional = [arguments.pop(p.name) for p in parameters if p.kind is p.POSITIONAL_ONLY and p.name in arguments]
        try:
            value = part.factory(*positional, **arguments)
        except (Exception, SystemExit) as error:
            place = user_location(error, self._project.root) or part.place
            name, near = factory_name(part.factory), ""
            if isinstance(error, TypeError) and takes_any_keyword(part.factory) and not arguments:
                near = f"If {name} wraps the factory, add @functools.wraps(factory) to it: it hides the parameters."
            raise composition_error("C011", place, factory=name, error=error, near=near) from error
        if inspect.iscoroutine(value):
            value.close()
            raise composition_error("C010", part.place, factory=factory_name(part.factory))
        return value

    def build_app(self, app: App, reports: list[Report]) -> BuiltApp | None:
        """Build one app, or return None; add its problems to the reports."""
        key = "factory" if app.app is None else "app"
        if isinstance(getattr(app, key), DeferredImport):
            reports += self._guard_problems(app)
            # It may use any of the cornerstones: its factory isn't imported yet.
            deferred = DeferredApp(app.name, partial(self._build_deferred, app, key))
            return BuiltApp(app, deferred, tuple(self.built))
        used: set[str] = set()
        asgi = None
        with collected(reports):
            asgi = self._asgi_of(app, used, reports)
        if asgi is None:
            return None
        reports += self._guard_problems(app)
        used |= {app.guard} & self._providers.keys()
        # Where FastAPI's dependencies can't be read, the handlers may use all of them.
        used |= set() if reads_dependencies() else self._providers.keys()
        used |= _used_by_handlers(asgi, app.place, self._providers, reports)
        return BuiltApp(app, asgi, self._with_indirect(used))

    def _build_deferred(self, app: App, key: str) -> tuple[BuiltApp | None, list[Problem]]:
        reports: list[Report] = []
        built = None
        with collected(reports):
            built = self.build_app(replace(app, **{key: getattr(app, key)()}), reports)
        return built, self.problems_of(reports)

    def _asgi_of(self, app: App, used: set[str], reports: list[Report]) -> ASGIApp | None:
        """Return the ASGI app, and add the names of the cornerstones that its factory uses to `used`."""
        itself = app.app if app.app is not None else app.factory if is_app_object(app.factory) else None
        if itself is not None:
            if app.settings:
                known = listed(app.settings) if isinstance(app.settings, Mapping) else type(app.settings).__name__
                reports.append(problem("C030", app.place, known=known, factory="the app"))
            return mountable(app, itself)
        requirements = requirements_of(app, self._providers, self._project)
        self.secrets.learn(requirements.values.values())
        used |= {*requirements.cornerstones.values()}
        reports += requirements.reports
        return mountable(app, self._call(app, requirements)) if self._can_be_built(requirements) else None

    def _guard_problems(self, app: App) -> list[Problem]:
        if app.guard and app.guard not in self._providers:
            near, known = did_you_mean(app.guard, self._providers), listed(self._providers)
            return [problem("C058", app.place, name=app.guard, near=near, known=known)]
        guard = self.built.get(app.guard)
        if guard is None or callable(guard.value):
            return []
        return [problem("C059", app.place, name=app.guard, found=type(guard.value).__name__)]

    def _with_indirect(self, used: Iterable[str]) -> tuple[str, ...]:
        """Return the cornerstones used directly or through another one, in order of construction."""
        names: set[str] = set()
        pending = list(used)
        while pending:
            name = pending.pop()
            if name not in names:
                names.add(name)
                pending += self._required_by(name).values()
        return tuple(name for name in self.built if name in names)


def _check_type(part: Cornerstone, value: Any, provided: Any) -> None:
    checkable = inspect.isclass(provided) and not is_protocol(provided)
    if value is None or (checkable and not isinstance(value, provided)):
        factory, wanted = factory_name(part.factory), type_name(provided)
        raise composition_error("C020", part.place, factory=factory, found=value_name(value), wanted=wanted)


def _used_by_handlers(app: Any, place: str, providers: Providers, reports: list[Report]) -> set[str]:
    """Return the names of the cornerstones that the handlers of an app require by `Shared`."""
    used: set[str] = set()
    for dependency in shared_dependencies_of(app):
        with collected(reports):
            if names := providers_of(providers, dependency.wanted):
                used.add(select_provider(names, dependency.marked, str(dependency), dependency.wanted, place))
            else:
                reports.append(MissingProvider(place, str(dependency), dependency.wanted))
    return used


def check_root_dependencies(root: FastAPI, plan: Plan) -> list[Problem]:
    """Return a problem for each `Shared` of the root's own handlers that no cornerstone of the plan provides."""
    providers = {built.name: built.provides for built in plan.cornerstones}
    reports: list[Report] = []
    _used_by_handlers(root, "root", providers, reports)
    return as_problems(reports, providers)
