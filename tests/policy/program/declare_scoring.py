"""What scores, and who may do what: identities, roles, workspace, cluster, assets, endpoint, deployment."""

import uuid
from typing import Any

import pulumi
from declare import COMMON, GROUP, SUBSCRIPTION, short, watch
from pulumi import ResourceOptions
from pulumi_azure_native import authorization, managedidentity
from pulumi_azure_native import machinelearningservices as ml

RECEIVER, CONTRIBUTOR, OWNER = (
    f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{guid}"
    for guid in (
        "a638d3c7-ab3a-418d-83e6-5f17a39d4fde",
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    )
)
Identity = managedidentity.UserAssignedIdentity
Parts = tuple[ml.ModelVersion, ml.CodeVersion, ml.EnvironmentVersion]


def identity(name: str) -> managedidentity.UserAssignedIdentity:
    return managedidentity.UserAssignedIdentity(name, resource_name_=short(name), **COMMON)


def role(name: str, definition: str, principal: pulumi.Input[str], scope: pulumi.Input[str], kind="ServicePrincipal"):
    return authorization.RoleAssignment(
        name,
        role_assignment_name=str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        role_definition_id=definition,
        principal_id=principal,
        principal_type=kind,
        scope=scope,
    )


def workspace(name: str, keeper: Identity, **changes: Any) -> ml.Workspace:
    declared: dict[str, Any] = {
        "workspace_name": short(name),
        "identity": ml.ManagedServiceIdentityArgs(type="UserAssigned", user_assigned_identities=[keeper.id]),
        "primary_user_assigned_identity": keeper.id,
        "storage_account": "/account",
        "key_vault": "/vault",
        "system_datastores_auth_mode": "Identity",
    }
    made = ml.Workspace(name, **(COMMON | declared | changes), opts=ResourceOptions(protect=True))
    watch(f"{name}-logs", made.id)
    return made


def datastore(name: str, credentials: Any) -> ml.Datastore:
    properties = ml.AzureBlobDatastoreArgs(
        datastore_type="AzureBlob", account_name="account", container_name="assets", credentials=credentials
    )
    place: dict[str, Any] = {"name": short(name), "workspace_name": "ml", "resource_group_name": GROUP}
    return ml.Datastore(name, properties=properties, skip_validation=True, **place)


def cluster(name: str, keeper: Identity, *, local_auth: bool = False, scale=(), nodes=(), **changes: Any) -> ml.Compute:
    scaled: dict[str, Any] = {
        "min_node_count": 0,
        "max_node_count": 2,
        "node_idle_time_before_scale_down": "PT2M",
        **dict(scale),
    }
    machine: dict[str, Any] = {
        "vm_size": "Standard_D2s_v3",
        "vm_priority": "LowPriority",
        "remote_login_port_public_access": "Disabled",
        "scale_settings": ml.ScaleSettingsArgs(**scaled),
        **dict(nodes),
    }
    declared: dict[str, Any] = {
        "compute_name": short(name),
        "workspace_name": "ml",
        "identity": ml.ManagedServiceIdentityArgs(type="UserAssigned", user_assigned_identities=[keeper.id]),
        "properties": ml.AmlComputeArgs(
            compute_type="AmlCompute",
            disable_local_auth=not local_auth,
            properties=ml.AmlComputePropertiesArgs(**machine),
        ),
    }
    return ml.Compute(name, **(COMMON | declared | changes))


def assets(name: str, *, version: str = "0123456789abcdef") -> Parts:
    place: dict[str, Any] = {"name": short(name), "workspace_name": "ml", "resource_group_name": GROUP}
    model = ml.ModelVersionPropertiesArgs(model_uri="https://example.invalid/model", model_type="custom_model")
    code = ml.CodeVersionPropertiesArgs(code_uri="https://example.invalid/code")
    return (
        ml.ModelVersion(name, version=version, properties=model, **place),
        ml.CodeVersion(f"{name}-code", version="0123456789abcdef", properties=code, **place),
        environment(f"{name}-environment"),
    )


def environment(name: str, image: str = "mcr.microsoft.com/azureml/ubuntu22.04:20260101.v1") -> ml.EnvironmentVersion:
    place: dict[str, Any] = {"name": short(name), "workspace_name": "ml", "resource_group_name": GROUP}
    properties = ml.EnvironmentVersionPropertiesArgs(image=image)
    return ml.EnvironmentVersion(name, version="0123456789abcdef", properties=properties, **place)


def endpoint(name: str, *, auth_mode: str = "AADToken") -> ml.BatchEndpoint:
    properties = ml.BatchEndpointPropertiesArgs(auth_mode=auth_mode)
    return ml.BatchEndpoint(name, endpoint_name=short(name), workspace_name="ml", properties=properties, **COMMON)


def deployment(
    name: str, parts: Parts, nodes: ml.Compute, *, instances: int = 1, timeout: str = "PT5M", **changes: Any
) -> ml.BatchDeployment:
    model, code, environment = parts
    declared: dict[str, Any] = {
        "model": ml.IdAssetReferenceArgs(reference_type="Id", asset_id=model.id),
        "code_configuration": ml.CodeConfigurationArgs(code_id=code.id, scoring_script="score.py"),
        "environment_id": environment.id,
        "compute": nodes.id,
        "error_threshold": 0,
        "retry_settings": ml.BatchRetrySettingsArgs(timeout=timeout, max_retries=3),
        "max_concurrency_per_instance": 2,
        "mini_batch_size": 1,
        "resources": ml.DeploymentResourceConfigurationArgs(instance_count=instances),
    }
    place: dict[str, Any] = {"deployment_name": short(name), "endpoint_name": "scoring", "workspace_name": "ml"}
    properties = ml.BatchDeploymentPropertiesArgs(**(declared | changes))
    return ml.BatchDeployment(name, properties=properties, **(COMMON | place))
