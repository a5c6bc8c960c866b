"""What conducts and what keeps results, by resource, with the real SDK: Azure SQL, Synapse, Data Factory."""

from typing import Any

import pulumi
from declare import COMMON, GROUP, LOCATION, TAGS, TENANT, short, watch
from pulumi import ResourceOptions
from pulumi_azure_native import datafactory, sql, synapse

ADMIN = "00000000-0000-4000-8000-000000000003"
AZURE = "0.0.0.0"
PROTECTED = ResourceOptions(protect=True)


def server(name: str, *, entra_only: bool = True, **changes: Any) -> sql.Server:
    administrators = sql.ServerExternalAdministratorArgs(
        administrator_type="ActiveDirectory",
        azure_ad_only_authentication=entra_only,
        login="warehouse",
        principal_type="Application",
        sid=ADMIN,
        tenant_id=TENANT,
    )
    declared: dict[str, Any] = {"server_name": short(name), "version": "12.0", "minimal_tls_version": "1.2"}
    declared |= {"public_network_access": "Disabled"}
    declared["administrators"] = administrators
    return sql.Server(name, **(COMMON | declared | changes), opts=PROTECTED)


def database(name: str, **changes: Any) -> sql.Database:
    declared: dict[str, Any] = {"database_name": short(name), "server_name": short("server"), "zone_redundant": True}
    declared["sku"] = sql.SkuArgs(name="GP_Gen5", tier="GeneralPurpose", family="Gen5", capacity=2)
    made = sql.Database(name, **(COMMON | declared | changes), opts=PROTECTED)
    watch(f"{name}-logs", made.id)
    return made


def sql_door(name: str, last: str = AZURE) -> sql.FirewallRule:
    return sql.FirewallRule(
        name,
        firewall_rule_name=short(name),
        server_name=short("server"),
        resource_group_name=GROUP,
        start_ip_address=AZURE,
        end_ip_address=last,
    )


def serverless(name: str, **changes: Any) -> synapse.Workspace:
    declared: dict[str, Any] = {
        "workspace_name": short(name),
        "identity": synapse.ManagedIdentityArgs(type=synapse.ResourceIdentityType.SYSTEM_ASSIGNED),
        "azure_ad_only_authentication": True,
        "default_data_lake_storage": synapse.DataLakeStorageAccountDetailsArgs(
            account_url=f"https://{short('lake')}.dfs.core.windows.net", filesystem="synapse"
        ),
        "managed_virtual_network": "default",
    }
    made = synapse.Workspace(name, **(COMMON | declared | changes), opts=PROTECTED)
    watch(f"{name}-logs", made.id)
    return made


def synapse_door(name: str, last: str = AZURE) -> synapse.IpFirewallRule:
    return synapse.IpFirewallRule(
        name,
        rule_name=short(name),
        workspace_name=short("serverless"),
        resource_group_name=GROUP,
        start_ip_address=AZURE,
        end_ip_address=last,
    )


def pool(name: str) -> synapse.SqlPool:
    return synapse.SqlPool(
        name,
        sql_pool_name="dedicated",
        workspace_name=short("serverless"),
        resource_group_name=GROUP,
        location=LOCATION,
        sku=synapse.SkuArgs(name="DW100c"),
        tags=TAGS,
    )


def factory(name: str, identity: str = "SystemAssigned") -> datafactory.Factory:
    made = datafactory.Factory(
        name, factory_name=short(name), identity=datafactory.FactoryIdentityArgs(type=identity), **COMMON
    )
    watch(f"{name}-logs", made.id)
    return made


def linked_service(name: str, properties: Any = None) -> datafactory.LinkedService:
    url = f"https://{short('lake')}.dfs.core.windows.net"
    return datafactory.LinkedService(
        name,
        linked_service_name=short(name),
        factory_name=short("factory"),
        resource_group_name=GROUP,
        properties=properties or datafactory.AzureBlobFSLinkedServiceArgs(type="AzureBlobFS", url=url),
    )


def kept() -> None:
    server("server")
    database("database")
    sql_door("sql-door")
    serverless("serverless")
    synapse_door("synapse-door")
    factory("factory")
    linked_service("service")


def broken() -> None:
    """A resource for each rule, named after it."""
    everybody = "255.255.255.255"
    server("sql-entra-only", entra_only=False)
    server("sql-tls", minimal_tls_version="1.1")
    server("sql-no-password", administrator_login="admin")
    server("sql-public-access", public_network_access="Enabled")
    sql_door("sql-firewall", everybody)
    database("sql-zones", zone_redundant=False)
    serverless("synapse-entra-only", azure_ad_only_authentication=False)
    serverless("synapse-managed-network", managed_virtual_network=None)
    serverless("synapse-no-password", sql_administrator_login_password=pulumi.Output.secret("p"))
    synapse_door("synapse-firewall", everybody)
    pool("synapse-pools")
    factory("factory-identity", "UserAssigned")
    key = datafactory.SecureStringArgs(type="SecureString", value="k")
    secret = datafactory.AzureBlobStorageLinkedServiceArgs(
        type="AzureBlobStorage", service_endpoint="https://x.blob.core.windows.net", sas_uri=key
    )
    linked_service("factory-no-secrets", secret)
    elsewhere = datafactory.HttpLinkedServiceArgs(
        type="HttpServer", url="https://example.org", authentication_type="Anonymous"
    )
    linked_service("factory-services", elsewhere)
