"""The life of a stack under the real engine: every step as a user meets it, with Azure as the sandbox plays it.

The tests of the stack `local` tell one story, in order: each leaves it deployed and at rest.
"""

from typing import Any

import pytest

from .cloud import Cloud, Run

SCRIPT, QUERY = "scoring/score.py", "scoring/sensors/query.asaql"
DEPLOYMENT, SWITCH, START = "deployment-", "deployment-switch-step", "flow-start-step"
# The blob that the upload of the changed script must write.
HELD = """
from azure.storage.blob import BlobLeaseClient
from scoring.code import code_files, content, digest
version = digest({name: content(name, path) for name, path in code_files("sensors").items()})
blob = assets.get_blob_client(f"code/sensors/{version}/score.py")
"""


# One event, sent as sensors send theirs.
SEND = """
import requests
token = arm.credential().get_token("https://eventhubs.azure.net/.default").token
url = f"https://{outputs['eventHubNamespace']}.servicebus.windows.net/{outputs['eventHub']}/messages"
kind = "application/atom+xml;type=entry;charset=utf-8"
headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
answer = requests.post(url, data=b'{"EventId": "1"}', headers=headers, timeout=30).status_code
"""
# Waits until the stream has written something.
WRITTEN = """
import time
for _ in range(60):
    answer = arm.call("GET", job, api=ASA)["properties"].get("lastOutputEventTime")
    if answer:
        break
    time.sleep(0.5)
"""


# What `batch-scoring train` does with a model for a stack that names its version.
REGISTER = """
from pathlib import Path
from operations import registration, stack
prod, model = stack.Stack.of("prod", outputs, ""), Path("build/models/sensors")
answer, new = registration.register(prod, model, {}, lambda _: None)
"""


class Story:
    """The stack `local`, deployed from nothing."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        cloud.create("local")
        self.first = self.up()
        self.outputs = cloud.outputs("local")

    def up(self, *options: str, **config: str) -> Run:
        return self.cloud.up("local", *options, **config)

    def succeeds(self, **config: str) -> Run:
        run = self.up(**config)
        assert run.code == 0, run.text
        return run

    def look(self, code: str, **options: str) -> Any:
        return self.cloud.look(code, self.outputs, **options)

    def serving(self) -> tuple[str, list[str]]:
        """The endpoint's default deployment, and all its deployments."""
        default = 'arm.call("GET", endpoint, api=ML)["properties"].get("defaults", {}).get("deploymentName")'
        every = 'sorted(one["name"] for one in arm.call("GET", f"{endpoint}/deployments", api=ML)["value"])'
        default, deployments = self.look(f"answer = [{default}, {every}]")
        return default, deployments

    def uploaded(self) -> list[str]:
        below = 'n for kind in ("code", "models", "golden") for n in blobs.below(account, "assets", kind)'
        return self.look(f"answer = sorted({below})")

    def versions(self, kind: str) -> list[str]:
        path = f"{{workspace}}/{kind}/sensors/versions"
        return self.look(f'answer = sorted(one["name"] for one in arm.call("GET", f"{path}", api=ML)["value"])')

    def stream(self) -> str:
        return self.look('answer = arm.call("GET", job, api=ASA)["properties"]["jobState"]')


@pytest.fixture(scope="module")
def story(cloud: Cloud) -> Story:
    return Story(cloud)


def test_a_stack_comes_up_from_nothing_and_its_deployment_serves(story: Story) -> None:
    assert story.first.code == 0, story.first.text
    live = story.outputs["deployment"]
    assert story.serving() == (live, [live])
    assert f"the deployment {live} answers 18 golden rows as its model did; it serves now" in story.first.text
    assert story.stream() == "Running"
    assert "at JobStartTime" in story.first.text  # a job that has written nothing has no last output to go on from


def test_what_is_uploaded_is_named_by_its_content(story: Story) -> None:
    (code,), (model,) = story.versions("codes"), story.versions("models")
    files = story.uploaded()
    assert f"code/sensors/{code}/score.py" in files
    assert f"code/sensors/{code}/scoring/sensors/contract.py" in files
    assert f"models/sensors/{model}/manifest.json" in files
    assert f"golden/sensors/{model}/input.parquet" in files


def test_unchanged_content_gives_no_diff(story: Story) -> None:
    again = story.up("--expect-no-changes")
    assert again.code == 0, again.text
    assert again.done == []


def test_a_preview_of_a_changed_byte_uploads_nothing(story: Story) -> None:
    before = story.uploaded()
    story.cloud.edit(SCRIPT, '"""', '""" ')
    preview = story.cloud.pulumi("preview", stack="local")
    assert preview.code == 0, preview.text
    assert story.uploaded() == before


def test_an_upload_that_fails_ends_up_and_leaves_the_live_deployment_serving(story: Story) -> None:
    before = story.serving()
    lease = story.look(f'{HELD}\nblob.upload_blob(b"not the script")\nanswer = blob.acquire_lease().id')
    failed = story.up()
    assert failed.code != 0
    assert "There is currently a lease on the blob" in failed.text
    assert failed.of(DEPLOYMENT) == []
    assert story.serving() == before
    story.look(f"{HELD}\nBlobLeaseClient(blob, {lease!r}).release()\nanswer = 0")


def test_the_next_up_tries_again_and_one_changed_byte_makes_one_version_and_one_deployment(story: Story) -> None:
    old, _ = story.serving()
    run = story.succeeds()
    new, deployments = story.serving()
    assert new != old
    assert deployments == [new]
    assert len(story.versions("codes")) == 2
    assert len(story.versions("models")) == 1
    ours = [(name, what) for name, what in run.done if name.startswith(DEPLOYMENT)]
    assert [what for _, what in ours] == ["created", "updated", "deleted"]
    assert ours[1][0] == SWITCH  # the old one goes only after the switch
    assert run.of("model-") == []


