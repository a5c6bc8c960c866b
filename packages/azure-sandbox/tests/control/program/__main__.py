"""A small streaming and scoring stack, which meets most types of the sandbox. Settings bend single properties."""

from typing import Any

import pulumi
from pulumi_azure_native import (
    applicationinsights,
    authorization,
    containerregistry,
    eventhub,
    keyvault,
    managedidentity,
    monitor,
    operationalinsights,
    resources,
    storage,
    streamanalytics,
)
from pulumi_azure_native import machinelearningservices as ml

config = pulumi.Config()
unique = config.get("unique") or "ctl1"
caller = authorization.get_client_config_output()
tags = {"stage": config.get("stage") or "one"}
group = resources.ResourceGroup("group", resource_group_name=f"rg-{unique}", tags=tags)
inside: dict[str, Any] = {"resource_group_name": group.name}


def assign(
    name: str, scope: pulumi.Input[str], principal: pulumi.Input[str], role: str
) -> authorization.RoleAssignment:
    definition = pulumi.Output.format(
        "/subscriptions/{0}/providers/Microsoft.Authorization/roleDefinitions/{1}", caller.subscription_id, role
    )
    return authorization.RoleAssignment(
        name, scope=scope, principal_id=principal, principal_type="ServicePrincipal", role_definition_id=definition
    )


# Logs
logs = operationalinsights.Workspace(
    "logs", workspace_name=f"log-{unique}", sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"), **inside
)
insights = applicationinsights.Component(
    "insights",
    resource_name_=f"appi-{unique}",
    application_type="web",
    kind="web",
    workspace_resource_id=logs.id,
    retention_in_days=30,
    **inside,
)

# Lake and the workspace's account
accounts = {
    name: storage.StorageAccount(
        name,
        account_name=f"st{unique}{name}",
        kind="StorageV2",
        sku=storage.SkuArgs(name="Standard_LRS"),
        is_hns_enabled=name == "lake",
        allow_shared_key_access=False,
        minimum_tls_version="TLS1_2",
        enable_https_traffic_only=True,
        network_rule_set=storage.NetworkRuleSetArgs(default_action=storage.DefaultAction.ALLOW),
        **inside,
    )
    for name in ("lake", "work")
}
storage.BlobServiceProperties(
    "blobs",
    account_name=accounts["lake"].name,
    blob_services_name="default",
    delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=7),
    **inside,
)
features = storage.BlobContainer(
    "features",
    account_name=accounts["lake"].name,
    container_name="features",
    public_access=storage.PublicAccess.NONE,
    **inside,
)
assets = storage.BlobContainer("assets", account_name=accounts["work"].name, container_name="assets", **inside)
storage.ManagementPolicy(
    "lifecycle",
    account_name=accounts["lake"].name,
    management_policy_name="default",
    policy=storage.ManagementPolicySchemaArgs(
        rules=[
            storage.ManagementPolicyRuleArgs(
                name="old",
                type="Lifecycle",
                definition=storage.ManagementPolicyDefinitionArgs(
                    actions=storage.ManagementPolicyActionArgs(
                        base_blob=storage.ManagementPolicyBaseBlobArgs(
                            delete=storage.DateAfterModificationArgs(days_after_modification_greater_than=30)
                        )
                    ),
                    filters=storage.ManagementPolicyFilterArgs(blob_types=["blockBlob"]),
                ),
            )
        ]
    ),
    **inside,
)

# Events
namespace = eventhub.Namespace(
    "hubs",
    namespace_name=f"evhns-{unique}",
    sku=eventhub.SkuArgs(name="Standard", tier="Standard"),
    tags=tags,
    **inside,
)
eventhub.NamespaceNetworkRuleSet(
    "rules", namespace_name=namespace.name, default_action="Allow", public_network_access="Enabled", **inside
)
hub = eventhub.EventHub(
    "hub",
    event_hub_name="events",
    namespace_name=namespace.name,
    partition_count=config.get_int("partitions") or 2,
    message_retention_in_days=1,
    **inside,
)
readers = eventhub.ConsumerGroup(
    "readers", consumer_group_name="stream", event_hub_name=hub.name, namespace_name=namespace.name, **inside
)
job = streamanalytics.StreamingJob(
    "job",
    job_name=f"asa-{unique}",
    sku=streamanalytics.SkuArgs(name="Standard"),
    identity=streamanalytics.IdentityArgs(type="SystemAssigned"),
    compatibility_level="1.2",
    events_late_arrival_max_delay_in_seconds=300,
    transformation=streamanalytics.TransformationArgs(
        name="main", streaming_units=1, query="SELECT * INTO features FROM events"
    ),
    **inside,
)
job_principal = job.identity.apply(lambda identity: identity.principal_id if identity else "")
receive = assign("job-receives", hub.id, job_principal, "a638d3c7-ab3a-418d-83e6-5f17a39d4fde")
write = assign("job-writes", features.id, job_principal, "ba92f5b4-2d11-453d-a403-e96b0029c9fe")
streamanalytics.Input(
    "input",
    input_name="events",
    job_name=job.name,
    properties=streamanalytics.StreamInputPropertiesArgs(
        type="Stream",
        datasource=streamanalytics.EventHubV2StreamInputDataSourceArgs(
            type="Microsoft.EventHub/EventHub",
            authentication_mode="Msi",
            consumer_group_name=readers.name,
            event_hub_name=hub.name,
            service_bus_namespace=namespace.name,
        ),
        serialization=streamanalytics.JsonSerializationArgs(type="Json", encoding="UTF8"),
    ),
    **inside,
    opts=pulumi.ResourceOptions(depends_on=[receive]),
)
streamanalytics.Output(
    "output",
    output_name="features",
    job_name=job.name,
    datasource=streamanalytics.BlobOutputDataSourceArgs(
        type="Microsoft.Storage/Blob",
        authentication_mode="Msi",
        storage_accounts=[streamanalytics.StorageAccountArgs(account_name=accounts["lake"].name)],
        container=features.name,
        path_pattern="{date}/{time}",
        date_format="yyyy/MM/dd",
        time_format="HH",
    ),
    serialization=streamanalytics.ParquetSerializationArgs(type="Parquet"),
    size_window=1000,
    time_window="00:01:00",
    **inside,
    opts=pulumi.ResourceOptions(depends_on=[write]),
)
monitor.DiagnosticSetting(
    "hub-logs",
    name="to-logs",
    resource_uri=namespace.id,
    workspace_id=logs.id,
    logs=[monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)],
)

