"""Each door refuses what Azure refuses there, with Azure's status and code, and the log says why."""

import os
from collections.abc import Iterator

import doors
import pytest
from conduct_world import Conduct
from doors import Refusal
from learning_world import Workspace  # pyright: ignore[reportMissingImports]
from sandbox_world import PLACE  # pyright: ignore[reportMissingImports]

WINDOW = {"frequency": "Hour", "interval": 1, "startTime": "2030-01-01T00:00:00Z", "maxConcurrency": 1}
MISTAKES = doors.mistakes()


@pytest.fixture(scope="module")
def names(conducted: Conduct, learning: Workspace) -> Iterator[dict[str, str]]:
    """What stands behind the doors; the ids that requests name."""
    world = conducted.world
    with world.inside():
        space = f"{conducted.providers}/Microsoft.EventHub/namespaces/doorspace1"
        body = {"location": PLACE, "sku": {"name": "Standard"}, "properties": {"disableLocalAuth": True}}
        world.put(space, body)
        world.put(f"{space}/eventhubs/readings", {"properties": {"partitionCount": 4}})
        world.grant(space, "Azure Event Hubs Data Sender", world.identity("deployer")["objectId"])
        reader = world.identity("user:reader")["objectId"]
        world.grant(f"{conducted.lake}/blobServices/default/containers/raw", "Storage Blob Data Reader", reader, "User")
        world.clock(advance=121)
        wait = {"name": "Wait", "type": "Wait", "typeProperties": {"waitTimeInSeconds": 1}}
        conducted.pipeline("doors", wait, parameters={"start": {"type": "String"}})
        window = {"start": "@trigger().outputs.windowStartTime"}
        pipeline = {"pipelineReference": {"type": "PipelineReference", "referenceName": "doors"}, "parameters": window}
        conducted.put(
            "triggers/doors", {"type": "TumblingWindowTrigger", "typeProperties": WINDOW, "pipeline": pipeline}
        )
        assert world.arm("POST", f"{conducted.factory}/triggers/doors/start").status_code == 200
    yield {
        "factory": conducted.factory,
        "workspace": learning.path,
        "lake": conducted.lake,
        "group": conducted.providers.removesuffix("/providers"),
        "subscription": world.subscription,
    }
    with world.inside():
        world.arm("POST", f"{conducted.factory}/triggers/doors/stop")


@pytest.fixture(scope="module")
def seen() -> Iterator[list[str]]:
    rows: list[str] = []
    yield rows
    if os.environ.get("REFUSALS") == "write":
        doors.FILE.write_text(doors.HEAD + "\n".join(rows) + "\n", "utf-8")


@pytest.mark.parametrize("refusal", MISTAKES, ids=lambda one: f"{one.door}: {one.mistake}")
def test_a_door_refuses(conducted: Conduct, names: dict[str, str], seen: list[str], refusal: Refusal) -> None:
    status, code, why = doors.answer(conducted.world, refusal, names)
    assert f"{status} {code}" == refusal.says, why
    assert refusal.why in why
    seen.append(doors.row(refusal, (status, code, why), names))
    if os.environ.get("REFUSALS") != "write":
        stale = "docs/refused-requests.md is stale: its head says what writes it"
        assert seen[-1] in doors.FILE.read_text("utf-8").splitlines(), stale


def test_the_document_has_a_row_for_each_mistake_and_no_other() -> None:
    if os.environ.get("REFUSALS") == "write":
        pytest.skip("it is being written")
    rows = doors.FILE.read_text("utf-8").removeprefix(doors.HEAD).splitlines()
    assert [line.split(" | ")[:2] for line in rows] == [[f"| {one.door}", one.mistake] for one in MISTAKES]
