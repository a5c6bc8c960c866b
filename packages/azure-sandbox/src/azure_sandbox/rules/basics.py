"""Resource groups, identities, roles, and what hangs on any resource: diagnostics, alerts, logs."""

import re
from typing import Any

from azure_sandbox.errors import AzureError
from azure_sandbox.ids import kind_of, name_of, normal, parent_of
from azure_sandbox.rules.types import Body, Type, World, dig

GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
NAMES = "learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"


def _check_assignment(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties = body["properties"]
    if old:
        # learn.microsoft.com/azure/role-based-access-control/troubleshooting: only the condition can be updated
        raise AzureError(
            400,
            "RoleAssignmentUpdateNotPermitted",
            "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
        )
    role = world.access.role(properties["roleDefinitionId"])
    if role is None:
        name = name_of(properties["roleDefinitionId"])
        raise AzureError(
            400, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{name}' does not exist."
        )
    if not re.fullmatch(GUID, properties["principalId"]):
        raise AzureError(
            400,
            "InvalidPrincipalId",
            f"A valid principal ID must be provided for role assignment: '{properties['principalId']}' is no GUID.",
        )
    wanted = {
        "scope": normal(parent_of(resource_id)),
        "principal": properties["principalId"].lower(),
        "role": role.id.lower(),
    }
    for other in world.store.resources(parent_of(resource_id), "microsoft.authorization/roleassignments"):
        found = {
            "scope": normal(parent_of(other["id"])),
            "principal": other["properties"]["principalId"].lower(),
            "role": name_of(other["properties"]["roleDefinitionId"]).lower(),
        }
        if found == wanted:
            message = (
                "The role assignment already exists. The ID of the existing role assignment is "
                f"{other['name'].replace('-', '')}."
            )
            raise AzureError(409, "RoleAssignmentExists", message)
    _check_principal(world, properties)


def _check_principal(world: World, properties: Body) -> None:
    """A new principal is unknown to roles for a while; whoever says its type is not asked to wait
    (learn.microsoft.com/azure/role-based-access-control/troubleshooting, "Principal not found")."""
    principal = world.directory.find(properties["principalId"])
    if principal is None or (not properties.get("principalType") and not _replicated(world, principal.created)):
        if principal is None and properties.get("principalType") in ("ServicePrincipal", "ForeignGroup"):
            return
        message = (
            f"Principal {properties['principalId'].replace('-', '')} does not exist in the directory "
            f"{world.directory.tenant_id}. Check that you have the correct principal ID. If you are creating this "
            "principal and then immediately assigning a role, this error might be related to a replication delay. In "
            "this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or "
            "Group.  See https://aka.ms/docs-principaltype"
        )
        raise AzureError(400, "PrincipalNotFound", message)
    if properties.get("principalType") not in (None, principal.kind):
        message = (
            f"The PrincipalId '{properties['principalId'].replace('-', '')}' has type '{principal.kind}' , which is "
            f"different from specified PrinciplaType '{properties['principalType']}'."
        )
        raise AzureError(400, "UnmatchedPrincipalType", message)


def _replicated(world: World, created: str) -> bool:
    if not created:
        return True
    from datetime import datetime, timedelta

    delay = timedelta(seconds=float(world.store.value("replication", 30)))
    return world.clock.now() >= datetime.fromisoformat(created) + delay


def _fill_assignment(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    principal = world.directory.find(body["properties"]["principalId"])
    now = world.clock.now().isoformat()
    return {
        "scope": parent_of(resource_id),
        "principalType": body["properties"].get("principalType") or (principal.kind if principal else "Unknown"),
        "createdOn": dig(old, "properties.createdOn") or now,
        "updatedOn": now,
    }


def _fill_identity(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    found = world.directory.find(resource_id) or world.directory.create(
        name_of(resource_id),
        "ServicePrincipal",
        resource_id=resource_id,
        created=world.clock.now().isoformat(),
    )
    return {"principalId": found.object_id, "clientId": found.client_id, "tenantId": world.directory.tenant_id}


def _check_diagnostics(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties = body["properties"]
    sinks = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")
    if not any(properties.get(sink) for sink in sinks):
        raise AzureError(400, "BadRequest", "At least one data sink needs to be specified.")
    if properties.get("workspaceId") and world.find(properties["workspaceId"]) is None:
        raise AzureError(404, "ResourceNotFound", f"The workspace '{properties['workspaceId']}' could not be found.")
    chosen = [*(properties.get("logs") or []), *(properties.get("metrics") or [])]
    for item in chosen:
        if dig(item, "retentionPolicy.enabled") or dig(item, "retentionPolicy.days"):
            message = "Diagnostic settings does not support retention for new diagnostic settings."
            raise AzureError(400, "BadRequest", message)
        if bool(item.get("category")) == bool(item.get("categoryGroup")):
            raise AzureError(400, "BadRequest", "Each log and metric needs either a category or a categoryGroup.")
    # https://learn.microsoft.com/azure/azure-monitor/essentials/diagnostic-settings: no two settings send the same
    # category to the same destination
    for other in world.store.resources(parent_of(resource_id), "microsoft.insights/diagnosticsettings"):
        twin = normal(parent_of(other["id"])) == normal(parent_of(resource_id)) and normal(other["id"]) != normal(
            resource_id
        )
        for sink in sinks if twin else ():
            ours, theirs = properties.get(sink), other["properties"].get(sink)
            if ours and theirs and normal(ours) == normal(theirs):
                message = (
                    f"Data sink '{ours}' is already used in diagnostic setting '{other['name']}' for category "
                    f"'{next((i.get('category') or i.get('categoryGroup') for i in chosen), '')}'. Data sinks can't be "
                    "reused in different settings on the same category for the same resource."
                )
                raise AzureError(409, "Conflict", message)


def _check_component(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    workspace = body["properties"].get("WorkspaceResourceId")
    if workspace and world.find(workspace) is None:
        raise AzureError(404, "ResourceNotFound", f"The workspace '{workspace}' could not be found.")
    if not workspace and str(body["properties"].get("IngestionMode", "LogAnalytics")).lower() == "loganalytics":
        # Classic components were retired in 2024: learn.microsoft.com/azure/azure-monitor/app/convert-classic-resource
        message = "Workspace resource ID is required: classic Application Insights resources are retired."
        raise AzureError(400, "BadRequest", message)


def _fill_component(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    import uuid

    key = dig(old, "properties.InstrumentationKey") or str(uuid.uuid4())
    place = body["location"].lower().replace(" ", "")
    ingestion = f"https://{place}-0.in.applicationinsights.azure.com/"
    live = f"https://{place}.livediagnostics.monitor.azure.com/"
    app = dig(old, "properties.AppId") or str(uuid.uuid4())
    return {
        "InstrumentationKey": key,
        "AppId": app,
        "ApplicationId": name_of(resource_id),
        "Name": name_of(resource_id),
        "ConnectionString": (
            f"InstrumentationKey={key};IngestionEndpoint={ingestion};LiveEndpoint={live};ApplicationId={app}"
        ),
        "TenantId": world.directory.tenant_id,
    }


def _fill_logs(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    import uuid

    return {"customerId": dig(old, "properties.customerId") or str(uuid.uuid4())}


def _check_alert(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    for scope in body["properties"]["scopes"]:
        if kind_of(scope) != "microsoft.resources/subscriptions" and world.find(scope) is None:
            raise AzureError(404, "ResourceNotFound", f"The resource '{scope}' could not be found.")
    for action in body["properties"].get("actions") or []:
        if world.find(action.get("actionGroupId")) is None:
            raise AzureError(400, "BadRequest", f"The action group '{action.get('actionGroupId')}' does not exist.")


TYPES = (
    Type(
        name="Microsoft.Resources/resourceGroups",
        source=NAMES,
        names=r"[-\w.()]{0,89}[-\w()]",
        bad_name=(
            "InvalidResourceGroup",
            "The provided resource group name '{name}' has these invalid characters or ends with a period.",
        ),
        tracked=True,
        slow="",
    ),
    Type(
        name="Microsoft.Authorization/roleAssignments",
        source="learn.microsoft.com/azure/role-based-access-control/role-assignments-rest",
        names=GUID,
        bad_name=(
            "InvalidRoleAssignmentId",
            "The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.",
        ),
        required=("properties.principalId", "properties.roleDefinitionId"),
        allowed={"properties.principalType": ("User", "Group", "ServicePrincipal", "ForeignGroup", "Device")},
        check=_check_assignment,
        fill=_fill_assignment,
        invalid="InvalidCreateRoleAssignmentRequest",
    ),
    Type(
        name="Microsoft.Authorization/roleDefinitions",
        source="learn.microsoft.com/azure/role-based-access-control/custom-roles",
        names=GUID,
        bad_name=(
            "InvalidRoleDefinitionId",
            "The role definition ID '{name}' is not valid. The role definition ID must be a GUID.",
        ),
        required=("properties.roleName", "properties.assignableScopes"),
        defaults={"properties.type": "CustomRole"},
        invalid="InvalidRoleDefinition",
    ),
    Type(
        name="Microsoft.ManagedIdentity/userAssignedIdentities",
        source=NAMES,
        names=r"[A-Za-z0-9][-\w]{2,127}",
        tracked=True,
        fill=_fill_identity,
    ),
    Type(
        name="Microsoft.Insights/diagnosticSettings",
        source="learn.microsoft.com/rest/api/monitor/diagnostic-settings",
        names=r"[^<>*%&:\\?/+]{1,260}",
        check=_check_diagnostics,
    ),
    Type(
        name="Microsoft.Insights/components",
        source="learn.microsoft.com/azure/azure-monitor/app/create-workspace-resource",
        names=r"(?!.*[ .]$)[^%&\\?/]{1,260}",
        tracked=True,
        required=("kind", "properties.Application_Type"),
        allowed={"properties.Application_Type": ("web", "other")},
        defaults={
            "properties.RetentionInDays": 90,
            "properties.publicNetworkAccessForIngestion": "Enabled",
            "properties.publicNetworkAccessForQuery": "Enabled",
            "properties.DisableLocalAuth": False,
        },
        check=_check_component,
        fill=_fill_component,
    ),
    Type(
        name="Microsoft.Insights/actionGroups",
        source="learn.microsoft.com/rest/api/monitor/action-groups",
        tracked=True,
        required=("properties.groupShortName",),
    ),
    Type(
        name="Microsoft.Insights/metricAlerts",
        source="learn.microsoft.com/rest/api/monitor/metric-alerts",
        tracked=True,
        required=("properties.severity", "properties.criteria", "properties.scopes", "properties.windowSize"),
        within={"properties.severity": (0, 4)},
        check=_check_alert,
    ),
    Type(
        name="Microsoft.Insights/scheduledQueryRules",
        source="learn.microsoft.com/rest/api/monitor/scheduled-query-rules",
        tracked=True,
        required=("properties.scopes", "properties.criteria"),
        within={"properties.severity": (0, 4)},
        check=_check_alert,
    ),
    Type(
        name="Microsoft.OperationalInsights/workspaces",
        source=NAMES,
        names=r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]",
        bad_name=(
            "InvalidParameter",
            (
                "Resource name '{name}' is invalid: 4 to 63 letters, digits and '-', the first and the "
                "last a letter or digit."
            ),
        ),
        tracked=True,
        allowed={
            "properties.sku.name": (
                "PerGB2018",
                "PerNode",
                "Standalone",
                "CapacityReservation",
                "LACluster",
                "Free",
                "Standard",
                "Premium",
            )
        },
        within={"properties.retentionInDays": (30, 730)},
        defaults={
            "properties.retentionInDays": 30,
            "properties.sku.name": "PerGB2018",
            "properties.publicNetworkAccessForIngestion": "Enabled",
            "properties.publicNetworkAccessForQuery": "Enabled",
        },
        fill=_fill_logs,
        slow="operation",
        invalid="InvalidParameter",
    ),
)
