"""The layer that keeps secrets out of the errors that an app raises."""

from composer._asgi import ASGIApp, Receive, Scope, Send
from composer._secrets import Secrets


def with_redaction(app: ASGIApp, secrets: Secrets, *, deferred: bool = False) -> ASGIApp:
    """Take the known secrets out of the errors that an app raises while it answers; whoever catches one logs it.

    Returns the app itself where there are none. Those of a `late` app are known only when it is made.
    """
    if not secrets and not deferred:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            secrets.raise_redacted(error)

    return answer
