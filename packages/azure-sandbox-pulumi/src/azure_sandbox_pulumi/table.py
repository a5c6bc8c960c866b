"""What the SDK does not say about a resource type: its path, and where its properties sit in the request's body.

A new type is one line in PATHS; the other tables hold the exceptions, read off the REST API's reference.
"""

import re
from functools import cache

GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
STORAGE = "Microsoft.Storage/storageAccounts/{accountName}"
HUBS = "Microsoft.EventHub/namespaces/{namespaceName}"
JOB = "Microsoft.StreamAnalytics/streamingjobs/{jobName}"
ML = "Microsoft.MachineLearningServices/workspaces/{workspaceName}"
FACTORY = "Microsoft.DataFactory/factories/{factoryName}"
SQL = "Microsoft.Sql/servers/{serverName}"
DATABASE = SQL + "/databases/{databaseName}"
SYNAPSE = "Microsoft.Synapse/workspaces/{workspaceName}"

# A path that starts with "/" is complete; any other one lies below a resource group.
PATHS = {
    "resources:ResourceGroup": GROUP,
    "authorization:RoleAssignment": "/{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
    "authorization:RoleDefinition": "/{scope}/providers/Microsoft.Authorization/roleDefinitions/{roleDefinitionId}",
    "managedidentity:UserAssignedIdentity": "Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}",
    "monitor:DiagnosticSetting": "/{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}",
    "monitor:ActionGroup": "Microsoft.Insights/actionGroups/{actionGroupName}",
    "monitor:MetricAlert": "Microsoft.Insights/metricAlerts/{ruleName}",
    "monitor:ScheduledQueryRule": "Microsoft.Insights/scheduledQueryRules/{ruleName}",
    "applicationinsights:Component": "Microsoft.Insights/components/{resourceName}",
    "operationalinsights:Workspace": "Microsoft.OperationalInsights/workspaces/{workspaceName}",
    "storage:StorageAccount": STORAGE,
    "storage:BlobServiceProperties": STORAGE + "/blobServices/{blobServicesName}",
    "storage:BlobContainer": STORAGE + "/blobServices/default/containers/{containerName}",
    "storage:ManagementPolicy": STORAGE + "/managementPolicies/{managementPolicyName}",
    "keyvault:Vault": "Microsoft.KeyVault/vaults/{vaultName}",
    "containerregistry:Registry": "Microsoft.ContainerRegistry/registries/{registryName}",
    "eventhub:Namespace": HUBS,
    "eventhub:NamespaceNetworkRuleSet": HUBS + "/networkRuleSets/default",
    "eventhub:NamespaceAuthorizationRule": HUBS + "/authorizationRules/{authorizationRuleName}",
    "eventhub:EventHub": HUBS + "/eventhubs/{eventHubName}",
    "eventhub:ConsumerGroup": HUBS + "/eventhubs/{eventHubName}/consumergroups/{consumerGroupName}",
    "streamanalytics:StreamingJob": JOB,
    "streamanalytics:Input": JOB + "/inputs/{inputName}",
    "streamanalytics:Output": JOB + "/outputs/{outputName}",
    "streamanalytics:Function": JOB + "/functions/{functionName}",
    "machinelearningservices:Workspace": ML,
    "machinelearningservices:Compute": ML + "/computes/{computeName}",
    "machinelearningservices:Datastore": ML + "/datastores/{name}",
    "machinelearningservices:ModelContainer": ML + "/models/{name}",
    "machinelearningservices:ModelVersion": ML + "/models/{name}/versions/{version}",
    "machinelearningservices:CodeContainer": ML + "/codes/{name}",
    "machinelearningservices:CodeVersion": ML + "/codes/{name}/versions/{version}",
    "machinelearningservices:EnvironmentContainer": ML + "/environments/{name}",
    "machinelearningservices:EnvironmentVersion": ML + "/environments/{name}/versions/{version}",
    "machinelearningservices:DataContainer": ML + "/data/{name}",
    "machinelearningservices:DataVersion": ML + "/data/{name}/versions/{version}",
    "machinelearningservices:BatchEndpoint": ML + "/batchEndpoints/{endpointName}",
    "machinelearningservices:BatchDeployment": ML + "/batchEndpoints/{endpointName}/deployments/{deploymentName}",
    "datafactory:Factory": FACTORY,
    "datafactory:LinkedService": FACTORY + "/linkedservices/{linkedServiceName}",
    "datafactory:Dataset": FACTORY + "/datasets/{datasetName}",
    "datafactory:Pipeline": FACTORY + "/pipelines/{pipelineName}",
    "datafactory:Trigger": FACTORY + "/triggers/{triggerName}",
    "datafactory:CredentialOperation": FACTORY + "/credentials/{credentialName}",
    "datafactory:IntegrationRuntime": FACTORY + "/integrationRuntimes/{integrationRuntimeName}",
    "datafactory:ManagedPrivateEndpoint": FACTORY
    + "/managedVirtualNetworks/{managedVirtualNetworkName}/managedPrivateEndpoints/{managedPrivateEndpointName}",
    "sql:Server": SQL,
    "sql:ServerAzureADAdministrator": SQL + "/administrators/{administratorName}",
    "sql:ServerAzureADOnlyAuthentication": SQL + "/azureADOnlyAuthentications/{authenticationName}",
    "sql:PrivateEndpointConnection": SQL + "/privateEndpointConnections/{privateEndpointConnectionName}",
    "sql:FirewallRule": SQL + "/firewallRules/{firewallRuleName}",
    "sql:ServerBlobAuditingPolicy": SQL + "/auditingSettings/{blobAuditingPolicyName}",
    "sql:ServerSecurityAlertPolicy": SQL + "/securityAlertPolicies/{securityAlertPolicyName}",
    "sql:SqlVulnerabilityAssessmentsSetting": SQL + "/sqlVulnerabilityAssessments/{vulnerabilityAssessmentName}",
    "sql:Database": DATABASE,
    "sql:DatabaseSecurityAlertPolicy": DATABASE + "/securityAlertPolicies/{securityAlertPolicyName}",
    "sql:TransparentDataEncryption": DATABASE + "/transparentDataEncryption/{tdeName}",
    "sql:BackupShortTermRetentionPolicy": DATABASE + "/backupShortTermRetentionPolicies/{policyName}",
    "synapse:Workspace": SYNAPSE,
    "synapse:IpFirewallRule": SYNAPSE + "/firewallRules/{ruleName}",
    "synapse:SqlPool": SYNAPSE + "/sqlPools/{sqlPoolName}",
    "synapse:BigDataPool": SYNAPSE + "/bigDataPools/{bigDataPoolName}",
    "synapse:WorkspaceAadAdmin": SYNAPSE + "/administrators/activeDirectory",
    "synapse:WorkspaceSqlAadAdmin": SYNAPSE + "/sqlAdministrators/activeDirectory",
}

