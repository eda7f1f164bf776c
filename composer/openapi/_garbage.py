"""The garbage collector, kept from looking for what can't be there."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_resting = 0
_was_enabled = False


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Make many objects without having them searched for garbage again and again; side by side in threads, too.

    A merge makes hundreds of thousands of objects that all live until it ends. The collector would go through all
    of the process's objects each time that they have grown by a quarter, half of the merge's time, and would hold up
    every thread meanwhile. Memory is freed as always, save for cycles, which wait until the last merge has ended.
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
                gc.enable()
