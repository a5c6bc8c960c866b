"""One resource for each rule, named after the rule that it breaks. Everything else about it is as it should be."""

from typing import Any

import declare_conduct
import pulumi
from declare import (
    COMMON,
    GROUP,
    SUBSCRIPTION,
    account,
    blob_service,
    container,
    hub,
    insights,
    job,
    logs,
    namespace,
    output,
    registry,
    stream_input,
    vault,
    watch,
)
from declare_scoring import (
    CONTRIBUTOR,
    OWNER,
    RECEIVER,
    Parts,
    assets,
    cluster,
    datastore,
    deployment,
    endpoint,
    environment,
    role,
    workspace,
)
from pulumi_azure_native import containerregistry, eventhub, keyvault, storage
from pulumi_azure_native import machinelearningservices as ml
from pulumi_azure_native import streamanalytics as asa


def declare(*, keeper: Any, nodes: Any, parts: Parts, compute: Any, safe: Any) -> None:
    event_hubs()
    stream()
    stores()
    vaults()
    registries()
    learning(keeper, nodes)
    deployments(parts, compute)
    monitoring()
    access(nodes, safe)
    declare_conduct.broken()
    stack()


def event_hubs() -> None:
    namespace("eventhub-no-local-auth", disable_local_auth=False)
    namespace("eventhub-tls", minimum_tls_version="1.1")
    namespace("eventhub-tier", tier="Basic")
    hub("eventhub-retention", hours=1)
    place: dict[str, Any] = {"resource_group_name": GROUP, "namespace_name": "hubs", "authorization_rule_name": "all"}
    eventhub.NamespaceAuthorizationRule("eventhub-no-keys", rights=["Send"], **place)


def stream() -> None:
    job("stream-identity", identity=None)
    job("stream-compatibility", compatibility_level="1.0")
    job("stream-time-policy", output_error_policy=None)
    job("stream-units", units=6)
    job("stream-parts-apart", output_start_mode="JobStartTime")
    stream_input("stream-managed-identity", authentication_mode="ConnectionString")
    stream_input("stream-no-keys", shared_access_policy_key="not-a-key")
    stream_input("stream-consumer-group", consumer_group="$Default")
    warehouse = asa.AzureSqlDatabaseOutputDataSourceArgs(
        type="Microsoft.Sql/Server/Database", authentication_mode="Msi"
    )
    output("stream-datasource", datasource=warehouse)


def stores() -> None:
    account("storage-https", enable_https_traffic_only=False)
    account("storage-tls", minimum_tls_version="TLS1_0")
    account("storage-no-public-blobs", allow_blob_public_access=True)
    account("storage-no-shared-keys", allow_shared_key_access=None)
    account("storage-entra-by-default", default_to_o_auth_authentication=None)
    account("storage-no-cross-tenant-replication", allow_cross_tenant_replication=True)
    account("storage-no-local-users", is_local_user_enabled=None)
    account("storage-no-sftp", is_sftp_enabled=True)
    account("storage-redundancy", sku=storage.SkuArgs(name="Premium_LRS"))
    account("storage-blob-service", blobs=False)
    account("storage-lifecycle", is_hns_enabled=True, lifecycle=False)
    flat = account("storage-namespaces")
    output("into-the-flat-account", flat.name)
    container("storage-container-private", public_access="Container")
    blob_service("storage-soft-delete", "lake", days=1)


def vaults() -> None:
    vault("vault-roles", enable_rbac_authorization=None)
    everything = keyvault.PermissionsArgs(secrets=["all"])
    policy: dict[str, Any] = {
        "tenant_id": "00000000-0000-4000-8000-000000000002",
        "object_id": "me",
        "permissions": everything,
    }
    vault("vault-no-access-policies", access_policies=[keyvault.AccessPolicyEntryArgs(**policy)])
    vault("vault-soft-delete", enable_soft_delete=False)
    vault("vault-soft-delete-days", soft_delete_retention_in_days=5)
    vault("vault-purge-protection", enable_purge_protection=None)
    vault("vault-firewall", network_acls=None)
    vault("vault-no-deployment-access", enabled_for_deployment=True)


