"""What a caller gets whose row wasn't computed: 503, to be tried again."""

from fastapi import FastAPI, Request
from starlette.responses import Response

from shared._answers import documented_503, unavailable
from shared.models._batches import ClientGoneError, QueueFullError

DETAIL = "Too many predictions are asked for at the moment."

# What nginx logs for a client that has left; no client ever sees it.
CLIENT_CLOSED_REQUEST = 499

# For a router's `responses=`: what each of its operations may answer.
BUSY = documented_503(DETAIL)


def answering_busy(app: FastAPI) -> FastAPI:
    """Have `app` answer 503 with Retry-After where its batches accept no more rows.

    Returns:
        The same app.
    """
    app.add_exception_handler(QueueFullError, _answer_503)
    app.add_exception_handler(ClientGoneError, _answer_nobody)
    return app


async def _answer_503(request: Request, error: Exception) -> Response:
    return unavailable(DETAIL)


async def _answer_nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)
