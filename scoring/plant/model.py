"""What the model of `plant` computes: a forest expects `tag100` from the other tags; far from it is an anomaly."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import sklearn
from numpy.typing import NDArray

from scoring.model_folder import ModelFolder
from scoring.plant.contract import DEVICE, NUMBER_TAGS, SENSOR, TEXT_TAGS

ESTIMATORS = "estimators.joblib"
TAGS = (*NUMBER_TAGS, *TEXT_TAGS)
"""What the forest reads, in the order in which it was trained. It takes a missing value of a text tag as it is."""
NEEDED = ("WindowEnd", "DeviceId", "SensorId", SENSOR, *NUMBER_TAGS)
_FARTHEST = 1e9  # forests compute in single precision, and a standardised value never comes near this


@dataclass(frozen=True, kw_only=True)
class Model:
    """The forest, and how far from it `tag100` may be. `needed` are the columns in which a row must have a value."""

    forest: Any
    threshold: float
    needed: tuple[str, ...] = NEEDED

    def reasons(self, table: pa.Table) -> NDArray[np.object_]:
        """Per row, why there can be no prediction, None where there can; the needed columns hold values."""
        reasons = np.full(table.num_rows, None, dtype=object)
        for name in TEXT_TAGS:
            reasons[np.isinf(table[name].to_numpy())] = f"{name} is infinite"
        other = (table["DeviceId"].to_numpy() != DEVICE) | (table["SensorId"].to_numpy() != SENSOR)
        for row in np.flatnonzero(other):
            reasons[row] = f"no model for device {table['DeviceId'][row]}, sensor {table['SensorId'][row]}"
        return reasons

    def predict(self, table: pa.Table) -> pa.Table:
        """WindowEnd, DeviceId, SensorId, Mean, Expected, Score, Anomaly of every row, in order."""
        measured = table[SENSOR].to_numpy()
        expected = np.empty(table.num_rows)
        if table.num_rows:
            with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
                expected = self.forest.predict(matrix(table))
        score = np.abs(measured - expected) / self.threshold
        columns = {name: table[name] for name in ("WindowEnd", "DeviceId", "SensorId")}
        numbers = {"Mean": measured, "Expected": expected, "Score": score, "Anomaly": (score > 1.0).astype(np.int64)}
        return pa.table({**columns, **{name: pa.array(values) for name, values in numbers.items()}})


def matrix(table: pa.Table) -> NDArray[np.float64]:
    """A row per measurement, a column per tag of TAGS; NaN where there is no value."""
    values = np.column_stack([table[name].to_numpy() for name in TAGS])
    return np.clip(values, -_FARTHEST, _FARTHEST)


def load(folder: ModelFolder) -> Model:
    """The model of a checked folder. A scikit-learn warning of another version is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forest = joblib.load(io.BytesIO(folder.files[ESTIMATORS]))
    return Model(forest=forest, threshold=folder.manifest["threshold"])
