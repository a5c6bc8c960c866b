"""Where data comes in and lies, by resource, with the real SDK. Each function takes what is to be different."""

import hashlib
from typing import Any

import pulumi
from pulumi import ResourceOptions
from pulumi_azure_native import (
    applicationinsights,
    containerregistry,
    eventhub,
    keyvault,
    monitor,
    operationalinsights,
    storage,
)
from pulumi_azure_native import streamanalytics as asa

GROUP = "rg-policies"
SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
TENANT = "00000000-0000-4000-8000-000000000002"
LOCATION = "westeurope"
TAGS = {
    "cost-center": "none",
    "data-classification": "internal",
    "env": "test",
    "managed-by": "pulumi",
    "owner": "platform",
    "workload": "batch-scoring",
}
COMMON: dict[str, Any] = {"resource_group_name": GROUP, "location": LOCATION, "tags": TAGS}


def short(name: str) -> str:
    return "p" + hashlib.sha256(name.encode()).hexdigest()[:12]


def watch(name: str, target: pulumi.Input[str], **changes: Any) -> monitor.DiagnosticSetting:
    logs = [monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)]
    declared: dict[str, Any] = {"name": "logs", "resource_uri": target, "workspace_id": "/logs", "logs": logs}
    return monitor.DiagnosticSetting(name, **(declared | changes))


def logs(name: str, *, local_auth: bool = False, cap: float = 1, **changes: Any) -> operationalinsights.Workspace:
    declared: dict[str, Any] = {
        "workspace_name": short(name),
        "retention_in_days": 90,
        "workspace_capping": operationalinsights.WorkspaceCappingArgs(daily_quota_gb=cap),
        "features": operationalinsights.WorkspaceFeaturesArgs(disable_local_auth=not local_auth),
    }
    return operationalinsights.Workspace(name, **(COMMON | declared | changes))


def insights(name: str, **changes: Any) -> applicationinsights.Component:
    declared: dict[str, Any] = {
        "resource_name_": short(name),
        "kind": "web",
        "application_type": "web",
        "ingestion_mode": "LogAnalytics",
        "workspace_resource_id": "/logs",
    }
    return applicationinsights.Component(name, **(COMMON | declared | changes))


def namespace(name: str, *, tier: str = "Standard", **changes: Any) -> eventhub.Namespace:
    declared: dict[str, Any] = {
        "namespace_name": short(name),
        "sku": eventhub.SkuArgs(name=tier, tier=tier),
        "disable_local_auth": True,
        "minimum_tls_version": "1.2",
    }
    made = eventhub.Namespace(name, **(COMMON | declared | changes))
    watch(f"{name}-logs", made.id)
    return made


def hub(name: str, *, hours: int = 24) -> eventhub.EventHub:
    kept = eventhub.RetentionDescriptionArgs(cleanup_policy="Delete", retention_time_in_hours=hours)
    place: dict[str, Any] = {"resource_group_name": GROUP, "namespace_name": "hubs", "event_hub_name": short(name)}
    keep = ResourceOptions(protect=True)
    return eventhub.EventHub(name, partition_count=2, retention_description=kept, **place, opts=keep)


def group(name: str) -> eventhub.ConsumerGroup:
    place: dict[str, Any] = {"resource_group_name": GROUP, "namespace_name": "hubs", "event_hub_name": "hub"}
    return eventhub.ConsumerGroup(name, consumer_group_name=name, **place)


def job(name: str, *, units: int = 1, **changes: Any) -> asa.StreamingJob:
    declared: dict[str, Any] = {
        "job_name": short(name),
        "identity": asa.IdentityArgs(type="SystemAssigned"),
        "sku": asa.SkuArgs(name="Standard"),
        "compatibility_level": "1.2",
        "events_late_arrival_max_delay_in_seconds": 300,
        "events_out_of_order_max_delay_in_seconds": 0,
        "events_out_of_order_policy": "Drop",
        "output_error_policy": "Stop",
        "transformation": asa.TransformationArgs(name="query", query="SELECT 1", streaming_units=units),
    }
    made = asa.StreamingJob(name, **(COMMON | declared | changes))
    watch(f"{name}-logs", made.id)
    return made


