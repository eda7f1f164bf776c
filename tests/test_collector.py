"""The garbage collector while a composition is imported and built: patient, and afterwards as it was."""

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI

import composer

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


def test_what_was_frozen_before_a_build_stays_frozen() -> None:
    # In a process of its own, where nothing was built before.
    code = f"""
import gc
from fastapi import FastAPI
import composer

kept = []

def create_app() -> FastAPI:
    kept.extend({{number: number}} for number in range({MANY}))
    return FastAPI()

gc.freeze()
frozen = gc.get_freeze_count()
composer.compose([composer.App("notes", "/notes", create_app)])
assert gc.get_freeze_count() >= frozen > 0
assert gc.get_threshold() == {gc.get_threshold()}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