# Scoring
vault = keyvault.Vault(
    "vault",
    vault_name=f"kv-{unique}",
    properties=keyvault.VaultPropertiesArgs(
        tenant_id=caller.tenant_id,
        sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
        enable_rbac_authorization=True,
        soft_delete_retention_in_days=7,
    ),
    **inside,
)
registry = containerregistry.Registry(
    "registry",
    registry_name=f"cr{unique}",
    sku=containerregistry.SkuArgs(name="Basic"),
    admin_user_enabled=False,
    **inside,
)
identities = {
    name: managedidentity.UserAssignedIdentity(name, resource_name_=f"id-{unique}-{name}", **inside)
    for name in ("cluster", "space")
}
assign("cluster-pulls", registry.id, identities["cluster"].principal_id, "7f951dda-4ed3-4680-a7ca-43fe172d538d")
workspace = ml.Workspace(
    "workspace",
    workspace_name=f"mlw-{unique}",
    identity=ml.ManagedServiceIdentityArgs(type="UserAssigned", user_assigned_identities=[identities["space"].id]),
    primary_user_assigned_identity=identities["space"].id,
    storage_account=accounts["work"].id,
    key_vault=vault.id,
    application_insights=insights.id,
    container_registry=registry.id,
    system_datastores_auth_mode="Identity",
    v1_legacy_mode=False,
    **inside,
)
held: dict[str, Any] = {**inside, "workspace_name": workspace.name}
ml.Datastore(
    "store",
    name="assets",
    properties=ml.AzureBlobDatastoreArgs(
        datastore_type="AzureBlob",
        account_name=accounts["work"].name,
        container_name=assets.name,
        credentials=ml.NoneDatastoreCredentialsArgs(credentials_type="None"),
    ),
    **held,
)
cluster = ml.Compute(
    "cluster-compute",
    compute_name="cluster",
    identity=ml.ManagedServiceIdentityArgs(type="UserAssigned", user_assigned_identities=[identities["cluster"].id]),
    properties=ml.AmlComputeArgs(
        compute_type="AmlCompute",
        properties=ml.AmlComputePropertiesArgs(
            vm_size=config.get("size") or "Standard_DS3_v2",
            vm_priority="LowPriority",
            scale_settings=ml.ScaleSettingsArgs(
                min_node_count=0, max_node_count=2, node_idle_time_before_scale_down="PT120S"
            ),
        ),
    ),
    **held,
)
digest = config.get("digest") or "a1"
url = pulumi.Output.format("https://{0}.blob.core.windows.net/assets/{1}", accounts["work"].name, digest)
model = ml.ModelVersion(
    "model",
    name="sensors",
    version=digest,
    properties=ml.ModelVersionPropertiesArgs(model_type="custom_model", model_uri=url),
    **held,
)
code = ml.CodeVersion(
    "code", name="sensors", version=digest, properties=ml.CodeVersionPropertiesArgs(code_uri=url), **held
)
environment = ml.EnvironmentVersion(
    "environment",
    name="sensors",
    version="1",
    properties=ml.EnvironmentVersionPropertiesArgs(image="mcr.microsoft.com/base", conda_file="name: x\n"),
    **held,
)
endpoint = ml.BatchEndpoint(
    "endpoint",
    endpoint_name=f"be-{unique}",
    properties=ml.BatchEndpointPropertiesArgs(auth_mode="AADToken", description="sensors"),
    identity=ml.ManagedServiceIdentityArgs(type="SystemAssigned"),
    tags=tags,
    **held,
)
ml.BatchDeployment(
    "deployment",
    deployment_name=f"sensors-{digest}",
    endpoint_name=endpoint.name,
    properties=ml.BatchDeploymentPropertiesArgs(
        model=ml.IdAssetReferenceArgs(reference_type="Id", asset_id=model.id),
        code_configuration=ml.CodeConfigurationArgs(code_id=code.id, scoring_script="score.py"),
        environment_id=environment.id,
        compute=cluster.id,
        error_threshold=0,
        mini_batch_size=5,
        output_action=config.get("action") or "SummaryOnly",
        retry_settings=ml.BatchRetrySettingsArgs(max_retries=1, timeout="PT5M"),
        resources=ml.DeploymentResourceConfigurationArgs(instance_count=1),
    ),
    tags=tags,
    **held,
    opts=pulumi.ResourceOptions(delete_before_replace=False),
)

pulumi.export("group", group.name)
pulumi.export("scoringUri", endpoint.properties.scoring_uri)
pulumi.export("vaultUri", vault.properties.vault_uri)
pulumi.export("connection", insights.connection_string)
