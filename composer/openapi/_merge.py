"""The merge: `merge_openapi` for one, `Merger` for repeated ones."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, TypeAlias

from composer._gc import pause_while_merging
from composer._json import Json
from composer.openapi._assembly import assemble, document_head, duplicate_operations
from composer.openapi._equivalence import equivalence_classes
from composer.openapi._errors import Fault, OpenAPIMergeError, OpenAPIMergeWarning
from composer.openapi._graph import Graph, build_graph
from composer.openapi._naming import choose_names, kept_components
from composer.openapi._normalise import CommonFields, Normaliser, common_fields, top_fields
from composer.openapi._references import add_references
from composer.openapi._source import Source, droppable_part, read_source, without_parts
from composer.openapi._structure import from_pointer

OnError: TypeAlias = Literal["raise", "skip", "drop"]
Serves: TypeAlias = Callable[[str, str], bool]

# What the merge raises for a value of a type that OpenAPI doesn't allow there; details are a validator's job.
_INVALID = (AttributeError, LookupError, TypeError, ValueError, RecursionError)


def merge_openapi(
    sources: Iterable[tuple[str, str, Any]],
    *,
    title: str,
    version: str,
    servers: Literal["host", "keep"] = "host",
    on_error: OnError = "raise",
) -> Json:
    """Merge OpenAPI 3.0, 3.1 and 3.2 documents into one in which every operation keeps its meaning.

    Components with the same name are shared if they are equivalent through all references; otherwise they are
    prefixed with the names of their apps. The result doesn't depend on the order of the sources, and shares no object
    with them. References to other files stay as they are, with an `OpenAPIMergeWarning`.

    Args:
        sources: Tuples `(name, prefix, document)`: the app's name, the path that it is mounted under (`"/notes"`; `""`
            or `"/"` for the root), and its document as plain JSON data, which isn't changed.
        title: Title of the merged document.
        version: Version of the merged document's API.
        servers: `"host"` drops the servers of the sources, for apps that one server serves; `"keep"` keeps the servers
            of each operation.
        on_error: `"raise"` raises an exception for faulty sources; `"skip"` leaves them out; `"drop"` leaves out only
            the operations with faults, if possible. What is left out is reported by an `OpenAPIMergeWarning`.

    Returns:
        The merged document as plain JSON data, of the highest version of any source.

    Raises:
        OpenAPIMergeError: With `on_error="raise"`, if any source is faulty. Lists every fault of every source.

    Example:
        >>> notes = {"openapi": "3.1.0", "info": {}, "paths": {"/": {"get": {"responses": {}}}}}
        >>> merged = merge_openapi([("notes", "/notes", notes)], title="All", version="1")
        >>> list(merged["paths"])
        ['/notes/']
    """
    merger = Merger(title=title, version=version, servers=servers)
    merged = merger.merge(sources, on_error)
    left_out = [f"skipped {fault}" for fault in merged.left_out] + [
        f"dropped {fault}" for fault in merged.dropped + merged.links
    ]
    for message in (*left_out, *map(str, merged.external)):
        warnings.warn(message, OpenAPIMergeWarning, stacklevel=2)
    return merged.document


class Merged(NamedTuple):
    """Represent the result of `Merger.merge`.

    Attributes:
        document: The merged document.
        external: References to other files, which stay as they are.
        left_out: The faults of the sources that were skipped.
        dropped: The faults of operations that were left out of other sources.
        links: The faults of links that were left out: hints about operations that don't exist.
    """

    document: Json
    external: list[Fault]
    left_out: list[Fault]
    dropped: list[Fault]
    links: list[Fault]


class _CachedSource:
    """Cache the validated copy and the graph of one source for the next merges."""

    def __init__(self, name: str, prefix: str, document: Any, serves: Serves, dropped: Iterable[Fault] = ()) -> None:
        self.name = name
        self.dropped = tuple(dropped)
        self._arguments = (name, prefix, document, serves)
        self._source, self.faults = read_source(*self._arguments)
        self.top = top_fields(self._source.document) if self._source else None
        self._common: CommonFields | None = None
        self._graph: Graph | None = None

    def matches(self, prefix: str, document: Any) -> bool:
        """Return whether the cache is valid for this prefix and document, compared by identity."""
        # What was dropped may depend on the other sources.
        return self._arguments[1] == prefix and self._arguments[2] is document and not self.dropped

    def without(self, faults: Iterable[Fault], *, only_links: bool) -> "_CachedSource | None":
        """Return the source without the parts that have these faults; None if it can't do without them."""
        own = [fault for fault in faults if fault.app == self.name]
        name, prefix, document, serves = self._arguments
        parts = [droppable_part(from_pointer(fault.pointer), only_links=only_links) for fault in own]
        if not own:
            return self
        if not all(parts):
            return None
        reduced = without_parts(document, parts)
        return _CachedSource(name, prefix, reduced, serves, [*self.dropped, *own]) if reduced != document else None

    def graph(self, common: CommonFields) -> Graph | None:
        """Return the graph of the normalised document, or None if the document is malformed."""
        if self._source and common != self._common:
            if self._common:
                # Normalising changed the copy, for documents with other fields in common: start from a new copy.
                self._source, self.faults = read_source(*self._arguments)
            self._graph = _build_graph(self._source, common) if self._source else None
            self._common = common
        return self._graph


