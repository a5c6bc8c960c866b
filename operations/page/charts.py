"""SVG drawings of a series. Pure: data in, markup out; colours are the page's CSS classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from markupsafe import Markup

from operations.page.scales import (
    Scale,
    instant,
    number,
    runs,
    spell,
    time_scale,
    time_ticks,
    value_scale,
    value_ticks,
)

WIDTH, LEFT, RIGHT = 960, 58, 12
SERIES_TOP, SERIES_BOTTOM = 20, 190
SCORE_TOP, SCORE_BOTTOM = 214, 270
HEIGHT = 296
LETTER = 6.6
"""Pixels of a letter of a band's name, which are at least kept free for it."""
STRIP_WIDTH, STRIP_HEIGHT = 480, 26


Extent = tuple[datetime, datetime]


@dataclass(frozen=True, kw_only=True)
class Band:
    """A span of time in which a fault is known; `kind` is "" where no more is known of it."""

    start: datetime
    end: datetime
    kind: str = ""

    @property
    def name(self) -> str:
        return self.kind or "known fault"


@dataclass(frozen=True, kw_only=True)
class Series:
    """The scored windows of one sensor in the order of time; above `threshold` a score is an anomaly."""

    key: tuple[str, ...]
    value_name: str
    unit: str
    times: Sequence[datetime]
    values: Sequence[float | None]
    expected: Sequence[float | None]
    scores: Sequence[float | None]
    anomalies: Sequence[bool]
    threshold: float | None = None
    bands: Sequence[Band] = ()

    @property
    def name(self) -> str:
        return " / ".join(self.key)

    def between(self, begin: datetime, end: datetime) -> "Series":
        """Its rows from `begin` to `end`, both included."""
        kept = [index for index, time in enumerate(self.times) if begin <= time <= end]
        columns = ("times", "values", "expected", "scores", "anomalies")
        return replace(self, **{name: [getattr(self, name)[index] for index in kept] for name in columns})

    @property
    def flagged(self) -> int:
        return sum(self.anomalies)

    @property
    def highest(self) -> float:
        return max((score for score in self.scores if score is not None), default=0.0)


def chart(series: Series, begin: datetime, end: datetime, identifier: str) -> Markup:
    """The series with what was expected, its anomalies and known faults; below it the score with its threshold."""
    across = time_scale(begin, end, start=LEFT, stop=WIDTH - RIGHT)
    upper = value_scale([*series.values, *series.expected], start=SERIES_BOTTOM, end=SERIES_TOP)
    limits = [0.0] if series.threshold is None else [0.0, series.threshold * 1.15]
    lower = value_scale(series.scores, start=SCORE_BOTTOM, end=SCORE_TOP, include=limits)
    parts = [
        *_bands(series, across, (begin, end), SERIES_TOP, SCORE_BOTTOM),
        *_names(series, across),
        *_value_axis(upper, value_ticks(upper)),
        *_value_axis(lower, value_ticks(lower, most=2)),
        *_time_axis(across, begin, end),
        _caption(SERIES_TOP, SERIES_BOTTOM, f"{series.value_name}{f', {series.unit}' if series.unit else ''}"),
        _caption(SCORE_TOP, SCORE_BOTTOM, "score"),
        _line("expected", series, series.expected, across, upper),
        _line("measured", series, series.values, across, upper),
        _line("score", series, series.scores, across, lower),
    ]
    if series.threshold is not None:
        parts.append(_level("threshold", lower(series.threshold), f"threshold {number(series.threshold)}"))
    parts += _markers(series, across, upper, (begin, end))
    words = _words(series, (begin, end))
    return _svg(WIDTH, HEIGHT, "chart", identifier, f"{series.name}: {series.value_name} and score", words, parts)


def strip(series: Series, begin: datetime, end: datetime, identifier: str) -> Markup:
    """One line of the overview: the score, known faults behind it, anomalies as ticks below."""
    across = time_scale(begin, end, start=0, stop=STRIP_WIDTH)
    limit = 0.0 if series.threshold is None else series.threshold
    up = value_scale(series.scores, start=STRIP_HEIGHT - 6, end=1, include=[0.0, limit])
    parts = _bands(series, across, (begin, end), 0, STRIP_HEIGHT)
    parts.append(_line("score", series, series.scores, across, up))
    parts += [
        Markup('<rect class="tick" x="{}" y="{}" width="2" height="5"/>').format(
            across(time.timestamp()) - 1, STRIP_HEIGHT - 5
        )
        for time, flagged in zip(series.times, series.anomalies, strict=True)
        if flagged
    ]
    words = _words(series, (begin, end))
    return _svg(STRIP_WIDTH, STRIP_HEIGHT, "strip", identifier, f"{series.name}: score", words, parts)


def _svg(
    width: int, height: int, kind: str, identifier: str, title: str, words: str, parts: Sequence[Markup]
) -> Markup:
    return Markup(
        '<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{id}-t {id}-d">'
        '<title id="{id}-t">{title}</title><desc id="{id}-d">{words}</desc>{parts}</svg>'
    ).format(
        kind=kind, width=width, height=height, id=identifier, title=title, words=words, parts=Markup("").join(parts)
    )


