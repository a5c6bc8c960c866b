"""Control activities, attempts and timeouts."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from factory_engine import ActivityError, Factory
from factory_engine.control import fail_error
from factory_engine.testing import ScriptedWorld, activity, expression, factory_of, run_pipeline, web
from factory_engine.timing import within
from factory_engine.virtual_clock import VirtualClock

START = datetime(2026, 1, 1, 13, tzinfo=UTC)
OK = ["Succeeded"]


def clocked(seconds: dict[str, float]) -> tuple[VirtualClock, ScriptedWorld]:
    clock = VirtualClock(START)
    world = ScriptedWorld(clock)
    world.seconds = seconds
    return clock, world


def times(runs: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    return {run["activityName"]: (run["activityRunStart"][14:19], run["activityRunEnd"][14:19]) for run in runs}


def test_branches_run_side_by_side_and_join() -> None:
    clock, world = clocked({"A": 10, "B": 30, "C": 5})
    factory = factory_of(web("A"), web("B"), web("C", {"A": OK, "B": OK}))
    record, runs = run_pipeline(factory, "score", world, clock=clock)
    assert times(runs) == {"A": ("00:00", "00:10"), "B": ("00:00", "00:30"), "C": ("00:30", "00:35")}
    assert (record["durationInMs"], runs[2]["durationInMs"]) == (35_000, 5_000)


def test_wait_takes_its_seconds() -> None:
    wait = activity("W", "Wait", {"waitTimeInSeconds": expression("@pipeline().parameters.pause")})
    factory = factory_of(wait, parameters={"pause": {"type": "Int", "defaultValue": 90}})
    record, runs = run_pipeline(factory, "score", ScriptedWorld())
    assert (record["durationInMs"], runs[0]["input"]) == (90_000, {"waitTimeInSeconds": 90})


def test_a_failed_attempt_is_retried_after_the_interval_and_each_attempt_has_its_record() -> None:
    clock, world = clocked({"A": 1})
    world.answers = {"A": [ActivityError("1", "busy"), ActivityError("1", "busy"), {"x": 1}]}
    retried = web("A", policy={"retry": 2, "retryIntervalInSeconds": 60})
    record, runs = run_pipeline(factory_of(retried), "score", world, clock=clock)
    seen = [(run["retryAttempt"], run["status"], run["activityRunStart"][14:19]) for run in runs]
    assert seen == [(None, "Failed", "00:00"), (1, "Failed", "01:01"), (2, "Succeeded", "02:02")]
    assert record["status"] == "Succeeded"
    assert len({run["activityRunId"] for run in runs}) == 3


def test_retries_that_are_used_up_fail_the_activity() -> None:
    world = ScriptedWorld()
    world.answers = {"A": [ActivityError("1", "busy")]}
    record, runs = run_pipeline(factory_of(web("A", policy={"retry": 3})), "score", world)
    assert (record["status"], len(runs)) == ("Failed", 4)


def test_an_activity_that_takes_longer_than_its_timeout_fails() -> None:
    clock, world = clocked({"A": 601})
    record, runs = run_pipeline(factory_of(web("A", policy={"timeout": "00:10:00"})), "score", world, clock=clock)
    assert (record["status"], runs[0]["error"]["errorCode"]) == ("Failed", "ActionTimedOut")
    assert runs[0]["durationInMs"] == 600_000


def test_an_activity_that_ends_at_its_timeout_succeeds() -> None:
    clock, world = clocked({"A": 600})
    record, _ = run_pipeline(factory_of(web("A", policy={"timeout": "00:10:00"})), "score", world, clock=clock)
    assert record["status"] == "Succeeded"


def test_work_that_ends_in_the_same_moment_as_its_timeout_wins() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    assert asyncio.run(within(VirtualClock(START), 0, work(), "A")) == "done"


def polling(**more: Any) -> Factory:
    inside = [
        activity("Pause", "Wait", {"waitTimeInSeconds": 60}),
        web("Poll", {"Pause": OK}),
    ]
    until = activity(
        "Wait for job",
        "Until",
        {"expression": expression("@equals(activity('Poll').output.status, 'Done')"), "activities": inside, **more},
    )
    after = activity(
        "After",
        "SetVariable",
        {"variableName": "v", "value": expression("@activity('Poll').output.status")},
        {"Wait for job": OK},
    )
    return factory_of(until, after, variables={"v": {"type": "String"}})


def test_until_repeats_its_activities_until_the_condition_holds() -> None:
    """https://learn.microsoft.com/azure/data-factory/control-flow-until-activity"""
    world = ScriptedWorld()
    world.answers = {"Poll": [{"status": "Running"}, {"status": "Running"}, {"status": "Done"}]}
    record, runs = run_pipeline(polling(), "score", world)
    polls = [run for run in runs if run["activityName"] == "Poll"]
    assert (record["status"], record["durationInMs"], len(polls)) == ("Succeeded", 180_000, 3)
    assert len({run["iterationHash"] for run in polls}) == 3
    assert runs[-1]["output"]["value"] == "Done"


