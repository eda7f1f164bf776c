"""The garbage collector: paused while documents are merged, and otherwise as its host has set it."""

import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI

import composer
from composer.openapi import merge_openapi

# More than are looked at as young ones at once, with Python's own thresholds.
MANY = 50_000


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Let each test begin with Python's own thresholds, and leave them to the next one."""
    usual = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*usual)
    gc.enable()


class Document(dict[str, Any]):
    """An OpenAPI document that calls a function while it is merged."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__(openapi="3.1.0", info={"title": "T", "version": "1"}, paths={})
        self.meanwhile = meanwhile

    def items(self) -> Any:
        self.meanwhile()
        return super().items()


def merge(meanwhile: Callable[[], object]) -> None:
    merge_openapi([("a", "/a", Document(meanwhile))], title="T", version="1")


def make_many() -> list[dict[int, int]]:
    return [{number: number} for number in range(MANY)]


def young_collections() -> int:
    return int(gc.get_stats()[0]["collections"])


def test_a_merge_is_not_searched_for_garbage_again_and_again() -> None:
    before = young_collections()
    merge(make_many)
    assert young_collections() - before < MANY / 700 / 10


def test_a_merge_leaves_the_collector_as_it_was_whether_it_fails_or_not() -> None:
    merge(make_many)
    assert gc.get_threshold() == (700, 10, 10)
    with pytest.raises(ZeroDivisionError):
        merge(lambda: 1 / 0)
    assert gc.get_threshold() == (700, 10, 10)
    assert gc.isenabled()


def test_thresholds_that_somebody_sets_during_a_merge_stay() -> None:
    merge(lambda: gc.set_threshold(5000, 20, 30))
    assert gc.get_threshold() == (5000, 20, 30)
    merge(gc.disable)
    assert (gc.isenabled(), gc.get_threshold()) == (False, (5000, 20, 30))


@pytest.mark.parametrize("threshold", [0, 2_100_000_000])
def test_collections_that_are_off_or_rarer_stay_so(threshold: int) -> None:
    gc.set_threshold(threshold, 10, 10)
    seen: list[tuple[int, int, int]] = []
    merge(lambda: seen.append(gc.get_threshold()))
    assert {gc.get_threshold(), *seen} == {(threshold, 10, 10)}


def test_two_merges_side_by_side_leave_the_collector_as_it_was() -> None:
    first_is_on, second_is_over = threading.Event(), threading.Event()

    def wait() -> None:
        first_is_on.set()
        second_is_over.wait(10)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(merge, wait)
        assert first_is_on.wait(10)
        merge(make_many)
        assert gc.get_threshold() != (700, 10, 10)
        second_is_over.set()
        first.result()
    assert gc.get_threshold() == (700, 10, 10)


def test_a_build_does_not_touch_the_collector() -> None:
    seen: list[tuple[int, int, int]] = []

    def create_app() -> FastAPI:
        seen.append(gc.get_threshold())
        return FastAPI()

    composer.compose([composer.App("notes", "/notes", create_app)])
    assert [gc.get_threshold(), *seen] == [(700, 10, 10)] * 2


def failure_of(code: str) -> str:
    """Run it where nothing was merged before, and return why it failed; "" where it didn't."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


MERGING = f"""
import gc, weakref
from composer.openapi import merge_openapi

kept = []

class Document(dict):
    def items(self):
        kept.extend({{number: number}} for number in range({MANY}))
        return super().items()

def merge() -> None:
    document = Document(openapi="3.1.0", info={{"title": "T", "version": "1"}}, paths={{}})
    merge_openapi([("a", "/a", document)], title="T", version="1")

usual = gc.get_threshold()
gc.freeze()
frozen = gc.get_freeze_count()
"""


def test_what_was_frozen_before_a_merge_stays_frozen() -> None:
    stays = "merge()\nassert gc.get_freeze_count() >= frozen > 0\nassert gc.get_threshold() == usual"
    assert failure_of(MERGING + stays) == ""


def test_garbage_is_not_frozen_again_and_again_where_something_was() -> None:
    again = """
class Node:
    pass

merge()
gc.disable()
node = Node()
node.itself, found = node, weakref.ref(node)
del node
merge()
gc.collect()
assert found() is None
"""
    assert failure_of(MERGING + again) == ""
