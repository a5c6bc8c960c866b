"""Azure Machine Learning: workspaces and what lives in them.

Sources: learn.microsoft.com/rest/api/azureml, learn.microsoft.com/azure/machine-learning (reference-yaml-*, how-to-*).
"""

import re
import uuid
from typing import Any

from azure_sandbox.errors import AzureError
from azure_sandbox.ids import kind_of, name_of, normal
from azure_sandbox.rules.types import Body, Type, World, dig, same

ML = "Microsoft.MachineLearningServices/workspaces"
DOCS = "learn.microsoft.com/azure/machine-learning"
ASSET = r"[A-Za-z0-9][-\w.]{0,254}"
DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
ASSETS = ("models", "codes", "environments", "data", "components")
CONTENT = {
    "models": ("modelUri", "modelType"),
    "codes": ("codeUri",),
    "environments": ("image", "condaFile", "build"),
    "data": ("dataUri", "dataType"),
    "components": ("componentSpec",),
}


def bad(message: str, status: int = 400, code: str = "UserError") -> AzureError:
    return AzureError(status, code, message)


def workspace_of(resource_id: str) -> str:
    found = re.match(r".*?/providers/microsoft\.machinelearningservices/workspaces/[^/]+", resource_id, re.IGNORECASE)
    return found[0] if found else ""


def region(world: World, resource_id: str) -> str:
    workspace = world.find(workspace_of(resource_id)) or {}
    return str(workspace.get("location", "")).lower().replace(" ", "")


# Workspace

DEPENDENCIES = {
    "storageAccount": "microsoft.storage/storageaccounts",
    "keyVault": "microsoft.keyvault/vaults",
    "applicationInsights": "microsoft.insights/components",
    "containerRegistry": "microsoft.containerregistry/registries",
}


