"""The garbage collector, kept from looking for what can't be there."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_resting = 0
_was_enabled = False
_full_collections_before = -1

# From so many new objects on, a look at them all would hold up every thread for longer than anybody should wait.
_MANY = 20_000


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
                if gc.get_count()[0] > _MANY:
                    _take_for_old()
                gc.enable()


def _take_for_old() -> None:
    """Put what lives among the old objects, which takes no time however much it is.

    Not twice between two full collections: each time puts the next one off, and it alone finds old garbage.
    """
    global _full_collections_before
    full_collections = gc.get_stats()[-1]["collections"]
    if full_collections == _full_collections_before:
        return
    _full_collections_before = full_collections
    was_frozen = gc.get_freeze_count()
    gc.freeze()
    if not was_frozen:
        # Where somebody has frozen what is there, as before a fork, it has to stay so.
        gc.unfreeze()
