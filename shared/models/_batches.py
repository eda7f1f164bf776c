"""Rows that arrive together are computed together: a queue, and one thread that takes what is in it.

A model answers sixty-four rows in little more time than one. Nothing waits for company: a row that comes while the
thread is free is computed at once, and what comes meanwhile makes up the next batch. So the batches grow with the load
and with nothing else.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Generic, Self, TypeVar

from prometheus_client import Gauge, Histogram
from threadpoolctl import threadpool_limits

logger = logging.getLogger(__name__)

Row = TypeVar("Row")
Result = TypeVar("Result")

# Seconds after which a row's client is asked for before its row is computed. To ask costs some ten microseconds, so it
# is worth it only where the queue is long.
PATIENCE = 0.1

# Of this process, by the names of the batches; `/metrics` shows them where that is on.
_WAITING = Gauge("batches_waiting_rows", "Rows that wait for their batch.", ["batches"])
_SIZES = Histogram(
    "batches_rows", "Rows of each batch that was computed.", ["batches"], buckets=[2**power for power in range(11)]
)


class QueueFullError(Exception):
    """Say that a row wasn't accepted: too many wait, or the batches have been left."""


class ClientGoneError(Exception):
    """Say that a row wasn't computed, because the client that sent it has left."""


@dataclass(frozen=True)
class Statistics:
    """Tell how many rows wait at the moment, and how many batches and rows have been computed since the start."""

    waiting: int
    batches: int
    rows: int


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Row]):
    row: Row
    since: float
    is_gone: Callable[[], Awaitable[bool]] | None


@dataclass(frozen=True, slots=True)
class _Failure:
    error: Exception


