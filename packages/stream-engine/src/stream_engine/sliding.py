"""GROUP BY a sliding window: a row whenever the content of a group's window changes, unless it became empty.

Source: Microsoft's language reference, Sliding Window: events at 34, 38 and 42 in a window of 5 give rows at 34, 38,
39, 42 and 43.
"""

from __future__ import annotations

import heapq
from typing import Any

from .aggregates import hashable
from .frame import Frame
from .grouping import Grouped, add, finished
from .stages import Stage
from .values import Value
from .windows import Window


class SlidingGrouping(Stage):
    """Keeps each group's rows of the last `size`, and the moments at which its content changes."""

    def __init__(self, grouped: Grouped, window: Window) -> None:
        super().__init__()
        self._grouped = grouped
        self._window = window
        self.span = window.size
        # By key: the key's values, and (time, arguments) of each row in the window.
        self._rows: dict[tuple[Value, ...], tuple[tuple[Value, ...], list[tuple[int, list[Value]]]]] = {}
        self._changes: list[tuple[int, int, tuple[Value, ...]]] = []
        self._taken = 0

    def push(self, frame: Frame) -> None:
        self._emit_before(frame.time)
        grouped = self._grouped
        values = tuple([key(frame) for key in grouped.keys])
        key = tuple([hashable(value) for value in values])
        rows = self._rows.setdefault(key, (values, []))[1]
        rows.append((frame.time, [measure.argument(frame) for measure in grouped.measures]))
        for change in (frame.time, frame.time + self._window.size):
            self._taken += 1
            heapq.heappush(self._changes, (change, self._taken, key))

    def progress(self, time: int) -> None:
        self._emit_before(time)
        super().progress(time)

    def _emit_before(self, time: int) -> None:
        while self._changes and self._changes[0][0] < time:
            moment = self._changes[0][0]
            changed: dict[tuple[Value, ...], None] = {}
            while self._changes and self._changes[0][0] == moment:
                changed[heapq.heappop(self._changes)[2]] = None
            for key in changed:
                self._emit(key, moment)

    def _emit(self, key: tuple[Value, ...], moment: int) -> None:
        values, rows = self._rows[key]
        left = next((i for i, row in enumerate(rows) if row[0] > moment - self._window.size), len(rows))
        del rows[:left]
        if not rows:
            del self._rows[key]
            return
        group = (values, [measure.aggregate.new() for measure in self._grouped.measures])
        for _, arguments in rows:
            add(group, arguments, self._grouped)
        frame = finished(group, moment, self._window, self._grouped)
        if frame is not None:
            self.emit(frame)

    @property
    def state(self) -> Any:
        return [list(self._rows.values()), self._changes, self._taken]

    @state.setter
    def state(self, value: Any) -> None:
        rows, self._changes, self._taken = value
        self._rows = {tuple(hashable(part) for part in values): (values, kept) for values, kept in rows}
