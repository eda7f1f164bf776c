"""What changed from one schema to another, and whom it breaks.

A schema is a set of values. A client breaks where a request may hold less than before or a response more; so
every difference is first found to narrow or to widen that set, and the side decides. What is gone, and what
can't be told, breaks on both sides. The options of `oneOf` are taken to exclude each other, as they are meant
to: one that grows into another makes the set larger. Pairs of schemas are nodes of a graph, each compared once,
however many operations use it and however it refers to itself; what an operation meets is collected from there.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from composer._json import Json
from composer.openapi._diff import keywords
from composer.openapi._diff.document import ANY, Document, Marks, Option, Parts, as_schema, asserted, union_of
from composer.openapi._diff.keywords import Difference, Effect, Side, effect_of
from composer.openapi._structure import mapping


class Finding(NamedTuple):
    """Hold one difference: does it break, where below the schema, what it is."""

    breaking: bool
    place: str
    what: str


Key: TypeAlias = tuple[tuple[int, ...], tuple[int, ...], Side, bool]

_BY_KEYWORD: Final = (keywords.value_differences, keywords.limit_differences, keywords.other_differences)


@dataclass
class _Node:
    old: Parts
    new: Parts
    side: Side
    texts: bool
    findings: list[Finding] = field(default_factory=list)
    edges: list[tuple[str, Key]] = field(default_factory=list)

    def note(self, effect: Effect, what: str, place: str = "") -> None:
        self.findings.append(Finding(effect.breaks(self.side), place, what))


class SchemaChanges:
    """Compare the schemas of two documents: `pair` them as they are met, then `run`, then `collect`."""

    def __init__(self, old: Document, new: Document) -> None:
        self.old = old
        self.new = new
        self._nodes: dict[Key, _Node] = {}
        self._waiting: list[_Node] = []
        self._telling: set[Key] = set()
        self._marks: Marks | None = None

    def pair(self, old: Parts, new: Parts, side: Side, *, texts: bool = True) -> Key:
        """Have two schemas compared, and return what to ask `collect` for."""
        old, new = self.old.leaves(old), self.new.leaves(new)
        key = (tuple(map(id, old)), tuple(map(id, new)), side, texts)
        if key not in self._nodes:
            self._nodes[key] = _Node(old, new, side, texts)
            self._waiting.append(self._nodes[key])
        return key

    def run(self) -> None:
        """Compare all pairs that were asked for, and those that they lead to."""
        while self._waiting:
            self._compare(self._waiting.pop())
        users: dict[Key, list[Key]] = {}
        for key, node in self._nodes.items():
            for _, inner in node.edges:
                users.setdefault(inner, []).append(key)
        waiting = [key for key, node in self._nodes.items() if node.findings]
        self._telling = set(waiting)
        while waiting:
            new = set(users.get(waiting.pop(), ())) - self._telling
            self._telling |= new
            waiting += new

    def collect(self, key: Key) -> Iterator[Finding]:
        """Yield what changed in and below a pair, each pair's own changes at the nearest place that leads there."""
        seen = {key}
        queue = deque([("", key)])
        while queue:
            place, key = queue.popleft()
            node = self._nodes[key]
            for breaking, inner, what in node.findings:
                yield Finding(breaking, (place + inner).removeprefix("."), what)
            for step, below in node.edges:
                if below in self._telling and below not in seen:
                    seen.add(below)
                    queue.append((place + step, below))

    def _edge(self, node: _Node, step: str, old: Parts, new: Parts, side: Side | None = None) -> None:
        if old or new:
            node.edges.append((step, self.pair(old or (ANY,), new or (ANY,), side or node.side)))

    def _compare(self, node: _Node) -> None:
        if node.texts:
            for what in (*keywords.texts(node.old, node.new), *keywords.default(node.old, node.new)):
                node.note(Effect.NONE, what)
        old, new = self.old.options(node.old), self.new.options(node.new)
        if len(old) == len(new) == 1:
            self._plain(node)
        else:
            self._union(node, old, new)
        self._discriminators(node)

    def _plain(self, node: _Node) -> None:
        never = [keywords.forbids_all(parts) for parts in (node.old, node.new)]
        if any(never):
            if not all(never):
                node.note(*((Effect.NARROWS, "is forbidden now") if never[1] else (Effect.WIDENS, "is allowed now")))
            return
        types = keywords.type_difference(node.old, node.new)
        if types is not None:
            node.note(*types)
            if types[0] is Effect.UNKNOWN:
                # Between a text and a number nothing else is worth comparing.
                return
        for differences in _BY_KEYWORD:
            for difference in differences(node.old, node.new):
                node.note(*difference)
        for compare in (self._properties, self._items, self._rarer, self._negations, self._unions, self._unresolved):
            compare(node)

    # -- unions --------------------------------------------------------------------------------------------

    def _union(self, node: _Node, old: list[Option], new: list[Option]) -> None:
        pairs, gone, added = self._matched(old, new)
        # The texts of what stood by itself are compared with those of the union that it became.
        texts = len(old) > 1 and len(new) > 1
        for was, now in pairs:
            step = f"({now.label})" if now.named and not _alone(new) else ""
            node.edges.append((step, self.pair(was.parts, now.parts, node.side, texts=texts)))
            if was.value and now.value and was.value != now.value:
                node.note(Effect.UNKNOWN, f"its discriminator's value is now {now.value}, was {was.value}", step)
        if gone or added:
            effect = _effect_on_choice(gone, added)
            node.note(effect, f"type {effect.value} from {_labels(old)} to {_labels(new)}")
        elif _overlapping(old) and _overlapping(new):
            for difference in _keyword_difference(node.old, node.new):
                node.note(*difference)

    def _matched(self, old: list[Option], new: list[Option]) -> tuple[list[Any], list[Option], list[Option]]:
        """Match the options of two unions: by content, by name, or as what is left; return what has no match too."""
        marks = self._marks = self._marks or Marks(self.old, self.new)
        pairs, left, right = _match(
            old, new, lambda each: marks.mark(self.old, each.parts), lambda each: marks.mark(self.new, each.parts)
        )
        for key in (_by_value, _by_label):
            more, left, right = _match(left, right, key, key)
            pairs += more
        only = len(left) == len(right) == 1
        if only and (not (left[0].named and right[0].named) or (_alone(old) and _alone(new))):
            pairs.append((left.pop(), right.pop()))
        return pairs, left, right

    def _discriminators(self, node: _Node) -> None:
        old, new = _discriminating(node.old), _discriminating(node.new)
        was, now = (mapping(part.get("discriminator")).get("propertyName") for part in (old, new))
        if was != now:
            effect = Effect.NONE if None in (was, now) else Effect.UNKNOWN
            node.note(effect, f"discriminator is now {now or 'none'}, was {was or 'none'}")
        heirs_old, heirs_new = self.old.heirs_of(old), self.new.heirs_of(new)
        for value in sorted(heirs_old.keys() | heirs_new.keys()):
            if value in heirs_old and value in heirs_new:
                self._edge(node, f"({value})", (heirs_old[value],), (heirs_new[value],))
            else:
                gone = value in heirs_old
                node.note(effect_of(gone, not gone), f"discriminator's value {value} is {'gone' if gone else 'new'}")

    # -- objects and arrays --------------------------------------------------------------------------------

    def _properties(self, node: _Node) -> None:
        old, needed_old = keywords.properties(self.old, node.old, node.side)
        new, needed_new = keywords.properties(self.new, node.new, node.side)
        for name in sorted(old.keys() | new.keys()):
            if name not in new:
                node.note(Effect.UNKNOWN, "property is gone", f".{name}")
            elif name in old:
                self._edge(node, f".{name}", old[name], new[name])
            else:
                self._new_property(node, f".{name}", new[name], name in needed_new - needed_old)
        for name in sorted(needed_new - needed_old - (new.keys() - old.keys())):
            node.note(Effect.NARROWS, "is newly required", f".{name}")
        for name in sorted(needed_old - needed_new - (old.keys() - new.keys())):
            node.note(Effect.WIDENS, "is no longer required", f".{name}")
        self._additional(node)

    def _new_property(self, node: _Node, place: str, schema: Parts, needed: bool) -> None:
        others = self.old.leaves(keywords.additional(node.old))
        if keywords.closed(node.old) and not (needed and node.side is Side.REQUEST):
            node.note(Effect.WIDENS, "property is new, where no other was allowed", place)
        elif needed and node.side is not Side.RESPONSE:
            node.note(Effect.NARROWS, "property is new and required", place)
        else:
            node.note(Effect.NONE, "property is new", place)
            if any(map(asserted, others)):
                # Until now it could be there as one of the others, with a value like theirs.
                self._edge(node, place, others, schema)

    def _additional(self, node: _Node) -> None:
        old, new = keywords.closed(node.old), keywords.closed(node.new)
        if old != new:
            node.note(effect_of(new, old), f"other properties are {'no longer' if new else 'newly'} allowed")
        elif not new:
            self._edge(node, "{}", keywords.additional(node.old), keywords.additional(node.new))

    def _items(self, node: _Node) -> None:
        length = max(keywords.leading(node.old), keywords.leading(node.new))
        for index in range(length):
            self._edge(node, f"[{index}]", keywords.item(node.old, index), keywords.item(node.new, index))
        self._edge(node, "[]", keywords.item(node.old, length), keywords.item(node.new, length))

    # -- all else ------------------------------------------------------------------------------------------

    def _rarer(self, node: _Node) -> None:
        old, new = keywords.rarer(node.old), keywords.rarer(node.new)
        for step in sorted(old.keys() | new.keys()):
            if (step in old and step in new) or step[1:-1] in keywords.COVARIANT:
                side = Side.BOTH if step == "(if)" else node.side
                self._edge(node, step, old.get(step, ()), new.get(step, ()), side)
            else:
                node.note(Effect.UNKNOWN, f"condition is {'gone' if step in old else 'new'}", step)

    def _negations(self, node: _Node) -> None:
        old, new = ([as_schema(part["not"]) for part in parts if "not" in part] for parts in (node.old, node.new))
        if len(old) == len(new):
            for was, now in zip(old, new, strict=True):
                self._edge(node, "(not)", (was,), (now,), node.side.other())
        else:
            node.note(effect_of(new, old), "what it must not be changed")

    def _unions(self, node: _Node) -> None:
        """Compare the unions that stand beside other keywords, which a value has to match as well."""
        old, new = ([part for part in parts if union_of(part)] for parts in (node.old, node.new))
        if len(old) == len(new):
            for was, now in zip(old, new, strict=True):
                self._edge(node, "", (was,), (now,))
        else:
            node.note(effect_of(new, old), "the schemas of which it must match one changed")

    def _unresolved(self, node: _Node) -> None:
        if self.old.unresolved(node.old) != self.new.unresolved(node.new):
            node.note(Effect.UNKNOWN, "refers to another place outside of the document")