def _build_graph(source: Source, common: CommonFields) -> Graph:
    normaliser = Normaliser(source, common)
    try:
        graph = build_graph(source, normaliser)
        add_references(graph)
    except _INVALID as error:
        graph = Graph(source, normaliser)
        graph.add_fault(None, (), _invalid(source.name, error).message)
    return graph


def _is_of_link(fault: Fault) -> bool:
    return bool(droppable_part(from_pointer(fault.pointer), only_links=True))


def _invalid(name: str, error: Exception) -> Fault:
    return Fault(name, "#", f"invalid OpenAPI document: {type(error).__name__}: {error}")


class Merger:
    """Merge repeatedly, and process only the sources whose document is a different object than in the last merge.

    Merged documents share objects with earlier and later ones, so neither they nor the sources' documents may be
    changed. A merger may be used by one thread at a time.

    Args:
        title: Title of the merged documents.
        version: Version of the merged documents' API.
        servers: As for `merge_openapi`.
        serves: Returns whether an app, by its name, serves a path that its document doesn't contain. URLs with such a
            path, such as the token URL of a hidden route, are relocated to the app's prefix.

    Example:
        >>> merger = Merger(title="All", version="1")
        >>> merger.merge([("notes", "/notes", {"openapi": "3.1.0", "info": {}})]).document["info"]
        {'title': 'All', 'version': '1'}
    """

    def __init__(
        self,
        *,
        title: str,
        version: str,
        servers: Literal["host", "keep"] = "host",
        serves: Serves = lambda name, path: False,
    ) -> None:
        self._info = {"title": title, "version": version}
        self._serves = serves
        self._servers = servers
        self._cached: dict[str, _CachedSource] = {}

    def merge(self, sources: Iterable[tuple[str, str, Any]], on_error: OnError = "raise") -> Merged:
        """Merge the sources.

        Args:
            sources: As for `merge_openapi`.
            on_error: As for `merge_openapi`.

        Returns:
            The merged document, its references to other files, and the faults of what was left out.

        Raises:
            OpenAPIMergeError: With `on_error="raise"`, if any source is faulty.
        """
        sources = list(sources)
        with pause_while_merging():
            cached = [self._cached_source(*each) for each in sources]
            self._cached = {each.name: each for each in cached}
            left_out: set[Fault] = set()
            faults = _duplicate_names(sources)
            while True:
                try:
                    document, external = self._merge_valid(cached, faults)
                except OpenAPIMergeError as error:
                    if on_error == "raise":
                        raise
                    reduced = [each.without(error.faults, only_links=on_error == "skip") for each in cached]
                    lost = {old.name for old, new in zip(cached, reduced, strict=True) if new is None}
                    left_out |= {fault for fault in error.faults if fault.app in lost}
                    cached, faults = [each for each in reduced if each], []
                else:
                    dropped = sorted(fault for each in cached for fault in each.dropped)
                    links = [fault for fault in dropped if _is_of_link(fault)]
                    operations = [fault for fault in dropped if fault not in links]
                    return Merged(document, external, sorted(left_out), operations, links)

    def _cached_source(self, name: str, prefix: str, document: Any) -> _CachedSource:
        cached = self._cached.get(name)
        is_valid = cached and cached.matches(prefix, document)
        return cached if cached and is_valid else _CachedSource(name, prefix, document, self._serves)

    def _merge_valid(self, cached: list[_CachedSource], faults: list[Fault]) -> tuple[Json, list[Fault]]:
        """Merge the sources; raise OpenAPIMergeError also if they have a fault that only the merge shows."""
        try:
            return self._merge(cached, faults)
        except OpenAPIMergeError:
            raise
        except _INVALID as error:
            raise OpenAPIMergeError(self._unmergeable(cached)) from error

    def _unmergeable(self, cached: list[_CachedSource]) -> list[Fault]:
        """Return a fault for each source that can't be merged alone, else for those that can't with the ones before."""
        faults = [fault for each in cached for fault in self._failure([each])]
        merged: list[_CachedSource] = []
        for each in cached if not faults else ():
            failure = self._failure([*merged, each])
            faults += failure
            merged += [] if failure else [each]
        return faults

    def _failure(self, cached: list[_CachedSource]) -> list[Fault]:
        try:
            self._merge(cached, [])
        except OpenAPIMergeError:
            return []
        except _INVALID as error:
            return [_invalid(cached[-1].name, error)]
        return []

    def _merge(self, cached: list[_CachedSource], faults: list[Fault]) -> tuple[Json, list[Fault]]:
        common = common_fields([each.top for each in cached if each.top], self._servers)
        built = [graph for each in cached if (graph := each.graph(common))]
        # Sorted, because the result may not depend on the order of the sources.
        graphs = sorted(built, key=lambda graph: (graph.source.prefix, graph.source.name))
        sources = [graph.source for graph in graphs]
        faults += [fault for each in cached for fault in each.faults]
        faults += [fault for graph in graphs for fault in graph.faults(graph.local_faults)]
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
