"""What an expression is evaluated over: the records of one event (or of a joined pair), and its time."""

from __future__ import annotations

from typing import Any

from .values import Value


class Frame:
    """One row on its way through a SELECT.

    `records` holds one record for each source after FROM (None for the missing side of a LEFT JOIN); `times` their
    timestamps and `time` the row's own, in microseconds since 1970; `values` what was computed before (analytic
    functions; after GROUP BY: keys and aggregates); `window` is the window of a grouped row.
    """

    __slots__ = ("records", "time", "times", "values", "window")

    def __init__(
        self,
        records: tuple[dict[str, Value] | None, ...],
        time: int,
        times: tuple[int | None, ...] = (),
        values: list[Value] | None = None,
        window: Any = None,
    ) -> None:
        self.records = records
        self.time = time
        self.times = times or (time,)
        self.values: list[Value] = [] if values is None else values
        self.window = window


class Record(dict[str, Value]):
    """A record straight from an input, with what the input knows of it (`GetMetadataPropertyValue`)."""

    __slots__ = ("metadata",)
    metadata: dict[str, Value]
