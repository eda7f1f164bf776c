"""Dynamic batching: a queue of rows, and one thread that computes all waiting rows in one call.

A model predicts sixty-four rows in little more time than one. Unless `max_wait` says otherwise, no row waits for a
batch to fill: if the thread is idle, a row is computed at once, and the rows that arrive meanwhile form the next batch.
So the batch size depends only on the load.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Generic, Self, TypeVar

from prometheus_client import Gauge, Histogram
from threadpoolctl import threadpool_limits

logger = logging.getLogger(__name__)

Row = TypeVar("Row")
Result = TypeVar("Result")

# Seconds that a row may wait before it is checked, in its turn, whether its client has disconnected. The check takes
# about ten microseconds, so it pays off only if the queue is long.
DISCONNECT_CHECK_AFTER = 0.1

# For this process, by the names of the batches; `/metrics` shows them if it is enabled.
_WAITING = Gauge("batches_waiting_rows", "Rows waiting for a batch.", ["batches"])
_SIZES = Histogram(
    "batches_rows", "Rows in each computed batch.", ["batches"], buckets=[2**power for power in range(11)]
)


class QueueFullError(Exception):
    """The row was rejected: the queue is full, or the context was exited."""


class ClientGoneError(Exception):
    """The row wasn't computed, because its client has disconnected."""


