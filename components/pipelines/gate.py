"""The gate before a window: once the stream's watermark has passed it, its job writes no more rows of it."""

from components.pipelines.activities import MANAGEMENT, Json, fail, remember, until, wait, web
from components.pipelines.window import END, WINDOW

PASSED = "Watermark passed"
_NEVER = 10**9  # seconds of delay of a job that tells none


def passed(stream: str) -> list[Json]:
    """Waits until the watermark of the stream, a job's id, has passed the window, or fails the window."""
    ago = "@{formatDateTime(addMinutes(utcNow(), %d), 'yyyy-MM-ddTHH:mm:ssZ')}"
    query = "api-version=2023-10-01&metricnames=OutputWatermarkDelaySeconds&aggregation=Maximum&interval=PT5M"
    query += f"&timespan={ago % -5}/{ago % 0}"
    url = f"{MANAGEMENT.rstrip('/')}{stream}/providers/Microsoft.Insights/metrics?{query}"
    series = "first(activity('Watermark').output.value)?.timeseries"
    data = f"coalesce(first(coalesce({series}, json('[]')))?.data, json('[]'))"
    # The span may touch two of the service's intervals.
    delay = f"max(coalesce(first({data})?.maximum, {_NEVER}), coalesce(last({data})?.maximum, {_NEVER}))"
    began = "ticks(first(split(activity('Watermark').output.timespan, '/')))"
    there = f"greaterOrEquals(sub({began}, mul({delay}, 10000000)), ticks({END}))"
    # A stopped job has no watermark.
    seen = f"@if({there}, 'passed', if(less({delay}, {_NEVER}), concat(string({delay}), ' seconds behind'), 'stopped'))"
    message = (
        f"{WINDOW}: its stream is @{{variables('watermark')}} after 2 hours of waiting; a partial window is not scored"
    )
    return [
        until(
            PASSED,
            "@equals(variables('watermark'), 'passed')",
            web("Watermark", "GET", url, MANAGEMENT),
            remember("Seen", "watermark", seen, after=["Watermark"]),
            wait("Lag", 60, after={"Watermark": "Completed"}),
            timeout="0.02:00:00",
        ),
        fail("Late", message, "StreamLate", after={PASSED: "Failed"}),
    ]
