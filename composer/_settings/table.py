"""A table of settings that keeps the place of each value: the file or the environment variable that sets it."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

KeyPath = tuple[str, ...]

# The place of a value that a variable sets starts with this.
ENVIRONMENT: Final = "environment "


class Table(dict[str, Any]):
    """A table of settings with the place of each value.

    `place` is that of the table itself (`settings.toml [apps.notes]`), `places` has the place of every value by its
    path below the table, `parent` is the table that contains it.
    """

    def __init__(self, values: Mapping[str, Any], place: str, places: Mapping[KeyPath, str] | None = None) -> None:
        super().__init__(values)
        self.place = place
        self.places = dict(places or {})
        self.parent: Table | None = None

    def table(self, key: str) -> "Table":
        """Return the table under that key; an empty one if there is none."""
        inner = self.get(key)
        places = {path[1:]: place for path, place in self.places.items() if path[0] == key and len(path) > 1}
        table = Table(inner if isinstance(inner, Mapping) else {}, place_below(self.place, key), places)
        table.parent = self
        return table

    def without(self, keys: Iterable[str]) -> "Table":
        """Return the table without these keys."""
        dropped = set(keys)
        return Table({k: v for k, v in self.items() if k not in dropped}, self.place, self.places)

    def overridden_by(self, other: "Table") -> "Table":
        """Return the two merged, with the tables in them: if both have a value, the other one's counts."""
        return Table(merged_tables(self, other), self.place, self.places | other.places)

    def respelled(self, names: Callable[[KeyPath], Iterable[str]]) -> "Table":
        """Return the table with the keys from the environment in the spelling of the known names.

        `names` returns the known names of the table at a path. The environment has no lower case: `PAGESIZE` is
        `pagesize` here, and may be meant for `pageSize`.
        """
        values, places = dict(self), dict(self.places)
        for path, place in self.places.items():
            path_here = _respelled_path(path, names) if place.startswith(ENVIRONMENT) else path
            if path_here != path:
                value = _removed(values, path)
                values = merged_tables(values, nested(path_here, value))
                del places[path]
                places[path_here] = place
        table = Table(values, self.place, places)
        table.parent = self.parent
        return table


def _respelled_path(path: KeyPath, names: Callable[[KeyPath], Iterable[str]]) -> KeyPath:
    path_here: KeyPath = ()
    for step in path:
        known = list(names(path_here))
        alike = [name for name in known if name.lower() == step.lower()]
        path_here = (*path_here, alike[0] if step not in known and len(alike) == 1 else step)
    return path_here


def _removed(values: dict[str, Any], path: KeyPath) -> Any:
    """Remove the value at a path of nested tables, which are copied, and return it."""
    key, *others = path
    if not others:
        return values.pop(key)
    values[key] = dict(values[key])
    value = _removed(values[key], tuple(others))
    if not values[key]:
        del values[key]
    return value


def nested(path: KeyPath, value: Any) -> dict[str, Any]:
    """Return nested tables with a value at that path."""
    key, *others = path
    return {key: nested(tuple(others), value) if others else value}


def quoted(name: str) -> str:
    """Return a name as it is written in a table header of TOML."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def place_of(table: Mapping[str, Any], loc: tuple[int | str, ...], owner: str) -> str:
    """Return the place of a value of the table, or `owner` if the table has no places."""
    if not isinstance(table, Table):
        return owner
    path = tuple(map(str, loc))
    near = [path[:length] for length in range(len(path), 0, -1) if path[:length] in table.places]
    return table.places[near[0]] if near else table.place


def place_below(place: str, key: str) -> str:
    """Return the place of the table under a key of the table at that place."""
    return f"{place[:-1]}.{quoted(key)}]" if place.endswith("]") else f"{place} [{quoted(key)}]"


def merged_tables(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two tables, and the tables in them; the values of the upper one count."""
    merged = dict(lower)
    for key, value in upper.items():
        old = merged.get(key)
        merged[key] = merged_tables(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
