"""Run uvicorn, and exit with a status that distinguishes a stop from a failure."""

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

# The exit status if a part failed to stop.
SHUTDOWN_FAILURE: Final = 1


def run_server(**options: Any) -> NoReturn:
    """Serve with the options of `uvicorn.run`, in one process or several, until the server has stopped.

    Raises SystemExit: with status 0 after a signal to stop, also during the start, with 1 if a part failed to stop, and
    with uvicorn's status if the start failed. With several processes, parts that fail to stop are only logged.
    """
    # After its shutdown, uvicorn raises the signal again for the previous handler; the default one kills the process.
    signal.signal(signal.SIGTERM, end_well)
    config = uvicorn.Config(**options)
    supervisor = process_supervisor() if config.workers > 1 else None
    if config.should_reload or (config.workers > 1 and supervisor is None):
        uvicorn.run(**options)
        raise SystemExit(0)
    raise SystemExit(_supervised(config, supervisor) if supervisor else serve_here(config))


def serve_here(config: uvicorn.Config, sockets: list[socket] | None = None) -> int:
    """Serve in this process, on these sockets or on a new one, and return the exit status."""
    server = uvicorn.Server(config)
    status: Any = None
    try:
        server.run(sockets)
    except SystemExit as error:
        status = error.code
    except KeyboardInterrupt:
        # Ctrl-C, after the shutdown.
        status = 0
    failed = has_failed_to_stop(server)
    # The composition is loaded in this process.
    if composition_of(load_composition()).lifecycle.failed_to_stop if failed is None else failed:
        return SHUTDOWN_FAILURE
    if stopped_by_signal() or status == 0:
        # A start that a signal interrupted has not failed.
        return 0
    return status or (0 if server.started else STARTUP_FAILURE)


def end_well(number: int, frame: FrameType | None) -> NoReturn:
    """Exit with status 0: the process has stopped after a signal."""
    raise SystemExit(0)


def _supervised(config: uvicorn.Config, supervisor: Any) -> int:
    """Serve in several processes, and return the exit status; a second signal kills them all."""
    processes = supervisor(config, sockets=[config.bind_socket()])
    # uvicorn has installed its own handlers, which only queue the signals.
    with handle_signals(_kill_all):
        processes.run()
    # Without a signal it stops only if a process could not start; its status doesn't say so.
    return 0 if stopped_by_signal() else STARTUP_FAILURE


def _kill_all(number: int) -> None:
    for child in multiprocessing.active_children():
        child.kill()
    end_at_once(number)
