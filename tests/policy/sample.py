"""A small stack that keeps every rule, as data: what the cases of test_rules.py change one thing of."""

from typing import Any

from tests.policy.analyzer import UNKNOWN, Declared

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
ROLES = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/"
RECEIVER, CONTRIBUTOR, OWNER, MONITOR = (
    ROLES + guid
    for guid in (
        "a638d3c7-ab3a-418d-83e6-5f17a39d4fde",
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "43d0d8ad-25c7-4714-9337-8ba259a9fe05",
    )
)
AZURE_ALONE = {"startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0"}
PRINCIPAL = "11111111-1111-1111-1111-111111111111"
COMMON = {
    "location": "westeurope",
    "tags": {
        "cost-center": "none",
        "data-classification": "internal",
        "env": "test",
        "managed-by": "pulumi",
        "owner": "platform",
        "workload": "batch-scoring",
    },
}


def azure(name: str, token: str, props: dict[str, Any], *, part: bool = False, **links: str) -> Declared:
    """A resource; `part`: of another one, so without tags and location. Links are names separated by spaces."""
    return Declared(
        name=name,
        type=f"azure-native:{token}",
        props=props if part else COMMON | props,
        links={key: tuple(names.split()) for key, names in links.items()},
    )


def account(name: str, *, hierarchical: bool) -> Declared:
    return azure(
        name,
        "storage:StorageAccount",
        {
            "accountName": f"st{name}",
            "sku": {"name": "Standard_LRS"},
            "isHnsEnabled": hierarchical,
            "minimumTlsVersion": "TLS1_2",
            "enableHttpsTrafficOnly": True,
            "allowBlobPublicAccess": False,
            "allowSharedKeyAccess": False,
            "allowCrossTenantReplication": False,
            "defaultToOAuthAuthentication": True,
            "isLocalUserEnabled": False,
            "isSftpEnabled": False,
        },
    )


def blobs(name: str, of: str) -> Declared:
    kept = {"enabled": True, "days": 7}
    props = {"accountName": UNKNOWN, "deleteRetentionPolicy": kept, "containerDeleteRetentionPolicy": kept}
    return azure(name, "storage:BlobServiceProperties", props, part=True, accountName=of)


def logged(name: str) -> Declared:
    props = {
        "resourceUri": UNKNOWN,
        "workspaceId": UNKNOWN,
        "logs": [{"categoryGroup": "allLogs", "enabled": True}],
    }
    return azure(f"{name}-logs", "monitor:DiagnosticSetting", props, part=True, resourceUri=name, workspaceId="logs")


def role(name: str, definition: str, principal: str, scope: str) -> Declared:
    props = {
        "roleAssignmentName": "5b0d2f0e-4f0e-4e8c-9d3b-0c1f2a3b4c5d",
        "roleDefinitionId": definition,
        "principalId": UNKNOWN,
        "principalType": "ServicePrincipal",
        "scope": UNKNOWN,
    }
    return azure(name, "authorization:RoleAssignment", props, part=True, principalId=principal, scope=scope)


def asset(name: str, token: str, **properties: str) -> Declared:
    props = {"name": "sensors", "version": "0123456789abcdef", "properties": properties}
    return azure(name, f"machinelearningservices:{token}", props, part=True)


def identity(name: str) -> Declared:
    return azure(name, "managedidentity:UserAssignedIdentity", {})


