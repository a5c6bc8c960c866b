"""What the stream job says of itself: its state, its metrics, how far its results have come."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from operations import azure
from operations.stack import Stack

JOB_VERSION = "2020-03-01"
METRICS_VERSION = "2023-10-01"
COUNTS = (
    "InputEvents",
    "InputEventBytes",
    "LateInputEvents",
    "EarlyInputEvents",
    "DroppedOrAdjustedEvents",
    "DeserializationError",
    "ConversionErrors",
    "Errors",
    "OutputEvents",
)
DELAY = "OutputWatermarkDelaySeconds"
# Names of the REST API; the two that the portal calls otherwise are documented there as
# "Early Input Events" and "Input Deserialization Errors".
# https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-streamanalytics-streamingjobs-metrics


@dataclass(frozen=True, kw_only=True)
class StreamState:
    """`metrics` are totals over the span asked for; `watermark` is the event time up to which results are out."""

    name: str
    state: str
    metrics: dict[str, int]
    delay: timedelta | None
    watermark: datetime | None


def stream(stack: Stack, now: datetime, since: timedelta = timedelta(days=2)) -> StreamState:
    """The job's state, and its metrics in the time from `now - since` to `now`."""
    job = azure.get(azure.resource_manager(), stack.stream_job_id, JOB_VERSION)["properties"]
    totals = _metrics(stack, ",".join(COUNTS), "Total", span(now - since, now))
    delays = _metrics(stack, DELAY, "Maximum", span(now - timedelta(minutes=30), now)).get(DELAY, [])
    at, delay = (delays[-1][0], timedelta(seconds=delays[-1][1])) if delays else (now, None)
    return StreamState(
        name=stack.streamJob,
        state=job.get("jobState", "unknown"),
        metrics={name: round(sum(value for _, value in totals.get(name, []))) for name in COUNTS},
        delay=delay,
        watermark=None if delay is None else at - delay,
    )


def by_input(stack: Stack, metric: str, span: str) -> dict[str, int]:
    """A metric's total for each input of the job: Azure splits the metrics of a job by the dimension LogicalName."""
    found = _query(stack, metric, "Total", span, {"$filter": "LogicalName eq '*'"})
    totals: dict[str, int] = {}
    for entry in found.get("value", []):
        for series in entry.get("timeseries", []):
            name = next((item["value"] for item in series.get("metadatavalues", [])), "")
            totals[name] = totals.get(name, 0) + round(sum(point.get("total") or 0 for point in series["data"]))
    return totals


def span(start: datetime, end: datetime) -> str:
    """From `start` to `end` with the minute that `end` is in, which the service would leave out."""
    return f"{_iso(start)}/{_iso(end + timedelta(minutes=1))}"


def _metrics(stack: Stack, names: str, aggregation: str, span: str) -> dict[str, list[tuple[datetime, float]]]:
    """(minute, value) of each metric in order of time, without the minutes that have none."""
    key = aggregation.lower()
    found: dict[str, list[tuple[datetime, float]]] = {}
    for entry in _query(stack, names, aggregation, span, {}).get("value", []):
        points = [point for series in entry.get("timeseries", []) for point in series.get("data", [])]
        found[entry["name"]["value"]] = [
            (datetime.fromisoformat(point["timeStamp"]), point[key]) for point in points if point.get(key) is not None
        ]
    return found


def _query(stack: Stack, names: str, aggregation: str, span: str, more: dict[str, str]) -> dict[str, Any]:
    url = f"{stack.stream_job_id}/providers/Microsoft.Insights/metrics"
    asked = {"metricnames": names, "aggregation": aggregation, "timespan": span, "interval": "PT1M", **more}
    return azure.get(azure.resource_manager(), url, METRICS_VERSION, **asked)


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
