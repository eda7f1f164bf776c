"""The comparison of schemas.

A schema is a set of allowed values. A change breaks a client if a request may contain less than before, or a response
more: each difference either narrows or widens the set, and the side decides whether that breaks. A removed property,
and a difference whose effect is unknown, breaks on both sides. An option of `oneOf` that allows more widens the set,
unless a typical value then matches two options.

Pairs of schemas are nodes of a graph. Each is compared once, however many operations use it, even if it refers to
itself; the changes of an operation are collected from the graph.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from composer._json import Json
from composer.openapi._diff import keywords
from composer.openapi._diff.document import ANY, Document, Fingerprints, Option, Parts, as_schema, assertions, union_of
from composer.openapi._diff.keywords import Difference, Effect, Side, effect_of
from composer.openapi._diff.overlap import is_excluded, shape_of
from composer.openapi._structure import as_mapping


class SchemaChange(NamedTuple):
    """Represent one difference: whether it breaks clients, its place below the schema, what changed."""

    breaking: bool
    place: str
    what: str


PairKey: TypeAlias = tuple[tuple[int, ...], tuple[int, ...], Side, bool]

_BY_KEYWORD: Final = (keywords.value_differences, keywords.limit_differences, keywords.other_differences)


@dataclass
class _Pair:
    old: Parts
    new: Parts
    side: Side
    documentation: bool
    changes: list[SchemaChange] = field(default_factory=list)
    edges: list[tuple[str, PairKey]] = field(default_factory=list)

    def note(self, effect: Effect, what: str, place: str = "") -> None:
        self.changes.append(SchemaChange(effect.breaks(self.side), place, what))


class SchemaChanges:
    """Compare the schemas of two documents: `add` all pairs, call `compare_all`, then `collect` the changes."""

    def __init__(self, old: Document, new: Document) -> None:
        self.old = old
        self.new = new
        self._pairs: dict[PairKey, _Pair] = {}
        self._waiting: list[_Pair] = []
        self._changed: set[PairKey] = set()
        self._fingerprints: Fingerprints | None = None

    def add(self, old: Parts, new: Parts, side: Side, *, documentation: bool = True) -> PairKey:
        """Add two schemas to the comparison, and return the key for `collect`."""
        old, new = self.old.flatten(old), self.new.flatten(new)
        key = (tuple(map(id, old)), tuple(map(id, new)), side, documentation)
        if key not in self._pairs:
            self._pairs[key] = _Pair(old, new, side, documentation)
            self._waiting.append(self._pairs[key])
        return key

    def compare_all(self) -> None:
        """Compare all pairs that were added, and those inside of them."""
        while self._waiting:
            self._compare_pair(self._waiting.pop())
        users: dict[PairKey, list[PairKey]] = {}
        for key, pair in self._pairs.items():
            for _, inner in pair.edges:
                users.setdefault(inner, []).append(key)
        waiting = [key for key, pair in self._pairs.items() if pair.changes]
        self._changed = set(waiting)
        while waiting:
            new = set(users.get(waiting.pop(), ())) - self._changed
            self._changed |= new
            waiting += new

    def collect(self, key: PairKey) -> Iterator[SchemaChange]:
        """Yield the changes in and below a pair; a pair that is reached twice is reported at the nearest place only."""
        seen = {key}
        queue = deque([("", key)])
        while queue:
            place, key = queue.popleft()
            pair = self._pairs[key]
            for breaking, inner, what in pair.changes:
                yield SchemaChange(breaking, (place + inner).removeprefix("."), what)
            for step, below in pair.edges:
                if below in self._changed and below not in seen:
                    seen.add(below)
                    queue.append((place + step, below))

    def _add_edge(self, pair: _Pair, step: str, old: Parts, new: Parts, side: Side | None = None) -> None:
        if old or new:
            pair.edges.append((step, self.add(old or (ANY,), new or (ANY,), side or pair.side)))

    def _compare_pair(self, pair: _Pair) -> None:
        if pair.documentation:
            for find in (keywords.documentation_changes, keywords.default_changes):
                for what in find(pair.old, pair.new):
                    pair.note(Effect.NONE, what)
        old, new = self.old.options(pair.old), self.new.options(pair.new)
        if len(old) == len(new) == 1:
            self._compare_plain(pair)
        else:
            self._compare_options(pair, old, new)
        self._compare_discriminators(pair)

    def _compare_plain(self, pair: _Pair) -> None:
        never = [keywords.forbids_all(parts) for parts in (pair.old, pair.new)]
        if any(never):
            if not all(never):
                pair.note(*((Effect.NARROWS, "no longer allowed") if never[1] else (Effect.WIDENS, "now allowed")))
            return
        types = keywords.type_difference(pair.old, pair.new)
        if types is not None:
            pair.note(*types)
            if types[0] is Effect.UNKNOWN:
                # Between unrelated types, such as string and number, other differences are irrelevant.
                return
        for differences in _BY_KEYWORD:
            for difference in differences(pair.old, pair.new):
                pair.note(*difference)
        self._compare_properties(pair)
        self._compare_items(pair)
        self._compare_subschemas(pair)
        self._compare_negations(pair)
        self._compare_unions(pair)
        self._compare_external(pair)

    # -- unions --------------------------------------------------------------------------------------------

    def _compare_options(self, pair: _Pair, old: list[Option], new: list[Option]) -> None:
        pairs, removed, added = self._match_options(old, new)
        # If a schema becomes a union, its documentation is compared with that of the union, not of an option.
        documentation = len(old) > 1 and len(new) > 1
        for was, now in pairs:
            step = f"({now.label})" if now.is_component and not _has_one_option(new) else ""
            pair.edges.append((step, self.add(was.parts, now.parts, pair.side, documentation=documentation)))
            if was.value and now.value and was.value != now.value:
                pair.note(Effect.UNKNOWN, f"discriminator value changed from {was.value} to {now.value}", step)
        if removed or added:
            effect = _effect_on_options(removed, added)
            pair.note(effect, f"type {effect.value} from {_joined_labels(old)} to {_joined_labels(new)}")
        elif _may_overlap(old) and _may_overlap(new):
            for difference in _keyword_difference(pair.old, pair.new):
                pair.note(*difference)
        self._compare_overlaps(pair, old, new)

    def _compare_overlaps(self, pair: _Pair, old: list[Option], new: list[Option]) -> None:
        """Compare which values match two options of `oneOf`, and so aren't allowed."""
        keywords_of_unions = {_keyword_of_union(parts) for parts in (pair.old, pair.new)}
        has_discriminators = {any(option.value for option in options) for options in (old, new)}
        if "oneOf" not in keywords_of_unions or "anyOf" in keywords_of_unions or len(has_discriminators) > 1:
            return
        was, now = (_keyword_of_union(parts) == "oneOf" for parts in (pair.old, pair.new))
        left, right = (
            [shape_of(document, each) for each in options] for document, options in ((self.old, old), (self.new, new))
        )
        if now and any(is_excluded(each, right) and not (was and is_excluded(each, left)) for each in left):
            pair.note(Effect.NARROWS, "options of oneOf overlap, values that match two are no longer allowed")
        if was and any(is_excluded(each, left) and not (now and is_excluded(each, right)) for each in right):
            pair.note(Effect.WIDENS, "options of oneOf no longer overlap, values that matched two are now allowed")

    def _match_options(self, old: list[Option], new: list[Option]) -> tuple[list[Any], list[Option], list[Option]]:
        """Match the options of two unions: by content, by name, or as the only ones left; return pairs and the rest."""
        fingerprints = self._fingerprints = self._fingerprints or Fingerprints(self.old, self.new)
        old_key, new_key = (partial(fingerprints.of, document) for document in (self.old, self.new))
        pairs, left, right = _match_by_key(old, new, old_key, new_key)
        for key in (_by_value, _by_label):
            more, left, right = _match_by_key(left, right, key, key)
            pairs += more
        if len(left) == len(right) == 1:
            are_components = left[0].is_component and right[0].is_component
            if not are_components or (_has_one_option(old) and _has_one_option(new)):
                pairs.append((left.pop(), right.pop()))
        return pairs, left, right

    def _compare_discriminators(self, pair: _Pair) -> None:
        old, new = _discriminated_part(pair.old), _discriminated_part(pair.new)
        was, now = (as_mapping(part.get("discriminator")).get("propertyName") for part in (old, new))
        if was != now:
            effect = Effect.NONE if None in (was, now) else Effect.UNKNOWN
            pair.note(effect, f"discriminator property changed from {was or 'none'} to {now or 'none'}")
        subtypes_old, subtypes_new = self.old.subtypes_of(old), self.new.subtypes_of(new)
        for value in sorted(subtypes_old.keys() | subtypes_new.keys()):
            if value in subtypes_old and value in subtypes_new:
                self._add_edge(pair, f"({value})", (subtypes_old[value],), (subtypes_new[value],))
            else:
                removed = value in subtypes_old
                state = "removed" if removed else "added"
                pair.note(effect_of(removed, not removed), f"discriminator value {value} {state}")

    # -- objects and arrays --------------------------------------------------------------------------------

    def _compare_properties(self, pair: _Pair) -> None:
        old, required_old = keywords.properties(self.old, pair.old, pair.side)
        new, required_new = keywords.properties(self.new, pair.new, pair.side)
        for name in sorted(old.keys() | new.keys()):
            if name not in new:
                pair.note(Effect.UNKNOWN, "property removed", f".{name}")
            elif name in old:
                self._add_edge(pair, f".{name}", old[name], new[name])
            else:
                self._new_property(pair, f".{name}", new[name], name in required_new - required_old)
        for name in sorted(required_new - required_old - (new.keys() - old.keys())):
            pair.note(Effect.NARROWS, "became required", f".{name}")
        for name in sorted(required_old - required_new - (old.keys() - new.keys())):
            pair.note(Effect.WIDENS, "became optional", f".{name}")
        self._compare_additional_properties(pair)

    def _new_property(self, pair: _Pair, place: str, schema: Parts, required: bool) -> None:
        additional = self.old.flatten(keywords.additional_properties(pair.old))
        if keywords.is_closed(pair.old) and not (required and pair.side is Side.REQUEST):
            pair.note(Effect.WIDENS, "property added where additional properties were not allowed", place)
        elif required and pair.side is not Side.RESPONSE:
            pair.note(Effect.NARROWS, "required property added", place)
        else:
            pair.note(Effect.NONE, "property added", place)
            if any(map(assertions, additional)):
                # It was allowed before as an additional property, with the values of those.
                self._add_edge(pair, place, additional, schema)

    def _compare_additional_properties(self, pair: _Pair) -> None:
        old, new = keywords.is_closed(pair.old), keywords.is_closed(pair.new)
        if old != new:
            pair.note(effect_of(new, old), f"additional properties {'no longer' if new else 'now'} allowed")
        elif not new:
            self._add_edge(
                pair, "{}", keywords.additional_properties(pair.old), keywords.additional_properties(pair.new)
            )

    def _compare_items(self, pair: _Pair) -> None:
        length = max(keywords.prefix_length(pair.old), keywords.prefix_length(pair.new))
        for index in range(length):
            self._compare_item(pair, f"[{index}]", index)
        self._compare_item(pair, "[]", length)

    def _compare_item(self, pair: _Pair, step: str, index: int) -> None:
        self._add_edge(pair, step, keywords.item_schemas(pair.old, index), keywords.item_schemas(pair.new, index))

    # -- all else ------------------------------------------------------------------------------------------

    def _compare_subschemas(self, pair: _Pair) -> None:
        old, new = keywords.other_subschemas(pair.old), keywords.other_subschemas(pair.new)
        for step in sorted(old.keys() | new.keys()):
            if (step in old and step in new) or step[1:-1] in keywords.COVARIANT:
                side = Side.BOTH if step == "(if)" else pair.side
                self._add_edge(pair, step, old.get(step, ()), new.get(step, ()), side)
            else:
                pair.note(Effect.UNKNOWN, f"schema {'removed' if step in old else 'added'}", step)

    def _compare_negations(self, pair: _Pair) -> None:
        old, new = ([as_schema(part["not"]) for part in parts if "not" in part] for parts in (pair.old, pair.new))
        if len(old) == len(new):
            for was, now in zip(old, new, strict=True):
                self._add_edge(pair, "(not)", (was,), (now,), pair.side.opposite())
        else:
            pair.note(effect_of(new, old), "negated schemas (not) changed")

    def _compare_unions(self, pair: _Pair) -> None:
        """Compare unions beside other keywords that a value must match as well."""
        old, new = ([part for part in parts if union_of(part)] for parts in (pair.old, pair.new))
        if len(old) == len(new):
            for was, now in zip(old, new, strict=True):
                self._add_edge(pair, "", (was,), (now,))
        else:
            pair.note(effect_of(new, old), "alternative schemas (anyOf, oneOf) changed")

    def _compare_external(self, pair: _Pair) -> None:
        if self.old.unresolved(pair.old) != self.new.unresolved(pair.new):
            pair.note(Effect.UNKNOWN, "external reference changed")


