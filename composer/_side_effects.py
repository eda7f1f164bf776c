"""What importing or building a part changes of the whole process.

Signal handlers, the root logger, the working directory and the event loop policy are one for all that is composed.
"""

import logging
import os
import signal
from collections.abc import Iterable
from typing import Any, NamedTuple

from composer._compat.cpython import event_loop_policy

# Those that uvicorn, gunicorn and hypercorn listen to; Windows has only some of them.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCHLD")


_SIGNALS = tuple(number for number in signal.Signals if number.name in _NAMES)


class Snapshot(NamedTuple):
    """Hold what a part can change of the process; `folder` is the working directory, "" where that is gone."""

    signals: tuple[Any, ...]
    handlers: tuple[logging.Handler, ...]
    level: int
    folder: str
    policy: Any


def snapshot() -> Snapshot:
    """Return how the process is now; it takes some microseconds."""
    root = logging.root
    return Snapshot(
        tuple(map(signal.getsignal, _SIGNALS)), tuple(root.handlers), root.level, _folder(), event_loop_policy()
    )


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - a Path takes longer to make, and nobody needs it
    except OSError:
        return ""


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """Return a sentence about "it" for each difference between two snapshots, without its full stop."""
    if before == after:
        return []
    found = [
        _about_signal(number, new)
        for number, old, new in zip(_SIGNALS, before.signals, after.signals, strict=True)
        if old != new
    ]
    added, removed = _missing(after.handlers, before.handlers), _missing(before.handlers, after.handlers)
    found += [f"it added {_handlers(added)} to the root logger"] if added else []
    found += [f"it removed {_handlers(removed)} from the root logger"] if removed else []
    if before.level != after.level:
        found.append(f"it set the root logger's level to {logging.getLevelName(after.level)}")
    if before.folder != after.folder:
        found.append(f"it changed the working directory to {after.folder or 'one that is gone'}")
    if before.policy is not after.policy:
        found.append(f"it replaced the event loop policy by {_class_name(after.policy)}")
    return found


def _about_signal(number: signal.Signals, handler: Any) -> str:
    if handler == signal.SIG_IGN:
        return f"it made the process ignore {number.name}"
    if handler == signal.SIG_DFL:
        return f"it took away the handler for {number.name}"
    return f"it set a handler for {number.name}"


def _missing(some: Iterable[logging.Handler], others: Iterable[logging.Handler]) -> int:
    """Count those that aren't among the others."""
    return len(set(some) - set(others))


def _handlers(count: int) -> str:
    return "a handler" if count == 1 else f"{count} handlers"


def _class_name(thing: object) -> str:
    return f"{type(thing).__module__}.{type(thing).__name__}"
