"""azure-mgmt-resource, -resource-subscriptions, -authorization and -msi."""

import uuid
from collections.abc import Callable
from typing import Any

from answers import HERE, MISSING, PLACE, names, refusal
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient
from sandbox_world import ROLES, World

Client = Callable[..., Any]
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
READER = ROLES["Storage Blob Data Reader"]


def test_groups_come_change_and_go(client: Client) -> None:
    groups = client(ResourceManagementClient).resource_groups
    made = groups.create_or_update("basics", {**HERE, "tags": {"team": "data"}})
    assert (made.properties.provisioning_state, made.location) == ("Succeeded", PLACE)
    assert groups.update("basics", {"tags": {"team": "web"}}).tags == {"team": "web"}
    assert "basics" in names(groups.list(filter="tagName eq 'team' and tagValue eq 'web'"))
    assert groups.check_existence("basics") is True
    assert refusal(groups.create_or_update, "basics", {"location": "northeurope"}) == (
        409,
        "InvalidResourceGroupLocation",
    )
    assert refusal(groups.create_or_update, "ends.", HERE) == (400, "InvalidResourceGroup")
    assert refusal(lambda: list(groups.list(filter="name eq 'basics'"))) == (400, "InvalidFilterInQueryString")
    groups.begin_delete("basics").result()
    assert groups.check_existence("basics") is False
    assert refusal(groups.get, "basics") == (404, "ResourceGroupNotFound")


def test_any_resource_is_reached_by_its_id(client: Client, world: World, group: str) -> None:
    resources = client(ResourceManagementClient).resources
    one = f"{world.subscription}/resourceGroups/{group}/providers/{IDENTITY}/anything"
    made = resources.begin_create_or_update_by_id(one, HERE, api_version="2023-01-31").result()
    assert made.properties["principalId"]
    assert resources.get_by_id(one, api_version="2023-01-31").name == "anything"
    assert resources.check_existence_by_id(one, api_version="2023-01-31") is True
    assert names(resources.list_by_resource_group(group, filter=f"resourceType eq '{IDENTITY}'")) == ["anything"]
    (found,) = resources.list(filter="name eq 'anything'", expand="createdTime")
    assert found.created_time.year == 2026
    assert found.provisioning_state is None
    resources.begin_delete_by_id(one, api_version="2023-01-31").result()
    assert refusal(resources.get_by_id, one, api_version="2023-01-31") == MISSING


def test_diagnostics_hang_on_a_resource(client: Client, world: World, group: str) -> None:
    resources = client(ResourceManagementClient).resources
    providers = f"{world.subscription}/resourceGroups/{group}/providers"
    logs = f"{providers}/Microsoft.OperationalInsights/workspaces/diagnosed"
    hubs = f"{providers}/Microsoft.EventHub/namespaces/diagnosed"
    resources.begin_create_or_update_by_id(logs, HERE, api_version="2023-09-01").result()
    resources.begin_create_or_update_by_id(
        hubs, {**HERE, "sku": {"name": "Standard"}}, api_version="2024-01-01"
    ).result()
    version = {"api_version": "2021-05-01-preview"}
    setting = f"{hubs}/providers/Microsoft.Insights/diagnosticSettings/all"
    category: dict[str, Any] = {"categoryGroup": "allLogs", "enabled": True}
    body = {"properties": {"workspaceId": logs, "logs": [category]}}
    resources.begin_create_or_update_by_id(setting, body, **version).result()
    assert resources.get_by_id(setting, **version).properties["workspaceId"] == logs
    category["retentionPolicy"] = {"enabled": True, "days": 7}
    create = resources.begin_create_or_update_by_id
    assert refusal(create, setting, body, **version) == (400, "BadRequest")
    resources.begin_delete_by_id(setting, **version).result()
    assert resources.check_existence_by_id(setting, **version) is False


def test_ids_are_taken_as_clients_write_them(world: World) -> None:
    group = world.put(f"{world.subscription}/resourcegroups/Spelt", HERE)
    assert group["id"] == f"{world.subscription}/resourceGroups/Spelt"
    name = f"{world.subscription}/resourceGroups/spelt/providers/{IDENTITY.replace('/', '//')}/one"
    assert world.put(name, HERE)["name"] == "one"  # as `az resource` doubles the slash before a type
    assert world.arm("DELETE", group["id"]).status_code == 202


