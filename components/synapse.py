"""Synapse: serverless SQL, which reads the lake's files as rows. Pools that cost by the hour only where asked for."""

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_azure_native import synapse

from components.place import AZURE_ALONE, Place, keep, watch
from components.storage import StorageAccount
from settings import Warehouse as WarehouseSettings

CONTAINER = "synapse"


class Synapse(pulumi.ComponentResource):
    """`batchscoring:index:Synapse`: a workspace on a container of its own, without SQL passwords."""

    workspace_id: Output[str]
    principal_id: Output[str]

    def __init__(
        self,
        name: str,
        *,
        lake: StorageAccount,
        warehouse: WarehouseSettings,
        admin_client_id: Input[str],
        place: Place,
        opts: ResourceOptions | None = None,
    ):
        super().__init__("batchscoring:index:Synapse", name, {}, opts)
        child = ResourceOptions(parent=self)
        workspace = synapse.Workspace(
            f"{name}-workspace",
            workspace_name=place.names.synapse,
            resource_group_name=place.group,
            location=place.location,
            identity=synapse.ManagedIdentityArgs(type=synapse.ResourceIdentityType.SYSTEM_ASSIGNED),
            azure_ad_only_authentication=True,
            default_data_lake_storage=synapse.DataLakeStorageAccountDetailsArgs(
                account_url=f"https://{place.names.lake_account}.dfs.core.windows.net",
                filesystem=lake.containers[CONTAINER].name,
                resource_id=lake.account_id,
            ),
            managed_virtual_network="default",  # fixed for good
            public_network_access="Enabled",
            tags=place.tags,
            opts=keep(self, place),
        )
        synapse.WorkspaceSqlAadAdmin(
            f"{name}-admin",
            workspace_name=workspace.name,
            resource_group_name=place.group,
            administrator_type="ActiveDirectory",
            login=place.names.warehouse_identity,
            sid=admin_client_id,
            tenant_id=place.tenant_id,
            # Azure makes it with the workspace and takes it away with it.
            opts=ResourceOptions(parent=self, deleted_with=workspace),
        )
        synapse.IpFirewallRule(
            f"{name}-azure",
            rule_name="AllowAllWindowsAzureIps",
            workspace_name=workspace.name,
            resource_group_name=place.group,
            start_ip_address=AZURE_ALONE,
            end_ip_address=AZURE_ALONE,
            opts=child,
        )
        if warehouse.dedicated_pool:
            synapse.SqlPool(
                f"{name}-pool",
                sql_pool_name="dedicated",
                workspace_name=workspace.name,
                resource_group_name=place.group,
                location=place.location,
                sku=synapse.SkuArgs(name="DW100c"),
                collation="SQL_Latin1_General_CP1_CI_AS",
                storage_account_type="LRS",
                tags=place.tags,
                opts=child,
            )
        if warehouse.spark_pool:
            synapse.BigDataPool(
                f"{name}-spark",
                big_data_pool_name="spark",
                workspace_name=workspace.name,
                resource_group_name=place.group,
                location=place.location,
                node_size="Small",
                node_size_family="MemoryOptimized",
                node_count=3,
                spark_version="3.4",
                auto_pause=synapse.AutoPausePropertiesArgs(enabled=True, delay_in_minutes=15),
                tags=place.tags,
                opts=child,
            )
        watch(f"{name}-workspace", workspace.id, place, self)
        self.workspace_id = workspace.id
        self.principal_id = workspace.identity.apply(lambda identity: identity.principal_id if identity else "")
        self.register_outputs({"workspace_id": self.workspace_id, "principal_id": self.principal_id})
