"""Puts tiles, accounts and series together into the page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

from markupsafe import Markup

from operations.page.charts import Series, chart, faults, strip
from operations.page.scales import instant, number, spell

HERE = Path(__file__).parent
MOST_CHARTS = 60
MOST_OPEN = 24
MOST_RUNS = 12
MOST_SPANS = 12
CLOSE = timedelta(hours=2)
"""A drawing of a fault shows at least so much before and after it."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One figure of the summary; `state` colours it: "", "good" or "bad"."""

    label: str
    value: str
    note: str = ""
    state: str = ""


@dataclass(frozen=True, kw_only=True)
class AccountLine:
    """Events of one fate, and where that number was counted."""

    label: str
    count: int
    meaning: str
    source: str


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """A run: its window, its rows, and how many of those shown here are anomalies."""

    window: str
    rows: int
    scored: int
    rejected: int
    anomalies: int
    job: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """`noun` is what a row is of, `truth` what a marked span is, `meaning` what measured, expected and score are.

    `note` explains the tiles. `refused` are rows that could not be scored: reason, number, when. `gaps` are spans
    between the first run and the last that no run covers.
    """

    title: str
    subtitle: str
    begin: datetime
    end: datetime
    key_names: tuple[str, ...]
    series: Sequence[Series]
    noun: str = "windows"
    truth: str = "known fault"
    meaning: tuple[str, str, str] = ("", "", "")
    tiles: Sequence[Tile] = ()
    note: str = ""
    account: Sequence[AccountLine] = ()
    sent: int = 0
    refused: Sequence[tuple[str, str, str]] = ()
    runs: Sequence[RunLine] = ()
    replaced: int = 0
    gaps: Sequence[str] = ()
    origin: Sequence[tuple[str, str]] = ()
    footer: str = ""

    @property
    def accounted(self) -> int:
        return sum(line.count for line in self.account)

    @property
    def has_truth(self) -> bool:
        return any(series.bands for series in self.series)

    @property
    def span(self) -> str:
        return f"{instant(self.begin)} to {instant(self.end)}"

    @property
    def total(self) -> RunLine:
        counts = {name: sum(getattr(run, name) for run in self.runs) for name in ("rows", "scored", "rejected")}
        return RunLine(window="sum", anomalies=sum(run.anomalies for run in self.runs), job="", **counts)


@dataclass(kw_only=True)
class _Item:
    series: Series
    id: str
    name: str
    highest: str
    strip: Markup
    chart: Markup | None
    close: list[tuple[str, Markup]]
    caption: str


@dataclass(kw_only=True)
class _Group:
    name: str
    series: list[_Item]
    overview_open: bool
    charts_open: bool
    flagged: int
    charts: list[_Item] = field(default_factory=list)


def render(page: Page, *, most_charts: int = MOST_CHARTS) -> str:
    """The whole HTML document: every series in the overview, the `most_charts` with most anomalies drawn large."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    groups = list(_groups(page, most_charts))
    drawn = sum(len(group.charts) for group in groups)
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    css = Markup((HERE / "page.css").read_text("utf-8"))  # noqa: S704 - our own style sheet
    return environment.get_template("page.html.j2").render(
        page=page, groups=groups, css=css, drawn=drawn, left_out=len(page.series) - drawn, most_runs=MOST_RUNS
    )


def _groups(page: Page, most_charts: int) -> Iterator[_Group]:
    ordered = sorted(page.series, key=lambda series: series.key)
    worst = sorted(ordered, key=lambda series: (-series.flagged, -series.highest))[:most_charts]
    drawn = {series.key for series in worst}
    few = len(ordered) <= MOST_OPEN
    for index, (device, members) in enumerate(groupby(ordered, key=lambda series: series.key[:-1])):
        items = [_item(series, page, f"s{index}-{place}", series.key in drawn) for place, series in enumerate(members)]
        group = _Group(
            name=" / ".join(device) or page.key_names[-1],
            series=items,
            overview_open=few or index == 0,
            charts_open=few or index == 0,
            flagged=sum(item.series.flagged for item in items),
        )
        group.charts = [item for item in items if item.chart is not None]
        yield group


def _item(series: Series, page: Page, identifier: str, draw: bool) -> _Item:
    return _Item(
        series=series,
        id=identifier,
        name=series.key[-1],
        highest=number(series.highest),
        strip=strip(series, page.begin, page.end, f"{identifier}o"),
        chart=chart(series, page.begin, page.end, f"{identifier}c") if draw else None,
        close=list(_close(series, page, identifier)) if draw else [],
        caption=caption(series, page.begin, page.end),
    )


def _close(series: Series, page: Page, identifier: str) -> Iterator[tuple[str, Markup]]:
    """Each known fault drawn large, where it would else be a thin line: title and drawing."""
    if page.end - page.begin <= timedelta(days=1):
        return
    for number_, band in enumerate(series.bands):
        before = max(band.end - band.start, CLOSE)
        begin, end = max(band.start - before, page.begin), min(band.end + before, page.end)
        title = f"{band.name}, {spell(band.start, band.end)}"
        yield title, chart(series.between(begin, end), begin, end, f"{identifier}z{number_}")


def caption(series: Series, begin: datetime, end: datetime) -> str:
    """What the drawing shows, in words: spans of flagged rows, known faults."""
    flagged = [time for time, anomaly in zip(series.times, series.anomalies, strict=True) if anomaly]
    told = spans(flagged, _step(series.times), begin, end)
    more = f" and {len(told) - MOST_SPANS} more" if len(told) > MOST_SPANS else ""
    found = f"Flagged: {', '.join(told[:MOST_SPANS])}{more}." if told else "Nothing flagged."
    if series.bands:
        found += f" Known fault{'s' if len(series.bands) > 1 else ''}: {faults(series, (begin, end))}."
    return found


def spans(times: Sequence[datetime], step: timedelta, begin: datetime, end: datetime) -> list[str]:
    """Neighbouring times, `step` apart, joined: ["03:10 to 03:55 (10 rows)", "14:20"]."""
    found: list[list[datetime]] = []
    for time in times:
        if found and time - found[-1][-1] <= step:
            found[-1].append(time)
        else:
            found.append([time])
    return [
        instant(run[0], begin, end) if len(run) == 1 else f"{spell(run[0], run[-1], begin, end)} ({len(run)} rows)"
        for run in found
    ]


def _step(times: Sequence[datetime]) -> timedelta:
    return min((after - before for before, after in pairwise(times)), default=timedelta(0))
