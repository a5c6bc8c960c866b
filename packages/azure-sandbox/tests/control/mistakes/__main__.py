"""Mistakes that somebody could write; the setting `which` chooses: one that the plugin sees, or all that Azure sees."""

from typing import Any

import pulumi
from pulumi_azure_native import eventhub, keyvault, resources, storage, streamanalytics

which = pulumi.Config().require("which")
group = resources.ResourceGroup("group", resource_group_name="rg-mistakes")
inside: dict[str, Any] = {"resource_group_name": group.name}
account: dict[str, Any] = {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}, **inside}

wrong: dict[str, Any] = {
    "unknown property": {"network_rule_set": {"defaultActoin": "Deny"}},
    "wrong enum": {"access_tier": "Warm"},
    "null tag": {"tags": {"owner": None}},
}
unprotected: Any = {
    "tenantId": "11111111-1111-4111-8111-111111111111",
    "sku": {"family": "A", "name": "standard"},
    "enableRbacAuthorization": True,
    "enablePurgeProtection": False,
}
if which in wrong:
    storage.StorageAccount("it", account_name="stit", **wrong[which], **account)
else:
    storage.StorageAccount("bad-name", account_name="Storage_Account", **account)
    storage.StorageAccount("taken", account_name="sttaken", **account)
    storage.BlobContainer("orphan", account_name="stnowhere", container_name="raw", **inside)
    keyvault.Vault("unprotected", vault_name="kv-mistake", properties=unprotected, **inside)
    eventhub.Namespace(
        "inflated", namespace_name="evhns-mistake", sku={"name": "Standard"}, is_auto_inflate_enabled=True, **inside
    )
    streamanalytics.StreamingJob(
        "early", job_name="asa-early", sku={"name": "Standard"}, output_start_mode="JobStartTime", **inside
    )
