"""Undocumented facts about CPython."""

import asyncio.events
import inspect
import signal
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

# CPython 3.11 to 3.13, Lib/contextlib.py: @contextmanager returns a function of this file.
_CONTEXTLIB = contextmanager.__code__.co_filename


def is_contextmanager(function: Any) -> bool:
    """Return whether a function is a generator decorated with `@contextmanager`; False where unknown."""
    code = getattr(function, "__code__", None)
    in_contextlib = code is not None and code.co_filename == _CONTEXTLIB
    return in_contextlib and inspect.isgeneratorfunction(inspect.unwrap(function))


def event_loop_policy() -> Any:
    """Return the policy of asyncio's event loops; None where this Python has none."""
    # CPython 3.14, Lib/asyncio/events.py: the public name warns there, and 3.16 removes it.
    names = ["_get_event_loop_policy", *(["get_event_loop_policy"] if sys.version_info < (3, 14) else [])]
    functions = [getattr(asyncio.events, name, None) for name in names]
    return next((function() for function in functions if function), None)


def globals_of_caller() -> Mapping[str, Any]:
    """Return the globals of the caller's caller; empty where this Python can't report them."""
    # CPython 3.11, Python/sysmodule.c: not every implementation has it.
    frame = getattr(sys, "_getframe", None)
    return frame(2).f_globals if frame else {}


def is_import_machinery(file: str) -> bool:
    """Return whether a frame's file is Python's own import machinery."""
    # CPython 3.11, Lib/importlib/_bootstrap.py: the file names of frozen modules.
    return file.startswith("<frozen")


def is_protocol(kind: type) -> bool:
    """Return whether a class is a typing.Protocol."""
    # CPython 3.11, Lib/typing.py, Protocol: a protocol names it as a base. typing-extensions has one of its own.
    bases = {(base.__module__, base.__name__) for base in kind.__bases__}
    return not bases.isdisjoint({("typing", "Protocol"), ("typing_extensions", "Protocol")})


def is_default_handler(handler: Any) -> bool:
    """Return whether a signal handler is Python's own or that of `asyncio.run`, not a server's."""
    # CPython 3.11, Lib/asyncio/runners.py, Runner.run: a functools.partial of a method of the runner.
    owner = getattr(getattr(handler, "func", None), "__self__", None)
    return handler is signal.default_int_handler or isinstance(owner, asyncio.Runner)


def is_worker() -> bool:
    """Return whether another process supervises this one, and forwards its own signals to it."""
    # CPython 3.11, Lib/multiprocessing/process.py: imported in every process that it started, and slow to import here.
    # gunicorn 25, arbiter.py: imported where gunicorn serves.
    processes = sys.modules.get("multiprocessing.process")
    return (processes is not None and processes.parent_process() is not None) or "gunicorn.arbiter" in sys.modules
