"""Windows that Data Factory scores, as the operator's commands show them and run them again."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from azure_sandbox import lifecycle

from .cloud import ROOT, SPEED, Cloud

STACK = "windows"


class Hours:
    """A deployed stack with windows of an hour, two hours of events, and its trigger."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        shutil.copy(ROOT / "Pulumi.local.yaml", cloud.project / f"Pulumi.{STACK}.yaml")
        cloud.create(STACK)
        up = cloud.up(STACK, windowHours="1")
        assert up.code == 0, up.text
        self.outputs = cloud.outputs(STACK)
        (cloud.project / "hours.json").write_text(json.dumps(self.outputs))
        self.clock(speed=0)
        options = ("--hours", "2", "--devices", "1", "--sensors", "2", "--record", "sent.json")
        self.ours("send", *options, identity=self.outputs["sensorsIdentityId"])
        sent = json.loads((cloud.project / "sent.json").read_text())
        self.start = datetime.fromisoformat(sent["start"])
        self.reach(self.start + timedelta(hours=3))

    def clock(self, **move: float) -> datetime:
        return datetime.fromisoformat(lifecycle.ask(self.cloud.state, "/clock", move or None)["now"])

    def reach(self, moment: datetime) -> None:
        """Lets everything happen that is due by then."""
        self.clock(advance=(moment - self.clock()).total_seconds())

    def ours(self, *command: str, identity: str = "deployer", code: int = 0) -> str:
        ended = self.cloud.run("batch-scoring", *command, "--outputs", "hours.json", identity=identity)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout

    def results(self) -> list[dict[str, Any]]:
        return list(csv.DictReader(io.StringIO(self.ours("results", "--format", "csv"))))


@pytest.fixture(scope="module")
def hours(cloud: Cloud) -> Iterator[Hours]:
    made = Hours(cloud)
    yield made
    made.clock(speed=SPEED)
    gone = cloud.pulumi("destroy", "--yes", "--skip-preview", stack=STACK)
    assert gone.code == 0, gone.text


def test_results_shows_what_the_trigger_scored(hours: Hours) -> None:
    rows = hours.results()
    assert len(rows) == 48
