"""Train one model per device and sensor from a history of feature rows.

    python -m scoring.sensors.train --features DIR|FILE --output build/models/sensors

The history needs no labels and may hold faults: all estimates are robust. The same history gives the same bytes.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import chi2
from sklearn.compose import TransformedTargetRegressor
from sklearn.covariance import EllipticEnvelope
from sklearn.linear_model import HuberRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler
from threadpoolctl import threadpool_limits

from scoring import model_folder
from scoring.sensors import model
from scoring.sensors.contract import CONTRACT
from scoring.training import TrainingError, command, extent, feature_table, parquet

FITTED = 5 / 7  # of the history's time; the rest, held out, sets the threshold
ONE_DAY = 288  # windows
MINIMUM = 2 * ONE_DAY  # windows that a series needs
FALSE_ALARM = 0.001  # share of sound windows above the threshold, were departures normally distributed
SUPPORT = 0.85  # share of windows that the covariance rests on; the others may be faults
# Windows next to each other say the same, and above 500 the estimator works on subsets: ten times slower, no better.
MOST_FOR_COVARIANCE = 500
GOLDEN_SERIES, GOLDEN_ROWS = 15, 8


def train(history: pd.DataFrame, output: Path) -> str:
    """Fit every series, write the model folder and return its digest. TrainingError when no series can be trained."""
    # One thread: sums are then formed in the same order, so the bytes do not depend on the number of cores.
    with threadpool_limits(1):
        described, estimators, skipped = _fit_all(history)
        golden = _golden(history, described)
        expected = model.assemble(described, estimators).predict(golden)
    pickled = io.BytesIO()
    joblib.dump(estimators, pickled, compress=3)
    manifest = {
        "problem": CONTRACT.problem,
        "columns": list(model.NEEDED),
        "training": extent(history, FITTED),
        "heldOut": _held_out(described),
        "series": described,
        "skipped": skipped,
    }
    files = {model.ESTIMATORS: pickled.getvalue()}
    files |= {model_folder.GOLDEN_INPUT: parquet(golden), model_folder.GOLDEN_EXPECTED: parquet(expected)}
    return model_folder.write(output, manifest=manifest, files=files)


def _fit_all(history: pd.DataFrame) -> tuple[list[dict[str, Any]], list[tuple[Any, Any]], list[dict[str, str]]]:
    """What the manifest says of each series, its estimators in the same order, and the series that were left out."""
    described: list[dict[str, Any]] = []
    estimators: list[tuple[Any, Any]] = []
    skipped: list[dict[str, str]] = []
    for _, windows in history.groupby(["DeviceId", "SensorId"], sort=True):
        name = {column: str(windows[column].iloc[0]) for column in ("DeviceId", "SensorId")}
        reason = _unfit(windows)
        if reason:
            skipped.append({**name, "reason": reason})
            continue
        numbers, fitted = _fit(windows)
        described.append({**name, "windows": len(windows), **numbers})
        estimators.append(fitted)
    if not described:
        raise TrainingError("no series can be trained: " + (_listed(skipped) or "the history has no usable rows"))
    return described, estimators, skipped


def _fit(windows: pd.DataFrame) -> tuple[dict[str, float], tuple[Any, Any]]:
    """Numbers for the manifest, and (expected, outlier): fitted on the earlier part, the threshold set on the later."""
    ends, first, last = windows["WindowEnd"], windows["WindowEnd"].iloc[0], windows["WindowEnd"].iloc[-1]
    early = (ends <= first + (last - first) * FITTED).to_numpy()
    moments = ends.dt.tz_localize(None).to_numpy()
    events, mean, deviation = (windows[name].to_numpy(np.float64) for name in ("Events", "Mean", "Deviation"))
    usual_deviation = float(np.median(deviation[early]))
    expected = TransformedTargetRegressor(HuberRegressor(max_iter=1000), transformer=RobustScaler())
    expected.fit(model.time_of_day(moments[early]), mean[early])
    residual = mean - expected.predict(model.time_of_day(moments))
    unusual = model.departures(residual, deviation, events, usual_deviation)
    outlier = make_pipeline(RobustScaler(), EllipticEnvelope(support_fraction=SUPPORT, random_state=0))
    usual = unusual[early]
    outlier.fit(usual[:: math.ceil(len(usual) / MOST_FOR_COVARIANCE)])
    # Squared distances of sound windows follow chi-squared up to a factor; the median finds it in spite of faults.
    distances = -outlier.score_samples(unusual[~early])
    columns = unusual.shape[1]
    threshold = np.median(distances) / chi2.median(columns) * chi2.isf(FALSE_ALARM, columns)
    numbers = {"usualDeviation": usual_deviation, "threshold": float(threshold)}
    held_out = {"heldOutWindows": len(distances), "heldOutAlarms": int((distances > threshold).sum())}
    return numbers | held_out, (expected, outlier)


def _held_out(described: list[dict[str, Any]]) -> dict[str, float]:
    """Over all series, of the windows that no estimator was fitted on: how many, and the share that raises an alarm."""
    windows, alarms = (sum(one[name] for one in described) for name in ("heldOutWindows", "heldOutAlarms"))
    return {"rows": windows, "alarmShare": alarms / windows}


def _unfit(windows: pd.DataFrame) -> str:
    """Why the series cannot be trained; empty when it can."""
    if len(windows) < MINIMUM:
        return f"{len(windows)} windows, at least {MINIMUM} are needed"
    for name in ("Mean", "Deviation"):
        low, high = windows[name].quantile([0.25, 0.75])
        if not high > low:
            return f"{name} does not vary: {low} in half of the windows or more"
    return ""


def _golden(history: pd.DataFrame, described: list[dict[str, Any]]) -> pa.Table:
    """Rows spread over the history of the first series, the one with the largest deviation among them."""
    parts = []
    for one in described[:GOLDEN_SERIES]:
        windows = history[(history["DeviceId"] == one["DeviceId"]) & (history["SensorId"] == one["SensorId"])]
        chosen = {*np.linspace(0, len(windows) - 1, GOLDEN_ROWS, dtype=int), int(windows["Deviation"].argmax())}
        parts.append(windows.iloc[sorted(chosen)])
    return feature_table(pd.concat(parts), CONTRACT)


def _listed(skipped: list[dict[str, str]]) -> str:
    shown: Iterator[str] = (f"{one['DeviceId']}/{one['SensorId']}: {one['reason']}" for one in skipped[:5])
    return "; ".join(shown) + (f"; and {len(skipped) - 5} more" if len(skipped) > 5 else "")


def main(arguments: list[str] | None = None) -> int:
    return command(CONTRACT, train, arguments)


if __name__ == "__main__":
    sys.exit(main())