def _match(
    left: list[Option], right: list[Option], of_left: Callable[[Option], Any], of_right: Callable[[Option], Any]
) -> tuple[list[tuple[Option, Option]], list[Option], list[Option]]:
    """Pair the options whose keys are equal and not None, in order; return the pairs and what is left."""
    waiting: dict[Any, list[Option]] = {}
    for option in right:
        waiting.setdefault(of_right(option), []).append(option)
    pairs, rest = [], []
    for option in left:
        key = of_left(option)
        if key is not None and waiting.get(key):
            pairs.append((option, waiting[key].pop(0)))
        else:
            rest.append(option)
    return pairs, rest, [option for options in waiting.values() for option in options]


def _by_value(option: Option) -> str | None:
    return option.value or None


def _by_label(option: Option) -> tuple[str, bool]:
    return option.label, option.named


def _alone(options: list[Option]) -> bool:
    """Tell whether there is but one option beside null."""
    return len([option for option in options if option.label != "null"]) == 1


def _labels(options: list[Option]) -> str:
    return "|".join(sorted((option.label for option in options), key=lambda label: (label == "null", label)))


def _effect_on_choice(gone: list[Option], added: list[Option]) -> Effect:
    """Say what it does that options are gone and added; one that allows anything covers all others."""
    if any(option.label == "any" for option in gone):
        return Effect.NARROWS
    if any(option.label == "any" for option in added):
        return Effect.WIDENS
    return effect_of(gone, added)


def _overlapping(options: list[Option]) -> bool:
    """Tell whether a value may match two of the options, as far as their types and a discriminator tell."""
    labels = [option.label for option in options if option.label != "null"]
    exclusive = len(set(labels)) == len(labels) and not any(option.named for option in options)
    return len(labels) > 1 and not exclusive and not any(option.value for option in options)


def _keyword_difference(old: Parts, new: Parts) -> Iterator[Difference]:
    was, now = (next(filter(None, map(union_of, parts)), "") for parts in (old, new))
    if was and now and was != now:
        # One that matches two options is no longer allowed by `oneOf`.
        yield Effect.NARROWS if now == "oneOf" else Effect.WIDENS, f"{was} became {now}"


def _discriminating(parts: Parts) -> Json:
    """Return the part with the discriminator that is the schema's own, not one that it got by `allOf`."""
    for part in parts:
        if "discriminator" in part:
            return part
        if asserted(part) or "allOf" in part:
            break
    return next((part for part in parts if union_of(part) and "discriminator" in part), ANY)
