"""Tumbling windows on the clock: each runs once, at its time, and what a kill leaves behind is taken up again."""

import os
import signal
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from conduct_world import ALWAYS, Conduct, script, web

WINDOW = {
    name: {"type": "Expression", "value": f"@trigger().outputs.window{name.title()}Time"} for name in ("start", "end")
}


@pytest.fixture(autouse=True)
def whole_hour(conduct: Conduct) -> str:
    """The clock stands at the beginning of an hour, some time after the tests before."""
    now = datetime.fromisoformat(conduct.world.clock())
    conduct.world.clock(to=(now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)).isoformat())
    return conduct.world.clock()[:13]


def tumble(conduct: Conduct, name: str, start: str, **more: Any) -> str:
    own = {"frequency": "Hour", "interval": 1, "startTime": f"{start}:00:00Z", "maxConcurrency": 1, **more}
    reference = {"type": "PipelineReference", "referenceName": name}
    pipeline = {"pipelineReference": reference, "parameters": WINDOW}
    conduct.put(f"triggers/{name}", {"type": "TumblingWindowTrigger", "typeProperties": own, "pipeline": pipeline})
    return f"{conduct.factory}/triggers/{name}"


def windows(conduct: Conduct, name: str) -> list[tuple[str, str]]:
    found = conduct.query("queryTriggerRuns", {"operand": "TriggerName", "operator": "Equals", "values": [name]})
    return [(run["properties"]["windowStartTime"], run["status"]) for run in found]


PARAMETERS = {"parameters": {"start": {"type": "String"}, "end": {"type": "String"}}}
WAIT = {"name": "Wait", "type": "Wait", "typeProperties": {"waitTimeInSeconds": 600}}


def test_a_day_of_windows_passes_in_one_jump_of_the_clock(conduct: Conduct, whole_hour: str) -> None:
    conduct.pipeline("hours", WAIT, **PARAMETERS)
    trigger = tumble(conduct, "hours", whole_hour, delay="00:05:00")
    world = conduct.world
    assert world.arm("GET", trigger).json()["properties"]["runtimeState"] == "Stopped"
    world.clock(advance=2 * 3600)
    assert windows(conduct, "hours") == [], "it was not started"
    assert world.arm("POST", f"{trigger}/start").status_code == 200
    assert [status for _, status in windows(conduct, "hours")] == ["Inprogress"], "the window before, one at a time"
    began = time.monotonic()
    world.clock(advance=3 * 3600)
    print("jump", time.monotonic() - began)
    assert [status for _, status in windows(conduct, "hours")] == ["Succeeded"] * 4
    runs = conduct.query("queryPipelineRuns", {"operand": "PipelineName", "operator": "Equals", "values": ["hours"]})
    first, last = runs[0], runs[-1]
    assert first["parameters"]["start"] == f"{whole_hour}:00:00Z"
    assert last["runStart"][14:19] == "05:00", "at its end and the delay, not at the end of the jump"
    assert last["durationInMs"] == 600_000
    assert last["invokedBy"]["invokedByType"] == "TumblingWindowTrigger"
    world.arm("POST", f"{trigger}/stop")
    world.clock(advance=3600)
    assert len(windows(conduct, "hours")) == 4


def test_a_started_trigger_can_be_neither_changed_nor_deleted(conduct: Conduct, whole_hour: str) -> None:
    conduct.pipeline("held", WAIT, **PARAMETERS)
    trigger = tumble(conduct, "held", whole_hour)
    conduct.world.arm("POST", f"{trigger}/start")
    body = conduct.world.arm("GET", trigger).json()["properties"]
    for method, given in (("PUT", body), ("DELETE", None)):
        assert conduct.refused(method, trigger, given)[:2] == (400, "TriggerEnabledCannotUpdate")
    text = "The document cannot be deleted since it is referenced by held."
    assert conduct.refused("DELETE", f"{conduct.factory}/pipelines/held") == (400, "BadRequest", text)
    conduct.world.arm("POST", f"{trigger}/stop")
    other = body | {"typeProperties": body["typeProperties"] | {"interval": 2}}
    assert conduct.refused("PUT", trigger, other)[1] == "PropertyChangeNotAllowed"
    assert conduct.world.arm("DELETE", trigger).status_code == 200
    assert conduct.world.arm("DELETE", f"{conduct.factory}/pipelines/held").status_code == 200


