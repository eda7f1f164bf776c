"""The merge, from the documents given to the one document."""

import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from composer._gc import pause_while_merging
from composer._json import Json
from composer.openapi._assembly import assemble, document_head, duplicate_operations
from composer.openapi._cached_source import CachedSource
from composer.openapi._equivalence import equivalence_classes
from composer.openapi._errors import Fault, OpenAPIMergeError, OpenAPIMergeWarning
from composer.openapi._graph import Graph
from composer.openapi._naming import choose_names, kept_components
from composer.openapi._normalise import common_fields


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
    for message in (*(f"skipped {fault}" for fault in merged.left_out), *map(str, merged.external)):
        warnings.warn(message, OpenAPIMergeWarning, stacklevel=2)
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
        self._cached: dict[str, CachedSource] = {}

    def merge(self, sources: Iterable[tuple[str, str, Any]], on_error: Literal["raise", "skip"] = "raise") -> Merged:
        """Merge the sources; raise OpenAPIMergeError for all faults, or with `on_error="skip"` leave out the faulty."""
        sources = list(sources)
        with pause_while_merging():
            cached = [self._cached_source(*each) for each in sources]
            self._cached = {each.name: each for each in cached}
            left_out: list[Fault] = []
            faults = _duplicate_names(sources)
            while True:
                try:
                    return Merged(*self._merge(cached, faults), left_out)
                except OpenAPIMergeError as error:
                    if on_error == "raise":
                        raise
                    faulty = {fault.app for fault in error.faults}
                    left_out += error.faults
                    cached, faults = [each for each in cached if each.name not in faulty], []

    def _cached_source(self, name: str, prefix: str, document: Any) -> CachedSource:
        cached = self._cached.get(name)
        return cached if cached and cached.matches(prefix, document) else CachedSource(name, prefix, document)

    def _merge(self, cached: list[CachedSource], faults: list[Fault]) -> tuple[Json, list[Fault]]:
        common = common_fields([each.top for each in cached if each.top], self._servers)
        built = [graph for each in cached if (graph := each.graph(common))]
        # No result may depend on the order in which the apps are given.
        graphs = sorted(built, key=lambda graph: (graph.source.prefix, graph.source.name))
        sources = [graph.source for graph in graphs]
        faults += [fault for each in cached for fault in each.faults]
        faults += [fault for graph in graphs for fault in graph.faults(graph.pending_faults)]
        faults += duplicate_operations(sources)
        if faults:
            raise OpenAPIMergeError(faults)
        merged = _merge_graphs(graphs, document_head(sources, common.version, **self._info))
        return merged, [fault for graph in graphs for fault in graph.faults(graph.external)]


def _duplicate_names(sources: list[tuple[str, str, Any]]) -> list[Fault]:
    counts = Counter(name for name, _, _ in sources)
    return [Fault(name, "#", "duplicate source name") for name, count in counts.items() if count > 1]


def _merge_graphs(graphs: list[Graph], head: Json) -> Json:
    nodes = {key: node for graph in graphs for key, node in graph.nodes.items()}
    classes = equivalence_classes(nodes)
    return assemble(graphs, kept_components(graphs, classes), choose_names(graphs, classes), head)
