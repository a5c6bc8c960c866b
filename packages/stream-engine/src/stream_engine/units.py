"""Units of time, their names, and calendar arithmetic as T-SQL defines it."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta

from .values import Unconvertible, to_micros

_names = {
    "year": "year yy yyyy",
    "quarter": "quarter qq q",
    "month": "month mm m",
    "dayofyear": "dayofyear dy y",
    "day": "day dd d",
    "week": "week wk ww",
    "weekday": "weekday dw w",
    "hour": "hour hh",
    "minute": "minute mi n",
    "second": "second ss s",
    "millisecond": "millisecond ms",
    "microsecond": "microsecond mcs",
}
names = {alias: unit for unit, aliases in _names.items() for alias in aliases.split()}

# Microseconds of the units that have a fixed length.
lengths = {
    "day": 86_400_000_000,
    "hour": 3_600_000_000,
    "minute": 60_000_000,
    "second": 1_000_000,
    "millisecond": 1_000,
    "microsecond": 1,
}


def part(unit: str, moment: datetime) -> int:
    """DATEPART"""
    if unit == "quarter":
        return (moment.month + 2) // 3
    if unit == "dayofyear":
        return moment.timetuple().tm_yday
    if unit == "week":
        # The week that holds 1 January is the first; a week starts on Sunday.
        first = datetime(moment.year, 1, 1, tzinfo=moment.tzinfo).isoweekday() % 7
        return (moment.timetuple().tm_yday + first - 1) // 7 + 1
    if unit == "weekday":
        return moment.isoweekday() % 7 + 1
    if unit == "millisecond":
        return moment.microsecond // 1000
    return getattr(moment, unit)


def name(unit: str, moment: datetime) -> str:
    """DATENAME"""
    if unit == "month":
        return calendar.month_name[moment.month]
    if unit == "weekday":
        return calendar.day_name[moment.weekday()]
    return str(part(unit, moment))


def add(unit: str, count: int, moment: datetime) -> datetime:
    """DATEADD; a month's missing day becomes its last. Raises Unconvertible beyond the years 1 to 9999."""
    try:
        if unit in ("year", "quarter", "month"):
            months = moment.year * 12 + moment.month - 1 + count * {"year": 12, "quarter": 3, "month": 1}[unit]
            year, month = divmod(months, 12)
            day = min(moment.day, calendar.monthrange(year, month + 1)[1])
            return moment.replace(year=year, month=month + 1, day=day)
        unit = {"dayofyear": "day", "weekday": "day"}.get(unit, unit)
        micros = 7 * lengths["day"] if unit == "week" else lengths[unit]
        return moment + timedelta(microseconds=count * micros)
    except (OverflowError, ValueError, calendar.IllegalMonthError):
        raise Unconvertible(moment) from None


def difference(unit: str, start: datetime, end: datetime) -> int:
    """DATEDIFF: how many boundaries of the unit lie between the two."""
    if unit in ("year", "quarter", "month"):
        size = {"year": 12, "quarter": 3, "month": 1}[unit]
        return (end.year * 12 + end.month - 1) // size - (start.year * 12 + start.month - 1) // size
    day = lengths["day"]
    if unit == "week":
        # 1970-01-01 was a Thursday; weeks start on Sunday.
        return (to_micros(end) // day + 4) // 7 - (to_micros(start) // day + 4) // 7
    size = lengths[{"dayofyear": "day", "weekday": "day"}.get(unit, unit)]
    return to_micros(end) // size - to_micros(start) // size
