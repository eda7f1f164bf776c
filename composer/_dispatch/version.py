"""One version of an app: what answers its requests, the state of its lifespan, its threads, its requests under way."""

import asyncio
from typing import Any

from composer._asgi import ASGIApp
from composer._compat.opentelemetry import observes_by_itself
from composer._compat.releases import fast_path_is_on
from composer._problem_json import unavailable
from composer._threads import Pool

NO_LIFESPAN = unavailable(
    "The server ran no lifespan, so no app was started. Serve the composition with lifespans on; in a test, write "
    "`with TestClient(app) as client:`."
)


class Version:
    """One version of an app, which a slot serves until another one replaces it; no two share anything here.

    `app` is the app with composer's layers, `inner` the app without them. `answer` is what answers at the moment: the
    app, or something in its place. Whatever answers has the version's own threads. `requests` holds the tasks of the
    requests that it answers, by the identity of their scopes.
    """

    __slots__ = ("_inner", "answer", "app", "observes", "pool", "requests", "state")

    def __init__(self, app: ASGIApp, inner: ASGIApp | None = None) -> None:
        self.app = app
        self.answer: ASGIApp = NO_LIFESPAN
        self.state: dict[str, Any] = {}
        self.pool = Pool()
        self.requests: dict[int, asyncio.Task[Any] | None] = {}
        self.observes = True
        self._inner = inner

    def open(self) -> None:
        """Let the app itself answer, once its lifespan is up."""
        self.answer = self.app
        self.observes = not fast_path_is_on() or observes_by_itself(self._inner)

    def close(self, answer: ASGIApp) -> None:
        """Let `answer` answer in place of the app."""
        self.answer = answer