def registries() -> None:
    registry("registry-no-admin", admin_user_enabled=True)
    registry("registry-no-anonymous-pull", anonymous_pull_enabled=True)
    registry("registry-tier", tier="Basic")
    quarantine = containerregistry.QuarantinePolicyArgs(status="enabled")
    registry("registry-no-quarantine", policies=containerregistry.PoliciesArgs(quarantine_policy=quarantine))


def learning(keeper: Any, nodes: Any) -> None:
    system = ml.ManagedServiceIdentityArgs(type="SystemAssigned")
    workspace("workspace-identity", keeper, identity=system)
    workspace("workspace-identity-datastores", keeper, system_datastores_auth_mode="AccessKey")
    workspace("workspace-api-v2", keeper, v1_legacy_mode=True)
    key = ml.KeyVaultPropertiesArgs(key_identifier="https://v.vault.azure.net/keys/k/1", key_vault_arm_id="/vault")
    own = ml.EncryptionPropertyArgs(status="Enabled", key_vault_properties=key)
    workspace("workspace-no-customer-key", keeper, encryption=own)
    secret = ml.AccountKeyDatastoreSecretsArgs(secrets_type="AccountKey", key="not-a-key")
    datastore(
        "datastore-no-credentials", ml.AccountKeyDatastoreCredentialsArgs(credentials_type="AccountKey", secrets=secret)
    )
    cluster("cluster-no-local-auth", nodes, local_auth=True)
    cluster("cluster-no-ssh", nodes, nodes={"remote_login_port_public_access": None})
    cluster("cluster-identity", nodes, identity=system)
    cluster("cluster-no-idle-nodes", nodes, scale={"min_node_count": 1})
    cluster("cluster-max-nodes", nodes, scale={"max_node_count": 100})
    cluster("cluster-idle-time", nodes, scale={"node_idle_time_before_scale_down": "PT1H"})
    cluster("cluster-vm-size", nodes, nodes={"vm_size": "Standard_NC24rs_v3"})
    cluster("cluster-priority", nodes, nodes={"vm_priority": None})


def deployments(parts: Parts, compute: Any) -> None:
    endpoint("endpoint-entra-only", auth_mode="Key")
    deployment("deployment-no-lost-files", parts, compute, error_threshold=-1)
    deployment("deployment-retries", parts, compute, timeout="PT12H")
    deployment("deployment-load", parts, compute, max_concurrency_per_instance=64)
    deployment("deployment-fits-cluster", parts, compute, instances=3)
    latest = ml.IdAssetReferenceArgs(reference_type="Id", asset_id="/workspaces/w/models/sensors/versions/latest")
    deployment("deployment-pinned", parts, compute, model=latest)
    assets("asset-version", version="1")
    environment("environment-image", image="mcr.microsoft.com/azureml/ubuntu22.04:latest")
    instance = ml.ComputeInstanceArgs(compute_type="ComputeInstance", disable_local_auth=True)
    ml.Compute("compute-is-cluster", compute_name="notebook", workspace_name="ml", properties=instance, **COMMON)


def monitoring() -> None:
    logs("logs-no-local-auth", local_auth=True)
    logs("logs-retention", retention_in_days=7)
    logs("logs-cap", cap=-1)
    insights("insights-workspace-based", workspace_resource_id=None)
    registry("diagnostics-everywhere", logged=False)
    watch("diagnostics-content", "/somewhere", workspace_id=None)


def access(nodes: Any, safe: Any) -> None:
    role("role-not-broad", OWNER, nodes.principal_id, safe.id)
    role("role-contributor", CONTRIBUTOR, nodes.principal_id, safe.id)
    role("role-scope", RECEIVER, nodes.principal_id, SUBSCRIPTION)
    role("role-principal-type", RECEIVER, nodes.principal_id, safe.id, "User")


def stack() -> None:
    registry("required-tags", tags={"owner": "me"})
    registry("allowed-locations", location="eastus")
    account("stateful-protected", protect=False)
    pulumi.export("adminPassword", "not-a-password")
