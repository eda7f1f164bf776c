"""Phase one: the settings and the folders of a project become declared apps and cornerstones. Nothing is built yet."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from composer._catalogue import problem
from composer._model import App, Cornerstone, DeferredImport, Document, Kind, Problem, Section
from composer._project.discover import APP_FACTORY, Discovered, Rejected, discover
from composer._project.importing import display_path, find_package, load_reference
from composer._project.plugins import load_plugin
from composer._project.problems import collected, composition_error
from composer._project.timings import PartRecorder
from composer._settings.models import AppTable, CornerstoneTable, PartTable, shared_values
from composer._settings.read import SettingsFile
from composer._settings.table import Table, place_of, quoted
from composer._settings.validate import validated_or_default
from composer._text import did_you_mean, is_below, listed, names_in, nearest

_FACTORIES: dict[Section, str] = {"apps": APP_FACTORY, "cornerstones": "create_cornerstone"}
_TABLES: dict[Section, type[PartTable]] = {"apps": AppTable, "cornerstones": CornerstoneTable}

# The keys that say where a part comes from, and those without which it can't be built and mounted.
_SOURCES = ("app", "factory", "plugin")
_DECISIVE = {"", "settings", "prefix", "wsgi", "guard", *_SOURCES}


@dataclass
class Declared:
    """The apps and cornerstones of a project, and the problems of their declarations.

    `names` lists all apps, also those that are switched off or not selected; `uncertain` the sections in which a
    problem hides a part; `recorder` has the duration of each import, and what it changed of the process.
    """

    apps: list[App] = field(default_factory=list)
    cornerstones: list[Cornerstone] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    uncertain: set[Section] = field(default_factory=set)
    recorder: PartRecorder = field(default_factory=PartRecorder)


def declare(settings: SettingsFile, only: str | Iterable[str] | None) -> Declared:
    """Discover the folders, combine them with the settings, and import what is composed.

    With `only`, in the call or else in the settings, the apps and groups of these names are composed; the others aren't
    imported.
    """
    declared = Declared()
    root = settings.project.root
    for part in _parts(settings, "cornerstones", None, declared):
        if (factory := _factory(part, root, declared)) is not None:
            own_settings = part.table.without(CornerstoneTable.model_fields)
            values = shared_values(part.own)
            stone = Cornerstone(part.name, factory, settings=own_settings, where=part.place(root), **values)
            declared.cornerstones.append(stone)
    selected, where = (settings.composer.only, "[composer] only") if only is None else (names_in(only), "only")
    for part in _parts(settings, "apps", selected, declared):
        if (factory := _factory(part, root, declared)) is not None:
            declared.apps.append(_app(part, factory, root, declared))
    declared.problems += unknown_names(selected, where, declared.names)
    return declared


def unknown_names(selected: list[str] | None, where: str, names: list[str]) -> list[Problem]:
    """Return a problem for each selected name that is neither an app nor a group."""
    return [
        problem("C025", where, key="only", name=name, near=did_you_mean(name, names), known=listed(names))
        for name in selected or ()
        if not any(is_below(each, name) for each in names)
    ]


def is_selected(name: str, only: Iterable[str] | None) -> bool:
    """Return whether an app is selected: by its own name, or by that of a group that it is in."""
    return only is None or any(is_below(name, selected) for selected in only)


class _Part(NamedTuple):
    """One app or cornerstone that a folder or a table declares: composer's own keys, the whole table, the folder.

    `problems` are those of its keys. `is_missed` says that it has no table, and that one with an unknown name was
    probably meant for it.
    """

    section: Section
    name: str
    own: Any
    table: Table
    folder: Discovered | None
    problems: list[Problem]
    is_missed: bool = False

    @property
    def kind(self) -> Kind:
        """What it is, as messages call it."""
        return "app" if self.section == "apps" else "cornerstone"

    @property
    def sources(self) -> dict[str, str]:
        """The keys of its table that say where it comes from, in place of a folder."""
        values = {key: getattr(self.own, key, None) for key in _SOURCES}
        return {key: value for key, value in values.items() if value is not None}

    @property
    def invalid_keys(self) -> set[str]:
        """The keys of its table that have an invalid value or are misspelt; "" for a key that is near to none."""
        fields = type(self.own).model_fields
        # All other keys of a cornerstone's table are its settings.
        unknown = [key for key in self.table if key not in fields and self.section == "apps"]
        invalid = {key for key in self.table if key in fields and key not in self.own.model_fields_set}
        return invalid | {nearest(key, fields) for key in unknown}

    @property
    def declares_source(self) -> bool:
        """Whether its table has a source, or was meant to have one."""
        return bool(self.sources or self.invalid_keys & {*_SOURCES})

    def place(self, root: Path) -> str:
        """Return where it is declared: the table with its source, else the folder."""
        return self.table.place if self.sources or self.folder is None else display_path(self.folder.file, root)


class _Folders(NamedTuple):
    """What was discovered in the packages of a section, which are at `places`; `complete` if all could be read."""

    discovered: dict[str, Discovered]
    rejected: list[Rejected]
    places: list[Path]
    complete: bool

    @property
    def names(self) -> list[str]:
        """The names of all folders, those that can't be composed included."""
        return [*self.discovered, *(one.name for one in self.rejected)]


