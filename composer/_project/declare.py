"""Phase one: the settings and the folders of a project become declared apps and cornerstones. Nothing is made yet."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from composer._catalogue import problem
from composer._model import App, Cornerstone, DeferredFactory, Document, Kind, Problem, Project
from composer._project.discover import Found, discover
from composer._project.importing import find_package, load, load_reference, shown
from composer._project.plugins import find_plugin, unusable
from composer._settings import (
    AppTable,
    CornerstoneTable,
    Section,
    SettingsFile,
    Table,
    place_of,
    quoted,
    validated_or_default,
)
from composer._text import did_you_mean, listed
from composer._timings import PartRecorder

OwnTable = TypeVar("OwnTable", AppTable, CornerstoneTable)

_FACTORY: dict[Section, str] = {
    "apps": "create_app",
    "cornerstones": "create_cornerstone",
}


class Declared:
    """What a project declares, and the problems of what it declares wrongly.

    `names` holds the name of every app that is there, also of those that are switched off or not asked for; `notes`
    what each import took, and what it changed of the process.
    """

    def __init__(self, apps: Iterable[App] = (), cornerstones: Iterable[Cornerstone] = ()) -> None:
        self.apps = list(apps)
        self.cornerstones = list(cornerstones)
        self.problems: list[Problem] = []
        self.names: list[str] = []
        self.recorder = PartRecorder()


def declare(settings: SettingsFile, only: Iterable[str] | None) -> Declared:
    """Discover the folders, lay the settings beside them, and import what is to be composed.

    With `only`, in the call or else in the settings, the apps of these names, and of the groups of these names, are
    composed; the others aren't imported.
    """
    declared = Declared()
    for stone in _parts(settings, "cornerstones", CornerstoneTable, declared.problems):
        factory = _factory(stone, settings, declared) if stone.own.enabled else None
        if factory is not None:
            declared.cornerstones.append(_cornerstone(stone, factory, settings.project))
    wanted, where = (settings.composer.only, "[composer] only") if only is None else (list(only), "only")
    for part in _parts(settings, "apps", AppTable, declared.problems):
        declared.names.append(part.found.name)
        chosen = part.own.enabled and is_wanted(part.found.name, wanted)
        factory = _factory(part, settings, declared) if chosen else None
        if factory is not None:
            document = _document(part, settings, declared.problems)
            declared.apps.append(_app(part, factory, document, settings))
    declared.problems += _unknown_names(wanted or (), where, declared.names)
    return declared


def _unknown_names(wanted: Iterable[str], where: str, names: list[str]) -> list[Problem]:
    return [
        problem("C025", where, key="only", name=name, near=did_you_mean(name, names), known=listed(names))
        for name in wanted
        if not any(is_wanted(there, [name]) for there in names)
    ]


def is_wanted(name: str, only: Iterable[str] | None) -> bool:
    """Tell whether an app is among those asked for: by its own name, or by that of a group that it is in."""
    return only is None or any(name == wanted or name.startswith(f"{wanted}/") for wanted in only)


@dataclass(frozen=True)
class _Part(Generic[OwnTable]):
    """One app or cornerstone that a folder or a table declares: what was found, composer's keys, the whole table."""

    section: Section
    found: Found
    own: OwnTable
    whole: Table

    @property
    def kind(self) -> Kind:
        """What it is, as messages call it."""
        return "app" if self.section == "apps" else "cornerstone"

    @property
    def is_declared_in_settings(self) -> bool:
        """Whether its table names what it is, rather than a folder."""
        return self.own.plugin is not None or self.own.factory is not None

    @property
    def is_deferred(self) -> bool:
        """Whether it is imported when it starts: a guest for which no other start is to wait."""
        return self.is_declared_in_settings and getattr(self.own, "startup", "wait") != "wait"

    def place(self, root: Path) -> str:
        """Return where it is declared: the table that names what it is, else the folder."""
        return self.whole.place if self.is_declared_in_settings else shown(self.found.file, root)


def _parts(
    settings: SettingsFile, section: Section, model: type[OwnTable], problems: list[Problem]
) -> list[_Part[OwnTable]]:
    folders: dict[str, Found] = _found(settings, section, problems)
    tables: dict[str, Table] = settings.tables(section, folders)
    parts: list[_Part[OwnTable]] = []
    for name in sorted({*folders, *tables}):
        whole = tables.get(name, Table({}, f"{settings.file.name} [{section}.{quoted(name)}]"))
        own, wrong = validated_or_default(model, whole)
        part = _Part(section, folders.get(name, Found(name, "", settings.file)), own, whole)
        if name in folders or part.is_declared_in_settings:
            problems += wrong
            parts.append(part)
        elif not _is_broken(settings, section, name, problems):
            problems.append(_unknown_table(section, name, whole, folders))
    return parts


def _unknown_table(section: Section, name: str, table: Table, folders: Iterable[str]) -> Problem:
    """Make the problem of a table that is for no app or cornerstone."""
    where = next(iter(table.places.values()), table.place)
    kind = section.removesuffix("s")
    inside = [folder for folder in folders if folder.startswith(f"{name}/")]
    near = f"Did you mean {inside[0]!r}?" if inside else did_you_mean(name, folders)
    return problem("C031", where, kind=kind, name=name, near=near, known=listed(folders))


