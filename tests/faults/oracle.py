"""What must come of a case: told from the promises in the documentation, without a look at composer."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.faults.cases import APP, HOOK, NAMES, STONE, Case, Fault, Mode, Place

# In which phase a part fails that has a fault at this place.
PHASES = {
    Place.HOOK_ENTER: "", Place.HOOK_EXIT: "",
    Place.ENTER: "start", Place.SERVING_ENTER: "start", Place.EXIT: "stop", Place.SERVING_EXIT: "stop",
    Place.BEFORE: "start", Place.STARTING: "start", Place.AT_COMPLETE: "start",
    Place.UP: "serve", Place.SHUTDOWN: "stop",
}  # fmt: skip

# What is different for one fault. "" is no failure at all.
EXCEPTIONS = {
    # An app that has received nothing and ends, without being told to, has no lifespan.
    (Place.BEFORE, Fault.RAISES): "", (Place.BEFORE, Fault.RETURNS): "",
    # It had nothing more to say than that it has stopped.
    (Place.SHUTDOWN, Fault.RETURNS): "",
    # It is up then, and has not asked what comes next: only a stop shows that.
    (Place.AT_COMPLETE, Fault.RETURNS): "serve", (Place.AT_COMPLETE, Fault.HANGS): "stop",
    (Place.UP, Fault.HANGS): "stop",
}  # fmt: skip

Failure = tuple[str, str, str]


@dataclass(frozen=True)
class Expected:
    """What must come of a case."""

    ending: str  # what the server is told last, or "cancelled"
    failures: frozenset[Failure]  # (kind, name, phase) of each
    raised: bool  # whether they are raised to the server, in one group, or told by the log alone
    started: bool  # whether the server opened
    down: frozenset[str]  # the apps that answer 503 while it serves
    ready: bool  # what /readyz says while it serves


def expected(case: Case) -> Expected:
    """Return what must come of a case."""
    phase = phase_of(case)
    failures = frozenset(_failures(case, phase))
    aborts = phase == "start" and (case.place in STONE or case.mode is Mode.ABORT)
    down = frozenset(name for _, name, when in failures if when != "stop")
    waits_for_it = case.fault is Fault.RUN_CANCELLED and case.place in (Place.BEFORE, Place.STARTING)
    if waits_for_it and case.mode is Mode.BACKGROUND:
        down = frozenset(_with_followers(case))
    # Around a request it is the request that is cancelled, which nothing else notices.
    if case.fault is Fault.RUN_CANCELLED and case.place not in HOOK:
        at_start = PHASES[case.place] == "start" and case.place is not Place.AT_COMPLETE
        started = not at_start or (case.place in APP and case.mode is Mode.BACKGROUND)
        return Expected("cancelled", failures, False, started, down, not down)
    raised = aborts or phase == "stop"
    ending = {"start": "startup.failed", "stop": "shutdown.failed"}[phase] if raised else "shutdown.complete"
    return Expected(ending, failures, raised, not aborts, down, not down or case.mode is Mode.DEGRADE)


def phase_of(case: Case) -> str:
    """Return in which phase the parts with the fault fail, or "" where they don't."""
    if case.place in APP and case.fault is Fault.SAYS_TWICE:
        return ""
    if case.fault is Fault.RUN_CANCELLED:
        # Only a stop goes on when it is cancelled, and so can take too long.
        return "stop" if PHASES[case.place] == "stop" else ""
    return EXCEPTIONS.get((case.place, case.fault), PHASES[case.place])


def _failures(case: Case, phase: str) -> Iterator[Failure]:
    if not phase:
        return
    if case.place in APP:
        names = _with_followers(case) if phase == "start" else case.names
        yield from (("app", name, phase) for name in names)
        return
    # They start one after the other, so that the first failure is the only one.
    names = case.names[:1] if phase == "start" else case.names
    hook = ".serving" if case.place in (Place.SERVING_ENTER, Place.SERVING_EXIT) else ""
    yield from (("cornerstone", f"{name}{hook}", phase) for name in names)


def _with_followers(case: Case) -> tuple[str, ...]:
    return NAMES[case.faulty[0] :] if case.chain else case.names


def entered(case: Case) -> set[str]:
    """Return what is entered at all in the course of a case."""
    stones, apps, hooks = ([f"{kind} {name}" for name in NAMES] for kind in ("cornerstone", "app", "serving"))
    at, fails = case.faulty[0], expected(case)
    stuck = case.fault is Fault.RUN_CANCELLED or phase_of(case) == "start"
    if case.place is Place.ENTER:
        return {*stones[: at + 1]}
    if case.place is Place.SERVING_ENTER:
        return {*stones, *apps, *hooks[: at + 1]}
    if case.place in (Place.BEFORE, Place.STARTING, Place.AT_COMPLETE) and stuck and PHASES[case.place] == "start":
        up = case.fault is Fault.RUN_CANCELLED and case.place is Place.AT_COMPLETE
        apps = apps[: at + 1] if case.chain and not up else apps
    return {*stones, *apps, *(hooks if fails.started else [])}


def order(case: Case) -> Iterator[tuple[str, str]]:
    """Return pairs of what is entered: the first of each is entered before the second, and left after it."""
    stones, apps, hooks = ([f"{kind} {name}" for name in NAMES] for kind in ("cornerstone", "app", "serving"))
    for row in [stones, hooks, *([apps] if case.chain else [])]:
        yield from pairwise(row)
    for name in apps:
        yield stones[-1], name
        # The server doesn't wait for those in the background.
        if case.mode is not Mode.BACKGROUND:
            yield name, hooks[0]


def left_early(case: Case) -> set[str]:
    """Return what is left already while the server serves: what has failed by then, and apps without a lifespan."""
    without = case.place is Place.BEFORE and case.fault in (Fault.RAISES, Fault.RETURNS)
    return {f"app {name}" for name in case.names} if without or phase_of(case) in ("start", "serve") else set()


def says(case: Case) -> str:
    """Return what an app that is down tells its clients while the server serves."""
    if case.fault is Fault.RUN_CANCELLED:
        return "The app is starting."
    if phase_of(case) == "serve":
        return "The app has failed."
    return f"The app failed to start{' and will be retried' if case.mode is Mode.BACKGROUND else ''}."
