"""Axes: which numbers to write beside a chart, and where a value lies in it. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

STEPS = (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 168)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Maps low..high onto start..end in pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def value_scale(values: Sequence[float | None], *, start: float, end: float, include: Sequence[float] = ()) -> Scale:
    """A scale with a little air around all finite `values`; of 0..1 when there are none."""
    finite = [value for value in (*values, *include) if value is not None and math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    air = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
    return Scale(low=low - air, high=high + air, start=start, end=end)


def value_ticks(scale: Scale, most: int = 4) -> list[float]:
    """Round numbers within the scale, at most `most` of them and at least one."""
    rough = (scale.high - scale.low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = factor * power
        first = math.ceil(scale.low / step)
        count = math.floor(scale.high / step) - first + 1
        if count <= most:
            break
    return [(first + index) * step for index in range(max(count, 1))]


def time_scale(begin: datetime, end: datetime, *, start: float, stop: float) -> Scale:
    return Scale(low=begin.timestamp(), high=end.timestamp(), start=start, end=stop)


def time_ticks(begin: datetime, end: datetime, most: int = 9) -> list[datetime]:
    """Whole hours (or parts of them, or days) in begin..end, at most `most` of them."""
    hours = (end - begin).total_seconds() / 3600
    step = timedelta(hours=next((step for step in STEPS if hours / step <= most - 1), math.ceil(hours / (most - 1))))
    midnight = begin.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    tick = midnight + step * math.ceil((begin - midnight) / step)
    found = []
    while tick <= end:
        found.append(tick)
        tick += step
    return found


def instant(moment: datetime, begin: datetime | None = None, end: datetime | None = None) -> str:
    """`2 Jan 06:10`; within a drawing from `begin` to `end` of at most a day 06:10, and its last midnight 24:00."""
    if begin is None or end is None or end - begin > timedelta(days=1):
        return f"{moment.day} {moment:%b %H:%M}"
    return "24:00" if moment == end and f"{moment:%H:%M}" == "00:00" else f"{moment:%H:%M}"


def spell(start: datetime, stop: datetime, begin: datetime | None = None, end: datetime | None = None) -> str:
    """`2 Jan 06:10 to 07:00`, `06:10 to 07:00`: a day is named once."""
    first, last = instant(start, begin, end), instant(stop, begin, end)
    if start == stop:
        return first
    if stop.date() == start.date():
        last = f"{stop:%H:%M}"
    return f"{first} to {last}"


def lasting(span: timedelta) -> str:
    """`10 min`, `1 h 35 min`, `2 d 3 h`."""
    minutes = round(span.total_seconds() / 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (0 if days else left, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 min"


def number(value: float | None) -> str:
    """A short number: 1,234 · 12.3 · 0.012."""
    if value is None or not math.isfinite(value):
        return "no value"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"


def runs(
    times: Sequence[datetime], values: Sequence[float | None], gap: timedelta
) -> Iterator[list[tuple[datetime, float]]]:
    """Pieces of a line without a missing value and without a step in time above `gap`."""
    piece: list[tuple[datetime, float]] = []
    for time, value in zip(times, values, strict=True):
        missing = value is None or not math.isfinite(value)
        if piece and (missing or time - piece[-1][0] > gap):
            yield piece
            piece = []
        if value is not None and not missing:
            piece.append((time, value))
    if piece:
        yield piece
