"""Tumbling windows and schedules (https://learn.microsoft.com/azure/data-factory/how-to-create-tumbling-window-trigger)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factory_engine import check_trigger
from factory_engine.testing import factory_of, web
from factory_engine.triggers import (
    Schedule,
    TumblingWindow,
    due,
    next_due,
    occurrences,
    read_trigger,
    retry_at,
    schedule_parameters,
    trigger_run,
    window_at,
    window_parameters,
)
from hypothesis import given, settings
from hypothesis import strategies as st

START = datetime(2026, 1, 1, 0, 10, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
FACTORY = factory_of(web("A"), parameters={"from": {"type": "String"}, "to": {"type": "String", "defaultValue": ""}})


def definition(**properties: Any) -> dict[str, Any]:
    return {
        "properties": {
            "type": "TumblingWindowTrigger",
            "pipeline": {
                "pipelineReference": {"referenceName": "score", "type": "PipelineReference"},
                "parameters": {
                    "from": "@trigger().outputs.windowStartTime",
                    "to": {
                        "type": "Expression",
                        "value": "@{formatDateTime(trigger().outputs.windowEndTime, 'yyyy/MM/dd/HH')}",
                    },
                },
            },
            "typeProperties": {
                "frequency": "Hour",
                "interval": 1,
                "startTime": "2026-01-01T00:10:10Z",
                "maxConcurrency": 50,
                **properties,
            },
        }
    }


def tumbling(**properties: Any) -> TumblingWindow:
    whole = definition(**properties)
    assert check_trigger("hourly", whole, FACTORY) == []
    trigger = read_trigger("hourly", whole)
    assert isinstance(trigger, TumblingWindow)
    return trigger


def test_windows_begin_at_the_start_time_and_follow_each_other() -> None:
    windows = due(tumbling(), START + 3 * HOUR, done=())
    assert [window.start for window in windows] == [START, START + HOUR, START + 2 * HOUR]
    assert all(window.end - window.start == HOUR for window in windows)


def test_a_window_is_due_at_its_end_and_not_before() -> None:
    assert due(tumbling(), START + HOUR - timedelta(seconds=1), done=()) == []
    assert len(due(tumbling(), START + HOUR, done=())) == 1


def test_a_delay_waits_past_the_end_and_leaves_the_window_as_it_is() -> None:
    trigger = tumbling(delay="00:10:00")
    assert due(trigger, START + HOUR + timedelta(minutes=9), done=()) == []
    (window,) = due(trigger, START + HOUR + timedelta(minutes=10), done=())
    assert (window.start, window.end) == (START, START + HOUR)


def test_a_backfill_runs_the_oldest_windows_first_and_at_most_max_concurrency_at_a_time() -> None:
    trigger, now = tumbling(maxConcurrency=10), START + 24 * HOUR
    first = due(trigger, now, done=())
    assert [window.start for window in first] == [START + n * HOUR for n in range(10)]
    running = [window.start for window in first]
    assert due(trigger, now, done=(), running=running) == []
    (tenth,) = due(trigger, now, done=running[:1], running=running[1:])
    assert tenth.start == START + 10 * HOUR


def test_a_trigger_stops_at_its_end_time() -> None:
    trigger = tumbling(endTime="2026-01-01T02:10:10Z")
    assert len(due(trigger, START + 24 * HOUR, done=())) == 2
    assert next_due(trigger, START + 24 * HOUR) is None


def test_the_next_window_is_known_in_advance() -> None:
    trigger = tumbling(delay="00:10:00")
    assert next_due(trigger, START - HOUR) == START + HOUR + timedelta(minutes=10)
    assert next_due(trigger, START + HOUR + timedelta(minutes=10)) == START + 2 * HOUR + timedelta(minutes=10)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 24), st.integers(5, 90), st.integers(0, 3600), st.integers(1, 50))
def test_windows_fired_one_after_another_cover_time_without_gap_or_overlap(
    hours: int, minutes: int, delay: int, most: int
) -> None:
    text = f"{delay // 3600:02}:{delay % 3600 // 60:02}:{delay % 60:02}"
    trigger = tumbling(frequency="Minute", interval=minutes, delay=text, maxConcurrency=most)
    now, done = START + timedelta(hours=hours), []
    while fired := due(trigger, now, done):
        assert len(fired) <= most
        done += [window.start for window in fired]
    size = timedelta(minutes=minutes)
    assert done == [START + n * size for n in range(len(done))]
    complete = max((now - START - timedelta(seconds=delay)) // size, 0)
    assert len(done) == complete
    following = next_due(trigger, now)
    assert following is not None
    assert len(due(trigger, following, done)) == 1


def test_a_window_binds_its_start_and_end_to_the_pipelines_parameters() -> None:
    trigger = tumbling()
    bound = window_parameters(trigger, window_at(trigger, START + HOUR), lambda: START, lambda: "id")
    assert bound == {"from": "2026-01-01T01:10:10Z", "to": "2026/01/01/02"}


def test_one_window_can_be_run_again_and_another_time_is_refused() -> None:
    assert window_at(tumbling(), START + 5 * HOUR).end == START + 6 * HOUR
    for wrong in (START + timedelta(minutes=1), START - HOUR):
        with pytest.raises(ValueError, match="no window of the trigger 'hourly' begins at"):
            window_at(tumbling(), wrong)


def test_a_failed_window_is_tried_again_as_often_as_the_policy_says() -> None:
    trigger = tumbling(retryPolicy={"count": 2, "intervalInSeconds": 60})
    assert [retry_at(trigger, failures, START) for failures in (1, 2, 3)] == [
        START + timedelta(seconds=60),
        START + timedelta(seconds=60),
        None,
    ]
    assert retry_at(tumbling(), 1, START) is None


def test_a_trigger_runs_record_has_the_services_shape() -> None:
    trigger = tumbling()
    window = window_at(trigger, START)
    record = trigger_run(
        run_id="t", trigger=trigger, window=window, now=START + HOUR, pipeline_run_id="p", status="Succeeded"
    )
    assert record["triggeredPipelines"] == {"score": "p"}
    assert record["properties"]["windowStartTime"] == "2026-01-01T00:10:10Z"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"frequency": "Month"}, "typeProperties.frequency: expected one of Minute, Hour, found 'Month'"),
    ({"frequency": "Day"}, "typeProperties.frequency: expected one of Minute, Hour, found 'Day'"),
    ({"interval": 0}, "typeProperties.interval: expected a whole number from 1"),
    ({"frequency": "Minute", "interval": 4}, "expected at least 5 minutes, found 4"),
    ({"startTime": "2026-01-01T00:00:00"}, "typeProperties.startTime: expected a time in UTC"),
    ({"startTime": None}, "typeProperties.startTime: expected a time in UTC"),
    ({"endTime": "soon"}, "typeProperties.endTime: expected a time in UTC"),
    ({"delay": "10m"}, "typeProperties.delay: expected a timespan"),
    ({"maxConcurrency": 51}, "typeProperties.maxConcurrency: expected a whole number from 1 to 50"),
    ({"retryPolicy": {"count": -1}}, "typeProperties.retryPolicy.count"),
    ({"retryPolicy": {"intervalInSeconds": 5}}, "typeProperties.retryPolicy.intervalInSeconds"),
    ({"dependsOn": [{"type": "SelfDependencyTumblingWindowTriggerReference"}]}, "typeProperties.dependsOn"),
]


@pytest.mark.parametrize(("properties", "message"), REFUSED)
def test_a_wrong_trigger_is_refused_with_its_place(properties: dict[str, Any], message: str) -> None:
    problems = [str(problem) for problem in check_trigger("hourly", definition(**properties), FACTORY)]
    assert any(problem.startswith("trigger 'hourly'") and message in problem for problem in problems), problems


def test_a_triggers_parameters_are_checked_against_the_pipeline() -> None:
    whole = definition()
    whole["properties"]["pipeline"]["parameters"] = {"frm": "@trigger().outputs.windowStart", "to": 1}
    problems = "\n".join(map(str, check_trigger("hourly", whole, FACTORY)))
    assert "pipeline.parameters.frm: 'windowStart' is no property here" in problems
    assert "pipeline.parameters.frm: the pipeline 'score' has no such parameter" in problems
    assert "pipeline.parameters.to: expected String, found Integer" in problems
    assert "requires the parameter 'from'" in problems
    whole["properties"]["pipeline"]["pipelineReference"]["referenceName"] = "nope"
    assert "the pipeline 'nope' does not exist" in str(check_trigger("hourly", whole, FACTORY)[0])
    (blob,) = check_trigger("b", {"type": "BlobEventsTrigger"}, FACTORY)
    assert "the trigger type 'BlobEventsTrigger' is not supported" in str(blob)


def schedule(**recurrence: Any) -> dict[str, Any]:
    return {
        "type": "ScheduleTrigger",
        "typeProperties": {
            "recurrence": {"frequency": "Day", "interval": 1, "startTime": "2026-01-01T06:00:00Z", **recurrence}
        },
        "pipelines": [
            {"pipelineReference": {"referenceName": "score"}, "parameters": {"from": "@trigger().scheduledTime"}}
        ],
    }


def test_a_schedule_fires_at_each_recurrence_after_it_was_started() -> None:
    assert check_trigger("daily", schedule(), FACTORY) == []
    trigger = read_trigger("daily", schedule())
    assert isinstance(trigger, Schedule)
    first = datetime(2026, 1, 1, 6, tzinfo=UTC)
    assert occurrences(trigger, first, first + timedelta(days=2)) == [
        first + timedelta(days=1),
        first + timedelta(days=2),
    ]
    assert occurrences(trigger, first - timedelta(days=9), first) == [first]
    bound = schedule_parameters(trigger.pipelines["score"], first, lambda: first, lambda: "id")
    assert bound == {"from": "2026-01-01T06:00:00Z"}


def test_a_schedule_of_hours_and_weekdays_is_refused() -> None:
    (problem,) = check_trigger("daily", schedule(schedule={"hours": [6]}), FACTORY)
    assert "typeProperties.recurrence.schedule: is not supported" in str(problem)
