"""Runs inside a sandbox: Microsoft's own management clients, unmodified, judge Resource Manager."""

import os
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.storage import StorageManagementClient

credential, subscription = DefaultAzureCredential(), os.environ["ARM_SUBSCRIPTION_ID"]
scope = f"/subscriptions/{subscription}"
token = credential.get_token("https://management.azure.com/.default").token
requests.put(
    f"https://management.azure.com{scope}/resourceGroups/g?api-version=2024-01-01",
    json={"location": "westeurope"},
    headers={"Authorization": f"Bearer {token}"},
    timeout=30,
).raise_for_status()

storage: Any = StorageManagementClient(credential, subscription)
wanted: Any = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
account = storage.storage_accounts.begin_create("g", "clients1", wanted).result()
assert account.provisioning_state == "Succeeded"
assert account.primary_endpoints.blob == "https://clients1.blob.core.windows.net/"
assert [a.name for a in storage.storage_accounts.list()] == ["clients1"]
assert [a.name for a in storage.storage_accounts.list_by_resource_group("g")] == ["clients1"]
storage.blob_containers.create("g", "clients1", "raw", {})
assert [c.name for c in storage.blob_containers.list("g", "clients1")] == ["raw"]
name: Any = {"name": "clients1", "type": "Microsoft.Storage/storageAccounts"}
assert storage.storage_accounts.check_name_availability(name).name_available is False
with pytest.raises(HttpResponseError, match="AccountNameInvalid"):
    storage.storage_accounts.begin_create("g", "Bad_Name", wanted)

roles: Any = AuthorizationManagementClient(credential, subscription)
(role,) = roles.role_definitions.list(scope, filter="roleName eq 'Storage Blob Data Reader'")
(owner,) = roles.role_assignments.list_for_scope(scope, filter="atScope()")
assigned: Any = {
    "role_definition_id": role.id,
    "principal_id": owner.principal_id,
    "principal_type": "ServicePrincipal",
}
made = roles.role_assignments.create(
    account.id,
    "aaaaaaaa-0000-4000-8000-000000000001",
    assigned,
)
assert [a.name for a in roles.role_assignments.list_for_scope(account.id)] != []
roles.role_assignments.delete(account.id, made.name)
storage.storage_accounts.delete("g", "clients1")
assert list(storage.storage_accounts.list()) == []
print("all answered")
