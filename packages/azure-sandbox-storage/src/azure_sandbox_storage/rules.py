"""Storage accounts: what their properties allow."""

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
