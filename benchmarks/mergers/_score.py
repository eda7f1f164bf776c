"""What became of the sources in merged documents: counted by operation, by the rule of the tests' checker."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.mergers._documents import METHODS, Json, Source, paths
from benchmarks.mergers._tools import Attempt, operation_ids
from tests.openapi.checker import Checker, Side, violations

KINDS = ["schema", "parameter", "body", "response", "security", "other", "lost", "added", "broken"]


@dataclass
class Score:
    """Add up what one merger did to some sets of documents. Times are in seconds, sizes in bytes.

    `kinds` counts operations: each once for a kind, however many differences of that kind it has.
    """

    sets: int = 0
    merged: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    needed: Counter[str] = field(default_factory=Counter)
    operations: int = 0
    changed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    tags: int = 0
    twice: int = 0
    by_order: int = 0
    copies: int = 0
    size: int = 0
    seconds: float = 0.0
    inside: float | None = None

    def add(self, sources: Sequence[Source], forward: Attempt, backward: Attempt) -> None:
        """Count one set, merged from its sources in this order and in the opposite one."""
        self.sets += 1
        if forward.merged is None:
            self.reasons[forward.reason] += 1
            return
        self.merged += 1
        self.needed[forward.needed] += 1
        self._count(sources, forward.merged)
        if backward.merged is not None:
            found = changes(backward.merged, [("", "", forward.merged)])
            self.by_order += sum(bool(kinds - {"tags"}) for kinds in found)
        self.twice += sum(number - 1 for number in operation_ids(forward.merged).values())
        self.copies += copies(forward.merged, [name for name, _, _ in sources])
        self.size += len(json.dumps(forward.merged, separators=(",", ":"), ensure_ascii=False).encode())
        self.seconds += forward.seconds
        if forward.inside is not None:
            self.inside = (self.inside or 0.0) + forward.inside

    def _count(self, sources: Sequence[Source], merged: Json) -> None:
        for kinds in changes(merged, sources):
            self.operations += kinds != {"added"}
            self.changed += bool(kinds - {"tags"})
            self.tags += "tags" in kinds
            self.kinds.update(kinds - {"tags"})


def changes(merged: Json, sources: Iterable[Source]) -> Iterator[set[str]]:
    """Yield, for each operation of the sources and each added one, the kinds of differences it has; none if right."""
    merged = comparable(merged)
    given = [(name, prefix, comparable(document)) for name, prefix, document in sources]
    # One look at all of them together is many times faster, and enough where nothing is wrong.
    right = not _violations(merged, given)
    result = Side(merged)
    for _, prefix, document in given:
        source = Side(document, prefix)
        for path, item in paths(document).items():
            for method in sorted(METHODS & source.item(item).keys()):
                there = merged["paths"].get(prefix + path, {})
                yield set() if right else _kinds(source, result, (prefix + path, method), item, there)
    yield from ({"added"} for _ in range(_added(merged, given)))


def _violations(merged: Json, sources: Sequence[Source]) -> list[str]:
    try:
        return violations(merged, sources)
    except (KeyError, TypeError, AttributeError) as error:
        return [f"can't be followed: {error}"]


def _kinds(source: Side, result: Side, place: tuple[str, str], item: Json, there: Json) -> set[str]:
    path, method = place
    checker = Checker(source, result)
    try:
        checker.top(path, method, item, there)
    except (KeyError, TypeError, AttributeError):
        return {"broken"}
    differences = [found.removeprefix(f"{method} {path}") for found in checker.found]
    # A tool that renames what an extension refers to isn't wrong, and one that doesn't isn't either.
    return {kind(each) for each in differences if "/x-" not in each.partition(": ")[0]}


def _added(merged: Json, sources: Sequence[Source]) -> int:
    expected = {prefix + path for _, prefix, document in sources for path in document["paths"]}
    return sum(len(METHODS & item.keys()) for path, item in paths(merged).items() if path not in expected)


def kind(difference: str) -> str:
    """Return the kind of a difference by its place in the operation: `/responses/200/…/schema/type: …`."""
    place = difference.partition(": ")[0]
    first = place.split("/")[1] if "/" in place else ""
    if not first:
        return "lost"
    if "/schema" in place:
        return "schema"
    singular = {"parameters": "parameter", "requestBody": "body", "responses": "response"}
    return singular.get(first, first if first in ("security", "tags") else "other")


def comparable(document: Json) -> Json:
    """Return the document without what is no difference between two of them.

    That is how a whole number is written (`1.0` is `1`), and `x-displayName`, in which redocly keeps the name that a
    tag had.
    """
    result: Json = json.loads(json.dumps(document), parse_float=_number)
    for tag in result.get("tags", []):
        tag.pop("x-displayName", None)
    return result


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value


def copies(document: Json, names: Iterable[str]) -> int:
    """Count components that are there again: of one name but for a prefix, of one content through all references."""
    prefix = re.compile("^(" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + ")_")
    parts = contents(document)
    found = Counter((section, prefix.sub("", name, count=1), content) for (section, name), content in parts)
    return sum(number - 1 for number in found.values())


def contents(document: Json) -> list[tuple[tuple[str, str], str]]:
    """Return each component's key and a hash of its content through all references, recursion included."""
    sections = document.get("components", {}).items()
    parts = {(section, name): _pieces(value) for section, held in sections for name, value in held.items()}
    known, classes = dict.fromkeys(parts, ""), 0
    while len(set(known.values())) > classes:
        classes = len(set(known.values()))
        known = {key: _hash(pieces, known) for key, pieces in parts.items()}
    return list(known.items())


def _pieces(value: Any) -> list[str]:
    """Return the value as text, cut at its references: text, section, name, text, section, name, text."""
    return re.split(r'"#/components/(\w+)/([^"/]+)"', json.dumps(value, sort_keys=True))


def _hash(pieces: Sequence[str], known: dict[tuple[str, str], str]) -> str:
    keys = zip(pieces[1::3], pieces[2::3], strict=True)
    text = "\0".join([*pieces[::3], *(known.get(key, str(key)) for key in keys)])
    return hashlib.sha256(text.encode()).hexdigest()
