"""Phase one: the settings and the folders of a project become declared apps and cornerstones. Nothing is made yet."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from composer._catalogue import problem
from composer._model import App, Cornerstone, DeferredFactory, Document, Kind, Problem, Project
from composer._project.discover import Found, Rejected, discover
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
from composer._text import did_you_mean, is_below, listed, names_in, nearest
from composer._timings import PartRecorder

OwnTable = TypeVar("OwnTable", AppTable, CornerstoneTable)

_FACTORY: dict[Section, str] = {
    "apps": "create_app",
    "cornerstones": "create_cornerstone",
}

# The keys that say where an app comes from, and those that have to be known before it is made and put to its place.
_SOURCES = {"factory", "plugin"}
_DECISIVE = {"", "settings", "prefix", "wsgi", "guard", *_SOURCES}


class Declared:
    """What a project declares, and the problems of what it declares wrongly.

    `names` holds the name of every app that is there, also of those that are switched off or not asked for; `uncertain`
    the sections of which a problem keeps a part from being known; `recorder` what each import took, and what it changed
    of the process.
    """

    def __init__(self, apps: Iterable[App] = (), cornerstones: Iterable[Cornerstone] = ()) -> None:
        self.apps = list(apps)
        self.cornerstones = list(cornerstones)
        self.problems: list[Problem] = []
        self.names: list[str] = []
        self.uncertain: set[Section] = set()
        self.recorder = PartRecorder()


def declare(settings: SettingsFile, only: str | Iterable[str] | None) -> Declared:
    """Discover the folders, lay the settings beside them, and import what is to be composed.

    With `only`, in the call or else in the settings, the apps of these names, and of the groups of these names, are
    composed; the others aren't imported.
    """
    declared = Declared()
    for stone in _parts(settings, "cornerstones", CornerstoneTable, None, declared):
        factory = _factory(stone, settings, declared)
        if factory is not None:
            declared.cornerstones.append(_cornerstone(stone, factory, settings.project))
    wanted, where = (settings.composer.only, "[composer] only") if only is None else (names_in(only), "only")
    for part in _parts(settings, "apps", AppTable, wanted, declared):
        factory = _factory(part, settings, declared)
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
    """Return whether an app is among those asked for: by its own name, or by that of a group that it is in."""
    return only is None or any(is_below(name, wanted) for wanted in only)


@dataclass(frozen=True)
class _Part(Generic[OwnTable]):
    """One app or cornerstone that a folder or a table declares: what was found, composer's keys, the whole table.

    `is_missed` says that it has no table, and that one with an unknown name was probably to be its own.
    """

    section: Section
    found: Found
    own: OwnTable
    whole: Table
    is_missed: bool = False

    @property
    def kind(self) -> Kind:
        """What it is, as messages call it."""
        return "app" if self.section == "apps" else "cornerstone"

    @property
    def is_declared_in_settings(self) -> bool:
        """Whether its table names what it is, rather than a folder."""
        return self.own.plugin is not None or self.own.factory is not None

    @property
    def wrong_keys(self) -> set[str]:
        """The keys of its table that somebody meant to write, "" for one that is near to none, or wrote wrongly."""
        fields = type(self.own).model_fields
        # All other keys of a cornerstone's table are settings of its own.
        unknown = [key for key in self.whole if key not in fields and self.section == "apps"]
        wrong = {key for key in self.whole if key in fields and key not in self.own.model_fields_set}
        return wrong | {nearest(key, fields) for key in unknown}

    @property
    def is_meant_in_settings(self) -> bool:
        """Whether its table names what it is, or was to."""
        return self.is_declared_in_settings or bool(self.wrong_keys & _SOURCES)

    @property
    def is_deferred(self) -> bool:
        """Whether it is imported when it starts: a guest for which no other start is to wait."""
        return self.is_declared_in_settings and getattr(self.own, "startup", "wait") != "wait"

    def place(self, root: Path) -> str:
        """Return where it is declared: the table that names what it is, else the folder."""
        return self.whole.place if self.is_declared_in_settings else shown(self.found.file, root)


def _parts(
    settings: SettingsFile, section: Section, model: type[OwnTable], wanted: list[str] | None, declared: Declared
) -> list[_Part[OwnTable]]:
    """Return the parts of a section that are to be composed; what is switched off or not wanted brings no problem."""
    folders = _folders(settings, section, declared)
    read = _read_tables(settings, section, model, folders)
    off = [name for name, (part, _) in read.items() if not part.own.enabled]
    own = [name for name, (part, _) in read.items() if part.is_meant_in_settings]
    whole = [name for name in own if _is_of_its_folder(read[name][0], _packages(settings, section))]
    rejected = [one for one in folders.rejected if not _is_settled(one, own)]

    def is_asked_for(name: str) -> bool:
        return not any(is_below(name, other) for other in off) and is_wanted(name, wanted)

    kept = [one.problem for one in rejected if is_asked_for(one.name) or _is_above(one.name, wanted)]
    declared.problems += kept
    if not folders.complete or (kept and section == "cornerstones"):
        declared.uncertain.add(section)
    parts: list[_Part[OwnTable]] = []
    for name, (part, wrong) in read.items():
        is_inside = any(is_below(name, other) and name != other for other in whole)
        if (name in folders.found and not is_inside) or part.is_meant_in_settings:
            declared.names += [name] if section == "apps" else []
            declared.problems += wrong if is_asked_for(name) else []
            parts += [part] if is_asked_for(name) else []
        elif part.whole and folders.complete and is_wanted(name, wanted) and not _is_known(part, folders):
            declared.problems.append(_unknown_table(section, name, part.whole, folders.found))
    declared.names += [name for one in folders.rejected for name in _meant_names(one) if section == "apps"]
    return parts


def _read_tables(
    settings: SettingsFile, section: Section, model: type[OwnTable], folders: "_Folders"
) -> dict[str, tuple[_Part[OwnTable], list[Problem]]]:
    """Return every folder and every table of a section by name, each with what is wrong about its table."""
    tables: dict[str, Table] = settings.tables(section, [*folders.found, *(one.name for one in folders.rejected)])
    alone = [name for name in folders.found if name not in tables]
    meant = {nearest(name, folders.found) for name in tables if name not in folders.found}
    read: dict[str, tuple[_Part[OwnTable], list[Problem]]] = {}
    for name in sorted({*folders.found, *tables}):
        whole = tables.get(name, Table({}, f"{settings.file.name} [{section}.{quoted(name)}]"))
        own, wrong = validated_or_default(model, whole)
        is_missed = name in alone and (name in meant or section in settings.misspelt)
        read[name] = (
            _Part(section, folders.found.get(name, Found(name, "", settings.file)), own, whole, is_missed),
            wrong,
        )
    return read


def _is_above(name: str, wanted: Iterable[str] | None) -> bool:
    """Return whether a folder holds what is wanted, or is the package itself."""
    return not name or any(is_below(one, name) for one in wanted or ())


def _is_settled(one: Rejected, names: Iterable[str]) -> bool:
    """Return whether tables name what is to be composed of a folder: itself, what it is in, or what is in it."""
    is_group = one.problem.id == "C008" and any(is_below(name, one.name) for name in names)
    return is_group or any(is_below(one.name, name) for name in names)


def _is_of_its_folder(part: _Part[Any], packages: Iterable[str]) -> bool:
    """Return whether a table names a factory in the folder of the same name, which is one app then."""
    module = (part.own.factory or "").partition(":")[0]
    name = part.found.name.replace("/", ".")
    return any(f"{module}.".startswith(f"{package}.{name}.") for package in packages)


def _is_known(part: _Part[Any], folders: "_Folders") -> bool:
    """Return whether a table without an app is for a folder that is wrong itself, or that it switches off."""
    name = part.found.name
    names = [*folders.found, *(one.name for one in folders.rejected)]
    is_group = any(is_below(other, name) for other in names) or any((place / name).is_dir() for place in folders.places)
    is_rejected = any(name in _meant_names(one) for one in folders.rejected)
    return is_rejected or (is_group and not part.own.enabled)


def _meant_names(one: Rejected) -> list[str]:
    """Return what others may call a folder that is wrong: by its name, or by one that can be imported."""
    return list(dict.fromkeys([one.name, re.sub(r"[^\w/]", "_", one.name)])) if one.name else []


def _unknown_table(section: Section, name: str, table: Table, folders: Iterable[str]) -> Problem:
    """Make the problem of a table that is for no app or cornerstone."""
    where = next(iter(table.places.values()), table.place)
    kind = section.removesuffix("s")
    inside = [folder for folder in folders if folder.startswith(f"{name}/")]
    near = f"Did you mean {inside[0]!r}?" if inside else did_you_mean(name, folders)
    return problem("C031", where, kind=kind, name=name, near=near, known=listed(folders))


def _packages(settings: SettingsFile, section: Section) -> Iterable[str]:
    return dict.fromkeys(settings.composer.apps if section == "apps" else settings.composer.cornerstones)


class _Folders(NamedTuple):
    """The folders of a section's packages, which are at `places`; `complete` where all packages could be read."""

    found: dict[str, Found]
    rejected: list[Rejected]
    places: list[Path]
    complete: bool


