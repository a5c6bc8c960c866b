"""Cases of what scores, who may do what, and what watches over it."""

from tests.policy.analyzer import UNKNOWN
from tests.policy.cases import Case, values
from tests.policy.sample import CONTRIBUTOR, MONITOR, OWNER, PRINCIPAL, SUBSCRIPTION, azure, role

DIGEST = "mcr.microsoft.com/azureml/ubuntu22.04@sha256:" + 64 * "0"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
VERSION = "/subscriptions/s/resourceGroups/g/providers/p/workspaces/w/models/sensors/versions/"
NODES = "cluster.properties.properties"
SCALE = f"{NODES}.scaleSettings"
BATCH = "deployment.properties"
CREDENTIALS = "datastore.properties.credentials"
LOGIN = f"{NODES}.remoteLoginPortPublicAccess"

WORKSPACE = [
    *values("workspace-identity", "workspace.identity.type", bad=("SystemAssigned", None, UNKNOWN)),
    *values("workspace-identity", "workspace.primaryUserAssignedIdentity", bad=(None,), good=("/an/id", UNKNOWN)),
    *values("workspace-identity-datastores", "workspace.systemDatastoresAuthMode", bad=("AccessKey", None, UNKNOWN)),
    *values("workspace-identity-datastores", "workspace.systemDatastoresAuthMode", good=("Identity",)),
    *values("workspace-api-v2", "workspace.v1LegacyMode", bad=(True, UNKNOWN), good=(False, None)),
    *values("workspace-no-customer-key", "workspace.encryption", bad=({"status": "Enabled"},), good=(None,)),
    *values("datastore-no-credentials", CREDENTIALS, bad=({"credentialsType": "Sas"}, None)),
    *values("datastore-no-credentials", f"{CREDENTIALS}.credentialsType", bad=("AccountKey", UNKNOWN), good=("None",)),
]

CLUSTER = [
    *values("compute-is-cluster", "cluster.properties.computeType", bad=("ComputeInstance", None, UNKNOWN)),
    *values("compute-is-cluster", "cluster.properties.computeType", good=("AmlCompute",)),
    *values("cluster-no-local-auth", "cluster.properties.disableLocalAuth", bad=(False, None, UNKNOWN), good=(True,)),
    *values("cluster-no-ssh", LOGIN, bad=("Enabled", None, UNKNOWN), good=("Disabled",)),
    *values("cluster-identity", "cluster.identity.type", bad=("SystemAssigned", UNKNOWN), good=("UserAssigned",)),
    *values("cluster-identity", "cluster.identity", bad=(None,)),
    *values("cluster-no-idle-nodes", f"{SCALE}.minNodeCount", bad=(1, None, UNKNOWN, False), good=(0,)),
    *values("cluster-max-nodes", f"{SCALE}.maxNodeCount", bad=(5, None, UNKNOWN), good=(4,)),
    *values("cluster-max-nodes", f"{SCALE}.maxNodeCount", bad=(9,), good=(8,), most=8),
    *values("cluster-idle-time", f"{SCALE}.nodeIdleTimeBeforeScaleDown", bad=("PT16M", "P1D", "PT0S", "2 min", None)),
    *values("cluster-idle-time", f"{SCALE}.nodeIdleTimeBeforeScaleDown", bad=(UNKNOWN, "PT"), good=("PT15M", "PT900S")),
    *values("cluster-vm-size", f"{NODES}.vmSize", bad=("Standard_NC6s_v3", None, UNKNOWN), good=("STANDARD_D4S_V3",)),
    *values("cluster-vm-size", f"{NODES}.vmSize", good=("Standard_E8s_v5",), sizes=["Standard_E8s_v5"]),
    *values("cluster-priority", f"{NODES}.vmPriority", bad=(None, UNKNOWN), good=("Dedicated",)),
    *values("cluster-priority", f"{NODES}.vmPriority", bad=("LowPriority",), priorities=["Dedicated"]),
]

