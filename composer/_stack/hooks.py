"""The `around_request` hooks of cornerstones, as a layer around an app."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from anyio import CancelScope
from starlette.requests import HTTPConnection

from composer._asgi import ASGIApp, Receive, Scope, Send

AroundRequest = Callable[[HTTPConnection], Any]


def with_hooks(app: ASGIApp, hooks: Sequence[AroundRequest]) -> ASGIApp:
    """Wrap each HTTP request and WebSocket of an app by the hooks of cornerstones that it uses, the first outermost.

    Returns the app itself where there is none. Each hook is left whatever the app did, and has the time that it takes
    also where the request ran out of its own.
    """
    if not hooks:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # Opened before the hooks, for they may open some of their own, and what opens last must close first.
        with CancelScope() as leaving:
            async with AsyncExitStack() as stack:
                try:
                    await _enter(hooks, scope, stack)
                    await app(scope, receive, send)
                finally:
                    leaving.shield = True

    return answer


async def _enter(hooks: Sequence[AroundRequest], scope: Scope, stack: AsyncExitStack) -> None:
    for hook in hooks:
        manager = hook(HTTPConnection(scope))
        if isinstance(manager, AbstractAsyncContextManager):
            await stack.enter_async_context(manager)
        else:
            stack.enter_context(manager)
