"""A table of settings that keeps the place of each of its values: the file or the variable that it was written in."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

KeyPath = tuple[str, ...]


class Table(dict[str, Any]):
    """A table of settings that remembers where it stands, and where each of its values does.

    `place` is the table's own place (`settings.toml [apps.notes]`), `places` the place of every value by its path
    below the table, `above` the table that it was taken from.
    """

    def __init__(self, values: Mapping[str, Any], place: str, places: Mapping[KeyPath, str] | None = None) -> None:
        super().__init__(values)
        self.place = place
        self.places = dict(places or {})
        self.above: Table | None = None

    def table(self, key: str) -> "Table":
        """Return the table under that key, empty where there is none."""
        inner = self.get(key)
        places = {path[1:]: place for path, place in self.places.items() if path[0] == key and len(path) > 1}
        table = Table(inner if isinstance(inner, Mapping) else {}, below(self.place, key), places)
        table.above = self
        return table

    def without(self, keys: Iterable[str]) -> "Table":
        """Return the table without these keys."""
        dropped = set(keys)
        return Table({k: v for k, v in self.items() if k not in dropped}, self.place, self.places)

    def under(self, above: "Table") -> "Table":
        """Return the two laid over each other, table by table: where both have a value, the one above counts."""
        return Table(merged_tables(self, above), self.place, self.places | above.places)


def quoted(name: str) -> str:
    """Return a name as TOML writes it in a table's header."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def place_of(table: Mapping[str, Any], loc: tuple[int | str, ...], owner: str) -> str:
    """Return where a value of the table stands, or `owner` where the table came from no file."""
    if not isinstance(table, Table):
        return owner
    path = tuple(map(str, loc))
    near = [path[:length] for length in range(len(path), 0, -1) if path[:length] in table.places]
    return table.places[near[0]] if near else table.place


def below(place: str, key: str) -> str:
    """Return the place of what stands under a key of a table at that place."""
    return f"{place[:-1]}.{quoted(key)}]" if place.endswith("]") else f"{place} [{quoted(key)}]"


def merged_tables(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one table over another, the tables in them too."""
    merged = dict(lower)
    for key, value in upper.items():
        old = merged.get(key)
        merged[key] = merged_tables(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
