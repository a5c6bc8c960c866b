"""Functions of time. The clock comes from the scope; nothing here looks at the machine's."""

from collections.abc import Callable
from typing import Any

from factory_engine.expressions.dotnet_format import format_moment
from factory_engine.expressions.errors import ExpressionError
from factory_engine.expressions.moment import DAY, HOUR, MINUTE, SECOND, Moment, parse_moment
from factory_engine.expressions.signature import function

_UNITS = {"second": SECOND, "minute": MINUTE, "hour": HOUR, "day": DAY, "week": 7 * DAY}


def _utc_now(scope: Any, style: str = "o") -> str:
    return format_moment(Moment.of(scope.now()), style)


def _format_date_time(timestamp: str, style: str = "o") -> str:
    return format_moment(parse_moment(timestamp), style)


def _adding(ticks: int) -> Callable[..., str]:
    def apply(timestamp: str, count: int, style: str = "o") -> str:
        return format_moment(parse_moment(timestamp).plus(count * ticks), style)

    return apply


def _moved(moment: Moment, count: int, unit: str) -> Moment:
    """Time units are the service's: Second, Minute, Hour, Day, Week, Month, Year."""
    name = unit.lower()
    if name in _UNITS:
        return moment.plus(count * _UNITS[name])
    if name in ("month", "year"):
        return moment.plus_months(count * (12 if name == "year" else 1))
    msg = f"the time unit '{unit}' is none of Second, Minute, Hour, Day, Week, Month, Year"
    raise ExpressionError(msg)


def _add_to_time(timestamp: str, count: int, unit: str, style: str = "o") -> str:
    return format_moment(_moved(parse_moment(timestamp), count, unit), style)


def _subtract_from_time(timestamp: str, count: int, unit: str, style: str = "o") -> str:
    return _add_to_time(timestamp, -count, unit, style)


def _future(scope: Any, count: int, unit: str, style: str = "o") -> str:
    return format_moment(_moved(Moment.of(scope.now()), count, unit), style)


def _past(scope: Any, count: int, unit: str, style: str = "o") -> str:
    return _future(scope, -count, unit, style)


def _starting(ticks: int) -> Callable[..., str]:
    def apply(timestamp: str, style: str = "o") -> str:
        moment = parse_moment(timestamp)
        return format_moment(moment.plus(-(moment.ticks % ticks)), style)

    return apply


def _start_of_month(timestamp: str, style: str = "o") -> str:
    moment = parse_moment(timestamp)
    days = moment.date.day - 1
    return format_moment(moment.plus(-(moment.ticks % DAY) - days * DAY), style)


def _day_of_week(timestamp: str) -> int:
    """Sunday is 0."""
    return (parse_moment(timestamp).date.weekday() + 1) % 7


def _day_of_month(timestamp: str) -> int:
    return parse_moment(timestamp).date.day


def _day_of_year(timestamp: str) -> int:
    return parse_moment(timestamp).date.timetuple().tm_yday


def _ticks(timestamp: str) -> int:
    return parse_moment(timestamp).ticks


_ADDED = "timestamp:string, count:integer, format:string?"
_MOVED = "count:integer, unit:string, format:string?"

FUNCTIONS = (
    function("time", "utcNow(format:string?)", _utc_now, scoped=True),
    function("time", "formatDateTime(timestamp:string, format:string?)", _format_date_time),
    function("time", f"addDays({_ADDED})", _adding(DAY)),
    function("time", f"addHours({_ADDED})", _adding(HOUR)),
    function("time", f"addMinutes({_ADDED})", _adding(MINUTE)),
    function("time", f"addSeconds({_ADDED})", _adding(SECOND)),
    function("time", f"addToTime(timestamp:string, {_MOVED})", _add_to_time),
    function("time", f"subtractFromTime(timestamp:string, {_MOVED})", _subtract_from_time),
    function("time", f"getFutureTime({_MOVED})", _future, scoped=True),
    function("time", f"getPastTime({_MOVED})", _past, scoped=True),
    function("time", "startOfHour(timestamp:string, format:string?)", _starting(HOUR)),
    function("time", "startOfDay(timestamp:string, format:string?)", _starting(DAY)),
    function("time", "startOfMonth(timestamp:string, format:string?)", _start_of_month),
    function("time", "dayOfWeek(timestamp:string)", _day_of_week),
    function("time", "dayOfMonth(timestamp:string)", _day_of_month),
    function("time", "dayOfYear(timestamp:string)", _day_of_year),
    function("time", "ticks(timestamp:string)", _ticks),
)
