"""Error responses that the apps of a project share, and their documentation.

FastAPI's own 422 contains the rejected input. It sends passwords back, and for a body such as `{"x": NaN}` it can't be
serialised as JSON, so that a client error becomes a 500. FastAPI's own 405 lists only the methods of the first route
with that path; RFC 9110, section 15.5.6, requires all of them. `with_plain_errors` replaces both.
"""

from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from composer._compat.fastapi import iter_route_contexts
from composer._problem_json import PROBLEM_JSON, problem_json

__all__ = [
    "NOT_JSON",
    "ErrorAnswer",
    "documented",
    "documented_503",
    "problem_json",
    "unavailable",
    "with_plain_errors",
]

# FastAPI itself responds with 400 then, so operations with a body document it.
NOT_JSON = "The body can't be read as JSON"

_PROBLEM = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


class ErrorAnswer(BaseModel):
    """The body of an error response."""

    detail: str


def documented(**answers: str) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's `responses=` for error responses:

        @app.get("/{id}", responses=documented(s404="No such note"))

    Args:
        answers: The description of each response, by "s" and its status.
    """
    return {int(code[1:]): {"description": text, "model": ErrorAnswer} for code, text in answers.items()}


def documented_503(detail: str) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's `responses=` for operations that may respond with `unavailable`.

    Args:
        detail: The description of the response.
    """
    described = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
    content = {PROBLEM_JSON: {"schema": _PROBLEM}}
    return {503: {"description": detail, "headers": {"Retry-After": described}, "content": content}}


def unavailable(detail: str, retry_after: int = 1) -> JSONResponse:
    """Return a 503 as problem+json (RFC 9457).

    Args:
        detail: What the client reads, without internal details.
        retry_after: Seconds after which the client may try again.
    """
    return problem_json(503, "Service Unavailable", detail, {"Retry-After": str(retry_after)})


def with_plain_errors(app: FastAPI) -> FastAPI:
    """Make an app respond to invalid input with a 422 that omits it, and to a wrong method with a 405 that lists all.

    Args:
        app: The app; its own handlers of these errors are replaced.

    Returns:
        The same app.
    """
    app.add_exception_handler(RequestValidationError, _answer_422)
    app.add_exception_handler(405, _answer_405)
    return app


async def _answer_422(request: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    shown = [{key: fault[key] for key in ("type", "loc", "msg")} for fault in faults]
    return JSONResponse({"detail": shown}, status_code=422)


async def _answer_405(request: Request, error: Exception) -> Response:
    routes = iter_route_contexts(request.app.routes)
    matching = [route for route in routes if route.methods and route.matches(request.scope)[0] is not Match.NONE]
    methods = {method for route in matching for method in route.methods or ()}
    return await http_exception_handler(request, HTTPException(405, headers={"Allow": ", ".join(sorted(methods))}))
