"""Where secrets and images are kept: vaults and registries."""

from azure_sandbox.rules.types import Body, World, code, dig, refuse


@code("check", "Microsoft.KeyVault/vaults")
def check_vault(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    # learn.microsoft.com/azure/key-vault/general/soft-delete-overview
    properties = body["properties"]
    text = (
        'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is an '
        "irreversible action."
    )
    refuse(properties.get("enablePurgeProtection") is False, text)
    if dig(old, "properties.enablePurgeProtection"):
        properties["enablePurgeProtection"] = True
    text = (
        "The property \"enableSoftDelete\" can be set to false only for creating new vault. Enabling the 'soft delete' "
        "functionality is an irreversible action."
    )
    refuse(properties.get("enableSoftDelete") is False, text)
    tenant = world.directory.tenant_id
    refuse(properties["tenantId"] != tenant, f"The vault's tenant must be '{tenant}', not '{properties['tenantId']}'.")
    policies = properties.get("enableRbacAuthorization") or properties.get("accessPolicies") is not None
    recover = properties.get("createMode") == "recover"
    refuse(not policies and not recover, "The parameter accessPolicies is not specified.")


@code("check", "Microsoft.ContainerRegistry/registries")
def check_registry(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    # learn.microsoft.com/azure/container-registry/container-registry-skus
    sku, properties = dig(body, "sku.name"), body.get("properties") or {}
    premium_only = {
        "publicNetworkAccess": "Disabled",
        "networkRuleSet.defaultAction": "Deny",
        "policies.retentionPolicy.status": "enabled",
        "zoneRedundancy": "Enabled",
        "policies.exportPolicy.status": "disabled",
    }
    for path, value in premium_only.items():
        wanted = str(dig(properties, path)).lower() == value.lower() and sku.lower() != "premium"
        text = f"The value '{value}' of property '{path}' needs a registry with SKU Premium, not '{sku}'."
        refuse(wanted, text, "SkuNotSupported")