# Properties of the envelope; everything else goes under `properties`, unless the SDK shows `properties` itself.
ENVELOPE = {
    "location",
    "tags",
    "sku",
    "identity",
    "kind",
    "zones",
    "plan",
    "extendedLocation",
    "managedBy",
    "properties",
}
OUTSIDE = {f"streamanalytics:{part}": {"name"} for part in ("Input", "Output", "Function")}
INSIDE = {"streamanalytics:StreamingJob": {"sku"}, "operationalinsights:Workspace": {"sku"}}

# Objects whose `properties` the SDK flattens too, and the keys that stay outside of them.
NESTED = {
    "streamanalytics:StreamingJob": {"transformation": {"name", "id", "type"}},
    "streamanalytics:Input": {"properties.datasource": {"type"}, "properties.serialization": {"type"}},
    "streamanalytics:Output": {"datasource": {"type"}, "serialization": {"type"}},
}

# The SDK's name → Resource Manager's name, where they differ.
RENAMED = {
    "storage:StorageAccount": {
        "enableHttpsTrafficOnly": "supportsHttpsTrafficOnly",
        "enableNfsV3": "isNfsV3Enabled",
        "networkRuleSet": "networkAcls",
    },
    "authorization:RoleDefinition": {"roleType": "type"},
    "applicationinsights:Component": {
        "applicationType": "Application_Type",
        "flowType": "Flow_Type",
        "requestSource": "Request_Source",
        "workspaceResourceId": "WorkspaceResourceId",
        "ingestionMode": "IngestionMode",
        "retentionInDays": "RetentionInDays",
        "samplingPercentage": "SamplingPercentage",
        "disableIpMasking": "DisableIpMasking",
        "disableLocalAuth": "DisableLocalAuth",
        "forceCustomerStorageForProfiler": "ForceCustomerStorageForProfiler",
        "immediatePurgeDataOn30Days": "ImmediatePurgeDataOn30Days",
        "instrumentationKey": "InstrumentationKey",
        "connectionString": "ConnectionString",
        "appId": "AppId",
        "applicationId": "ApplicationId",
        "tenantId": "TenantId",
    },
}

