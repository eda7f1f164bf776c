"""What a caller gets whose row wasn't computed: 503, to be tried again."""

from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from shared.models._batches import ClientGoneError, QueueFullError

# Source: RFC 9457.
PROBLEM_JSON = "application/problem+json"
RETRY_AFTER = 1
DETAIL = "Too many predictions are asked for at the moment."

# What nginx logs for a client that has left; no client ever sees it.
CLIENT_CLOSED_REQUEST = 499

# For a router's `responses=`: what each of its operations may answer.
BUSY: dict[int | str, dict[str, Any]] = {
    503: {
        "description": DETAIL,
        "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
        "content": {
            PROBLEM_JSON: {
                "schema": {
                    "type": "object",
                    "required": ["title", "status", "detail"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                    },
                }
            }
        },
    }
}


def answering_busy(app: FastAPI) -> FastAPI:
    """Have `app` answer 503 with Retry-After where its batches accept no more rows.

    Returns:
        The same app.
    """
    app.add_exception_handler(QueueFullError, _answer_503)
    app.add_exception_handler(ClientGoneError, _answer_nobody)
    return app


async def _answer_503(request: Request, error: Exception) -> Response:
    body = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": DETAIL}
    return JSONResponse(body, 503, {"Retry-After": str(RETRY_AFTER)}, media_type=PROBLEM_JSON)


async def _answer_nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)
