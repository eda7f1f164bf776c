"""The garbage collector, kept from looking again and again at what was only just made to stay."""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Literal

# New objects after which the young ones are looked at, instead of Python's 700 or 2,000: in a server, while a
# composition is built, and while documents are merged. By an odd number it is known that nobody else has set it.
_SERVING: Final = 10_000
_BUILDING: Final = 100_003
_MERGING: Final = 2_000_000_011

# From so many new objects on, a look at them all would hold up every thread for longer than anybody should wait.
_MANY: Final = 20_000

# Python 3.12 freezes some hundred objects itself; who freezes what he has made has many more.
_FROZEN: Final = 5_000

_lock = threading.Lock()
# What is asked for at the moment; the thresholds before the first of it, and those that were set for it.
_asked: list[int] = []
_usual = _ours = gc.get_threshold()

# After how many full collections new objects were last taken for old ones, and for whom they were frozen, by maker.
_taken_at: dict[str, int] = {}
_frozen_for: set[str] = set()


def patient_collector() -> AbstractContextManager[None]:
    """Have fewer collections while much is imported and built that will live as long as the process.

    What it was, if it was much, counts as old afterwards. Where the code that runs meanwhile says itself how often
    there are to be collections, that stays; where they are as rare or off already, they remain so.
    """
    return _rarely(_BUILDING, "build")


def pause_while_merging() -> AbstractContextManager[None]:
    """Make many objects without having them searched for garbage again and again; side by side in threads, too.

    A merge makes hundreds of thousands of objects that all live until it ends, and so does the making of what is
    merged. The collector would go through all of the process's objects each time that they have grown by a quarter,
    half of the merge's time, and would hold up every thread meanwhile. Memory is freed as always, save for cycles,
    which wait until the last of those who asked for this has ended. Were there many new objects, they count as old
    ones then: they are looked at with all the others, the next time that it comes to that.
    """
    return _rarely(_MERGING, "merge")


def freeze_after_start() -> None:
    """Leave what stands after the start out of all further garbage collections, and have fewer of them.

    A full collection looks at every object of the process, for tens to hundreds of milliseconds in which nobody is
    answered, and a request makes so many objects that Python would collect the young ones each time.
    """
    gc.freeze()
    gc.set_threshold(_SERVING, *gc.get_threshold()[1:])


@contextmanager
def _rarely(young: int, maker: Literal["build", "merge"]) -> Iterator[None]:
    _change(_asked.append, young)
    try:
        yield
    finally:
        _take_for_old_if_many(maker)
        _change(_asked.remove, young)


def _change(change: Callable[[int], None], young: int) -> None:
    """Note who asks for what, or doesn't any more, and set the thresholds for it unless somebody else has set them."""
    global _usual, _ours
    with _lock:
        now = gc.get_threshold()
        if not _asked:
            _usual = _ours = now
        change(young)
        if now == _ours:
            # Zero means never.
            _ours = (_usual[0] and max([_usual[0], *_asked]), *_usual[1:])
            gc.set_threshold(*_ours)


def _take_for_old_if_many(maker: Literal["build", "merge"]) -> None:
    """Put what lives among the old objects where much of it is new, which takes no time however much it is.

    Not twice between two full collections: each time puts the next one off, and it alone finds old garbage. Where
    somebody has frozen what is there, as before a fork, it has to stay so, and what is new is frozen with it; once for
    each maker, since garbage among it is never found.
    """
    if gc.get_count()[0] <= _MANY:
        return
    if gc.get_freeze_count() > _FROZEN:
        if maker not in _frozen_for:
            _frozen_for.add(maker)
            gc.freeze()
        return
    full_collections = gc.get_stats()[-1]["collections"]
    if _taken_at.get(maker) != full_collections:
        _taken_at[maker] = full_collections
        gc.freeze()
        gc.unfreeze()
