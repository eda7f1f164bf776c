"""How long importing and building each part takes, and what it changes of the whole process."""

import time

# That of `signal` makes an enum's member of each answer, which takes longer than all the rest here.
from collections.abc import Iterator
from contextlib import contextmanager

from composer._model import Kind, Making, Notice, Step
from composer._side_effects import changes, snapshot

# What is imported or made at this moment: one thing as a rule.
_under_way: list[tuple[Making, Kind, str, float]] = []


def parts_under_way() -> list[Step]:
    """Return what is imported or made at this moment, and for how long it has been."""
    now = time.perf_counter()
    return [Step(phase, kind, name, begun, now - begun, over=False) for phase, kind, name, begun in list(_under_way)]


class PartRecorder:
    """Note of each part, while it is imported and while it is made, what that took and what it changed of the process.

    Nothing is undone: what a part needs is its own business. But two of them may be in each other's way, or in the
    server's, and then somebody has to know which.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.notices: list[Notice] = []

    @contextmanager
    def of(self, phase: Making, kind: Kind, name: str) -> Iterator[None]:
        """Note what happens in this block of that part; nothing is noted where the block raises."""
        before, begun = snapshot(), time.perf_counter()
        now = (phase, kind, name, begun)
        _under_way.append(now)
        try:
            yield
        finally:
            _under_way.remove(now)
        self.steps.append(Step.since(begun, phase, kind, name))
        self.notices += [Notice(phase, kind, name, change) for change in changes(before, snapshot())]