def _folders(settings: SettingsFile, section: Section, declared: Declared) -> _Folders:
    """Discover the folders of a section's packages."""
    found: dict[str, Found] = {}
    rejected: list[Rejected] = []
    places: list[Path] = []
    complete = section not in settings.doubtful
    root = settings.project.root
    for package in _packages(settings, section):
        if _is_left_out(settings, section, package):
            continue
        folders, missing = find_package(package, root, section)
        declared.problems += [missing] if missing else []
        more, wrong = discover(package, folders, _FACTORY[section])
        wrong = [Rejected(name, replace(one, where=shown(Path(one.where), root))) for name, one in wrong]
        complete = complete and not missing and not any(one.id == "C060" and not name for name, one in wrong)
        rejected += wrong
        places += folders
        for one in more:
            if one.name in found:
                where, other = (shown(each.file, root) for each in (one, found[one.name]))
                rejected.append(Rejected(one.name, problem("C027", where, name=one.name, other=other)))
            found.setdefault(one.name, one)
    return _Folders(found, rejected, places, complete)


def _is_left_out(settings: SettingsFile, section: Section, package: str) -> bool:
    """Tell whether a package that no setting names needn't be there: `shared`, or `apps` where tables name the apps."""
    tables = settings.sections["apps"] or "apps" in settings.doubtful
    needed = section in settings.given or (section == "apps" and not tables)
    return not needed and not (settings.project.root / package).is_dir()


def _factory(part: _Part[Any], settings: SettingsFile, declared: Declared) -> Any:
    """Import the factory of a part, unless that is to be done when it starts.

    Returns None where it can't be imported, and where the part's table isn't known for sure: to make it would only
    bring problems that follow from those of the table.
    """
    is_certain = not (part.is_missed or part.wrong_keys & _DECISIVE)
    if part.is_deferred and is_certain:
        return DeferredFactory(partial(_imported, part, settings.project.root))
    factory: Any = None
    if not part.wrong_keys & _SOURCES:
        with declared.recorder.of("import", part.kind, part.found.name):
            factory, wrong = _imported(part, settings.project.root)
        declared.problems += [wrong] if wrong else []
    if part.section == "cornerstones" and (factory is None or not is_certain):
        declared.uncertain.add(part.section)
    return factory if is_certain else None


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
