"""The server: uvicorn, and the status that it ends with when it is told to stop."""

import multiprocessing
import signal
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from composer._stopping import end_at_once, handled, shutting_down


def run_server(**options: Any) -> None:
    """Serve what the options of `uvicorn.run` say, in this process or in several, until it has stopped.

    Raises SystemExit: with status 0 where a signal told it to stop, also in the middle of its start, and with uvicorn's
    status where it failed to start.
    """
    # uvicorn stops everything, and then lets the signal do what it did before: else that would end the process.
    signal.signal(signal.SIGTERM, _exit)
    config = None if options.get("reload") else uvicorn.Config(**options)
    if config is not None and config.workers > 1:
        _supervise(config)
        return
    try:
        uvicorn.run(**options)
    except SystemExit as error:
        # A start that was given up because of a signal has not failed.
        raise SystemExit(0 if shutting_down.is_set() else error.code) from None


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _supervise(config: uvicorn.Config) -> None:
    """Serve in several processes; one that dies is replaced, and the second signal ends them all at once."""
    supervisor = Multiprocess(config, sockets=[config.bind_socket()])
    # uvicorn's own handlers are there from here on, and only note the signals.
    with handled(_kill_all):
        supervisor.run()
    if not shutting_down.is_set():
        # It stops by itself only where a process could not start, and does not tell by its status.
        raise SystemExit(STARTUP_FAILURE)


def _kill_all(number: int) -> None:
    for child in multiprocessing.active_children():
        child.kill()
    end_at_once(number)