def _parts(settings: SettingsFile, section: Section, selected: list[str] | None, declared: Declared) -> list[_Part]:
    """Return the parts of a section to compose; those that are switched off or not selected bring no problem."""
    folders = _folders(settings, section, declared)
    parts = _read_tables(settings, section, folders)
    disabled = [part.name for part in parts if not part.own.enabled]
    with_source = [part.name for part in parts if part.declares_source]
    one_app = [part.name for part in parts if _names_own_folder(part, _packages(settings, section))]

    def is_composed(name: str) -> bool:
        return not any(is_below(name, other) for other in disabled) and is_selected(name, selected)

    problems = [
        one.problem
        for one in folders.rejected
        if not _is_settled(one, [*with_source, *disabled])
        and (is_composed(one.name) or not one.name or any(is_below(name, one.name) for name in selected or ()))
    ]
    declared.problems += problems
    if not folders.complete or (problems and section == "cornerstones"):
        declared.uncertain.add(section)
    composed = []
    for part in parts:
        is_inside = any(is_below(part.name, other) and part.name != other for other in one_app)
        if part.declares_source or (part.folder and not is_inside):
            declared.names += [part.name] if section == "apps" else []
            if is_composed(part.name):
                declared.problems += part.problems
                composed.append(part)
        elif part.table and folders.complete and is_selected(part.name, selected) and not _has_folder(part, folders):
            declared.problems.append(_unknown_table(part, folders.discovered))
    declared.names += [name for one in folders.rejected for name in _possible_names(one) if section == "apps"]
    return composed


def _read_tables(settings: SettingsFile, section: Section, folders: _Folders) -> list[_Part]:
    """Return every folder and every table of a section, by name, with the problems of its table."""
    tables: dict[str, Table] = settings.tables(section, folders.names)
    misspelt = {nearest(name, folders.discovered) for name in tables if name not in folders.discovered}
    parts = []
    for name in sorted({*folders.discovered, *tables}):
        table = tables.get(name, Table({}, f"{settings.file.name} [{section}.{quoted(name)}]"))
        own, problems = validated_or_default(_TABLES[section], table)
        is_missed = name not in tables and (name in misspelt or section in settings.misspelt)
        parts.append(_Part(section, name, own, table, folders.discovered.get(name), problems, is_missed))
    return parts


def _is_settled(one: Rejected, names: Iterable[str]) -> bool:
    """Return whether tables name what to compose of a folder, or switch off: itself, its parent, or something in it."""
    is_group = one.problem.id == "C008" and any(is_below(name, one.name) for name in names)
    return is_group or any(is_below(one.name, name) for name in names)


def _names_own_folder(part: _Part, packages: Iterable[str]) -> bool:
    """Return whether a table has a factory or an app in the folder of the same name, which is one app then."""
    modules = [value.partition(":")[0] for key, value in part.sources.items() if key != "plugin"]
    folders = [f"{package}.{part.name.replace('/', '.')}." for package in packages]
    return any(f"{module}.".startswith(folder) for module in modules for folder in folders)


def _has_folder(part: _Part, folders: _Folders) -> bool:
    """Return whether a table without an app is for a folder that can't be composed, or that the table switches off."""
    # Unlike Path.exists, this returns False for a name that is too long.
    files = [path for place in folders.places for path in (place / part.name, place / f"{part.name}.py")]
    exists = any(is_below(other, part.name) for other in folders.names) or any(map(os.path.exists, files))
    is_rejected = any(part.name in _possible_names(one) for one in folders.rejected)
    return is_rejected or (exists and not part.own.enabled)


