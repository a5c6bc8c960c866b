"""Aggregates as a query writes them: which function, over which argument, in which order."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .aggregates import Aggregate, State, aggregates, count_distinct, number
from .errors import Refused, StreamError
from .expressions import ExpressionCompiler
from .frame import Frame
from .scope import Evaluate, Scope
from .syntax import Call, Literal, Order, Star
from .userdefined import argument_of, compile_aggregate, is_aggregate
from .values import Unconvertible, Value, cast, show


@dataclass(frozen=True, kw_only=True)
class Measure:
    """An aggregate, its argument and the type of its result; `at` is named when a value does not fit."""

    aggregate: Aggregate
    argument: Evaluate
    returns: str | None
    at: int

    def trouble(self, value: Value, scope: Scope) -> StreamError:
        message = f"{self.aggregate.name} takes {self.aggregate.expects}, found {show(value)}"
        return scope.trouble(message, self.at)

    def result(self, state: State, scope: Scope) -> Value:
        try:
            return self.aggregate.result(state)
        except Unconvertible:
            raise scope.trouble(f"{self.aggregate.name} overflows", self.at) from None


ordered = ("TOPONE", "COLLECTTOP", "PERCENTILE_CONT", "PERCENTILE_DISC")
names = (*aggregates, "COLLECT", *ordered)


def is_measure(node: object) -> bool:
    """Whether a node is the call of an aggregate, built in or user-defined."""
    return isinstance(node, Call) and (node.name.upper() in names or is_aggregate(node))


def measure_of(node: Call, rows: ExpressionCompiler) -> Measure:
    """The measure of an aggregate call; its argument sees rows. Raises Refused."""
    name = node.name.upper()
    if is_aggregate(node):
        return _measure(node, *compile_aggregate(node, rows))
    if name in aggregates:
        return _plain(node, rows)
    if node.distinct:
        raise Refused(f"{node.name} takes no DISTINCT", node.at)
    if name == "COLLECT":
        _count(node, 0, 1)
        return _measure(node, _collect(), _value(node, 0, rows), "array")
    order = node.over.order if node.over else ()
    if not order:
        raise Refused(f"{node.name} needs OVER (ORDER BY …)", node.at)
    if name in ("PERCENTILE_CONT", "PERCENTILE_DISC"):
        return _percentile(node, order, rows)
    _count(node, 0 if name == "TOPONE" else 1, 1 if name == "TOPONE" else 2)
    size = 1 if name == "TOPONE" else _whole(node)
    value = _value(node, 0 if name == "TOPONE" else 1, rows)
    keys = tuple(rows.compile(each.by).evaluate for each in order)
    descending = tuple(each.descending for each in order)

    def argument(frame: Frame) -> Value:
        return [_rank(key(frame), down, node, rows.scope) for key, down in zip(keys, descending, strict=True)], value(
            frame
        )

    top = _top(size, node.name, one=name == "TOPONE")
    return _measure(node, top, argument, None if name == "TOPONE" else "array")


def _measure(node: Call, aggregate: Aggregate, argument: Evaluate, returns: str | None) -> Measure:
    return Measure(aggregate=aggregate, argument=argument, returns=returns, at=node.at)


def _plain(node: Call, rows: ExpressionCompiler) -> Measure:
    aggregate = aggregates[node.name.upper()]
    _count(node, 0 if aggregate.name == "COUNT" and not node.distinct else 1, 1)
    argument = node.arguments[0] if node.arguments else Star(at=node.at)
    if isinstance(argument, Star):
        if aggregate.name != "COUNT" or node.distinct:
            raise Refused(f"only COUNT takes *, not {node.name}", argument.at)
        return _measure(node, aggregate, lambda _: 1, "bigint")
    if node.distinct:
        if aggregate.name != "COUNT":
            raise Refused(f"{node.name}(DISTINCT …) is not supported, only COUNT(DISTINCT …)", node.at)
        aggregate = count_distinct
    if aggregate.name == "COUNT":
        return _measure(node, aggregate, argument_of(argument, rows), "bigint")
    compiled = rows.compile(argument)
    evaluate = compiled.evaluate
    if aggregate.name in ("MAX", "MIN") and compiled.type is None:
        evaluate = _ranked(compiled.evaluate, node, rows.scope)
    return _measure(node, aggregate, evaluate, aggregate.returns(compiled.type))


def _ranked(evaluate: Evaluate, node: Call, scope: Scope) -> Evaluate:
    """Text that was not CAST is a float to MAX and MIN. Source: language reference, MAX."""

    def rank(frame: Frame) -> Value:
        value = evaluate(frame)
        if not isinstance(value, str):
            return value
        try:
            return cast(value, "float")
        except Unconvertible:
            message = f"{node.name} of text that is no number needs CAST(… AS nvarchar(max)), found {show(value)}"
            raise scope.trouble(message, node.at) from None

    return rank


def _count(node: Call, least: int, most: int) -> None:
    if not least <= len(node.arguments) <= most:
        wanted = str(most) if least == most else f"{least} to {most}"
        raise Refused(f"{node.name} takes {wanted} arguments, found {len(node.arguments)}", node.at)


def _whole(node: Call) -> int:
    argument = node.arguments[0]
    if isinstance(argument, Literal) and isinstance(argument.value, int) and argument.value > 0:
        return argument.value
    raise Refused(f"{node.name} takes a whole number first: how many", argument.at)


def _value(node: Call, index: int, rows: ExpressionCompiler) -> Evaluate:
    """The argument at `index`, or else the whole event."""
    if len(node.arguments) > index:
        argument = node.arguments[index]
        if not isinstance(argument, Star):
            return rows.compile(argument).evaluate
    if len(rows.scope.relations) != 1:
        raise Refused(f"{node.name} of a JOIN needs an expression: there is no single event", node.at)
    return lambda frame: dict(frame.records[0] or {})


def _rank(value: Value, descending: bool, node: Call, scope: Scope) -> Value:
    """A number by which values are sorted; NULL is the least. Source: CollectTop: bigint, float and datetime only."""
    if value is None:
        rank = -math.inf
    elif isinstance(value, datetime):
        rank = value.timestamp()
    elif isinstance(value, (int, float)):
        rank = value
    else:
        raise scope.trouble(f"{node.name} orders by numbers and datetimes, found {show(value)}", node.at)
    return -rank if descending else rank


def _top(size: int, name: str, *, one: bool) -> Aggregate:
    def add(state: State, value: Value) -> None:
        keys, found = value
        place = len(state)
        while place > 0 and list(state[place - 1][0]) > keys:
            place -= 1
        state.insert(place, (keys, found))
        del state[size:]

    def result(state: State) -> Value:
        if one:
            return state[0][1] if state else None
        return [{"rank": rank, "value": value} for rank, (_, value) in enumerate(state, 1)]

    return Aggregate(name=name, new=list, add=add, result=result, returns=lambda _: None)


def _collect() -> Aggregate:
    def add(state: State, value: Value) -> None:
        state.append(value)

    return Aggregate(name="COLLECT", new=list, add=add, result=list, returns=lambda _: "array")


def _percentile(node: Call, order: tuple[Order, ...], rows: ExpressionCompiler) -> Measure:
    _count(node, 1, 1)
    part = node.arguments[0]
    if not isinstance(part, Literal) or not isinstance(part.value, (int, float)) or not 0 <= part.value <= 1:
        raise Refused(f"{node.name} takes a number from 0 to 1", part.at)
    if len(order) != 1:
        raise Refused(f"{node.name} orders by one expression", order[1].at)
    compiled = rows.compile(order[0].by)
    continuous = node.name.upper() == "PERCENTILE_CONT"
    aggregate = Aggregate(
        name=node.name,
        new=list,
        add=lambda state, value: state.append(number(value)),
        result=_percentile_result(part.value, order[0].descending, continuous),
        returns=lambda kind: "float" if continuous else kind,
    )
    return _measure(node, aggregate, compiled.evaluate, aggregate.returns(compiled.type))


def _percentile_result(part: float, descending: bool, continuous: bool) -> Callable[[State], Value]:
    def result(state: State) -> Value:
        values = sorted(state, reverse=descending)
        if not values:
            return None
        if not continuous:
            return values[max(math.ceil(part * len(values)) - 1, 0)]
        place = part * (len(values) - 1)
        low = math.floor(place)
        high = min(low + 1, len(values) - 1)
        return float(values[low] + (values[high] - values[low]) * (place - low))

    return result
