"""One app or cornerstone while a composition runs: its lifespan, and how it is at the moment."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal

from composer._lifecycle.lifespan import Body, Lifespan, LifespanError
from composer._model import App, Cornerstone, PartStatus, State, Step
from composer._secrets import Secrets
from composer._text import describe_error
from composer.errors import PartError

log = logging.getLogger("composer")

Kind = Literal["app", "cornerstone"]


class Part:
    """One app or cornerstone while a composition runs: its lifespan, and how it is at the moment."""

    __slots__ = ("_begun", "_body", "_ended_at", "_lifespan", "_secrets", "_when_failed", "declared", "status")

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
        self._body = body
        self._secrets = Secrets() if secrets is None else secrets
        self._when_failed: Callable[[str], None] | None = None
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
        self._lifespan.when_ended(self._ended)

    async def stop(self) -> None:
        """Stop its lifespan; raise PartError where that fails, unless it had failed before and said so."""
        had_failed = self.status.state is State.FAILED
        self._show(State.STOPPING, self.status.reason)
        try:
            await self._lifespan.stop(self.declared.shutdown_timeout)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if not had_failed:
                error = self._secrets.redacted(error)
                raise self._failed("stop", error) from error
        self._show(State.STOPPED, self.status.reason)

    def step(self) -> Step | None:
        """Return what its last start took, or has taken so far; None before the first."""
        if not self._begun:
            return None
        over = self.status.state is not State.STARTING
        seconds = (self._ended_at if over else time.perf_counter()) - self._begun
        return Step("start", self.status.kind, self.status.name, self._begun, seconds, over)

    def when_failed(self, tell: Callable[[str], None]) -> None:
        """Call `tell` with its name if its lifespan fails, or ends by itself, while it is up."""
        self._when_failed = tell

    def not_startable(self, waited_for: str) -> PartError:
        """Note that it can't start since the app that it comes after has not; return the error that says so."""
        return self._failed("start", LifespanError(f"app {waited_for}, which must start first, did not start"))

    def _failed(self, phase: str, error: BaseException) -> PartError:
        self._show(State.FAILED, f"failed to {phase}: {type(error).__name__}")
        reason = str(error) if isinstance(error, LifespanError) else describe_error(error)
        return PartError(self.status.kind, self.status.name, phase, reason)

    def _ended(self, error: BaseException | None) -> None:
        if self._when_failed:
            self._when_failed(self.status.name)
        if self.status.state is State.FAILED:
            # It said that it has failed, and has ended since.
            return
        told = self._secrets.redacted(error) if error else None
        log.error(
            "%s",
            self._failed("serve", told or LifespanError("its lifespan exited while it was running")),
            exc_info=told,
        )

    def _show(self, state: State, reason: str = "") -> None:
        self.status = replace(self.status, state=state, reason=reason)


class StartFailedError(Exception):
    """Carry the failures of a start out of it."""

    def __init__(self, failures: list[PartError]) -> None:
        super().__init__("not started")
        self.failures = failures


async def stop_and_log(part: Part) -> list[PartError]:
    """Stop a part; log its failure, and return it as a list of one."""
    try:
        await part.stop()
    except PartError as failure:
        log_failure(failure)
        return [failure]
    return []


def log_failure(failure: PartError) -> None:
    """Log a failure that is raised to nobody."""
    log.error("%s", failure, exc_info=failure.__cause__)


async def cancel_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks that are under way, and wait until they have ended."""
    left = [task for task in tasks if not task.done()]
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)
