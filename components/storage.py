"""A storage account without keys: what the lake and the workspace's own account have in common."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_azure_native import storage

from components.place import Place, keep, watch


class StorageAccount(pulumi.ComponentResource):
    """`batchscoring:index:StorageAccount`: account, soft delete, private containers, lifecycle rules, logs.

    `lifecycle` says after how many days what lies below a prefix (`container` or `container/folder`) is deleted.
    """

    account_id: Output[str]
    account_name: Output[str]
    containers: Mapping[str, storage.BlobContainer]

    def __init__(
        self,
        name: str,
        *,
        account_name: str,
        hierarchical: bool,
        containers: Sequence[str],
        lifecycle: Mapping[str, int],
        replication: str,
        soft_delete_days: int,
        place: Place,
        opts: ResourceOptions | None = None,
    ):
        super().__init__("batchscoring:index:StorageAccount", name, {}, opts)
        child = ResourceOptions(parent=self)
        account = storage.StorageAccount(
            f"{name}-account",
            account_name=account_name,
            resource_group_name=place.group,
            location=place.location,
            kind="StorageV2",
            sku=storage.SkuArgs(name=replication),
            access_tier=storage.AccessTier.HOT,
            is_hns_enabled=hierarchical,  # fixed for good
            minimum_tls_version="TLS1_2",
            enable_https_traffic_only=True,
            allow_blob_public_access=False,
            allow_shared_key_access=False,  # unset means allowed
            allow_cross_tenant_replication=False,
            default_to_o_auth_authentication=True,
            is_local_user_enabled=False,
            is_sftp_enabled=False,
            public_network_access="Enabled",
            # Identities guard the data; addresses cannot until the private network is declared, because neither the
            # cluster's nodes nor a deployer have a fixed one.
            network_rule_set=storage.NetworkRuleSetArgs(
                default_action=storage.DefaultAction.ALLOW, bypass="AzureServices"
            ),
            tags=place.tags,
            opts=keep(self, place),
        )
        blobs = storage.BlobServiceProperties(
            f"{name}-blobs",
            blob_services_name="default",
            account_name=account.name,
            resource_group_name=place.group,
            delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=soft_delete_days),
            container_delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=soft_delete_days),
            opts=child,
        )
        self.containers = {
            container: storage.BlobContainer(
                f"{name}-{container}",
                container_name=container,
                account_name=account.name,
                resource_group_name=place.group,
                public_access=storage.PublicAccess.NONE,
                opts=child,
            )
            for container in containers
        }
        storage.ManagementPolicy(
            f"{name}-lifecycle",
            management_policy_name="default",
            account_name=account.name,
            resource_group_name=place.group,
            policy=storage.ManagementPolicySchemaArgs(
                rules=[_expiry(prefix, days) for prefix, days in lifecycle.items()]
            ),
            opts=child,
        )
        watch(f"{name}-blobs", blobs.id, place, self)
        self.account_id, self.account_name = account.id, account.name
        self.register_outputs({"account_id": self.account_id, "account_name": self.account_name})

    def scopes(self, prefix: str) -> dict[str, Output[str]]:
        """Where roles are given: the account under `prefix`, each container under `prefix/<container>`."""
        return {prefix: self.account_id} | {f"{prefix}/{name}": made.id for name, made in self.containers.items()}


def _expiry(prefix: str, days: int) -> storage.ManagementPolicyRuleArgs:
    after = storage.DateAfterModificationArgs(days_after_modification_greater_than=days)
    return storage.ManagementPolicyRuleArgs(
        name=f"expire-{prefix.strip('/').replace('/', '-')}",
        enabled=True,
        type="Lifecycle",
        definition=storage.ManagementPolicyDefinitionArgs(
            actions=storage.ManagementPolicyActionArgs(base_blob=storage.ManagementPolicyBaseBlobArgs(delete=after)),
            filters=storage.ManagementPolicyFilterArgs(blob_types=["blockBlob"], prefix_match=[prefix]),
        ),
    )
