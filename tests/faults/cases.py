"""The cases: which fault, at which place, of which parts, in a composition that is how strict and of which shape."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto
from itertools import product

NAMES = ("first", "middle", "last")


class Place(StrEnum):
    """Where in the life of a part the fault is."""

    ENTER = auto()  # a cornerstone is entered
    EXIT = auto()  # a cornerstone is left
    SERVING_ENTER = auto()  # its serving() is entered
    SERVING_EXIT = auto()  # its serving() is left
    HOOK_ENTER = auto()  # its around_request() is entered
    HOOK_EXIT = auto()  # its around_request() is left
    BEFORE = auto()  # an app was called, and has received nothing yet
    STARTING = auto()  # it has received lifespan.startup
    AT_COMPLETE = auto()  # it has just sent lifespan.startup.complete
    UP = auto()  # the server serves
    SHUTDOWN = auto()  # it has received lifespan.shutdown


class Fault(StrEnum):
    """What the part does there."""

    RAISES = auto()
    RAISES_BASE = auto()
    EXITS = auto()
    INTERRUPTS = auto()
    HANGS = auto()
    RUN_CANCELLED = auto()  # whoever runs the server is cancelled while the part works
    TASK_CANCELLED = auto()  # the part's own task is cancelled, and not by composer
    RETURNS = auto()
    SAYS_FAILED = auto()
    SAYS_TWICE = auto()
    OUTSIDE = auto()  # sends what is no message of the lifespan protocol


class Mode(StrEnum):
    """What all apps declare."""

    ABORT = auto()
    DEGRADE = auto()
    BACKGROUND = auto()


class Kind(StrEnum):
    """How the apps are written, and whether each starts after the one before it."""

    ASGI = auto()
    ASGI_CHAIN = auto()
    STARLETTE = auto()


STONE = (Place.ENTER, Place.EXIT, Place.SERVING_ENTER, Place.SERVING_EXIT)
HOOK = (Place.HOOK_ENTER, Place.HOOK_EXIT)
APP = (Place.BEFORE, Place.STARTING, Place.AT_COMPLETE, Place.UP, Place.SHUTDOWN)

# Python's own are told apart from others where they could end the process, which is all the same to the modes.
LIKE_ANY_BASE = {Fault.EXITS, Fault.INTERRUPTS}
# A cornerstone is always required; apps that start in the background may be on their way when it fails.
IN_STONES = {Mode.ABORT, Mode.BACKGROUND}
SAYS = {Fault.SAYS_FAILED, Fault.SAYS_TWICE, Fault.OUTSIDE}
# A context manager that returns at its end has done what it should; one that has answered in time isn't limited.
NO_FAULT = {(Place.EXIT, Fault.RETURNS), (Place.SERVING_EXIT, Fault.RETURNS)}
NO_FAULT |= {(Place.HOOK_EXIT, Fault.RETURNS), (Place.HOOK_EXIT, Fault.HANGS)}
# A lifespan function of Starlette can't do anything else, and can't say anything.
IN_STARLETTE = {Place.STARTING, Place.SHUTDOWN}
# What an app does when it has come up isn't a failed start of the others, and no stop is degraded.
IN_APPS = {Place.AT_COMPLETE: IN_STONES, Place.SHUTDOWN: IN_STONES}
# Elsewhere those before and after have started by then, or it is as while starting.
IN_CHAIN = {Place.STARTING: {Mode.ABORT, Mode.DEGRADE}, Place.SHUTDOWN: {Mode.ABORT}}


@dataclass(frozen=True)
class Case:
    """One case of the matrix; `faulty` are the indices of the parts with the fault."""

    place: Place
    fault: Fault
    faulty: tuple[int, ...]
    mode: Mode
    kind: Kind

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts with the fault."""
        return tuple(NAMES[index] for index in self.faulty)

    @property
    def chain(self) -> bool:
        """Whether each app starts after the one before it."""
        return self.kind is Kind.ASGI_CHAIN

    @property
    def starlette(self) -> bool:
        """Whether the apps are Starlette's."""
        return self.kind is Kind.STARLETTE

    def __str__(self) -> str:
        which = "all" if len(self.faulty) == len(NAMES) else NAMES[self.faulty[0]]
        return "-".join([self.place, self.fault, which, self.mode, self.kind])


def is_sensible(case: Case) -> bool:
    """Tell whether the fault can happen at the place, and the rest of the case can make a difference to it."""
    if (case.place, case.fault) in NO_FAULT or (case.fault in SAYS and (case.place not in APP or case.starlette)):
        return False
    if case.place in HOOK:
        return case.mode is Mode.ABORT and case.kind is Kind.ASGI
    if case.fault in LIKE_ANY_BASE and case.mode is not Mode.ABORT:
        return False
    if case.place in STONE:
        return case.kind is Kind.ASGI and case.mode in ([Mode.ABORT] if case.place is Place.ENTER else IN_STONES)
    if case.chain:
        return case.mode in IN_CHAIN.get(case.place, ())
    if case.starlette:
        # It has no way to return early but not to yield, which Python tells as an error.
        can = case.place in IN_STARLETTE and (case.place, case.fault) != (Place.SHUTDOWN, Fault.RETURNS)
        return can and case.mode is Mode.ABORT
    return case.mode in IN_APPS.get(case.place, set(Mode))


def cases() -> Iterator[Case]:
    """Return all the cases that make sense."""
    which = [(0,), (1,), (2,), (0, 1, 2)]
    return filter(is_sensible, (Case(*each) for each in product(Place, Fault, which, Mode, Kind)))
