"""Identities, roles, and what hangs on any resource: diagnostics, logs."""

import re
from datetime import datetime, timedelta
from typing import Any

from azure_sandbox.ids import name_of, normal, parent_of
from azure_sandbox.rules.types import Body, World, code, dig, refuse

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
SINKS = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")


@code("check", ASSIGNMENT)
def check_assignment(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties = body["properties"]
    text = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
    changed = old and any(
        name_of(str(old["properties"][key])).lower() != name_of(str(properties[key])).lower()
        for key in ("principalId", "roleDefinitionId")
    )
    refuse(changed, text, "RoleAssignmentUpdateNotPermitted")
    role, wanted = world.access.role(properties["roleDefinitionId"]), name_of(properties["roleDefinitionId"])
    text = f"The specified role definition with ID '{wanted}' does not exist."
    refuse(role is None, text, "RoleDefinitionDoesNotExist")
    text = f"A valid principal ID must be provided for role assignment: '{properties['principalId']}' is no GUID."
    refuse(not re.fullmatch(GUID, properties["principalId"]), text, "InvalidPrincipalId")
    for other in world.store.resources(parent_of(resource_id), ASSIGNMENT):
        twin = normal(other["id"]) != normal(resource_id) and (
            normal(parent_of(other["id"])) == normal(parent_of(resource_id))
            and other["properties"]["principalId"].lower() == properties["principalId"].lower()
            and name_of(other["properties"]["roleDefinitionId"]).lower() == wanted.lower()
        )
        number = other["name"].replace("-", "")
        text = f"The role assignment already exists. The ID of the existing role assignment is {number}."
        refuse(twin, text, "RoleAssignmentExists", 409)
    _check_principal(world, properties)


def _check_principal(world: World, properties: Body) -> None:
    """Roles do not know a new principal for a while (here 30 s of the clock, the store's value `replication`); whoever
    says its type is not asked to wait. learn.microsoft.com/azure/role-based-access-control/troubleshooting"""
    principal, kind = world.directory.find(properties["principalId"]), properties.get("principalType")
    number = properties["principalId"].replace("-", "")
    if principal is None and kind in ("ServicePrincipal", "ForeignGroup"):
        return
    delay = timedelta(seconds=float(world.store.value("replication", 30)))
    fresh = principal and principal.created and world.clock.now() < datetime.fromisoformat(principal.created) + delay
    text = (
        f"Principal {number} does not exist in the directory {world.directory.tenant_id}. Check that you have the "
        "correct principal ID. If you are creating this principal and then immediately assigning a role, this error "
        "might be related to a replication delay. In this case, set the role assignment principalType property to a "
        "value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"
    )
    refuse(principal is None or (fresh and not kind), text, "PrincipalNotFound")
    text = f"The PrincipalId '{number}' has type '{principal and principal.kind}' , which is different from specified "
    refuse(principal and kind not in (None, principal.kind), f"{text}PrinciplaType '{kind}'.", "UnmatchedPrincipalType")


@code("fill", ASSIGNMENT)
def fill_assignment(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    principal = world.directory.find(body["properties"]["principalId"])
    return {
        "scope": parent_of(resource_id),
        "principalType": body["properties"].get("principalType") or (principal.kind if principal else "Unknown"),
        "createdOn": dig(old, "properties.createdOn") or world.clock.now().isoformat(),
        "updatedOn": world.clock.now().isoformat(),
    }


@code("fill", "Microsoft.ManagedIdentity/userAssignedIdentities")
def fill_identity(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    made = {"resource_id": resource_id, "created": world.clock.now().isoformat()}
    found = world.directory.find(resource_id)
    found = found or world.directory.create(name_of(resource_id), "ServicePrincipal", **made)
    return {"principalId": found.object_id, "clientId": found.client_id, "tenantId": world.directory.tenant_id}


@code("check", "Microsoft.Insights/diagnosticSettings")
def check_diagnostics(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties = body["properties"]
    refuse(not any(properties.get(sink) for sink in SINKS), "At least one data sink needs to be specified.")
    chosen = [*(properties.get("logs") or []), *(properties.get("metrics") or [])]
    for item in chosen:
        retention = dig(item, "retentionPolicy.enabled") or dig(item, "retentionPolicy.days")
        refuse(retention, "Diagnostic settings does not support retention for new diagnostic settings.")
        text = "Each log and metric needs either a category or a categoryGroup."
        refuse(bool(item.get("category")) == bool(item.get("categoryGroup")), text)
    # learn.microsoft.com/azure/azure-monitor/essentials/diagnostic-settings: one destination gets a category once
    for other in world.store.resources(parent_of(resource_id), "microsoft.insights/diagnosticsettings"):
        beside = normal(parent_of(other["id"])) == normal(parent_of(resource_id))
        for sink in SINKS if beside and normal(other["id"]) != normal(resource_id) else ():
            ours, theirs = properties.get(sink), other["properties"].get(sink)
            category = next((item.get("category") or item.get("categoryGroup") for item in chosen), "")
            text = (
                f"Data sink '{ours}' is already used in diagnostic setting '{other['name']}' for category '{category}'."
            )
            refuse(ours and theirs and normal(ours) == normal(theirs), text, "Conflict", 409)


@code("check", "Microsoft.Insights/components")
def check_component(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    # Classic components were retired: learn.microsoft.com/azure/azure-monitor/app/convert-classic-resource
    text = "WorkspaceResourceId is required: classic Application Insights resources are retired."
    refuse(not body["properties"].get("WorkspaceResourceId"), text)
