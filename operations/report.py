"""What runs came to: events, rows, anomalies and how right they are; as the page and as JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from operations import quality, rejections
from operations.accounting import Account
from operations.page.charts import Band, Series
from operations.page.columns import THRESHOLD, Parts
from operations.page.render import AccountLine, Page, RunLine
from operations.page.scales import instant, spell
from operations.tiles import tiles

JOB = "Job"
INJECTED, TOLD = "fault injected by the simulator", "known fault, told by the data's owner"

EXPLAINED = (
    "Recall: of the faulty {noun}, the share that was flagged. Precision: of the flagged {noun}, the share that was "
    "faulty. F1: both in one figure, at best 1. A three-sigma rule flags what is more than three standard deviations "
    "from the mean of the training history."
)


@dataclass(frozen=True, kw_only=True)
class Report:
    """`sent` and `account` are there when the record of what was sent is, `judged` when a fault is known in the rows,
    `refused` when rows were rejected. `credit` names whose measured data it is, `replaced`
    counts runs that later ones of the same windows have replaced.

    `noun` is what a row is of: "windows", or "measurements" where rows come in files.
    """

    problem: str
    parts: Parts
    rows: pa.Table
    runs: Sequence[Mapping[str, Any]]
    noun: str = "windows"
    sent: Mapping[str, Any] | None = None
    account: Account | None = None
    judged: quality.Judgement | None = None
    refused: pa.Table | None = None
    credit: str = ""
    replaced: int = 0

    @property
    def flagged(self) -> int:
        return sum(1 for anomaly in self.rows.column(self.parts.anomaly).to_pylist() if anomaly)

    @property
    def series(self) -> set[tuple]:
        return {key[1:] for key in quality.keys(self.rows, self.parts)}

    @property
    def flagged_series(self) -> set[tuple]:
        return {key[1:] for key in quality.flagged(self.rows, self.parts)}

    def counts(self, name: str) -> int:
        return sum(run[name] for run in self.runs)


def latest(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of the runs of one window, given oldest first, the last: it replaces the others, also where it has fewer rows."""
    last = {run["window"]: run for run in runs}
    return [run for run in runs if last[run["window"]] is run]


def facts(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    found: dict[str, Any] = {
        "problem": report.problem,
        "windows": report.rows.num_rows if report.account is None else report.account.windows,
        "rows": {name: report.counts(name) for name in ("rows", "scored", "rejected")},
        "reasons": _reasons(report),
        "anomalies": report.flagged,
        "runs": list(report.runs),
    }
    if report.account is not None:
        lines = [{"kind": line.kind, "count": line.count, "source": line.source} for line in report.account.lines]
        found["events"] = {"sent": report.account.sent, "balance": report.account.balance, "lines": lines}
    if report.judged is not None:
        known, alarm = report.judged.faults, quality.first_alarm(report.judged.faults)
        counts = {"known": len(known), "found": sum(fault.alarm is not None for fault in known)}
        found["faults"] = {**counts, "first_alarm_seconds": None if alarm is None else alarm.total_seconds()}
        found["quality"] = report.judged.found.facts()
        if report.judged.rule is not None:
            found["three_sigma"] = report.judged.rule.facts()
    return found


def _reasons(report: Report) -> dict[str, int]:
    found = [] if report.refused is None else rejections.reasons(report.refused, report.parts.time)
    return {one.reason: one.rows for one in found}


def page(report: Report) -> Page:
    begin, end = _extent(report)
    series = series_of(report.rows, report.parts, _bands(report))
    account = report.account
    deployments = ", ".join(dict.fromkeys(str(run["deployment"]) for run in report.runs))
    which = series[0].name if len(series) == 1 else f"{len(series)} series"
    return Page(
        title=f"{report.problem.capitalize()}, {_span(begin, end)}",
        subtitle=f"{report.rows.num_rows:,} {report.noun} of {which}, scored by {deployments}",
        begin=begin,
        end=end,
        key_names=report.parts.series,
        noun=report.noun,
        truth=TOLD if report.sent is None else INJECTED,
        meaning=report.parts.meaning,
        series=series,
        tiles=tiles(report),
        note=EXPLAINED.format(noun=report.noun) if report.judged else "",
        account=[AccountLine(label=x.label, count=x.count, meaning=x.meaning, source=x.source) for x in account.lines]
        if account
        else (),
        sent=account.sent if account else 0,
        refused=_refused(report),
        runs=_runs(report),
        replaced=report.replaced,
        gaps=gaps(report.runs),
        origin=_origin(report),
        footer=" ".join(["Times are UTC. Made by batch-scoring results; needs no network.", report.credit]).strip(),
    )


def series_of(rows: pa.Table, parts: Parts, bands: Mapping[tuple[str, ...], Sequence[Band]]) -> list[Series]:
    """The rows by series, in the order of time, each with its known faults."""
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
        value_name=key[-1] if key else parts.value,
        unit=parts.unit,
        times=times,
        values=values,
        expected=expected,
        scores=scores,
        anomalies=[bool(anomaly) for anomaly in anomalies],
        threshold=THRESHOLD,
        bands=bands,
    )


