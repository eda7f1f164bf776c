"""The same payload, model and response for the other model servers.

Imports nothing from composer, because it also runs in their environments.
"""

from pathlib import Path
from typing import Any

import joblib
from pydantic import create_model

from tests.blocks import BLOCK

ARTEFACT = Path(__file__).parents[1] / "artefacts" / "house_price.joblib"
Block = create_model("Block", **dict.fromkeys(BLOCK, (float, ...)))  # type: ignore[call-overload]


def load_model() -> Any:
    """Return the model of apps/house_price."""
    return joblib.load(ARTEFACT)


def prediction_of(target: float) -> dict[str, object]:
    """Return the response of apps/house_price for a prediction of the model."""
    return {"median_house_value": round(target * 100_000, 2), "currency": "USD"}
