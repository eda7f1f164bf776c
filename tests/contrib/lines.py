"""The artefact of a line through zero, for tests that replace a model; two differ by their slopes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
from sklearn.linear_model import LinearRegression

from composer.contrib.models import KnownRows, write_artefact

KNOWN = KnownRows(features=[[1.0], [3.0]], targets=[2.0, 6.0], error=1.0)
OFTEN = 0.01


def write(folder: Path, slope: float, **facts: object) -> Path:
    """Write the artefact of a line through zero."""
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, slope])
    write_artefact(folder, "line", model, {"known_rows": KNOWN, **facts})
    return folder / "line.joblib"


def slope(model: Any) -> float:
    return round(float(model.predict([[1.0]])[0]), 6)


async def until(is_true: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not is_true():  # noqa: ASYNC110  # files tell nobody that they have changed
            await anyio.sleep(OFTEN)