def test_a_failed_window_is_retried_and_rerun(conduct: Conduct, whole_hour: str) -> None:
    conduct.sql("IF OBJECT_ID(N'dbo.tries', N'U') IS NULL CREATE TABLE dbo.tries (Id INT NOT NULL)")
    conduct.pipeline("flaky", script("Try", "SELECT 1 / COUNT(*) AS n FROM dbo.tries"), **PARAMETERS)
    trigger = tumble(conduct, "flaky", whole_hour, retryPolicy={"count": 1, "intervalInSeconds": 300})
    conduct.world.arm("POST", f"{trigger}/start")
    conduct.world.clock(advance=3600 + 299)
    assert [status for _, status in windows(conduct, "flaky")] == ["Inprogress"], "it waits for its retry"
    conduct.world.clock(advance=2)
    assert [status for _, status in windows(conduct, "flaky")] == ["Failed"]
    conduct.sql("INSERT INTO dbo.tries (Id) VALUES (1)")
    run = conduct.query("queryTriggerRuns", {"operand": "Status", "operator": "In", "values": ["Failed"]})[-1]
    assert "Divide by zero" in run["message"]
    assert conduct.world.arm("POST", f"{trigger}/triggerRuns/{run['triggerRunId']}/rerun").status_code == 200
    conduct.world.clock(advance=1)
    assert [status for _, status in windows(conduct, "flaky")] == ["Failed", "Succeeded"]
    assert len({start for start, _ in windows(conduct, "flaky")}) == 1
    conduct.world.arm("POST", f"{trigger}/stop")


def test_a_killed_sandbox_fails_its_runs_as_lost_and_takes_windows_up_again(conduct: Conduct, whole_hour: str) -> None:
    conduct.pipeline("killed", WAIT, **PARAMETERS)
    trigger = tumble(conduct, "killed", whole_hour, retryPolicy={"count": 1, "intervalInSeconds": 30})
    conduct.world.arm("POST", f"{trigger}/start")
    conduct.world.clock(advance=3600)
    by_hand = conduct.create("killed", {"start": "", "end": ""})
    before = len(conduct.query("queryPipelineRuns"))
    os.kill(conduct.world.server["pid"], signal.SIGKILL)
    conduct.world.start()
    run = conduct.wait(by_hand)
    assert (run["status"], run["message"][:16]) == ("Failed", "The run was lost")
    assert conduct.activities(by_hand)[-1]["error"]["errorCode"] == "RunLost"
    assert len(conduct.query("queryPipelineRuns")) == before
    conduct.world.clock(advance=31)
    conduct.world.clock(advance=601)
    assert [status for _, status in windows(conduct, "killed")] == ["Succeeded"]
    conduct.world.arm("POST", f"{trigger}/stop")


def test_a_run_is_cancelled(conduct: Conduct) -> None:
    conduct.pipeline("long", WAIT)
    run = conduct.create("long")
    path = f"{conduct.factory}/pipelineruns/{run}"
    assert conduct.world.arm("POST", f"{path}/cancel").status_code == 200
    assert conduct.wait(run)["status"] == "Cancelled"
    assert conduct.activities(run)[-1]["status"] == "Cancelled"
    assert conduct.refused("POST", f"{path}/cancel")[0] == 400
    assert conduct.refused("GET", path[:-3] + "000")[:2] == (404, "PipelineRunNotFound")


def test_no_more_runs_at_once_than_the_pipeline_says(conduct: Conduct) -> None:
    conduct.pipeline("single", WAIT, concurrency=1)
    first, second = conduct.create("single"), conduct.create("single")
    conduct.world.clock(advance=1)
    assert [conduct.get(run)["status"] for run in (first, second)] == ["InProgress", "Queued"]
    conduct.world.clock(advance=1200)
    assert [conduct.get(run)["status"] for run in (first, second)] == ["Succeeded"] * 2


def test_what_does_not_fit_is_refused_by_name(conduct: Conduct) -> None:
    conduct.pipeline("typed", web("https://management.azure.com"), parameters={"rows": {"type": "Int"}})
    path = f"{conduct.factory}/pipelines/typed"
    assert "requires the parameter 'rows'" in conduct.refused("POST", f"{path}/createRun")[2]
    answer = conduct.world.arm("POST", f"{path}/createRun", {"rows": 1}, startActivityName="Web")
    assert (
        answer.json()["error"]["message"]
        == "The sandbox does not offer the parameter 'startActivityName' of 'createRun'."
    )
    bad = {"activities": [{"name": "A", "type": "ForEach", "typeProperties": {}}]}
    assert "'ForEach' is not supported" in conduct.refused("PUT", path, bad)[2]
    bad = {"activities": [script("A", "SELECT 1", "nowhere")]}
    text = "The document creation or update failed because of invalid reference 'nowhere'."
    assert conduct.refused("PUT", path, bad) == (400, "BadRequest", text)
    wrong = ALWAYS | {"filters": [{"operand": "Colour", "operator": "Equals", "values": []}]}
    answer = conduct.world.arm("POST", f"{conduct.factory}/queryPipelineRuns", wrong)
    assert "'Colour' is none of" in answer.json()["error"]["message"]