def _check_workspace(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties = body["properties"]
    for key, kind in DEPENDENCIES.items():
        wanted = properties.get(key)
        if wanted and (kind_of(wanted) != kind or world.find(wanted) is None):
            message = f"Workspace dependent resource is missing or invalid: {key} '{wanted}' could not be found."
            raise bad(message, code="BadRequest")
    account = world.find(properties["storageAccount"]) or {}
    if dig(account, "properties.isHnsEnabled"):
        # AzureTRE#1920, terraform-provider-azurerm#17210
        raise bad("Cannot use storage with HNS enabled.", code="BadRequest")
    if str(dig(account, "sku.name")).lower().startswith("premium"):
        raise bad("Premium storage accounts are not supported by a workspace.", code="BadRequest")
    if not dig(body, "identity.type") or dig(body, "identity.type") == "None":
        raise bad("A workspace needs an identity: SystemAssigned, UserAssigned or both.", code="BadRequest")
    primary, users = properties.get("primaryUserAssignedIdentity"), dig(body, "identity.userAssignedIdentities") or {}
    if primary and normal(primary) not in {normal(user) for user in users}:
        message = f"The primary user assigned identity '{primary}' is not one of the workspace's identities."
        raise bad(message, code="BadRequest")
    if "systemassigned" not in str(dig(body, "identity.type")).lower() and not primary:
        message = "A workspace with user assigned identities only needs a primaryUserAssignedIdentity."
        raise bad(message, code="BadRequest")


def _fill_workspace(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    place = body["location"].lower().replace(" ", "")
    host = f"{place}.api.azureml.ms"
    return {
        "workspaceId": dig(old, "properties.workspaceId") or str(uuid.uuid4()),
        "discoveryUrl": f"https://{host}/discovery",
        "mlFlowTrackingUri": f"azureml://{host}/mlflow/v1.0{resource_id}",
        "tenantId": world.directory.tenant_id,
        "storageHnsEnabled": False,
        "friendlyName": body["properties"].get("friendlyName") or name_of(resource_id),
    }


def _datastores(world: World, resource_id: str, body: Body) -> list[Body]:
    """The default datastores, and the containers in the workspace's account that they stand for
    (how-to-datastore: workspaceblobstore, workspaceartifactstore, workspacefilestore, workspaceworkingdirectory)."""
    account, unique = body["properties"]["storageAccount"], body["properties"]["workspaceId"]
    # how-to-identity-based-service-authentication: with Identity, system datastores hold no credentials
    keyless = str(body["properties"].get("systemDatastoresAuthMode")).lower() in ("identity", "userdelegationsas")
    common = {
        "accountName": name_of(account),
        "endpoint": "core.windows.net",
        "protocol": "https",
        "credentials": {"credentialsType": "None" if keyless else "AccountKey"},
        "serviceDataAccessAuthIdentity": "None",
        "subscriptionId": account.split("/")[2],
        "resourceGroup": account.split("/")[4],
        "tags": {},
        "properties": {},
    }
    blobs = {"workspaceblobstore": f"azureml-blobstore-{unique}", "workspaceartifactstore": "azureml"}
    shares = {"workspacefilestore": f"azureml-filestore-{unique}", "workspaceworkingdirectory": f"code-{unique[:13]}"}
    made: list[Body] = []
    for store, container in blobs.items():
        made.append({"id": f"{account}/blobServices/default/containers/{container}", "properties": {}})
        kind = {"datastoreType": "AzureBlob", "containerName": container, "isDefault": store == "workspaceblobstore"}
        made.append({"id": f"{resource_id}/datastores/{store}", "properties": {**common, **kind}})
    for store, share in shares.items():
        made.append({"id": f"{account}/fileServices/default/shares/{share}", "properties": {}})
        kind = {"datastoreType": "AzureFile", "fileShareName": share, "isDefault": False}
        made.append({"id": f"{resource_id}/datastores/{store}", "properties": {**common, **kind}})
    return made


# Compute


def _check_compute(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties = body["properties"]
    if str(properties["computeType"]).lower() != "amlcompute":
        raise bad(f"This sandbox offers the compute type AmlCompute, not '{properties['computeType']}'.")
    inner = properties.get("properties") or {}
    if not inner.get("vmSize"):
        raise bad("The property 'properties.properties.vmSize' of an AmlCompute is required.")
    scale = inner.get("scaleSettings") or {}
    least, most = scale.get("minNodeCount", 0), scale.get("maxNodeCount")
    if most is None or not 0 <= least <= most:
        raise bad(f"The node counts must be 0 <= minNodeCount <= maxNodeCount, not {least} and {most}.")
    idle = scale.get("nodeIdleTimeBeforeScaleDown")
    if idle is not None and not DURATION.fullmatch(str(idle)):
        raise bad(f"The idle time before scale down '{idle}' is no ISO 8601 duration such as PT120S.")


def _fill_compute(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    inner = body["properties"]["properties"]
    nodes = dig(old, "properties.properties.currentNodeCount") or 0
    states = ("idle", "leaving", "preempted", "preparing", "running", "unusable")
    filled = {
        "osType": "Linux",
        "vmPriority": "Dedicated",
        "remoteLoginPortPublicAccess": "NotSpecified",
        "enableNodePublicIp": True,
        "allocationState": "Steady",
        "currentNodeCount": nodes,
        "targetNodeCount": dig(old, "properties.properties.targetNodeCount") or 0,
        "nodeStateCounts": {f"{state}NodeCount": 0 for state in states},
        **inner,
        "scaleSettings": {"minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT120S", **inner["scaleSettings"]},
    }
    return {
        "computeLocation": body["properties"].get("computeLocation") or body["location"],
        "createdOn": dig(old, "properties.createdOn") or world.clock.stamp(),
        "modifiedOn": world.clock.stamp(),
        "isAttachedCompute": False,
        "properties": filled,
    }


# Data


def _check_datastore(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties, kind = body["properties"], str(dig(body, "properties.datastoreType"))
    needed = {"AzureBlob": ("accountName", "containerName"), "AzureDataLakeGen2": ("accountName", "filesystem")}
    for key in needed.get(kind, ()):
        if not properties.get(key):
            raise bad(f"The property 'properties.{key}' of a datastore of type '{kind}' is required.")


def _check_version(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    """The content of a version can never change (how-to-manage-models: "versions are immutable")."""
    kind = kind_of(resource_id).split("/")[2]
    for key in CONTENT[kind] if old else ():
        before, after = dig(old, f"properties.{key}"), body["properties"].get(key)
        if not same(before, after):
            what = f"{name_of(resource_id.rsplit('/', 2)[0])}:{name_of(resource_id)}"
            message = (
                f"A {kind.removesuffix('s')} with this name and version already exists: '{what}'. Its "
                f"{key} is immutable: '{before}' cannot become '{after}'."
            )
            raise bad(message, 409, "Conflict")


def _fill_version(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    properties = body["properties"]
    filled: dict[str, Any] = {key: properties.get(key) or {} for key in ("tags", "properties")}
    filled["isArchived"] = bool(properties.get("isArchived"))
    filled["isAnonymous"] = bool(properties.get("isAnonymous"))
    if "/models/" in resource_id.lower():
        filled["flavors"] = properties.get("flavors") or {}
    if "/environments/" in resource_id.lower():
        filled |= {"environmentType": "UserCreated", "osType": properties.get("osType") or "Linux"}
    return filled


def _container(world: World, resource_id: str, body: Body) -> list[Body]:
    """A version makes its container when there is none, and moves the container's version counter."""
    above, version = resource_id.rsplit("/", 2)[0], name_of(resource_id)
    container = world.find(above) or {"id": above, "properties": {"isArchived": False}}
    following = int(version) + 1 if version.isdigit() else 1
    counted = max(following, int(dig(container, "properties.nextVersion") or 1))
    container["properties"] |= {"latestVersion": version, "nextVersion": str(counted)}
    if "/data/" in above.lower():
        container["properties"].setdefault("dataType", body["properties"].get("dataType"))
    return [container]


def _version_in_use(world: World, resource: Body) -> None:
    for deployment in world.store.resources(workspace_of(resource["id"]), f"{ML}/batchEndpoints/deployments"):
        properties = deployment["properties"]
        used = (
            dig(properties, "model.assetId"),
            dig(properties, "codeConfiguration.codeId"),
            properties.get("environmentId"),
        )
        if any(reference and asset_id(resource["id"], reference) == normal(resource["id"]) for reference in used):
            message = (
                f"'{resource['id']}' is used by the deployment '{deployment['name']}' of the endpoint "
                f"'{name_of(deployment['id'].rsplit('/', 2)[0])}' and cannot be deleted."
            )
            raise bad(message, 409, "Conflict")


def _container_in_use(world: World, resource: Body) -> None:
    for version in world.store.resources(resource["id"]):
        _version_in_use(world, version)


def asset_id(near: str, reference: str) -> str:
    """The normalised id behind `azureml:/subscriptions/…`, `azureml:name:version` or a plain id, within a workspace."""
    text = reference.removeprefix("azureml:")
    if text.startswith("/"):
        return normal(text)
    name, _, version = text.partition(":")
    kind = kind_of(near).split("/")[2]
    return normal(f"{workspace_of(near)}/{kind}/{name}/versions/{version}")


# Batch endpoints: reference-yaml-endpoint-batch, reference-yaml-deployment-batch, how-to-use-batch-endpoint


def _check_endpoint(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    if str(body["properties"]["authMode"]).lower() != "aadtoken":
        # azure-sdk-for-python#31809: the swagger knows Key, the service does not
        raise bad(
            f"Batch endpoints support the authentication mode AADToken only, not '{body['properties']['authMode']}'."
        )
    place = region(world, resource_id)
    for other in world.store.resources(kind=f"{ML}/batchEndpoints") if old is None else ():
        if other["name"].lower() == name_of(resource_id).lower() and region(world, other["id"]) == place:
            message = f"The endpoint name '{name_of(resource_id)}' is already taken in the region '{place}'."
            raise bad(message, 409, "Conflict")
    default = dig(body, "properties.defaults.deploymentName")
    if default and world.find(f"{resource_id}/deployments/{default}") is None:
        message = f"The default deployment '{default}' does not exist under the endpoint '{name_of(resource_id)}'."
        raise bad(message, 400, "BadRequest")


def _fill_endpoint(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    host = f"https://{name_of(resource_id)}.{region(world, resource_id)}.inference.ml.azure.com"
    # A PUT replaces: left out, the default is gone.
    default = dig(body, "properties.defaults.deploymentName")
    return {"defaults": {"deploymentName": default}, "scoringUri": f"{host}/jobs", "swaggerUri": f"{host}/swagger.json"}


def _check_deployment(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties, workspace = body["properties"], workspace_of(resource_id)
    if str(dig(properties, "deploymentConfiguration.deploymentConfigurationType")).lower() == "pipelinecomponent":
        raise bad("Pipeline component deployments are not offered by this sandbox.")
    model, code = properties.get("model") or {}, properties.get("codeConfiguration") or {}
    if not model:
        raise bad("The property 'model' of a batch deployment is required.")
    wanted = {
        "models": model.get("assetId"),
        "codes": code.get("codeId"),
        "environments": properties.get("environmentId"),
    }
    for kind, reference in wanted.items():
        found = world.find(asset_id(f"{workspace}/{kind}/x/versions/1", reference)) if reference else None
        if reference and found is None:
            raise bad(f"The {kind.removesuffix('s')} '{reference}' could not be found.", 404, "ResourceNotFound")
        if kind == "models" and str(dig(found, "properties.modelType")).lower() == "mlflow_model":
            break  # an MLflow model brings script and environment along
        if kind != "models" and not reference:
            raise bad(f"A batch deployment of a custom model needs {kind.removesuffix('s')} and scoring script.")
    if code and not code.get("scoringScript"):
        raise bad("The property 'codeConfiguration.scoringScript' of a batch deployment is required.")
    compute = properties.get("compute")
    if not compute or kind_of(str(compute)) != f"{ML}/computes".lower() or world.find(compute) is None:
        raise bad(f"The compute '{compute}' could not be found.", 404 if compute else 400, "ResourceNotFound")
    timeout = dig(properties, "retrySettings.timeout")
    if timeout is not None and not DURATION.fullmatch(str(timeout)):
        raise bad(f"The retry timeout '{timeout}' is no ISO 8601 duration such as PT5M.")
    for key, value in (dig(old, "properties.properties") or {}).items():
        if (properties.get("properties") or {}).get(key) != value:
            # rest/api/azureml: "Property dictionary. Properties can be added, but not removed or altered."
            raise bad(f"The property '{key}' of a deployment cannot be removed or altered.")


def _fill_deployment(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    retry = {"maxRetries": 3, "timeout": "PT30S", **(dig(body, "properties.retrySettings") or {})}
    resources = {"instanceCount": 1, **(dig(body, "properties.resources") or {})}
    return {"retrySettings": retry, "resources": resources}


def _default_in_use(world: World, resource: Body) -> None:
    endpoint = world.find(resource["id"].rsplit("/", 2)[0]) or {}
    if str(dig(endpoint, "properties.defaults.deploymentName")).lower() == resource["name"].lower():
        message = (
            f"The deployment '{resource['name']}' is the default of the endpoint '{endpoint['name']}' "
            "and cannot be deleted: make another one the default first."
        )
        raise bad(message, 409, "Conflict")


def _assets() -> tuple[Type, ...]:
    found: list[Type] = []
    required = {"models": "modelUri", "codes": "codeUri", "data": "dataUri", "components": "componentSpec"}
    for kind in ASSETS:
        found.append(
            Type(
                name=f"{ML}/{kind}",
                source=f"{DOCS}/concept-model-management-and-deployment",
                names=ASSET,
                fill=lambda world, i, body, old: {
                    "isArchived": bool(dig(body, "properties.isArchived")),
                    "tags": dig(body, "properties.tags") or {},
                    "properties": dig(body, "properties.properties") or {},
                    "latestVersion": dig(old, "properties.latestVersion"),
                    "nextVersion": dig(old, "properties.nextVersion") or "1",
                },
                in_use=_container_in_use,
            )
        )
        found.append(
            Type(
                name=f"{ML}/{kind}/versions",
                source=f"{DOCS}/how-to-manage-models",
                names=r"[A-Za-z0-9][-\w.]{0,254}",
                required=(f"properties.{required[kind]}",) if kind in required else (),
                check=_check_version,
                fill=_fill_version,
                follow=_container,
                brings=True,
                in_use=_version_in_use,
                invalid="UserError",
            )
        )
    return tuple(found)


TYPES = (
    Type(
        name=ML,
        source=f"{DOCS}/how-to-manage-workspace-cli",
        names=r"[A-Za-z0-9][\w-]{2,32}",
        bad_name=(
            "BadRequest",
            (
                "Workspace name '{name}' is invalid: 3 to 33 letters, digits, '-' and '_', starting with "
                "a letter or digit."
            ),
        ),
        tracked=True,
        required=("properties.storageAccount", "properties.keyVault"),
        allowed={
            "properties.publicNetworkAccess": ("Enabled", "Disabled"),
            "properties.systemDatastoresAuthMode": ("AccessKey", "Identity", "UserDelegationSAS"),
        },
        fixed=("properties.storageAccount", "properties.keyVault", "properties.hbiWorkspace"),
        defaults={
            "kind": "Default",
            "properties.publicNetworkAccess": "Enabled",
            "properties.systemDatastoresAuthMode": "AccessKey",
            "properties.v1LegacyMode": False,
            "properties.hbiWorkspace": False,
            "properties.description": "",
        },
        check=_check_workspace,
        fill=_fill_workspace,
        follow=_datastores,
        slow="operation",
    ),
    Type(
        name=f"{ML}/computes",
        source=f"{DOCS}/how-to-create-attach-compute-cluster",
        names=r"[A-Za-z](?![A-Za-z0-9-]*-\d+$)[A-Za-z0-9-]{2,23}",
        bad_name=(
            "InvalidComputeName",
            (
                "Compute name '{name}' is invalid: 3 to 24 letters, digits and hyphens, starting with a "
                "letter, not ending in a hyphen and digits."
            ),
        ),
        tracked=True,
        required=("properties.computeType",),
        allowed={
            "properties.properties.vmPriority": ("Dedicated", "LowPriority"),
            "properties.properties.remoteLoginPortPublicAccess": ("Enabled", "Disabled", "NotSpecified"),
        },
        fixed=(
            "properties.computeType",
            "properties.properties.vmSize",
            "properties.properties.vmPriority",
            "properties.properties.subnet",
        ),
        check=_check_compute,
        fill=_fill_compute,
        slow="operation",
        invalid="UserError",
    ),
    Type(
        name=f"{ML}/datastores",
        source=f"{DOCS}/how-to-datastore",
        names=r"[A-Za-z0-9][\w]{0,254}",
        bad_name=("UserError", "Datastore name '{name}' is invalid: letters, digits and underscores only."),
        required=("properties.datastoreType", "properties.credentials.credentialsType"),
        allowed={
            "properties.datastoreType": ("AzureBlob", "AzureDataLakeGen1", "AzureDataLakeGen2", "AzureFile", "OneLake"),
            "properties.serviceDataAccessAuthIdentity": (
                "None",
                "WorkspaceSystemAssignedIdentity",
                "WorkspaceUserAssignedIdentity",
            ),
        },
        defaults={
            "properties.serviceDataAccessAuthIdentity": "None",
            "properties.endpoint": "core.windows.net",
            "properties.protocol": "https",
            "properties.isDefault": False,
        },
        check=_check_datastore,
        invalid="UserError",
    ),
    Type(
        name=f"{ML}/batchEndpoints",
        source=f"{DOCS}/reference-yaml-endpoint-batch",
        names=r"(?=.{3,32}$)[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?",
        bad_name=(
            "BadArgument",
            (
                "Endpoint name '{name}' is invalid: 3 to 32 letters, digits and '-', starting with a "
                "letter, ending with a letter or digit."
            ),
        ),
        tracked=True,
        required=("properties.authMode",),
        fixed=("properties.authMode",),
        check=_check_endpoint,
        fill=_fill_endpoint,
        slow="operation",
        invalid="UserError",
    ),
    Type(
        name=f"{ML}/batchEndpoints/deployments",
        source=f"{DOCS}/reference-yaml-deployment-batch",
        names=r"(?=.{3,32}$)[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?",
        bad_name=(
            "BadArgument",
            (
                "Deployment name '{name}' is invalid: 3 to 32 letters, digits and '-', starting with a "
                "letter, ending with a letter or digit."
            ),
        ),
        tracked=True,
        allowed={
            "properties.outputAction": ("AppendRow", "SummaryOnly"),
            "properties.loggingLevel": ("Info", "Warning", "Debug"),
            "properties.model.referenceType": ("Id",),
        },
        within={
            "properties.miniBatchSize": (1, 2**31 - 1),
            "properties.errorThreshold": (-1, 2**31 - 1),
            "properties.maxConcurrencyPerInstance": (1, 2**31 - 1),
            "properties.resources.instanceCount": (1, 2**31 - 1),
            "properties.retrySettings.maxRetries": (0, 2**31 - 1),
        },
        defaults={
            "properties.errorThreshold": -1,
            "properties.loggingLevel": "Info",
            "properties.maxConcurrencyPerInstance": 1,
            "properties.miniBatchSize": 10,
            "properties.outputAction": "AppendRow",
            "properties.outputFileName": "predictions.csv",
        },
        check=_check_deployment,
        fill=_fill_deployment,
        in_use=_default_in_use,
        slow="operation",
        invalid="UserError",
    ),
    *_assets(),
)
