"""Time: which timestamp an event gets, in which order events enter the query, and how far time has come.

For each partition of an input read in event time (TIMESTAMP BY), as the service does it:

1. An event more than 5 minutes ahead of its arrival is early and dropped.
2. An event older than its arrival minus the late tolerance is late: dropped, or adjusted to that time.
3. An event before the partition's watermark is out of order: dropped, or adjusted to the watermark.

The watermark is the largest timestamp seen minus the out-of-order tolerance, or the arrival clock minus the late
tolerance, whichever is later. An input read in arrival time is in order by itself; its watermark is the arrival
clock. Events leave the buffer in order of time once every partition's watermark has passed them.
Source: Microsoft Learn, Understand time handling in Azure Stream Analytics; Configuring event ordering policies.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from .aggregates import hashable
from .frame import Frame, Record
from .scope import Evaluate
from .spilling import Sorted
from .stages import Stage, forever
from .values import Unconvertible, parse_datetime, to_micros

always = -(2**63)
_early = 5 * 60 * 1_000_000


@dataclass(frozen=True, kw_only=True)
class TimePolicy:
    """The job's event ordering settings: `late` (service: up to 20 days) and `out_of_order` (up to 599 s)."""

    late: timedelta = timedelta(seconds=5)
    out_of_order: timedelta = timedelta(0)
    action: Literal["Drop", "Adjust"] = "Adjust"

    def __post_init__(self) -> None:
        for name, most in (
            ("late", timedelta(days=20, hours=23, minutes=59, seconds=59)),
            ("out_of_order", timedelta(seconds=599)),
        ):
            value = getattr(self, name)
            if not timedelta(0) <= value <= most:
                message = f"TimePolicy.{name}: expected 0 to {most}, found {value}"
                raise ValueError(message)
        if self.action not in ("Drop", "Adjust"):
            message = f"TimePolicy.action: expected 'Drop' or 'Adjust', found {self.action!r}"
            raise ValueError(message)


