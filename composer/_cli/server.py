"""The server: uvicorn, and the status that it ends with when it is told to stop."""

import multiprocessing
import signal
from socket import socket
from types import FrameType
from typing import Any, Final, NoReturn

import uvicorn

from composer._build import composition_of
from composer._cli.locate import load_composition
from composer._compat.uvicorn import STARTUP_FAILURE, has_failed_to_stop, process_supervisor
from composer._lifecycle.signals import end_at_once, handle_signals, stopped_by_signal

# The status of a server that stopped, where a part of it failed to.
SHUTDOWN_FAILURE: Final = 1


def run_server(**options: Any) -> NoReturn:
    """Serve what the options of `uvicorn.run` say, in this process or in several, until it has stopped.

    Raises SystemExit: with status 0 where a signal told it to stop, also in the middle of its start, with 1 where a
    part then failed to stop, and with uvicorn's status where it failed to start. Several processes tell of failing
    stops by their log alone.
    """
    # uvicorn stops everything, and then lets the signal do what it did before: else that would end the process.
    signal.signal(signal.SIGTERM, end_well)
    config = uvicorn.Config(**options)
    supervisor = process_supervisor() if config.workers > 1 else None
    if config.should_reload or (config.workers > 1 and supervisor is None):
        uvicorn.run(**options)
        raise SystemExit(0)
    raise SystemExit(_supervised(config, supervisor) if supervisor else serve_here(config))


def serve_here(config: uvicorn.Config, sockets: list[socket] | None = None) -> int:
    """Serve in this process, at these sockets or at one that is opened now, and return its status."""
    server = uvicorn.Server(config)
    status: Any = None
    try:
        server.run(sockets)
    except SystemExit as error:
        status = error.code
    except KeyboardInterrupt:
        # Ctrl-C, after all was stopped.
        status = 0
    failed = has_failed_to_stop(server)
    # The composition is loaded in this process.
    if composition_of(load_composition()).lifecycle.failed_to_stop if failed is None else failed:
        return SHUTDOWN_FAILURE
    if stopped_by_signal() or status == 0:
        # A start that was given up because of a signal has not failed.
        return 0
    return status or (0 if server.started else STARTUP_FAILURE)


def end_well(number: int, frame: FrameType | None) -> NoReturn:
    """End as what was told to stop by a signal, and has."""
    raise SystemExit(0)


def _supervised(config: uvicorn.Config, supervisor: Any) -> int:
    """Serve in several processes, and return the status; the second signal ends them all at once."""
    processes = supervisor(config, sockets=[config.bind_socket()])
    # uvicorn's own handlers are there from here on, and only note the signals.
    with handle_signals(_kill_all):
        processes.run()
    # It stops by itself only where a process could not start, and does not tell by its status.
    return 0 if stopped_by_signal() else STARTUP_FAILURE


def _kill_all(number: int) -> None:
    for child in multiprocessing.active_children():
        child.kill()
    end_at_once(number)
