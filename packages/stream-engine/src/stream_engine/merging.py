"""Several streams as one, in order of time: UNION, the windows of Windows(), and both sides of a JOIN."""

from __future__ import annotations

import heapq
from typing import Any

from .frame import Frame
from .stages import Stage


class Port(Stage):
    """One of the streams that enter a merge."""

    def __init__(self, merge: Merge, number: int) -> None:
        super().__init__()
        self._merge, self._number = merge, number

    @property
    def lookback(self) -> int:
        return self._merge.lookback

    def push(self, frame: Frame) -> None:
        self._merge.take(self._number, frame)

    def progress(self, time: int) -> None:
        self._merge.reach(self._number, time)


class Merge(Stage):
    """Hands rows on once every port has passed their time; rows of equal time go in order of their ports."""

    def __init__(self, ports: int) -> None:
        super().__init__()
        self.ports = [Port(self, number) for number in range(ports)]
        self._reached = [-(2**63)] * ports
        self._passed = -(2**63)
        self._taken = 0
        self._waiting: list[tuple[int, int, int, Frame]] = []

    def take(self, port: int, frame: Frame) -> None:
        self._taken += 1
        heapq.heappush(self._waiting, (frame.time, port, self._taken, frame))

    def reach(self, port: int, time: int) -> None:
        self._reached[port] = max(self._reached[port], time)
        until = min(self._reached)
        if until <= self._passed:
            return
        self._passed = until
        while self._waiting and self._waiting[0][0] < until:
            _, number, _, frame = heapq.heappop(self._waiting)
            self.receive(number, frame)
        self.progress(until)

    def receive(self, port: int, frame: Frame) -> None:
        """A row in its turn; `port` is where it came from."""
        self.emit(frame)

    @property
    def state(self) -> Any:
        waiting = [(*entry[:3], frame_state(entry[3])) for entry in self._waiting]
        return [self._reached, self._passed, self._taken, waiting]

    @state.setter
    def state(self, value: Any) -> None:
        self._reached, self._passed, self._taken, waiting = value
        self._waiting = [(*entry[:3], frame_from(entry[3])) for entry in waiting]


def frame_state(frame: Frame) -> Any:
    """A row of records as plain data; metadata of an input's record does not outlive a merge."""
    records = tuple(None if record is None else dict(record) for record in frame.records)
    return records, frame.time, frame.times


def frame_from(state: Any) -> Frame:
    records, time, times = state
    return Frame(records, time, times)
