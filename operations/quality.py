"""How well anomalies meet the injected truth, beside the three-sigma rule on the same windows."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operations.page.columns import Parts

Key = tuple[Any, ...]
SIGMAS = 3


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Counts of windows: found and faulty, found but sound, faulty but not found."""

    hits: int
    false_alarms: int
    misses: int

    @property
    def recall(self) -> float:
        return _share(self.hits, self.hits + self.misses)

    @property
    def precision(self) -> float:
        return _share(self.hits, self.hits + self.false_alarms)

    @property
    def f1(self) -> float:
        return _share(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)

    def facts(self) -> dict[str, float]:
        rates = {"recall": self.recall, "precision": self.precision, "f1": self.f1}
        counts = {"hits": self.hits, "false_alarms": self.false_alarms, "misses": self.misses}
        return {**counts, **{name: round(rate, 4) for name, rate in rates.items()}}


def compare(found: Collection[Any], truth: Collection[Any]) -> Quality:
    found, truth = set(found), set(truth)
    return Quality(hits=len(found & truth), false_alarms=len(found - truth), misses=len(truth - found))


def flagged(predictions: pa.Table, parts: Parts) -> set[Key]:
    """Keys (time, series…) of the rows that the model calls anomalies."""
    rows = zip(keys(predictions, parts), predictions.column(parts.anomaly).to_pylist(), strict=True)
    return {key for key, anomaly in rows if anomaly}


def injected(truth: Iterable[Mapping[str, Any]], parts: Parts) -> set[Key]:
    """Keys of the windows that hold a faulty reading, from the record of `send`."""
    return {(datetime.fromisoformat(row[parts.time]), *(row[name] for name in parts.series)) for row in truth}


def three_sigma(predictions: pa.Table, history: pa.Table, parts: Parts) -> set[Key]:
    """What the plain rule finds: values more than three standard deviations from their series' mean in the history.

    A series without history has no rule, so nothing of it is found.
    """
    groups = history.group_by(list(parts.series)).aggregate([(parts.value, "mean"), (parts.value, "stddev")])
    rule = {
        tuple(row[name] for name in parts.series): (row[f"{parts.value}_mean"], row[f"{parts.value}_stddev"])
        for row in groups.to_pylist()
    }
    found = set()
    for key, value in zip(keys(predictions, parts), predictions.column(parts.value).to_pylist(), strict=True):
        mean, deviation = rule.get(key[1:], (None, None))
        if value is not None and mean is not None and abs(value - mean) > SIGMAS * deviation:
            found.add(key)
    return found


def keys(table: pa.Table, parts: Parts) -> list[Key]:
    return list(zip(*(table.column(name).to_pylist() for name in (parts.time, *parts.series)), strict=True))


def history(folder: Path) -> pa.Table | None:
    """Feature rows that the models were trained on, or None when there are none on this machine."""
    files = sorted(folder.glob("*.parquet"))
    return pa.concat_tables([pq.read_table(file) for file in files]) if files else None


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
