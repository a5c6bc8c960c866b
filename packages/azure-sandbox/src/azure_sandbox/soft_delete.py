"""Vaults and workspaces that were deleted and can still be recovered or purged.

learn.microsoft.com/azure/key-vault/general/soft-delete-overview, /azure/machine-learning/concept-soft-delete.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import kind_of, name_of, normal, subscription_of
from azure_sandbox.rules.types import Body, Type, World, dig

VAULT = "microsoft.keyvault/vaults"
WORKSPACE = "microsoft.machinelearningservices/workspaces"
DELETED = re.compile(
    r"/subscriptions/([^/]+)/providers/microsoft\.keyvault(?:/locations/([^/]+))?/deletedvaults(?:/([^/]+))?(/purge)?",
    re.IGNORECASE,
)
# `az keyvault list-deleted` asks for hardware modules too, of which there are none.
DELETED_MODULES = re.compile(r"/subscriptions/[^/]+/providers/microsoft\.keyvault/deletedmanagedhsms", re.IGNORECASE)
Answer = tuple[int, Any, dict[str, str]]


def keep(world: World, gone: list[Body], query: Mapping[str, str]) -> None:
    """Called at a deletion: what is deleted softly is put aside."""
    for resource in gone:
        kind = kind_of(resource["id"])
        if kind == VAULT or (kind == WORKSPACE and query.get("forceToPurge", "").lower() != "true"):
            world.store.put_deleted(resource["id"], world.clock.now().isoformat(), resource)


def check(world: World, rule: Type, new: Body) -> None:
    """Called at a PUT: the name of a softly deleted resource is still taken, unless it is to be recovered."""
    if rule.kind not in (VAULT, WORKSPACE) or world.find(new["id"]):
        return
    recover = str(new["properties"].pop("createMode", "default")).lower() == "recover"
    recover = recover or bool(new["properties"].pop("allowRecoverSoftDeletedWorkspace", False))
    for key, _, body in remaining(world, rule.kind):
        same = key == normal(new["id"]) or (rule.kind == VAULT and name_of(key) == new["name"].lower())
        if same and recover:
            new["properties"] = {**body["properties"], **new["properties"]}
            world.store.purge_deleted(key)
            return
        if same and rule.kind == VAULT:
            text = (
                "A vault with the same name already exists in deleted state. You need to either recover "
                "or purge existing key vault. Follow this link "
                "https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete."
            )
            raise AzureError(409, "ConflictError", text)
        if same:
            text = "Soft-deleted workspace exists. Please purge or recover it. https://aka.ms/wsoftdelete"
            raise AzureError(409, "Conflict", text)
    if recover and rule.kind == VAULT:
        text = f"The vault '{new['name']}' cannot be recovered: no deleted vault of that name exists."
        raise AzureError(404, "VaultNotFound", text)


def remaining(world: World, kind: str) -> list[tuple[str, str, Body]]:
    """What has not outlived its retention (a vault's own, 14 days for a workspace)."""
    found: list[tuple[str, str, Body]] = []
    for key, at, body in world.store.deleted(kind):
        days = dig(body, "properties.softDeleteRetentionInDays") or 14
        if world.clock.now() >= datetime.fromisoformat(at) + timedelta(days=days):
            world.store.purge_deleted(key)
        else:
            found.append((key, at, body))
    return found


def purge_at_once(world: World, path: str, query: Mapping[str, str]) -> bool:
    """DELETE of a workspace that is already softly deleted, with forceToPurge."""
    if kind_of(path) != WORKSPACE or query.get("forceToPurge", "").lower() != "true":
        return False
    found = any(key == normal(path) for key, _, _ in remaining(world, WORKSPACE))
    world.store.purge_deleted(path)
    return found


def purge(world: World, method: str, path: str, who: Principal) -> Answer | None:
    """The deleted vaults: list, get, purge. None when the path means something else."""
    if method == "GET" and DELETED_MODULES.fullmatch(path):
        return 200, {"value": []}, {}
    match = DELETED.fullmatch(path)
    if not match:
        return None
    subscription, _, name, purging = match.groups()
    scope = f"/subscriptions/{subscription}"
    kind = "Microsoft.KeyVault/locations/deletedVaults"
    world.access.require(who.object_id, f"{kind}/{'purge/action' if purging else 'read'}", scope)
    found = [entry for entry in remaining(world, VAULT) if subscription_of(entry[0]) == subscription.lower()]
    if name is None:
        return 200, {"value": [_shown(entry) for entry in found]}, {}
    mine = [entry for entry in found if name_of(entry[0]) == name.lower()]
    if not mine:
        raise AzureError(404, "DeletedVaultNotFound", f"The specified deleted vault '{name}' does not exist.")
    key, _, body = mine[0]
    if not purging:
        return 200, _shown(mine[0]), {}
    if method != "POST":
        raise AzureError(405, "HttpMethodNotAllowed", f"The method {method} is not allowed on '{path}'.")
    if dig(body, "properties.enablePurgeProtection"):
        text = (
            'Operation "DeletedVaultPurge" is not allowed because purge protection is enabled for '
            "this vault. Key Vault service will automatically purge it after the retention period "
            "has passed."
        )
        raise AzureError(409, "MethodNotAllowed", text)
    world.store.purge_deleted(key)
    return 200, None, {}


def _shown(entry: tuple[str, str, Body]) -> Body:
    _, at, body = entry
    days = timedelta(days=dig(body, "properties.softDeleteRetentionInDays") or 90)
    place = f"/subscriptions/{subscription_of(body['id'])}/providers/Microsoft.KeyVault/locations/{body['location']}"
    properties = {
        "vaultId": body["id"],
        "location": body["location"],
        "deletionDate": at,
        "scheduledPurgeDate": (datetime.fromisoformat(at) + days).isoformat(),
        "purgeProtectionEnabled": bool(dig(body, "properties.enablePurgeProtection")),
        "tags": body.get("tags"),
    }
    kind = "Microsoft.KeyVault/deletedVaults"
    return {"id": f"{place}/deletedVaults/{body['name']}", "name": body["name"], "type": kind, "properties": properties}
