"""What the server's processes load: the composition, with a word to the terminal while it starts and when it is up."""

from fastapi import FastAPI

from composer._build import Composition, composition_of
from composer._cli.locate import load
from composer._cli.show import show_composition
from composer._cli.waterfall import show_waterfall, telling_who_is_late
from composer._gc import calm_collector
from composer._observe.log import configure_logging, in_production


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


def _watch(composition: Composition) -> None:
    lifecycle = composition.lifecycle
    lifecycle.while_starting(lambda: telling_who_is_late(lifecycle.steps))
    lifecycle.when_started(lambda: show_composition(composition))
    lifecycle.when_started(lambda: show_waterfall(lifecycle.steps()))
