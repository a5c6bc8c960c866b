"""`az`, unmodified, where it is installed: the commands that the README names."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sandbox_world import World

AZ = shutil.which("az")
pytestmark = pytest.mark.skipif(AZ is None, reason="`az` (azure-cli) is not installed")
Az = Callable[..., Any]
GROUP, ACCOUNT, HUBS, VAULT = "az-group", "azaccount1", "az-hubs-1", "az-vault-1"


@pytest.fixture(scope="module")
def az(running: World, tmp_path_factory: pytest.TempPathFactory) -> Az:
    """`az("group", "show", "-n", "g")` → what it prints, read as JSON; signed in as the deployer."""
    folder = tmp_path_factory.mktemp("az")
    told = {"AZURE_CONFIG_DIR": str(folder), "AZURE_CORE_COLLECT_TELEMETRY": "false"}
    environment = running.environment() | told

    def run(*words: str, fails: str = "") -> Any:
        command = [str(AZ), *words, "-o", "json", "--only-show-errors"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        if fails:
            assert (done.returncode != 0, fails in done.stderr) == (True, True), done.stderr
            return None
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    run("login", "--identity")
    run("group", "create", "-n", GROUP, "-l", "westeurope", "--tags", "team=data")
    return run


def names(found: list[dict[str, Any]]) -> list[str]:
    return sorted(one["name"] for one in found)


def test_an_account_and_its_places(az: Az, running: World) -> None:
    assert f"/subscriptions/{az('account', 'show')['id']}" == running.subscription
    assert "westeurope" in names(az("account", "list-locations"))
    assert len(az("account", "get-access-token")["accessToken"]) > 500


def test_groups_and_resources(az: Az, running: World) -> None:
    assert GROUP in names(az("group", "list", "--tag", "team=data"))
    assert az("group", "show", "-n", GROUP)["id"] == f"{running.subscription}/resourceGroups/{GROUP}"
    made = az("identity", "create", "-g", GROUP, "-n", "az-identity")
    assert names(az("identity", "list", "-g", GROUP)) == ["az-identity"]
    kind = "Microsoft.ManagedIdentity/userAssignedIdentities"
    assert names(az("resource", "list", "-g", GROUP, "--resource-type", kind)) == ["az-identity"]
    shown = az("resource", "show", "-g", GROUP, "-n", "az-identity", "--resource-type", kind)
    assert shown["properties"]["clientId"] == made["clientId"]
    url = f"https://management.azure.com{made['id']}?api-version=2023-01-31"
    assert az("rest", "--method", "get", "--url", url)["name"] == "az-identity"
    assert az("provider", "show", "-n", "Microsoft.EventHub")["registrationState"] == "Registered"
    az("identity", "create", "-g", "az-none", "-n", "az-identity", "-l", "westeurope", fails="ResourceGroupNotFound")


def test_storage_and_its_blobs(az: Az, running: World, tmp_path: Path) -> None:
    account = az(
        "storage", "account", "create", "-g", GROUP, "-n", ACCOUNT, "-l", "westeurope", "--sku", "Standard_LRS"
    )
    assert names(az("storage", "account", "list", "-g", GROUP)) == [ACCOUNT]
    assert az("storage", "account", "check-name", "-n", ACCOUNT)["reason"] == "AlreadyExists"
    az("storage", "container-rm", "create", "-g", GROUP, "--storage-account", ACCOUNT, "-n", "raw")
    who = ("--assignee-object-id", running.identity("deployer")["objectId"])
    who += ("--assignee-principal-type", "ServicePrincipal", "--role", "Storage Blob Data Contributor")
    az("role", "assignment", "create", *who, "--scope", account["id"])
    shown = az("role", "assignment", "list", "--scope", account["id"], "--fill-principal-name", "false")
    assert [one["roleDefinitionName"] for one in shown] == ["Storage Blob Data Contributor"]
    place = ("--account-name", ACCOUNT, "-c", "raw", "--auth-mode", "login")
    az("storage", "blob", "list", *place, fails="You do not have the required permissions")
    running.clock(advance=121)
    (tmp_path / "sent").write_text("hello")
    az("storage", "blob", "upload", *place, "-n", "a/b.txt", "-f", str(tmp_path / "sent"))
    assert names(az("storage", "blob", "list", *place)) == ["a/b.txt"]
    az("storage", "blob", "download", *place, "-n", "a/b.txt", "-f", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "hello"
    az("storage", "blob", "delete", *place, "-n", "a/b.txt")
    az("storage", "account", "create", "-g", GROUP, "-n", "Bad_Name", fails="AccountNameInvalid")


def test_event_hubs(az: Az) -> None:
    az("eventhubs", "namespace", "create", "-g", GROUP, "-n", HUBS, "-l", "westeurope", "--sku", "Standard")
    assert names(az("eventhubs", "namespace", "list", "-g", GROUP)) == [HUBS]
    hub = ("-g", GROUP, "--namespace-name", HUBS)
    kept = ("--cleanup-policy", "Delete", "--retention-time", "24")
    assert (
        az("eventhubs", "eventhub", "create", *hub, "-n", "events", "--partition-count", "2", *kept)["status"]
        == "Active"
    )
    group = ("eventhubs", "eventhub", "consumer-group")
    az(*group, "create", *hub, "--eventhub-name", "events", "-n", "readers")
    assert names(az(*group, "list", *hub, "--eventhub-name", "events")) == ["$Default", "readers"]
    az(*group, "create", *hub, "--eventhub-name", "none", "-n", "readers", fails="ParentResourceNotFound")


def test_vaults_and_registries(az: Az) -> None:
    az("keyvault", "create", "-g", GROUP, "-n", VAULT, "-l", "westeurope")
    az("keyvault", "delete", "-g", GROUP, "-n", VAULT)
    assert VAULT in names(az("keyvault", "list-deleted"))
    az("keyvault", "purge", "-n", VAULT)
    assert VAULT not in names(az("keyvault", "list-deleted"))
    assert (
        az("acr", "create", "-g", GROUP, "-n", "azregistry1", "--sku", "Basic")["loginServer"]
        == "azregistry1.azurecr.io"
    )
    assert names(az("acr", "list", "-g", GROUP)) == ["azregistry1"]
    assert az("acr", "check-name", "-n", "azregistry1")["reason"] == "AlreadyExists"


def test_logs_and_diagnostics(az: Az, running: World) -> None:
    az("monitor", "log-analytics", "workspace", "create", "-g", GROUP, "-n", "az-logs")
    hubs = f"{running.subscription}/resourceGroups/{GROUP}/providers/Microsoft.EventHub/namespaces/az-diagnosed"
    az("eventhubs", "namespace", "create", "-g", GROUP, "-n", "az-diagnosed", "-l", "westeurope")
    logs = f"{running.subscription}/resourceGroups/{GROUP}/providers/Microsoft.OperationalInsights/workspaces/az-logs"
    every = json.dumps([{"categoryGroup": "allLogs", "enabled": True}])
    setting = ("monitor", "diagnostic-settings")
    az(*setting, "create", "-n", "all", "--resource", hubs, "--workspace", logs, "--logs", every)
    assert names(az(*setting, "list", "--resource", hubs)) == ["all"]
