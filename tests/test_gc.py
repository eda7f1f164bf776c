"""The garbage collector while a composition is imported and built: patient, and afterwards as it was."""

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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


def compose(factory: Callable[[], FastAPI]) -> FastAPI:
    return composer.compose([composer.App("notes", "/notes", factory)])


def factory_that(does: Callable[[], object]) -> Callable[[], FastAPI]:
    def create_app() -> FastAPI:
        app = FastAPI()
        app.state.made = does()
        return app

    return create_app


def make_many() -> list[dict[int, int]]:
    return [{number: number} for number in range(MANY)]


def young_collections() -> int:
    return int(gc.get_stats()[0]["collections"])


def test_what_is_built_to_stay_is_not_looked_at_again_and_again() -> None:
    before = young_collections()
    compose(factory_that(make_many))
    assert young_collections() - before < MANY / 700 / 10


def test_a_build_leaves_the_collector_as_it_was_whether_it_fails_or_not() -> None:
    compose(FastAPI)
    assert gc.get_threshold() == (700, 10, 10)
    with pytest.raises(composer.CompositionError):
        compose(factory_that(lambda: 1 / 0))
    assert gc.get_threshold() == (700, 10, 10)
    assert gc.isenabled()


def test_what_a_factory_says_of_the_collector_stays() -> None:
    compose(factory_that(lambda: gc.set_threshold(5000, 20, 30)))
    assert gc.get_threshold() == (5000, 20, 30)
    compose(factory_that(gc.disable))
    assert (gc.isenabled(), gc.get_threshold()) == (False, (5000, 20, 30))


@pytest.mark.parametrize("threshold", [0, 1_000_000])
def test_collections_that_are_off_or_rarer_stay_so(threshold: int) -> None:
    gc.set_threshold(threshold, 10, 10)
    seen: list[tuple[int, int, int]] = []
    compose(factory_that(lambda: seen.append(gc.get_threshold())))
    assert [gc.get_threshold(), *seen] == [(threshold, 10, 10)] * 2


def test_a_number_that_anybody_may_choose_stays_too() -> None:
    compose(factory_that(lambda: gc.set_threshold(100_000)))
    assert gc.get_threshold() == (100_000, 10, 10)


def test_a_build_and_a_merge_side_by_side_leave_the_collector_as_it_was() -> None:
    merging, built = threading.Event(), threading.Event()

    class Slow(dict[str, Any]):
        """A document that a merge is at for as long as the build takes."""

        def items(self) -> Any:
            merging.set()
            built.wait(10)
            return super().items()

    document = Slow(openapi="3.1.0", info={"title": "T", "version": "1"}, paths={})
    with ThreadPoolExecutor() as pool:

        def build_meanwhile() -> None:
            merge = pool.submit(merge_openapi, [("a", "/a", document)], title="T", version="1")
            assert merging.wait(10)
            merges.append(merge)

        merges: list[Future[Any]] = []
        compose(factory_that(build_meanwhile))
        assert gc.get_threshold() != (700, 10, 10)
        built.set()
        merges[0].result()
    assert gc.get_threshold() == (700, 10, 10)


def test_compositions_that_nobody_needs_any_more_are_freed() -> None:
    alive: weakref.WeakSet[FastAPI] = weakref.WeakSet()
    for _ in range(3):
        alive.add(compose(factory_that(make_many)))
        gc.collect()
    assert len(alive) <= 1


def failure_of(code: str) -> str:
    """Run it where nothing was built before, and return why it failed; "" where it didn't."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


BUILDING = f"""
import gc, weakref
from fastapi import FastAPI
import composer

kept = []

def create_app() -> FastAPI:
    kept.extend({{number: number}} for number in range({MANY}))
    return FastAPI()

def build() -> None:
    composer.compose([composer.App("notes", "/notes", create_app)])

usual = gc.get_threshold()
gc.freeze()
frozen = gc.get_freeze_count()
"""


def test_what_was_frozen_before_a_build_stays_frozen() -> None:
    stays = "build()\nassert gc.get_freeze_count() >= frozen > 0\nassert gc.get_threshold() == usual"
    assert failure_of(BUILDING + stays) == ""


def test_garbage_is_not_frozen_again_and_again_where_something_was() -> None:
    again = """
class Node:
    pass

build()
gc.disable()
node = Node()
node.itself, found = node, weakref.ref(node)
del node
build()
gc.collect()
assert found() is None
"""
    assert failure_of(BUILDING + again) == ""
