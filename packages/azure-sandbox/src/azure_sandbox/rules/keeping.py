"""Where things are kept: storage accounts, vaults, registries."""

from azure_sandbox.rules.types import Body, World, code, dig, refuse

STORAGE = "Microsoft.Storage/storageAccounts"
BAD_STORAGE = "InvalidValuesForRequestParameters"


@code("check", STORAGE)
def check_account(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    # learn.microsoft.com/azure/storage/blobs/create-data-lake-storage-account
    sku, kind, hns = dig(body, "sku.name"), body["kind"], bool(dig(body, "properties.isHnsEnabled"))
    unfit = kind not in ("StorageV2", "BlockBlobStorage") or (kind == "StorageV2" and sku.startswith("Premium"))
    text = f"Hierarchical namespace is not supported for account kind '{kind}' with SKU '{sku}'."
    refuse(hns and unfit, text, "HnsNotSupported")


@code("check", f"{STORAGE}/managementPolicies")
def check_policy(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    # learn.microsoft.com/azure/storage/blobs/lifecycle-management-policy-structure
    account = world.find(resource_id.rsplit("/", 2)[0]) or {}
    for rule in dig(body, "properties.policy.rules") or []:
        actions = dig(rule, "definition.actions") or {}
        acts = any(actions.get(on) for on in ("baseBlob", "snapshot", "version"))
        refuse(not acts, f"The rule '{rule.get('name')}' has no action.", BAD_STORAGE)
        index = dig(rule, "definition.filters.blobIndexMatch") and dig(account, "properties.isHnsEnabled")
        text = "Blob index filters are not supported for accounts with a hierarchical namespace."
        refuse(index, text, BAD_STORAGE)


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
