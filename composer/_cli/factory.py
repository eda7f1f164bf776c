"""The factory that uvicorn calls in each process that serves."""

from fastapi import FastAPI

from composer._build import composition_of
from composer._cli.locate import load_composition
from composer._cli.log import configure_logging, in_production
from composer._cli.show import show_composition
from composer._cli.waterfall import report_slow_parts, show_waterfall
from composer._gc import freeze_after_start


def create() -> FastAPI:
    """Return the app to serve. Outside of production it prints slow parts while it starts, then the composition."""
    configure_logging()
    app = load_composition()
    composition = composition_of(app)
    lifecycle = composition.lifecycle
    lifecycle.when_started(freeze_after_start)
    if not in_production():
        lifecycle.while_starting(lambda: report_slow_parts(lifecycle.steps))
        lifecycle.when_started(lambda: show_composition(composition))
        lifecycle.when_started(lambda: show_waterfall(lifecycle.steps()))
    return app
