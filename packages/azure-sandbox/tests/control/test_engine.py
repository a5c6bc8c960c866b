"""The real Pulumi engine, through the sandbox's own process: the life of a stack of 33 resources, and mistakes."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure_sandbox import lifecycle
from azure_sandbox.store import Store

HERE = Path(__file__).parent
ARM = """
import json, os, sys, requests
from azure.identity import ManagedIdentityCredential
token = ManagedIdentityCredential().get_token("https://management.azure.com/.default").token
method, path, body = sys.argv[1:]
url = f"https://management.azure.com/subscriptions/{os.environ['ARM_SUBSCRIPTION_ID']}{path}"
head, version = {"Authorization": f"Bearer {token}"}, {"api-version": "2024-01-01"}
answer = requests.request(method, url, params=version, json=json.loads(body), headers=head, timeout=60)
answer.raise_for_status()
print(answer.text or "null")
"""


class Stack:
    """Pulumi commands on a copy of a program, inside a sandbox of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place, self.state = folder, folder, folder / "state"
        store = Store(self.state / "sandbox.db")
        store.set_value("propagation", 0)  # this program does not wait for its roles
        store.close()
        lifecycle.start(self.state)

    def program(self, name: str) -> None:
        shutil.copytree(HERE / name, self.folder / name)
        self.place = self.folder / name
        self.pulumi("stack", "init", "test")
        self.set("azure-native:location", "westeurope")

    def set(self, key: str, value: str) -> None:
        self.pulumi("config", "set", key, value)

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        return self.run("pulumi", *arguments, "--non-interactive", "--color", "never", fails=fails)

    def arm(self, method: str, path: str, body: object = None) -> object:
        return json.loads(self.run(sys.executable, "-c", ARM, method, path, json.dumps(body)))

    def run(self, *command: str, fails: bool = False) -> str:
        tool = [str(Path(sys.executable).with_name("azure-sandbox")), "--state", str(self.state), "run", "--"]
        done = subprocess.run(
            [*tool, *command], cwd=self.place, env=os.environ, text=True, capture_output=True, timeout=300
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + (done.stderr if fails else "")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path)
    yield made
    lifecycle.reset(made.state)


def planned(text: str, what: str) -> set[str]:
    """Logical names of what a preview will create, update, replace or delete."""
    return set(re.findall(rf"azure-native:\S+ (\S+) {what}\b(?! replacement)", text))


def test_the_life_of_a_stack(stack: Stack) -> None:
    stack.program("program")
    preview = stack.pulumi("preview")
    assert "+ 33 to create" in preview
    assert "+ 33 created" in stack.pulumi("up", "--yes", "--skip-preview")
    assert "33 unchanged" in stack.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")

    for key, value in {"stage": "two", "digest": "b2", "partitions": "4", "size": "Standard_DS4_v2"}.items():
        stack.set(key, value)
    preview = stack.pulumi("preview")
    assert {"group", "endpoint", "hubs"} <= planned(preview, "update")
    replaced = {"model", "code", "deployment", "hub", "cluster-compute", "readers", "job-receives"}
    assert planned(preview, "replace") == replaced
    stack.pulumi("up", "--yes", "--skip-preview")
    group = "/resourceGroups/rg-ctl1/providers"
    hub = f"{group}/Microsoft.EventHub/namespaces/evhns-ctl1/eventhubs/events"
    assert stack.arm("GET", hub)["properties"]["partitionCount"] == 4  # type: ignore[index]
    models = stack.arm("GET", f"{group}/Microsoft.MachineLearningServices/workspaces/mlw-ctl1/models/sensors/versions")
    assert [m["name"] for m in models["value"]] == ["b2"], "the new version came before the old one went"  # type: ignore[index]

    namespace = hub.rsplit("/eventhubs", 1)[0]
    stack.arm("PATCH", namespace, {"tags": {"stage": "by hand"}})
    assert "by hand" in stack.pulumi("refresh", "--preview-only", "--diff")
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.arm("GET", "/resources") == {"value": []}
    assert stack.arm("GET", "/resourcegroups") == {"value": []}


def test_mistakes_are_told_so_that_one_can_act(stack: Stack) -> None:
    stack.program("mistakes")
    for which, told in {
        "unknown property": "networkRuleSet.defaultActoin: unknown property 'defaultActoin', did you mean",
        "wrong enum": "accessTier: 'Warm' is not one of 'Cold', 'Cool', 'Hot', 'Premium'",
        "null tag": "tags.owner: expected a string, got null",
    }.items():
        stack.set("which", which)
        assert told in stack.pulumi("preview", fails=True)
    elsewhere = "/resourceGroups/elsewhere"
    stack.arm("PUT", elsewhere, {"location": "westeurope"})
    account = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    stack.arm("PUT", f"{elsewhere}/providers/Microsoft.Storage/storageAccounts/sttaken", account)
    stack.set("which", "azure")
    text = stack.pulumi("up", "--yes", "--skip-preview", "--continue-on-error", fails=True)
    for told in (
        'Status=400 Code="AccountNameInvalid"',
        'Status=409 Code="StorageAccountAlreadyTaken"',
        'Status=404 Code="ParentResourceNotFound"',
        '"enablePurgeProtection" cannot be set to false',
        "MaximumThroughputUnits must be between 1 and 40",
        "at least one input defined",
    ):
        assert told in text
    request = re.search(r"request ([0-9a-f-]{36})", text)
    assert request, "a refusal can be looked up by its request id"
    existing = "/resourceGroups/rg-mistakes"
    stack.pulumi(
        "state",
        "delete",
        "--target-dependents",
        "--yes",
        "urn:pulumi:test::mistakes::azure-native:resources:ResourceGroup::group",
    )
    told = stack.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert f"cannot create already existing resource '{existing}'"[:40] in told
    assert "use pulumi import" in told


def test_microsofts_own_clients_are_answered(stack: Stack) -> None:
    assert stack.run(sys.executable, str(HERE / "mgmt_clients.py")) == "all answered\n"
