"""JOIN of two streams within bounds of time, and of a stream with reference data."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .aggregates import hashable
from .frame import Frame
from .merging import Merge, frame_from, frame_state
from .scope import Evaluate
from .stages import Stage
from .values import Value

Key = tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """`least` <= right's time - left's time <= `most`, in microseconds; the left time is that of source `source`.

    `span` is by how much a left row's time can be later than that source's.
    """

    source: int
    least: int
    most: int
    span: int = 0


@dataclass(frozen=True, kw_only=True)
class Matching:
    """What two rows must agree on: equal keys (NULL equals nothing), and a condition on the pair.

    `left_keys` see a row of the left side, `right_keys` one of the right alone, `condition` both.
    """

    left_keys: tuple[Evaluate, ...]
    right_keys: tuple[Evaluate, ...]
    condition: Evaluate | None
    left_join: bool


def key_of(keys: tuple[Evaluate, ...], frame: Frame) -> Key | None:
    values = [key(frame) for key in keys]
    return None if None in values else tuple([hashable(value) for value in values])


def paired(left: Frame, right: Frame, time: int) -> Frame:
    return Frame((*left.records, *right.records), time, (*left.times, *right.times))


class StreamJoin(Merge):
    """Pairs rows as the later of the two comes; a left row without partner follows when none can come any more.

    A pair's time is the later one; that of a row without partner is the last at which one could have come.
    """

    def __init__(self, matching: Matching, bounds: Bounds) -> None:
        super().__init__(2)
        self._matching, self._bounds = matching, bounds
        self.span = max(abs(bounds.least), abs(bounds.most)) + bounds.span
        # Kept rows of each side by key, in order of time; a left row carries whether it has found a partner.
        self._left: dict[Key, list[list[Any]]] = {}
        self._right: dict[Key, list[Frame]] = {}
        self._alone: list[tuple[int, int, list[Any]]] = []
        self._number = 0
        self._swept = -(2**63)

    def receive(self, port: int, frame: Frame) -> None:
        self._emit_alone(frame.time)
        self._sweep(frame.time)
        if port == 0:
            self._receive_left(frame)
        else:
            self._receive_right(frame)

    def _receive_left(self, frame: Frame) -> None:
        entry = [frame, False]
        time, bounds = frame.times[self._bounds.source], self._bounds
        key = key_of(self._matching.left_keys, frame) if time is not None else None
        if key is not None and time is not None:
            for right in self._right.get(key, ()):
                if bounds.least <= right.time - time <= bounds.most:
                    self._pair(entry, right, frame.time)
            self._left.setdefault(key, []).append(entry)
        if self._matching.left_join:
            self._number += 1
            last = frame.time if time is None else max(time + bounds.most, frame.time)
            heapq.heappush(self._alone, (last, self._number, entry))

    def _receive_right(self, frame: Frame) -> None:
        key = key_of(self._matching.right_keys, frame)
        if key is None:
            return
        bounds = self._bounds
        for entry in self._left.get(key, ()):
            time = entry[0].times[bounds.source]
            if bounds.least <= frame.time - time <= bounds.most:
                self._pair(entry, frame, frame.time)
        self._right.setdefault(key, []).append(frame)

    def _pair(self, entry: list[Any], right: Frame, time: int) -> None:
        frame = paired(entry[0], right, time)
        if self._matching.condition is None or self._matching.condition(frame) is True:
            entry[1] = True
            self.emit(frame)

    def progress(self, time: int) -> None:
        self._emit_alone(time)
        self._sweep(time)
        super().progress(time)

    def _emit_alone(self, time: int) -> None:
        while self._alone and self._alone[0][0] < time:
            last, _, (left, found) = heapq.heappop(self._alone)
            if not found:
                self.emit(Frame((*left.records, None), last, (*left.times, None)))

    def _sweep(self, time: int) -> None:
        """Forget, now and then, rows that no row at or after `time` can be paired with."""
        bounds = self._bounds
        reach = max(bounds.most - bounds.least, 1_000_000)
        if time - self._swept < reach:
            return
        self._swept = time
        for key, entries in list(self._left.items()):
            kept = [entry for entry in entries if entry[0].times[bounds.source] + bounds.most >= time]
            self._left[key] = kept
            if not kept:
                del self._left[key]
        for key, frames in list(self._right.items()):
            rest = [frame for frame in frames if frame.time - bounds.least + bounds.span >= time]
            self._right[key] = rest
            if not rest:
                del self._right[key]

    @property
    def state(self) -> Any:
        # One list of all left rows, so that a row both kept and waiting alone stays one.
        entries = {id(entry): entry for kept in self._left.values() for entry in kept}
        entries.update({id(entry): entry for _, _, entry in self._alone})
        numbers = {identity: number for number, identity in enumerate(entries)}
        return [
            super().state,
            [(frame_state(frame), found) for frame, found in entries.values()],
            [(key, [numbers[id(entry)] for entry in kept]) for key, kept in self._left.items()],
            [(key, [frame_state(frame) for frame in frames]) for key, frames in self._right.items()],
            [(last, number, numbers[id(entry)]) for last, number, entry in self._alone],
            self._number,
            self._swept,
        ]

    @state.setter
    def state(self, value: Any) -> None:
        merge, entries, left, right, alone, self._number, self._swept = value
        Merge.state.fset(self, merge)  # type: ignore[attr-defined]
        rows = [[frame_from(frame), found] for frame, found in entries]
        self._left = {key: [rows[number] for number in kept] for key, kept in left}
        self._right = {key: [frame_from(frame) for frame in frames] for key, frames in right}
        self._alone = [(last, number, rows[row]) for last, number, row in alone]


class ReferenceJoin(Stage):
    """Pairs each row with the reference rows of its key; time stays the row's."""

    def __init__(self, matching: Matching, rows: Sequence[dict[str, Value]]) -> None:
        super().__init__()
        self._matching = matching
        self._rows: dict[Key, list[dict[str, Value]]] = {}
        for row in rows:
            key = key_of(matching.right_keys, Frame((row,), 0))
            if key is not None:
                self._rows.setdefault(key, []).append(row)

    def push(self, frame: Frame) -> None:
        key = key_of(self._matching.left_keys, frame)
        found = False
        for row in self._rows.get(key, ()) if key is not None else ():
            pair = Frame((*frame.records, row), frame.time, (*frame.times, frame.time))
            if self._matching.condition is None or self._matching.condition(pair) is True:
                found = True
                self.emit(pair)
        if not found and self._matching.left_join:
            self.emit(Frame((*frame.records, None), frame.time, (*frame.times, None)))
