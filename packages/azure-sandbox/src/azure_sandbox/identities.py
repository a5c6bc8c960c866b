"""Managed identities of resources: made, kept and removed along with the resource."""

from typing import Any

from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import kind_of, name_of
from azure_sandbox.rules.types import Body, World, dig

USER_ASSIGNED = "microsoft.managedidentity/userassignedidentities"
ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"


def check(world: World, new: Body, who: Principal) -> None:
    """The user-assigned ones must exist, and the caller must be allowed to hand them out."""
    kind = str(dig(new, "identity.type") or "None").lower()
    users = dig(new, "identity.userAssignedIdentities") or {}
    if "userassigned" in kind and not users:
        text = "The identity type UserAssigned needs at least one entry in 'userAssignedIdentities'."
        raise AzureError(400, "InvalidIdentityValues", text)
    for user in users:
        if kind_of(user) != USER_ASSIGNED or world.find(user) is None:
            text = f"Identity operation for resource '{new['id']}' failed: the identity '{user}' could not be found."
            raise AzureError(400, "FailedIdentityOperation", text)
        if not world.access.allows(who.object_id, ASSIGN, user):
            text = (
                f"The client '{who.client_id}' with object id '{who.object_id}' has permission to perform action "
                f"'{new['type']}/write' on scope '{new['id']}'; however, it does not have permission to perform "
                "action(s) "
                f"'{ASSIGN}' on the linked scope(s) '{user}' (respectively)."
            )
            raise AzureError(403, "LinkedAuthorizationFailed", text)


def settle(world: World, new: Body, old: Body | None) -> None:
    """Fills in principals; a system-assigned identity is made when first wanted and removed when no longer."""
    if "identity" not in new and old is not None and "identity" in old:
        new["identity"] = {"type": dig(old, "identity.type"), **_users(dig(old, "identity.userAssignedIdentities"))}
    wanted = str(dig(new, "identity.type") or "None")
    if kind_of(new["id"]) == USER_ASSIGNED:
        return
    system = world.directory.find(new["id"])
    if "systemassigned" in wanted.lower():
        system = system or world.directory.create(
            name_of(new["id"]), "ServicePrincipal", resource_id=new["id"], created=world.clock.now().isoformat()
        )
        new["identity"] |= {"principalId": system.object_id, "tenantId": world.directory.tenant_id}
    elif system:
        world.directory.remove(system.object_id)
    for user, entry in (dig(new, "identity.userAssignedIdentities") or {}).items():
        found = world.directory.find(user)
        if found:
            new["identity"]["userAssignedIdentities"][user] = {
                **(entry or {}),
                "principalId": found.object_id,
                "clientId": found.client_id,
            }


def forget(world: World, gone: list[Body]) -> None:
    """Principals go with their resources; their role assignments elsewhere stay behind, as in Azure."""
    for resource in gone:
        found = world.directory.find(resource["id"])
        if found:
            world.directory.remove(found.object_id)


def _users(users: Any) -> dict[str, Any]:
    return {"userAssignedIdentities": users} if users else {}
