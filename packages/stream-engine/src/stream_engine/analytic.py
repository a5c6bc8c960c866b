"""Analytic functions: computed for every row of FROM in order of time, before WHERE and GROUP BY.

Source: Microsoft's language reference, ISFIRST, LAG, LAST and OVER: LAST is LAG with offset 0, and sees the current
event; rows of equal time count in their order of arrival; a row leaves the history once the limit has passed since
its time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .aggregates import hashable
from .errors import Refused
from .expressions import ExpressionCompiler
from .frame import Frame
from .measures import Measure, measure_of
from .measures import names as aggregate_names
from .scope import Compiled, Evaluate, Scope
from .stages import Stage
from .syntax import Call, Literal, Over, Star
from .values import Unconvertible, Value
from .windows import Window, duration

names = ("ISFIRST", "LAG", "LAST")
Key = tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class Bounded:
    """A compiled OVER: whose history a row belongs to, which rows enter it, and how long they stay."""

    partition: tuple[Evaluate, ...]
    when: Evaluate | None
    limit: int

    def key(self, frame: Frame) -> Key:
        return tuple([hashable(part(frame)) for part in self.partition])

    def holds(self, frame: Frame) -> bool:
        return self.when is None or self.when(frame) is True


class IsFirst:
    """ISFIRST: 1 for the first row of each aligned interval, else 0."""

    def __init__(self, over: Bounded) -> None:
        self._over, self.limit = over, over.limit
        self._window = Window(kind="tumbling", size=over.limit, hop=over.limit)
        self.state: Any = [None, set()]

    def __call__(self, frame: Frame) -> Value:
        if not self._over.holds(frame):
            return 0
        end = self._window.end(frame.time)
        if self.state[0] != end:
            self.state = [end, set()]
        key = self._over.key(frame)
        if key in self.state[1]:
            return 0
        self.state[1].add(key)
        return 1


class History:
    """The rows of the last `limit`, by partition: what LAG, LAST and aggregates OVER (… LIMIT DURATION …) look at.

    `entry` is what is kept of a row; `look` makes the result of the rows before (`keep` last of them) and the current
    one.
    """

    def __init__(
        self, over: Bounded, entry: Evaluate, look: Callable[..., Value], keep: int | None, *, late: bool
    ) -> None:
        self._over, self._entry, self._look = over, entry, look
        self.limit = over.limit
        self._keep, self._late = keep, late
        self.state: Any = [{}, -(2**63)]

    def __call__(self, frame: Frame) -> Value:
        histories, swept = self.state
        if frame.time - swept >= self._over.limit:
            self._sweep(frame.time)
        key = self._over.key(frame)
        rows: list[tuple[int, Value]] = histories.setdefault(key, [])
        first = frame.time - self._over.limit
        gone = next((i for i, row in enumerate(rows) if row[0] > first), len(rows))
        del rows[:gone]
        result = None if self._late else self._look(rows, frame)
        if self._over.holds(frame):
            rows.append((frame.time, self._entry(frame)))
            if self._keep is not None:
                del rows[: -self._keep]
        return self._look(rows, frame) if self._late else result

    def _sweep(self, time: int) -> None:
        histories = self.state[0]
        for key in [key for key, rows in histories.items() if not rows or rows[-1][0] <= time - self._over.limit]:
            del histories[key]
        self.state[1] = time


class Analytics(Stage):
    """Puts the results of analytic functions into the row's `values`."""

    def __init__(self, functions: list[IsFirst | History]) -> None:
        super().__init__()
        self._functions = functions
        self.span = max((function.limit for function in functions), default=0)

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


def is_analytic(node: object) -> bool:
    """Whether a node is a call of an analytic function, or of an aggregate with LIMIT DURATION."""
    if not isinstance(node, Call):
        return False
    limited = node.over is not None and node.over.limit is not None
    return node.name.upper() in names or (limited and node.name.upper() in aggregate_names)


def compile_analytic(node: Call, rows: ExpressionCompiler) -> tuple[IsFirst | History, str | None]:
    """An analytic call as a function of rows in order, and its type. Raises Refused."""
    name = node.name.upper()
    if name == "ISFIRST":
        if node.over is not None and (node.over.order or node.over.limit):
            raise Refused("ISFIRST takes OVER (PARTITION BY … WHEN …) only", node.over.at)
        return IsFirst(_over(node.over, rows, duration(node))), "bigint"
    if node.over is None or node.over.limit is None:
        raise Refused(f"{node.name} needs OVER (… LIMIT DURATION(unit, n) …)", node.at)
    over = _over(node.over, rows, duration(node.over.limit))
    if name not in names:
        measure = measure_of(node, rows)
        look = _aggregated(measure, rows.scope)
        return History(over, measure.argument, look, None, late=True), measure.returns
    if node.over.order or node.distinct:
        raise Refused(f"{node.name} takes neither ORDER BY nor DISTINCT", node.at)
    most = 3 if name == "LAG" else 2
    if not 1 <= len(node.arguments) <= most:
        raise Refused(f"{node.name} takes 1 to {most} arguments, found {len(node.arguments)}", node.at)
    entry = _entry(node, rows)
    offset = _offset(node) if name == "LAG" else 1
    default = _default(node, most - 1, rows)
    return History(over, entry.evaluate, _nth(offset, default), offset, late=name == "LAST"), entry.type


def _over(over: Over | None, rows: ExpressionCompiler, limit: int) -> Bounded:
    partition = tuple(rows.compile(part).evaluate for part in over.partition) if over else ()
    when = rows.condition(over.when) if over is not None and over.when is not None else None
    return Bounded(partition=partition, when=when, limit=limit)


def _entry(node: Call, rows: ExpressionCompiler) -> Compiled:
    argument = node.arguments[0]
    if not isinstance(argument, Star):
        return rows.compile(argument)
    if len(rows.scope.relations) != 1:
        raise Refused(f"{node.name}(*) of a JOIN: name a column", argument.at)
    return Compiled(type="record", evaluate=lambda frame: dict(frame.records[0] or {}))


def _offset(node: Call) -> int:
    if len(node.arguments) < 2:
        return 1
    argument = node.arguments[1]
    if isinstance(argument, Literal) and isinstance(argument.value, int) and argument.value >= 1:
        return argument.value
    raise Refused("the offset of LAG is a whole number from 1", argument.at)


def _default(node: Call, index: int, rows: ExpressionCompiler) -> Evaluate:
    if len(node.arguments) <= index:
        return lambda _: None
    argument = node.arguments[index]
    if isinstance(argument, Star):
        raise Refused("a default is a value, not *", argument.at)
    return rows.compile(argument).evaluate


def _nth(offset: int, default: Evaluate) -> Callable[..., Value]:
    def look(rows: list[tuple[int, Value]], frame: Frame) -> Value:
        return rows[-offset][1] if len(rows) >= offset else default(frame)

    return look


def _aggregated(measure: Measure, scope: Scope) -> Callable[..., Value]:
    def look(rows: list[tuple[int, Value]], frame: Frame) -> Value:
        state = measure.aggregate.new()
        for _time, value in rows:
            if value is not None:
                try:
                    measure.aggregate.add(state, value)
                except Unconvertible:
                    raise measure.trouble(value, scope) from None
        return measure.result(state, scope)

    return look
