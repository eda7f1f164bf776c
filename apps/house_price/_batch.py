"""Predict for many blocks in one request.

Ten thousand blocks are about two megabytes of JSON. Parsing and validating them on the event loop would block it for a
tenth of a second. So a thread does it, in chunks: it can release the GIL between two chunks, but not within one.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

import anyio.to_thread
import numpy as np
from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, FailFast, Field, SkipValidation, TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from apps.house_price._predict import Block, Numbers
from composer.contrib.models import BUSY, Batches
from composer.responses import NOT_JSON, documented

# Maximum number of blocks in one request.
MAX_BLOCKS = 10_000

# Blocks that are validated in one chunk: about two milliseconds.
CHUNK = 500

ANY_BLOCKS = TypeAdapter(Annotated[list[Any], Field(min_length=1, max_length=MAX_BLOCKS)])
CHECKED_BLOCKS = TypeAdapter(Annotated[list[Block], FailFast()])


class Blocks(BaseModel):
    """Blocks of houses. If some are invalid, the response describes the first of them."""

    # Documented here, validated by `as_table`.
    blocks: SkipValidation[Annotated[list[Block], Field(min_length=1, max_length=MAX_BLOCKS)]] = Field(
        description="The blocks to predict."
    )


class Predictions(BaseModel):
    """The predicted value of a house in each block."""

    median_house_values: list[float] = Field(
        description="Median value of a house in each block, in `currency`, in the order of the blocks."
    )
    currency: Literal["USD"] = "USD"


class _ThreadedRequest(Request):
    """A request whose JSON is parsed in a thread."""

    async def json(self) -> Any:
        return await anyio.to_thread.run_sync(_read_json, await self.body())


class _Route(APIRoute):
    """A route whose requests are `_ThreadedRequest`, as FastAPI's documentation describes."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_threaded(request: Request) -> Response:
            return await handle(_ThreadedRequest(request.scope, request.receive))

        return handle_threaded


router = APIRouter(tags=["house price"], responses=BUSY, route_class=_Route)


@router.post("/predict/batch", responses=documented(s400=NOT_JSON), summary="Predict the values of many houses")
async def predict_batch(blocks: Blocks, request: Request) -> Predictions:
    """Predict the median value of the houses in each of up to 10,000 blocks."""
    tables: Batches[Numbers, list[float]] = request.state.tables
    table = await anyio.to_thread.run_sync(as_table, blocks.blocks)
    return Predictions(median_house_values=await tables.submit(table, request.is_disconnected))


def as_table(blocks: object) -> Numbers:
    """Validate the blocks of a request, and return their features, one row for each.

    Raises:
        RequestValidationError: `blocks` isn't a list, is too long, or contains an invalid block.
    """
    try:
        found = ANY_BLOCKS.validate_python(blocks)
    except ValidationError as error:
        raise _request_error(error) from None
    return np.concatenate([_as_rows(found[at : at + CHUNK], at) for at in range(0, len(found), CHUNK)])


def _as_rows(chunk: list[Any], at: int) -> Numbers:
    """Return the features of a chunk of blocks, the first of which is at index `at` in the request."""
    try:
        # As FastAPI does: it changes the error for a block that isn't an object.
        blocks = CHECKED_BLOCKS.validate_python(chunk, from_attributes=True)
        return np.array([block.features() for block in blocks])
    except ValidationError as error:
        raise _request_error(error, at) from None


def _request_error(error: ValidationError, at: int = 0) -> RequestValidationError:
    """Return the error that FastAPI would raise, with indexes that count from the first block of the request."""
    faults = error.errors(include_url=False)
    for fault in faults:
        inside = fault["loc"]
        number = [int(inside[0]) + at, *inside[1:]] if inside else []
        fault["loc"] = ("body", "blocks", *number)
    return RequestValidationError(faults)


def _read_json(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        # Slower, but it accepts more, such as UTF-16, and raises the error that FastAPI handles.
        return json.loads(body)