DEPLOYMENT = [
    *values("endpoint-entra-only", "endpoint.properties.authMode", bad=("Key", None, UNKNOWN), good=("AADToken",)),
    *values("deployment-no-lost-files", f"{BATCH}.errorThreshold", bad=(-1, None, UNKNOWN), good=(0,)),
    *values("deployment-retries", f"{BATCH}.retrySettings.timeout", bad=("PT2H", None, UNKNOWN), good=("PT1H",)),
    *values("deployment-retries", f"{BATCH}.retrySettings.maxRetries", bad=(6, None, UNKNOWN), good=(0,)),
    *values("deployment-load", f"{BATCH}.maxConcurrencyPerInstance", bad=(9, 0, None, UNKNOWN), good=(8,)),
    *values("deployment-load", f"{BATCH}.miniBatchSize", bad=(0, None, UNKNOWN), good=(10,)),
    *values("deployment-fits-cluster", f"{BATCH}.resources.instanceCount", bad=(3, 0, None, UNKNOWN), good=(2,)),
    Case(rule="deployment-fits-cluster", breaks="deployment", links={BATCH: "model code environment"}),
    *values("deployment-pinned", f"{BATCH}.model.assetId", bad=(f"{VERSION}latest", "azureml:sensors@latest", None)),
    *values("deployment-pinned", f"{BATCH}.model.assetId", good=(f"{VERSION}0123456789abcdef", UNKNOWN)),
    Case(rule="deployment-pinned", breaks="deployment", links={BATCH: "model environment cluster"}),
    *values("asset-version", "model.version", bad=("latest", "model7f3a9c1d", "7", None, UNKNOWN), good=(16 * "a",)),
    *values("asset-version", "environment.version", bad=(None,)),
    *values("environment-image", "environment.properties.image", bad=("ubuntu:latest", "ubuntu", None, UNKNOWN)),
    *values("environment-image", "environment.properties.image", good=(DIGEST, "localhost:5000/ubuntu:22.04")),
    *values("environment-image", "environment.properties.image", bad=("localhost:5000/ubuntu",)),
    *values("environment-image", "environment.properties.image", bad=("ubuntu:22.04",), good=(DIGEST,), digest=True),
    Case(
        rule="environment-image",
        change={"environment.properties.image": None, "environment.properties.build": {"contextUri": "https://c"}},
    ),
]

