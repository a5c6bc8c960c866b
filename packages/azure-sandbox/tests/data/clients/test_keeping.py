"""azure-mgmt-storage, -keyvault and -containerregistry."""

from collections.abc import Callable
from typing import Any

from answers import HERE, MISSING, PLACE, names, refusal
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.storage import StorageManagementClient
from sandbox_world import World

Client = Callable[..., Any]
ACCOUNT: dict[str, Any] = {**HERE, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}


def test_accounts_come_change_and_go(client: Client, group: str) -> None:
    accounts = client(StorageManagementClient).storage_accounts
    made = accounts.begin_create(group, "clientaccount1", ACCOUNT).result()
    assert made.primary_endpoints.blob == "https://clientaccount1.blob.core.windows.net/"
    assert accounts.get_properties(group, "clientaccount1").provisioning_state == "Succeeded"
    assert names(accounts.list_by_resource_group(group)) == ["clientaccount1"]
    assert "clientaccount1" in names(accounts.list())
    changed = accounts.update(group, "clientaccount1", {"properties": {"minimumTlsVersion": "TLS1_2"}})
    assert changed.minimum_tls_version == "TLS1_2"
    asked = {"name": "clientaccount1", "type": "Microsoft.Storage/storageAccounts"}
    assert accounts.check_name_availability(asked).reason == "AlreadyExists"
    assert refusal(accounts.begin_create, group, "Bad_Name", ACCOUNT) == (400, "AccountNameInvalid")
    files = {**ACCOUNT, "kind": "FileStorage", "sku": {"name": "Premium_LRS"}, "properties": {"isHnsEnabled": True}}
    assert refusal(accounts.begin_create, group, "clientaccount2", files) == (400, "HnsNotSupported")
    accounts.delete(group, "clientaccount1")
    assert refusal(accounts.get_properties, group, "clientaccount1") == MISSING


def test_an_account_has_services_containers_and_a_policy(client: Client, group: str) -> None:
    storage = client(StorageManagementClient)
    storage.storage_accounts.begin_create(group, "clientparts1", ACCOUNT).result()
    kept = {"properties": {"deleteRetentionPolicy": {"enabled": True, "days": 7}}}
    storage.blob_services.set_service_properties(group, "clientparts1", kept)
    assert storage.blob_services.get_service_properties(group, "clientparts1").delete_retention_policy.days == 7
    containers = storage.blob_containers
    assert containers.create(group, "clientparts1", "raw", {}).name == "raw"
    assert containers.get(group, "clientparts1", "raw").public_access == "None"
    assert names(containers.list(group, "clientparts1")) == ["raw"]
    assert refusal(containers.create, group, "clientparts1", "Raw--", {}) == (400, "ContainerNameInvalid")
    assert refusal(containers.create, group, "none1234", "raw", {}) == (404, "ParentResourceNotFound")
    containers.delete(group, "clientparts1", "raw")
    assert names(containers.list(group, "clientparts1")) == []
    shares = storage.file_shares
    assert storage.file_services.get_service_properties(group, "clientparts1").name == "default"
    assert shares.create(group, "clientparts1", "code", {}).name == "code"
    assert names(shares.list(group, "clientparts1")) == ["code"]
    assert refusal(shares.create, group, "clientparts1", "Co", {})[0] == 400
    shares.delete(group, "clientparts1", "code")
    assert refusal(shares.get, group, "clientparts1", "code")[0] == 404
    tier = {"baseBlob": {"tierToCool": {"daysAfterModificationGreaterThan": 30}}}
    rule = {"name": "cool", "type": "Lifecycle", "definition": {"actions": tier}}
    policy = {"properties": {"policy": {"rules": [rule]}}}
    policies = storage.management_policies
    policies.create_or_update(group, "clientparts1", "default", policy)
    assert [one.name for one in policies.get(group, "clientparts1", "default").policy.rules] == ["cool"]
    rule["definition"] = {"actions": {}}
    assert refusal(policies.create_or_update, group, "clientparts1", "default", policy)[0] == 400
    policies.delete(group, "clientparts1", "default")
    assert refusal(policies.get, group, "clientparts1", "default")[0] == 404


def test_a_vault_is_deleted_softly_and_purged(client: Client, world: World, group: str) -> None:
    vaults = client(KeyVaultManagementClient).vaults
    sku = {"family": "A", "name": "standard"}
    properties: dict[str, Any] = {
        "tenantId": world.identity("deployer")["tenant"],
        "sku": sku,
        "enableRbacAuthorization": True,
    }
    body = {**HERE, "properties": properties}
    made = vaults.begin_create_or_update(group, "client-vault", body).result()
    assert made.properties.vault_uri == "https://client-vault.vault.azure.net/"
    assert vaults.get(group, "client-vault").properties.soft_delete_retention_in_days == 90
    assert names(vaults.list_by_resource_group(group)) == ["client-vault"]
    assert "client-vault" in names(vaults.list_by_subscription())
    assert "client-vault" in names(vaults.list())  # asks for all resources, with a filter
    assert vaults.update(group, "client-vault", {"tags": {"a": "b"}}).tags == {"a": "b"}
    vaults.delete(group, "client-vault")
    assert "client-vault" in names(vaults.list_deleted())
    asked = {"name": "client-vault", "type": "Microsoft.KeyVault/vaults"}
    assert vaults.check_name_availability(asked).reason == "AlreadyExists"
    assert refusal(vaults.begin_create_or_update, group, "client-vault", body) == (409, "ConflictError")
    assert vaults.get_deleted("client-vault", PLACE).properties.vault_id == made.id
    modules = world.arm("GET", f"{world.subscription}/providers/Microsoft.KeyVault/deletedManagedHSMs")
    assert modules.json() == {"value": []}  # `az keyvault list-deleted` asks for both
    vaults.begin_purge_deleted("client-vault", PLACE).result()
    assert vaults.check_name_availability(asked).name_available is True
    assert refusal(vaults.get_deleted, "client-vault", PLACE)[0] == 404


def test_registries_come_change_and_go(client: Client, group: str) -> None:
    registries = client(ContainerRegistryManagementClient).registries
    body = {**HERE, "sku": {"name": "Basic"}}
    made = registries.begin_create(group, "clientregistry1", body).result()
    assert made.properties.login_server == "clientregistry1.azurecr.io"
    assert registries.get(group, "clientregistry1").properties.provisioning_state == "Succeeded"
    assert names(registries.list_by_resource_group(group)) == ["clientregistry1"]
    assert "clientregistry1" in names(registries.list())
    changed = registries.begin_update(group, "clientregistry1", {"sku": {"name": "Premium"}}).result()
    assert changed.sku.name == "Premium"
    asked = {"name": "clientregistry1", "type": "Microsoft.ContainerRegistry/registries"}
    assert registries.check_name_availability(asked).reason == "AlreadyExists"
    closed = {**body, "properties": {"publicNetworkAccess": "Disabled"}}
    assert refusal(registries.begin_create, group, "clientregistry2", closed) == (400, "SkuNotSupported")
    assert refusal(registries.begin_create, group, "a-b", body) == (400, "InvalidName")
    registries.begin_delete(group, "clientregistry1").result()
    assert refusal(registries.get, group, "clientregistry1") == MISSING
