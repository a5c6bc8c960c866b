"""Control activities, attempts, timeouts, what reaches the world, and what records show."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from factory_engine import ActivityError, Factory, Invocation, ParameterError, PipelineRun, mark_lost, startable
from factory_engine.control import fail_error
from factory_engine.outputs import copy_output, metadata_output, script_output, web_output
from factory_engine.testing import ScriptedWorld, activity, counting_ids, expression, factory_of, run_pipeline, web
from factory_engine.timing import within
from factory_engine.virtual_clock import VirtualClock
from factory_engine.world import CopyRequest, MetadataRequest, ScriptRequest, WebRequest

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


def test_secure_input_and_output_stay_out_of_records_but_reach_expressions() -> None:
    secret = web("A", policy={"secureInput": True, "secureOutput": True})
    after = web("B", {"A": OK}, properties={"url": "https://x/@{activity('A').output.key}"})
    world = ScriptedWorld()
    world.answers = {"A": [{"key": "k"}]}
    _, runs = run_pipeline(factory_of(secret, after), "score", world)
    assert (runs[0]["input"], runs[0]["output"]) == ({}, {})
    assert world.requests[1].url == "https://x/k"


LAKE = {
    "linked_services": {
        "lake": {
            "type": "AzureBlobFS",
            "parameters": {"account": {"type": "String"}},
            "typeProperties": {"url": "https://@{linkedService().account}.dfs.core.windows.net"},
        },
        "warehouse": {"type": "AzureSqlDatabase", "typeProperties": {"database": "scores"}},
    },
    "datasets": {
        "hour": {
            "properties": {
                "type": "Parquet",
                "linkedServiceName": {"referenceName": "lake", "parameters": {"account": "@dataset().account"}},
                "parameters": {"folder": {"type": "String"}, "account": {"type": "String", "defaultValue": "plant"}},
                "typeProperties": {"location": {"type": "AzureBlobFSLocation", "folderPath": "@dataset().folder"}},
            }
        }
    },
}


def lake(*activities: dict[str, Any]) -> Factory:
    return Factory(pipelines={"score": {"activities": list(activities)}}, **LAKE)


def hour(folder: str) -> dict[str, Any]:
    return {"referenceName": "Hour", "type": "DatasetReference", "parameters": {"folder": folder}}


def test_a_copy_gets_its_datasets_and_linked_services_with_all_parameters_put_in() -> None:
    copy = activity(
        "Prepare",
        "Copy",
        {
            "source": {"type": "ParquetSource", "q": "@{add(1, 1)}"},
            "sink": {"type": "ParquetSink"},
            "parallelCopies": 2,
        },
        inputs=[hour("@concat('a/', 'b')")],
        outputs=[hour("@@{literal}")],
    )
    world = ScriptedWorld()
    run_pipeline(lake(copy), "score", world)
    (request,) = world.requests
    assert isinstance(request, CopyRequest)
    assert request.input.properties == {"location": {"type": "AzureBlobFSLocation", "folderPath": "a/b"}}
    assert request.output.properties["location"]["folderPath"] == "@{literal}"
    assert request.input.linked_service.properties == {"url": "https://plant.dfs.core.windows.net"}
    assert (request.source["q"], request.settings) == ("2", {"parallelCopies": 2})


def test_a_script_and_a_look_at_metadata_reach_the_world() -> None:
    script = activity(
        "Upsert",
        "Script",
        {"scripts": [{"type": "NonQuery", "text": "delete from t where h = '@{add(1, 2)}'"}]},
        linkedServiceName={"referenceName": "warehouse", "type": "LinkedServiceReference"},
    )
    look = activity("Look", "GetMetadata", {"dataset": hour("@concat('f')"), "fieldList": ["exists", "childItems"]})
    world = ScriptedWorld()
    record, runs = run_pipeline(lake(script, look), "score", world)
    first, second = world.requests
    assert isinstance(first, ScriptRequest)
    assert isinstance(second, MetadataRequest)
    assert first.scripts[0]["text"] == "delete from t where h = '3'"
    assert (second.fields, second.dataset.properties["location"]["folderPath"]) == (("exists", "childItems"), "f")
    assert (record["status"], runs[0]["linkedServiceName"]) == ("Succeeded", "warehouse")


def test_a_web_request_carries_method_headers_body_identity_and_timeout() -> None:
    call = web(
        "Invoke",
        properties={
            "method": "post",
            "url": "https://x/jobs",
            "headers": {"azureml-model-deployment": "@{toLower('D1')}"},
            "body": {"properties": {"n": "@add(1, 1)"}},
            "authentication": {"type": "MSI", "resource": "https://ml.azure.com"},
            "httpRequestTimeout": "00:05:00",
        },
    )
    world = ScriptedWorld()
    run_pipeline(factory_of(call), "score", world)
    (request,) = world.requests
    assert isinstance(request, WebRequest)
    assert (request.method, request.timeout, request.body) == ("POST", 300, {"properties": {"n": 2}})
    assert request.headers == {"azureml-model-deployment": "d1"}
    assert request.authentication == {"type": "MSI", "resource": "https://ml.azure.com"}


def test_system_variables_are_those_of_the_run() -> None:
    text = "@{pipeline().DataFactory} @{pipeline().Pipeline} @{pipeline().TriggerType} @{pipeline().TriggerName}"
    put = activity("Put", "SetVariable", {"variableName": "v", "value": text})
    factory = factory_of(put, variables={"v": {"type": "String"}})
    invocation = Invocation(kind="TumblingWindowTrigger", name="hourly", id="t1")
    record, runs = run_pipeline(factory, "score", ScriptedWorld(), invocation=invocation)
    assert runs[0]["output"]["value"] == "plant score TumblingWindowTrigger hourly"
    assert record["invokedBy"] == {"id": "t1", "name": "hourly", "invokedByType": "TumblingWindowTrigger"}


PARAMETERS = [
    ({}, "requires the parameter 'n' of type Int"),
    ({"n": "1"}, "the parameter 'n' of the pipeline 'score' expects Int, found String"),
    ({"n": True}, "expects Int, found Boolean"),
    ({"n": 1, "m": 2}, "has no parameter 'm'"),
]


@pytest.mark.parametrize(("given", "message"), PARAMETERS)
def test_parameters_that_do_not_fit_are_refused_before_the_run(given: dict[str, Any], message: str) -> None:
    factory = factory_of(web("A"), parameters={"n": {"type": "Int"}})
    with pytest.raises(ParameterError, match=message):
        run_pipeline(factory, "score", ScriptedWorld(), given)


def start(factory: Factory, clock: VirtualClock, world: ScriptedWorld) -> tuple[PipelineRun, list[dict[str, Any]]]:
    changes: list[dict[str, Any]] = []
    run = PipelineRun(
        factory=factory,
        pipeline="score",
        world=world,
        clock=clock,
        on_change=lambda kind, record: changes.append({"kind": kind, **record}),
        new_id=counting_ids(),
    )
    return run, changes


def test_a_cancelled_run_cancels_what_is_in_progress_and_starts_nothing_more() -> None:
    clock, world = clocked({"A": 100})

    async def scenario() -> list[dict[str, Any]]:
        run, changes = start(factory_of(web("A"), web("B", {"A": OK})), clock, world)
        task = asyncio.ensure_future(run.execute())
        await clock.advance_to(START.replace(minute=1))
        run.cancel()
        await clock.drive(_result(task))
        return changes

    changes = asyncio.run(scenario())
    ends = [(change.get("activityName"), change["status"]) for change in changes]
    assert ends == [
        (None, "Queued"),
        (None, "InProgress"),
        ("A", "InProgress"),
        (None, "Canceling"),
        ("A", "Cancelled"),
        (None, "Cancelled"),
    ]
    assert changes[-1]["durationInMs"] == 60_000


async def _result(task: "asyncio.Task[Any]") -> Any:
    return await task


def test_a_run_cut_off_by_a_crash_leaves_records_that_a_restart_marks_as_lost() -> None:
    clock, world = clocked({"A": 100})

    async def scenario() -> list[dict[str, Any]]:
        run, changes = start(factory_of(web("A")), clock, world)
        task = asyncio.ensure_future(run.execute())
        await clock.advance_to(START.replace(minute=1))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return changes

    changes = asyncio.run(scenario())
    assert [change["status"] for change in changes] == ["Queued", "InProgress", "InProgress"]
    lost = mark_lost(changes[2], "activityRun", START.replace(hour=14))
    assert (lost["status"], lost["error"]["errorCode"], lost["durationInMs"]) == ("Failed", "RunLost", 3_600_000)
    assert mark_lost(changes[1], "pipelineRun", START)["status"] == "Failed"
    assert mark_lost(lost, "activityRun", START) is lost


def test_queued_runs_start_under_the_pipelines_concurrency() -> None:
    records = [{"runId": name, "status": status} for name, status in zip("abc", ("InProgress", "Queued", "Queued"))]  # noqa: B905
    assert startable(records, 2) == ["b"]
    assert startable(records, None) == ["b", "c"]


def test_an_error_of_the_world_itself_fails_the_activity_as_the_services_fault(caplog: Any) -> None:
    class Broken(ScriptedWorld):
        async def web(self, request: Any) -> dict[str, Any]:
            raise KeyError("door")

    record, runs = run_pipeline(factory_of(web("A")), "score", Broken())
    assert (record["status"], runs[0]["error"]["failureType"]) == ("Failed", "SystemError")
    assert "KeyError" in caplog.text


def test_two_runs_of_the_same_pipeline_leave_the_same_records() -> None:
    def once() -> Any:
        world = ScriptedWorld()
        world.answers = {"Poll": [{"status": "Running"}, {"status": "Done"}]}
        return run_pipeline(polling(), "score", world)

    assert once() == once()


OUTPUTS: list[tuple[Callable[[], Any], Any]] = [
    (lambda: web_output("u", 200, {"H": "v"}, b'{"a": 1}')["ADFWebActivityResponseHeaders"], {"H": "v"}),
    (lambda: web_output("u", 202, {}, b"").get("a"), None),
    (lambda: copy_output(seconds=2, data_read=2048, data_written=1, rows_read=3, rows_copied=3)["throughput"], 1.0),
    (lambda: "filesWritten" in copy_output(seconds=2, data_read=1, data_written=1), False),
    (lambda: script_output([[{"n": 1}]])["resultSets"], [{"rowCount": 1, "rows": [{"n": 1}]}]),
    (lambda: metadata_output(["exists"], None)["exists"], False),
    (lambda: "size" in metadata_output(["itemName"], {"itemName": "f", "size": 1}), False),
]


@pytest.mark.parametrize(("make", "value"), OUTPUTS)
def test_outputs_have_the_services_shape(make: Callable[[], Any], value: Any) -> None:
    assert make() == value


FAILURES: list[tuple[Callable[[], Any], str]] = [
    (lambda: web_output("https://x", 403, {}, b"no"), "Error calling the endpoint 'https://x'"),
    (lambda: web_output("https://x", 200, {}, b"[1]"), "not a valid JObject"),
    (lambda: web_output("https://x", 200, {}, b"text"), "not a valid JObject"),
    (lambda: metadata_output(["itemName"], None), "missing"),
]


@pytest.mark.parametrize(("make", "message"), FAILURES)
def test_answers_that_the_service_does_not_take_fail_the_activity(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ActivityError, match=message):
        make()