def test_until_times_out_and_cancels_what_runs_inside() -> None:
    world = ScriptedWorld()
    world.answers = {"Poll": [{"status": "Running"}]}
    record, runs = run_pipeline(polling(timeout="00:02:30"), "score", world)
    states = {(run["activityName"], run["status"]) for run in runs}
    assert (record["status"], record["durationInMs"]) == ("Failed", 150_000)
    assert ("Pause", "Cancelled") in states
    assert record["message"].startswith("Operation on target Wait for job failed: The activity 'Wait for job' did not")


def test_a_failed_inner_activity_does_not_stop_until() -> None:
    world = ScriptedWorld()
    world.answers = {"Poll": [ActivityError("1", "x", output={"status": "?"}), {"status": "Done"}]}
    record, _ = run_pipeline(polling(), "score", world)
    assert record["status"] == "Succeeded"


def test_until_fails_when_its_last_iteration_failed() -> None:
    world = ScriptedWorld()
    world.answers = {"Poll": [ActivityError("1", "gone", output={"status": "Done"})]}
    record, runs = run_pipeline(polling(), "score", world)
    assert record["status"] == "Failed"
    assert {run["activityName"]: run["error"]["errorCode"] for run in runs}["Wait for job"] == "ActionFailed"


def test_a_loop_in_which_nothing_takes_time_still_times_out() -> None:
    until = activity("U", "Until", {"expression": "@equals(1, 2)", "activities": [web("A")], "timeout": "00:00:10"})
    record, _ = run_pipeline(factory_of(until), "score", ScriptedWorld())
    assert (record["status"], record["durationInMs"]) == ("Failed", 10_000)


@pytest.mark.parametrize(("flag", "ran"), [(True, "Yes"), (False, "No")])
def test_if_condition_runs_one_of_its_branches(flag: bool, ran: str) -> None:
    condition = activity(
        "If",
        "IfCondition",
        {
            "expression": expression("@pipeline().parameters.flag"),
            "ifTrueActivities": [web("Yes")],
            "ifFalseActivities": [web("No")],
        },
    )
    factory = factory_of(condition, parameters={"flag": {"type": "Bool"}})
    _, runs = run_pipeline(factory, "score", ScriptedWorld(), {"flag": flag})
    assert [run["activityName"] for run in runs] == ["If", ran]


def test_a_failing_branch_fails_if_condition_and_the_run_with_the_services_words() -> None:
    stop = activity("Stop", "Fail", {"message": "late by @{add(1, 2)}", "errorCode": "Late"})
    condition = activity("If", "IfCondition", {"expression": "@equals(1, 1)", "ifTrueActivities": [stop]})
    record, runs = run_pipeline(factory_of(condition), "score", ScriptedWorld())
    assert record["message"] == (
        "Operation on target If failed: Activity failed because an inner activity failed; "
        "Inner activity name: Stop, Error: late by 3"
    )
    assert {run["activityName"]: run["error"]["errorCode"] for run in runs} == {"If": "ActionFailed", "Stop": "Late"}


# https://learn.microsoft.com/azure/data-factory/control-flow-fail-activity, Understand the Fail activity error code
FAILS = [
    ("why", "Code", "why", "Code"),
    (1, "Code", "F fail message parameter couldn't be interpreted as a string", "Code"),
    (None, "Code", "Failed to interpret F fail message or error code", "Code"),
    ("  ", "Code", "Failed to interpret F fail message or error code", "Code"),
    ("why", 1, "why", "ErrorCodeNotString"),
    ("why", " ", "why", "ErrorCodeNotString"),
    ("why", None, "why", "ErrorCodeNotString"),
]


@pytest.mark.parametrize(("message", "code", "shown_message", "shown_code"), FAILS)
def test_fail_shows_the_message_and_code_it_can(message: Any, code: Any, shown_message: str, shown_code: str) -> None:
    error = fail_error("F", message, code)
    assert (error.message, error.code) == (shown_message, shown_code)


def test_fail_whose_expressions_cannot_be_evaluated_says_so() -> None:
    stop = activity("F", "Fail", {"message": "@json('x')", "errorCode": "@json('x')"})
    _, runs = run_pipeline(factory_of(stop), "score", ScriptedWorld())
    assert runs[0]["error"]["message"] == "Failed to interpret F fail message or error code"
    assert runs[0]["error"]["errorCode"] == "ErrorCodeNotString"


def test_a_variable_takes_values_of_its_type_only() -> None:
    put = activity("Put", "SetVariable", {"variableName": "V", "value": expression("@length('abc')")})
    record, _ = run_pipeline(factory_of(put, variables={"v": {"type": "String"}}), "score", ScriptedWorld())
    assert "of type 'String' cannot be initialized or updated with value of type 'Integer'" in record["message"]


def test_an_expression_that_fails_fails_its_activity_and_names_the_place_without_retry() -> None:
    factory = factory_of(web("A", properties={"url": "@concat(div(1, 0))"}, policy={"retry": 3}))
    record, runs = run_pipeline(factory, "score", ScriptedWorld())
    assert (record["status"], len(runs), runs[0]["error"]["errorCode"]) == ("Failed", 1, "InvalidTemplate")
    assert "division by zero, at character 9 of '@concat(div(1, 0))'" in record["message"]
