"""The layer that redacts secrets in the errors that an app raises."""

from starlette.types import ASGIApp, Receive, Scope, Send

from composer._secrets import Secrets


def with_redaction(app: ASGIApp, secrets: Secrets, *, deferred: bool = False) -> ASGIApp:
    """Redact the known secrets in the errors that an app raises while it answers, which its server logs.

    Returns the app itself where there are none. The secrets of a `deferred` app are known only when it is built.
    """
    if not secrets and not deferred:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            secrets.raise_redacted(error)

    return answer
