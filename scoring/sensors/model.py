"""What the models of `sensors` compute; training and scoring share it.

Per device and sensor: a robust regression on the time of day expects the window's mean, and a robust covariance
estimate tells how far (mean - expected, log deviation) lies from what is usual for the two together. A stuck sensor has
too small a deviation, a spike or a noise burst too large a one, a shift or a drift the wrong mean.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import sklearn
from numpy.typing import NDArray

from scoring.model_folder import ModelFolder, ModelRefused

FloatArray = NDArray[np.float64]

ESTIMATORS = "estimators.joblib"
NEEDED = ("WindowEnd", "DeviceId", "SensorId", "Events", "Mean", "Deviation")
_HARMONICS = 3
_FLOOR = 1e-3  # of a usual deviation: keeps the logarithm finite, and a stuck sensor far out
_FEW = 3  # the deviation of fewer readings says nothing


@dataclass(frozen=True, kw_only=True)
class SeriesModel:
    """One device and sensor. `expected`: time of day → mean; `outlier.score_samples`: minus the squared distance."""

    expected: Any
    outlier: Any
    usual_deviation: float
    threshold: float

    def predict(self, ends: NDArray[Any], events: FloatArray, mean: FloatArray, deviation: FloatArray) -> FloatArray:
        """Columns expected mean (in the sensor's unit) and score (above 1: anomaly), a row per window."""
        expected = self.expected.predict(time_of_day(ends))
        unusual = departures(mean - expected, deviation, events, self.usual_deviation)
        return np.column_stack([expected, np.sqrt(-self.outlier.score_samples(unusual) / self.threshold)])


@dataclass(frozen=True, kw_only=True)
class Model:
    """All series of a plant. `needed` are the columns in which every row must have a finite value."""

    series: Mapping[tuple[str, str], SeriesModel]
    needed: tuple[str, ...] = NEEDED

    def reasons(self, table: pa.Table) -> NDArray[np.object_]:
        """Per row, why there can be no prediction, None where there can; the needed columns hold values."""
        reasons = np.full(table.num_rows, None, dtype=object)
        for key, rows in _by_series(table):
            if key not in self.series:
                reasons[rows] = f"no model for device {key[0]}, sensor {key[1]}"
        reasons[table["Deviation"].to_numpy() < 0] = "Deviation is negative"
        return reasons

    def predict(self, table: pa.Table) -> pa.Table:
        """WindowEnd, DeviceId, SensorId, Mean, Expected, Score, Anomaly of every row, in order; one call per series."""
        ends = _moments(table)
        numbers = [table[name].to_numpy().astype(np.float64) for name in ("Events", "Mean", "Deviation")]
        result = np.empty((table.num_rows, 2))
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True), np.errstate(over="ignore"):
            for key, rows in _by_series(table):
                result[rows] = self.series[key].predict(ends[rows], *(values[rows] for values in numbers))
        predicted = table.select(["WindowEnd", "DeviceId", "SensorId", "Mean"])
        anomaly = (result[:, 1] > 1.0).astype(np.int64)
        columns = {"Expected": result[:, 0], "Score": result[:, 1], "Anomaly": anomaly}
        for name, values in columns.items():
            predicted = predicted.append_column(name, pa.array(values))
        return predicted


def load(folder: ModelFolder) -> Model:
    """The models of a checked folder. A scikit-learn warning of another version is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimators = joblib.load(io.BytesIO(folder.files[ESTIMATORS]))
    described = folder.manifest["series"]
    if len(estimators) != len(described):
        raise ModelRefused(f"{ESTIMATORS} holds {len(estimators)} series, the manifest {len(described)}")
    return assemble(described, estimators)


def assemble(described: Sequence[Mapping[str, Any]], estimators: Sequence[tuple[Any, Any]]) -> Model:
    """Join what the manifest says of each series with its (expected, outlier) estimators, in the same order."""
    series = {}
    for one, (expected, outlier) in zip(described, estimators, strict=True):
        series[one["DeviceId"], one["SensorId"]] = SeriesModel(
            expected=expected, outlier=outlier, usual_deviation=one["usualDeviation"], threshold=one["threshold"]
        )
    return Model(series=series)


def time_of_day(ends: NDArray[Any]) -> FloatArray:
    """Harmonics of the day for window ends (datetime64, UTC): sine and cosine of one, two and three turns."""
    share = (ends.astype("datetime64[us]").astype(np.int64) % 86_400_000_000) / 86_400_000_000
    turns = 2 * np.pi * share[:, None] * np.arange(1, _HARMONICS + 1)
    return np.hstack([np.sin(turns), np.cos(turns)])


def departures(residual: FloatArray, deviation: FloatArray, events: FloatArray, usual_deviation: float) -> FloatArray:
    """What the outlier model looks at: the residual in usual deviations, and the logarithm of the deviation."""
    relative = np.where(events < _FEW, 1.0, deviation / usual_deviation)
    return np.column_stack([residual / usual_deviation, np.log(relative + _FLOOR)])


def _moments(table: pa.Table) -> NDArray[Any]:
    return table["WindowEnd"].cast(pa.timestamp("us")).to_numpy()


def _by_series(table: pa.Table) -> list[tuple[tuple[str, str], NDArray[np.intp]]]:
    """(device, sensor) and the positions of its rows."""
    frame = table.select(["DeviceId", "SensorId"]).to_pandas()
    groups = frame.groupby(["DeviceId", "SensorId"], sort=False, observed=True)
    return [((str(key[0]), str(key[1])), np.asarray(rows)) for key, rows in groups.indices.items()]