LOG = {"categoryGroup": "allLogs", "enabled": True}
MONITORING = [
    *(
        Case(rule="diagnostics-everywhere", breaks=name, without=f"{name}-logs")
        for name in ("namespace", "job", "vault", "registry", "workspace")
    ),
    Case(rule="diagnostics-everywhere", breaks="lake", without="lake-blobs-logs"),
    Case(
        rule="diagnostics-everywhere",
        breaks="lake",
        change={"lake-blobs-logs.resourceUri": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stlake"},
    ),
    Case(rule="diagnostics-everywhere"),
    *values("diagnostics-content", "vault-logs.workspaceId", bad=(None,), good=("/an/id",)),
    *values("diagnostics-content", "vault-logs.logs", bad=([], None, UNKNOWN, [LOG | {"enabled": False}])),
    *values("diagnostics-content", "vault-logs.logs", bad=([LOG | {"retentionPolicy": {"days": 7, "enabled": True}}],)),
    *values("diagnostics-content", "vault-logs.logs", good=([LOG | {"categoryGroup": "audit"}],)),
    *values("logs-no-local-auth", "logs.features.disableLocalAuth", bad=(False, None, UNKNOWN), good=(True,)),
    *values("logs-retention", "logs.retentionInDays", bad=(29, None, UNKNOWN), good=(90,)),
    *values("logs-retention", "logs.retentionInDays", bad=(30,), days=90),
    *values("logs-cap", "logs.workspaceCapping.dailyQuotaGb", bad=(-1, 2, None, UNKNOWN), good=(0.5,)),
    *values("insights-workspace-based", "insights.workspaceResourceId", bad=(None,), good=("/an/id",)),
    *values("insights-workspace-based", "insights.ingestionMode", bad=("ApplicationInsights", None, UNKNOWN)),
]

ROLE = "job-reads-hub"
MANAGES = "workspace-manages-vault"
ACCESS = [
    *values("role-not-broad", f"{ROLE}.roleDefinitionId", bad=(OWNER, OWNER.upper(), "Owner", None, UNKNOWN)),
    *values("role-not-broad", f"{ROLE}.roleDefinitionId", good=(MONITOR,)),
    Case(
        rule="role-contributor",
        breaks="job-manages-vault",
        add=(role("job-manages-vault", CONTRIBUTOR, "job", "vault"),),
    ),
    Case(rule="role-contributor", breaks=MANAGES, links={f"{MANAGES}.scope": "namespace"}),
    Case(
        rule="role-contributor",
        breaks=MANAGES,
        change={f"{MANAGES}.scope": f"{GROUP}/providers/p/t/n"},
        links={f"{MANAGES}.scope": ""},
    ),
    Case(
        rule="role-contributor",
        breaks=MANAGES,
        change={f"{MANAGES}.principalId": PRINCIPAL},
        links={f"{MANAGES}.principalId": ""},
    ),
    *(
        Case(rule="role-contributor", links={f"{MANAGES}.scope": name})
        for name in ("account", "workspace", "group vault")
    ),
    Case(rule="role-contributor", breaks=MANAGES, links={f"{MANAGES}.scope": "lake"}),
    Case(rule="role-scope", breaks=ROLE, links={f"{ROLE}.scope": "group"}),
    Case(rule="role-scope", breaks=ROLE, links={f"{ROLE}.scope": ""}),
    *(
        Case(rule="role-scope", breaks=ROLE, change={f"{ROLE}.scope": scope}, links={f"{ROLE}.scope": ""})
        for scope in (
            "/",
            SUBSCRIPTION,
            SUBSCRIPTION[1:],
            GROUP,
            "/providers/Microsoft.Management/managementGroups/all",
            None,
        )
    ),
    Case(rule="role-scope", change={f"{ROLE}.scope": f"{GROUP}/providers/p/t/n"}, links={f"{ROLE}.scope": ""}),
    Case(rule="role-scope", change={f"{ROLE}.roleDefinitionId": MONITOR}, links={f"{ROLE}.scope": "group"}),
    Case(rule="role-scope", links={f"{ROLE}.scope": "group lake-features"}),
    *values("role-principal-type", f"{ROLE}.principalType", bad=("User", "Group", None, UNKNOWN)),
    Case(
        rule="role-principal-type",
        breaks=ROLE,
        change={f"{ROLE}.principalType": "User", f"{ROLE}.principalId": PRINCIPAL},
        links={f"{ROLE}.principalId": ""},
    ),
    Case(
        rule="role-principal-type",
        change={f"{ROLE}.principalType": "User", f"{ROLE}.principalId": PRINCIPAL},
        links={f"{ROLE}.principalId": ""},
        settings={"people": ["User"]},
    ),
]

TAGS = {"cost-center": "c", "data-classification": "d", "env": "e", "managed-by": "m", "owner": "o", "workload": "w"}
STACK_WIDE = [
    *values("required-tags", "hub.tags", good=(None,)),
    *values("required-tags", "vault.tags.owner", bad=(None, ""), good=("me", UNKNOWN)),
    *values("required-tags", "vault.tags", bad=(None, UNKNOWN), good=(TAGS,)),
    *values("required-tags", "vault.tags", bad=({"owner": "me"},), tags=["owner", "tier"]),
    *values("allowed-locations", "vault.location", bad=("eastus", UNKNOWN), good=("North Europe", None)),
    *values("allowed-locations", "vault.location", good=("eastus",), locations=["eastus", "westeurope"]),
    Case(
        rule="no-opaque-resources",
        breaks="template",
        add=(azure("template", "resources:Deployment", {"resourceGroupName": "rg"}),),
    ),
    Case(
        rule="no-opaque-resources",
        add=(
            azure(
                "network",
                "resources:Resource",
                {"resourceProviderNamespace": "Microsoft.DataFactory", "resourceType": "managedVirtualNetworks"},
            ),
        ),
        settings={"allowed": ["Microsoft.DataFactory/managedVirtualNetworks"]},
    ),
    Case(rule="stateful-protected", breaks="vault", change={"vault.protect": False}, settings={"required": True}),
    Case(rule="stateful-protected", change={"vault.protect": True}, settings={"required": True}),
    Case(rule="stateful-protected", change={"vault.protect": False}),
    *(
        Case(rule="no-secret-outputs", breaks="stack", change={f"stack.{name}": "value"})
        for name in ("primaryKey", "sqlPassword", "connection_string", "eventHubSas", "clientSecret", "token")
    ),
    *values("no-secret-outputs", "stack.lakeUrl", bad=("https://l.blob.core.windows.net/?sv=1&sig=abc",)),
    *values("no-secret-outputs", "stack.keyVault", good=("kv", UNKNOWN)),
    *values("no-secret-outputs", "stack.monkey", good=("m",)),
]

CASES = [*WORKSPACE, *CLUSTER, *DEPLOYMENT, *MONITORING, *ACCESS, *STACK_WIDE]
