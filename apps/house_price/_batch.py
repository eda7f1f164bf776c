"""Predict for many blocks in one request.

Ten thousand blocks are some two megabytes of JSON. To read and check them on the event loop would keep all others
waiting for a tenth of a second; so a thread does it, and in pieces: between two of them it gives way, within one it
can't.
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
from shared._answers import NOT_JSON, documented
from shared.models import BUSY, Batches

# The most that one request may ask for.
MAX_BLOCKS = 10_000

# How many blocks are checked at a stretch: some two milliseconds.
PIECE = 500

ANY_BLOCKS = TypeAdapter(Annotated[list[Any], Field(min_length=1, max_length=MAX_BLOCKS)])
CHECKED_BLOCKS = TypeAdapter(Annotated[list[Block], FailFast()])


class Blocks(BaseModel):
    """Blocks of houses. Where some are wrong, the answer tells of the first of them."""

    # Documented here, and checked by `as_table`.
    blocks: SkipValidation[Annotated[list[Block], Field(min_length=1, max_length=MAX_BLOCKS)]] = Field(
        description="The blocks to predict for."
    )


class Predictions(BaseModel):
    """What a house in each of the blocks is worth, by the model."""

    median_house_values: list[float] = Field(
        description="Median value of a house in each block, in `currency`, in the order in which the blocks came."
    )
    currency: Literal["USD"] = "USD"


class _ReadByThread(Request):
    """A request whose JSON is read in a thread."""

    async def json(self) -> Any:
        return await anyio.to_thread.run_sync(_read_json, await self.body())


class _Route(APIRoute):
    """A route whose requests are `_ReadByThread`; the way is that of FastAPI's documentation."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_read_by_thread(request: Request) -> Response:
            return await handle(_ReadByThread(request.scope, request.receive))

        return handle_read_by_thread


router = APIRouter(tags=["house price"], responses=BUSY, route_class=_Route)


@router.post("/predict/batch", responses=documented(s400=NOT_JSON), summary="Predict the values of many houses")
async def predict_batch(blocks: Blocks, request: Request) -> Predictions:
    """Predict the median value of the houses in each of up to 10,000 blocks."""
    tables: Batches[Numbers, list[float]] = request.state.tables
    table = await anyio.to_thread.run_sync(as_table, blocks.blocks)
    return Predictions(median_house_values=await tables.submit(table, request.is_disconnected))


def as_table(blocks: object) -> Numbers:
    """Check the blocks of a request, and return their features, a row for each.

    Raises:
        RequestValidationError: It is no list of blocks, or one too long, or a block is wrong.
    """
    try:
        found = ANY_BLOCKS.validate_python(blocks)
    except ValidationError as error:
        raise _told(error) from None
    return np.concatenate([_as_rows(found[at : at + PIECE], at) for at in range(0, len(found), PIECE)])


def _as_rows(piece: list[Any], at: int) -> Numbers:
    """Return the features of some blocks, the first of which is number `at` of the request."""
    try:
        # With what FastAPI sets too: it words the mistake of a block that is no object.
        blocks = CHECKED_BLOCKS.validate_python(piece, from_attributes=True)
        return np.array([block.features() for block in blocks])
    except ValidationError as error:
        raise _told(error, at) from None


def _told(error: ValidationError, at: int = 0) -> RequestValidationError:
    """Say what is wrong as FastAPI does."""
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
        # It takes more, as UTF-16, and says what is wrong in the way that FastAPI answers by; but it is slower.
        return json.loads(body)
