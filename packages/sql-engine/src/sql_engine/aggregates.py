"""Aggregates and window functions as DuckDB expressions with T-SQL's result types."""

from __future__ import annotations

from . import tree
from .conversions import Typed, convert, fold
from .errors import Fault
from .types import BIGINT, FLOAT, INT, MAX, Type, decimal, text

_PLAIN = {"STDEV": "stddev_samp", "STDEVP": "stddev_pop", "VAR": "var_samp", "VARP": "var_pop"}
_RANKING = {"ROW_NUMBER": "row_number()", "RANK": "rank()", "DENSE_RANK": "dense_rank()"}


def aggregate(call: tree.Call, values: list[Typed], order: str, over: str) -> Typed:
    """An aggregate; `order` is the text of WITHIN GROUP's order, `over` that of OVER (…), either may be empty."""
    if call.name in ("COUNT", "COUNT_BIG"):
        kind = INT if call.name == "COUNT" else BIGINT
        counted = "*" if call.star else f"{'DISTINCT ' if call.distinct else ''}{fold(values[0])}"
        return Typed(f"CAST(count({counted}){over} AS {kind.duck})", kind)
    value = values[0]
    if call.name in ("MIN", "MAX"):
        return _extreme(call, value, over)
    if call.name == "STRING_AGG":
        return _string_agg(call, values, order)
    if not value.type.is_number:
        message = f"Operand data type {value.type.name} is invalid for {call.name.lower()} operator."
        raise Fault(8117, message, call.at)
    distinct = "DISTINCT " if call.distinct else ""
    if call.name in _PLAIN:
        return Typed(f"{_PLAIN[call.name]}({distinct}{convert(value, FLOAT, call.at).sql}){over}", FLOAT)
    return _sum_or_average(call, value, distinct, over)


def _extreme(call: tree.Call, value: Typed, over: str) -> Typed:
    if value.type.name in ("bit", "null"):
        message = f"Operand data type {value.type.name} is invalid for {call.name.lower()} operator."
        raise Fault(8117, message, call.at)
    name = call.name.lower()
    if value.type.is_string:
        return Typed(f"arg_{name}({value.sql}, {fold(value)}){over}", value.type)
    return Typed(f"{name}({value.sql}){over}", value.type)


def _sum_or_average(call: tree.Call, value: Typed, distinct: str, over: str) -> Typed:
    kind = _summed(value.type)
    if call.name == "SUM":
        return Typed(f"CAST(sum({distinct}{value.sql}){over} AS {kind.duck})", kind)
    if kind == FLOAT:
        return Typed(f"avg({distinct}{value.sql}){over}", FLOAT)
    if kind.is_integer:
        # The average of integers is an integer, cut towards zero.
        return Typed(f"CAST(trunc(avg({distinct}{value.sql}){over}) AS {kind.duck})", kind)
    kind = decimal(38, max(value.type.scale, 6))
    return Typed(f"CAST(avg({distinct}{value.sql}){over} AS {kind.duck})", kind)


def _summed(kind: Type) -> Type:
    if kind.name in ("tinyint", "smallint"):
        return INT
    if kind.name == "decimal":
        return decimal(38, kind.scale)
    return FLOAT if kind.name == "real" else kind


def _string_agg(call: tree.Call, values: list[Typed], order: str) -> Typed:
    value = values[0] if values[0].type.is_string else convert(values[0], text(4000, national=True), call.at)
    if not isinstance(call.arguments[1], tree.Constant | tree.Parameter):
        message = "The separator parameter for the STRING_AGG function must be a string literal or variable."
        raise Fault(8733, message, call.at)
    length = MAX if value.type.length == MAX else 4000 if value.type.name == "nvarchar" else 8000
    kind = Type(value.type.name, length=length)
    return Typed(f"string_agg({value.sql}, {values[1].sql}{order})", kind)


def windowed(call: tree.Call, values: list[Typed], over: str) -> Typed:
    """A ranking or offset function; `over` is the text of OVER (…)."""
    if call.name in _RANKING:
        return Typed(f"{_RANKING[call.name]}{over}", BIGINT)
    if call.name == "NTILE":
        return Typed(f"ntile({convert(values[0], BIGINT, call.at).sql}){over}", BIGINT)
    if call.name in ("FIRST_VALUE", "LAST_VALUE"):
        return Typed(f"{call.name.lower()}({values[0].sql}){over}", values[0].type)
    step = convert(values[1], BIGINT, call.at).sql if len(values) > 1 else "1"
    default = f", {convert(values[2], values[0].type, call.at).sql}" if len(values) > 2 else ""
    return Typed(f"{call.name.lower()}({values[0].sql}, {step}{default}){over}", values[0].type)
