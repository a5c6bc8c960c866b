"""The scalar functions of the language reference over numbers, dates, arrays and records, and of any type."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from . import units
from .functions import define
from .values import Unconvertible, Value, integer, type_of


def _round(value: float, digits: int) -> float:
    """Half away from zero. ROUND always has a result: 0 beyond the first digit, the value beyond the last."""
    if isinstance(value, int):
        scale = 10 ** min(max(-digits, 0), 20)
        rounded = (abs(value) + scale // 2) // scale * scale
        return integer(rounded if value >= 0 else -rounded)
    scale = 10.0 ** min(abs(digits), 308)
    size = abs(value) / scale if digits < 0 else abs(value) * scale
    if size >= 2**53:
        return value
    whole = math.floor(size + 0.5)
    return math.copysign(whole * scale if digits < 0 else whole / scale, value)


def _power(base: float, exponent: float) -> float:
    """The type is the base's. Source: language reference, POWER."""
    if isinstance(base, int) and isinstance(exponent, int) and 0 <= exponent <= 64:
        return integer(base**exponent)
    try:
        result = float(base) ** exponent
    except (OverflowError, ZeroDivisionError):
        raise Unconvertible(base) from None
    if isinstance(result, complex) or not math.isfinite(result):
        raise Unconvertible(base)
    return integer(int(result)) if isinstance(base, int) else result


def _root(value: float) -> float:
    if value < 0:
        raise Unconvertible(value)
    return math.sqrt(value)


define("ABS", "n", None, lambda x: integer(abs(x)) if isinstance(x, int) else abs(x))
define("CEILING", "n", None, lambda x: x if isinstance(x, int) else float(math.ceil(x)))
define("EXP", "n", "float", math.exp)
define("FLOOR", "n", None, lambda x: x if isinstance(x, int) else float(math.floor(x)))
define("POWER", "nn", None, _power)
define("ROUND", "ni", None, _round)
define("SIGN", "n", None, lambda x: (x > 0) - (x < 0) if isinstance(x, int) else float((x > 0) - (x < 0)))
define("SQUARE", "n", "float", lambda x: float(x) * float(x))
define("SQRT", "n", "float", _root)


def _from_parts(year: int, month: int, day: int, hour: int, minute: int, second: int, millisecond: int) -> datetime:
    try:
        return datetime(year, month, day, hour, minute, second, millisecond * 1000, tzinfo=UTC)
    except ValueError:
        raise Unconvertible((year, month, day)) from None


text = "nvarchar(max)"
define("DATEADD", "und", "datetime", lambda unit, count, moment: units.add(unit, int(count), moment))
define("DATEDIFF", "udd", "bigint", units.difference)
define("DATENAME", "ud", text, units.name)
define("DATEPART", "ud", "bigint", units.part)
define("DATETIMEFROMPARTS", "iiiiiii", "datetime", _from_parts)
define("DAY", "d", "bigint", lambda moment: moment.day)
define("MONTH", "d", "bigint", lambda moment: moment.month)
define("YEAR", "d", "bigint", lambda moment: moment.year)


def _coalesce(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)


define("COALESCE", "**+", None, _coalesce, nulls=True)
define("GETTYPE", "*", text, type_of, nulls=True)
define("NULLIF", "**", None, lambda left, right: None if left == right else left, nulls=True)


def _element(values: list[Value], index: int) -> Value:
    return values[index] if 0 <= index < len(values) else None


def _property(record: dict[str, Value], name: str) -> Value:
    if name in record:
        return record[name]
    folded = name.lower()
    return next((value for key, value in record.items() if key.lower() == folded), None)


define("GETARRAYELEMENT", "ai", None, _element)
define("GETARRAYLENGTH", "a", "bigint", len)
define("GETRECORDPROPERTYVALUE", "rs", None, _property)
