"""Every fault at every place of a composition's life: all that was entered is left, and nobody else suffers."""

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Iterable

import pytest

from composer import PartError, ShutdownError, StartupError
from composer._lifecycle import apps as lifecycle_apps
from tests.faults.cases import HOOK, NAMES, Case, Fault, Place, cases
from tests.faults.oracle import entered, expected, left_early, order, says
from tests.faults.parts import RAISED
from tests.faults.run import Answer, Seen, run

pytestmark = pytest.mark.anyio

ALL = list(cases())


def grouped(chosen: Iterable[Case]) -> dict[str, list[Case]]:
    """Return the cases that differ only in which parts are faulty under one name: making a test costs more than one."""
    groups: dict[str, list[Case]] = {}
    for case in chosen:
        groups.setdefault(f"{case.place}-{case.fault}-{case.mode}-{case.kind}", []).append(case)
    return groups


OF_LIFESPANS = grouped(case for case in ALL if case.place not in HOOK)
OF_HOOKS = grouped(case for case in ALL if case.place in HOOK)


@pytest.fixture(autouse=True)
def long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be tried again within a case."""
    monkeypatch.setattr(lifecycle_apps, "FIRST_PAUSE", 30.0)


def test_there_are_several_hundred_cases_and_each_place_and_fault_is_among_them() -> None:
    assert len({str(case) for case in ALL}) == len(ALL) > 800
    assert {case.place for case in ALL} == set(Place)
    assert {case.fault for case in ALL} == set(Fault)


@pytest.mark.parametrize("group", OF_LIFESPANS)
async def test_a_fault_in_a_lifespan(group: str, caplog: pytest.LogCaptureFixture, subtests: pytest.Subtests) -> None:
    for case in OF_LIFESPANS[group]:
        caplog.clear()
        with subtests.test(str(case)):
            assert_lived(case, await run(case), caplog.records)


@pytest.mark.parametrize("group", OF_HOOKS)
async def test_a_fault_around_a_request(group: str, subtests: pytest.Subtests) -> None:
    for case in OF_HOOKS[group]:
        with subtests.test(str(case)):
            assert_asked(case, await run(case))


def assert_lived(case: Case, seen: Seen, records: list[logging.LogRecord]) -> None:
    """Check all that must come of a fault in a lifespan."""
    must = expected(case)
    assert (seen.started, seen.ending) == (must.started, must.ending)
    assert_all_was_left(seen)
    assert {entry.what for entry in seen.journal if not entry.what.startswith("hook")} == entered(case)
    assert_mirrored(case, seen)
    assert_reported(case, seen, records)
    if seen.started:
        assert_served(case, seen)


def assert_asked(case: Case, seen: Seen) -> None:
    """Check all that must come of a fault around a request."""
    assert_all_was_left(seen)
    hooks = [entry.what.split()[1] for entry in seen.journal if entry.what in {f"hook {name}" for name in NAMES}]
    inner = hooks[: len(hooks) // 2]
    assert hooks == [*inner, *reversed(inner)]
    assert inner == list(NAMES[: case.faulty[0] + 1] if case.place is Place.HOOK_ENTER else NAMES)
    assert_answered(case, seen.answers["faulty"])
    assert (seen.answers["first"].status, seen.answers["first"].body) == (200, b"first")
    assert (seen.ending, seen.error) == ("shutdown.complete", None)


def assert_answered(case: Case, answer: Answer) -> None:
    """Check what came of the request around which the fault was."""
    if case.fault in (Fault.RUN_CANCELLED, Fault.TASK_CANCELLED):
        assert isinstance(answer.error, asyncio.CancelledError)
    elif case.fault is Fault.HANGS:
        assert (answer.status, answer.headers["content-type"]) == (504, "application/problem+json")
    else:
        assert isinstance(answer.error, RAISED.get(case.fault, RuntimeError))
        if isinstance(answer.error, Exception):
            # What has been answered by then can't be taken back.
            assert answer.status == (500 if case.place is Place.HOOK_ENTER else 200)


def assert_all_was_left(seen: Seen) -> None:
    """Check that all that was entered was left once, by the task that entered it, and that nothing is left over."""
    ins = Counter((entry.what, entry.task) for entry in seen.journal if entry.entered)
    outs = Counter((entry.what, entry.task) for entry in seen.journal if not entry.entered)
    assert ins == outs
    assert set(Counter(entry.what for entry in seen.journal if "another" not in entry.what).values()) == {2}
    assert seen.leftover == []


def assert_mirrored(case: Case, seen: Seen) -> None:
    """Check the order of the start, and that the stop mirrors it."""
    at = {(entry.what, entry.entered): index for index, entry in enumerate(seen.journal)}
    early = left_early(case)
    for outer, inner in order(case):
        if (outer, True) in at and (inner, True) in at:
            assert at[outer, True] < at[inner, True], (outer, inner)
            assert outer in early or at[inner, False] < at[outer, False], (outer, inner)


def assert_reported(case: Case, seen: Seen, records: list[logging.LogRecord]) -> None:
    """Check that each failure has one line in the log, and an error with its cause in what is raised, and no other."""
    must = expected(case)
    assert sorted(_head(record.getMessage()) for record in records) == sorted(map(_line, must.failures))
    assert not any("\n" in record.getMessage() for record in records)
    if not must.raised:
        assert seen.error is None or must.ending == "cancelled"
        return
    assert isinstance(seen.error, StartupError if must.ending == "startup.failed" else ShutdownError)
    errors = [error for error in seen.error.exceptions if isinstance(error, PartError)]
    assert len(errors) == len(seen.error.exceptions)
    assert sorted(_head(str(error)) for error in errors) == sorted(map(_line, must.failures))
    for error in errors:
        if "which must start first" not in error.reason:
            assert_has_its_own_error(case, error)


def assert_has_its_own_error(case: Case, error: PartError) -> None:
    """Check that the error of a part is the one that it raised, with the traceback that leads there."""
    assert error.name.removesuffix(".serving") in case.names
    assert error.__cause__ is not None
    if case.fault is Fault.HANGS:
        assert isinstance(error.__cause__, TimeoutError)
        # That it was cancelled for it is no error of its own.
        assert error.__cause__.__cause__ is None
    if case.fault in RAISED:
        assert isinstance(error.__cause__, RAISED[case.fault])
        walked = traceback.walk_tb(error.__cause__.__traceback__)
        assert [frame.f_code.co_name for frame, _ in walked][-1] == "fault"


def _line(failure: tuple[str, str, str]) -> str:
    return "{} {} failed to {}".format(*failure)


def _head(message: str) -> str:
    return message.partition(":")[0]


def assert_served(case: Case, seen: Seen) -> None:
    """Check that those that have failed say so, and that all the others serve."""
    must = expected(case)
    ready = seen.answers["readyz"]
    assert ready.status == (200 if must.ready else 503), ready.body
    failed = {row["name"] for row in ready.json["parts"] if row["state"] != "up"}
    assert failed == must.down
    for name in NAMES:
        answer = seen.answers[name]
        if name not in must.down:
            assert (answer.status, answer.body) == (200, name.encode())
        else:
            assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json["detail"] == says(case)
