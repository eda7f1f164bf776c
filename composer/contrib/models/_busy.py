"""The response if a row wasn't computed: 503 with Retry-After."""

from fastapi import FastAPI, Request
from starlette.responses import Response

from composer.contrib.models._batches import ClientGoneError, QueueFullError
from composer.responses import documented_503, unavailable

DETAIL = "Too many predictions are waiting."

# nginx logs this status for a client that has disconnected; no client receives it.
CLIENT_CLOSED_REQUEST = 499

# For a router's `responses=`: a response of each of its operations.
BUSY = documented_503(DETAIL)


def answering_busy(app: FastAPI) -> FastAPI:
    """Make `app` respond with 503 and Retry-After if the queue of its batches is full.

    Returns:
        The same app.
    """
    app.add_exception_handler(QueueFullError, _answer_503)
    app.add_exception_handler(ClientGoneError, _answer_disconnected)
    return app


async def _answer_503(request: Request, error: Exception) -> Response:
    return unavailable(DETAIL)


async def _answer_disconnected(request: Request, error: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)
