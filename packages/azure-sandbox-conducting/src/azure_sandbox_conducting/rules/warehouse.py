"""Where results are kept: Azure SQL and Synapse."""

import ipaddress
import uuid
from typing import Any

from azure_sandbox.ids import kind_of, name_of, parent_of
from azure_sandbox.rules.types import Body, World, code, dig, refuse, same

SQL = "Microsoft.Sql/servers"
SYNAPSE = "Microsoft.Synapse/workspaces"


def invalid(when: Any, message: str, code: str = "InvalidParameterValue", status: int = 400) -> None:
    refuse(when, message, code, status)


@code("check", SQL)
def check_server(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    """learn.microsoft.com/azure/azure-sql/database/authentication-azure-ad-only-authentication; pulumi-azure-native
    #4096 (administrators are for creation only) and #2937 (no password where sign-in is by Entra only)."""
    properties, before = body["properties"], dig(old, "properties.administrators")
    admin, password = properties.get("administrators"), properties.get("administratorLoginPassword")
    login, only = properties.get("administratorLogin"), entra_only(world, resource_id)
    text = "Azure Active Directory only authentication is enabled: no password of an administrator can be set."
    refuse(only and password, text, "AadOnlyAuthenticationIsEnabled")
    owner = dig(old, "properties.administratorLogin")
    text = f"The administrator login of a server cannot be changed: from '{owner}' to '{login}'."
    invalid(owner and login and not same(owner, login), text)
    named = bool(dig(admin, "azureADOnlyAuthentication"))
    missing = old is None and not named and not (login and password)
    text = "Invalid value given for parameter {}. Specify a valid parameter value."
    invalid(missing, text.format("Login" if not login else "Password"))
    if admin and old is None:
        for key in ("login", "sid", "principalType"):
            invalid(not admin.get(key), text.format(f"administrators.{key}"))
        _check_sid(world, admin)
    if admin and before:
        changed = next(
            (k for k in ("login", "sid", "tenantId") if k in admin and not same(admin[k], before.get(k))), ""
        )
        message = (
            f"The property 'administrators.{changed}' can only be used at server create time. Use the Microsoft Entra "
            "administrator resource of the server to change it."
        )
        invalid(changed, message)
    properties.pop("administratorLoginPassword", None)
    if old is not None and before:
        properties["administrators"] = before
    if login is None:
        properties["administratorLogin"] = owner or f"CloudSA{uuid.uuid4().hex[:8]}"


def entra_only(world: World, server_id: str) -> bool:
    found = world.find(f"{server_id}/azureADOnlyAuthentications/Default")
    return bool(dig(found, "properties.azureADOnlyAuthentication"))


def _check_sid(world: World, admin: Body) -> None:
    """The SID of a person or group is its object id, that of an application or a managed identity its client id."""
    found = world.directory.find(str(admin["sid"]))
    text = f"The administrator '{admin['login']}' with SID '{admin['sid']}' was not found in the directory."
    invalid(found is None, text)


@code("follow", SQL)
def server_parts(world: World, resource_id: str, body: Body) -> list[Body]:
    made: list[Body] = [{"id": f"{resource_id}/databases/master", "location": body["location"], "properties": {}}]
    admin = body["properties"].get("administrators")
    if admin:
        keys = ("login", "sid", "tenantId")
        one = {"administratorType": "ActiveDirectory", **{key: admin[key] for key in keys if key in admin}}
        only = bool(admin.get("azureADOnlyAuthentication"))
        made.append({"id": f"{resource_id}/administrators/ActiveDirectory", "properties": one})
        made.append(
            {
                "id": f"{resource_id}/azureADOnlyAuthentications/Default",
                "properties": {"azureADOnlyAuthentication": only},
            }
        )
    return made


@code("check", f"{SQL}/administrators")
def check_administrator(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    _check_sid(world, body["properties"])


@code("in_use", f"{SQL}/administrators")
def administrator_in_use(world: World, resource: Body) -> None:
    text = "The Microsoft Entra administrator cannot be removed while Azure Active Directory only authentication is on."
    refuse(entra_only(world, parent_of(resource["id"])), text, "AadOnlyAuthenticationIsEnabled")


@code("check", f"{SQL}/azureADOnlyAuthentications")
def check_entra_only(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    wanted = body["properties"].get("azureADOnlyAuthentication")
    invalid(not isinstance(wanted, bool), "The property 'properties.azureADOnlyAuthentication' must be true or false.")
    admin = world.find(f"{parent_of(resource_id)}/administrators/ActiveDirectory")
    text = "Azure Active Directory only authentication needs a Microsoft Entra administrator of the server."
    alone = world.find(parent_of(resource_id)) is not None  # else both are made along with the server
    refuse(wanted and admin is None and alone, text, "AadAdminNotConfigured")


@code("check", f"{SQL}/databases")
def check_database(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    """learn.microsoft.com/azure/azure-sql/database/serverless-tier-overview, high-availability-sla"""
    properties, sku = body["properties"], str(dig(body, "sku.name"))
    text = "Invalid value given for parameter DatabaseName: 'master' is the server's own."
    alone = old is None and world.find(parent_of(resource_id)) is not None  # not made along with its server
    invalid(alone and name_of(resource_id).lower() == "master", text)
    serverless = "_s_" in sku.lower()
    pause, least = properties.get("autoPauseDelay"), properties.get("minCapacity")
    text = f"The property '{{}}' is for the serverless compute tier only, not for SKU '{sku}'."
    invalid(pause not in (None, -1) and not serverless, text.format("autoPauseDelay"))
    invalid(least and not serverless, text.format("minCapacity"))
    text = f"The auto-pause delay must be -1 or 15 to 10080 minutes, not {pause}."
    invalid(pause not in (None, -1) and not 15 <= pause <= 10080, text)
    zones = properties.get("zoneRedundant") and sku.lower() in ("basic", "standard", "s0", "s1", "s2", "s3")
    text = f"Provisioning of zone redundant database/pool is not supported for your current request: SKU '{sku}'."
    invalid(zones, text, "ProvisioningDisabled")
    if serverless:
        properties.setdefault("autoPauseDelay", 60)


@code("in_use", f"{SQL}/databases")
def database_in_use(world: World, resource: Body) -> None:
    own = resource["name"].lower() == "master"
    refuse(own, "Cannot drop the database 'master' because it is a system database.", "OperationNotAllowed", 409)


@code("check", f"{SQL}/firewallRules", f"{SYNAPSE}/firewallRules")
def check_rule(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties, found = body["properties"], []
    for key in ("startIpAddress", "endIpAddress"):
        try:
            found.append(ipaddress.IPv4Address(properties[key]))
        except ValueError:
            invalid(True, f"Invalid value given for parameter {key}: '{properties[key]}' is no IPv4 address.")
    invalid(found[0] > found[1], "The start IP address must not be greater than the end IP address.")
    _refuse_behind_shut_door(world, resource_id)


@code("in_use", f"{SQL}/firewallRules")
def rule_in_use(world: World, resource: Body) -> None:
    _refuse_behind_shut_door(world, resource["id"])


def _refuse_behind_shut_door(world: World, rule_id: str) -> None:
    """learn.microsoft.com/azure/azure-sql/database/connectivity-settings: "any attempts to add, remove, or edit"."""
    shut = dig(world.find(parent_of(rule_id)), "properties.publicNetworkAccess") == "Disabled"
    text = (
        "Unable to create or modify firewall rules when public network interface for the server is disabled. To manage "
        "server or database level firewall rules, please enable the public network interface."
    )
    refuse(shut and kind_of(rule_id).startswith("microsoft.sql"), text, "DenyPublicEndpointEnabled")


@code("check", f"{SQL}/privateEndpointConnections")
def check_connection(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    """Whoever owns the server answers an endpoint that asked; learn.microsoft.com/azure/private-link/
    manage-private-endpoint."""
    text = f"The private endpoint connection '{name_of(resource_id)}' was not found: an endpoint asks for one."
    refuse(old is None, text, "PrivateEndpointConnectionNotFound", 404)
    before = dig(old, "properties.privateLinkServiceConnectionState.status")
    after = dig(body, "properties.privateLinkServiceConnectionState.status")
    text = f"A private endpoint connection that is {before} cannot become {after}."
    refuse(before in ("Rejected", "Disconnected") and not same(before, after), text)


# Synapse: learn.microsoft.com/azure/synapse-analytics


@code("check", SYNAPSE)
def check_workspace(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties = body["properties"]
    refuse(not dig(body, "identity.type"), "A Synapse workspace needs a system-assigned identity.", "ValidationFailed")
    only, login = properties.get("azureADOnlyAuthentication"), properties.get("sqlAdministratorLogin")
    text = "A Synapse workspace needs sqlAdministratorLogin, or azureADOnlyAuthentication set when it is created."
    refuse(old is None and not only and not login, text, "ValidationFailed")
    account = properties["defaultDataLakeStorage"]["accountUrl"].removeprefix("https://").split(".")[0]
    accounts = world.store.resources(kind="microsoft.storage/storageaccounts")
    found = next((a for a in accounts if a["name"].lower() == account.lower()), None)
    text = f"The storage account '{account}' needs a hierarchical namespace to be the workspace's default data lake."
    refuse(found and not dig(found, "properties.isHnsEnabled"), text, "ValidationFailed")
    properties.pop("sqlAdministratorLoginPassword", None)
    default = f"synapseworkspace-managedrg-{uuid.uuid5(uuid.NAMESPACE_URL, resource_id)}"
    properties["managedResourceGroupName"] = properties.get("managedResourceGroupName") or default


@code("check", f"{SYNAPSE}/administrators", f"{SYNAPSE}/sqlAdministrators")
def check_synapse_administrator(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    _check_sid(world, {"login": "", **body["properties"]})
