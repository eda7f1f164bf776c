"""One app's document, read once for as many merges as it stays the same."""

from typing import Any

from composer.openapi._graph import Graph, declare
from composer.openapi._normalise import Common, Normaliser, Top, top_of
from composer.openapi._references import refer
from composer.openapi._source import Source, read


class Prepared:
    """Hold one document as it was given, and what was found in it."""

    def __init__(self, name: str, prefix: str, document: Any) -> None:
        self.name = name
        self._given = (name, prefix, document)
        self._source, self.faults = read(name, prefix, document)
        self.top: Top | None = top_of(self._source) if self._source else None
        self._common: Common | None = None
        self._graph: Graph | None = None

    def holds(self, prefix: str, document: Any) -> bool:
        """Tell whether this is what was given."""
        return self._given[1] == prefix and self._given[2] is document

    def graph(self, common: Common) -> Graph | None:
        """Return the names in the document, settled for a merge; None where it isn't well-formed."""
        if self._source and common != self._common:
            if self._common:
                # It was settled for documents that had other things in common.
                self._source, self.faults = read(*self._given)
            self._graph = _names_in(self._source, common) if self._source else None
            self._common = common
        return self._graph


def _names_in(source: Source, common: Common) -> Graph:
    settling = Normaliser(source, common)
    try:
        graph = declare(source, settling)
        refer(graph)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # Something of another type than OpenAPI has there; what is amiss with it is for a validator to say.
        graph = Graph(source, settling)
        graph.wrong(None, (), f"isn't a valid OpenAPI document: {type(error).__name__}: {error}")
    return graph
