"""Is a newly trained model better than the promoted one? Both score the same held-back rows.

    python -m scoring.evaluate --problem plant --promoted DIR --candidate DIR --features DIR [--truth FILE] --output DIR

With truth, the keys of the rows known to be faulty, the verdict is about finding them. Without it, nothing can say
which alarms are right, so the verdict is only about whether the two are alike enough to be exchanged unseen.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, roc_auc_score

from scoring import model_folder, rows
from scoring.contract import Contract
from scoring.problems import contract
from scoring.training import TrainingError, feature_table, read_history

Verdict = Literal["better", "worse", "alike", "different"]

NOTICEABLE = 0.02  # of AUC or F1: with less than that between them, neither is better
ALIKE_ALARMS = 0.5  # share of alarms in common
ALIKE_SCORES = 0.8  # rank correlation


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`metrics`: of each model, and of the two together; `reason` is the verdict in words."""

    verdict: Verdict
    reason: str
    metrics: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """What a model makes of every row: NaN and False where it has no prediction."""

    score: NDArray[np.float64]
    alarm: NDArray[np.bool_]
    distance: NDArray[np.float64]

    @property
    def known(self) -> NDArray[np.bool_]:
        return np.isfinite(self.score)


def compare(
    promoted: Path, candidate: Path, table: pa.Table, of: Contract, truth: pa.Table | None = None
) -> Comparison:
    """Score `table`, held-back feature rows, with the models of two folders; `truth` are the keys of faulty rows.

    ModelRefused when a folder is not as trained or for another version of scikit-learn; ValueError when there are no
    rows, or truth that names none of them or all.
    """
    if not table.num_rows:
        raise ValueError("held-back rows: there are none to compare the models on")
    faulty = None if truth is None else _faulty(table, truth, of)
    one, other = (_score(folder, table, of) for folder in (promoted, candidate))
    metrics: dict[str, Any] = {"rows": table.num_rows, "both": _together(one, other)}
    for name, scored in (("promoted", one), ("candidate", other)):
        metrics[name] = _alone(scored) if faulty is None else {**_alone(scored), **_against(scored, faulty)}
    verdict, reason = _by_stability(metrics) if faulty is None else _by_truth(metrics)
    return Comparison(verdict=verdict, reason=reason, metrics=metrics)


def _score(folder: Path, table: pa.Table, of: Contract) -> _Scored:
    model = importlib.import_module(f"scoring.{of.problem}.model").load(
        model_folder.verify(folder, problem=of.problem, expected_digest=None)
    )
    reasons = rows.unusable(table, tuple(dict.fromkeys((*of.feature.key, *model.needed))))
    usable = np.flatnonzero(rows.without_reason(reasons))
    reasons[usable] = model.reasons(table.take(usable))
    usable = np.flatnonzero(rows.without_reason(reasons))
    predicted = model.predict(table.take(usable))
    score, distance = np.full(table.num_rows, np.nan), np.full(table.num_rows, np.nan)
    score[usable] = predicted["Score"].to_numpy()
    distance[usable] = np.abs(predicted["Mean"].to_numpy() - predicted["Expected"].to_numpy())
    alarm = np.zeros(table.num_rows, np.bool_)
    alarm[usable] = predicted["Anomaly"].to_numpy() == 1
    return _Scored(score=score, alarm=alarm, distance=distance)


def _alone(scored: _Scored) -> dict[str, float]:
    known = scored.known
    return {
        "scored": int(known.sum()),
        "alarmShare": _share(scored.alarm[known]),
        "medianDistance": float(np.median(scored.distance[known])) if known.any() else float("nan"),
    }


def _against(scored: _Scored, faulty: NDArray[np.bool_]) -> dict[str, float]:
    """A row without a prediction is a fault not found."""
    score = np.where(scored.known, scored.score, -1.0)
    hits, alarms = int((scored.alarm & faulty).sum()), int(scored.alarm.sum())
    return {
        "auc": float(roc_auc_score(faulty, score)),
        "averagePrecision": float(average_precision_score(faulty, score)),
        "recall": hits / int(faulty.sum()),
        "precision": hits / alarms if alarms else 0.0,
        "f1": 2 * hits / (alarms + int(faulty.sum())),
        "falseAlarmShare": _share(scored.alarm[~faulty]),
    }


