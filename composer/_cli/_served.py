"""What the server's processes load: the composition, with a word to the terminal while it starts and when it is up."""

import gc
from typing import Final

from fastapi import FastAPI

from composer._build import Composition, composition_of
from composer._cli._show import show_composition
from composer._cli._target import load
from composer._cli._waterfall import show_waterfall, telling_who_is_late
from composer._log import configure_logging, in_production

# New objects after which the young ones are collected; Python's own number, 700 or 2,000, is for smaller programs.
_YOUNG: Final = 10_000


def served() -> FastAPI:
    """Return the app that uvicorn serves; it prints what is still starting, what was composed, and what took how long.

    In production it prints nothing: there is the log.
    """
    configure_logging()
    app = load()
    composition = composition_of(app)
    composition.lifecycle.when_started(calm_collector)
    if not in_production():
        _watch(composition)
    return app


def calm_collector() -> None:
    """Leave what stands after the start out of all further garbage collections, and have fewer of them.

    A full collection looks at every object of the process, for tens to hundreds of milliseconds in which nobody is
    answered, and a request makes so many objects that Python would collect the young ones each time.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])


def _watch(composition: Composition) -> None:
    lifecycle = composition.lifecycle
    lifecycle.while_starting(lambda: telling_who_is_late(lifecycle.steps))
    lifecycle.when_started(lambda: show_composition(composition))
    lifecycle.when_started(lambda: show_waterfall(lifecycle.steps()))
