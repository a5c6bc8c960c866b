"""Aggregate functions. Their running state is a plain list, so that a job's state can be written down."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .values import Unconvertible, Value, as_text, integer

State = list[Value]


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """`add` takes a state and a value that is not NULL; `returns` maps the argument's type to the result's."""

    name: str
    new: Callable[[], State]
    add: Callable[[State, Value], None]
    result: Callable[[State], Value]
    returns: Callable[[str | None], str | None]
    expects: str = "a number"


def number(value: Value) -> int | float:
    """The value, if it is a number. Raises Unconvertible."""
    if isinstance(value, (int, float)):
        return value
    raise Unconvertible(value)


def _count(state: State, _: Value) -> None:
    state[0] += 1


def _sum(state: State, value: Value) -> None:
    total = state[0]
    state[0] = number(value) if total is None else total + number(value)


def _sum_result(state: State) -> Value:
    total = state[0]
    return integer(int(total)) if isinstance(total, int) else total


def _average(state: State, value: Value) -> None:
    state[0] += 1
    state[1] += number(value)


def _spread(state: State, value: Value) -> None:
    """Welford's running mean and sum of squared deviations."""
    count, mean, squares = state
    found = number(value)
    count += 1
    delta = found - mean
    mean += delta / count
    state[:] = (count, mean, squares + delta * (found - mean))


def _spread_result(sample: bool, root: bool) -> Callable[[State], Value]:
    def result(state: State) -> Value:
        count = state[0] - 1 if sample else state[0]
        if count < 1:
            return None
        return math.sqrt(state[2] / count) if root else state[2] / count

    return result


def _rank(value: Value) -> int:
    """Only values of one rank have an order among them."""
    for rank, kinds in enumerate(((int, float), (str,), (datetime,))):
        if isinstance(value, kinds):
            return rank
    raise Unconvertible(value)


def _extreme(better: Callable[[Value, Value], bool]) -> Callable[[State, Value], None]:
    def add(state: State, value: Value) -> None:
        best = state[0]
        if best is None:
            _rank(value)
            state[0] = value
        elif _rank(best) != _rank(value):
            raise Unconvertible(value)
        elif better(value, best):
            state[0] = value

    return add


def hashable(value: Value) -> Value:
    """A value by which equal values of a record or array can be found in a set or dict."""
    return as_text(value) if isinstance(value, (dict, list)) else value


def _distinct(state: State, value: Value) -> None:
    state[0].add(hashable(value))


def _same(kind: str | None) -> str | None:
    return kind


def _always(kind: str) -> Callable[[str | None], str]:
    return lambda _: kind


def _average_result(state: State) -> Value:
    return state[1] / state[0] if state[0] else None


_bigint, _float = _always("bigint"), _always("float")
_comparable = "numbers, text or datetimes, of one kind"
count_distinct = Aggregate(
    name="COUNT", new=lambda: [set()], add=_distinct, result=lambda s: len(s[0]), returns=_bigint, expects="anything"
)
_all = (
    Aggregate(name="COUNT", new=lambda: [0], add=_count, result=lambda s: s[0], returns=_bigint),
    Aggregate(name="SUM", new=lambda: [None], add=_sum, result=_sum_result, returns=_same),
    Aggregate(name="AVG", new=lambda: [0, 0], add=_average, result=_average_result, returns=_float),
    Aggregate(
        name="MIN",
        new=lambda: [None],
        add=_extreme(lambda a, b: a < b),
        result=lambda s: s[0],
        returns=_same,
        expects=_comparable,
    ),
    Aggregate(
        name="MAX",
        new=lambda: [None],
        add=_extreme(lambda a, b: a > b),
        result=lambda s: s[0],
        returns=_same,
        expects=_comparable,
    ),
    *(
        Aggregate(
            name=name, new=lambda: [0, 0.0, 0.0], add=_spread, result=_spread_result(sample, root), returns=_float
        )
        for name, sample, root in (
            ("STDEV", True, True),
            ("STDEVP", False, True),
            ("VAR", True, False),
            ("VARP", False, False),
        )
    ),
)
aggregates = {aggregate.name: aggregate for aggregate in _all}