def _bands(report: Report) -> dict[tuple[str, ...], list[Band]]:
    """As the simulator injected them, to the second; else from the first faulty row to the last."""
    found: dict[tuple[str, ...], list[Band]] = {}
    if report.sent is not None:
        for fault in report.sent["faults"]:
            span = {"start": datetime.fromisoformat(fault["Start"]), "end": datetime.fromisoformat(fault["End"])}
            key = tuple(str(fault[name]) for name in report.parts.series)
            found.setdefault(key, []).append(Band(**span, kind=fault["Kind"]))
    elif report.judged is not None:
        for fault in report.judged.faults:
            band = Band(start=fault.start, end=fault.end, kind=fault.kind)
            found.setdefault(tuple(str(part) for part in fault.series), []).append(band)
    return found


def _runs(report: Report) -> list[RunLine]:
    jobs, flags = (
        report.rows.column(name).to_pylist() if name in report.rows.column_names else []
        for name in (JOB, report.parts.anomaly)
    )
    flagged = Counter(job for job, flag in zip(jobs, flags, strict=bool(jobs)) if flag)
    lines = []
    for run in sorted(report.runs, key=lambda run: run["from"]):
        start, end = datetime.fromisoformat(run["from"]), datetime.fromisoformat(run["to"])
        counts = {name: int(run[name]) for name in ("rows", "scored", "rejected")}
        lines.append(
            RunLine(
                window=f"{instant(start)} to {instant(end)}", anomalies=flagged[run["job"]], job=run["job"], **counts
            )
        )
    return lines


def gaps(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Spans between the first run and the last that no run covers."""
    found: list[str] = []
    reached: datetime | None = None
    for start, end in sorted((datetime.fromisoformat(run["from"]), datetime.fromisoformat(run["to"])) for run in runs):
        if reached is not None and start > reached:
            found.append(f"{instant(reached)} to {instant(start)}")
        reached = end if reached is None else max(reached, end)
    return found


def _refused(report: Report) -> list[tuple[str, str, str]]:
    """Reason, number of rows, and when, of what could not be scored."""
    if report.refused is None:
        return []
    return [
        (one.reason, f"{one.rows:,}", spell(one.first, one.last) if one.first and one.last else "no time")
        for one in rejections.reasons(report.refused, report.parts.time)
    ]


def _origin(report: Report) -> list[tuple[str, str]]:
    """What made the rows; each fact once, with all values that it has among the runs."""
    found = []
    for name in ("deployment", "model", "code"):
        values = dict.fromkeys(str(run[name]) for run in report.runs if run.get(name))
        if values:
            found.append((name, ", ".join(values)))
    return found


def _extent(report: Report) -> tuple[datetime, datetime]:
    """From the start of the first window to the end of the last, in whole hours."""
    if report.sent is not None:
        return datetime.fromisoformat(report.sent["start"]), datetime.fromisoformat(report.sent["end"])
    times = report.rows.column(report.parts.time).to_pylist()
    if not times:
        run = report.runs[-1]
        return datetime.fromisoformat(run["from"]), datetime.fromisoformat(run["to"])
    # A row of a window bears its end, a measurement its own time.
    before = timedelta(seconds=1) if report.noun == "windows" else timedelta(0)
    first = (min(times) - before).replace(minute=0, second=0, microsecond=0)
    last = max(times)
    hour = last.replace(minute=0, second=0, microsecond=0)
    return first, hour if hour == last else hour + timedelta(hours=1)


def _span(begin: datetime, end: datetime) -> str:
    last = end - timedelta(seconds=1)
    if last.date() == begin.date():
        return f"{begin.day} {begin:%B %Y}"
    year = f" {begin.year}" if begin.year != last.year else ""
    return f"{begin.day} {begin:%B}{year} to {last.day} {last:%B %Y}"
