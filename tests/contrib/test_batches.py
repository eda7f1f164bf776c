import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
import sklearn.ensemble  # noqa: F401  # it brings the OpenMP whose threads are counted
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from composer.contrib.models import Batches, ClientGoneError, QueueFullError
from composer.contrib.models._batches import DISCONNECT_CHECK_AFTER

pytestmark = pytest.mark.anyio

BAD = -1


def half(row: int) -> float:
    if row == BAD:
        raise ValueError("a bad row")
    return row / 2


def halves(rows: Sequence[int]) -> list[float]:
    return [half(row) for row in rows]


class Held:
    """Compute halves, but hold the first call until it is let go; remember what each call got."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.begun = threading.Event()
        self.may_go_on = threading.Event()

    def __call__(self, rows: Sequence[int]) -> list[float]:
        self.calls.append(list(rows))
        self.begun.set()
        assert self.may_go_on.wait(10)
        return halves(rows)

    async def until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 10)


async def begin(coroutine: Coroutine[Any, Any, float]) -> "asyncio.Task[float]":
    """Run a coroutine as a task, as far as it gets by itself."""
    task = asyncio.create_task(coroutine)
    await asyncio.sleep(0)
    return task


async def gathered(batches: Batches[int, float], rows: Sequence[int]) -> list[float | BaseException]:
    return await asyncio.gather(*(batches.submit(row) for row in rows), return_exceptions=True)


def alone(row: int) -> float | str:
    try:
        return half(row)
    except ValueError as error:
        return repr(error)


@given(st.lists(st.lists(st.integers(BAD, 9), max_size=30), max_size=4), st.integers(1, 9), st.lists(st.integers(0, 3)))
def test_each_row_gets_what_it_would_get_alone_whatever_is_computed_with_it(
    arrivals: list[list[int]], max_size: int, pauses: list[int]
) -> None:
    sizes = []

    def watched(rows: Sequence[int]) -> list[float]:
        sizes.append(len(rows))
        return halves(rows)

    async def run() -> list[list[float | BaseException]]:
        async with Batches(watched, max_size=max_size) as batches:
            tasks = []
            for rows, pause in zip(arrivals, [*pauses, 0, 0, 0, 0], strict=False):
                tasks.append(asyncio.create_task(gathered(batches, rows)))
                for _ in range(pause):
                    await asyncio.sleep(0)
            return [await task for task in tasks]

    found = asyncio.run(run())
    shown = [[repr(each) if isinstance(each, Exception) else each for each in each_arrival] for each_arrival in found]
    assert shown == [[alone(row) for row in rows] for rows in arrivals]
    assert max(sizes, default=0) <= max_size


async def test_a_row_that_comes_alone_is_computed_at_once_and_those_that_come_meanwhile_together() -> None:
    function = Held()
    async with Batches(function, max_size=3) as batches:
        first = await begin(batches.submit(0))
        await function.until_begun()
        others = [await begin(batches.submit(row)) for row in (1, 2, 3, 4)]
        function.may_go_on.set()
        assert await asyncio.gather(first, *others) == [0, 0.5, 1, 1.5, 2]
    assert function.calls == [[0], [1, 2, 3], [4]]


async def test_rows_that_come_in_one_step_of_the_loop_are_computed_together() -> None:
    function = Held()
    function.may_go_on.set()
    async with Batches(function) as batches:
        assert await gathered(batches, [1, 2, 3]) == [0.5, 1, 1.5]
    assert function.calls == [[1, 2, 3]]


async def test_a_row_beyond_the_queue_is_refused_and_the_others_are_computed() -> None:
    function = Held()
    async with Batches(function, max_queue=2) as batches:
        first = await begin(batches.submit(0))
        await function.until_begun()
        waiting = [await begin(batches.submit(row)) for row in (1, 2)]
        with pytest.raises(QueueFullError, match="2 rows are waiting"):
            await batches.submit(3)
        function.may_go_on.set()
        assert await asyncio.gather(first, *waiting) == [0, 0.5, 1]


async def test_a_row_that_is_cancelled_before_its_turn_is_not_computed_and_makes_room() -> None:
    function = Held()
    async with Batches(function, max_queue=2) as batches:
        first = await begin(batches.submit(0))
        await function.until_begun()
        left, stays = [await begin(batches.submit(row)) for row in (1, 2)]
        left.cancel()
        await asyncio.wait([left])
        late = await begin(batches.submit(3))
        function.may_go_on.set()
        assert [await first, await stays, await late] == [0, 1, 1.5]
    assert function.calls == [[0], [2, 3]]


async def test_a_row_that_is_cancelled_while_it_is_computed_changes_nothing_for_the_others() -> None:
    function = Held()
    async with Batches(function) as batches:
        left, stays = [await begin(batches.submit(row)) for row in (1, 2)]
        await function.until_begun()
        left.cancel()
        function.may_go_on.set()
        assert await stays == 1
        assert await batches.submit(3) == 1.5


async def test_a_row_whose_client_has_left_while_it_waited_is_not_computed() -> None:
    async def yes() -> bool:
        return True

    async def no() -> bool:
        return False

    function = Held()
    async with Batches(function) as batches:
        first = await begin(batches.submit(0, yes))
        await function.until_begun()
        left, stays = await begin(batches.submit(1, yes)), await begin(batches.submit(2, no))
        await asyncio.sleep(DISCONNECT_CHECK_AFTER * 1.5)
        function.may_go_on.set()
        assert [await first, await stays] == [0, 1]
        with pytest.raises(ClientGoneError):
            await left
    assert function.calls == [[0], [2]]


async def test_a_row_whose_client_cannot_be_asked_for_fails_alone() -> None:
    async def unknown() -> bool:
        raise RuntimeError("nobody knows")

    function = Held()
    async with Batches(function, max_size=1) as batches:
        first = await begin(batches.submit(0))
        await function.until_begun()
        second, third = await begin(batches.submit(1, unknown)), await begin(batches.submit(2))
        await asyncio.sleep(DISCONNECT_CHECK_AFTER * 1.5)
        function.may_go_on.set()
        assert [await first, await third, await batches.submit(3)] == [0, 1, 1.5]
        with pytest.raises(RuntimeError, match="nobody knows"):
            await second


async def test_what_ends_the_batches_is_logged_and_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    def cancel(rows: Sequence[int]) -> list[float]:
        raise asyncio.CancelledError

    batches = Batches(cancel, max_size=1)
    await batches.__aenter__()
    assert [type(error) for error in await gathered(batches, [1, 2, 3])] == [QueueFullError] * 3
    assert [record.message for record in caplog.records] == [
        "batching crashed; no rows will be computed until the server is restarted"
    ]
    with pytest.raises(asyncio.CancelledError):
        await batches.__aexit__(None, None, None)


async def test_leaving_answers_what_was_accepted_and_accepts_no_more() -> None:
    function = Held()
    batches = Batches(function)
    async with batches:
        accepted = [await begin(batches.submit(0))]
        await function.until_begun()
        accepted += [await begin(batches.submit(row)) for row in (1, 2)]
        asyncio.get_running_loop().call_later(0.01, function.may_go_on.set)
    assert [task.result() for task in accepted] == [0, 0.5, 1]
    with pytest.raises(QueueFullError):
        await batches.submit(3)


async def test_leaving_that_is_cancelled_fails_what_is_not_computed() -> None:
    function = Held()
    accepted: list[asyncio.Task[float]] = []

    async def run() -> None:
        async with Batches(function) as batches:
            accepted.append(await begin(batches.submit(0)))
            await function.until_begun()
            accepted.append(await begin(batches.submit(1)))

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(run(), 0.1)
    assert [type(error) for error in await asyncio.gather(*accepted, return_exceptions=True)] == [QueueFullError] * 2
    function.may_go_on.set()


async def test_nothing_is_accepted_before_it_is_entered() -> None:
    with pytest.raises(QueueFullError):
        await Batches(halves).submit(1)


async def test_no_thread_is_made_before_it_is_entered() -> None:
    before = threading.active_count()
    batches = Batches(halves)
    assert threading.active_count() == before
    async with batches:
        await batches.submit(1)
        assert threading.active_count() == before + 1


async def test_it_may_be_entered_again() -> None:
    batches = Batches(halves)
    for _ in range(2):
        async with batches:
            assert await batches.submit(3) == 1.5


async def test_a_function_with_too_few_results_fails_every_row() -> None:
    def without_one(rows: Sequence[int]) -> list[float]:
        return halves(rows)[1:]

    async with Batches(without_one) as batches:
        results = await gathered(batches, [1, 2])
    assert [str(error) for error in results] == ["the function returned 0 results for 1 rows"] * 2


async def test_a_function_with_more_results_than_its_answer_is_long_fails_the_row_and_serves_on() -> None:
    class Table(list[float]):
        """Is as long as its rows and gives its columns, as a data frame does."""

        def __len__(self) -> int:
            return 1

    async with Batches[int, float](lambda rows: Table([1, 2, 3])) as batches:
        for row in (1, 2):
            with pytest.raises(ValueError, match="returned 3 results for 1 rows"):
                await batches.submit(row)


async def test_a_function_that_raises_stop_iteration_fails_the_row_and_serves_on() -> None:
    def first(rows: Sequence[int]) -> list[float]:
        return [next(iter(range(row))) for row in rows]

    async with Batches(first) as batches:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await batches.submit(0)
        assert await batches.submit(1) == 0


@pytest.mark.parametrize("threads", [1, 2])
async def test_a_call_has_as_many_threads_of_openmp_as_were_asked_for(threads: int) -> None:
    def openmp(rows: Sequence[int]) -> list[set[int]]:
        return [{each["num_threads"] for each in threadpool_info() if each["user_api"] == "openmp"} for _ in rows]

    async with Batches(openmp, threads=threads) as batches:
        assert await batches.submit(1) == {threads}


async def test_the_statistics_count_what_waits_and_what_was_computed() -> None:
    function = Held()
    async with Batches(function) as batches:
        first = await begin(batches.submit(0))
        await function.until_begun()
        others = [await begin(batches.submit(row)) for row in (1, 2)]
        assert batches.statistics().waiting == 2
        function.may_go_on.set()
        await asyncio.gather(first, *others)
        assert (batches.statistics().batches, batches.statistics().rows, batches.statistics().waiting) == (2, 3, 0)


@pytest.mark.parametrize("wrong", ["max_size", "max_queue", "threads"])
def test_a_number_below_one_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Batches(halves, **{wrong: 0})  # type: ignore[arg-type]


async def test_rows_wait_for_others_as_long_as_max_wait_says_and_not_beyond_a_full_batch() -> None:
    calls: list[list[int]] = []

    def watched(rows: Sequence[int]) -> list[float]:
        calls.append(list(rows))
        return halves(rows)

    async with Batches(watched, max_size=3, max_wait=600) as batches:
        tasks = [await begin(batches.submit(row)) for row in (1, 2)]
        await asyncio.sleep(0.05)
        assert calls == []
        tasks.append(await begin(batches.submit(3)))
        assert await asyncio.gather(*tasks) == [0.5, 1.0, 1.5]
    assert calls == [[1, 2, 3]]


async def test_a_row_that_no_other_joins_is_computed_after_max_wait() -> None:
    async with Batches(halves, max_size=8, max_wait=0.01) as batches:
        assert await batches.submit(4) == 2.0


async def test_a_row_whose_caller_leaves_makes_no_batch_full() -> None:
    calls: list[list[int]] = []

    def watched(rows: Sequence[int]) -> list[float]:
        calls.append(list(rows))
        return halves(rows)

    async with Batches(watched, max_size=2, max_wait=600) as batches:
        left = await begin(batches.submit(1))
        await asyncio.sleep(0.01)
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        assert await gathered(batches, [2, 3]) == [1.0, 1.5]
    assert calls == [[2, 3]]


async def test_rows_that_wait_for_others_are_computed_when_the_app_stops() -> None:
    async with asyncio.timeout(60):
        async with Batches(halves, max_size=8, max_wait=600) as batches:
            task = await begin(batches.submit(4))
            await asyncio.sleep(0.01)
        assert await task == 2.0


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_a_max_wait_that_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="max_wait"):
        Batches(halves, max_wait=seconds)
