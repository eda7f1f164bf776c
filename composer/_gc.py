"""The garbage collector, paused while documents are merged and relieved once `composer serve` has started."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# New objects before a collection of the young ones, instead of Python's 700 or 2,000: in a server, and while
# documents are merged. The odd number shows that nothing else has set the threshold meanwhile.
_SERVING: Final = 10_000
_MERGING: Final = 2_000_000_011

# From so many new objects on, one collection of them all would block every thread noticeably.
_MANY: Final = 20_000

# Python 3.12 freezes some hundred objects itself; a program that freezes its own objects has many more.
_FROZEN: Final = 5_000

_lock = threading.Lock()
# The number of merges that run, the thresholds before the first of them, and those that were set for it.
_merges = 0
_before = _ours = gc.get_threshold()

# The number of full collections when new objects were last moved to the old generation.
_moved_at = -1
_has_frozen = False


@contextmanager
def pause_while_merging() -> Iterator[None]:
    """Create many objects without repeated garbage collections; in several threads at once, too.

    A merge creates hundreds of thousands of objects that all live until it ends. The collector would go through all of
    the process's objects each time that they have grown by a quarter: half of the merge's time, in which every thread
    is blocked. Memory is freed as always, except for cycles, which wait until the last merge has ended. Many new
    objects are moved to the old generation then, for the next full collection. Thresholds that other code sets
    meanwhile stay.
    """
    _change(1)
    try:
        yield
    finally:
        _move_to_old_generation()
        _change(-1)


def freeze_after_start() -> None:
    """Exclude what exists after the start from all further garbage collections, and have fewer of them.

    A full collection looks at every object of the process, for tens to hundreds of milliseconds in which no request is
    answered, and a request creates so many objects that Python would collect the young ones each time.
    """
    gc.freeze()
    gc.set_threshold(_SERVING, *gc.get_threshold()[1:])


def _change(by: int) -> None:
    """Count the merges, and set the thresholds for them unless other code has set them."""
    global _merges, _before, _ours
    with _lock:
        now = gc.get_threshold()
        if not _merges:
            _before = _ours = now
        _merges += by
        if now == _ours:
            # Zero means never.
            young = max(_before[0], _MERGING) if _merges and _before[0] else _before[0]
            _ours = (young, *_before[1:])
            gc.set_threshold(*_ours)


def _move_to_old_generation() -> None:
    """Move the living objects to the old generation where many of them are new; that takes constant time.

    Not twice between two full collections: each time delays the next one, which alone finds old garbage. Objects that
    the program has frozen, as before a fork, have to stay frozen, and the new ones are frozen with them; but only
    once, since garbage among them is never found.
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
