"""A composition: its current plan, which may change while it serves."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar, cast

import anyio.to_thread
from starlette.types import ASGIApp

from composer._build.pages import install_own_pages
from composer._build.planner import Planner
from composer._dispatch.dispatcher import Dispatcher
from composer._dispatch.slot import Slot
from composer._dispatch.table import Table
from composer._dispatch.version import Version
from composer._documents.merged import Documents
from composer._documents.provider import Sources
from composer._lifecycle.run import Lifecycle
from composer._model import App, BuiltApp, Cornerstone, Notice, PartStatus, Plan, Problem
from composer._observe.health import Check
from composer._project.timings import PartRecorder
from composer._secrets import Secrets
from composer._stack.guard import Guard
from composer._stack.stack import app_stack, guards_of, inner_stack
from composer._text import did_you_mean, listed
from composer._wire.deferred import DeferredApp
from composer._wire.shared import SharedDependency, SharedObjects
from composer.errors import CompositionError

STATE: Final = "composition"

Provided = TypeVar("Provided")


class Composition:
    """Represent what was composed into a root app; `composer.composition_of(app)` returns it.

    Attributes:
        title: The title of the root app.
        apps: The apps as they were declared, in order of their names.
        cornerstones: The shared objects, by the names of their cornerstones.
        warnings: The warnings so far, without the ignored ones.

    Example:
        Replace an app of a running server by a new one of the same factory, for example to read other files::

            composition = composer.composition_of(app)
            await composition.restart("notes")
    """

    def __init__(self, planner: Planner, dispatcher: Dispatcher, secrets: Secrets) -> None:
        self.title = planner.root.title
        # All that is built, and what of it runs: a cornerstone that no app uses may be left out.
        self._whole = self.plan = Plan((), (), secrets)
        self._planner = planner
        self._dispatcher = dispatcher
        self._slots: dict[str, Slot] = {}
        self._guards: dict[str, Guard | None] = {}
        self._lock = asyncio.Lock()
        self.lifecycle = Lifecycle(lambda: self.plan, self._versions)
        sources = Sources(self._slots, self.lifecycle, self._guards, planner.project.root, secrets)
        self.documents = Documents(planner.root, lambda: self.plan, sources.of)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings so far, without the ignored ones: of the build, of the starts, and of deferred apps."""
        return tuple(self._planner.warnings.found)

    @property
    def apps(self) -> tuple[App, ...]:
        """The apps as they were declared, in order of their names."""
        return tuple(app.declared for app in self.plan.apps)

    @property
    def cornerstones(self) -> Mapping[str, Any]:
        """The shared objects, by the names of their cornerstones."""
        return MappingProxyType({built.name: built.value for built in self.plan.cornerstones})

    def get(self, wanted: type[Provided], name: str | None = None) -> Provided:
        """Return a shared object.

        Args:
            wanted: The type of the object.
            name: The name of its cornerstone, if several provide the type.

        Returns:
            The object that factories and handlers get by that type.

        Raises:
            LookupError: No cornerstone provides the type, or more than one.
        """
        return cast(Provided, SharedObjects(self.plan.cornerstones).find(SharedDependency(wanted, name)))

    def parts(self) -> list[PartStatus]:
        """Return the status of each part, in the order in which they start."""
        return self.lifecycle.parts()

    def load_deferred_apps(self) -> list[Notice]:
        """Import and build the apps that would otherwise wait for their start.

        Returns:
            What they changed of the whole process.

        Raises:
            CompositionError: Some can't be imported or built; the error has every problem, and the warnings.
        """
        recorder, problems = PartRecorder(), list[Problem]()
        for app in self.plan.apps:
            if isinstance(app.asgi, DeferredApp):
                try:
                    with recorder.of("import", "app", app.name):
                        app.asgi.load()
                except CompositionError as error:
                    problems += error.problems
        if problems:
            raise CompositionError([*problems, *self.warnings], self.title)
        return recorder.notices

    async def restart(self, name: str) -> None:
        """Build and start an app anew, and put it in the place of the one that serves.

        The factory is called again, with the same settings and the same shared objects. The former app serves until
        the new one is up; the requests that it still answers then have its `shutdown_timeout` to end, and its
        WebSockets are closed with 1012, so that their clients connect again. All other apps, their connections and the
        shared objects stay as they are. Modules are not imported again.

        The name may also be that of a cornerstone: then the apps and cornerstones that use it are built anew, too.

        Args:
            name: The name of the app, or of the cornerstone if no app has that name.

        Raises:
            LookupError: No app or cornerstone has that name.
            CompositionError: Something can't be built; the error has every problem. The former app goes on to serve,
                as for each of these errors.
            PartError: The factory returned the same object as before.
            StartupError: Something failed to start, or the server began to stop meanwhile.
            RuntimeError: The composition isn't running.

        Example:
            An endpoint of the root app that restarts an app::

                @app.post("/restart/{name}", dependencies=[Depends(operator)])
                async def restart(name: str) -> None:
                    await composer.composition_of(app).restart(name)
        """
        async with self._lock:
            apps = [built.declared for built in self._whole.apps]
            cornerstones = [built.declared for built in self._whole.cornerstones]
            parts: list[App | Cornerstone] = [*apps, *cornerstones]
            part = next((part for part in parts if part.name == name), None)
            if part is None:
                names = [part.name for part in parts]
                raise LookupError(f"no app or cornerstone {name!r}.{did_you_mean(name, names)} Known: {listed(names)}")
            retirement = await self._replace(apps, cornerstones, part)
        await asyncio.shield(retirement)

    async def change(self, apps: Sequence[App], cornerstones: Sequence[Cornerstone]) -> None:
        """Serve these apps and cornerstones from now on: what is declared as before, and all that it uses, stays.

        What is new or declared otherwise is built and started beside the others; what is left out or replaced is
        stopped after the switch. Raises as `restart` does, with everything as before.
        """
        async with self._lock:
            retirement = await self._replace(apps, cornerstones)
        await asyncio.shield(retirement)

    async def _replace(
        self, apps: Sequence[App], cornerstones: Sequence[Cornerstone], renewed: App | Cornerstone | None = None
    ) -> asyncio.Task[None]:
        """Build, start and switch; return the task that stops what was replaced."""
        self.lifecycle.current_run()
        whole = await anyio.to_thread.run_sync(
            self._planner.next_plan, apps, cornerstones, self._whole, renewed, abandon_on_cancel=True
        )
        plan = self._planner.used(whole)
        new = _new_parts(plan, self.plan)
        served = self._prepare(new, plan)
        versions = {name: one.version for name, one in served.items()}
        return await self.lifecycle.replace(new, versions, lambda: self._switch(whole, plan, served))

    def install(self, whole: Plan) -> None:
        """Serve a first plan: a switch from nothing, before anything has started."""
        plan = self._planner.used(whole)
        self._switch(whole, plan, self._prepare(plan, plan))

    def prepare_start(self) -> None:
        """Check and use the routes that were added to the root since the build; raise CompositionError if one fails."""
        self._planner.check_added_routes(self._whole)
        # A lock belongs to one event loop, and each run of a server may have another one.
        self._lock = asyncio.Lock()
        self.plan = self._planner.used(self._whole)

    def check_of(self, name: str) -> Check | None:
        """Return the readiness check of a cornerstone of the current plan; None where it has none."""
        return next((built.hook("check_ready") for built in self.plan.cornerstones if built.name == name), None)

    def _versions(self) -> dict[str, Version]:
        return {name: slot.version for name, slot in self._slots.items()}

    def _prepare(self, new: Plan, plan: Plan) -> "dict[str, _Served]":
        """Return a version of each new app, within all of its layers, and its guard."""
        guards = guards_of(plan._replace(apps=new.apps))
        for app in new.apps:
            install_own_pages(app)
            if isinstance(app.asgi, DeferredApp):
                app.asgi.finish = partial(self._finish_deferred_app, plan)
        return {
            app.name: _Served(Version(app_stack(app, plan, guards.get(app.name)), app.asgi), guards.get(app.name))
            for app in new.apps
        }

    def _finish_deferred_app(self, plan: Plan, built: BuiltApp, problems: list[Problem]) -> ASGIApp:
        self._planner.check_deferred_app(built, problems, plan)
        install_own_pages(built)
        return inner_stack(built, plan)

    def _switch(self, whole: Plan, plan: Plan, new: "Mapping[str, _Served]") -> None:
        """Make this plan the current one, in one step without an await: every request sees all of it or nothing."""
        self._whole, self.plan = whole, plan
        for name in self._slots.keys() - {app.name for app in plan.apps}:
            del self._slots[name], self._guards[name]
        for app in plan.apps:
            if app.name in new:
                version, self._guards[app.name] = new[app.name]
                slot = self._slots.get(app.name)
                if slot is not None and slot.prefix == app.prefix.rstrip("/"):
                    slot.version = version
                else:
                    self._slots[app.name] = Slot(app.prefix, app.name, version)
        self._dispatcher.table = Table.of(self._slots.values())
        self._dispatcher.shared = SharedObjects(whole.cornerstones)


class _Served(NamedTuple):
    """A version of an app, and its guard if it has one."""

    version: Version
    guard: Guard | None


def _new_parts(plan: Plan, current: Plan) -> Plan:
    """Return the parts of a plan that aren't the very same ones in the current plan."""
    known = {id(built) for built in (*current.cornerstones, *current.apps)}
    cornerstones = tuple(built for built in plan.cornerstones if id(built) not in known)
    return plan._replace(cornerstones=cornerstones, apps=tuple(built for built in plan.apps if id(built) not in known))
