"""A run as a whole: parameters, cancellation, crashes, records."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from factory_engine import Factory, ParameterError, PipelineRun, mark_lost, startable
from factory_engine.testing import ScriptedWorld, activity, counting_ids, factory_of, run_pipeline, web
from factory_engine.virtual_clock import VirtualClock

START = datetime(2026, 1, 1, 13, tzinfo=UTC)
OK = ["Succeeded"]


def clocked(seconds: dict[str, float]) -> tuple[VirtualClock, ScriptedWorld]:
    clock = VirtualClock(START)
    world = ScriptedWorld(clock)
    world.seconds = seconds
    return clock, world


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
    inside = [web("Poll"), activity("Pause", "Wait", {"waitTimeInSeconds": 60})]
    until = activity("U", "Until", {"expression": "@bool(activity('Poll').output.done)", "activities": inside})

    def once() -> Any:
        world = ScriptedWorld()
        world.answers = {"Poll": [{"done": False}, {"done": True}]}
        return run_pipeline(factory_of(until, web("Beside")), "score", world)

    assert once() == once()
