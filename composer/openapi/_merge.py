"""The merge, from the documents given to the one document."""

import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from composer._gc import pause_while_merging
from composer._json import Json
from composer.openapi._assembly import assemble, collisions, head
from composer.openapi._cached_source import Prepared
from composer.openapi._equivalence import equivalence_classes
from composer.openapi._errors import Fault, OpenAPIMergeError, OpenAPIMergeWarning
from composer.openapi._graph import Graph
from composer.openapi._naming import names, surviving
from composer.openapi._normalise import common_of


def merge_openapi(
    sources: Iterable[tuple[str, str, Any]],
    *,
    title: str,
    version: str,
    servers: Literal["host", "keep"] = "host",
    on_error: Literal["raise", "skip"] = "raise",
) -> Json:
    """Merge OpenAPI 3.0 and 3.1 documents into one in which every operation means what it means in its own.

    Each source is `(name, prefix, document)`: the app's name, where it is mounted (`/notes`; `""` or `/` for
    nowhere), and its document as plain JSON data, which isn't changed. The result does not depend on the order
    of the sources, and shares no object with them. Parts with one name are one where they are the same through
    all references, and carry their apps' names where they aren't.

    `servers="host"` says that the composition is the server and drops the sources' own; `"keep"` keeps each
    operation's. Raise OpenAPIMergeError with every fault of every source; with `on_error="skip"` leave the
    faulty sources out, each with an OpenAPIMergeWarning. References into other files stay, with a warning.
    """
    merger = Merger(title=title, version=version, servers=servers)
    merged = merger.merge(sources, on_error)
    for told in (*(f"left out: {fault}" for fault in merged.left_out), *map(str, merged.external)):
        warnings.warn(told, OpenAPIMergeWarning, stacklevel=2)
    return merged.document


class Merged(NamedTuple):
    """Hold a merged document, its references into other files, and the faults of the sources that it is without."""

    document: Json
    external: list[Fault]
    left_out: list[Fault]


class Merger:
    """Merge again and again, and read anew only the documents that are other objects than at the last time.

    What it returns shares objects with what it returned before and will return: none of that may be changed, nor
    a document that was given. It is for one thread at a time.
    """

    def __init__(self, *, title: str, version: str, servers: Literal["host", "keep"] = "host") -> None:
        self._info = {"title": title, "version": version}
        self._servers = servers
        self._known: dict[str, Prepared] = {}

    def merge(self, sources: Iterable[tuple[str, str, Any]], on_error: Literal["raise", "skip"] = "raise") -> Merged:
        """Merge the sources; raise OpenAPIMergeError for all faults, or with `on_error="skip"` leave out the faulty."""
        given = list(sources)
        with pause_while_merging():
            prepared = [self._prepare(*each) for each in given]
            self._known = {each.name: each for each in prepared}
            left_out: list[Fault] = []
            faults = _named_twice(given)
            while True:
                try:
                    return Merged(*self._merge(prepared, faults), left_out)
                except OpenAPIMergeError as error:
                    if on_error == "raise":
                        raise
                    faulty = {fault.app for fault in error.faults}
                    left_out += error.faults
                    prepared, faults = [each for each in prepared if each.name not in faulty], []

    def _prepare(self, name: str, prefix: str, document: Any) -> Prepared:
        known = self._known.get(name)
        return known if known and known.holds(prefix, document) else Prepared(name, prefix, document)

    def _merge(self, prepared: list[Prepared], faults: list[Fault]) -> tuple[Json, list[Fault]]:
        common = common_of([each.top for each in prepared if each.top], self._servers)
        found = [graph for each in prepared if (graph := each.graph(common))]
        # No result may depend on the order in which the apps are given.
        graphs = sorted(found, key=lambda graph: (graph.source.prefix, graph.source.name))
        sources = [graph.source for graph in graphs]
        faults += [fault for each in prepared for fault in each.faults]
        faults += [fault for graph in graphs for fault in graph.faults(graph.complaints)]
        faults += collisions(sources)
        if faults:
            raise OpenAPIMergeError(faults)
        merged = _put_together(graphs, head(sources, common.version, **self._info))
        return merged, [note for graph in graphs for note in graph.faults(graph.external)]


def _named_twice(given: list[tuple[str, str, Any]]) -> list[Fault]:
    counts = Counter(name for name, _, _ in given)
    return [Fault(name, "#", "two sources have this name") for name, count in counts.items() if count > 1]


def _put_together(graphs: list[Graph], about: Json) -> Json:
    nodes = {key: node for graph in graphs for key, node in graph.nodes.items()}
    colour = equivalence_classes(nodes)
    return assemble(graphs, surviving(graphs, colour), names(graphs, colour), about)
