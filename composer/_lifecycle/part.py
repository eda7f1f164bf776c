"""One app or cornerstone while a composition runs: its lifespan, and its status."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from composer._lifecycle.lifespan import Body, Lifespan, LifespanError
from composer._model import App, Cornerstone, Kind, PartStatus, State, Step
from composer._secrets import Secrets
from composer._text import describe_error
from composer.errors import PartError

log = logging.getLogger("composer")


class Part:
    """One app or cornerstone while a composition runs: its lifespan, and its status."""

    __slots__ = (
        "_begun",
        "_body",
        "_ended_at",
        "_lifespan",
        "_secrets",
        "declared",
        "has_started",
        "is_replaced",
        "on_failure",
        "status",
    )

    def __init__(
        self,
        kind: Kind,
        name: str,
        declared: App | Cornerstone,
        body: Body,
        *,
        required: bool = True,
        secrets: Secrets | None = None,
    ) -> None:
        self.declared = declared
        self.status = PartStatus(kind, name, required=required)
        # Whether it was up once, and whether another part has taken its place: its end is no failure then.
        self.has_started = self.is_replaced = False
        # Called if its lifespan fails, or exits by itself, while it is up.
        self.on_failure: Callable[[], None] | None = None
        self._body = body
        self._secrets = Secrets() if secrets is None else secrets
        self._begun = self._ended_at = 0.0

    async def start(self) -> None:
        """Start its lifespan; raise PartError where that fails, after which it may be tried again."""
        self._show(State.STARTING)
        self._lifespan = Lifespan(f"{self.status.kind} {self.status.name}", self._body)
        self._begun = time.perf_counter()
        try:
            await self._lifespan.start(self.declared.startup_timeout)
        except asyncio.CancelledError:
            self._show(State.STOPPED, "its start was cancelled")
            raise
        except BaseException as error:
            error = self._secrets.redacted(error)
            raise self._failed("start", error) from error
        finally:
            self._ended_at = time.perf_counter()
        self.status = replace(self.status, state=State.UP, seconds=self._ended_at - self._begun)
        self.has_started = True
        self._lifespan.when_ended(self._ended)

    async def stop(self) -> list[PartError]:
        """Stop its lifespan; log a failure and return it as a list of one, unless the part had failed before."""
        had_failed = self.status.state is State.FAILED
        self._show(State.STOPPING, self.status.reason)
        try:
            await self._lifespan.stop(self.declared.shutdown_timeout)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if not had_failed:
                error = self._secrets.redacted(error)
                failure = self._failed("stop", error)
                failure.__cause__ = error
                log_failure(failure)
                return [failure]
        self._show(State.STOPPED, self.status.reason)
        return []

    def step(self) -> Step | None:
        """Return how long its last start took, or has taken so far; None before the first."""
        if not self._begun:
            return None
        over = self.status.state is not State.STARTING
        seconds = (self._ended_at if over else time.perf_counter()) - self._begun
        return Step("start", self.status.kind, self.status.name, self._begun, seconds, over)

    def not_startable(self, predecessor: str) -> PartError:
        """Mark it as failed because the app that must start before it did not; return the error that says so."""
        return self._failed("start", LifespanError(f"app {predecessor}, which must start first, did not start"))

    def _failed(self, phase: str, error: BaseException) -> PartError:
        self._show(State.FAILED, f"failed to {phase}: {type(error).__name__}")
        reason = str(error) if isinstance(error, LifespanError) else describe_error(error)
        return PartError(self.status.kind, self.status.name, phase, reason)

    def _ended(self, error: BaseException | None) -> None:
        if self.on_failure:
            self.on_failure()
        if self.is_replaced or self.status.state is State.FAILED:
            # It reported the failure before, and has ended since.
            return
        safe = self._secrets.redacted(error) if error else None
        failure = self._failed("serve", safe or LifespanError("its lifespan exited while it was running"))
        log.error("%s", failure, exc_info=safe)

    def _show(self, state: State, reason: str = "") -> None:
        self.status = replace(self.status, state=state, reason=reason)


class StartFailedError(Exception):
    """Carry the failures of a start to the lifespan, which raises them as one StartupError."""

    def __init__(self, failures: list[PartError]) -> None:
        super().__init__("not started")
        self.failures = failures


def log_failure(failure: PartError) -> None:
    """Log a failure with its traceback, where no caller gets it as an exception."""
    log.error("%s", failure, exc_info=failure.__cause__)


async def cancel_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks that run, and wait until they have ended."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)
