"""Some rows with their true values, by which a model shows that it is what its card says."""

from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from pydantic import BaseModel, Field, model_validator
from threadpoolctl import threadpool_limits


class KnownRows(BaseModel):
    """Rows that a model has to predict, and by how much it may be off; in the units of the training data."""

    features: list[list[float]] = Field(min_length=1, description="One list of numbers for each row.")
    targets: list[float] = Field(description="The true value of each row.")
    error: float = Field(ge=0, allow_inf_nan=False, description="How far off the prediction of a row may be.")

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.features) != len(self.targets):
            raise ValueError(f"{len(self.targets)} targets for {len(self.features)} rows")
        return self

    def check(self, model: object) -> None:
        """Have `model` predict the rows.

        Raises:
            TypeError: It can't predict.
            ValueError: A prediction is too far off, or there isn't one number for each row.
            Exception: What predicting raises, as where rows of another length are asked for.
        """
        if not isinstance(model, _Predicts):
            raise TypeError(f"a {type(model).__name__} can't predict")
        # Of one thread OpenMP needs no others, which a process that forks later would leave behind.
        with threadpool_limits(1, user_api="openmp"):
            predicted = np.asarray(model.predict(np.array(self.features)), dtype=float)
        if predicted.shape != (len(self.targets),):
            raise ValueError(f"the predictions have the shape {predicted.shape}, not ({len(self.targets)},)")
        for number, (value, target) in enumerate(zip(predicted.tolist(), self.targets, strict=True)):
            # Asked in this way, a prediction that is no number is refused too.
            if not abs(value - target) <= self.error:
                raise ValueError(f"row {number} is {target:g}, predicted as {value:g}")


@runtime_checkable
class _Predicts(Protocol):
    def predict(self, X: Any) -> Any: ...  # noqa: N803