def stream_input(name: str, *, consumer_group: pulumi.Input[str] | None = None, **changes: Any) -> asa.Input:
    source: dict[str, Any] = {
        "authentication_mode": "Msi",
        "service_bus_namespace": "hubs",
        "event_hub_name": "hub",
        "consumer_group_name": consumer_group or group(f"{name}-reader").name,
    }
    properties = asa.StreamInputPropertiesArgs(
        type="Stream",
        serialization=asa.JsonSerializationArgs(type="Json", encoding="UTF8"),
        datasource=asa.EventHubV2StreamInputDataSourceArgs(type="Microsoft.EventHub/EventHub", **(source | changes)),
    )
    return asa.Input(name, input_name=name, job_name="job", resource_group_name=GROUP, properties=properties)


def output(name: str, target: pulumi.Input[str] = "lake", datasource: Any = None, **changes: Any) -> asa.Output:
    accounts = [asa.StorageAccountArgs(account_name=target, **changes)]
    return asa.Output(
        name,
        output_name=name,
        job_name="job",
        resource_group_name=GROUP,
        serialization=asa.JsonSerializationArgs(type="Json", encoding="UTF8"),
        datasource=datasource
        or asa.BlobOutputDataSourceArgs(
            type="Microsoft.Storage/Blob", authentication_mode="Msi", container="raw", storage_accounts=accounts
        ),
    )


def account(name: str, *, blobs: bool = True, logged: bool = True, lifecycle: bool = True, **changes: Any):
    declared: dict[str, Any] = {
        "account_name": short(name),
        "kind": "StorageV2",
        "sku": storage.SkuArgs(name="Standard_LRS"),
        "minimum_tls_version": "TLS1_2",
        "enable_https_traffic_only": True,
        "allow_blob_public_access": False,
        "allow_shared_key_access": False,
        "allow_cross_tenant_replication": False,
        "default_to_o_auth_authentication": True,
        "is_local_user_enabled": False,
    }
    protect = changes.pop("protect", True)
    made = storage.StorageAccount(name, **(COMMON | declared | changes), opts=ResourceOptions(protect=protect))
    if blobs:
        blob_service(f"{name}-blobs", made.name)
    if lifecycle:
        policy = storage.ManagementPolicySchemaArgs(rules=[])
        place = {"resource_group_name": GROUP, "account_name": made.name, "management_policy_name": "default"}
        storage.ManagementPolicy(f"{name}-lifecycle", policy=policy, **place)
    if logged:
        watch(f"{name}-logs", pulumi.Output.concat(made.id, "/blobServices/default"))
    return made


def blob_service(name: str, account_name: pulumi.Input[str], days: int = 30) -> storage.BlobServiceProperties:
    kept = storage.DeleteRetentionPolicyArgs(enabled=True, days=days)
    return storage.BlobServiceProperties(
        name,
        blob_services_name="default",
        account_name=account_name,
        resource_group_name=GROUP,
        delete_retention_policy=kept,
        container_delete_retention_policy=kept,
    )


def container(name: str, **changes: Any) -> storage.BlobContainer:
    return storage.BlobContainer(name, resource_group_name=GROUP, account_name="lake", container_name=name, **changes)


def vault(name: str, **changes: Any) -> keyvault.Vault:
    declared: dict[str, Any] = {
        "tenant_id": TENANT,
        "sku": keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
        "enable_rbac_authorization": True,
        "enable_soft_delete": True,
        "enable_purge_protection": True,
        "soft_delete_retention_in_days": 7,
        "network_acls": keyvault.NetworkRuleSetArgs(default_action="Deny", bypass="AzureServices"),
    }
    properties = keyvault.VaultPropertiesArgs(**(declared | changes))
    made = keyvault.Vault(
        name, vault_name=short(name), properties=properties, **COMMON, opts=ResourceOptions(protect=True)
    )
    watch(f"{name}-logs", made.id)
    return made


def registry(name: str, *, tier: str = "Standard", logged: bool = True, **changes: Any) -> containerregistry.Registry:
    declared: dict[str, Any] = {
        "registry_name": short(name),
        "sku": containerregistry.SkuArgs(name=tier),
        "admin_user_enabled": False,
    }
    made = containerregistry.Registry(name, **(COMMON | declared | changes))
    if logged:
        watch(f"{name}-logs", made.id)
    return made
