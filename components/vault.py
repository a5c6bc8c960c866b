"""The Key Vault that an Azure ML workspace must have. Nothing of ours is kept in it: there are no secrets."""

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_azure_native import keyvault

from components import leftovers
from components.place import Place, keep, watch
from settings import Vault as VaultSettings


class Vault(pulumi.ComponentResource):
    """`batchscoring:index:Vault`: answers to roles, closed to all networks but Azure's trusted services."""

    vault_id: Output[str]
    name: Output[str]

    def __init__(
        self,
        name: str,
        *,
        vault: VaultSettings,
        place: Place,
        opts: ResourceOptions | None = None,
    ):
        super().__init__("batchscoring:index:Vault", name, {}, opts)
        made = keyvault.Vault(
            f"{name}-vault",
            vault_name=place.names.vault,
            resource_group_name=place.group,
            location=place.location,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=place.tenant_id,
                sku=keyvault.SkuArgs(family=keyvault.SkuFamily.A, name=keyvault.SkuName.STANDARD),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=vault.retention_days,
                # Azure takes True or nothing, and never takes True back: a vault with it outlives its stack.
                enable_purge_protection=vault.purge_protection or None,
                enabled_for_deployment=False,
                enabled_for_disk_encryption=False,
                enabled_for_template_deployment=False,
                public_network_access="Enabled",  # for the trusted services that the next line lets through
                network_acls=keyvault.NetworkRuleSetArgs(
                    default_action=keyvault.NetworkRuleAction.DENY, bypass="AzureServices"
                ),
            ),
            tags=place.tags,
            opts=keep(self, place, hooks=leftovers.hooks(name, place, leftovers.purge_vault)),
        )
        watch(f"{name}-vault", made.id, place, self)
        self.vault_id, self.name = made.id, made.name
        self.register_outputs({"vault_id": self.vault_id, "name": self.name})
