"""What the server's processes load: the composition, with a word to the terminal once it has started."""

from fastapi import FastAPI

from composer._build import composition_of
from composer._cli._show import show_composition
from composer._cli._target import load
from composer._log import configure_logging, in_production


def served() -> FastAPI:
    """Return the app that uvicorn serves; it prints what was composed, and how long each start took, when it is up.

    In production it prints nothing: there is the log.
    """
    configure_logging()
    app = load()
    composition = composition_of(app)
    if not in_production():
        composition.lifecycle.when_started(lambda: show_composition(composition))
    return app
