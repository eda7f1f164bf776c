"""Load once, then fork: several processes that share what the cornerstones have loaded before.

gunicorn's arbiter forks the workers, replaces those that die and hands signals on; uvicorn serves in each of them, as
it does without this. Neither gunicorn's own ASGI worker nor that of the package uvicorn-worker is used: the former is
another HTTP server, with other limits and another end; the latter takes over the log, and ends with a failure's
status where it is told to stop while it starts.
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
from composer._model import BuiltCornerstone, Plan
from composer._text import describe_error
from composer.errors import PartError

log = logging.getLogger("composer")

# Seconds: workers end by themselves, each part within its own time-out, and at once by a second signal.
NO_LIMIT: Final = 7 * 24 * 3600
# Seconds between two looks of a worker at whether its parent is still there.
LOOKS: Final = 1


def run_preloaded(**options: Any) -> NoReturn:
    """Call each cornerstone's `preload()`, and serve what the options of `uvicorn.run` say in workers forked after it.

    Raises SystemExit: with status 0 where a signal told it to stop, with uvicorn's status where a cornerstone failed to
    preload or a worker to start. Failing stops are told by the log alone.
    """
    app = load_composition()
    composition = composition_of(app)
    composition.lifecycle.when_started(freeze_after_start)
    # Until the arbiter has handlers of its own.
    signal.signal(signal.SIGTERM, end_well)
    try:
        preload(composition.plan)
    except PartError as failure:
        log.error("%s", failure, exc_info=failure.__cause__)
        raise SystemExit(STARTUP_FAILURE) from None
    config = uvicorn.Config(**options)
    _settle()
    _Arbiter(_Gunicorn(app, config)).run()
    raise SystemExit(0)


def preload(plan: Plan) -> None:
    """Call `preload()` of each cornerstone that has one, in the order of construction.

    Raises PartError where one fails: those after it aren't called.
    """
    for built in plan.cornerstones:
        try:
            _preload(built)
        except Exception as error:
            told = plan.secrets.redacted(error)
            raise PartError("cornerstone", built.name, "preload", describe_error(told)) from told
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        log.warning("threads started before the fork do not run in the workers: %s", ", ".join(others))


def _preload(built: BuiltCornerstone) -> None:
    own = getattr(built.value, "preload", None)
    if inspect.iscoroutinefunction(own):
        raise TypeError("preload() is async: write it as a plain def, no event loop runs before the fork")
    if callable(own):
        own()


def _settle() -> None:
    """Give back what loading has freed, and let no worker write to the pages of what it left."""
    gc.collect()
    # The C library keeps what was freed between what stays: of a model that was unpickled, as much again.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    # Else the collector of each worker would note something at every object, and so copy it.
    gc.freeze()


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """Tell gunicorn what to serve: the app that was built, on a socket that uvicorn has bound."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        self.config = config
        self._app = app
        self._socket = config.bind_socket().detach()
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        for name, value in {
            "bind": f"fd://{self._socket}",
            "workers": self.config.workers,
            "worker_class": _Worker,
            "logger_class": _Log,
            "preload_app": True,
            "graceful_timeout": NO_LIMIT,
            # No worker is killed for being silent: one that blocks its event loop isn't under uvicorn either.
            "timeout": 0,
            # It would be a thread of the parent, and a file in the working directory.
            "control_socket_disable": True,
        }.items():
            # Another release may not know all of them.
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> FastAPI:
        """Return the app."""
        return self._app


class _Arbiter(Arbiter):  # type: ignore[misc]
    """Watch over the workers; stop them in order at the first signal to stop, and at once at the second."""

    _told: float | None = None
    _stops = False

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers, and wait for them."""
        self._stops = True
        super().stop(graceful)

    def reap_workers(self) -> None:
        """Take note of the workers that have ended; one that failed to start ends all the others, but once."""
        try:
            super().reap_workers()
        except HaltServer:
            # Raised out of the stop, it would leave the others alive.
            if not self._stops:
                raise

    def signal(self, sig: int, frame: FrameType | None) -> None:
        """Note a signal, as gunicorn does, Ctrl-C as a SIGTERM: to gunicorn it means to leave requests unanswered."""
        now = time.monotonic()
        if os.getpid() != self.pid:
            # A worker, in the moment before it has handlers of its own.
            if sig in SIGNALS:
                end_well(sig, frame)
        elif sig not in SIGNALS:
            super().signal(sig, frame)
        elif self._told is None:
            self._told = now
            super().signal(signal.SIGTERM, frame)
        elif now - self._told >= SAME_STOP:
            self.kill_workers(signal.SIGKILL)
            end_at_once(sig)


class _Worker(Worker):  # type: ignore[misc]
    """Serve by uvicorn in one process, with an event loop of its own."""

    def init_signals(self) -> None:
        """Take the parent's handlers away; uvicorn and the composition set theirs while they run."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        for number in SIGNALS:
            signal.signal(number, end_well)
        # gunicorn's word to open the files of the log again, of which there is none.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)

    def run(self) -> NoReturn:
        """Serve until it is told to stop, and end the process with the status that says how that went."""
        config: uvicorn.Config = self.app.config
        config.callback_notify, config.timeout_notify = self._look, LOOKS
        sys.exit(serve_here(config, [listener.sock for listener in self.sockets]))

    async def _look(self) -> None:
        """Stop where the parent was killed: nobody would ever stop this process."""
        if os.getppid() != self.ppid:
            signal.raise_signal(signal.SIGTERM)


class _Log(Logger):  # type: ignore[misc]
    """Leave to composer how what gunicorn logs is shown."""

    def setup(self, cfg: Any) -> None:
        """Set the level alone; the root logger's handlers write it."""
        self.error_log.propagate = True
        self.error_log.setLevel("INFO")
