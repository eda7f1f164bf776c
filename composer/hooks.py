"""The hooks of a cornerstone: methods that composer calls, if the object has them. Each is a protocol here.

A class that inherits a protocol is checked by mypy and pyright, and can't be instantiated without the method: a
misspelt name is found at once. Inheriting is optional; composer calls the method of any object that has it. `composer
check` reports a method whose name is near that of a hook (C072).

Example:
    from composer import hooks

    class Database(hooks.Serving, hooks.CheckReady):
        @asynccontextmanager
        async def serving(self) -> AsyncIterator[None]:
            async with self.engine.connect():
                yield

        async def check_ready(self) -> None:
            await self.ping()
"""

from abc import abstractmethod
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Final, Protocol

from starlette.requests import HTTPConnection

__all__ = ["HOOKS", "AroundRequest", "CheckReady", "Preload", "Serving"]

ContextManager = AbstractContextManager[Any, Any] | AbstractAsyncContextManager[Any, Any]


class Serving(Protocol):
    """A cornerstone that runs something while the server serves, such as a scheduler."""

    @abstractmethod
    def serving(self) -> ContextManager:
        """Return a context manager that is entered once all apps have started, and left before any of them stops."""
        ...


class AroundRequest(Protocol):
    """A cornerstone that wraps each HTTP request and WebSocket of the apps that use it, such as a unit of work."""

    @abstractmethod
    def around_request(self, connection: HTTPConnection, /) -> ContextManager:
        """Return a context manager that is entered before the app handles the connection, and left after it.

        An `HTTPException` that the app handles itself is not raised here: no rollback may depend on it.
        """
        ...


class CheckReady(Protocol):
    """A cornerstone that `/readyz` asks whether it is ready."""

    @abstractmethod
    def check_ready(self) -> Awaitable[object]:
        """Raise an exception if the cornerstone isn't ready; write it as `async def`. The result is ignored."""
        ...


class Preload(Protocol):
    """A cornerstone that loads what all worker processes share, for `composer serve --preload`."""

    @abstractmethod
    def preload(self) -> object:
        """Load it; called once, before the worker processes are forked, and without an event loop."""
        ...


# The protocol of each hook, by the name of its method.
HOOKS: Final[dict[str, type]] = {
    "serving": Serving,
    "around_request": AroundRequest,
    "check_ready": CheckReady,
    "preload": Preload,
}
