"""azure-mgmt-machinelearningservices; its stable release knows workspaces and computes, azure-ai-ml the rest."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from answers import HERE, MISSING, names, refusal
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient
from sandbox_world import World

Client = Callable[..., Any]
SCALE = {"min_node_count": 0, "max_node_count": 2, "node_idle_time_before_scale_down": "PT120S"}
CLUSTER: dict[str, Any] = {
    **HERE,
    "properties": {
        "compute_type": "AmlCompute",
        "properties": {"vm_size": "Standard_DS3_v2", "vm_priority": "Dedicated", "scale_settings": SCALE},
    },
}


@pytest.fixture
def body(world: World, group: str) -> dict[str, Any]:
    """Of a workspace whose account and vault are there."""
    providers = f"{world.subscription}/resourceGroups/{group}/providers"
    short = hashlib.sha256(group.encode()).hexdigest()[:12]
    vault = f"{providers}/Microsoft.KeyVault/vaults/kv{short}"
    properties = {"sku": {"name": "standard", "family": "A"}, "enableRbacAuthorization": True}
    world.put(vault, {**HERE, "properties": properties | {"tenantId": world.identity("deployer")["tenant"]}})
    account = world.account(providers, f"ml{short}")
    return {**HERE, "identity": {"type": "SystemAssigned"}, "storage_account": account, "key_vault": vault}


def test_workspaces_come_change_and_go(client: Client, group: str, body: dict[str, Any]) -> None:
    workspaces = client(MachineLearningServicesMgmtClient).workspaces
    made = workspaces.begin_create_or_update(group, "client-ml", body).result()
    assert (made.provisioning_state, made.storage_account) == ("Succeeded", body["storage_account"])
    assert workspaces.get(group, "client-ml").workspace_id == made.workspace_id
    assert names(workspaces.list_by_resource_group(group)) == ["client-ml"]
    assert "client-ml" in names(workspaces.list_by_subscription())
    assert workspaces.update(group, "client-ml", {"tags": {"a": "b"}}).tags == {"a": "b"}
    lost = body | {"key_vault": f"{body['key_vault']}-none"}
    assert refusal(workspaces.begin_create_or_update, group, "client-lost", lost) == (400, "InvalidResourceReference")
    workspaces.begin_delete(group, "client-ml").result()
    assert refusal(workspaces.get, group, "client-ml") == MISSING
    again = refusal(workspaces.begin_create_or_update, group, "client-ml", body)
    assert again == (409, "Conflict")  # deleted softly


def test_clusters_come_change_and_go(client: Client, group: str, body: dict[str, Any]) -> None:
    learning, place = client(MachineLearningServicesMgmtClient), (group, "client-ml2")
    learning.workspaces.begin_create_or_update(*place, body).result()
    computes = learning.machine_learning_compute
    made = computes.begin_create_or_update(*place, "cpu", CLUSTER).result()
    assert (made.properties.compute_type, made.properties.provisioning_state) == ("AmlCompute", "Succeeded")
    assert computes.get(*place, "cpu").properties.properties.scale_settings.max_node_count == 2
    assert names(computes.list_by_workspace(*place)) == ["cpu"]
    scaled = {"properties": {"scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4}}}
    changed = computes.begin_update(*place, "cpu", scaled).result()
    assert changed.properties.properties.scale_settings.max_node_count == 4
    assert refusal(computes.begin_create_or_update, *place, "cpu-1", CLUSTER) == (400, "InvalidComputeName")
    computes.begin_delete(*place, "cpu", "Delete").result()
    assert refusal(computes.get, *place, "cpu") == MISSING
