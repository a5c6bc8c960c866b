"""What `up`, its hooks and the main job do when Azure throttles, fails, cuts connections and takes its time.

They survive what Azure's own clients repeat. A conflict is not repeated: then `up` says what happened, and the next one
goes on from there.
"""

import json
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from azure_sandbox import lifecycle

from .cloud import SPEED, Cloud, Run

STACK = "faults"
ROUGH = {"throttle": 0.03, "error": 0.02, "cut": 0.02, "slow": 0.2}


class Rough:
    """A stack that is made while Azure fails by seed."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        cloud.create(STACK)

    def faults(self, **plan: float | str) -> None:
        lifecycle.ask(self.cloud.state, "/faults", plan)

    def met(self) -> set[str]:
        """Codes of the newest faults that the sandbox has logged."""
        found = lifecycle.ask(self.cloud.state, "/status")["refusals"]
        return {entry["code"] for entry in found if "a fault of seed" in entry["message"]}

    def clock(self, **move: Any) -> None:
        lifecycle.ask(self.cloud.state, "/clock", move)

    def up(self) -> Run:
        return self.cloud.up(STACK)

    def ours(self, *command: str, identity: str = "deployer") -> "subprocess.CompletedProcess[str]":
        outputs = ("--outputs", "faulty.json")
        return self.cloud.run("batch-scoring", *command, *outputs, identity=identity)


@pytest.fixture(scope="module")
def rough(cloud: Cloud) -> Iterator[Rough]:
    made = Rough(cloud)
    yield made
    made.faults()
    made.clock(speed=SPEED)
    gone = cloud.pulumi("destroy", "--yes", "--skip-preview", stack=STACK)
    assert gone.code == 0, gone.text


def test_a_conflict_ends_up_by_name_and_the_next_up_goes_on(rough: Rough) -> None:
    rough.faults(seed=1, conflict=0.4, service="Microsoft.EventHub")
    failed = rough.up()
    assert failed.code != 0
    assert 'Status=409 Code="AnotherOperationInProgress"' in failed.text
    assert "(request " in failed.text  # by which `azure-sandbox request` tells the rest


def test_up_and_its_hooks_survive_a_rough_azure(rough: Rough) -> None:
    rough.faults(seed=11, **ROUGH)
    run = rough.up()
    assert run.code == 0, run.text
    assert "it serves now" in run.text
    assert rough.met()


def test_the_main_job_survives_a_rough_azure(rough: Rough) -> None:
    outputs = rough.cloud.outputs(STACK)
    (rough.cloud.project / "faulty.json").write_text(json.dumps(outputs))
    rough.clock(speed=0)
    rough.faults(seed=12, **ROUGH)
    options = ("--hours", "1", "--devices", "1", "--sensors", "2", "--record", "rough.json")
    send = rough.ours("send", *options, identity=outputs["sensorsIdentityId"])
    assert send.returncode == 0, send.stderr
    sent = json.loads((rough.cloud.project / "rough.json").read_text())
    rough.clock(advance=7200)
    rough.clock(speed=SPEED)
    first = datetime.fromisoformat(sent["start"])
    span = ("--from", first.isoformat(), "--to", (first + timedelta(hours=2)).isoformat())
    rough.faults(seed=13, **ROUGH)
    score = rough.ours("score", *span, "--allow-missing")
    assert score.returncode == 0, score.stderr
    results = rough.ours("results", *span, "--sent", "rough.json", "--summary", "rough-facts.json", "-o", "rough.csv")
    assert results.returncode == 0, results.stderr
    facts = json.loads((rough.cloud.project / "rough-facts.json").read_text())
    assert facts["rows"]["scored"] + facts["rows"]["rejected"] == facts["rows"]["rows"] == 24
