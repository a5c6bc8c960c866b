"""The declared pipelines, run by the sandbox's factory: a window scored once, twice, and broken in the middle."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from .cloud import Cloud

STACK = "conduct"
FEATURES = """
import datetime, io
import pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq
rows = pq.read_table("history.parquet")
utc = datetime.timezone.utc
first = min(rows["WindowEnd"].to_pylist()).date() + datetime.timedelta(days=1)
day = datetime.datetime(first.year, first.month, first.day, tzinfo=utc)
lake, answer = blobs.container(outputs["lakeAccount"], "features"), [day.isoformat(), 0]
for hour in range(24):
    begin = day + datetime.timedelta(hours=hour)
    ends = [pa.scalar(begin + datetime.timedelta(hours=h), pa.timestamp("us", tz="UTC")) for h in (0, 1)]
    inside = pc.and_(pc.greater_equal(rows["WindowEnd"], ends[0]), pc.less(rows["WindowEnd"], ends[1]))
    part, file = rows.filter(inside), io.BytesIO()
    pq.write_table(part, file)
    if part.num_rows:
        lake.upload_blob(f"{begin:%Y/%m/%d/%H}/rows.parquet", file.getvalue(), overwrite=True)
        answer[1] += part.num_rows
"""
RUN = """
import time
factory = f"{{group}}/Microsoft.DataFactory/factories/{{outputs['factory']}}"
call = lambda verb, path, body=None: arm.call(verb, f"{{factory}}/{{path}}", api="2018-06-01", body=body)
run = call("POST", "pipelines/score/createRun", {window})["runId"]
while call("GET", f"pipelineruns/{{run}}")["status"] in ("Queued", "InProgress", "Canceling"):
    time.sleep(0.5)
span = {{"lastUpdatedAfter": "2000-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}}
activities = call("POST", f"pipelineruns/{{run}}/queryActivityruns", span)["value"]
answer = {{
    "status": call("GET", f"pipelineruns/{{run}}")["status"],
    "activities": {{
        a["activityName"]: [a["status"], a.get("output") or {{}}, a.get("error") or {{}}] for a in activities
    }},
}}
"""

TRIGGERS = """
factory = f"{group}/Microsoft.DataFactory/factories/{outputs['factory']}"
found = arm.call("GET", f"{factory}/triggers", api="2018-06-01")["value"]
answer = [trigger["properties"]["runtimeState"] for trigger in found]
"""
BEGIN = """
factory = f"{{group}}/Microsoft.DataFactory/factories/{{outputs['factory']}}"
window = {{"windowStart": "{day}T00:00:00Z", "windowEnd": "{day}T01:00:00Z"}}
answer = arm.call("POST", f"{{factory}}/pipelines/score/createRun", api="2018-06-01", body=window)
"""
# Groups and role assignments of the subscription that a stack has left.
LEFT = """
subscription = f"/subscriptions/{outputs['subscriptionId']}"
def of_stack(path, api):
    found = arm.call("GET", f"{subscription}/{path}", api=api)["value"]
    return [one["id"] for one in found if outputs["resourceGroup"] in str(one)]
answer = [
    of_stack("resourcegroups", "2021-04-01"),
    of_stack("providers/Microsoft.Authorization/roleAssignments", "2022-04-01"),
]
"""


@dataclass
class Windows:
    cloud: Cloud
    outputs: dict[str, Any]
    start: str
    rows: int

    def score(self, **parameters: str) -> dict[str, Any]:
        day, _, _ = self.start.partition("T")
        following = self.cloud.look(
            f"import datetime; answer = str(datetime.date.fromisoformat({day!r}) + datetime.timedelta(days=1))",
            self.outputs,
        )
        window = {"windowStart": f"{day}T00:00:00Z", "windowEnd": f"{following}T00:00:00Z", **parameters}
        return self.cloud.look(RUN.format(window=json.dumps(window)), self.outputs)


@pytest.fixture(scope="module")
def windows(cloud: Cloud) -> Windows:
    """A stack with a day of feature rows, as its stream would have written them."""
    cloud.create(STACK)
    up = cloud.up(STACK)
    assert up.code == 0, up.text
    assert "the schema is applied" in up.text
    outputs = cloud.outputs(STACK)
    code = FEATURES.replace("history.parquet", str(cloud.project.parent / "history.parquet"))
    start, rows = cloud.look(code, outputs, identity=outputs["streamJob"])
    return Windows(cloud, outputs, start, rows)


def test_a_window_is_scored_stored_and_committed_with_every_row(windows: Windows) -> None:
    run = windows.score()
    activities = run["activities"]
    assert run["status"] == "Succeeded", run
    assert activities["Prepare"][1]["rowsCopied"] == windows.rows
    assert activities["Upsert"][1]["rowsCopied"] == windows.rows
    assert activities["Commit"][1]["recordsAffected"] == 1
    assert activities["Tidy"][1]["recordsAffected"] == 0


def test_a_second_run_replaces_the_rows_of_the_first(windows: Windows) -> None:
    run = windows.score()
    assert run["status"] == "Succeeded", run
    # What goes is what the first run wrote, after the second one's row is there: readers always see one whole run.
    assert run["activities"]["Tidy"][1]["recordsAffected"] == windows.rows


def test_a_run_that_fails_commits_nothing(windows: Windows) -> None:
    run = windows.score(deployment="nobody")
    assert run["status"] == "Failed"
    assert "nobody" in run["activities"]["Invoke"][2]["message"]
    assert "Commit" not in run["activities"]
    again = windows.score()
    assert again["status"] == "Succeeded", again
    assert again["activities"]["Tidy"][1]["recordsAffected"] == windows.rows


def test_a_window_without_rows_fails_with_its_cause(windows: Windows) -> None:
    run = windows.score(windowStart="2001-01-01T00:00:00Z", windowEnd="2001-01-02T00:00:00Z")
    assert run["status"] == "Failed"
    assert "no folder features/2001/01/01 in the lake" in run["activities"]["No rows in features"][2]["message"]


def test_a_stack_goes_while_its_trigger_is_started_and_a_window_runs(windows: Windows) -> None:
    state = windows.cloud.look(TRIGGERS, windows.outputs)
    assert state == ["Started"]
    windows.cloud.look(BEGIN.format(day=windows.start[:10]), windows.outputs)
    gone = windows.cloud.pulumi("destroy", "--yes", "--skip-preview", stack=STACK)
    assert gone.code == 0, gone.text
    assert windows.cloud.look(LEFT, windows.outputs) == [[], []]
