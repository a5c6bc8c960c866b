"""Cases of the services that take data in and keep it."""

from tests.policy.analyzer import UNKNOWN
from tests.policy.cases import Case, values
from tests.policy.sample import azure, logged

SOURCE = "input.properties.datasource"
WITH_KEY = [{"accountName": "stlake", "accountKey": "k"}]
KEPT = "hub.retentionDescription.retentionTimeInHours"
REPLICATED = "lake.allowCrossTenantReplication"

EVENT_HUBS = [
    *values("eventhub-no-local-auth", "namespace.disableLocalAuth", bad=(False, None, UNKNOWN, "true"), good=(True,)),
    *values("eventhub-tls", "namespace.minimumTlsVersion", bad=("1.1", None, UNKNOWN), good=("1.2",)),
    *values("eventhub-tier", "namespace.sku.name", bad=("Basic", UNKNOWN), good=("Premium",)),
    *values("eventhub-tier", "namespace.sku", bad=(None,)),
    *values("eventhub-retention", KEPT, bad=(23, None, UNKNOWN), good=(168,)),
    *values("eventhub-retention", KEPT, bad=(48,), good=(72,), hours=72),
    Case(rule="eventhub-retention", change={"hub.retentionDescription": None, "hub.messageRetentionInDays": 1}),
    Case(rule="eventhub-retention", breaks="hub", change={"hub.retentionDescription": None}),
    Case(
        rule="eventhub-no-keys",
        breaks="key",
        add=(azure("key", "eventhub:EventHubAuthorizationRule", {"rights": ["Send"]}, part=True),),
    ),
    Case(
        rule="eventhub-no-keys",
        breaks="key",
        add=(azure("key", "eventhub/v20240101:NamespaceAuthorizationRule", {"rights": ["Send"]}, part=True),),
    ),
    Case(rule="eventhub-no-keys", add=(azure("reader", "eventhub:ConsumerGroup", {}, part=True),)),
]

STREAM = [
    *values("stream-identity", "job.identity.type", bad=("UserAssigned", UNKNOWN), good=("SystemAssigned",)),
    *values("stream-identity", "job.identity", bad=(None,)),
    *values("stream-compatibility", "job.compatibilityLevel", bad=("1.0", None, UNKNOWN), good=("1.2",)),
    *values("stream-time-policy", "job.eventsLateArrivalMaxDelayInSeconds", bad=(-1, None, UNKNOWN), good=(0,)),
    *values("stream-time-policy", "job.eventsOutOfOrderMaxDelayInSeconds", bad=(None, UNKNOWN), good=(60,)),
    *values("stream-time-policy", "job.eventsOutOfOrderPolicy", bad=(None, UNKNOWN), good=("Adjust",)),
    *values("stream-time-policy", "job.outputErrorPolicy", bad=(None, UNKNOWN), good=("Drop",)),
    *values("stream-units", "job.transformation.streamingUnits", bad=(6, 0, None, UNKNOWN), good=(3,)),
    *values("stream-units", "job.transformation.streamingUnits", good=(6,), most=6),
    *values("stream-parts-apart", "job.inputs", bad=([{"name": "events"}], UNKNOWN), good=(None,)),
    *values("stream-parts-apart", "job.outputStartMode", bad=("JobStartTime",)),
    *values("stream-managed-identity", f"{SOURCE}.authenticationMode", bad=("ConnectionString", None, UNKNOWN)),
    *values("stream-managed-identity", "output.datasource.authenticationMode", bad=(None,), good=("Msi",)),
    *values("stream-datasource", f"{SOURCE}.type", bad=("Microsoft.ServiceBus/EventHub", UNKNOWN)),
    *values("stream-datasource", "output.datasource.type", bad=("Microsoft.Sql/Server/Database",)),
    *values(
        "stream-datasource",
        "output.datasource.type",
        good=("Microsoft.EventHub/EventHub",),
        outputs=["Microsoft.EventHub/EventHub"],
    ),
    *values("stream-no-keys", f"{SOURCE}.sharedAccessPolicyKey", bad=("k", UNKNOWN), good=(None,)),
    *values("stream-no-keys", "output.datasource.storageAccounts", bad=(WITH_KEY,)),
    *values("stream-no-keys", "job.jobStorageAccount", bad=({"accountKey": UNKNOWN},), good=({"accountName": "st"},)),
    *values("stream-consumer-group", f"{SOURCE}.consumerGroupName", bad=("$Default", None, UNKNOWN), good=("archive",)),
    Case(
        rule="stream-consumer-group",
        change={f"{SOURCE}.consumerGroupName": UNKNOWN},
        links={"input.properties": "features"},
    ),
    Case(
        rule="stream-consumer-group",
        breaks="second",
        add=(
            azure(
                "second",
                "streamanalytics:Input",
                {
                    "properties": {
                        "datasource": {
                            "type": "Microsoft.EventHub/EventHub",
                            "authenticationMode": "Msi",
                            "consumerGroupName": "features",
                        }
                    }
                },
                part=True,
            ),
        ),
    ),
]

