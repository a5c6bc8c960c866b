"""Where every event that was sent went, each figure from the place that counted it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from operations import azure, lake, monitor
from operations.prepare import distinct, read, rows_of
from operations.stack import Stack
from operations.windows import HOUR, Window, folder
from scoring.contract import Contract

EVENT_INPUT = "events"
"""Alias of the query's input in event time; the other one counts the same events again, by their arrival."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Events of one fate: how many, what they are, and where the number comes from."""

    kind: str
    label: str
    count: int
    meaning: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Account:
    sent: int
    lines: tuple[Line, ...]
    windows: int

    @property
    def balance(self) -> int:
        """Events sent that are in no line; below zero when some are in two."""
        return self.sent - sum(line.count for line in self.lines)

    def counts(self) -> dict[str, int]:
        return {line.kind: line.count for line in self.lines}


def account(stack: Stack, contract: Contract, sent: Mapping[str, Any], now: datetime) -> Account:
    """The account of what `sent` (the record of `send`) says was sent.

    Read from the lake's features and rejected rows, and from the stream job's metrics over the same time.
    """
    start, end = datetime.fromisoformat(sent["start"]), datetime.fromisoformat(sent["end"])
    hours = whole_hours(start, end + timedelta(minutes=1))
    features = feature_rows(lake.features(stack.lakeAccount, hours, allow_missing=True), contract, start, end)
    # The archive is filed by arrival: the last events of the day arrive in the next hour at most.
    diverted = _files(stack, "rejected", whole_hours(start, end + HOUR))
    span = monitor.span(start, now)
    metric = {
        name: monitor.by_input(stack, name, span).get(EVENT_INPUT, 0)
        for name in ("LateInputEvents", "EarlyInputEvents", "DeserializationError")
    }
    return balance(sent["sent"], features, rows_of(list(diverted.values())), metric)


def balance(sent: int, features: pa.Table, diverted: int, metric: Mapping[str, int]) -> Account:
    """The account of features, diverted rows and the job's metrics. Pure."""
    lines = (
        Line(
            kind="in windows",
            label="in windows",
            count=_sum(features, "Events"),
            meaning="a reading, counted in its five-minute window",
            source="SUM(Events) of the features",
        ),
        Line(
            kind="duplicates",
            label="duplicates",
            count=_sum(features, "Duplicates"),
            meaning="a reading that was sent before, left out of its window",
            source="SUM(Duplicates) of the features",
        ),
        Line(
            kind="diverted",
            label="diverted",
            count=diverted,
            meaning="a column could not be read; kept with the reason",
            source="rows in the lake's container rejected",
        ),
        Line(
            kind="late",
            label="late",
            count=metric["LateInputEvents"],
            meaning="arrived later than the stream job waits; in the archive only",
            source="the stream job's metric LateInputEvents",
        ),
        Line(
            kind="early",
            label="early",
            count=metric["EarlyInputEvents"],
            meaning="its time is more than 5 minutes ahead of its arrival; in the archive only",
            source="the stream job's metric EarlyInputEvents",
        ),
        Line(
            kind="undeserialisable",
            label="not JSON",
            count=metric["DeserializationError"],
            meaning="cut off on the way; the stream job cannot read it",
            source="the stream job's metric DeserializationError",
        ),
    )
    return Account(sent=sent, lines=lines, windows=features.num_rows)


def feature_rows(files: Mapping[str, bytes], contract: Contract, start: datetime, end: datetime) -> pa.Table:
    """Each feature row once, of windows that end in (start, end]: those of events taken in that time."""
    tables = [read(name, files[name], contract.feature) for name in sorted(files)]
    table = distinct(pa.concat_tables(tables), contract.feature)
    time = next(name for name in contract.feature.key if contract.feature.column(name).type == "timestamp")
    return table.filter((pc.field(time) > pc.scalar(start)) & (pc.field(time) <= pc.scalar(end)))


def whole_hours(start: datetime, end: datetime) -> Window:
    """The hours that hold start..end."""
    first = start.replace(minute=0, second=0, microsecond=0)
    last = end.replace(minute=0, second=0, microsecond=0)
    return Window(start=first, end=last if last == end else last + HOUR)


def _files(stack: Stack, name: str, hours: Window) -> dict[str, bytes]:
    container = azure.container(stack.lakeAccount, name)
    paths = [path for hour in hours.hours for path in lake.names(container, f"{folder(hour)}/")]
    return lake.download(container, [path for path in paths if path.endswith(".parquet")])


def _sum(table: pa.Table, column: str) -> int:
    return sum(table.column(column).to_pylist()) if column in table.column_names else 0
