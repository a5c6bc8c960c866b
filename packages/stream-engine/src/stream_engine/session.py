"""GROUP BY a session window: rows that follow each other within the timeout, cut at the maximum duration.

The maximum is checked on a grid of its own length, so a session can last up to twice as long; what comes after the
cut opens a new session. Source: Microsoft's language reference, Session Window; the grid as in Trill, the service's
open-sourced engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .aggregates import hashable
from .frame import Frame
from .grouping import Group, Grouped, add, finished
from .scope import Evaluate
from .stages import Stage
from .values import Value
from .windows import Window


@dataclass(kw_only=True)
class _Session:
    last: int
    cut: int
    groups: dict[tuple[Value, ...], Group] = field(default_factory=dict)

    def end(self, timeout: int) -> int:
        return min(self.last + timeout, self.cut)


class SessionGrouping(Stage):
    """One open session for each value of the session's partition; closed in order of their ends."""

    def __init__(self, grouped: Grouped, window: Window, partition: tuple[Evaluate, ...]) -> None:
        super().__init__()
        self._grouped = grouped
        self._window = window
        self.span = 2 * window.hop
        self._partition = partition
        self._sessions: dict[tuple[Value, ...], _Session] = {}
        self._earliest = 2**63

    def push(self, frame: Frame) -> None:
        if self._earliest < frame.time:
            self._close(frame.time)
        grouped = self._grouped
        part = tuple([hashable(each(frame)) for each in self._partition])
        session = self._sessions.get(part)
        if session is None:
            grid = self._window.end(frame.time)
            cut = grid + self._window.hop
            session = self._sessions[part] = _Session(last=frame.time, cut=cut)
        session.last = frame.time
        self._earliest = min(self._earliest, session.end(self._window.size))
        values = tuple([key(frame) for key in grouped.keys])
        key = tuple([hashable(value) for value in values])
        group = session.groups.get(key)
        if group is None:
            group = session.groups[key] = (values, [measure.aggregate.new() for measure in grouped.measures])
        add(group, [measure.argument(frame) for measure in grouped.measures], grouped)

    def progress(self, time: int) -> None:
        if self._earliest < time:
            self._close(time)
        super().progress(time)

    def _close(self, time: int) -> None:
        timeout = self._window.size
        ends = {part: session.end(timeout) for part, session in self._sessions.items()}
        for part in sorted((part for part, end in ends.items() if end < time), key=lambda part: ends[part]):
            for group in self._sessions.pop(part).groups.values():
                frame = finished(group, ends[part], self._window, self._grouped)
                if frame is not None:
                    self.emit(frame)
        self._earliest = min((session.end(timeout) for session in self._sessions.values()), default=2**63)

    @property
    def state(self) -> Any:
        return [
            (part, session.last, session.cut, list(session.groups.values())) for part, session in self._sessions.items()
        ]

    @state.setter
    def state(self, value: Any) -> None:
        self._sessions = {}
        for part, last, cut, groups in value:
            keyed = {tuple(hashable(each) for each in group[0]): group for group in groups}
            self._sessions[part] = _Session(last=last, cut=cut, groups=keyed)
        self._earliest = min((s.end(self._window.size) for s in self._sessions.values()), default=2**63)