# Changing one of these, or anything below it, replaces the resource; so does a change of its path.
IMMUTABLE = {
    "*": {"location"},
    "authorization:RoleAssignment": {"principalId", "roleDefinitionId", "principalType"},
    "storage:StorageAccount": {"isHnsEnabled", "kind", "encryption.requireInfrastructureEncryption"},
    "eventhub:Namespace": {"zoneRedundant"},
    "eventhub:EventHub": {"partitionCount"},
    "machinelearningservices:Workspace": {"storageAccount", "keyVault", "hbiWorkspace"},
    "machinelearningservices:Compute": {
        "properties.computeType",
        "properties.properties.vmSize",
        "properties.properties.vmPriority",
        "properties.properties.subnet",
    },
    "machinelearningservices:ModelVersion": {"properties.modelUri", "properties.modelType"},
    "machinelearningservices:CodeVersion": {"properties.codeUri"},
    "machinelearningservices:EnvironmentVersion": {"properties.image", "properties.condaFile", "properties.build"},
    "machinelearningservices:DataVersion": {"properties.dataUri", "properties.dataType"},
    "machinelearningservices:BatchEndpoint": {"properties.authMode"},
    "sql:Server": {"administratorLogin", "administrators"},
    "sql:Database": {"collation", "catalogCollation", "isLedgerOn"},
    "synapse:Workspace": {"azureADOnlyAuthentication", "managedVirtualNetwork"},
}

# There as soon as their parent is: Create may find them, Delete gives them back their defaults.
SINGLETONS = {
    "storage:BlobServiceProperties",
    "eventhub:NamespaceNetworkRuleSet",
    "sql:ServerBlobAuditingPolicy",
    "sql:ServerSecurityAlertPolicy",
    "sql:SqlVulnerabilityAssessmentsSetting",
    "sql:DatabaseSecurityAlertPolicy",
    "sql:TransparentDataEncryption",
    "sql:BackupShortTermRetentionPolicy",
}


def short(token: str) -> str:
    """`azure-native:storage:StorageAccount` → `storage:StorageAccount`; also of a token that names an API version."""
    module, _, name = token.removeprefix("azure-native:").partition(":")
    return f"{module.split('/')[0]}:{name}"


@cache
def template(token: str) -> str:
    path = PATHS[short(token)]
    return path if path.startswith("/") else f"{GROUP}/providers/{path}"


@cache
def parameters(token: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\{(\w+)\}", template(token)))


def named_by(token: str) -> str | None:
    """The input that is the resource's own name; None when the path ends in a constant."""
    last = re.search(r"\{(\w+)\}$", template(token))
    return last[1] if last else None


def parse_id(token: str, resource_id: str) -> dict[str, str] | None:
    """The path parameters in an id, or None when it is no id of this type."""
    pattern = re.sub(
        r"\\\{(\w+)\\\}",
        lambda m: f"(?P<{m[1]}>{'.+' if m[1] in ('scope', 'resourceUri') else '[^/]+'})",
        re.escape(template(token)),
    )
    found = re.fullmatch(pattern, resource_id, re.IGNORECASE)
    return found.groupdict() if found else None


def immutable(token: str) -> set[str]:
    return IMMUTABLE["*"] | IMMUTABLE.get(short(token), set())
