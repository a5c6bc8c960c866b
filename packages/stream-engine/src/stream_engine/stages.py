"""The stages a row passes through, in order of time; `progress` promises that no earlier row will follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from .frame import Frame
from .scope import Evaluate
from .values import Value, from_micros

Project = Callable[[Frame], dict[str, Value]]
T = TypeVar("T", bound="Stage")
forever = 2**63 - 1


class Row(dict[str, Value]):
    """A row of an output, a dict in the query's column order; `timestamp` is its System.Timestamp()."""

    __slots__ = ("timestamp",)
    timestamp: datetime


class Stage:
    """`push` takes a row whose time is not before the last one's nor before the last `progress`.

    `progress(time)` promises that no row before `time` will come; equal times may. `state` is plain data. A row that
    leaves depends on no row that came more than `span` microseconds before it.
    """

    span = 0

    def __init__(self) -> None:
        self._targets: list[Stage] = []

    @property
    def lookback(self) -> int:
        """By how many microseconds what this stage takes can be before the row of an output that depends on it."""
        return self.span + max((target.lookback for target in self._targets), default=0)

    def then(self, target: T) -> T:
        self._targets.append(target)
        return target

    def emit(self, frame: Frame) -> None:
        for target in self._targets:
            target.push(frame)

    def push(self, frame: Frame) -> None:
        self.emit(frame)

    def progress(self, time: int) -> None:
        for target in self._targets:
            target.progress(time)

    @property
    def state(self) -> Any:
        return None

    @state.setter
    def state(self, value: Any) -> None:
        if value is not None:
            raise ValueError(f"{type(self).__name__} has no state, found {value!r}")


class Filter(Stage):
    """WHERE: rows for which the condition is true, not NULL."""

    def __init__(self, condition: Evaluate) -> None:
        super().__init__()
        self._condition = condition

    def push(self, frame: Frame) -> None:
        if self._condition(frame) is True:
            self.emit(frame)


class Projection(Stage):
    """SELECT without GROUP BY: one record from one row."""

    def __init__(self, project: Project) -> None:
        super().__init__()
        self._project = project

    def push(self, frame: Frame) -> None:
        self.emit(Frame((self._project(frame),), frame.time))


class Output(Stage):
    """Collects the rows of one output until they are taken."""

    def __init__(self, first: int, exclusive: bool) -> None:
        super().__init__()
        self._first, self._exclusive = first, exclusive
        self._rows: list[Row] = []

    def push(self, frame: Frame) -> None:
        if frame.time < self._first or (self._exclusive and frame.time == self._first):
            return
        row = Row(frame.records[0] or {})
        row.timestamp = from_micros(frame.time)
        self._rows.append(row)

    def take(self) -> list[Row]:
        rows, self._rows = self._rows, []
        return rows


def projection(columns: Iterable[tuple[str | None, Evaluate]]) -> Project:
    """The function that makes a record; a column without a name stands for all fields of what it evaluates to.

    Of fields that a column before has in any case, `*` is without. Source: Microsoft's language reference, SELECT.
    """
    parts = tuple(columns)
    if all(name is not None for name, _ in parts):
        named = tuple((str(name), evaluate) for name, evaluate in parts)
        return lambda frame: {name: evaluate(frame) for name, evaluate in named}

    def project(frame: Frame) -> dict[str, Value]:
        record: dict[str, Value] = {}
        for name, evaluate in parts:
            value = evaluate(frame)
            if name is not None:
                record[name] = value
            elif isinstance(value, dict):
                taken = {known.lower() for known in record}
                record.update({key: each for key, each in value.items() if key.lower() not in taken})
        return record

    return project