class Reader(Stage):
    """One use of an input in the query: gives events their time and hands them on in order."""

    def __init__(
        self,
        alias: str,
        timestamp: Evaluate | None,
        policy: TimePolicy,
        partitions: int,
        *,
        over: Evaluate | None = None,
        conform: Callable[[Record], Record | None] | None = None,
    ) -> None:
        super().__init__()
        self._over, self._conform = over, conform
        self.alias = alias
        self.timed = timestamp is not None
        self.counts = dict.fromkeys(
            ("LateInputEvents", "EarlyInputEvents", "DroppedOrAdjustedEvents", "ConversionErrors"), 0
        )
        self._timestamp = timestamp
        self._late = policy.late // timedelta(microseconds=1)
        self._disorder = policy.out_of_order // timedelta(microseconds=1)
        self._drop = policy.action == "Drop"
        self._marks: dict[int, int] = dict.fromkeys(range(partitions), always)
        # With OVER: the watermark of each key.
        self._keys: dict[Any, int] = {}
        self._released = always
        self._taken = 0
        self._waiting: list[tuple[int, int, int, Record]] = []
        self._rest: Sorted | None = None

    @property
    def lookback(self) -> int:
        """By how many microseconds an event's arrival can be before the row of an output that depends on it."""
        return super().lookback + (_early if self.timed else 0)

    @property
    def watermark(self) -> int:
        """The earliest time, in microseconds, that an event may still get."""
        return max(self._released, min(self._marks.values()))

    def accept(self, record: Record, arrival: int, partition: int) -> None:
        """Give an event its time and keep it until its turn; count and drop what the policy excludes."""
        found = self._read(record, arrival)
        if found is not None:
            time = self._in_policy(found[0], arrival, partition, found[1])
            if time is not None:
                self._wait(time, partition, found[1])

    def accept_at_rest(self, record: Record, arrival: int) -> None:
        """Take a record of data at rest: it is ordered by its time, and no policy applies."""
        found = self._read(record, arrival)
        if found is not None:
            self._taken += 1
            self._rest = self._rest or Sorted()
            self._rest.add((found[0], self._taken, found[1]))

    def widen(self, partitions: int) -> None:
        """The log has at least so many partitions."""
        for partition in range(partitions):
            self._marks.setdefault(partition, self._released)

    def _read(self, record: Record, arrival: int) -> tuple[int, Record] | None:
        """The time an event claims and its record as declared; None, and counted, when they do not convert."""
        conformed = record if self._conform is None else self._conform(record)
        time = None if conformed is None else self._event_time(conformed, arrival)
        if conformed is None or time is None:
            self.counts["ConversionErrors"] += 1
            return None
        return time, conformed

    def _wait(self, time: int, partition: int, record: Record) -> None:
        self._taken += 1
        heapq.heappush(self._waiting, (time, partition, self._taken, record))

    def _event_time(self, record: Record, arrival: int) -> int | None:
        """The time an event claims, in microseconds; None when it is no datetime."""
        if self._timestamp is None:
            return arrival
        value = self._timestamp(Frame((record,), arrival))
        try:
            moment = parse_datetime(value) if isinstance(value, str) else value
        except Unconvertible:
            moment = None
        return to_micros(moment) if isinstance(moment, datetime) else None

    def _in_policy(self, time: int, arrival: int, partition: int, record: Record) -> int | None:
        """The time of an event after the policy; None when it is dropped. Moves the partition's watermark.

        With OVER the order is checked among the events of one key alone; time then moves by the arrival clock, since
        any key may be as far behind as the late tolerance allows.
        """
        mark = max(self._marks.setdefault(partition, self._released), self._released)
        if self._timestamp is None:
            self._marks[partition] = max(mark, time)
            return max(mark, time)
        self._marks[partition] = mark = max(mark, arrival - self._late)
        if time > arrival + _early:
            self.counts["EarlyInputEvents"] += 1
            return None
        if time < arrival - self._late:
            self.counts["LateInputEvents"] += 1
            if self._drop:
                return None
            time = arrival - self._late
        key = None if self._over is None else hashable(self._over(Frame((record,), time)))
        mark = mark if self._over is None else self._keys.get(key, mark)
        if time < mark:
            self.counts["DroppedOrAdjustedEvents"] += 1
            if self._drop:
                return None
            time = mark
        if self._over is None:
            self._marks[partition] = max(mark, time - self._disorder)
        else:
            self._keys[key] = max(mark, time - self._disorder)
        return time

    def arrive(self, now: int) -> None:
        """The arrival clock of every partition has reached `now`."""
        reached = now if self._timestamp is None else now - self._late
        self._marks = {partition: max(mark, reached) for partition, mark in self._marks.items()}

    def release(self) -> None:
        """Hand on every event whose time all partitions have passed."""
        self._hand_on(self.watermark)

    def horizon(self) -> int:
        """A time up to which data at rest can be handed on in little memory."""
        return forever if self._rest is None else self._rest.horizon()

    def finish(self, until: int = forever) -> None:
        """No event before `until` will follow: hand on all that are, and close their windows."""
        self._hand_on(until)

    def _hand_on(self, until: int) -> None:
        waiting = self._waiting
        if self._rest is not None:
            for time, _, record in self._rest.take(until):
                self.emit(Frame((record,), time))
        while waiting and waiting[0][0] < until:
            time, _, _, record = heapq.heappop(waiting)
            self.emit(Frame((record,), time))
        if until > self._released:
            self._released = until
            self.progress(until)

    @property
    def state(self) -> Any:
        if self._rest is not None:
            raise ValueError("a job over data at rest keeps no state: run it again")
        waiting = [(*entry[:3], dict(entry[3]), entry[3].metadata) for entry in self._waiting]
        return [self.counts, self._marks, self._keys, self._released, self._taken, waiting]

    @state.setter
    def state(self, value: Any) -> None:
        self.counts, self._marks, self._keys, self._released, self._taken, waiting = value
        self._waiting = []
        for time, partition, number, fields, metadata in waiting:
            record = Record(fields)
            record.metadata = metadata
            self._waiting.append((time, partition, number, record))
