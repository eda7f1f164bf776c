"""Request and response models, and the prediction."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from composer.contrib.models import BUSY, Batches
from composer.responses import NOT_JSON, documented

# The target's unit in the training data.
TARGET_UNIT_IN_DOLLARS = 100_000

Features = list[float]
Numbers = NDArray[np.float64]

router = APIRouter(tags=["house price"], responses=BUSY)


@runtime_checkable
class Regressor(Protocol):
    """The interface that a model must have."""

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Return one target for each row of features."""


class State(TypedDict):
    """The state of the app's lifespan, as `request.state`."""

    rows: Batches[Features, float]
    tables: Batches[Numbers, list[float]]


class Block(BaseModel):
    """One block of houses. The ranges are those of the training data, with some margin."""

    model_config = ConfigDict(
        strict=True,  # otherwise `true` would be accepted as 1.0
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
        """Return the values in the order of the training data's columns, which is the order of the fields."""
        return [value for _, value in self]


class Prediction(BaseModel):
    """The predicted value of a house in the block."""

    median_house_value: float = Field(description="Median value of a house in the block, in `currency`.")
    currency: Literal["USD"] = "USD"


@router.post("/predict", responses=documented(s400=NOT_JSON), summary="Predict the value of a house")
async def predict(block: Block, request: Request) -> Prediction:
    """Predict the median value of the houses in a block."""
    rows: Batches[Features, float] = request.state.rows
    return Prediction(median_house_value=await rows.submit(block.features(), request.is_disconnected))


def values(model: Regressor, rows: Sequence[Features] | Numbers) -> list[float]:
    """Return the predicted value of a house in each block, in US dollars to the cent."""
    return [round(value * TARGET_UNIT_IN_DOLLARS, 2) for value in model.predict(np.asarray(rows)).tolist()]


def as_regressor(model: object) -> Regressor:
    """Return the model if it can predict from a block.

    Raises:
        TypeError: It has no method `predict`.
        ValueError: It expects a different number of features.
    """
    if not isinstance(model, Regressor):
        raise TypeError(f"the artefact contains a {type(model).__name__}, which has no method predict")
    # An attribute of scikit-learn's estimators.
    expected, found = len(Block.model_fields), getattr(model, "n_features_in_", None)
    if found not in (expected, None):
        raise ValueError(f"the artefact's model expects {found} features, but a block has {expected}")
    return model
