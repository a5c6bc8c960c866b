"""Tumbling-window and schedule triggers: pure functions from a definition and the time to what is due.

https://learn.microsoft.com/azure/data-factory/how-to-create-tumbling-window-trigger and how-to-create-schedule-trigger.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from factory_engine.definitions import Json, properties, seconds_of, type_properties
from factory_engine.expressions import Scope, evaluate
from factory_engine.records import timestamp

FREQUENCIES = {"Minute": timedelta(minutes=1), "Hour": timedelta(hours=1)}
RECURRENCES = {**FREQUENCIES, "Day": timedelta(days=1), "Week": timedelta(weeks=1)}
DEFAULT_RETRY_INTERVAL = 30


@dataclass(frozen=True, kw_only=True, order=True)
class Window:
    """From `start`, which it holds, to `end`, which it does not; both UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class TumblingWindow:
    """A tumbling-window trigger, read. `parameters` are the pipeline's, not yet evaluated."""

    name: str
    start: datetime
    end: datetime | None
    size: timedelta
    delay: timedelta
    max_concurrency: int
    retries: int
    retry_interval: timedelta
    pipeline: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A schedule trigger with a plain recurrence; `pipelines` maps names to parameters, not yet evaluated."""

    name: str
    start: datetime
    end: datetime | None
    every: timedelta
    pipelines: Mapping[str, Mapping[str, Any]]


def read_trigger(name: str, definition: Json) -> TumblingWindow | Schedule:
    """A trigger that `check_trigger` found right."""
    inner = properties(definition)
    if inner["type"] == "ScheduleTrigger":
        recurrence = type_properties(inner)["recurrence"]
        pipelines = {
            each["pipelineReference"]["referenceName"]: each.get("parameters") or {} for each in inner["pipelines"]
        }
        return Schedule(
            name=name,
            start=utc(recurrence["startTime"]),
            end=utc(recurrence["endTime"]) if recurrence.get("endTime") else None,
            every=RECURRENCES[recurrence["frequency"]] * recurrence["interval"],
            pipelines=pipelines,
        )
    own = type_properties(inner)
    retry = own.get("retryPolicy") or {}
    return TumblingWindow(
        name=name,
        start=utc(own["startTime"]),
        end=utc(own["endTime"]) if own.get("endTime") else None,
        size=FREQUENCIES[own["frequency"]] * own["interval"],
        delay=timedelta(seconds=seconds_of(own.get("delay") or "00:00:00")),
        max_concurrency=own["maxConcurrency"],
        retries=int(retry.get("count") or 0),
        retry_interval=timedelta(seconds=retry.get("intervalInSeconds") or DEFAULT_RETRY_INTERVAL),
        pipeline=inner["pipeline"]["pipelineReference"]["referenceName"],
        parameters=inner["pipeline"].get("parameters") or {},
    )


def due(
    trigger: TumblingWindow, now: datetime, done: Collection[datetime], running: Collection[datetime] = ()
) -> list[Window]:
    """The windows to fire now, oldest first.

    A window is due once its end and the trigger's delay have passed. `done` and `running` hold the starts of windows
    that ended (however) and that run; at most `max_concurrency` run at a time.
    """
    taken = {*done, *running}
    room = max(trigger.max_concurrency - len(running), 0)
    ready = (window for window in _windows(trigger, now) if window.start not in taken)
    return [window for window, _ in zip(ready, range(room), strict=False)]


def next_due(trigger: TumblingWindow, now: datetime) -> datetime | None:
    """When the next window becomes due, after `now`; None when the trigger has ended."""
    first = trigger.start + trigger.size + trigger.delay
    passed = max((now - first) // trigger.size + 1, 0)
    when = first + passed * trigger.size
    return None if trigger.end is not None and when - trigger.delay > trigger.end else when


def window_at(trigger: TumblingWindow, start: datetime) -> Window:
    """The window that begins at `start`, for a rerun. Raises ValueError when none does."""
    window = Window(start=start, end=start + trigger.size)
    beyond = trigger.end is not None and window.end > trigger.end
    if start < trigger.start or (start - trigger.start) % trigger.size or beyond:
        msg = f"no window of the trigger '{trigger.name}' begins at {timestamp(start)}"
        raise ValueError(msg)
    return window


def retry_at(trigger: TumblingWindow, failures: int, ended: datetime) -> datetime | None:
    """When a window whose run failed for the `failures`th time at `ended` runs again; None when it is failed."""
    return ended + trigger.retry_interval if failures <= trigger.retries else None


def window_parameters(
    trigger: TumblingWindow, window: Window, now: Callable[[], datetime], new_id: Callable[[], str]
) -> dict[str, Any]:
    """The pipeline's parameters for a window: `@trigger().outputs.windowStartTime` and windowEndTime are bound."""
    outputs = {"windowStartTime": _iso(window.start), "windowEndTime": _iso(window.end)}
    seen = {"outputs": outputs, "scheduledTime": _iso(window.end), "startTime": timestamp(now())}
    return evaluate(dict(trigger.parameters), Scope(now=now, new_id=new_id, references={"trigger": seen}))


def occurrences(trigger: Schedule, after: datetime, now: datetime) -> list[datetime]:
    """The times at which a schedule fires, later than `after` (when it was started or last fired), up to `now`."""
    passed = max((after - trigger.start) // trigger.every + 1, 0)
    when, times = trigger.start + passed * trigger.every, []
    while when <= now and (trigger.end is None or when <= trigger.end):
        times.append(when)
        when += trigger.every
    return times


def schedule_parameters(
    parameters: Mapping[str, Any], when: datetime, now: Callable[[], datetime], new_id: Callable[[], str]
) -> dict[str, Any]:
    """A pipeline's parameters for an occurrence: `@trigger().scheduledTime` and startTime are bound."""
    seen = {"scheduledTime": _iso(when), "startTime": timestamp(now())}
    return evaluate(dict(parameters), Scope(now=now, new_id=new_id, references={"trigger": seen}))


def trigger_run(
    *, run_id: str, trigger: TumblingWindow, window: Window, now: datetime, pipeline_run_id: str, status: str
) -> dict[str, Any]:
    """A trigger run's record (https://learn.microsoft.com/rest/api/datafactory/trigger-runs/query-by-factory)."""
    return {
        "triggerRunId": run_id,
        "triggerName": trigger.name,
        "triggerType": "TumblingWindowTrigger",
        "triggerRunTimestamp": timestamp(now),
        "status": status,
        "message": "",
        "properties": {
            "TriggerTime": timestamp(now),
            "windowStartTime": _iso(window.start),
            "windowEndTime": _iso(window.end),
        },
        "triggeredPipelines": {trigger.pipeline: pipeline_run_id},
        "runDimension": {},
        "dependencyStatus": {},
    }


def utc(text: str) -> datetime:
    """A datetime of a definition, which must be in UTC. Raises ValueError."""
    when = datetime.fromisoformat(text)
    if when.utcoffset() != timedelta():
        msg = f"expected a time in UTC such as 2026-01-01T00:00:00Z, found {text!r}"
        raise ValueError(msg)
    return when


def _windows(trigger: TumblingWindow, now: datetime) -> Iterator[Window]:
    start = trigger.start
    while start + trigger.size + trigger.delay <= now and (trigger.end is None or start + trigger.size <= trigger.end):
        yield Window(start=start, end=start + trigger.size)
        start += trigger.size


def _iso(when: datetime) -> str:
    return timestamp(when).replace(".0000000Z", "Z")
