"""What callers send and receive, and the prediction in between."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol, TypedDict, runtime_checkable

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, FailFast, Field

from shared._answers import NOT_JSON, documented
from shared.models import BUSY, Batches

# The target's unit in the training data.
TARGET_UNIT_IN_DOLLARS = 100_000

# The most that one request may ask for.
MAX_BLOCKS = 10_000

Features = list[float]

router = APIRouter(tags=["house price"], responses=BUSY)


@runtime_checkable
class Regressor(Protocol):
    """What is asked of a model."""

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Return one target for each row of features."""


class State(TypedDict):
    """What the app's handlers find in their request's state."""

    rows: Batches[Features, float]
    tables: Batches[list[Features], list[float]]


class Block(BaseModel):
    """One block of houses. The ranges are those of the training data, with some margin."""

    model_config = ConfigDict(
        strict=True,  # or a `true` would count as 1.0
        json_schema_extra={
            "examples": [
                {
                    "median_income_in_block": 8.3252,
                    "median_house_age_in_block": 41,
                    "average_rooms": 6.98,
                    "average_bedrooms": 1.02,
                    "population_per_block": 322,
                    "average_house_occupancy": 2.56,
                    "block_latitude": 37.88,
                    "block_longitude": -122.23,
                }
            ]
        },
    )

    median_income_in_block: float = Field(
        ge=0, le=20, allow_inf_nan=False, description="Median income of a household, in 10,000 US dollars."
    )
    median_house_age_in_block: float = Field(
        ge=0, le=100, allow_inf_nan=False, description="Median age of a house, in years."
    )
    average_rooms: float = Field(gt=0, le=200, allow_inf_nan=False, description="Rooms per household.")
    average_bedrooms: float = Field(gt=0, le=50, allow_inf_nan=False, description="Bedrooms per household.")
    population_per_block: float = Field(ge=1, le=50_000, allow_inf_nan=False, description="People in the block.")
    average_house_occupancy: float = Field(gt=0, le=1_500, allow_inf_nan=False, description="People per household.")
    block_latitude: float = Field(
        ge=32, le=42.5, allow_inf_nan=False, description="Degrees north; California lies between 32 and 42.5."
    )
    block_longitude: float = Field(
        ge=-125, le=-114, allow_inf_nan=False, description="Degrees east; California lies between -125 and -114."
    )

    def features(self) -> Features:
        """Return the numbers in the order of the training data's columns, which is that of the fields."""
        return list(self.model_dump().values())


class Prediction(BaseModel):
    """What a house in the block is worth, by the model."""

    median_house_value: float = Field(description="Median value of a house in the block, in `currency`.")
    currency: Literal["USD"] = "USD"


class Blocks(BaseModel):
    """Blocks of houses. Where some are wrong, the answer tells of the first of them."""

    blocks: Annotated[list[Block], FailFast()] = Field(
        min_length=1, max_length=MAX_BLOCKS, description="The blocks to predict for."
    )


class Predictions(BaseModel):
    """What a house in each of the blocks is worth, by the model."""

    median_house_values: list[float] = Field(
        description="Median value of a house in each block, in `currency`, in the order in which the blocks came."
    )
    currency: Literal["USD"] = "USD"


@router.post("/predict", responses=documented(s400=NOT_JSON), summary="Predict the value of a house")
async def predict(block: Block, request: Request) -> Prediction:
    """Predict the median value of the houses in a block."""
    rows: Batches[Features, float] = request.state.rows
    return Prediction(median_house_value=await rows.submit(block.features(), request.is_disconnected))


@router.post("/predict/batch", responses=documented(s400=NOT_JSON), summary="Predict the values of many houses")
async def predict_batch(blocks: Blocks, request: Request) -> Predictions:
    """Predict the median value of the houses in each of up to 10,000 blocks."""
    tables: Batches[list[Features], list[float]] = request.state.tables
    table = [block.features() for block in blocks.blocks]
    return Predictions(median_house_values=await tables.submit(table, request.is_disconnected))


def values(model: Regressor, rows: Sequence[Features]) -> list[float]:
    """Return the predicted value of a house in each block, in US dollars to the cent."""
    return [round(value * TARGET_UNIT_IN_DOLLARS, 2) for value in model.predict(np.array(rows)).tolist()]


def as_regressor(model: object) -> Regressor:
    """Return the model as one that can predict.

    Raises:
        TypeError: It can't.
    """
    if isinstance(model, Regressor):
        return model
    raise TypeError(f"the artefact holds a {type(model).__name__}, which can't predict")
