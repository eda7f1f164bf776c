"""The `around_request` hooks of cornerstones, as a layer around an app."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from anyio import CancelScope
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

AroundRequest = Callable[[HTTPConnection], Any]


def with_hooks(app: ASGIApp, hooks: Sequence[AroundRequest]) -> ASGIApp:
    """Wrap each request and WebSocket of an app in the hooks of the cornerstones that it uses, the first outermost.

    Returns the app itself where there is none. Each hook is exited whatever the app did, after the request's timeout
    too.
    """
    if not hooks:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # Entered before the hooks, which may enter scopes of their own: those must be exited first.
        with CancelScope() as exiting:
            async with AsyncExitStack() as stack:
                try:
                    await _enter(hooks, scope, stack)
                    await app(scope, receive, send)
                finally:
                    exiting.shield = True

    return answer


async def _enter(hooks: Sequence[AroundRequest], scope: Scope, stack: AsyncExitStack) -> None:
    for hook in hooks:
        manager = hook(HTTPConnection(scope))
        if isinstance(manager, AbstractAsyncContextManager):
            await stack.enter_async_context(manager)
        else:
            stack.enter_context(manager)
