"""`python -m apps.house_price.train CSV`: train both models on the California housing data and write the artefacts.

Eight rows, selected with a fixed seed, are excluded from training, so that tests can predict houses that the models
have never seen. The cards contain them, too: a model is validated with them when it is loaded. The script is
deterministic: with the same data, library versions and processor, each run writes the same bytes, except for the date
in the cards.
"""

import argparse
import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold

from apps.house_price._predict import TARGET_UNIT_IN_DOLLARS, Block, Numbers, Regressor
from composer.contrib.models import KnownRows, write_artefact

SEED = 0
FOLDS = 5
HELD_BACK = 8
COLUMNS = ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude"]
TARGET = "MedianHouseValue"


@dataclass(frozen=True)
class Rows:
    """Rows of the data: the features by column, and the target in 100,000 US dollars."""

    features: Numbers
    target: Numbers


MODELS: dict[str, Callable[[], Any]] = {
    "house_price": lambda: HistGradientBoostingRegressor(max_iter=300, early_stopping=False, random_state=SEED),
    "house_price_linear": LinearRegression,
}


def read_rows(file: Path) -> Rows:
    """Read the data.

    Raises:
        OSError: The file can't be read.
        ValueError: Its columns aren't `COLUMNS` and `TARGET`, or a value isn't a number.
    """
    with file.open(encoding="utf-8") as lines:
        header = lines.readline().strip().split(",")
        if header != [*COLUMNS, TARGET]:
            raise ValueError(f"{file}: expected the columns {', '.join([*COLUMNS, TARGET])}, found {', '.join(header)}")
        table = np.loadtxt(lines, delimiter=",")
    return Rows(table[:, :-1], table[:, -1])


def split(rows: Rows) -> tuple[Rows, Rows]:
    """Return the rows for training, and those that are held back."""
    chosen = np.random.default_rng(SEED).choice(len(rows.target), HELD_BACK, replace=False)
    held = np.isin(np.arange(len(rows.target)), chosen)
    return Rows(rows.features[~held], rows.target[~held]), Rows(rows.features[held], rows.target[held])


def cross_validate(make: Callable[[], Any], rows: Rows) -> dict[str, float]:
    """Evaluate a model by shuffled cross-validation.

    Returns:
        The mean R² of the folds, its standard deviation, and the errors over all rows, in US dollars.
    """
    scores, errors = [], np.empty_like(rows.target)
    for train, test in KFold(FOLDS, shuffle=True, random_state=SEED).split(rows.features):
        model: Regressor = make().fit(rows.features[train], rows.target[train])
        predicted = model.predict(rows.features[test])
        scores.append(r2_score(rows.target[test], predicted))
        errors[test] = np.abs(predicted - rows.target[test]) * TARGET_UNIT_IN_DOLLARS
    return {
        "r2": round(float(np.mean(scores)), 4),
        "r2_standard_deviation": round(float(np.std(scores)), 4),
        "mean_absolute_error_usd": round(float(errors.mean())),
        "root_mean_squared_error_usd": round(float(np.sqrt((errors**2).mean()))),
        "absolute_error_95th_percentile_usd": round(float(np.percentile(errors, 95))),
    }


def known_rows(model: Regressor, held_back: Rows, error: float) -> KnownRows:
    """Return the held-back rows that the model predicts within `error`: it is validated with them when it is loaded.

    With the 95th percentile of all errors as `error`, nearly all rows remain.

    Raises:
        ValueError: More than half of the predictions are off by more than `error`.
    """
    near = np.abs(model.predict(held_back.features) - held_back.target) <= error
    if near.mean() < 0.5:
        raise ValueError(
            f"{len(near) - near.sum()} of {len(near)} predictions of held-back rows are off by more than {error:g}"
        )
    return KnownRows(features=held_back.features[near].tolist(), targets=held_back.target[near].tolist(), error=error)


def train(name: str, rows: Rows, held_back: Rows, folder: Path) -> None:
    """Evaluate the model `name`, train it on all the rows, write its artefact and card, and print the metrics."""
    make = MODELS[name]
    measures = cross_validate(make, rows)
    model = make().fit(rows.features, rows.target)
    # Rounded up to the next dollar: the metric is rounded, and is 0 for a perfect model.
    error = (measures["absolute_error_95th_percentile_usd"] + 1) / TARGET_UNIT_IN_DOLLARS
    facts = {
        "model": type(model).__name__,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "data": "California housing, census of 1990",
        "rows": len(rows.target),
        "rows_held_back": HELD_BACK,
        "features": dict(zip(Block.model_fields, COLUMNS, strict=True)),
        "target": f"{TARGET}, in {TARGET_UNIT_IN_DOLLARS:,} US dollars",
        "measured_by": f"{FOLDS}-fold cross-validation, shuffled, seed {SEED}",
        **measures,
        "hyperparameters": model.get_params(),
        "known_rows": known_rows(model, held_back, error),
    }
    write_artefact(folder, name, model, facts)
    print(f"{name}: {FOLDS}-fold R² {measures['r2']:.4f} ± {measures['r2_standard_deviation']:.4f}")
    for measure, value in list(measures.items())[2:]:
        print(f"  {measure}: {value:,}")


def write_held_back(rows: Rows, file: Path) -> None:
    """Write the rows as a CSV file with the columns of the data."""
    table = np.column_stack([rows.features, rows.target])
    lines = [",".join([*COLUMNS, TARGET]), *(",".join(repr(float(value)) for value in row) for row in table)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m apps.house_price.train", description="Train the models.")
    parser.add_argument("csv", type=Path, help="the California housing data")
    parser.add_argument("--folder", type=Path, default=Path("artefacts"), help="the folder to write the artefacts to")
    parser.add_argument("--held-back", type=Path, help="a file to write the held-back rows to")
    options = parser.parse_args(arguments)
    rows, held_back = split(read_rows(options.csv))
    for name in MODELS:
        train(name, rows, held_back, options.folder)
    if options.held_back:
        write_held_back(held_back, options.held_back)


if __name__ == "__main__":
    main()
