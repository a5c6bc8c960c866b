"""Every provable grant of a stack is needed: without it, the part of the main job that uses it is refused.

One warm sandbox with an hour of events, an operator who owns nothing. Each grant is taken away through Resource
Manager and given back, with the delay that a role assignment has. What was seen is kept in docs/identities.json, from
which tools/identities.py writes the table; `IDENTITIES=write pytest tests/engine/test_identities.py` renews it.
"""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from azure_sandbox.access import grants
from azure_sandbox.roles import BY_NAME

from components.access import GRANTS, Grant

from .cloud import ROOT, SPEED, Cloud
from .grants import Access, Refusal, events, found_in, write

STACK, OPERATOR = "grants", "user:operator"
SEEN = ROOT / "docs" / "identities.json"
PROVABLE = [grant for grant in GRANTS if grant.provable]
# The smoke run of `pulumi up`, without the patience with which it waits for a fresh role assignment.
SMOKE = """
from components import smoke
arm.patiently, smoke._FRESH = lambda work, what, **_: work(), 0
facts = arm.call("GET", f"{endpoint}/deployments/{outputs['deployment']}", api=ML)["properties"]
model = facts["model"]["assetId"]
target = smoke.Target(endpoint=endpoint, deployment=outputs["deployment"], workspace=workspace, account=account,
                      model=model, model_digest=model.rsplit("/", 1)[-1])
answer = smoke.run(target, minutes=2)
"""
# A window as the factory conducts it: what its run says when it fails.
CONDUCT = """
import time
factory = f"{{group}}/Microsoft.DataFactory/factories/{{outputs['factory']}}"
call = lambda verb, path, body=None: arm.call(verb, f"{{factory}}/{{path}}", api=arm.DATA_FACTORY_API, body=body)
run = call("POST", "pipelines/score/createRun", {window})["runId"]
while call("GET", f"pipelineruns/{{run}}")["status"] in ("Queued", "InProgress", "Canceling"):
    time.sleep(0.3)
ended = call("GET", f"pipelineruns/{{run}}")
answer = "" if ended["status"] == "Succeeded" else ended["message"] or ended["status"]
"""


def named(grant: Grant) -> str:
    return f"{grant.identity}, {grant.role}, {grant.scope}"


