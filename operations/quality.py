"""How well anomalies meet the known faults, beside the three-sigma rule on the same rows.

Faults are known where a simulator injected them (the record of `send` says so), or where a problem's measured data came
with them (its source.py says so).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
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


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A known fault of one series: from its first faulty row to its last, and the first of them that was flagged."""

    series: tuple[Any, ...]
    kind: str
    start: datetime
    end: datetime
    alarm: datetime | None

    @property
    def delay(self) -> timedelta | None:
        return None if self.alarm is None else self.alarm - self.start


def faults(every: Sequence[Key], truth: Mapping[Key, str], found: Collection[Key]) -> list[Fault]:
    """Known faults among rows with the keys `every`: neighbouring rows of one series and one kind are one fault.

    `truth` is key → kind of the faulty rows, `found` the keys that were flagged.
    """
    made: list[list[Key]] = []
    before: Key = ()
    for key in sorted(every, key=lambda key: (*key[1:], key[0])):
        if key in truth:
            same_series = bool(made) and made[-1][-1] == before and before[1:] == key[1:]
            if same_series and truth[before] == truth[key]:
                made[-1].append(key)
            else:
                made.append([key])
        before = key
    return [
        Fault(
            series=keys[0][1:],
            kind=truth[keys[0]],
            start=keys[0][0],
            end=keys[-1][0],
            alarm=next((key[0] for key in keys if key in found), None),
        )
        for keys in made
    ]


def first_alarm(known: Sequence[Fault]) -> timedelta | None:
    """How long after its first row a fault was flagged, in the median of those that were; None when none was."""
    delays = [fault.delay for fault in known if fault.delay is not None]
    return timedelta(seconds=median(delay.total_seconds() for delay in delays)) if delays else None


def compare(found: Collection[Any], truth: Collection[Any]) -> Quality:
    found, truth = set(found), set(truth)
    return Quality(hits=len(found & truth), false_alarms=len(found - truth), misses=len(truth - found))


def flagged(predictions: pa.Table, parts: Parts) -> set[Key]:
    """Keys (time, series…) of the rows that the model calls anomalies."""
    rows = zip(keys(predictions, parts), predictions.column(parts.anomaly).to_pylist(), strict=True)
    return {key for key, anomaly in rows if anomaly}


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was found of the known faults: by the model, and by the three-sigma rule where there is a history."""

    faults: Sequence[Fault]
    found: Quality
    rule: Quality | None


def judge(rows: pa.Table, parts: Parts, truth: Mapping[Key, str], history: pa.Table | None) -> Judgement | None:
    """The rows against the known faults, key → kind; None when none of them lies in the rows."""
    every = keys(rows, parts)
    faulty = {key: truth[key] for key in every if key in truth}
    if not faulty:
        return None
    found = flagged(rows, parts)
    rule = None if history is None else compare(three_sigma(rows, history, parts), faulty)
    return Judgement(faults=faults(every, faulty, found), found=compare(found, faulty), rule=rule)


def injected(truth: Iterable[Mapping[str, Any]], parts: Parts) -> dict[Key, str]:
    """Keys of the windows that hold a faulty reading → kind of the fault, from the record of `send`."""
    return {
        (datetime.fromisoformat(row[parts.time]), *(row[name] for name in parts.series)): row["Kind"] for row in truth
    }


def told(rows: pa.Table, parts: Parts) -> dict[Key, str]:
    """Keys of the rows that a problem's source.py calls faulty; it knows no kinds."""
    return dict.fromkeys(keys(rows, parts), "")


def three_sigma(predictions: pa.Table, history: pa.Table, parts: Parts) -> set[Key]:
    """What the plain rule finds: values more than three standard deviations from their series' mean in the history.

    A series without history has no rule, so nothing of it is found. Feature rows hold the value under its own name, or,
    where they hold all that was measured at a time, under the name of the series.
    """
    past = _past(history, parts)
    groups = past.group_by(list(parts.series)).aggregate([(parts.value, "mean"), (parts.value, "stddev")])
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


def _past(history: pa.Table, parts: Parts) -> pa.Table:
    if parts.value in history.column_names:
        return history
    names = [name for name in set(history.column(parts.series[-1]).to_pylist()) if name in history.column_names]
    made = [
        history.filter(pc.field(parts.series[-1]) == name)
        .select([*parts.series, name])
        .rename_columns([*parts.series, parts.value])
        for name in names
    ]
    empty = history.select(list(parts.series)).slice(0, 0).append_column(parts.value, pa.array([], pa.float64()))
    return pa.concat_tables(made) if made else empty


def keys(table: pa.Table, parts: Parts) -> list[Key]:
    return list(zip(*(table.column(name).to_pylist() for name in (parts.time, *parts.series)), strict=True))


def history(folder: Path) -> pa.Table | None:
    """Feature rows that the models were trained on, or None when there are none on this machine."""
    files = sorted(folder.glob("*.parquet"))
    return pa.concat_tables([pq.read_table(file) for file in files]) if files else None


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
