"""One app's document, read once for as many merges as it stays the same."""

from typing import Any

from composer.openapi._graph import Graph, build_graph
from composer.openapi._normalise import CommonFields, Normaliser, TopFields, top_fields
from composer.openapi._references import add_references
from composer.openapi._source import Source, read_source


class CachedSource:
    """Hold one document as it was given, and what was found in it."""

    def __init__(self, name: str, prefix: str, document: Any) -> None:
        self.name = name
        self._arguments = (name, prefix, document)
        self._source, self.faults = read_source(name, prefix, document)
        self.top: TopFields | None = top_fields(self._source) if self._source else None
        self._common: CommonFields | None = None
        self._graph: Graph | None = None

    def matches(self, prefix: str, document: Any) -> bool:
        """Tell whether this is what was given."""
        return self._arguments[1] == prefix and self._arguments[2] is document

    def graph(self, common: CommonFields) -> Graph | None:
        """Return the names in the document, settled for a merge; None where it isn't well-formed."""
        if self._source and common != self._common:
            if self._common:
                # It was settled for documents that had other things in common.
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
        # Something of another type than OpenAPI has there; what is amiss with it is for a validator to say.
        graph = Graph(source, normaliser)
        graph.add_fault(None, (), f"invalid OpenAPI document: {type(error).__name__}: {error}")
    return graph
