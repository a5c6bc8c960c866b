"""What a run came to: events, rows, anomalies and how right they are; as the page and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from operations import quality
from operations.accounting import Account
from operations.page.charts import Band, Series
from operations.page.columns import THRESHOLD, Parts
from operations.page.render import AccountLine, Page, Tile


@dataclass(frozen=True, kw_only=True)
class Report:
    """`sent`, `account` and the two qualities are there when the record of what was sent is."""

    problem: str
    parts: Parts
    rows: pa.Table
    runs: Sequence[Mapping[str, Any]]
    sent: Mapping[str, Any] | None = None
    account: Account | None = None
    found: quality.Quality | None = None
    rule: quality.Quality | None = None

    @property
    def flagged(self) -> int:
        return sum(1 for anomaly in self.rows.column(self.parts.anomaly).to_pylist() if anomaly)

    def counts(self, name: str) -> int:
        return sum(run[name] for run in self.runs)


def judge(
    rows: pa.Table, parts: Parts, sent: Mapping[str, Any], history: pa.Table | None
) -> tuple[quality.Quality, quality.Quality | None]:
    """The model's quality against the injected truth, and the three-sigma rule's where there is a history."""
    truth = quality.injected(sent["truth"], parts) & set(quality.keys(rows, parts))
    model = quality.compare(quality.flagged(rows, parts), truth)
    return model, None if history is None else quality.compare(quality.three_sigma(rows, history, parts), truth)


def facts(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    found: dict[str, Any] = {
        "problem": report.problem,
        "windows": report.rows.num_rows if report.account is None else report.account.windows,
        "rows": {name: report.counts(name) for name in ("rows", "scored", "rejected")},
        "anomalies": report.flagged,
        "runs": list(report.runs),
    }
    if report.account is not None:
        lines = [{"kind": line.kind, "count": line.count, "source": line.source} for line in report.account.lines]
        found["events"] = {"sent": report.account.sent, "balance": report.account.balance, "lines": lines}
    if report.found is not None:
        found["quality"] = report.found.facts()
    if report.rule is not None:
        found["three_sigma"] = report.rule.facts()
    return found


def page(report: Report) -> Page:
    begin, end = _extent(report)
    series = series_of(report.rows, report.parts, [] if report.sent is None else report.sent["faults"])
    account = report.account
    deployments = ", ".join(dict.fromkeys(str(run["deployment"]) for run in report.runs))
    return Page(
        title=f"{report.problem.capitalize()}, {_span(begin, end)}",
        subtitle=f"{report.rows.num_rows:,} windows of {len(series)} series, scored by {deployments}",
        begin=begin,
        end=end,
        key_names=report.parts.series,
        series=series,
        tiles=tiles(report, series),
        account=[AccountLine(label=x.label, count=x.count, meaning=x.meaning, source=x.source) for x in account.lines]
        if account
        else (),
        sent=account.sent if account else 0,
        runs=[
            [(name, str(run[name])) for name in _RUN_FACTS if run.get(name) not in (None, "")] for run in report.runs
        ],
        footer="Times are UTC. Made by batch-scoring results; needs no network.",
    )


_RUN_FACTS = (
    "window",
    "attempt",
    "job",
    "deployment",
    "model",
    "code",
    "input",
    "rows",
    "scored",
    "rejected",
    "seconds",
)


def tiles(report: Report, series: Sequence[Series]) -> list[Tile]:
    rows, scored, rejected = (report.counts(name) for name in ("rows", "scored", "rejected"))
    busy = sum(1 for one in series if one.flagged)
    found = []
    if report.sent is not None:
        found.append(
            Tile(label="Events sent", value=f"{report.sent['sent']:,}", note=f"{report.sent['rate']:,} a second")
        )
    state = "good" if rows == scored + rejected else "bad"
    found.append(
        Tile(label="Rows in", value=f"{rows:,}", note=f"{scored:,} scored + {rejected:,} rejected", state=state)
    )
    found.append(Tile(label="Anomalies", value=f"{report.flagged:,}", note=f"in {busy} of {len(series)} series"))
    if report.found is not None:
        found.append(Tile(label="Recall", value=f"{report.found.recall:.2f}", note="of windows with an injected fault"))
        found.append(Tile(label="Precision", value=f"{report.found.precision:.2f}", note="of windows flagged"))
        rule = report.rule
        better = rule is None or report.found.f1 > rule.f1
        note = "" if rule is None else f"three-sigma rule: {rule.f1:.2f}"
        found.append(Tile(label="F1", value=f"{report.found.f1:.2f}", note=note, state="good" if better else "bad"))
    return found


def series_of(rows: pa.Table, parts: Parts, faults: Sequence[Mapping[str, Any]]) -> list[Series]:
    """The rows by series, in the order of time, each with the faults that were injected into it."""
    bands: dict[tuple[str, ...], list[Band]] = {}
    for fault in faults:
        span = {"start": datetime.fromisoformat(fault["Start"]), "end": datetime.fromisoformat(fault["End"])}
        key = tuple(str(fault[name]) for name in parts.series)
        bands.setdefault(key, []).append(Band(**span, kind=fault["Kind"]))
    columns = (parts.time, parts.value, parts.expected, parts.score, parts.anomaly)
    grouped: dict[tuple[str, ...], list[tuple]] = {}
    ordered = rows.sort_by(parts.time)
    names = zip(*(ordered.column(name).to_pylist() for name in parts.series), strict=True)
    for key, row in zip(names, zip(*(ordered.column(name).to_pylist() for name in columns), strict=True), strict=True):
        grouped.setdefault(tuple(str(part) for part in key), []).append(row)
    return [_series(key, values, parts, bands.get(key, [])) for key, values in sorted(grouped.items())]


def _series(key: tuple[str, ...], rows: Sequence[tuple], parts: Parts, bands: Sequence[Band]) -> Series:
    times, values, expected, scores, anomalies = zip(*rows, strict=True)
    return Series(
        key=key,
        value_name=parts.value,
        unit=parts.unit,
        times=times,
        values=values,
        expected=expected,
        scores=scores,
        anomalies=[bool(anomaly) for anomaly in anomalies],
        threshold=THRESHOLD,
        bands=bands,
    )


def _extent(report: Report) -> tuple[datetime, datetime]:
    """From the start of the first window to the end of the last, in whole hours."""
    if report.sent is not None:
        return datetime.fromisoformat(report.sent["start"]), datetime.fromisoformat(report.sent["end"])
    times = report.rows.column(report.parts.time).to_pylist()
    if not times:
        run = report.runs[-1]
        return datetime.fromisoformat(run["from"]), datetime.fromisoformat(run["to"])
    first = (min(times) - timedelta(seconds=1)).replace(minute=0, second=0, microsecond=0)
    last = max(times)
    hour = last.replace(minute=0, second=0, microsecond=0)
    return first, hour if hour == last else hour + timedelta(hours=1)


def _span(begin: datetime, end: datetime) -> str:
    if end - begin <= timedelta(days=1):
        return f"{begin.day} {begin:%B %Y}"
    last = end - timedelta(seconds=1)
    return f"{begin.day} {begin:%B} to {last.day} {last:%B %Y}"
