"""The garbage collector, kept from looking again and again at what was only just made to stay."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# New objects after which the young ones are looked at, instead of Python's 700 or 2,000: in a server, and while a
# composition is built.
_SERVING: Final = 10_000
_BUILDING: Final = 100_000

# From so many new objects on, a look at them all would hold up every thread for longer than anybody should wait.
_MANY: Final = 20_000

_lock = threading.Lock()
_resting = 0
_was_enabled = False
# The number of full collections when new objects were last taken for old ones, by what had made them.
_taken_at: dict[str, int] = {}


@contextmanager
def patient_collector() -> Iterator[None]:
    """Have fewer collections while much is imported and made that will live as long as the process.

    What it was, if it was much, counts as old afterwards. Where the code that runs meanwhile says itself how often
    there are to be collections, that stays; where they are as rare or off already, nothing is changed.
    """
    usual = gc.get_threshold()
    patient = (_BUILDING, *usual[1:])
    if not 0 < usual[0] < _BUILDING:
        yield
        return
    gc.set_threshold(*patient)
    try:
        yield
    finally:
        if gc.get_threshold() == patient:
            _take_for_old_if_many("build")
            gc.set_threshold(*usual)


def calm_collector() -> None:
    """Leave what stands after the start out of all further garbage collections, and have fewer of them.

    A full collection looks at every object of the process, for tens to hundreds of milliseconds in which nobody is
    answered, and a request makes so many objects that Python would collect the young ones each time.
    """
    gc.freeze()
    gc.set_threshold(_SERVING, *gc.get_threshold()[1:])


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Make many objects without having them searched for garbage again and again; side by side in threads, too.

    A merge makes hundreds of thousands of objects that all live until it ends, and so does the making of what is
    merged. The collector would go through all of the process's objects each time that they have grown by a quarter,
    half of the merge's time, and would hold up every thread meanwhile. Memory is freed as always, save for cycles,
    which wait until the last of those who asked for this has ended. Were there many new objects, they count as old
    ones then: they are looked at with all the others, the next time that it comes to that.
    """
    global _resting, _was_enabled
    with _lock:
        _resting += 1
        if _resting == 1:
            _was_enabled = gc.isenabled()
            gc.disable()
    try:
        yield
    finally:
        with _lock:
            _resting -= 1
            if _resting == 0 and _was_enabled:
                _take_for_old_if_many("merge")
                gc.enable()


def _take_for_old_if_many(maker: str) -> None:
    """Put what lives among the old objects where much of it is new, which takes no time however much it is.

    Not twice between two full collections: each time puts the next one off, and it alone finds old garbage.
    """
    full_collections = gc.get_stats()[-1]["collections"]
    if gc.get_count()[0] <= _MANY or full_collections == _taken_at.get(maker):
        return
    _taken_at[maker] = full_collections
    was_frozen = gc.get_freeze_count()
    gc.freeze()
    if not was_frozen:
        # Where somebody has frozen what is there, as before a fork, it has to stay so.
        gc.unfreeze()
