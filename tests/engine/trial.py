"""A small stack with a deployment, and two hours of events that its stream has made into features."""

import json
import re
import subprocess
from datetime import datetime, timedelta
from typing import Any

from azure_sandbox import lifecycle

from .cloud import SPEED, Cloud, Run

TIME = "%Y-%m-%dT%H:%M:%SZ"
PLANT = ("--devices", "1", "--sensors", "2")
# Windows of an hour, that nobody scores but the tests.
CONFIG = {"windowHours": "1", "schedule": "false", "modelPath": "trial/build/models/sensors"}

FACTORY = """
import time
factory = f"{{group}}/Microsoft.DataFactory/factories/{{outputs['factory']}}"
call = lambda verb, path, body=None: arm.call(verb, f"{{factory}}/{{path}}", api="2018-06-01", body=body)
def run(pipeline, parameters):
    name = call("POST", f"pipelines/{{pipeline}}/createRun", parameters)["runId"]
    while (found := call("GET", f"pipelineruns/{{name}}"))["status"] in ("Queued", "InProgress"):
        time.sleep(0.5)
    assert found["status"] == "Succeeded", found
    return name
"""
SCORE = (
    FACTORY
    + """
answer = [run("score", window) for window in {windows}]
"""
)
# As the factory's identity, which alone may read the tables here.
SQL = (
    FACTORY
    + """
scripts = [{{"type": "Query", "text": {text!r}}}]
linked = {{"referenceName": "warehouse", "type": "LinkedServiceReference"}}
script = {{"name": "Look", "type": "Script", "linkedServiceName": linked, "typeProperties": {{"scripts": scripts}}}}
call("PUT", "pipelines/look", {{"properties": {{"activities": [script]}}}})
span = {{"lastUpdatedAfter": "2000-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}}
name = run("look", {{}})
(activity,) = call("POST", f"pipelineruns/{{name}}/queryActivityruns", span)["value"]
answer = activity["output"]["resultSets"][0].get("rows", [])
"""
)


class Trial:
    """A stack of its own, deployed with a model of the plant that sends its events."""

    def __init__(self, cloud: Cloud, stack: str = "trial"):
        self.cloud, self.stack = cloud, stack
        cloud.create(stack)
        (cloud.project / "trial").mkdir(exist_ok=True)
        self.until = _midnight(self.now())
        train = f"cd trial && batch-scoring train --days 2 --until {self.until:%Y-%m-%d} {' '.join(PLANT)}"
        self.said(cloud.run("sh", "-c", train))
        self.up(**CONFIG)
        self.day = self._send()

    @property
    def span(self) -> tuple[str, ...]:
        return ("--from", self.day.isoformat(), "--to", (self.day + timedelta(hours=2)).isoformat())

    def up(self, **config: str) -> Run:
        run = self.cloud.up(self.stack, **config)
        assert run.code == 0, run.text
        self.outputs = self.cloud.outputs(self.stack)
        (self.cloud.project / "trial.json").write_text(json.dumps(self.outputs))
        return run

    def ours(self, *command: str, identity: str = "deployer") -> "subprocess.CompletedProcess[str]":
        return self.cloud.run("batch-scoring", *command, "--outputs", "trial.json", identity=identity)

    def tells(self, *command: str, identity: str = "deployer") -> str:
        return self.said(self.ours(*command, identity=identity))

    def look(self, code: str, **options: str) -> Any:
        return self.cloud.look(code, self.outputs, **options)

    def score(self) -> None:
        """Runs the pipeline of both hours."""
        starts = [self.day, self.day + timedelta(hours=1)]
        windows = [{"windowStart": f"{at:{TIME}}", "windowEnd": f"{at + timedelta(hours=1):{TIME}}"} for at in starts]
        self.look(SCORE.format(windows=windows))

    def sql(self, text: str) -> list[dict[str, Any]]:
        return self.look(SQL.format(text=text))

    def now(self) -> datetime:
        return datetime.fromisoformat(lifecycle.ask(self.cloud.state, "/clock")["now"])

    def clock(self, **move: float) -> None:
        lifecycle.ask(self.cloud.state, "/clock", move)

    @staticmethod
    def said(ended: "subprocess.CompletedProcess[str]") -> str:
        """What a command wrote for its caller, without what it told meanwhile."""
        assert ended.returncode == 0, ended.stderr + ended.stdout
        return ended.stdout

    def _send(self) -> datetime:
        """Two hours of events and one in which the last of them close; their first hour."""
        self.clock(speed=0)
        options = ("--hours", "2", *PLANT, "--record", "trial/sent.json")
        self.tells("send", *options, identity=self.outputs["sensorsIdentityId"])
        self.clock(advance=3 * 3600)
        self.clock(speed=SPEED)
        return datetime.fromisoformat(json.loads((self.cloud.project / "trial/sent.json").read_text())["start"])


def version_in(text: str) -> str:
    """The model version that a command names."""
    found = re.search(r"model sensors:(\w+)", text)
    assert found, text
    return found[1]


def _midnight(moment: datetime) -> datetime:
    """The midnight before which the plant's past lies: events are sent from the next one on."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
