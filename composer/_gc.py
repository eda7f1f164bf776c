"""The garbage collector, paused while documents are merged and relieved once `composer serve` has started."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# New objects after which the young ones are looked at, instead of Python's 700 or 2,000: in a server, and while
# documents are merged. The odd number shows that nobody else has set the threshold meanwhile.
_SERVING: Final = 10_000
_MERGING: Final = 2_000_000_011

# From so many new objects on, a look at them all would hold up every thread for longer than anybody should wait.
_MANY: Final = 20_000

# Python 3.12 freezes some hundred objects itself; a program that freezes its own objects has many more.
_FROZEN: Final = 5_000

_lock = threading.Lock()
# How many merges are under way, the thresholds before the first of them, and those that were set for it.
_merges = 0
_usual = _ours = gc.get_threshold()

# How many full collections there had been when new objects were last moved to the old generation.
_moved_at = -1
_has_frozen = False


@contextmanager
def pause_while_merging() -> Iterator[None]:
    """Make many objects without having them searched for garbage again and again; side by side in threads, too.

    A merge makes hundreds of thousands of objects that all live until it ends, and so does the making of what is
    merged. The collector would go through all of the process's objects each time that they have grown by a quarter,
    half of the merge's time, and would hold up every thread meanwhile. Memory is freed as always, save for cycles,
    which wait until the last merge has ended. Were there many new objects, they count as old ones then: the next full
    collection looks at them. Thresholds that somebody else sets meanwhile stay.
    """
    _change(1)
    try:
        yield
    finally:
        _move_to_old_generation()
        _change(-1)


def freeze_after_start() -> None:
    """Leave what stands after the start out of all further garbage collections, and have fewer of them.

    A full collection looks at every object of the process, for tens to hundreds of milliseconds in which nobody is
    answered, and a request makes so many objects that Python would collect the young ones each time.
    """
    gc.freeze()
    gc.set_threshold(_SERVING, *gc.get_threshold()[1:])


def _change(by: int) -> None:
    """Count the merges, and set the thresholds for them unless somebody else has set them."""
    global _merges, _usual, _ours
    with _lock:
        now = gc.get_threshold()
        if not _merges:
            _usual = _ours = now
        _merges += by
        if now == _ours:
            # Zero means never.
            young = max(_usual[0], _MERGING) if _merges and _usual[0] else _usual[0]
            _ours = (young, *_usual[1:])
            gc.set_threshold(*_ours)


def _move_to_old_generation() -> None:
    """Move what lives to the old generation where much of it is new, which takes no time however much it is.

    Not twice between two full collections: each time puts the next one off, and it alone finds old garbage. Where
    somebody has frozen what is there, as before a fork, it has to stay so, and what is new is frozen with it; but
    once, since garbage among it is never found.
    """
    global _moved_at, _has_frozen
    if gc.get_count()[0] <= _MANY:
        return
    if gc.get_freeze_count() > _FROZEN:
        if not _has_frozen:
            _has_frozen = True
            gc.freeze()
        return
    full_collections = gc.get_stats()[-1]["collections"]
    if _moved_at != full_collections:
        _moved_at = full_collections
        gc.freeze()
        gc.unfreeze()
