"""A point in time as .NET's DateTime holds it: 100-nanosecond ticks and a kind."""

import calendar
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal

from factory_engine.expressions.errors import ExpressionError

SECOND = 10_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# What `K` shows. A timestamp with an offset is turned into the service's local time, which is UTC.
Kind = Literal["Z", "", "+00:00"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2})(\.(?P<fraction>\d+))?)?"
    r"(?P<half>\s*[AaPp][Mm])?\s*(?P<zone>[Zz]|GMT|[+-]\d{2}:?\d{2})?"
)
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"(?P<year>\d{{4}})(?P<separator>[-/])(?P<month>\d{{1,2}})(?P=separator)(?P<day>\d{{1,2}})([Tt ]\s*{_CLOCK})?",
        rf"(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}})/(?P<year>\d{{4}})( {_CLOCK})?",
        rf"\w{{3}}, (?P<day>\d{{2}}) (?P<month>[A-Za-z]{{3}}) (?P<year>\d{{4}}) {_CLOCK}",
    )
)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """`ticks` since 0001-01-01T00:00:00."""

    ticks: int
    kind: Kind

    @classmethod
    def of(cls, when: datetime) -> "Moment":
        """The moment of an aware datetime, in UTC."""
        utc = when.astimezone(UTC)
        seconds = (utc.toordinal() - 1) * 86_400 + utc.hour * 3600 + utc.minute * 60 + utc.second
        return cls(ticks=seconds * SECOND + utc.microsecond * 10, kind="Z")

    @property
    def date(self) -> date:
        return date.fromordinal(self.ticks // DAY + 1)

    def plus(self, ticks: int) -> "Moment":
        if not 0 <= self.ticks + ticks < 3_652_059 * DAY:
            msg = "the resulting date lies outside the years 1 to 9999"
            raise ExpressionError(msg)
        return replace(self, ticks=self.ticks + ticks)

    def plus_months(self, months: int) -> "Moment":
        """Months later; the day is cut to the month's last."""
        day = self.date
        year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
        if not 1 <= year <= 9999:
            return self.plus(10_000 * 366 * DAY)
        target = date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
        return self.plus((target - day).days * DAY)


def parse_moment(text: str) -> Moment:
    """The moment a timestamp names: ISO 8601, `M/d/yyyy h:mm:ss tt` or RFC 1123. Raises ExpressionError."""
    for form in _FORMS:
        match = form.fullmatch(text.strip())
        if match:
            try:
                return _moment(match.groupdict())
            except ValueError:
                break
    msg = f"'{text}' is no timestamp that is understood (ISO 8601, M/d/yyyy h:mm:ss tt, RFC 1123)"
    raise ExpressionError(msg)


def _moment(parts: dict[str, str | None]) -> Moment:
    month = parts["month"] or ""
    number = int(month) if month.isdigit() else _MONTHS.index(month.lower()) + 1
    day = date(int(parts["year"] or 0), number, int(parts["day"] or 0))
    ticks = (day.toordinal() - 1) * DAY
    if parts["hour"] is None:
        return Moment(ticks=ticks, kind="")
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    if parts["half"]:
        hour = hour % 12 + (12 if parts["half"].strip().lower() == "pm" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError
    ticks += hour * HOUR + minute * MINUTE + second * SECOND + _fraction(parts["fraction"] or "")
    return _zoned(ticks, parts["zone"] or "")


def _fraction(digits: str) -> int:
    """Ticks of a fraction of a second; an eighth digit rounds."""
    return (int(digits.ljust(8, "0")[:8]) + 5) // 10


def _zoned(ticks: int, zone: str) -> Moment:
    if not zone:
        return Moment(ticks=ticks, kind="")
    if zone in ("Z", "z", "GMT"):
        return Moment(ticks=ticks, kind="Z")
    offset = int(zone[1:3]) * HOUR + int(zone[-2:]) * MINUTE
    return Moment(ticks=ticks, kind="+00:00").plus(-offset if zone[0] == "+" else offset)
