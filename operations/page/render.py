"""Puts tiles, accounts and series together into the page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

from markupsafe import Markup

from operations.page.charts import Series, chart, strip
from operations.page.scales import number

HERE = Path(__file__).parent
MOST_CHARTS = 60
MOST_OPEN = 24


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
class Page:
    title: str
    subtitle: str
    begin: datetime
    end: datetime
    key_names: tuple[str, ...]
    series: Sequence[Series]
    tiles: Sequence[Tile] = ()
    account: Sequence[AccountLine] = ()
    sent: int = 0
    runs: Sequence[Sequence[tuple[str, str]]] = ()
    footer: str = ""

    @property
    def accounted(self) -> int:
        return sum(line.count for line in self.account)

    @property
    def has_truth(self) -> bool:
        return any(series.bands for series in self.series)

    @property
    def span(self) -> str:
        return f"{self.begin:%d %b %H:%M} to {self.end:%d %b %H:%M} UTC"


@dataclass(kw_only=True)
class _Item:
    series: Series
    id: str
    name: str
    highest: str
    strip: Markup
    chart: Markup | None
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
        page=page, groups=groups, css=css, drawn=drawn, left_out=len(page.series) - drawn
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
        caption=caption(series),
    )


def caption(series: Series) -> str:
    """What the drawing shows, in words: spans of flagged windows and of injected faults."""
    flagged = [time for time, anomaly in zip(series.times, series.anomalies, strict=True) if anomaly]
    found = f"Flagged: {', '.join(spans(flagged, _step(series.times)))}." if flagged else "Nothing flagged."
    if series.bands:
        found += (
            " Injected: "
            + ", ".join(f"{band.kind} {band.start:%H:%M} to {band.end:%H:%M}" for band in series.bands)
            + "."
        )
    return found


def spans(times: Sequence[datetime], step: timedelta) -> list[str]:
    """Neighbouring times, `step` apart, joined: ["03:10 to 03:55 (10 windows)", "14:20"]."""
    found: list[list[datetime]] = []
    for time in times:
        if found and time - found[-1][-1] <= step:
            found[-1].append(time)
        else:
            found.append([time])
    return [
        f"{run[0]:%H:%M}" if len(run) == 1 else f"{run[0]:%H:%M} to {run[-1]:%H:%M} ({len(run)} windows)"
        for run in found
    ]


def _step(times: Sequence[datetime]) -> timedelta:
    return min((after - before for before, after in pairwise(times)), default=timedelta(0))
