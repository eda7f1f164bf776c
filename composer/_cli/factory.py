"""What the server's processes load: the composition, with a word to the terminal while it starts and when it is up."""

from fastapi import FastAPI

from composer._build import Composition, composition_of
from composer._cli.locate import load_composition
from composer._cli.show import show_composition
from composer._cli.waterfall import report_slow_parts, show_waterfall
from composer._gc import freeze_after_start
from composer._observe.log import configure_logging, in_production


def create() -> FastAPI:
    """Return the app that uvicorn serves; it prints what is still starting, what was composed, and what took how long.

    In production it prints nothing: there is the log.
    """
    configure_logging()
    app = load_composition()
    composition = composition_of(app)
    composition.lifecycle.when_started(freeze_after_start)
    if not in_production():
        _watch(composition)
    return app


def _watch(composition: Composition) -> None:
    lifecycle = composition.lifecycle
    lifecycle.while_starting(lambda: report_slow_parts(lifecycle.steps))
    lifecycle.when_started(lambda: show_composition(composition))
    lifecycle.when_started(lambda: show_waterfall(lifecycle.steps()))
