"""The order in which things come that need each other."""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter


def ordered(needs: Mapping[str, Iterable[str]]) -> tuple[list[str], list[list[str]]]:
    """Order names so that each comes after those that it needs; in the mapping's order where nothing else decides.

    Returns the order, and every circle of names that need each other: from the first one back to itself, each before
    the one that it needs. The names of a circle aren't in the order, and neither is one that the mapping doesn't have.
    """
    graph = dict(needs)
    circles: list[list[str]] = []
    while True:
        try:
            return [name for name in TopologicalSorter(graph).static_order() if name in graph], circles
        except CycleError as error:
            circles.append(list(reversed(error.args[1])))
            graph = {name: wanted for name, wanted in graph.items() if name not in circles[-1]}
