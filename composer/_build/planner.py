"""Phase two: a plan is built and checked, before anything is changed in the root."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from fastapi import FastAPI
from pydantic import ValidationError

from composer._build.warnings import Warnings
from composer._catalogue import problem
from composer._checks.check import check
from composer._checks.consequences import without_consequences
from composer._checks.declarations import check_declarations
from composer._compat.fastapi import reads_dependencies
from composer._documents.files import read_document_files
from composer._model import App, BuiltApp, BuiltCornerstone, Cornerstone, Plan, Problem, Project
from composer._observe.health import LIVE, READY
from composer._observe.metrics import METRICS, is_installed
from composer._project.declare import Declared
from composer._secrets import Secrets
from composer._settings.models import ComposerTable
from composer._wire.construct import wire
from composer._wire.shared import shared_dependencies_of
from composer.errors import PartError

Part = App | Cornerstone


@dataclass
class Planner:
    """Build and check the plans of one composition: the first one, and those that replace some of its parts.

    `only_used` leaves out the cornerstones that no app uses: they needn't be reachable then. `names` has all apps of
    the project, also those that aren't composed.
    """

    root: FastAPI
    project: Project
    table: ComposerTable
    overrides: Mapping[type, object]
    only_used: bool
    names: Collection[str] = ()

    def __post_init__(self) -> None:
        self.warnings = Warnings(self.table.ignore)

    def first_plan(self, declared: Declared) -> Plan:
        """Return the plan of what is declared; raise CompositionError with every problem."""
        self.names = declared.names
        apps, unread = self._complete(declared.apps)
        earlier = [*declared.problems, *unread, *self._check_metrics()]
        plan, problems = self._build(apps, declared.cornerstones, Plan((), (), Secrets()), earlier)
        problems = without_consequences(problems, declared.uncertain, declared.cornerstones)
        self.warnings.collect(problems, self.table.title, _causes(problems))
        recorder = declared.recorder
        return plan._replace(steps=(*recorder.steps, *plan.steps), notices=(*recorder.notices, *plan.notices))

    def next_plan(
        self, apps: Sequence[App], cornerstones: Sequence[Cornerstone], current: Plan, renewed: Part | None = None
    ) -> Plan:
        """Return the plan of other declarations, with the parts of the current one that stay: the very same objects.

        `renewed` is built anew although it is declared as before. Raises CompositionError with every problem, and
        PartError where a factory returns the same object as before: it can't be started beside itself.
        """
        apps, unread = self._complete(apps)
        kept = kept_parts(current, apps, cornerstones, renewed)
        plan, problems = self._build(apps, cornerstones, kept, unread)
        _check_renewed(plan, current, kept)
        self.warnings.collect(problems, self.table.title, _causes(problems))
        steps = {step[:3]: step for step in (*current.steps, *plan.steps)}
        notices = dict.fromkeys((*current.notices, *plan.notices))
        return plan._replace(steps=tuple(steps.values()), notices=tuple(notices))

    def _complete(self, apps: Iterable[App]) -> tuple[list[App], list[Problem]]:
        """Return the apps with the defaults of the composition and their documents' files read, and the problems."""
        size = self.table.max_body_size
        with_sizes = [replace(app, max_body_size=app.max_body_size or size) for app in apps]
        return read_document_files(with_sizes, self.project.root)

    def _build(
        self, apps: Sequence[App], cornerstones: Sequence[Cornerstone], kept: Plan, earlier: Iterable[Problem]
    ) -> tuple[Plan, list[Problem]]:
        """Return the plan, and all problems after the earlier ones."""
        self.warnings.ignore_at([*cornerstones, *apps])
        declarations = check_declarations(cornerstones, apps, self.names, self.root, self.probe_paths)
        names = {app.name for app in kept.apps}
        new_apps = [app for app in apps if app.name not in names]
        new, invalid = wire(cornerstones, new_apps, self.project, self.overrides, kept)
        plan = new._replace(apps=tuple(sorted((*kept.apps, *new.apps), key=lambda app: app.name)))
        problems = [*earlier, *declarations, *invalid]
        problems += check(plan, new, self.root, self.project.root, self.probe_paths, problems)
        return plan, problems

    @property
    def probe_paths(self) -> list[str]:
        """The paths that composer itself answers, besides those of the docs."""
        return [LIVE, READY, *([METRICS] if self.table.metrics else [])]

    def used(self, plan: Plan) -> Plan:
        """Return the plan without the cornerstones that aren't used, where those are left out."""
        if not self.only_used or shared_dependencies_of(self.root) or not reads_dependencies():
            return plan
        used = {name for app in plan.apps for name in app.uses}
        return plan._replace(cornerstones=tuple(built for built in plan.cornerstones if built.name in used))

    def check_added_routes(self, plan: Plan) -> None:
        """Check routes that were added to the root after the build; raise CompositionError where one can't work.

        It may conflict with an app, be hidden by one, or require what no cornerstone provides.
        """
        nothing = plan._replace(cornerstones=(), apps=())
        problems = check(plan, nothing, self.root, self.project.root, self.probe_paths)
        self.warnings.collect(problems, self.root.title)

    def check_deferred_app(self, built: BuiltApp, problems: Sequence[Problem], plan: Plan) -> None:
        """Check an app that is built only when it starts; raise CompositionError where it can't work."""
        apps = tuple(built if app.name == built.name else app for app in plan.apps)
        alone = plan._replace(cornerstones=(), apps=(built,))
        found = check(plan._replace(apps=apps), alone, None, self.project.root, (), problems)
        self.warnings.collect([*problems, *found], built.name)

    def _check_metrics(self) -> list[Problem]:
        if not self.table.metrics or is_installed():
            return []
        where, package = "[composer] metrics", "prometheus-client"
        return [problem("C040", where, wish="metrics is on", package=package, extra="metrics")]


