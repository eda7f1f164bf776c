"""A source with its graph, cached for the next merges until its document changes."""

from typing import Any

from composer.openapi._graph import Graph, build_graph
from composer.openapi._normalise import CommonFields, Normaliser, TopFields, top_fields
from composer.openapi._references import add_references
from composer.openapi._source import Source, read_source


class CachedSource:
    """Cache the validated copy and the graph of one source."""

    def __init__(self, name: str, prefix: str, document: Any) -> None:
        self.name = name
        self._arguments = (name, prefix, document)
        self._source, self.faults = read_source(name, prefix, document)
        self.top: TopFields | None = top_fields(self._source) if self._source else None
        self._common: CommonFields | None = None
        self._graph: Graph | None = None

    def matches(self, prefix: str, document: Any) -> bool:
        """Return whether the cache is valid for this prefix and document, compared by identity."""
        return self._arguments[1] == prefix and self._arguments[2] is document

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
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # A value has a type that OpenAPI doesn't allow there; details are a validator's job.
        graph = Graph(source, normaliser)
        graph.add_fault(None, (), f"invalid OpenAPI document: {type(error).__name__}: {error}")
    return graph