def test_providers_are_registered(client: Client) -> None:
    providers = client(ResourceManagementClient).providers
    assert providers.register("Microsoft.EventHub").registration_state == "Registered"
    found = {one.namespace: one for one in providers.list()}
    (spaces,) = [one for one in found["Microsoft.EventHub"].resource_types if one.resource_type == "namespaces"]
    assert "West Europe" in spaces.locations
    assert spaces.api_versions == ["2024-01-01"]
    assert providers.get("microsoft.sql").namespace == "Microsoft.Sql"
    assert "Microsoft.Storage" in {one.namespace for one in providers.list_at_tenant_scope()}
    assert refusal(providers.get, "Microsoft.Nothing") == (404, "InvalidResourceNamespace")


def test_a_subscription_is_found_with_its_regions(client: Client, world: World) -> None:
    subscriptions = client(SubscriptionClient, None).subscriptions
    identity = world.identity("deployer")
    assert identity["subscription"] in {one.subscription_id for one in subscriptions.list()}
    assert subscriptions.get(identity["subscription"]).state == "Enabled"
    assert "West Europe" in {one.display_name for one in subscriptions.list_locations(identity["subscription"])}
    assert {one.tenant_id for one in client(SubscriptionClient, None).tenants.list()} == {identity["tenant"]}
    assert refusal(subscriptions.get, str(uuid.uuid4())) == (404, "SubscriptionNotFound")


def test_roles_are_assigned_once_and_taken_away(client: Client, world: World, group: str) -> None:
    roles = client(AuthorizationManagementClient)
    scope = f"{world.subscription}/resourceGroups/{group}"
    someone = world.user_identity(f"{scope}/providers", "assigned")["properties"]["principalId"]
    definition = f"{world.subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    body = {"role_definition_id": definition, "principal_id": someone, "principal_type": "ServicePrincipal"}
    name = str(uuid.uuid4())
    made = roles.role_assignments.create(scope, name, body)
    assert (made.scope, made.principal_id) == (scope, someone)
    assert roles.role_assignments.get(scope, name).id == made.id
    assert name in names(roles.role_assignments.list_for_subscription())
    (found,) = roles.role_assignments.list_for_scope(scope, filter=f"principalId eq '{someone}'")
    assert found.name == name
    assert refusal(roles.role_assignments.create, scope, str(uuid.uuid4()), body) == (409, "RoleAssignmentExists")
    assert roles.role_assignments.delete(scope, name).name == name
    assert refusal(roles.role_assignments.get, scope, name)[0] == 404


def test_a_role_is_defined(client: Client, world: World, group: str) -> None:
    definitions = client(AuthorizationManagementClient).role_definitions
    scope, name = f"{world.subscription}/resourceGroups/{group}", str(uuid.uuid4())
    permission = {"actions": ["Microsoft.Storage/storageAccounts/read"], "not_actions": []}
    body = {"role_name": f"Looks at {group}", "assignable_scopes": [scope], "permissions": [permission]}
    made = definitions.create_or_update(scope, name, body)
    assert (made.role_type, made.permissions[0].actions) == ("CustomRole", permission["actions"])
    assert definitions.get(scope, name).role_name == f"Looks at {group}"
    (built_in,) = definitions.list(scope, filter="roleName eq 'Storage Blob Data Reader'")
    assert (built_in.name, built_in.role_type) == (READER, "BuiltInRole")
    assert refusal(definitions.create_or_update, scope, name, {"role_name": "Nothing"})[0] == 400
    definitions.delete(scope, name)
    assert refusal(definitions.get, scope, name)[0] == 404


def test_identities_come_change_and_go(client: Client, world: World, group: str) -> None:
    msi = client(ManagedServiceIdentityClient)
    identities = msi.user_assigned_identities
    made = identities.create_or_update(group, "worker", HERE)
    assert made.tenant_id == world.identity("deployer")["tenant"]
    assert identities.get(group, "worker").client_id == made.client_id
    assert identities.update(group, "worker", {"tags": {"a": "b"}}).tags == {"a": "b"}
    assert names(identities.list_by_resource_group(group)) == ["worker"]
    assert "worker" in names(identities.list_by_subscription())
    assert refusal(identities.create_or_update, group, "no", HERE) == (400, "InvalidResourceName")
    identities.delete(group, "worker")
    assert refusal(identities.get, group, "worker") == MISSING
