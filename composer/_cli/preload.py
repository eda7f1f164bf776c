"""Preload, then fork: worker processes share the memory of what the cornerstones loaded before the fork.

gunicorn's arbiter forks the workers, restarts those that die and passes signals on; uvicorn serves in each of them, as
it does without `--preload`. Other workers don't fit: gunicorn's own ASGI worker is another HTTP server, with other
limits and another shutdown; the package uvicorn-worker takes over the log, and exits with a failure's status if it is
stopped during its start.
"""

import ctypes
import gc
import inspect
import logging
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, Final, NoReturn

import uvicorn
from fastapi import FastAPI
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

from composer._build import composition_of
from composer._cli.locate import load_composition
from composer._cli.server import end_well, serve_here
from composer._compat.uvicorn import STARTUP_FAILURE
from composer._gc import freeze_after_start
from composer._lifecycle.signals import SAME_STOP, SIGNALS, end_at_once
from composer._model import Plan
from composer._text import describe_error
from composer.errors import PartError

log = logging.getLogger("composer")

# Seconds. Workers end by themselves, each part within its own timeout, and at once after a second signal.
NO_LIMIT: Final = 7 * 24 * 3600


def run_preloaded(**options: Any) -> NoReturn:
    """Call each cornerstone's `preload()`, fork, and serve in the workers with the options of `uvicorn.run`.

    Raises SystemExit: with status 0 after a signal to stop, with uvicorn's status if a cornerstone failed to preload or
    a worker to start. Parts that fail to stop are only logged.
    """
    app = load_composition()
    composition = composition_of(app)
    composition.lifecycle.when_started(freeze_after_start)
    # Until the arbiter installs its own handlers.
    signal.signal(signal.SIGTERM, end_well)
    try:
        preload(composition.plan)
    except PartError as failure:
        log.error("%s", failure, exc_info=failure.__cause__)
        raise SystemExit(STARTUP_FAILURE) from None
    config = uvicorn.Config(**options)
    gc.collect()
    # The C library keeps freed memory between live objects: after unpickling a model, as much again as its size.
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    # Otherwise each worker's collector would write to every object, and so copy its memory page.
    gc.freeze()
    _Arbiter(_Gunicorn(app, config)).run()
    raise SystemExit(0)


def preload(plan: Plan) -> None:
    """Call `preload()` of each cornerstone that has one, in the order of construction.

    Raises PartError for the first that fails; the others aren't called.
    """
    for built in plan.cornerstones:
        own = built.hook("preload")
        try:
            if inspect.iscoroutinefunction(own):
                raise TypeError("preload() is async: write it as a plain def, no event loop runs before the fork")
            if own:
                own()
        except Exception as error:
            redacted = plan.secrets.redacted(error)
            raise PartError("cornerstone", built.name, "preload", describe_error(redacted)) from redacted
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        log.warning("threads started before the fork do not run in the workers: %s", ", ".join(others))


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """Configure gunicorn to serve the app on a socket that uvicorn has bound."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        self.config = config
        self._app = app
        self._socket = config.bind_socket().detach()
        super().__init__()

    def load_config(self) -> None:
        """Set the options that differ from gunicorn's defaults."""
        for name, value in {
            "bind": f"fd://{self._socket}",
            "workers": self.config.workers,
            "worker_class": _Worker,
            "logger_class": _Log,
            "preload_app": True,
            "graceful_timeout": NO_LIMIT,
            # A worker that blocks its event loop isn't killed, as under uvicorn.
            "timeout": 0,
            # The control socket needs a thread in the parent and a file in the working directory.
            "control_socket_disable": True,
        }.items():
            # Other releases may lack some of these options.
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> FastAPI:
        """Return the app."""
        return self._app


class _Arbiter(Arbiter):  # type: ignore[misc]
    """Manage the workers; stop them gracefully at the first signal to stop, and kill them at the second."""

    _first_signal: float | None = None
    _is_stopping = False

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers, and wait for them."""
        self._is_stopping = True
        super().stop(graceful)

    def reap_workers(self) -> None:
        """Handle the workers that have ended; the first one that fails to start stops all the others."""
        try:
            super().reap_workers()
        except HaltServer:
            # During the stop, it would leave the other workers running.
            if not self._is_stopping:
                raise

    def signal(self, sig: int, frame: FrameType | None) -> None:
        """Queue a signal as gunicorn does, but Ctrl-C as SIGTERM: gunicorn would drop the requests in flight."""
        now = time.monotonic()
        if os.getpid() != self.pid:
            # A worker that hasn't installed its own handlers yet.
            if sig in SIGNALS:
                end_well(sig, frame)
        elif sig not in SIGNALS:
            super().signal(sig, frame)
        elif self._first_signal is None:
            self._first_signal = now
            super().signal(signal.SIGTERM, frame)
        elif now - self._first_signal >= SAME_STOP:
            self.kill_workers(signal.SIGKILL)
            end_at_once(sig)


class _Worker(Worker):  # type: ignore[misc]
    """Serve with uvicorn in one process, with its own event loop."""

    def init_signals(self) -> None:
        """Remove the parent's handlers; uvicorn and the composition install theirs while they run."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        for number in SIGNALS:
            signal.signal(number, end_well)
        # gunicorn sends it to reopen log files, which don't exist here.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)

    def run(self) -> NoReturn:
        """Serve until a signal to stop, and exit with the status of the server."""
        config: uvicorn.Config = self.app.config
        config.callback_notify, config.timeout_notify = self._check_parent, 1
        sys.exit(serve_here(config, [listener.sock for listener in self.sockets]))

    async def _check_parent(self) -> None:
        """Stop if the parent was killed: nothing else would stop this process."""
        if os.getppid() != self.ppid:
            signal.raise_signal(signal.SIGTERM)


class _Log(Logger):  # type: ignore[misc]
    """Leave the format of gunicorn's log to composer."""

    def setup(self, cfg: Any) -> None:
        """Set only the level; the handlers of the root logger write the log."""
        self.error_log.propagate = True
        self.error_log.setLevel("INFO")
