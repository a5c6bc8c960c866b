"""GROUP BY over tumbling, hopping and snapshot windows, holding only the running aggregates of open windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .aggregates import hashable
from .frame import Frame
from .measures import Measure
from .scope import Evaluate, Scope
from .stages import Project, Stage
from .values import Unconvertible, Value
from .windows import Window


@dataclass(frozen=True, kw_only=True)
class Grouped:
    """What a grouped SELECT computes: keys, then measures, as the values of a group's frame."""

    keys: tuple[Evaluate, ...]
    measures: tuple[Measure, ...]
    having: Evaluate | None
    project: Project
    scope: Scope


# A group: its key's values, and one state for each measure. Groups of one window by key; windows by (end, index).
Group = tuple[tuple[Value, ...], list[list[Value]]]
Groups = dict[tuple[Value, ...], Group]


class WindowGrouping(Stage):
    """Adds each row to the groups of all windows that hold it; emits a window once time has passed its end."""

    def __init__(self, grouped: Grouped, windows: tuple[Window, ...]) -> None:
        super().__init__()
        self._grouped = grouped
        self._windows = windows
        self.span = max(window.size for window in windows)
        self._open: dict[tuple[int, int], Groups] = {}
        self._earliest = 2**63

    def push(self, frame: Frame) -> None:
        if self._earliest < frame.time:
            self._close(frame.time)
        grouped = self._grouped
        values = tuple([key(frame) for key in grouped.keys])
        arguments = [measure.argument(frame) for measure in grouped.measures]
        for index, window in enumerate(self._windows):
            for end in window.ends(frame.time):
                add(self._group(end, index, values), arguments, grouped)

    def _group(self, end: int, index: int, values: tuple[Value, ...]) -> Group:
        groups = self._open.get((end, index))
        if groups is None:
            groups = self._open[(end, index)] = {}
            self._earliest = min(self._earliest, end)
        key = tuple([hashable(value) for value in values])
        group = groups.get(key)
        if group is None:
            group = groups[key] = (values, [measure.aggregate.new() for measure in self._grouped.measures])
        return group

    def progress(self, time: int) -> None:
        if self._earliest < time:
            self._close(time)
        super().progress(time)

    def _close(self, time: int) -> None:
        for end, index in sorted(key for key in self._open if key[0] < time):
            for group in self._open.pop((end, index)).values():
                frame = finished(group, end, self._windows[index], self._grouped)
                if frame is not None:
                    self.emit(frame)
        self._earliest = min((end for end, _ in self._open), default=2**63)

    @property
    def state(self) -> Any:
        return [(key, list(groups.values())) for key, groups in self._open.items()]

    @state.setter
    def state(self, value: Any) -> None:
        self._open = {
            tuple(key): {tuple(hashable(part) for part in group[0]): group for group in groups} for key, groups in value
        }
        self._earliest = min((end for end, _ in self._open), default=2**63)


def add(group: Group, arguments: list[Value], grouped: Grouped) -> None:
    """Count one row's arguments into a group; NULL is in no aggregate."""
    for measure, state, value in zip(grouped.measures, group[1], arguments, strict=True):
        if value is not None:
            try:
                measure.aggregate.add(state, value)
            except (Unconvertible, TypeError):
                raise measure.trouble(value, grouped.scope) from None


def finished(group: Group, end: int, window: Window, grouped: Grouped) -> Frame | None:
    """The row of a group at its window's end; None when HAVING does not hold."""
    results = [measure.result(state, grouped.scope) for measure, state in zip(grouped.measures, group[1], strict=True)]
    frame = Frame((), end, values=[*group[0], *results], window=window)
    if grouped.having is not None and grouped.having(frame) is not True:
        return None
    return Frame((grouped.project(frame),), end)
