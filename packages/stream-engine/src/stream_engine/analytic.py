"""Analytic functions: computed for every row of FROM in order of time, before WHERE and GROUP BY."""

from __future__ import annotations

from typing import Any

from .aggregates import hashable
from .frame import Frame
from .scope import Evaluate
from .stages import Stage
from .values import Value
from .windows import Window


class IsFirst:
    """ISFIRST(unit, n) OVER (PARTITION BY … WHEN …): 1 for the first row of each aligned interval, else 0."""

    def __init__(self, window: Window, partition: tuple[Evaluate, ...], when: Evaluate | None) -> None:
        self._window = window
        self._partition = partition
        self._when = when
        self.state: Any = [None, set()]

    def __call__(self, frame: Frame) -> Value:
        if self._when is not None and self._when(frame) is not True:
            return 0
        end = self._window.end(frame.time)
        if self.state[0] != end:
            self.state = [end, set()]
        key = tuple([hashable(part(frame)) for part in self._partition])
        if key in self.state[1]:
            return 0
        self.state[1].add(key)
        return 1


class Analytics(Stage):
    """Puts the results of analytic functions into the row's `values`."""

    def __init__(self, functions: list[IsFirst]) -> None:
        super().__init__()
        self._functions = functions

    def push(self, frame: Frame) -> None:
        row = Frame(frame.records, frame.time, frame.times)
        for function in self._functions:
            row.values.append(function(row))
        self.emit(row)

    @property
    def state(self) -> Any:
        return [function.state for function in self._functions]

    @state.setter
    def state(self, value: Any) -> None:
        for function, state in zip(self._functions, value, strict=True):
            function.state = state