def _is_broken(settings: SettingsFile, section: Section, name: str, problems: Iterable[Problem]) -> bool:
    """Tell whether discovery found the folder of that name wrong, which is a problem already."""
    wrong = {found.where for found in problems}
    places = [f"{package.replace('.', '/')}/{name}" for package in _packages(settings, section)]
    return any(wrong & {place, f"{place}.py", f"{place}/__init__.py"} for place in places)


def _packages(settings: SettingsFile, section: Section) -> Iterable[str]:
    return dict.fromkeys(settings.composer.apps if section == "apps" else settings.composer.cornerstones)


def _found(settings: SettingsFile, section: Section, problems: list[Problem]) -> dict[str, Found]:
    """Discover the folders of a section's packages, by name."""
    found: dict[str, Found] = {}
    for package in _packages(settings, section):
        if _is_left_out(settings, section, package):
            continue
        folders, missing = find_package(package, settings.project.root, section)
        problems += [missing] if missing else []
        more, wrong = discover(package, folders, _FACTORY[section])
        problems += [replace(one, where=shown(Path(one.where), settings.project.root)) for one in wrong]
        for one in more:
            if one.name in found:
                where, other = (shown(each.file, settings.project.root) for each in (one, found[one.name]))
                problems.append(problem("C027", where, name=one.name, other=other))
            found.setdefault(one.name, one)
    return found


def _is_left_out(settings: SettingsFile, section: Section, package: str) -> bool:
    """Tell whether a package that no setting names needn't be there: `shared`, or `apps` where tables name the apps."""
    needed = section in settings.given or (section == "apps" and not settings.sections["apps"])
    return not needed and not (settings.project.root / package).is_dir()


def _factory(part: _Part[Any], settings: SettingsFile, declared: Declared) -> Any:
    """Import the factory of a part, unless that is to be done when it starts."""
    if part.is_deferred:
        return DeferredFactory(partial(_imported, part, settings.project.root))
    with declared.recorder.of("import", part.kind, part.found.name):
        factory, wrong = _imported(part, settings.project.root)
    declared.problems += [wrong] if wrong else []
    return factory


def _imported(part: _Part[Any], root: Path) -> tuple[Any, Problem | None]:
    """Import the plugin or the factory that the table names, else the factory of the folder."""
    if part.own.plugin is not None:
        return _plugin(part, root)
    if part.own.factory is not None:
        return load_reference(part.own.factory, part.whole.place, root)
    return load(part.found.module, _FACTORY[part.section], shown(part.found.file, root), root)


def _plugin(part: _Part[Any], root: Path) -> tuple[Any, Problem | None]:
    where = place_of(part.whole, ("plugin",), "")
    if part.own.factory is not None:
        return None, problem("C056", where)
    plugin, wrong = find_plugin(part.kind, part.own.plugin, where)
    return load_reference(plugin.reference, where, root, partial(unusable, plugin, where)) if plugin else (None, wrong)


def _document(part: _Part[AppTable], settings: SettingsFile, problems: list[Problem]) -> Document:
    """Read the key `openapi`: a path inside the app starts with a slash, a function has a colon, all else is a file."""
    given = part.own.openapi
    if isinstance(given, bool) or given.startswith("/"):
        return given
    if ":" not in given:
        return Path(given)
    function, wrong = load_reference(given, place_of(part.whole, ("openapi",), ""), settings.project.root)
    problems += [wrong] if wrong else []
    return function if wrong is None else False


def _app(part: _Part[AppTable], factory: Any, document: Document, settings: SettingsFile) -> App:
    own, name = part.own, part.found.name
    return App(
        name,
        own.prefix if own.prefix is not None else f"/{name}",
        factory,
        settings=part.whole.table("settings"),
        startup=own.startup,
        on_failure=own.on_failure,
        startup_timeout=own.startup_timeout,
        shutdown_timeout=own.shutdown_timeout,
        after=tuple(own.after),
        max_concurrency=own.max_concurrency,
        request_timeout=own.request_timeout,
        max_body_size=own.max_body_size or settings.composer.max_body_size,
        path=own.path,
        location=own.location,
        wsgi=own.wsgi,
        guard=own.guard,
        guard_exempt=tuple(own.guard_exempt),
        ignore=tuple(own.ignore),
        openapi=document,
        owner=own.owner,
        description=own.description,
        where=part.place(settings.project.root),
    )


def _cornerstone(part: _Part[CornerstoneTable], factory: Callable[..., Any], project: Project) -> Cornerstone:
    return Cornerstone(
        part.found.name,
        factory,
        settings=part.whole.without(CornerstoneTable.model_fields),
        startup_timeout=part.own.startup_timeout,
        shutdown_timeout=part.own.shutdown_timeout,
        ignore=tuple(part.own.ignore),
        where=part.place(project.root),
    )
