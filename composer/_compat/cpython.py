"""What composer knows of CPython's insides."""

import asyncio.events
import inspect
import signal
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

# CPython 3.11 to 3.13, Lib/contextlib.py: what @contextmanager returns is a function of this file.
_CONTEXTLIB = contextmanager.__code__.co_filename


def is_made_by_contextmanager(function: Any) -> bool:
    """Return whether a function is what `@contextmanager` made of a generator; False where that can't be seen."""
    code = getattr(function, "__code__", None)
    in_contextlib = code is not None and code.co_filename == _CONTEXTLIB
    return in_contextlib and inspect.isgeneratorfunction(inspect.unwrap(function))


def event_loop_policy() -> Any:
    """Return the policy of asyncio's event loops; None where this Python has none."""
    # CPython 3.14, Lib/asyncio/events.py: the public name warns there, and 3.16 removes it.
    names = ["_get_event_loop_policy", *(["get_event_loop_policy"] if sys.version_info < (3, 14) else [])]
    function = next((found for name in names if (found := getattr(asyncio.events, name, None))), None)
    return function() if function else None


def globals_of_caller() -> Mapping[str, Any]:
    """Return the globals of what called the function that asks; none where this Python can't tell."""
    # CPython 3.11, Python/sysmodule.c: other implementations needn't have it.
    frame = getattr(sys, "_getframe", None)
    return frame(2).f_globals if frame else {}


def is_import_machinery(file: str) -> bool:
    """Return whether a frame's file is Python's own import machinery."""
    # CPython 3.11, Lib/importlib/_bootstrap.py: frozen modules have such a name in the place of a file's.
    return file.startswith("<frozen")


def is_protocol(kind: type) -> bool:
    """Return whether a class is a typing.Protocol."""
    # CPython 3.11, Lib/typing.py, Protocol: a protocol names it as a base. typing-extensions has one of its own.
    named = [base for base in kind.__bases__ if base.__name__ == "Protocol"]
    return any(base.__module__ in ("typing", "typing_extensions") for base in named)


def is_default_handler(handler: Any) -> bool:
    """Return whether a signal handler is Python's own or that of `asyncio.run`: no server's."""
    # CPython 3.11, Lib/asyncio/runners.py, Runner.run: a functools.partial of a method of the runner.
    owner = getattr(getattr(handler, "func", None), "__self__", None)
    return handler is signal.default_int_handler or isinstance(owner, asyncio.Runner)


def is_worker() -> bool:
    """Return whether another process watches over this one, and hands on to it the signals that it gets itself."""
    # CPython 3.11, Lib/multiprocessing/process.py: imported in every process that it has started; importing it here
    # would take longer than all of composer's signals. gunicorn 25, arbiter.py: imported where gunicorn serves.
    processes = sys.modules.get("multiprocessing.process")
    return (processes is not None and processes.parent_process() is not None) or "gunicorn.arbiter" in sys.modules
