"""What the apps' answers have in common: the 422 that shows nothing of the input, and the errors' documentation.

FastAPI's own 422 holds the rejected input. That sends passwords back, and for a body such as `{"x": NaN}` it can't be
written as JSON at all, so that the caller's mistake becomes a 500.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

# FastAPI itself answers 400 then, so an operation with a body is documented with it.
NOT_JSON = "The body can't be read as JSON"


class ErrorAnswer(BaseModel):
    """The body of an answer that says what is wrong."""

    detail: str


def documented(**answers: str) -> dict[int | str, dict[str, Any]]:
    """Make FastAPI's `responses=` from keywords such as `s404="No such note"`."""
    return {int(code[1:]): {"description": text, "model": ErrorAnswer} for code, text in answers.items()}


def without_input(app: FastAPI) -> FastAPI:
    """Have `app` answer invalid input with a 422 that doesn't repeat it; returns the same app."""
    app.add_exception_handler(RequestValidationError, _answer_422)
    return app


async def _answer_422(request: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    shown = [{key: fault[key] for key in ("type", "loc", "msg")} for fault in faults]
    return JSONResponse({"detail": shown}, status_code=422)