class Batches(Generic[Row, Result]):
    """Compute single rows in batches, in one thread; an async context manager, to be entered by an app's lifespan.

    `function` gets some rows and returns as many results, in their order. It is called in a thread, one call at a time,
    with `max_size` rows at most. `max_queue` is how many rows may wait, `name` what the metrics call the batches.
    `threads` is how many threads of OpenMP a call may use, of the libraries that are loaded by the first call: more
    than one pays only where calls are long, because threads that have done their part spin for some time, and take the
    processor from everything else. The thread is made on entering, so that a process may fork before.

    Raises:
        ValueError: A number is below one.
    """

    def __init__(
        self,
        function: Callable[[Sequence[Row]], Sequence[Result]],
        *,
        max_size: int = 64,
        max_queue: int = 1024,
        threads: int = 1,
        name: str = "",
    ) -> None:
        if min(max_size, max_queue, threads) < 1:
            raise ValueError("max_size, max_queue and threads are at least 1")
        self._function, self._max_size, self._max_queue, self._threads = function, max_size, max_queue, threads
        self._waiting: OrderedDict[asyncio.Future[Result], _Waiting[Row]] = OrderedDict()
        self._is_open = False
        self._batches = self._rows = 0
        self._waiting_rows, self._sizes = _WAITING.labels(name), _SIZES.labels(name)

    async def __aenter__(self) -> Self:
        self._woken = asyncio.Event()
        self._executor = ThreadPoolExecutor(1, "batches", _limit_openmp, (self._threads,))
        self._is_open = True
        self._serving = asyncio.create_task(self._serve(), name="batches")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Answer what was accepted; nothing more is."""
        self._is_open = False
        self._woken.set()
        try:
            await self._serving
        finally:
            # A call under way can't be ended; where this is cancelled, it must not keep the server from stopping.
            self._executor.shutdown(wait=False)

    async def submit(self, row: Row, is_gone: Callable[[], Awaitable[bool]] | None = None) -> Result:
        """Return the result for a row, computed together with the rows that arrive at the same time.

        Where this is cancelled before its batch has begun, the row is dropped. `is_gone` tells whether the client has
        left, as Starlette's `request.is_disconnected` does, since servers cancel nothing then; it is asked only of
        rows that have waited for longer than `PATIENCE`.

        Raises:
            QueueFullError: As many rows wait as may, or the batches aren't entered or are left already.
            ClientGoneError: The client has left before the row was computed.
            Exception: What the function or `is_gone` raises for this row; the others of its batch have their results.
        """
        if not self._is_open:
            raise QueueFullError("nothing is computed at the moment")
        if len(self._waiting) >= self._max_queue:
            raise QueueFullError(f"{self._max_queue} rows wait already")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[future] = _Waiting(row, time.monotonic(), is_gone)
        self._woken.set()
        self._waiting_rows.inc()
        try:
            return await future
        finally:
            self._waiting_rows.dec()
            self._waiting.pop(future, None)

    def statistics(self) -> Statistics:
        """Return the numbers of this moment."""
        return Statistics(len(self._waiting), self._batches, self._rows)

    async def _serve(self) -> None:
        try:
            while self._is_open or self._waiting:
                self._woken.clear()
                await self._gather()
                await self._drop_the_gone()
                if batch := self._take():
                    await self._compute(batch)
                elif self._is_open:
                    await self._woken.wait()
        except BaseException:
            if self._is_open:
                # Else it would show only when the server stops.
                logger.exception("no more rows are computed until a restart")
            raise
        finally:
            self._is_open = False
            for future in [*self._waiting]:
                _settle(future, _Failure(QueueFullError("nothing is computed any more")))

    async def _gather(self) -> None:
        """Return when a step of the event loop has brought no more rows: requests that are read already come along."""
        count = 0
        while count != len(self._waiting) < self._max_size:
            count = len(self._waiting)
            await asyncio.sleep(0)

    async def _drop_the_gone(self) -> None:
        """Fail the rows whose turn comes and that nobody waits for any more."""
        now = time.monotonic()
        for future, waiting in list(islice(self._waiting.items(), self._max_size)):
            if now - waiting.since < PATIENCE:
                break
            try:
                is_gone = waiting.is_gone is not None and await waiting.is_gone()
            except Exception as error:
                _settle(future, _Failure(error))
            else:
                if is_gone:
                    _settle(future, _Failure(ClientGoneError("the client has left")))

    def _take(self) -> dict["asyncio.Future[Result]", Row]:
        batch: dict[asyncio.Future[Result], Row] = {}
        while self._waiting and len(batch) < self._max_size:
            future, waiting = self._waiting.popitem(last=False)
            if not future.done():
                batch[future] = waiting.row
        return batch

    async def _compute(self, batch: Mapping["asyncio.Future[Result]", Row]) -> None:
        rows = list(batch.values())
        # Whatever ends this, nobody may be left waiting.
        outcomes: Sequence[Result | _Failure] = [_Failure(QueueFullError("nothing is computed any more"))] * len(rows)
        try:
            outcomes = await asyncio.get_running_loop().run_in_executor(self._executor, self._outcomes, rows)
            self._batches, self._rows = self._batches + 1, self._rows + len(rows)
            self._sizes.observe(len(rows))
        finally:
            for future, outcome in zip(batch, outcomes, strict=True):
                _settle(future, outcome)

    def _outcomes(self, rows: Sequence[Row]) -> list[Result | _Failure]:
        """Call the function; where it raises, call it with each half, until what it raises is for one row alone."""
        try:
            return list(self._call(rows))
        except Exception as error:
            if len(rows) == 1:
                return [_Failure(error)]
        half = len(rows) // 2
        return self._outcomes(rows[:half]) + self._outcomes(rows[half:])

    def _call(self, rows: Sequence[Row]) -> list[Result]:
        # What has a length may give another number of things, as a table does that is as long as its columns.
        results = list(self._function(rows))
        if len(results) != len(rows):
            raise ValueError(f"{len(results)} results came for {len(rows)} rows")
        return results


def _limit_openmp(threads: int) -> None:
    # The limit of OpenMP is that of the thread which sets it.
    threadpool_limits(threads, user_api="openmp")


def _settle(future: "asyncio.Future[Result]", outcome: Result | _Failure) -> None:
    if future.done():
        return
    if not isinstance(outcome, _Failure):
        future.set_result(outcome)
    elif isinstance(outcome.error, StopIteration):
        # A future takes no such error: raised in a coroutine it would mean something else.
        future.set_exception(RuntimeError("the function raised StopIteration"))
    else:
        future.set_exception(outcome.error)
