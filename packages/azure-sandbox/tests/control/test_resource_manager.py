"""What Resource Manager does when it does not refuse."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from arm_world import HERE, Arm
from azure_sandbox.errors import AzureError

WS = "ml/ws-1"
END = f"{WS}/batchEndpoints/end"
PURGE = {"forceToPurge": "true"}


def test_ids_are_case_insensitive_and_keep_their_first_spelling(arm: Arm) -> None:
    assert arm.get("st/LAKE")["id"] == arm.id("st/lake")
    arm.ok("PUT", "st/LAKE", arm.body("st/lake"))
    assert arm.get("st/lake")["name"] == "lake"


def test_azure_fills_in_what_only_azure_knows(arm: Arm) -> None:
    shown = {short: arm.get(short)["properties"] for short in arm.bodies()}
    assert shown["st/lake"]["primaryEndpoints"]["dfs"] == "https://lake.dfs.core.windows.net/"
    assert shown["kv/kv-1"]["vaultUri"] == "https://kv-1.vault.azure.net/"
    assert shown["cr/cr12345"]["loginServer"] == "cr12345.azurecr.io"
    assert shown["eh/hubs-1"]["serviceBusEndpoint"] == "https://hubs-1.servicebus.windows.net:443/"
    assert shown["eh/hubs-1/eventhubs/h"]["partitionIds"] == ["0", "1"]
    assert shown["asa/job1"]["jobState"] == "Created"
    assert shown["ai/insights"]["ConnectionString"].startswith("InstrumentationKey=")
    assert shown[WS]["discoveryUrl"] == "https://westeurope.api.azureml.ms/discovery"
    assert shown[END]["scoringUri"] == "https://end.westeurope.inference.ml.azure.com/jobs"
    assert shown[f"{END}/deployments/first"]["retrySettings"] == {"maxRetries": 3, "timeout": "PT30S"}
    assert {p["provisioningState"] for p in shown.values()} == {"Succeeded"}


def test_a_workspace_brings_its_datastores_and_their_containers(arm: Arm) -> None:
    stores = {s["name"]: s["properties"] for s in arm.ok("GET", f"{WS}/datastores")["value"]}
    assert {"workspaceblobstore", "workspaceartifactstore", "workspacefilestore", "assets"} <= stores.keys()
    default = arm.ok("GET", f"{WS}/datastores", isDefault="true", count="30")["value"]
    assert [store["name"] for store in default] == ["workspaceblobstore"]
    containers = {c["name"] for c in arm.ok("GET", "st/work/blobServices/default/containers")["value"]}
    assert {stores["workspaceblobstore"]["containerName"], "azureml", "assets"} <= containers


def test_a_version_moves_the_counter_of_its_container(arm: Arm) -> None:
    for version in ("2", "a1b2"):
        arm.ok("PUT", f"{WS}/models/m/versions/{version}", arm.body(f"{WS}/models/m/versions/1"))
    container = arm.get(f"{WS}/models/m")["properties"]
    assert (container["latestVersion"], container["nextVersion"]) == ("a1b2", "3")
    newest = arm.ok("GET", f"{WS}/models/m/versions", **{"$orderBy": "createdtime desc", "$top": "1"})["value"]
    assert len(newest) == 1


def test_code_is_found_by_its_hash_under_any_name(arm: Arm) -> None:
    body = {"properties": {"codeUri": "https://assets.example/z", "properties": {"hash_sha256": "H"}}}
    arm.ok("PUT", f"{WS}/codes/other/versions/1", body)
    found = arm.ok("GET", f"{WS}/codes/new/versions", hash="H", hashVersion="202208")["value"]
    assert [code["id"] for code in found] == [arm.id(f"{WS}/codes/other/versions/1")]
    assert arm.ok("GET", f"{WS}/codes/new/versions", hash="none")["value"] == []


def test_put_replaces_and_patch_merges(arm: Arm) -> None:
    arm.ok("PATCH", "eh/hubs-1", {"tags": {"a": "1", "b": "2"}, "properties": {"disableLocalAuth": True}})
    arm.ok("PATCH", "eh/hubs-1", {"tags": {"a": None}})
    found = arm.get("eh/hubs-1")
    assert (found["tags"], found["properties"]["disableLocalAuth"]) == ({"b": "2"}, True)
    arm.ok("PUT", "eh/hubs-1", arm.body("eh/hubs-1"))
    found = arm.get("eh/hubs-1")
    assert ("tags" in found, found["properties"]["disableLocalAuth"]) == (False, False)


def test_a_system_assigned_identity_comes_and_goes_with_its_resource(arm: Arm) -> None:
    directory = arm.manager.world.directory
    principal = arm.get("asa/job1")["identity"]["principalId"]
    assert directory.find(principal)
    arm.ok("PUT", "asa/job1", arm.body("asa/job1"))
    assert arm.get("asa/job1")["identity"]["principalId"] == principal
    arm.ok("DELETE", "asa/job1")
    assert directory.find(principal) is None
    left = arm.ok("GET", "eh/hubs-1/eventhubs/h/providers/Microsoft.Authorization/roleAssignments")["value"]
    assert principal in {assignment["properties"]["principalId"] for assignment in left}, "it dangles, as in Azure"


def test_a_user_assigned_identity_must_exist_and_shows_its_principal(arm: Arm) -> None:
    users = {"type": "UserAssigned", "userAssignedIdentities": {arm.id("id/cluster"): {}}}
    arm.ok("PUT", f"{WS}/computes/cpu", arm.body(f"{WS}/computes/cpu", identity=users))
    shown = arm.get(f"{WS}/computes/cpu")["identity"]["userAssignedIdentities"][arm.id("id/cluster")]
    assert shown["principalId"] == arm.get("id/cluster")["properties"]["principalId"]
    users = {"type": "UserAssigned", "userAssignedIdentities": {arm.id("id/none"): {}}}
    found = arm.refused("PUT", f"{WS}/computes/cpu", arm.body(f"{WS}/computes/cpu", identity=users))
    assert found[1] == "FailedIdentityOperation"


def test_a_deleted_vault_keeps_its_name_until_purged_recovered_or_forgotten(arm: Arm) -> None:
    body = arm.body("kv/kv-1", properties__softDeleteRetentionInDays=7)
    arm.ok("DELETE", "kv/kv-1")
    assert arm.refused("PUT", "kv/kv-1", body)[:2] == (409, "ConflictError")
    arm.ok("PUT", "kv/kv-1", arm.body("kv/kv-1", properties__createMode="recover"))
    arm.ok("DELETE", "kv/kv-1")
    deleted = f"{arm.root}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults"
    assert [v["name"] for v in arm.ok("GET", deleted)["value"]] == ["kv-1"]
    arm.ok("POST", f"{deleted}/kv-1/purge")
    arm.ok("PUT", "kv/kv-1", body)
    arm.ok("DELETE", "kv/kv-1")
    asyncio.run(arm.manager.world.clock.advance(timedelta(days=7)))
    arm.ok("PUT", "kv/kv-1", body)


def test_a_protected_vault_cannot_be_purged(arm: Arm) -> None:
    arm.ok("PUT", "kv/kv-2", arm.body("kv/kv-1", properties__enablePurgeProtection=True))
    arm.ok("DELETE", "kv/kv-2")
    deleted = f"{arm.root}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/kv-2/purge"
    assert arm.refused("POST", deleted)[:2] == (409, "MethodNotAllowed")


def test_a_deleted_workspace_keeps_its_name_until_purged(arm: Arm) -> None:
    body = arm.body(WS)
    arm.ok("DELETE", WS)
    assert "purge or recover" in arm.refused("PUT", WS, body)[2]
    arm.ok("DELETE", WS, **PURGE)
    arm.ok("PUT", WS, body)
    arm.ok("DELETE", WS, **PURGE)
    arm.ok("PUT", WS, body)


def test_a_group_takes_everything_with_it(arm: Arm) -> None:
    gone: list[str] = []

    async def forget(resource: dict[str, Any]) -> None:
        gone.append(resource["name"])

    for kind in ("microsoft.eventhub/namespaces", "microsoft.eventhub/namespaces/eventhubs"):
        arm.manager.after_delete(kind, forget)
    body = arm.body("kv/kv-1")
    arm.ok("DELETE", "")
    assert gone == ["h", "hubs-1"], "the innermost first"
    assert arm.refused("GET", "st/lake")[1] == "ResourceGroupNotFound"
    arm.ok("PUT", "", HERE)
    assert arm.ok("GET", f"{arm.id()}/resources") == {"value": []}
    assert arm.refused("PUT", "kv/kv-1", body)[1] == "ConflictError"
    owner = [p for p in arm.manager.world.directory.principals() if p.resource_id]
    assert owner == []


@pytest.mark.parametrize("short", ["eh/hubs-2", "st/new1"])
def test_a_slow_write_is_polled_to_its_end(arm: Arm, short: str) -> None:
    arm.manager.world.store.set_value("settle", 0.05)
    status, answer, headers = arm.call("PUT", short, arm.body({"eh": "eh/hubs-1", "st": "st/work"}[short[:2]]))
    assert status in (201, 202)
    if status == 201:
        assert answer["properties"]["provisioningState"] == "Creating"
    address = (headers.get("Azure-AsyncOperation") or headers["Location"]).removeprefix("https://management.azure.com")
    seen: list[Any] = []
    for _ in range(100):
        status, answer, _ = arm.call("GET", address.split("?")[0])
        seen.append(answer.get("status") if answer and "status" in answer else status)
        if seen[-1] in ("Succeeded", 200):
            break
        time.sleep(0.01)
    assert seen[0] in ("InProgress", 202)
    assert seen[-1] in ("Succeeded", 200)
    assert arm.get(short)["properties"]["provisioningState"] == "Succeeded"


def test_a_service_may_refuse_and_then_nothing_was_made(arm: Arm) -> None:
    async def no(resource: dict[str, Any], old: dict[str, Any] | None) -> None:
        raise AzureError(409, "Conflict", "not today")

    arm.manager.after_put("Microsoft.EventHub/namespaces", no)
    assert arm.refused("PUT", "eh/hubs-2", arm.body("eh/hubs-1"))[2] == "not today"
    assert arm.call("GET", "eh/hubs-2")[0] == 404
    before = arm.get("eh/hubs-1")
    assert arm.refused("PATCH", "eh/hubs-1", {"tags": {"a": "b"}})[0] == 409
    assert arm.get("eh/hubs-1") == before


def test_actions_and_outside_collections_reach_their_service(arm: Arm) -> None:
    async def start(resource: dict[str, Any], body: Any, who: Any) -> tuple[int, Any]:
        return 202, {"name": resource["name"], "asked": body}

    async def jobs(method: str, path: str, query: Any, body: Any, who: Any) -> tuple[int, Any]:
        return 200, {"method": method, "path": path.rsplit("/", 2)[-2:]}

    arm.manager.on_action("Microsoft.StreamAnalytics/streamingjobs", "start", start)
    status, answer, headers = arm.call("POST", "asa/job1/start", {"outputStartMode": "JobStartTime"})
    assert (status, answer) == (202, {"name": "job1", "asked": {"outputStartMode": "JobStartTime"}})
    assert "/operationResults/" in headers["Location"]
    arm.manager.collection("Microsoft.MachineLearningServices/workspaces/jobs", jobs)
    assert arm.ok("GET", f"{WS}/jobs") == {"method": "GET", "path": ["ws-1", "jobs"]}
    assert arm.ok("GET", f"{WS}/jobs/j1") == {"method": "GET", "path": ["jobs", "j1"]}
    assert arm.ok("POST", f"{WS}/jobs/j1/cancel")["path"] == ["j1", "cancel"]
    ada = Arm(manager=arm.manager, who=arm.manager.world.directory.user("ada"))
    assert "/workspaces/jobs/cancel/action'" in ada.refused("POST", f"{WS}/jobs/j1/cancel")[2]
    assert arm.refused("GET", "ml/none/jobs")[0] == 404


def test_built_in_roles_are_found_by_name(arm: Arm) -> None:
    path = f"{arm.id('st/lake')}/providers/Microsoft.Authorization/roleDefinitions"
    found = arm.ok("GET", path, **{"$filter": "roleName eq 'Storage Blob Data Reader'"})["value"]
    assert [role["name"] for role in found] == ["2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"]
    assert arm.ok("GET", f"{path}/{found[0]['name']}")["properties"]["type"] == "BuiltInRole"


def test_a_thousand_resources_do_not_slow_it_down(arm: Arm) -> None:
    def seconds(first: int) -> float:
        start = time.perf_counter()
        for number in range(first, first + 50):
            arm.ok("PUT", f"st/lake/blobServices/default/containers/early{number}", {})
        return time.perf_counter() - start

    early = seconds(0)
    for number in range(1000):
        arm.manager.world.store.put_resource(
            arm.id(f"st/lake/blobServices/default/containers/x{number}"), {"id": f"x{number}", "name": f"x{number}"}
        )
    assert seconds(100) < 3 * early + 0.1