STACK = {
    each.name: each
    for each in (
        Declared(name="stack", type="pulumi:pulumi:Stack", props={"workspaceAccount": "staccount"}),
        azure("group", "resources:ResourceGroup", {}),
        azure(
            "logs",
            "operationalinsights:Workspace",
            {
                "retentionInDays": 30,
                "workspaceCapping": {"dailyQuotaGb": 1},
                "features": {"disableLocalAuth": True},
            },
        ),
        azure(
            "insights",
            "applicationinsights:Component",
            {"workspaceResourceId": UNKNOWN, "ingestionMode": "LogAnalytics"},
            workspaceResourceId="logs",
        ),
        azure(
            "namespace",
            "eventhub:Namespace",
            {"sku": {"name": "Standard"}, "disableLocalAuth": True, "minimumTlsVersion": "1.2"},
        ),
        azure("hub", "eventhub:EventHub", {"retentionDescription": {"retentionTimeInHours": 24}}, part=True),
        azure("features", "eventhub:ConsumerGroup", {"consumerGroupName": "features"}, part=True),
        azure("archive", "eventhub:ConsumerGroup", {"consumerGroupName": "archive"}, part=True),
        azure(
            "job",
            "streamanalytics:StreamingJob",
            {
                "identity": {"type": "SystemAssigned"},
                "compatibilityLevel": "1.2",
                "eventsLateArrivalMaxDelayInSeconds": 300,
                "eventsOutOfOrderMaxDelayInSeconds": 0,
                "eventsOutOfOrderPolicy": "Drop",
                "outputErrorPolicy": "Stop",
                "transformation": {"name": "query", "query": "SELECT 1", "streamingUnits": 1},
            },
        ),
        azure(
            "input",
            "streamanalytics:Input",
            {
                "properties": {
                    "type": "Stream",
                    "datasource": {
                        "type": "Microsoft.EventHub/EventHub",
                        "authenticationMode": "Msi",
                        "consumerGroupName": "features",
                    },
                }
            },
            part=True,
        ),
        azure(
            "output",
            "streamanalytics:Output",
            {
                "datasource": {
                    "type": "Microsoft.Storage/Blob",
                    "authenticationMode": "Msi",
                    "storageAccounts": [{"accountName": "stlake"}],
                }
            },
            part=True,
        ),
        account("lake", hierarchical=True),
        blobs("lake-blobs", "lake"),
        azure("lake-lifecycle", "storage:ManagementPolicy", {"accountName": UNKNOWN}, part=True, accountName="lake"),
        azure(
            "lake-features",
            "storage:BlobContainer",
            {"accountName": UNKNOWN, "publicAccess": "None"},
            part=True,
            accountName="lake",
        ),
        account("account", hierarchical=False),
        blobs("account-blobs", "account"),
        azure("account-lifecycle", "storage:ManagementPolicy", {"accountName": "staccount"}, part=True),
        azure(
            "vault",
            "keyvault:Vault",
            {
                "properties": {
                    "enableRbacAuthorization": True,
                    "enableSoftDelete": True,
                    "enablePurgeProtection": True,
                    "softDeleteRetentionInDays": 7,
                    "networkAcls": {"defaultAction": "Deny", "bypass": "AzureServices"},
                }
            },
        ),
        azure("registry", "containerregistry:Registry", {"sku": {"name": "Standard"}, "adminUserEnabled": False}),
        identity("workspace-identity"),
        azure(
            "workspace",
            "machinelearningservices:Workspace",
            {
                "identity": {"type": "UserAssigned", "userAssignedIdentities": UNKNOWN},
                "primaryUserAssignedIdentity": UNKNOWN,
                "storageAccount": UNKNOWN,
                "keyVault": UNKNOWN,
                "systemDatastoresAuthMode": "Identity",
            },
            primaryUserAssignedIdentity="workspace-identity",
            storageAccount="account",
            keyVault="vault",
        ),
        azure(
            "datastore",
            "machinelearningservices:Datastore",
            {"properties": {"datastoreType": "AzureBlob", "credentials": {"credentialsType": "None"}}},
            part=True,
        ),
        identity("cluster-identity"),
        azure(
            "cluster",
            "machinelearningservices:Compute",
            {
                "identity": {"type": "UserAssigned", "userAssignedIdentities": UNKNOWN},
                "properties": {
                    "computeType": "AmlCompute",
                    "disableLocalAuth": True,
                    "properties": {
                        "vmSize": "Standard_D2s_v3",
                        "vmPriority": "LowPriority",
                        "remoteLoginPortPublicAccess": "Disabled",
                        "scaleSettings": {
                            "minNodeCount": 0,
                            "maxNodeCount": 2,
                            "nodeIdleTimeBeforeScaleDown": "PT120S",
                        },
                    },
                },
            },
        ),
        asset("model", "ModelVersion", modelUri="https://example.invalid/model"),
        asset("code", "CodeVersion", codeUri="https://example.invalid/code"),
        asset("environment", "EnvironmentVersion", image="mcr.microsoft.com/azureml/ubuntu22.04:20260101.v1"),
        azure("endpoint", "machinelearningservices:BatchEndpoint", {"properties": {"authMode": "AADToken"}}),
        azure(
            "deployment",
            "machinelearningservices:BatchDeployment",
            {
                "properties": {
                    "model": {"referenceType": "Id", "assetId": UNKNOWN},
                    "codeConfiguration": {"scoringScript": "score.py", "codeId": UNKNOWN},
                    "environmentId": UNKNOWN,
                    "compute": UNKNOWN,
                    "errorThreshold": 0,
                    "retrySettings": {"timeout": "PT5M", "maxRetries": 3},
                    "maxConcurrencyPerInstance": 2,
                    "miniBatchSize": 1,
                    "resources": {"instanceCount": 1},
                }
            },
            properties="model code environment cluster",
        ),
        azure(
            "server",
            "sql:Server",
            {"minimalTlsVersion": "1.2", "administrators": {"azureADOnlyAuthentication": True, "sid": UNKNOWN}},
        ),
        azure("database", "sql:Database", {"zoneRedundant": False}),
        azure("sqlDoor", "sql:FirewallRule", AZURE_ALONE, part=True),
        azure(
            "synapse",
            "synapse:Workspace",
            {"azureADOnlyAuthentication": True, "managedVirtualNetwork": "default"},
        ),
        azure("synapseDoor", "synapse:IpFirewallRule", AZURE_ALONE, part=True),
        azure("factory", "datafactory:Factory", {"identity": {"type": "SystemAssigned,UserAssigned"}}),
        azure("service", "datafactory:LinkedService", {"properties": {"type": "AzureBlobFS", "url": "u"}}, part=True),
        logged("database"),
        logged("synapse"),
        logged("factory"),
        logged("namespace"),
        logged("job"),
        logged("lake-blobs"),
        logged("account-blobs"),
        logged("vault"),
        logged("registry"),
        logged("workspace"),
        role("job-reads-hub", RECEIVER, "job", "hub"),
        role("workspace-manages-vault", CONTRIBUTOR, "workspace-identity", "vault"),
    )
}
