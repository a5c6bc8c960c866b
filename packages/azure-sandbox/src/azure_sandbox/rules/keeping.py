"""Where things are kept: storage accounts, vaults, registries."""

from typing import Any

from azure_sandbox.errors import AzureError
from azure_sandbox.ids import name_of
from azure_sandbox.rules.types import Body, Type, World, dig

STORAGE = "Microsoft.Storage/storageAccounts"
NAMES = "learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"


def _check_account(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    sku, kind, hns = dig(body, "sku.name"), body["kind"], bool(dig(body, "properties.isHnsEnabled"))
    # learn.microsoft.com/azure/storage/blobs/create-data-lake-storage-account
    if hns and (kind not in ("StorageV2", "BlockBlobStorage") or (kind == "StorageV2" and sku.startswith("Premium"))):
        message = f"Hierarchical namespace is not supported for account kind '{kind}' with SKU '{sku}'."
        raise AzureError(400, "HnsNotSupported", message)
    if kind == "BlobStorage" and not dig(body, "properties.accessTier"):
        raise AzureError(400, "AccessTierRequired", "The property 'accessTier' is required for kind 'BlobStorage'.")


def _fill_account(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    name, place = name_of(resource_id), body["location"].lower().replace(" ", "")
    services = ("blob", "dfs", "queue", "table", "file", "web")
    zones = {"web": "z13.web"}
    endpoints = {s: f"https://{name}.{zones.get(s, s)}.core.windows.net/" for s in services}
    return {
        "primaryEndpoints": endpoints,
        "primaryLocation": place,
        "statusOfPrimary": "available",
        "creationTime": dig(old, "properties.creationTime") or world.clock.stamp(),
        "encryption": {"keySource": "Microsoft.Storage", **(dig(body, "properties.encryption") or {})},
        "networkAcls": {
            "bypass": "AzureServices",
            "defaultAction": "Allow",
            "ipRules": [],
            "virtualNetworkRules": [],
            **(dig(body, "properties.networkAcls") or {}),
        },
    }


def _check_policy(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    account = world.find(resource_id.rsplit("/", 2)[0]) or {}
    for rule in dig(body, "properties.policy.rules") or []:
        actions = dig(rule, "definition.actions") or {}
        if not any(actions.get(k) for k in ("baseBlob", "snapshot", "version")):
            message = f"The rule '{rule.get('name')}' has no action."
            raise AzureError(400, "InvalidValuesForRequestParameters", message)
        if dig(rule, "definition.filters.blobIndexMatch") and dig(account, "properties.isHnsEnabled"):
            # learn.microsoft.com/azure/storage/blobs/lifecycle-management-policy-structure
            message = "Blob index filters are not supported for accounts with a hierarchical namespace."
            raise AzureError(400, "InvalidValuesForRequestParameters", message)


def _check_vault(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties = body["properties"]
    if properties.get("enablePurgeProtection") is False:
        # learn.microsoft.com/azure/key-vault/general/soft-delete-overview#purge-protection
        message = (
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge '
            "protection for a vault is an irreversible action."
        )
        raise AzureError(400, "BadRequest", message)
    if dig(old, "properties.enablePurgeProtection") and not properties.get("enablePurgeProtection"):
        properties["enablePurgeProtection"] = True
    if properties.get("enableSoftDelete") is False:
        message = (
            'The property "enableSoftDelete" can be set to false only for creating new vault. '
            "Enabling the 'soft delete' functionality is an irreversible action."
        )
        raise AzureError(400, "BadRequest", message)
    if properties["tenantId"] != world.directory.tenant_id:
        message = f"The tenant '{properties['tenantId']}' of the vault is not the tenant of the subscription."
        raise AzureError(400, "BadRequest", message)
    if (
        not properties.get("enableRbacAuthorization")
        and properties.get("accessPolicies") is None
        and body["properties"].get("createMode") != "recover"
    ):
        message = "The parameter accessPolicies is not specified."
        raise AzureError(400, "VaultAccessPoliciesNotSpecified", message)


def _check_registry(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    premium = dig(body, "sku.name").lower() == "premium"
    properties = body.get("properties") or {}
    # learn.microsoft.com/azure/container-registry/container-registry-skus
    wants = {
        "publicNetworkAccess": str(properties.get("publicNetworkAccess")).lower() == "disabled",
        "networkRuleSet": dig(properties, "networkRuleSet.defaultAction") == "Deny",
        "retentionPolicy": dig(properties, "policies.retentionPolicy.status") == "enabled",
        "zoneRedundancy": str(properties.get("zoneRedundancy")).lower() == "enabled",
        "exportPolicy": dig(properties, "policies.exportPolicy.status") == "disabled",
    }
    for name, wanted in wants.items():
        if wanted and not premium:
            message = (
                f"The property '{name}' can only be set as wanted for a registry with SKU Premium, not "
                f"{dig(body, 'sku.name')}."
            )
            raise AzureError(400, "SkuNotSupported", message)


TYPES = (
    Type(
        name=STORAGE,
        source=NAMES,
        names=r"[a-z0-9]{3,24}",
        bad_name=(
            "AccountNameInvalid",
            (
                "{name} is not a valid storage account name. Storage account name must be between 3 and "
                "24 characters in length and use numbers and lower-case letters only."
            ),
        ),
        tracked=True,
        required=("sku.name", "kind"),
        allowed={
            "sku.name": (
                "Standard_LRS",
                "Standard_GRS",
                "Standard_RAGRS",
                "Standard_ZRS",
                "Premium_LRS",
                "Premium_ZRS",
                "Standard_GZRS",
                "Standard_RAGZRS",
            ),
            "kind": ("Storage", "StorageV2", "BlobStorage", "FileStorage", "BlockBlobStorage"),
            "properties.minimumTlsVersion": ("TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"),
            "properties.accessTier": ("Hot", "Cool", "Cold", "Premium"),
            "properties.publicNetworkAccess": ("Enabled", "Disabled", "SecuredByPerimeter"),
            "properties.networkAcls.defaultAction": ("Allow", "Deny"),
        },
        fixed=("kind", "properties.isHnsEnabled", "properties.encryption.requireInfrastructureEncryption"),
        defaults={
            "properties.accessTier": "Hot",
            "properties.supportsHttpsTrafficOnly": True,
            "properties.minimumTlsVersion": "TLS1_0",
            "properties.allowBlobPublicAccess": False,
            "properties.isHnsEnabled": False,
        },
        unique=(409, "StorageAccountAlreadyTaken", "The storage account named {name} is already taken."),
        check=_check_account,
        fill=_fill_account,
        slow="location",
        invalid="InvalidValuesForRequestParameters",
    ),
    Type(
        name=f"{STORAGE}/blobServices",
        source="learn.microsoft.com/rest/api/storagerp/blob-services",
        names="default",
        implicit=True,
        within={
            "properties.deleteRetentionPolicy.days": (1, 365),
            "properties.containerDeleteRetentionPolicy.days": (1, 365),
        },
        invalid="InvalidValuesForRequestParameters",
    ),
    Type(
        name=f"{STORAGE}/blobServices/containers",
        source=NAMES,
        names=r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*|\$web|\$root|\$logs",
        bad_name=(
            "ContainerNameInvalid",
            (
                "The specified resource name contains invalid characters: '{name}'. A container's name "
                "has 3 to 63 lower-case letters, digits and single hyphens."
            ),
        ),
        allowed={"properties.publicAccess": ("None", "Container", "Blob")},
        defaults={"properties.publicAccess": "None"},
        fill=lambda world, i, body, old: {
            "hasImmutabilityPolicy": False,
            "hasLegalHold": False,
            "leaseState": "Available",
            "leaseStatus": "Unlocked",
            "lastModifiedTime": world.clock.stamp(),
        },
    ),
    Type(
        name=f"{STORAGE}/fileServices",
        source="learn.microsoft.com/rest/api/storagerp/file-services",
        names="default",
        implicit=True,
    ),
    Type(name=f"{STORAGE}/fileServices/shares", source=NAMES, names=r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*"),
    Type(
        name=f"{STORAGE}/managementPolicies",
        source="learn.microsoft.com/azure/storage/blobs/lifecycle-management-policy-structure",
        names="default",
        required=("properties.policy.rules",),
        allowed={"properties.policy.rules[].type": ("Lifecycle",)},
        check=_check_policy,
        fill=lambda world, i, body, old: {"lastModifiedTime": world.clock.stamp()},
        invalid="InvalidValuesForRequestParameters",
    ),
    Type(
        name="Microsoft.KeyVault/vaults",
        source=NAMES,
        names=r"(?!.*--)[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]",
        bad_name=(
            "VaultNameNotValid",
            (
                "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric "
                "characters. The name must begin with a letter, end with a letter or digit, and not "
                "contain consecutive hyphens. Follow this link for more information: "
                "https://go.microsoft.com/fwlink/?linkid=2147742"
            ),
        ),
        tracked=True,
        required=("properties.tenantId", "properties.sku.name", "properties.sku.family"),
        allowed={"properties.sku.name": ("standard", "premium"), "properties.sku.family": ("A",)},
        within={"properties.softDeleteRetentionInDays": (7, 90)},
        fixed=("properties.softDeleteRetentionInDays",),
        defaults={
            "properties.softDeleteRetentionInDays": 90,
            "properties.enableSoftDelete": True,
            "properties.enableRbacAuthorization": False,
            "properties.publicNetworkAccess": "Enabled",
        },
        unique=(
            409,
            "VaultAlreadyExists",
            (
                "The vault name '{name}' is already in use. Vault names are globaly unique so it is "
                "possible that the name is already taken. If you are sure that the vault name was not "
                "taken then it is possible that a vault with the same name was recently deleted but not "
                "purged after being placed in a recoverable state. If the vault is in a recoverable "
                "state then the vault will need to be purged before reusing the name. For more "
                "information on soft delete and purging a vault follow this link "
                "https://go.microsoft.com/fwlink/?linkid=2147740."
            ),
        ),
        check=_check_vault,
        fill=lambda world, i, body, old: {"vaultUri": f"https://{name_of(i).lower()}.vault.azure.net/"},
        slow="",
    ),
    Type(
        name="Microsoft.ContainerRegistry/registries",
        source=NAMES,
        names=r"[A-Za-z0-9]{5,50}",
        bad_name=(
            "InvalidName",
            "The registry name '{name}' is invalid. A registry name must be between 5 and 50 alphanumeric characters.",
        ),
        tracked=True,
        required=("sku.name",),
        allowed={"sku.name": ("Basic", "Standard", "Premium")},
        defaults={
            "properties.adminUserEnabled": False,
            "properties.publicNetworkAccess": "Enabled",
            "properties.networkRuleBypassOptions": "AzureServices",
            "properties.zoneRedundancy": "Disabled",
        },
        unique=(
            409,
            "AlreadyInUse",
            (
                "The registry DNS name {name}.azurecr.io is already in use. You can check if the name is "
                "already claimed using following API: "
                "https://docs.microsoft.com/en-us/rest/api/containerregistry/registries/checknameavailability"
            ),
        ),
        check=_check_registry,
        fill=lambda world, i, body, old: {
            "loginServer": f"{name_of(i).lower()}.azurecr.io",
            "creationDate": dig(old, "properties.creationDate") or world.clock.stamp(),
        },
        slow="operation",
    ),
)
