"""How long importing and building each part takes, and what it changes of the whole process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from composer._model import Kind, Making, Notice, Step
from composer._project.side_effects import changes, snapshot

# What is imported or built at this moment: one thing as a rule.
_under_way: list[tuple[Making, Kind, str, float]] = []


def parts_under_way() -> list[Step]:
    """Return what is imported or built at this moment, and for how long it has been."""
    now = time.perf_counter()
    return [Step(phase, kind, name, begun, now - begun, over=False) for phase, kind, name, begun in list(_under_way)]


class PartRecorder:
    """Record how long it takes to import and to build each part, and what that changed of the process.

    Nothing is undone: a part may need the change. But two parts, or a part and the server, may conflict, and then the
    log has to say which.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.notices: list[Notice] = []

    @contextmanager
    def of(self, phase: Making, kind: Kind, name: str) -> Iterator[None]:
        """Record this phase of that part, which the block runs; nothing is recorded where the block raises."""
        before, begun = snapshot(), time.perf_counter()
        entry = (phase, kind, name, begun)
        _under_way.append(entry)
        try:
            yield
        finally:
            _under_way.remove(entry)
        self.steps.append(Step.since(begun, phase, kind, name))
        self.notices += [Notice(phase, kind, name, change) for change in changes(before, snapshot())]