def kept_parts(
    current: Plan, apps: Iterable[App], cornerstones: Iterable[Cornerstone], renewed: Part | None = None
) -> Plan:
    """Return the parts of the current plan that stay: declared as before, and so is all that they use."""
    parts: list[Part] = [*cornerstones, *apps]
    declared = {(type(part), part.name): part for part in parts}
    renewed_key = renewed and (type(renewed), renewed.name)
    names: set[str] = set()

    def stays(built: BuiltCornerstone | BuiltApp) -> bool:
        part = built.declared
        key = type(part), part.name
        is_same = key != renewed_key and declared.get(key) == part
        return is_same and names.issuperset(built.uses)

    # In order of construction, so that it is known of all that a cornerstone uses whether it stays.
    kept = []
    for built in current.cornerstones:
        if stays(built):
            kept.append(built)
            names.add(built.name)
    return current._replace(cornerstones=tuple(kept), apps=tuple(filter(stays, current.apps)), steps=(), notices=())


def _check_renewed(plan: Plan, current: Plan, kept: Plan) -> None:
    """Raise PartError where a part that was built anew is the object that is served."""
    kept_apps, kept_cornerstones = ({built.name for built in parts} for parts in (kept.apps, kept.cornerstones))
    old_apps = {built.name: built.asgi for built in current.apps if built.name not in kept_apps}
    old_values = {built.name: built.value for built in current.cornerstones if built.name not in kept_cornerstones}
    same = [("app", built.name) for built in plan.apps if built.asgi is old_apps.get(built.name)]
    same += [("cornerstone", built.name) for built in plan.cornerstones if built.value is old_values.get(built.name)]
    for kind, name in same:
        reason = "its factory returned the same object as before; it must create a new one"
        raise PartError(kind, name, "restart", reason)


def _causes(problems: Iterable[Problem]) -> BaseException | None:
    """Return the exceptions behind the problems, for the traceback."""
    errors = [each.error for each in problems if isinstance(each.error, Exception)]
    # A validation error shows the values that it was raised for, and those may be secrets.
    safe = [error for error in errors if not isinstance(error, ValidationError)]
    return ExceptionGroup("behind the problems", safe) if safe else None