def _words(series: Series, extent: Extent) -> str:
    finite = [value for value in series.values if value is not None]
    span = (
        f"{series.value_name} from {number(min(finite))} to {number(max(finite))} {series.unit}".strip()
        if finite
        else "no values"
    )
    return f"{len(series.times)} rows, {span}; {series.flagged} anomalies; known faults: {faults(series, extent)}."


def faults(series: Series, extent: Extent) -> str:
    """`drift 08:20 to 08:35; stuck 12:09 to 13:05`, or none."""
    spans = (f"{band.kind} {spell(band.start, band.end, *extent)}".strip() for band in series.bands)
    return "; ".join(spans) or "none"


def _line(kind: str, series: Series, values: Sequence[float | None], across: Scale, up: Scale) -> Markup:
    paths = []
    for piece in runs(series.times, values, _gap(series.times)):
        points = [f"{across(time.timestamp())},{up(value)}" for time, value in piece]
        paths.append(f"M{' '.join(points)}" if len(points) > 1 else f"M{points[0]}h0.5")
    return Markup('<path class="{}" d="{}"/>').format(kind, "".join(paths))


def _gap(times: Sequence[datetime]) -> timedelta:
    steps = [(after - before).total_seconds() for before, after in pairwise(times)]
    return timedelta(seconds=1.5 * median(steps)) if steps else timedelta(0)


def _bands(series: Series, across: Scale, extent: Extent, top: float, bottom: float) -> list[Markup]:
    return [
        Markup('<rect class="truth" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
            left,
            top,
            max(round(right - left, 1), 2),
            bottom - top,
            f"{band.name}: {spell(band.start, band.end, *extent)}",
        )
        for band, left, right in _places(series, across)
    ]


def _names(series: Series, across: Scale) -> list[Markup]:
    """The kinds of the known faults above them; a name that would run into the one before it is left out."""
    found, free = [], float(LEFT)
    for band, left, right in _places(series, across):
        half = len(band.name) * LETTER / 2
        middle = min(max((left + right) / 2, LEFT + half), WIDTH - RIGHT - half)
        if middle - half >= free:
            text = Markup('<text class="band" x="{}" y="{}" text-anchor="middle">{}</text>')
            found.append(text.format(round(middle, 1), SERIES_TOP - 7, band.name))
            free = middle + half + LETTER
    return found


def _places(series: Series, across: Scale) -> list[tuple[Band, float, float]]:
    """The bands in the order of time, with their edges in pixels, of which none lies outside of the drawing."""
    found = []
    for band in sorted(series.bands, key=lambda band: band.start):
        left, right = (min(max(edge.timestamp(), across.low), across.high) for edge in (band.start, band.end))
        found.append((band, across(left), across(right)))
    return found


def _markers(series: Series, across: Scale, up: Scale, extent: Extent) -> list[Markup]:
    rows = zip(series.times, series.values, series.expected, series.scores, series.anomalies, strict=True)
    return [
        Markup('<circle class="anomaly" cx="{}" cy="{}" r="3.2"><title>{}</title></circle>').format(
            across(time.timestamp()),
            up(value),
            f"{instant(time, *extent)} {series.value_name} {number(value)}, expected {number(expected)}, "
            f"score {number(score)}",
        )
        for time, value, expected, score, flagged in rows
        if flagged and value is not None
    ]


def _value_axis(scale: Scale, ticks: Sequence[float]) -> list[Markup]:
    return [
        Markup('<path class="grid" d="M{} {}H{}"/><text class="tick-y" x="{}" y="{}">{}</text>').format(
            LEFT, scale(tick), WIDTH - RIGHT, LEFT - 6, scale(tick) + 4, number(tick)
        )
        for tick in ticks
    ]


def _time_axis(across: Scale, begin: datetime, end: datetime) -> list[Markup]:
    found = []
    for tick in time_ticks(begin, end):
        x = across(tick.timestamp())
        anchor = "end" if x > WIDTH - RIGHT - 16 else "middle"
        label = f"{tick:%H:%M}"
        if label == "00:00" and end - begin > timedelta(days=1):
            label = f"{tick.day} {tick:%b}"
        elif label == "00:00" and tick == end:
            label = "24:00"
        found.append(
            Markup(
                '<path class="grid" d="M{} {}V{}"/><text class="tick-x" x="{}" y="{}" text-anchor="{}">{}</text>'
            ).format(x, SERIES_TOP, SCORE_BOTTOM, x, SCORE_BOTTOM + 18, anchor, label)
        )
    return found


def _caption(top: float, bottom: float, words: str) -> Markup:
    middle = (top + bottom) / 2
    return Markup(
        '<text class="caption" transform="translate(12 {}) rotate(-90)" text-anchor="middle">{}</text>'
    ).format(middle, words)


def _level(kind: str, y: float, words: str) -> Markup:
    return Markup('<path class="{}" d="M{} {}H{}"><title>{}</title></path>').format(kind, LEFT, y, WIDTH - RIGHT, words)