def test_a_smoke_run_that_fails_leaves_the_old_deployment_serving_whatever_else_changes(story: Story) -> None:
    live, _ = story.serving()
    story.cloud.edit(SCRIPT, '""" ', '"""')
    story.cloud.edit(SCRIPT, "def run(", "def run(*_):\n    raise RuntimeError('broken on purpose')\n\n\ndef gone(")
    failed = story.up(owner="somebody else")  # the endpoint's tags change too: its PUT says nothing of a default
    assert failed.code != 0
    assert "failed (job batchjob-" in failed.text
    assert "broken on purpose" in failed.text
    default, deployments = story.serving()
    assert default == live
    assert len(deployments) == 2


def test_content_that_comes_back_finds_its_retained_version_and_serves_again(story: Story) -> None:
    story.cloud.edit(SCRIPT, "def run(*_):\n    raise RuntimeError('broken on purpose')\n\n\ndef gone(", "def run(")
    kept = story.versions("codes")
    run = story.succeeds()
    assert story.versions("codes") == kept
    assert story.serving() == (story.outputs["deployment"], [story.outputs["deployment"]])
    assert run.of("code-").count("created") == 1


def test_a_changed_tag_keeps_the_default_and_the_stream_running(story: Story) -> None:
    before = story.serving()
    run = story.succeeds(owner="a third")
    assert run.of("endpoint-endpoint") == ["updated"]
    assert run.of(SWITCH) == ["updated"]
    assert "golden rows" not in run.text  # nothing new to prove
    assert story.serving() == before
    assert "stopping the job" in run.text
    assert story.stream() == "Running"


def test_a_changed_query_stops_the_stream_changes_it_and_starts_it_again(story: Story) -> None:
    assert story.look(SEND, identity=story.outputs["sensorsIdentityId"]) == 201
    assert story.look(WRITTEN)
    story.cloud.edit(QUERY, "WITH", "-- changed\nWITH")
    run = story.succeeds()
    steps = [(name, what) for name, what in run.done if name.startswith(("stream-job", "flow-"))]
    assert steps[0] == ("stream-job", "updated")
    assert {name for name, _ in steps[1:]} == {START}
    assert "stopping the job" in run.text
    assert "at LastOutputEventTime" in run.text  # it goes on where it was: no event is lost or counted twice
    assert story.stream() == "Running"
    job = 'arm.call("GET", f"{job}?$expand=transformation", api=ASA)'
    assert "-- changed" in story.look(f'answer = {job}["properties"]["transformation"]["properties"]["query"]')


def test_a_stream_that_cannot_start_is_due_again_even_when_its_change_is_taken_back(story: Story) -> None:
    story.cloud.edit(QUERY, "-- changed", "-- changed again")
    delete = 'arm.call("POST", f"{job}/stop", api=ASA)\narm.call("DELETE", f"{job}/inputs/events", api=ASA)'
    story.look(f"{delete}\nanswer = 0")
    failed = story.up()
    assert failed.code != 0
    assert "has lost inputs/events; `pulumi up --refresh` makes them again" in failed.text
    assert story.stream() == "Stopped"
    story.cloud.edit(QUERY, "-- changed again", "-- changed")
    again = story.up("--refresh")
    assert again.code == 0, again.text
    assert story.stream() == "Running"


def test_a_refresh_finds_nothing_to_undo(story: Story) -> None:
    again = story.up("--refresh", "--expect-no-changes")
    assert again.code == 0, again.text
    assert story.serving()[0] == story.outputs["deployment"]


def test_a_stack_goes_and_leaves_nothing_in_azure(story: Story) -> None:
    gone = story.cloud.pulumi("destroy", "--yes", stack="local")
    assert gone.code == 0, gone.text
    group = f"/subscriptions/{story.outputs['subscriptionId']}/resourceGroups/{story.outputs['resourceGroup']}"
    assert story.look(f'answer = arm.find("{group}", api="2021-04-01")') is None


def test_an_ephemeral_stack_comes_again_under_the_names_that_azure_still_keeps(cloud: Cloud) -> None:
    again = cloud.up("local", modelPath="")
    assert again.code == 0, again.text
    gone = cloud.pulumi("destroy", "--yes", "--skip-preview", stack="local")
    assert gone.code == 0, gone.text


def test_dev_comes_and_goes(cloud: Cloud) -> None:
    cloud.create("dev")
    up = cloud.up("dev", modelPath="")
    assert up.code == 0, up.text
    gone = cloud.pulumi("destroy", "--yes", "--skip-preview", stack="dev")
    assert gone.code == 0, gone.text


def test_prod_comes_without_a_model_serves_a_registered_one_and_refuses_to_go_while_protected(cloud: Cloud) -> None:
    cloud.create("prod")
    up = cloud.up("prod")
    assert up.code == 0, up.text
    assert "the endpoint has no deployment yet" in up.text
    outputs = cloud.outputs("prod")
    assert outputs["deployment"] == ""
    version = cloud.look(REGISTER, outputs)
    # One process: sixteen of them, as prod has, would only wait for this machine's cores.
    named = cloud.up("prod", modelVersion=version, instances="1", concurrency="1")
    assert named.code == 0, named.text
    assert named.of("model-") == []  # named, never uploaded
    assert "answers 18 golden rows as its model did; it serves now" in named.text
    refused = cloud.pulumi("destroy", "--yes", "--skip-preview", stack="prod")
    assert refused.code != 0
    assert "protected" in refused.text
    gone = cloud.pulumi("destroy", "--yes", "--skip-preview", "--ignore-protect", stack="prod")
    assert gone.code == 0, gone.text
