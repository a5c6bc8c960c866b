"""T-SQL's date parts and the functions that take one."""

from __future__ import annotations

from .conversions import Typed, convert
from .errors import Fault, refused
from .types import BIGINT, DATE, DATETIME, INT, Type

# https://learn.microsoft.com/sql/t-sql/functions/datepart-transact-sql
_SPELLINGS = {
    "year": "year", "yy": "year", "yyyy": "year", "quarter": "quarter", "qq": "quarter", "q": "quarter",
    "month": "month", "mm": "month", "m": "month", "dayofyear": "dayofyear", "dy": "dayofyear", "y": "dayofyear",
    "day": "day", "dd": "day", "d": "day", "weekday": "weekday", "dw": "weekday", "week": "week", "wk": "week",
    "ww": "week", "iso_week": "iso_week", "isowk": "iso_week", "isoww": "iso_week", "hour": "hour", "hh": "hour",
    "minute": "minute", "mi": "minute", "n": "minute", "second": "second", "ss": "second", "s": "second",
    "millisecond": "millisecond", "ms": "millisecond", "microsecond": "microsecond", "mcs": "microsecond",
}  # fmt: skip

_CLOCK_PARTS = ("hour", "minute", "second", "millisecond", "microsecond")
_DATE_PARTS = ("year", "quarter", "month", "dayofyear", "day")
_PARTS = {
    "DATEADD": (*_DATE_PARTS, "weekday", "week", *_CLOCK_PARTS),
    "DATEDIFF": (*_DATE_PARTS, "week", *_CLOCK_PARTS),
    "DATEDIFF_BIG": (*_DATE_PARTS, "week", *_CLOCK_PARTS),
    "DATEPART": (*_DATE_PARTS, "weekday", "iso_week", *_CLOCK_PARTS),
    "DATETRUNC": ("year", "quarter", "month", "day", "iso_week", *_CLOCK_PARTS),
}
_INTERVALS = {
    "year": "to_years", "quarter": "to_quarters", "month": "to_months", "dayofyear": "to_days", "day": "to_days",
    "weekday": "to_days", "week": "to_weeks", "hour": "to_hours", "minute": "to_minutes", "second": "to_seconds",
    "millisecond": "to_milliseconds", "microsecond": "to_microseconds",
}  # fmt: skip
_EXTRACTS = {
    "dayofyear": "dayofyear({})", "weekday": "(dayofweek({}) + 1)", "iso_week": "weekofyear({})",
    "millisecond": "(microsecond({}) // 1000 % 1000)", "microsecond": "(microsecond({}) % 1000000)",
}  # fmt: skip


class DateParts:
    """Which functions begin with a date part, and which parts each takes."""

    functions = frozenset(_PARTS)

    def read(self, text: str, at: int, function: str) -> str:
        part = _SPELLINGS.get(text.lower())
        if part is None:
            if text.lower() in ("nanosecond", "ns", "tzoffset", "tz"):
                raise refused(f"the date part {text}", at)
            raise Fault(155, f"'{text}' is not a recognized {function.lower()} option.", at)
        if part not in _PARTS[function]:
            raise refused(f"the date part {text} in {function}", at, f"the parts are {', '.join(_PARTS[function])}")
        return part

    def of(self, function: str) -> tuple[str, ...]:
        return _PARTS[function]


DATE_PARTS = DateParts()


def moment(value: Typed, at: int) -> Typed:
    """A moment, from itself or from text (which reads as DATETIME)."""
    if value.type.is_moment:
        return value
    if value.type.is_string or value.type.name == "null":
        return convert(value, DATETIME, at)
    raise Fault(8116, f"Argument data type {value.type.name} is invalid for a date function.", at)


def dateadd(part: str, number: Typed, value: Typed, at: int) -> Typed:
    """DATEADD: the number without its fraction; a month's end stays within the month."""
    start = moment(value, at)
    if start.type == DATE and part in _CLOCK_PARTS:
        message = f"The datepart {part} is not supported by date function dateadd for data type date."
        raise Fault(9810, message, at)
    count = convert(number, INT, at)
    moved = f"({start.sql} + {_INTERVALS[part]}({count.sql}))"
    return Typed(f"CAST({moved} AS DATE)" if start.type == DATE else moved, start.type)


def datediff(part: str, start: Typed, end: Typed, at: int, *, big: bool) -> Typed:
    """DATEDIFF: how many boundaries of the part lie between; weeks begin on Sunday."""
    first, last = (f"CAST({moment(value, at).sql} AS TIMESTAMP)" for value in (start, end))
    kind = BIGINT if big else INT
    if part == "week":
        # DuckDB counts no boundaries of weeks; weeks are counted here from a Sunday of the year 1.
        weeks = [f"floor(date_diff('day', DATE '0001-01-07', {moment}) / 7.0)" for moment in (first, last)]
        return Typed(f"CAST({weeks[1]} - {weeks[0]} AS {kind.duck})", kind)
    unit = "day" if part == "dayofyear" else part
    return Typed(f"CAST(date_diff('{unit}', {first}, {last}) AS {kind.duck})", kind)


def datepart(part: str, value: Typed, at: int) -> Typed:
    source = moment(value, at)
    if source.type == DATE and part in _CLOCK_PARTS:
        message = f"The datepart {part} is not supported by date function datepart for data type date."
        raise Fault(9810, message, at)
    pattern = _EXTRACTS.get(part, f"{part}({{}})")
    return Typed(f"CAST({pattern.format(source.sql)} AS INTEGER)", INT)


def datetrunc(part: str, value: Typed, at: int) -> Typed:
    source = moment(value, at)
    unit = "week" if part == "iso_week" else part
    return Typed(f"CAST(date_trunc('{unit}', {source.sql}) AS {source.type.duck})", source.type)


def from_parts(parts: list[Typed], at: int, kind: Type) -> Typed:
    """DATEFROMPARTS."""
    year, month, day = (convert(part, INT, at).sql for part in parts)
    return Typed(f"make_date({year}, {month}, {day})", kind)


def eomonth(value: Typed, months: Typed | None, at: int) -> Typed:
    start = convert(moment(value, at), DATE, at)
    moved = dateadd("month", months, start, at) if months else start
    return Typed(f"last_day({moved.sql})", DATE)