@dataclass(frozen=True)
class Statistics:
    """The number of waiting rows, and of the batches and rows computed since the start."""

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
    """Compute single rows in batches, in one thread; an async context manager for an app's lifespan.

        async with Batches(predict, name="price") as batches:
            yield {"batches": batches}

    The thread is created on entering, so that a process may fork before.

    Args:
        function: Gets a list of rows, which may be anything, and returns one result for each, in the same order. It is
            called in the thread, one call at a time.
        max_size: The maximum number of rows in one call.
        max_wait: Seconds that a row may wait for others to fill its batch, although the thread is idle. More than 0
            pays off on an accelerator, where a call takes as long for one row as for many, and another one can't start
            meanwhile; on a processor it only makes clients wait.
        max_queue: The maximum number of waiting rows.
        threads: The number of OpenMP threads that a call may use, in libraries that are loaded before the first call.
            More than one pays off only for long calls: idle OpenMP threads spin for some time, and take the processor
            from everything else.
        name: The label of the metrics.

    Raises:
        ValueError: `max_size`, `max_queue` or `threads` is less than one, or `max_wait` is negative or not finite.
    """

    def __init__(
        self,
        function: Callable[[Sequence[Row]], Sequence[Result]],
        *,
        max_size: int = 64,
        max_wait: float = 0.0,
        max_queue: int = 1024,
        threads: int = 1,
        name: str = "",
    ) -> None:
        if min(max_size, max_queue, threads) < 1:
            raise ValueError("max_size, max_queue and threads must be at least 1")
        if not 0 <= max_wait < float("inf"):
            raise ValueError("max_wait must be a number of seconds, and not negative")
        self._function, self._max_size, self._max_queue, self._threads = function, max_size, max_queue, threads
        self._max_wait = max_wait
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
        """Reject new rows, and finish those that were accepted."""
        self._is_open = False
        self._woken.set()
        try:
            await self._serving
        finally:
            # A running call can't be cancelled; it must not keep the server from stopping if this is cancelled.
            self._executor.shutdown(wait=False)

    async def submit(self, row: Row, is_gone: Callable[[], Awaitable[bool]] | None = None) -> Result:
        """Return the result for a row, computed in one batch with other waiting rows.

        If this is cancelled before its batch starts, the row is dropped. `is_gone` returns whether the client has
        disconnected, as Starlette's `request.is_disconnected` does: servers don't cancel requests in that case. It is
        called only for rows that have waited longer than `DISCONNECT_CHECK_AFTER`.

        Raises:
            QueueFullError: The queue is full, or the context isn't entered.
            ClientGoneError: The client disconnected before the row was computed.
            Exception: Raised by the function or `is_gone` for this row; other rows of the batch get their results.
        """
        if not self._is_open:
            raise QueueFullError("the batches aren't running")
        if len(self._waiting) >= self._max_queue:
            raise QueueFullError(f"the queue is full: {self._max_queue} rows are waiting")
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
        """Return the current statistics."""
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
                # Otherwise the error would be shown only when the server stops.
                logger.exception("batching crashed; no rows will be computed until the server is restarted")
            raise
        finally:
            self._is_open = False
            for future in [*self._waiting]:
                _settle(future, _Failure(QueueFullError("the batches have stopped")))

    async def _gather(self) -> None:
        """Wait until the batch is full, or its first row has waited for long enough.

        Even without `max_wait`, that is until an iteration of the event loop adds no rows, so that requests that were
        received already join the batch.
        """
        while self._is_open and 0 < len(self._waiting) < self._max_size:
            first = next(iter(self._waiting.values()))
            left = first.since + self._max_wait - time.monotonic()
            if left <= 0:
                break
            self._woken.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), left)
        count = 0
        while count != len(self._waiting) < self._max_size:
            count = len(self._waiting)
            await asyncio.sleep(0)

    async def _drop_the_gone(self) -> None:
        """Fail the next rows whose clients have disconnected."""
        now = time.monotonic()
        for future, waiting in list(islice(self._waiting.items(), self._max_size)):
            if now - waiting.since < DISCONNECT_CHECK_AFTER:
                break
            try:
                is_gone = waiting.is_gone is not None and await waiting.is_gone()
            except Exception as error:
                _settle(future, _Failure(error))
            else:
                if is_gone:
                    _settle(future, _Failure(ClientGoneError("the client has disconnected")))

    def _take(self) -> dict["asyncio.Future[Result]", Row]:
        batch: dict[asyncio.Future[Result], Row] = {}
        while self._waiting and len(batch) < self._max_size:
            future, waiting = self._waiting.popitem(last=False)
            if not future.done():
                batch[future] = waiting.row
        return batch

    async def _compute(self, batch: Mapping["asyncio.Future[Result]", Row]) -> None:
        rows = list(batch.values())
        # However this ends, every caller must get an outcome.
        outcomes: Sequence[Result | _Failure] = [_Failure(QueueFullError("the batches have stopped"))] * len(rows)
        try:
            outcomes = await asyncio.get_running_loop().run_in_executor(self._executor, self._outcomes, rows)
            self._batches, self._rows = self._batches + 1, self._rows + len(rows)
            self._sizes.observe(len(rows))
        finally:
            for future, outcome in zip(batch, outcomes, strict=True):
                _settle(future, outcome)

    def _outcomes(self, rows: Sequence[Row]) -> list[Result | _Failure]:
        """Call the function; if it raises, call it with each half, until the error belongs to a single row."""
        try:
            return list(self._call(rows))
        except Exception as error:
            if len(rows) == 1:
                return [_Failure(error)]
        half = len(rows) // 2
        return self._outcomes(rows[:half]) + self._outcomes(rows[half:])

    def _call(self, rows: Sequence[Row]) -> list[Result]:
        # The length of an object may differ from the number of its items: iterating over a data frame yields columns.
        results = list(self._function(rows))
        if len(results) != len(rows):
            raise ValueError(f"the function returned {len(results)} results for {len(rows)} rows")
        return results


def _limit_openmp(threads: int) -> None:
    # OpenMP's limit applies to the thread that sets it.
    threadpool_limits(threads, user_api="openmp")


def _settle(future: "asyncio.Future[Result]", outcome: Result | _Failure) -> None:
    if future.done():
        return
    if not isinstance(outcome, _Failure):
        future.set_result(outcome)
    elif isinstance(outcome.error, StopIteration):
        # A future rejects StopIteration, which has another meaning in a coroutine.
        future.set_exception(RuntimeError("the function raised StopIteration"))
    else:
        future.set_exception(outcome.error)