def _together(one: _Scored, other: _Scored) -> dict[str, float]:
    known = one.known & other.known
    either = int((one.alarm | other.alarm).sum())
    first, second = one.score[known], other.score[known]
    # Ranks of equal scores say nothing: the correlation would be NaN.
    ranked = known.sum() > 1 and np.ptp(first) > 0 and np.ptp(second) > 0
    return {
        "scored": int(known.sum()),
        "alarmsInCommon": int((one.alarm & other.alarm).sum()) / either if either else 1.0,
        "rankCorrelation": float(np.corrcoef(rankdata(first), rankdata(second))[0, 1]) if ranked else 0.0,
    }


def _by_truth(metrics: Mapping[str, Any]) -> tuple[Verdict, str]:
    before, after = metrics["promoted"], metrics["candidate"]
    gains = {name: after[name] - before[name] for name in ("auc", "f1")}
    told = ", ".join(f"{name} {before[name]:.3f} → {after[name]:.3f}" for name in (*gains, "recall", "falseAlarmShare"))
    lost = before["scored"] - after["scored"]
    if lost > 0:
        return "worse", f"worse: leaves {lost} rows without a score that the promoted model scores; {told}"
    if min(gains.values()) < -NOTICEABLE:
        return "worse", f"worse: {told}"
    if max(gains.values()) > NOTICEABLE:
        return "better", f"better: {told}"
    return "alike", f"alike, within {NOTICEABLE} of each other: {told}"


def _by_stability(metrics: Mapping[str, Any]) -> tuple[Verdict, str]:
    before, after, both = metrics["promoted"], metrics["candidate"], metrics["both"]
    told = (
        f"{both['alarmsInCommon']:.0%} of alarms in common, rank correlation {both['rankCorrelation']:.2f}, "
        f"alarms {before['alarmShare']:.2%} → {after['alarmShare']:.2%} of rows; "
        "without truth neither is shown to be better"
    )
    lost = before["scored"] - after["scored"]
    if lost > 0:
        return "worse", f"worse: leaves {lost} rows without a score that the promoted model scores; {told}"
    alike = both["alarmsInCommon"] >= ALIKE_ALARMS and both["rankCorrelation"] >= ALIKE_SCORES
    return ("alike", f"alike: {told}") if alike else ("different", f"different, look before promoting: {told}")


def _faulty(table: pa.Table, truth: pa.Table, of: Contract) -> NDArray[np.bool_]:
    key = list(of.feature.key)
    missing = [name for name in key if name not in truth.column_names]
    if missing:
        raise ValueError(f"truth: column {', '.join(missing)} is missing; it has {', '.join(truth.column_names)}")
    keys = set(zip(*(truth[name].cast(table[name].type).to_pylist() for name in key), strict=True))
    found = zip(*(table[name].to_pylist() for name in key), strict=True)
    faulty = np.fromiter((one in keys for one in found), np.bool_, table.num_rows)
    if not 0 < faulty.sum() < table.num_rows:
        raise ValueError(
            f"truth: {faulty.sum()} of the {table.num_rows} held-back rows are faulty; expected some, not all"
        )
    return faulty


def _share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else 0.0


def write(comparison: Comparison, folder: Path) -> None:
    """Write `comparison.json` into the folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False, encoding="utf-8") as file:
        json.dump(asdict(comparison), file, indent=1, sort_keys=True)
    Path(file.name).rename(folder / "comparison.json")


def main(arguments: list[str] | None = None) -> int:
    """0 with a verdict, whatever it is; 1 when the models cannot be compared."""
    parser = argparse.ArgumentParser(prog="python -m scoring.evaluate", description="Compare two models of a problem")
    parser.add_argument("--problem", required=True)
    for name, text in (("promoted", "model folder in use"), ("candidate", "model folder to judge")):
        parser.add_argument(f"--{name}", type=Path, required=True, help=text)
    parser.add_argument("--features", type=Path, required=True, help="held-back feature rows: Parquet, file or folder")
    parser.add_argument("--truth", type=Path, help="Parquet file with the keys of faulty rows")
    parser.add_argument("--output", type=Path, required=True, help="folder for comparison.json")
    options = parser.parse_args(arguments)
    of = contract(options.problem)
    try:
        table = feature_table(read_history(options.features, of), of)
        truth = pq.read_table(options.truth) if options.truth else None
        comparison = compare(options.promoted, options.candidate, table, of, truth)
    except (model_folder.ModelRefused, TrainingError, rows.BadFile, ValueError, OSError) as error:
        print(f"cannot be compared: {error}", file=sys.stderr)
        return 1
    write(comparison, options.output)
    print(comparison.reason)
    return 0


if __name__ == "__main__":
    sys.exit(main())
