"""azure-mgmt-sql and -synapse."""

from collections.abc import Callable
from typing import Any

import pytest
from answers import HERE, MISSING, names, refusal
from azure.mgmt.sql import SqlManagementClient
from azure.mgmt.synapse import SynapseManagementClient
from sandbox_world import World

Client = Callable[..., Any]
ADMIN, ONLY = "ActiveDirectory", "Default"


@pytest.fixture
def server(client: Client, world: World, group: str) -> tuple[str, str]:
    """(group, name) of a server whose administrator is a managed identity."""
    admin = world.user_identity(f"{world.subscription}/resourceGroups/{group}/providers", "admin")["properties"]
    name = f"client-{admin['clientId'][:8]}"
    entra = {"login": "admin", "sid": admin["clientId"], "tenantId": admin["tenantId"], "principalType": "Application"}
    entra |= {"administratorType": ADMIN, "azureADOnlyAuthentication": True}
    body = {**HERE, "properties": {"administrators": entra}}
    client(SqlManagementClient).servers.begin_create_or_update(group, name, body).result()
    return group, name


def test_servers_come_change_and_go(client: Client, server: tuple[str, str]) -> None:
    servers, (group, name) = client(SqlManagementClient).servers, server
    assert servers.get(group, name).fully_qualified_domain_name == f"{name}.database.windows.net"
    assert names(servers.list_by_resource_group(group)) == [name]
    assert name in names(servers.list())
    tagged = servers.begin_update(group, name, {"tags": {"a": "b"}}).result()
    assert (tagged.tags, tagged.administrators.azure_ad_only_authentication) == ({"a": "b"}, True)
    asked = servers.check_name_availability({"name": name, "type": "Microsoft.Sql/servers"})
    assert (asked.available, asked.reason) == (False, "AlreadyExists")
    plain = {**HERE, "properties": {"administratorLogin": "sa"}}
    assert refusal(servers.begin_create_or_update, group, f"{name}-2", plain) == (400, "InvalidParameterValue")
    snakes = {**HERE, "administrator_login": "sa"}  # this client sends what it does not know as it is
    assert refusal(servers.begin_create_or_update, group, f"{name}-2", snakes) == (400, "InvalidRequestContent")
    servers.begin_delete(group, name).result()
    assert refusal(servers.get, group, name) == MISSING


def test_a_server_is_guarded(client: Client, world: World, server: tuple[str, str]) -> None:
    sql = client(SqlManagementClient)
    admins, only = sql.server_azure_ad_administrators, sql.server_azure_ad_only_authentications
    assert names(admins.list_by_server(*server)) == [ADMIN]
    someone = world.identity("deployer")
    body = {"properties": {"administratorType": ADMIN, "login": "d", "sid": someone["clientId"]}}
    assert admins.begin_create_or_update(*server, ADMIN, body).result().login == "d"
    assert admins.get(*server, ADMIN).sid == someone["clientId"]
    assert refusal(admins.begin_delete, *server, ADMIN) == (400, "AadOnlyAuthenticationIsEnabled")
    off = only.begin_create_or_update(*server, ONLY, {"properties": {"azureADOnlyAuthentication": False}}).result()
    assert off.azure_ad_only_authentication is False
    assert only.get(*server, ONLY).azure_ad_only_authentication is False
    assert refusal(only.begin_create_or_update, *server, ONLY, {"properties": {}})[0] == 400

    rules = sql.firewall_rules
    span = {"properties": {"startIpAddress": "10.0.0.1", "endIpAddress": "10.0.0.9"}}
    assert rules.create_or_update(*server, "office", span).end_ip_address == "10.0.0.9"
    assert rules.get(*server, "office").start_ip_address == "10.0.0.1"
    assert names(rules.list_by_server(*server)) == ["office"]
    span["properties"]["endIpAddress"] = "10.0.0.0"
    assert refusal(rules.create_or_update, *server, "office", span) == (400, "InvalidParameterValue")
    rules.delete(*server, "office")
    assert refusal(rules.get, *server, "office")[0] == 404

    on = {"properties": {"state": "Enabled"}}
    audits, alerts = sql.server_blob_auditing_policies, sql.server_security_alert_policies
    assert audits.get(*server).state == "Disabled"
    assert audits.begin_create_or_update(*server, on).result().state == "Enabled"
    assert alerts.begin_create_or_update(*server, "default", on).result().state == "Enabled"
    assert alerts.get(*server, "default").state == "Enabled"
    weak = sql.sql_vulnerability_assessments_settings
    assert weak.create_or_update(*server, "default", on).state == "Enabled"
    assert refusal(audits.begin_create_or_update, *server, {"properties": {"state": "Maybe"}})[0] == 400


