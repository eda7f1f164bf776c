"""Apps that are imported and built when they start, so that no other app waits for a heavy import."""

import threading
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from composer._model import BuiltApp, Problem
from composer.errors import CompositionError

Build = Callable[[], tuple[BuiltApp | None, list[Problem]]]


class DeferredApp:
    """An app that is built by the first call of `load`, and then serves its requests.

    `build` imports and builds it. `finish` is set before: it gets the built app and its problems, and returns what
    serves the app, or raises CompositionError.
    """

    def __init__(self, name: str, build: Build) -> None:
        self.finish: Callable[[BuiltApp, list[Problem]], ASGIApp] = lambda built, problems: built.asgi
        self._name = name
        self._build = build
        self._lock = threading.Lock()
        self._built: BuiltApp | None = None
        self._serving: ASGIApp | None = None

    def load(self) -> ASGIApp:
        """Return the app itself, built at the first call; blocks for as long as the import takes.

        Raises:
            CompositionError: It can't be imported or built; the next call tries again.
        """
        with self._lock:
            if self._built is None:
                built, problems = self._build()
                if built is None:
                    raise CompositionError(problems, self._name)
                self._serving = self.finish(built, problems)
                self._built = built
            return self._built.asgi

    @property
    def app(self) -> ASGIApp | None:
        """The app itself; None before it is built."""
        return self._built.asgi if self._built else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the dispatcher sends none before the app is up."""
        if self._serving is None:
            raise RuntimeError(f"{self._name} isn't loaded")
        await self._serving(scope, receive, send)
