"""A small stack with a deployment, and two hours of events that its stream has made into features."""

import json
import re
import shutil
import subprocess
from datetime import datetime, timedelta
from typing import Any

from azure_sandbox import lifecycle

from .cloud import ROOT, SPEED, Cloud, Run

STACK = "trial"
PLANT = ("--devices", "1", "--sensors", "2")
# Windows of an hour, that nobody scores but the tests.
CONFIG = {"windowHours": "1", "schedule": "false", "modelPath": "trial/build/models/sensors"}


class Trial:
    """The stack `trial`, deployed with a model of the plant that sends its events."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        shutil.copy(ROOT / "Pulumi.local.yaml", cloud.project / f"Pulumi.{STACK}.yaml")
        cloud.create(STACK)
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
        run = self.cloud.up(STACK, **config)
        assert run.code == 0, run.text
        self.outputs = self.cloud.outputs(STACK)
        (self.cloud.project / "trial.json").write_text(json.dumps(self.outputs))
        return run

    def ours(self, *command: str, identity: str = "deployer") -> "subprocess.CompletedProcess[str]":
        return self.cloud.run("batch-scoring", *command, "--outputs", "trial.json", identity=identity)

    def tells(self, *command: str, identity: str = "deployer") -> str:
        return self.said(self.ours(*command, identity=identity))

    def look(self, code: str, **options: str) -> Any:
        return self.cloud.look(code, self.outputs, **options)

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