def test_databases_come_change_and_go(client: Client, server: tuple[str, str]) -> None:
    sql = client(SqlManagementClient)
    databases, one = sql.databases, (*server, "scores")
    body = {**HERE, "sku": {"name": "GP_S_Gen5_1"}, "properties": {"autoPauseDelay": 60}}
    made = databases.begin_create_or_update(*one, body).result()
    assert (made.status, made.auto_pause_delay) == ("Online", 60)
    assert databases.get(*one).sku.name == "GP_S_Gen5_1"
    assert names(databases.list_by_server(*server)) == ["master", "scores"]
    assert databases.begin_update(*one, {"tags": {"a": "b"}}).result().tags == {"a": "b"}
    body["properties"] = {"autoPauseDelay": 5}
    assert refusal(databases.begin_create_or_update, *one, body) == (400, "InvalidParameterValue")

    on = {"properties": {"state": "Enabled"}}
    alerts, secret = sql.database_security_alert_policies, sql.transparent_data_encryptions
    assert alerts.create_or_update(*one, "default", on).state == "Enabled"
    assert alerts.get(*one, "default").state == "Enabled"
    assert secret.begin_create_or_update(*one, "current", on).result().state == "Enabled"
    assert secret.get(*one, "current").state == "Enabled"
    kept = sql.backup_short_term_retention_policies
    assert kept.get(*one, "default").retention_days == 7
    assert kept.begin_create_or_update(*one, "default", {"properties": {"retentionDays": 14}}).result().retention_days
    assert kept.get(*one, "default").retention_days == 14
    days = {"properties": {"retentionDays": 99}}
    assert refusal(kept.begin_create_or_update, *one, "default", days) == (400, "InvalidParameterValue")
    databases.begin_delete(*one).result()
    assert refusal(databases.get, *one) == MISSING


@pytest.fixture
def place(client: Client, world: World, group: str) -> tuple[str, str]:
    """(group, name) of a Synapse workspace with its lake."""
    name = f"client-{world.identity('deployer')['tenant'][:4]}-{len(group)}"
    providers = f"{world.subscription}/resourceGroups/{group}/providers"
    world.account(providers, f"synlake{len(group)}", "raw", isHnsEnabled=True)
    storage = {"account_url": f"https://synlake{len(group)}.dfs.core.windows.net", "filesystem": "raw"}
    body = {**HERE, "identity": {"type": "SystemAssigned"}, "default_data_lake_storage": storage}
    # This client has no azureADOnlyAuthentication yet.
    body |= {"sql_administrator_login": "admin", "sql_administrator_login_password": "Not-4-anybody"}
    client(SynapseManagementClient).workspaces.begin_create_or_update(group, name, body).result()
    return group, name


def test_synapse_workspaces_come_change_and_go(client: Client, place: tuple[str, str]) -> None:
    workspaces, (group, name) = client(SynapseManagementClient).workspaces, place
    found = workspaces.get(group, name)
    assert found.connectivity_endpoints["sqlOnDemand"] == f"{name}-ondemand.sql.azuresynapse.net"
    assert names(workspaces.list_by_resource_group(group)) == [name]
    assert name in names(workspaces.list())
    assert workspaces.begin_update(group, name, {"tags": {"a": "b"}}).result().tags == {"a": "b"}
    body = {**HERE, "identity": {"type": "SystemAssigned"}}
    assert refusal(workspaces.begin_create_or_update, group, "x-ondemand", body) == (400, "InvalidWorkspaceName")
    workspaces.begin_delete(group, name).result()
    assert refusal(workspaces.get, group, name) == MISSING


def test_a_workspace_has_administrators_rules_and_pools(client: Client, world: World, place: tuple[str, str]) -> None:
    synapse = client(SynapseManagementClient)
    admin = {"sid": world.identity("deployer")["clientId"], "login": "d", "administrator_type": ADMIN}
    for admins in (synapse.workspace_aad_admins, synapse.workspace_sql_aad_admins):
        assert admins.begin_create_or_update(*place, admin).result().sid == admin["sid"]
        assert admins.get(*place).login == "d"
        assert refusal(admins.begin_create_or_update, *place, {"login": "d"})[0] == 400
        admins.begin_delete(*place).result()
        assert refusal(admins.get, *place)[0] == 404
    rules = synapse.ip_firewall_rules
    span = {"start_ip_address": "10.0.0.1", "end_ip_address": "10.0.0.9"}
    assert rules.begin_create_or_update(*place, "office", span).result().end_ip_address == "10.0.0.9"
    assert names(rules.list_by_workspace(*place)) == ["office"]
    assert refusal(rules.begin_create_or_update, *place, "office", {"start_ip_address": "10.0.0.1"})[0] == 400
    rules.begin_delete(*place, "office").result()
    assert refusal(rules.get, *place, "office")[0] == 404
    pools, spark = synapse.sql_pools, synapse.big_data_pools
    assert pools.begin_create(*place, "pool", {**HERE, "sku": {"name": "DW100c"}}).result().status == "Online"
    assert names(pools.list_by_workspace(*place)) == ["pool"]
    assert refusal(pools.begin_create, *place, "other", HERE)[0] == 400
    pools.begin_delete(*place, "pool").result()
    assert refusal(pools.get, *place, "pool") == MISSING
    size = {"node_count": 3, "node_size": "Small", "node_size_family": "MemoryOptimized", "spark_version": "3.4"}
    assert spark.begin_create_or_update(*place, "spark", {**HERE, **size}).result().node_count == 3
    assert spark.get(*place, "spark").spark_version == "3.4"
    assert spark.update(*place, "spark", {"tags": {"a": "b"}}).tags == {"a": "b"}
    assert names(spark.list_by_workspace(*place)) == ["spark"]
    assert refusal(spark.begin_create_or_update, *place, "1spark", {**HERE, **size})[0] == 400
    spark.begin_delete(*place, "spark").result()
    assert refusal(spark.get, *place, "spark") == MISSING
