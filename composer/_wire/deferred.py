"""Apps that are imported and made only when they start, so that no other start waits for a heavy import."""

import threading
from collections.abc import Callable

from composer._asgi import ASGIApp, Receive, Scope, Send
from composer._model import BuiltApp, Problem
from composer.errors import CompositionError

Make = Callable[[], tuple[BuiltApp | None, list[Problem]]]


class DeferredApp:
    """Stand for an app until it is made, and hand its requests on to it after that.

    `make` imports it and makes it. `finish` has to be set before the first call of `load`: given the app that was made
    and the problems of that, it returns what serves the app, or raises CompositionError.
    """

    def __init__(self, name: str, make: Make) -> None:
        self.finish: Callable[[BuiltApp, list[Problem]], ASGIApp] = lambda built, problems: built.asgi
        self._name = name
        self._make = make
        self._making = threading.Lock()
        self._built: BuiltApp | None = None
        self._serving: ASGIApp | None = None

    def load(self) -> ASGIApp:
        """Return the app itself, made at the first call; blocks for as long as the import takes.

        Raises:
            CompositionError: It can't be imported or made; the next call tries again.
        """
        with self._making:
            if self._built is None:
                built, problems = self._make()
                if built is None:
                    raise CompositionError(problems, self._name)
                self._serving = self.finish(built, problems)
                self._built = built
            return self._built.asgi

    @property
    def app(self) -> ASGIApp | None:
        """The app itself; None before it is made."""
        return self._built.asgi if self._built else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nobody asks before the app is up."""
        if self._serving is None:
            raise RuntimeError(f"{self._name} isn't loaded")
        await self._serving(scope, receive, send)