def _possible_names(one: Rejected) -> set[str]:
    """Return what settings may call a folder that can't be composed: its name, or one that can be imported."""
    return {one.name, re.sub(r"[^\w/]", "_", one.name)} if one.name else set()


def _unknown_table(part: _Part, folders: Iterable[str]) -> Problem:
    where = next(iter(part.table.places.values()), part.table.place)
    inside = [folder for folder in folders if folder.startswith(f"{part.name}/")]
    near = f"Did you mean {inside[0]!r}?" if inside else did_you_mean(part.name, folders)
    return problem("C031", where, kind=part.kind, name=part.name, near=near, known=listed(folders))


def _packages(settings: SettingsFile, section: Section) -> list[str]:
    names = settings.composer.apps if section == "apps" else settings.composer.cornerstones
    return list(dict.fromkeys(names))


def _folders(settings: SettingsFile, section: Section, declared: Declared) -> _Folders:
    """Discover the folders of a section's packages."""
    folders = _Folders({}, [], [], complete=section not in settings.doubtful)
    root = settings.project.root
    for package in _packages(settings, section):
        if _may_be_missing(settings, section) and not (root / package).is_dir():
            continue
        places: list[Path] = []
        missing: list[Problem] = []
        with collected(missing):
            places = find_package(package, root, section)
        declared.problems += missing
        discovered, rejected = discover(package, places, _FACTORIES[section])
        for name, reason, _ in rejected:
            where = display_path(Path(reason.where), root)
            folders.rejected.append(Rejected(name, replace(reason, where=where)))
            missing += [reason] if reason.id == "C060" and not name else []
        folders.places.extend(places)
        folders = folders._replace(complete=folders.complete and not missing)
        for one in discovered:
            other = folders.discovered.setdefault(one.name, one)
            if other is not one:
                where, other_file = display_path(one.file, root), display_path(other.file, root)
                duplicate = problem("C027", where, name=one.name, other=other_file)
                folders.rejected.append(Rejected(one.name, duplicate))
    return folders


def _may_be_missing(settings: SettingsFile, section: Section) -> bool:
    """Return whether the default package is optional: `shared`, and `apps` where tables declare the apps."""
    has_tables = settings.sections["apps"] or "apps" in settings.doubtful
    return section not in settings.keys_set and bool(section == "cornerstones" or has_tables)


def _factory(part: _Part, root: Path, declared: Declared) -> Any:
    """Import the factory of a part, unless that is done when it starts.

    Returns None if it can't be imported, and if the part's table isn't known for sure: building it would only bring
    problems that follow from those of the table.
    """
    is_certain = not (part.is_missed or part.invalid_keys & _DECISIVE)
    if is_certain and part.sources and getattr(part.own, "startup", "wait") != "wait":
        return DeferredImport(_imported, part, root)
    factory: Any = None
    if not part.invalid_keys & {*_SOURCES}:
        with collected(declared.problems), declared.recorder.of("import", part.kind, part.name):
            factory = _imported(part, root)
    if part.section == "cornerstones" and (factory is None or not is_certain):
        declared.uncertain.add(part.section)
    return factory if is_certain else None


def _imported(part: _Part, root: Path) -> Any:
    """Import what the table names, else the factory of the folder."""
    if part.folder and not part.sources:
        return load_reference(f"{part.folder.module}:{_FACTORIES[part.section]}", part.place(root), root)
    (key, reference), *others = part.sources.items()
    where = place_of(part.table, (key,), "")
    if others:
        raise composition_error("C056", where, keys=" and ".join(part.sources))
    return load_plugin(part.kind, reference, where, root) if key == "plugin" else load_reference(reference, where, root)


def _app(part: _Part, imported: Any, root: Path, declared: Declared) -> App:
    prefix = f"/{part.name}" if part.own.prefix is None else part.own.prefix
    values = shared_values(part.own) | {"openapi": _document(part, root, declared), "where": part.place(root)}
    values["app" if "app" in part.sources else "factory"] = imported
    return App(part.name, prefix, settings=part.table.table("settings"), **values)


def _document(part: _Part, root: Path, declared: Declared) -> Document:
    """Read the key `openapi`: a path inside the app starts with a slash, a function has a colon, all else is a file."""
    value: bool | str = part.own.openapi
    if isinstance(value, bool) or value.startswith("/"):
        return value
    if ":" not in value:
        return Path(value)
    with collected(declared.problems):
        return cast(Document, load_reference(value, place_of(part.table, ("openapi",), ""), root))
    return False