def _match_by_key(
    left: list[Option], right: list[Option], left_key: Callable[[Option], Any], right_key: Callable[[Option], Any]
) -> tuple[list[tuple[Option, Option]], list[Option], list[Option]]:
    """Pair options with equal keys that aren't None, in order; return the pairs and the rest of both lists."""
    waiting: dict[Any, list[Option]] = {}
    for option in right:
        waiting.setdefault(right_key(option), []).append(option)
    pairs, rest = [], []
    for option in left:
        key = left_key(option)
        if key is not None and waiting.get(key):
            pairs.append((option, waiting[key].pop(0)))
        else:
            rest.append(option)
    return pairs, rest, [option for options in waiting.values() for option in options]


def _by_value(option: Option) -> str | None:
    return option.value or None


def _by_label(option: Option) -> tuple[str, bool]:
    return option.label, option.is_component


def _has_one_option(options: list[Option]) -> bool:
    """Return whether there is exactly one option besides null."""
    return len([option for option in options if option.label != "null"]) == 1


def _joined_labels(options: list[Option]) -> str:
    return "|".join(sorted((option.label for option in options), key=lambda label: (label == "null", label)))


def _effect_on_options(removed: list[Option], added: list[Option]) -> Effect:
    """Return the effect of removed and added options; an option that allows anything includes all others."""
    if any(option.label == "any" for option in removed):
        return Effect.NARROWS
    if any(option.label == "any" for option in added):
        return Effect.WIDENS
    return effect_of(removed, added)


def _may_overlap(options: list[Option]) -> bool:
    """Return whether a value may match two of the options, judged by their types and discriminator values."""
    labels = [option.label for option in options if option.label != "null"]
    exclusive = len(set(labels)) == len(labels) and not any(option.is_component for option in options)
    return len(labels) > 1 and not exclusive and not any(option.value for option in options)


def _keyword_difference(old: Parts, new: Parts) -> Iterator[Difference]:
    was, now = map(_keyword_of_union, (old, new))
    if was and now and was != now:
        # Unlike `anyOf`, `oneOf` doesn't allow a value that matches two options.
        yield Effect.NARROWS if now == "oneOf" else Effect.WIDENS, f"{was} changed to {now}"


def _keyword_of_union(parts: Parts) -> str:
    return next(filter(None, map(union_of, parts)), "")


def _discriminated_part(parts: Parts) -> Json:
    """Return the part with the schema's own discriminator, not one that is inherited by `allOf`."""
    for part in parts:
        if "discriminator" in part:
            return part
        if assertions(part) or "allOf" in part:
            break
    return next((part for part in parts if union_of(part) and "discriminator" in part), ANY)
