"""Azure SQL: the database of results, opened by Entra identities alone."""

import pulumi
from pulumi import Input, Output, ResourceHookBinding, ResourceOptions
from pulumi_azure_native import sql

from components import arm
from components.pipelines import DATABASE
from components.place import AZURE_ALONE, Place, keep, watch
from components.steps import before_update
from settings import Warehouse as WarehouseSettings


class Warehouse(pulumi.ComponentResource):
    """`batchscoring:index:Warehouse`: a server whose one administrator is an identity, and the database `scores`."""

    server_id: Output[str]
    host: Output[str]
    database: sql.Database

    def __init__(
        self,
        name: str,
        *,
        warehouse: WarehouseSettings,
        admin_client_id: Input[str],
        place: Place,
        opts: ResourceOptions | None = None,
    ):
        super().__init__("batchscoring:index:Warehouse", name, {}, opts)
        server = sql.Server(
            f"{name}-server",
            server_name=place.names.server,
            resource_group_name=place.group,
            location=place.location,
            version="12.0",
            administrators=sql.ServerExternalAdministratorArgs(
                administrator_type="ActiveDirectory",
                azure_ad_only_authentication=True,
                login=place.names.warehouse_identity,
                principal_type="Application",
                sid=admin_client_id,  # of applications the client id, of people and groups the object id
                tenant_id=place.tenant_id,
            ),
            minimal_tls_version="1.2",
            public_network_access="Enabled" if warehouse.public_access else "Disabled",
            restrict_outbound_network_access="Disabled",
            tags=place.tags,
            opts=keep(self, place, hooks=None if warehouse.public_access else _shutting(name)),
        )
        if warehouse.public_access:  # Data Factory's own machines have no fixed addresses; identities guard the door
            sql.FirewallRule(
                f"{name}-azure",
                firewall_rule_name="AllowAllWindowsAzureIps",
                server_name=server.name,
                resource_group_name=place.group,
                start_ip_address=AZURE_ALONE,
                end_ip_address=AZURE_ALONE,
                opts=ResourceOptions(parent=self, deleted_with=server),
            )
        sql.ServerBlobAuditingPolicy(
            f"{name}-audit",
            blob_auditing_policy_name="default",
            server_name=server.name,
            resource_group_name=place.group,
            state=sql.BlobAuditingPolicyState.ENABLED,
            is_azure_monitor_target_enabled=True,
            opts=ResourceOptions(parent=self, deleted_with=server),
        )
        # Auditing of a server reaches Log Analytics by a setting of its database `master`.
        watch(f"{name}-master", Output.concat(server.id, "/databases/master"), place, self)
        self.database = sql.Database(
            f"{name}-database",
            database_name=DATABASE,
            server_name=server.name,
            resource_group_name=place.group,
            location=place.location,
            **_size(warehouse),
            tags=place.tags,
            opts=keep(self, place),
        )
        watch(f"{name}-database", self.database.id, place, self)
        self.server_id = server.id
        self.host = Output.concat(server.name, ".database.windows.net")
        self.register_outputs({"server_id": self.server_id, "host": self.host})


def shut(server: str) -> None:
    """Takes a server's firewall rules away while its public door is still open. Before a change of the server."""
    if arm.call("GET", server, api=arm.SQL_API)["properties"]["publicNetworkAccess"] == "Enabled":
        for rule in arm.call("GET", f"{server}/firewallRules", api=arm.SQL_API).get("value", []):
            arm.call("DELETE", rule["id"], api=arm.SQL_API, accept=(404,))


def _shutting(name: str) -> ResourceHookBinding:
    # Behind a shut door Azure lets no rule go, and the engine deletes only after it has changed the rest.
    return ResourceHookBinding(before_update=[before_update(f"{name}-shut", shut)])


def _size(warehouse: WarehouseSettings) -> dict:
    """Two vCores: always on in several zones, or as needed with a pause."""
    if warehouse.zone_redundant:
        return {
            "sku": sql.SkuArgs(name="GP_Gen5", tier="GeneralPurpose", family="Gen5", capacity=2),
            "zone_redundant": True,
            "requested_backup_storage_redundancy": "Zone",
        }
    return {
        "sku": sql.SkuArgs(name="GP_S_Gen5", tier="GeneralPurpose", family="Gen5", capacity=2),
        "auto_pause_delay": warehouse.pause_minutes or -1,
        "min_capacity": 0.5,
        "zone_redundant": False,
        "requested_backup_storage_redundancy": "Local",
    }
