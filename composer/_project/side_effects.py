"""What importing or building a part changes in the whole process.

All parts share the signal handlers, the root logger, the working directory and the event loop policy.
"""

import logging
import os
import signal
from contextlib import suppress
from typing import Any, NamedTuple

from composer._compat.cpython import event_loop_policy

# The signals that uvicorn, gunicorn and hypercorn handle; Windows has only some of them.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCHLD")
_SIGNALS = tuple(number for number in signal.Signals if number.name in _NAMES)


class Snapshot(NamedTuple):
    """Represent what a part can change in the process; `folder` is the working directory, "" where that is deleted."""

    signals: tuple[Any, ...]
    handlers: tuple[logging.Handler, ...]
    level: int
    folder: str
    policy: Any


def snapshot() -> Snapshot:
    """Return the state of the process; it takes some microseconds."""
    root, folder = logging.root, ""
    with suppress(OSError):
        folder = os.getcwd()  # noqa: PTH109 - a Path takes longer to build
    signals = tuple(map(signal.getsignal, _SIGNALS))
    return Snapshot(signals, tuple(root.handlers), root.level, folder, event_loop_policy())


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """Return a sentence about "it" for each difference between two snapshots, without its full stop."""
    if before == after:
        return []
    signals = zip(_SIGNALS, before.signals, after.signals, strict=True)
    sentences = [_about_signal(number, new) for number, old, new in signals if old != new]
    for verb, some, others in (("added", after, before), ("removed", before, after)):
        if count := len(set(some.handlers) - set(others.handlers)):
            handlers = "a handler" if count == 1 else f"{count} handlers"
            sentences.append(f"it {verb} {handlers} {'to' if verb == 'added' else 'from'} the root logger")
    if before.level != after.level:
        sentences.append(f"it set the root logger's level to {logging.getLevelName(after.level)}")
    if before.folder != after.folder:
        sentences.append(f"it changed the working directory to {after.folder or 'a deleted folder'}")
    if before.policy is not after.policy:
        kind = type(after.policy)
        sentences.append(f"it replaced the event loop policy by {kind.__module__}.{kind.__name__}")
    return sentences


def _about_signal(number: signal.Signals, handler: Any) -> str:
    if handler == signal.SIG_IGN:
        return f"it made the process ignore {number.name}"
    if handler == signal.SIG_DFL:
        return f"it removed the handler for {number.name}"
    return f"it set a handler for {number.name}"
