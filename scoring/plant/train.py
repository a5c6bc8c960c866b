"""Train the soft sensor of `plant` from feature rows.

    python -m scoring.plant.train --features DIR|FILE --output build/models/plant

The earlier part of the history fits the forest; the later part, which the forest has not seen, sets the threshold.
The history should hold no fault: nothing here is robust against one. The same history gives the same bytes.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.ensemble import RandomForestRegressor
from threadpoolctl import threadpool_limits

from scoring import model_folder
from scoring.plant import model
from scoring.plant.contract import CONTRACT, SENSOR
from scoring.training import TrainingError, command, extent, feature_table, parquet

FITTED = 3 / 4  # of the history's time
ONE_DAY = 288  # rows
MINIMUM = 2 * ONE_DAY  # rows that training needs
FALSE_ALARM = 0.01  # share of held-out rows above the threshold
TREES = 50
SMALLEST_LEAF = 5  # measurements; with single ones the model is four times larger, and no better on held-out rows
GOLDEN_ROWS = 24


def train(history: pd.DataFrame, output: Path) -> str:
    """Fit, write the model folder and return its digest. TrainingError when the history is too short or tag100 flat."""
    _check(history)
    # One thread: sums are then formed in the same order, so the bytes do not depend on the number of cores.
    with threadpool_limits(1):
        forest, measures = _fit(history)
        fitted = model.Model(forest=forest, threshold=measures["threshold"])
        golden = _golden(history, fitted)
        expected = fitted.predict(golden)
    pickled = io.BytesIO()
    joblib.dump(forest, pickled, compress=3)
    manifest = {
        "problem": CONTRACT.problem,
        "columns": [*model.NEEDED, *model.TEXT_TAGS],
        "training": extent(history, FITTED),
        **measures,
    }
    files = {model.ESTIMATORS: pickled.getvalue()}
    files |= {model_folder.GOLDEN_INPUT: parquet(golden), model_folder.GOLDEN_EXPECTED: parquet(expected)}
    return model_folder.write(output, manifest=manifest, files=files)


def _fit(history: pd.DataFrame) -> tuple[RandomForestRegressor, dict[str, Any]]:
    """The forest, and for the manifest its threshold and what it was set on."""
    ends, first, last = history["WindowEnd"], history["WindowEnd"].iloc[0], history["WindowEnd"].iloc[-1]
    early = (ends <= first + (last - first) * FITTED).to_numpy()
    table = feature_table(history, CONTRACT)
    inputs, measured = model.matrix(table), table[SENSOR].to_numpy()
    forest = RandomForestRegressor(TREES, min_samples_leaf=SMALLEST_LEAF, random_state=0, n_jobs=1)
    forest.fit(inputs[early], measured[early])
    distances = np.abs(measured - forest.predict(inputs))[~early]
    return forest, {
        "threshold": float(np.quantile(distances, 1 - FALSE_ALARM)),
        "heldOut": {
            "rows": len(distances),
            "medianDistance": float(np.median(distances)),
            "largestDistance": float(distances.max()),
        },
    }


def _check(history: pd.DataFrame) -> None:
    if len(history) < MINIMUM:
        raise TrainingError(f"the history has {len(history)} usable rows, at least {MINIMUM} are needed")
    low, high = history[SENSOR].quantile([0.25, 0.75])
    if not high > low:
        raise TrainingError(f"{SENSOR} does not vary: {low} in half of the rows or more")


def _golden(history: pd.DataFrame, fitted: model.Model) -> pa.Table:
    """Rows spread over the history, and the one with the highest score."""
    scores = fitted.predict(feature_table(history, CONTRACT))["Score"].to_numpy()
    chosen = {*np.linspace(0, len(history) - 1, GOLDEN_ROWS, dtype=int).tolist(), int(scores.argmax())}
    return feature_table(history.iloc[sorted(chosen)], CONTRACT)


def main(arguments: list[str] | None = None) -> int:
    return command(CONTRACT, train, arguments)


if __name__ == "__main__":
    sys.exit(main())
