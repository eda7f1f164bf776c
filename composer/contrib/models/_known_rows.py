"""Rows with their true values, for validating a model after it is read."""

from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from pydantic import BaseModel, Field, model_validator
from threadpoolctl import threadpool_limits


class KnownRows(BaseModel):
    """Rows to predict, and the maximum error; in the units of the training data."""

    features: list[list[float]] = Field(min_length=1, description="One list of numbers for each row.")
    targets: list[float] = Field(description="The true value of each row.")
    error: float = Field(ge=0, allow_inf_nan=False, description="Maximum absolute error of each prediction.")

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.features) != len(self.targets):
            raise ValueError(f"{len(self.targets)} targets for {len(self.features)} rows")
        return self

    def check(self, model: object) -> None:
        """Check the predictions of a model.

        Raises:
            TypeError: It has no method `predict`.
            ValueError: An error is too large, or there isn't one number for each row.
            Exception: Raised by `predict`, for example if it expects other features.
        """
        if not isinstance(model, _Predicts):
            raise TypeError(f"a {type(model).__name__} has no method predict")
        # With one thread, OpenMP starts no others, which would be missing in a process that is forked later.
        with threadpool_limits(1, user_api="openmp"):
            predicted = np.asarray(model.predict(np.array(self.features)), dtype=float)
        if predicted.shape != (len(self.targets),):
            raise ValueError(f"the predictions have the shape {predicted.shape}, not ({len(self.targets)},)")
        for number, (value, target) in enumerate(zip(predicted.tolist(), self.targets, strict=True)):
            # Written like this, NaN is rejected, too.
            if not abs(value - target) <= self.error:
                raise ValueError(f"the prediction of row {number} is {value:g} instead of {target:g}")


@runtime_checkable
class _Predicts(Protocol):
    def predict(self, X: Any) -> Any: ...  # noqa: N803