class World:
    """A deployed stack with an hour of events, and the parts of its main job."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        cloud.create(STACK)
        assert self.ran(cloud.run("true", identity=OPERATOR)) == ""  # a person exists once somebody asks
        # As the sandbox names people: the same id in every sandbox.
        operator = str(uuid.uuid5(uuid.NAMESPACE_URL, f"azure-sandbox:{OPERATOR}"))
        up = cloud.up(STACK, operatorObjectId=operator, operatorKind="User")
        assert up.code == 0, up.text
        self.outputs = cloud.outputs(STACK)
        write(cloud.project / "outputs.json", self.outputs)
        self.access = Access(cloud, STACK)
        self.access.speed(0)
        assert self.send(hours="1", record="sent.json") == ""
        sent = json.loads((cloud.project / "sent.json").read_text())
        self.day = datetime.fromisoformat(sent["start"])
        self.access.advance(timedelta(hours=2))

    def send(self, hours: str = str(1 / 6), record: str = "again.json") -> str:
        options = ("--hours", hours, "--devices", "1", "--sensors", "2", "--record", record)
        return self.ours("send", *options, identity=self.outputs["sensorsIdentityId"])

    def score(self) -> str:
        with self.access.moving():
            return self.ours("score", *self.span(), "--allow-missing", "--again")

    def results(self) -> str:
        return self.ours("results", *self.span(), "--sent", "sent.json", "--summary", "facts.json", "-o", "rows.csv")

    def smoke(self) -> str:
        with self.access.moving():
            try:
                self.cloud.look(SMOKE, self.outputs)
            except AssertionError as error:
                return str(error)
        return ""

    def conduct(self) -> str:
        window = {"windowStart": f"{self.day:%Y-%m-%dT%H:%M:%SZ}"}
        window["windowEnd"] = f"{self.day + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
        with self.access.moving():
            try:
                return self.cloud.look(CONDUCT.format(window=json.dumps(window)), self.outputs, identity=OPERATOR)
            except AssertionError as error:
                return str(error)

    def stream(self) -> str:
        """Sends one good and one bad reading, lets their window close, and says what the job complains of."""
        sender = next(grant for grant in GRANTS if grant.identity == "sensors")
        url = f"https://{self.outputs['eventHubNamespace']}.servicebus.windows.net/{self.outputs['eventHub']}/messages"
        assert self.access.send(sender, url, events(self.access.now())) == 201
        self.access.advance(timedelta(minutes=20))
        return self.access.stream_problem()

    def span(self) -> tuple[str, ...]:
        return ("--from", self.day.isoformat(), "--to", (self.day + timedelta(hours=2)).isoformat())

    def ours(self, *command: str, identity: str = OPERATOR) -> str:
        return self.ran(self.cloud.run("batch-scoring", *command, "--outputs", "outputs.json", identity=identity))

    @staticmethod
    def ran(ended: "subprocess.CompletedProcess[str]") -> str:
        """What a command said when it failed, else nothing."""
        return ended.stderr + ended.stdout if ended.returncode else ""


@pytest.fixture(scope="module")
def world(cloud: Cloud) -> Iterator[World]:
    made = World(cloud)
    yield made
    made.access.speed(SPEED)
    made.access.close()
    gone = cloud.pulumi("destroy", "--yes", "--skip-preview", stack=STACK)
    assert gone.code == 0, gone.text


@pytest.fixture(scope="module")
def seen() -> Iterator[dict[str, dict[str, str]]]:
    """What this run saw, by grant; the document must say the same."""
    found: dict[str, dict[str, str]] = {}
    yield found
    if os.environ.get("IDENTITIES") == "write":
        write(SEEN, dict(sorted(found.items())))


def step_of(grant: Grant) -> str:
    """The part of the main job that needs a grant."""
    if grant.identity in ("sensors", "stream"):
        return {"sensors": "send", "stream": "stream"}[grant.identity]
    if grant.identity == "deployer":
        return "smoke"
    if "factory" in (grant.identity, grant.scope):
        return "conduct"
    return "results" if grant.scope in ("lake/predictions", "lake/rejected") else "score"


@pytest.mark.parametrize("step", ["send", "stream", "score", "conduct", "results", "smoke"])
def test_the_main_job_passes_with_all_grants(world: World, step: str) -> None:
    assert getattr(world, step)() == ""


def test_the_main_job_passes_without_the_grants_that_are_not_provable(world: World) -> None:
    with world.access.without(*(grant for grant in GRANTS if not grant.provable and world.access.made(grant))):
        assert [getattr(world, step)() for step in ("score", "conduct", "results", "smoke")] == [""] * 4


@pytest.mark.parametrize("grant", PROVABLE, ids=named)
def test_the_main_job_is_refused_without(world: World, grant: Grant, seen: dict[str, dict[str, str]]) -> None:
    step, before = step_of(grant), {entry["id"] for entry in world.access.refusals()}
    with world.access.without(grant):
        said = getattr(world, step)()
    assert said, f"`{step}` passes without {named(grant)}"
    refusals = [r for entry in world.access.refusals() if entry["id"] not in before for r in in_full(entry)]
    fitting = [r for r in [*refusals, *found_in(said, "")] if fits(world, grant, r)]
    assert fitting, f"`{step}` failed, but nobody named principal, action and scope of {named(grant)}:\n{said}"
    here = {"step": step, "code": next((r.code for r in fitting if r.code), ""), "action": fitting[0].action}
    seen[named(grant)] = here
    if os.environ.get("IDENTITIES") != "write":
        assert json.loads(SEEN.read_text("utf-8"))[named(grant)] == here


def in_full(entry: dict[str, str]) -> list[Refusal]:
    return found_in(entry["message"], f"{entry['status']} {entry['code']}")


def fits(world: World, grant: Grant, refusal: Refusal) -> bool:
    """Whether the refusal is of the grant's principal, at its scope, for an action that its role grants."""
    principal, role = world.access.principal(grant), BY_NAME[grant.role.lower()]
    scope = str(world.access.assignment(grant)["outputs"]["scope"]).lower()
    who = refusal.who in (principal["name"], principal["objectId"])
    action = any(grants(role, refusal.action, data) for data in (True, False))
    return who and action and refusal.scope.lower().startswith(scope)
