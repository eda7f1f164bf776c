"""The order of parts that depend on each other."""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter


def ordered(dependencies: Mapping[str, Iterable[str]]) -> tuple[list[str], list[list[str]]]:
    """Order names so that each comes after those that it depends on, else in the order of the mapping.

    Returns the order, and every circular dependency: from one name back to itself, each before the one that it depends
    on. The order has no names of a circle, and none that the mapping doesn't have.
    """
    graph = dict(dependencies)
    circles: list[list[str]] = []
    while True:
        try:
            return [name for name in TopologicalSorter(graph).static_order() if name in graph], circles
        except CycleError as error:
            circles.append(list(reversed(error.args[1])))
            graph = {name: others for name, others in graph.items() if name not in circles[-1]}
