"""The merge, from the documents given to the one document."""

import warnings
from collections.abc import Iterable
from typing import Any, Literal

from composer.openapi._assemble import assemble, collisions, head
from composer.openapi._faults import Fault, OpenAPIMergeError, OpenAPIMergeWarning
from composer.openapi._graph import Graph, declare
from composer.openapi._identity import colours
from composer.openapi._refer import refer
from composer.openapi._rename import names, rename, surviving
from composer.openapi._shape import Json
from composer.openapi._source import Source, normalise, read


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
    given = list(sources)
    while True:
        try:
            merged, notes = _merge(given, {"title": title, "version": version}, servers)
        except OpenAPIMergeError as error:
            if on_error == "raise":
                raise
            faulty = {fault.app for fault in error.faults}
            given = [source for source in given if source[0] not in faulty]
            for fault in error.faults:
                warnings.warn(f"left out: {fault}", OpenAPIMergeWarning, stacklevel=2)
        else:
            for note in notes:
                warnings.warn(str(note), OpenAPIMergeWarning, stacklevel=2)
            return merged


def _merge(given: list[tuple[str, str, Any]], info: dict[str, str], servers: str) -> tuple[Json, list[Fault]]:
    sources, faults = read(given)
    about = head(sources, "", **info)
    about["openapi"] = normalise(sources, servers)
    graphs = [_read_names(source) for source in sources]
    faults += [fault for graph in graphs for fault in graph.faults]
    faults += collisions(sources)
    if faults:
        raise OpenAPIMergeError(faults)
    nodes = {key: node for graph in graphs for key, node in graph.nodes.items()}
    colour = colours(nodes)
    new = names(graphs, colour)
    kept = surviving(graphs, colour)
    for graph in graphs:
        rename(graph, new)
    return assemble(graphs, kept, new, about), [note for graph in graphs for note in graph.external]


def _read_names(source: Source) -> Graph:
    try:
        graph = declare(source)
        refer(graph)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        # Something of another type than OpenAPI has there; what is amiss with it is for a validator to say.
        graph = Graph(source)
        graph.fault((), f"isn't a valid OpenAPI document: {type(error).__name__}: {error}")
    return graph