STORAGE = [
    *values("storage-https", "lake.enableHttpsTrafficOnly", bad=(False, None, UNKNOWN), good=(True,)),
    *values("storage-tls", "lake.minimumTlsVersion", bad=("TLS1_0", None, UNKNOWN), good=("TLS1_3",)),
    *values("storage-no-public-blobs", "lake.allowBlobPublicAccess", bad=(True, None, UNKNOWN), good=(False,)),
    *values("storage-no-shared-keys", "lake.allowSharedKeyAccess", bad=(True, None, UNKNOWN), good=(False,)),
    *values("storage-entra-by-default", "lake.defaultToOAuthAuthentication", bad=(False, None, UNKNOWN), good=(True,)),
    *values("storage-no-cross-tenant-replication", REPLICATED, bad=(True, None, UNKNOWN), good=(False,)),
    *values("storage-no-local-users", "lake.isLocalUserEnabled", bad=(True, None, UNKNOWN), good=(False,)),
    *values("storage-no-sftp", "lake.isSftpEnabled", bad=(True, UNKNOWN), good=(False, None)),
    *values("storage-container-private", "lake-features.publicAccess", bad=("Blob", UNKNOWN), good=("None", None)),
    *values("storage-redundancy", "lake.sku.name", bad=("Premium_LRS", UNKNOWN), good=("Standard_GZRS",)),
    *values("storage-redundancy", "lake.sku.name", bad=("Standard_LRS",), skus=["Standard_GZRS"]),
    *values("storage-soft-delete", "lake-blobs.deleteRetentionPolicy.days", bad=(6, None, UNKNOWN), good=(30,)),
    *values("storage-soft-delete", "lake-blobs.containerDeleteRetentionPolicy.enabled", bad=(False,), good=(True,)),
    Case(
        rule="storage-no-key-resources",
        breaks="model-file",
        add=(azure("model-file", "storage:Blob", {"containerName": "assets"}, part=True),),
    ),
    Case(rule="storage-no-key-resources", add=(azure("more", "storage:BlobContainer", {}, part=True),)),
    Case(rule="storage-blob-service", breaks="lake", without="lake-blobs lake-blobs-logs", add=(logged("lake"),)),
    Case(
        rule="storage-blob-service",
        change={"lake-blobs.accountName": "stlake"},
        links={"lake-blobs.accountName": "", "lake-blobs-logs.resourceUri": "lake"},
    ),
    *values("storage-namespaces", "account.isHnsEnabled", bad=(True, UNKNOWN), good=(False, None)),
    *values("storage-namespaces", "lake.isHnsEnabled", bad=(False, None, UNKNOWN), good=(True,)),
    Case(
        rule="storage-namespaces",
        breaks="lake",
        change={"lake.isHnsEnabled": False, "output.datasource.storageAccounts": [{"accountName": UNKNOWN}]},
        links={"output.datasource": "lake"},
    ),
    Case(rule="storage-lifecycle", breaks="lake", without="lake-lifecycle"),
    Case(rule="storage-lifecycle", without="account-lifecycle"),
]

VAULT = [
    *values("vault-roles", "vault.properties.enableRbacAuthorization", bad=(False, None, UNKNOWN), good=(True,)),
    *values("vault-no-access-policies", "vault.properties.accessPolicies", bad=([{"objectId": "o"}], UNKNOWN)),
    *values("vault-no-access-policies", "vault.properties.accessPolicies", good=([], None)),
    *values("vault-soft-delete", "vault.properties.enableSoftDelete", bad=(False, None, UNKNOWN), good=(True,)),
    *values("vault-soft-delete-days", "vault.properties.softDeleteRetentionInDays", bad=(6, None, UNKNOWN), good=(90,)),
    *values("vault-soft-delete-days", "vault.properties.softDeleteRetentionInDays", bad=(30,), good=(90,), days=90),
    *values("vault-purge-protection", "vault.properties.enablePurgeProtection", bad=(None, UNKNOWN), good=(True,)),
    *values(
        "vault-purge-protection",
        "vault.properties.enablePurgeProtection",
        bad=(True, False, UNKNOWN),
        good=(None,),
        required=False,
    ),
    *values("vault-firewall", "vault.properties.networkAcls.defaultAction", bad=("Allow", UNKNOWN), good=("Deny",)),
    *values("vault-firewall", "vault.properties.networkAcls.bypass", bad=("None",)),
    *values("vault-no-deployment-access", "vault.properties.enabledForDeployment", bad=(True, UNKNOWN), good=(False,)),
    *values("vault-no-deployment-access", "vault.properties.enabledForTemplateDeployment", bad=(True,)),
    Case(rule="vault-no-declared-secrets", breaks="word", add=(azure("word", "keyvault:Secret", {}),)),
    Case(rule="vault-no-declared-secrets", add=(azure("group-2", "resources:ResourceGroup", {}),)),
]

REGISTRY = [
    *values("registry-no-admin", "registry.adminUserEnabled", bad=(True, None, UNKNOWN), good=(False,)),
    *values("registry-no-anonymous-pull", "registry.anonymousPullEnabled", bad=(True, UNKNOWN), good=(False, None)),
    *values("registry-no-quarantine", "registry.policies", bad=({"quarantinePolicy": {"status": "enabled"}},)),
    *values("registry-no-quarantine", "registry.policies", good=({"quarantinePolicy": {"status": "disabled"}}, None)),
    *values("registry-tier", "registry.sku.name", bad=("Basic", UNKNOWN), good=("Premium",)),
    *values("registry-tier", "registry.sku.name", bad=("Standard",), skus=["Premium"]),
]

CASES = [*EVENT_HUBS, *STREAM, *STORAGE, *VAULT, *REGISTRY]
