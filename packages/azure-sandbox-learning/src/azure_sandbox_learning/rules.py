"""Azure Machine Learning: workspaces and what lives in them.

Sources: learn.microsoft.com/rest/api/azureml, learn.microsoft.com/azure/machine-learning (reference-yaml-*, how-to-*).
"""

import re
from typing import Any

from azure_sandbox.ids import kind_of, name_of, normal
from azure_sandbox.rules.types import Body, World, code, dig, refuse, same

ML = "Microsoft.MachineLearningServices/workspaces"
ENDPOINTS = f"{ML}/batchEndpoints"
DEPLOYMENTS = f"{ENDPOINTS}/deployments"
DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
CONTENT = {
    "models": ("modelUri", "modelType"),
    "codes": ("codeUri",),
    "environments": ("image", "condaFile", "build"),
    "data": ("dataUri", "dataType"),
    "components": ("componentSpec",),
}
CONTAINERS = [f"{ML}/{kind}" for kind in CONTENT]
VERSIONS = [f"{ML}/{kind}/versions" for kind in CONTENT]


def invalid(when: Any, message: str) -> None:
    refuse(when, message, "UserError")


def workspace_of(resource_id: str) -> str:
    found = re.match(r".*?/providers/microsoft\.machinelearningservices/workspaces/[^/]+", resource_id, re.IGNORECASE)
    return found[0] if found else ""


def region(world: World, resource_id: str) -> str:
    return str(dig(world.find(workspace_of(resource_id)), "location") or "").lower().replace(" ", "")


# Workspace


@code("check", ML)
def check_workspace(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties, identity = body["properties"], str(dig(body, "identity.type") or "None").lower()
    account = world.find(properties["storageAccount"])
    # AzureTRE#1920, terraform-provider-azurerm#17210
    refuse(dig(account, "properties.isHnsEnabled"), "Cannot use storage with HNS enabled.")
    premium = str(dig(account, "sku.name")).lower().startswith("premium")
    refuse(premium, "Premium storage accounts are not supported by a workspace.")
    refuse(identity == "none", "A workspace needs an identity: SystemAssigned, UserAssigned or both.")
    primary = properties.get("primaryUserAssignedIdentity")
    users = {normal(user) for user in dig(body, "identity.userAssignedIdentities") or {}}
    text = f"The primary user assigned identity '{primary}' is not one of the workspace's identities."
    refuse(primary and normal(primary) not in users, text)
    text = "A workspace with user assigned identities only needs a primaryUserAssignedIdentity."
    refuse("systemassigned" not in identity and not primary, text)


@code("follow", ML)
def default_datastores(world: World, resource_id: str, body: Body) -> list[Body]:
    """The default datastores, and the containers and shares in the workspace's account that they stand for
    (how-to-datastore)."""
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
    places = {
        "workspaceblobstore": ("blobServices/default/containers", f"azureml-blobstore-{unique}"),
        "workspaceartifactstore": ("blobServices/default/containers", "azureml"),
        "workspacefilestore": ("fileServices/default/shares", f"azureml-filestore-{unique}"),
        "workspaceworkingdirectory": ("fileServices/default/shares", f"code-{unique[:13]}"),
    }
    made: list[Body] = []
    for store, (service, name) in places.items():
        blob = service.startswith("blob")
        kind = {"datastoreType": "AzureBlob", "containerName": name} if blob else {}
        kind = kind or {"datastoreType": "AzureFile", "fileShareName": name}
        made.append({"id": f"{account}/{service}/{name}", "properties": {}})
        properties = {**common, **kind, "isDefault": store == "workspaceblobstore"}
        made.append({"id": f"{resource_id}/datastores/{store}", "properties": properties})
    return made


# Compute, datastores


@code("check", f"{ML}/computes")
def check_compute(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    kind, inner = body["properties"]["computeType"], body["properties"].get("properties") or {}
    invalid(str(kind).lower() != "amlcompute", f"This sandbox offers the compute type AmlCompute, not '{kind}'.")
    invalid(not inner.get("vmSize"), "The property 'properties.properties.vmSize' of an AmlCompute is required.")
    # A PATCH of the API version that azure-mgmt-machinelearningservices speaks has the settings one level higher.
    scale = inner["scaleSettings"] = (inner.get("scaleSettings") or {}) | (body["properties"].pop("scaleSettings", {}))
    least, most = scale.get("minNodeCount", 0), scale.get("maxNodeCount")
    text = f"The node counts must be 0 <= minNodeCount <= maxNodeCount, not {least} and {most}."
    invalid(most is None or not 0 <= least <= most, text)
    idle = scale.get("nodeIdleTimeBeforeScaleDown", "PT120S")
    text = f"The idle time before scale down '{idle}' is no ISO 8601 duration such as PT120S."
    invalid(not DURATION.fullmatch(str(idle)), text)


@code("check", f"{ML}/datastores")
def check_datastore(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    kind = body["properties"]["datastoreType"]
    needed = {"AzureBlob": ("accountName", "containerName"), "AzureDataLakeGen2": ("accountName", "filesystem")}
    for key in needed.get(kind, ()):
        text = f"The property 'properties.{key}' of a datastore of type '{kind}' is required."
        invalid(not body["properties"].get(key), text)


# Models, code, environments, data: how-to-manage-models


@code("check", *VERSIONS)
def check_version(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    """The content of a version never changes."""
    kind = kind_of(resource_id).split("/")[2]
    what = f"{name_of(resource_id.rsplit('/', 2)[0])}:{name_of(resource_id)}"
    for key in CONTENT[kind] if old else ():
        before, after = dig(old, f"properties.{key}"), body["properties"].get(key)
        text = (
            f"A {kind.removesuffix('s')} with this name and version already exists: '{what}'. Its {key} is immutable: "
            f"'{before}' cannot become '{after}'."
        )
        refuse(not same(before, after), text, "Conflict", 409)


@code("fill", *CONTAINERS)
def fill_container(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    given = body["properties"]
    return {
        "isArchived": bool(given.get("isArchived")),
        **{key: given.get(key) or {} for key in ("tags", "properties")},
        "latestVersion": given.get("latestVersion") or dig(old, "properties.latestVersion"),
        "nextVersion": given.get("nextVersion") or dig(old, "properties.nextVersion") or "1",
    }


@code("follow", *VERSIONS)
def container_of(world: World, resource_id: str, body: Body) -> list[Body]:
    """A version makes its container when there is none, and moves the container's version counter."""
    above, version = resource_id.rsplit("/", 2)[0], name_of(resource_id)
    container = world.find(above) or {"id": above, "name": name_of(above), "properties": {}}
    following = int(version) + 1 if version.isdigit() else 1
    counted = max(following, int(dig(container, "properties.nextVersion") or 1))
    container["properties"] |= {"latestVersion": version, "nextVersion": str(counted)}
    if "/data/" in above.lower():
        container["properties"].setdefault("dataType", body["properties"].get("dataType"))
    return [container]


@code("in_use", *VERSIONS)
def version_in_use(world: World, resource: Body) -> None:
    for deployment in world.store.resources(workspace_of(resource["id"]), DEPLOYMENTS):
        properties, endpoint = deployment["properties"], name_of(deployment["id"].rsplit("/", 2)[0])
        used = (
            dig(properties, "model.assetId"),
            dig(properties, "codeConfiguration.codeId"),
            properties.get("environmentId"),
        )
        text = (
            f"'{resource['id']}' is used by the deployment '{deployment['name']}' of the endpoint '{endpoint}' and "
            "cannot be deleted."
        )
        mine = any(one and asset_id(resource["id"], one) == normal(resource["id"]) for one in used)
        refuse(mine, text, "Conflict", 409)


@code("in_use", *CONTAINERS)
def container_in_use(world: World, resource: Body) -> None:
    for version in world.store.resources(resource["id"]):
        version_in_use(world, version)


def asset_id(near: str, reference: str) -> str:
    """The normalised id behind `azureml:/subscriptions/…`, `azureml:name:version` or a plain id, within a workspace."""
    text = reference.removeprefix("azureml:")
    if text.startswith("/"):
        return normal(text)
    name, _, version = text.partition(":")
    return normal(f"{workspace_of(near)}/{kind_of(near).split('/')[2]}/{name}/versions/{version}")


# Batch endpoints: reference-yaml-endpoint-batch, reference-yaml-deployment-batch, how-to-use-batch-endpoint


@code("check", ENDPOINTS)
def check_endpoint(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    mode, name, place = body["properties"]["authMode"], name_of(resource_id), region(world, resource_id)
    _check_tags(body)
    # azure-sdk-for-python#31809: the swagger knows Key, the service does not
    text = f"Batch endpoints support the authentication mode AADToken only, not '{mode}'."
    invalid(str(mode).lower() != "aadtoken", text)
    for other in world.store.resources(kind=ENDPOINTS) if old is None else ():
        taken = other["name"].lower() == name.lower() and region(world, other["id"]) == place
        refuse(taken, f"The endpoint name '{name}' is already taken in the region '{place}'.", "Conflict", 409)
    default = dig(body, "properties.defaults.deploymentName")
    missing = default and world.find(f"{resource_id}/deployments/{default}") is None
    refuse(missing, f"The default deployment '{default}' does not exist under the endpoint '{name}'.")


@code("fill", ENDPOINTS)
def fill_endpoint(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    host = f"https://{name_of(resource_id)}.{region(world, resource_id)}.inference.ml.azure.com"
    # A PUT replaces: left out, the default is gone.
    default = dig(body, "properties.defaults.deploymentName")
    return {"defaults": {"deploymentName": default}, "scoringUri": f"{host}/jobs", "swaggerUri": f"{host}/swagger.json"}


@code("check", DEPLOYMENTS)
def check_deployment(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    _check_tags(body)
    properties, workspace = body["properties"], workspace_of(resource_id)
    kind = str(dig(properties, "deploymentConfiguration.deploymentConfigurationType"))
    invalid(kind.lower() == "pipelinecomponent", "Pipeline component deployments are not offered by this sandbox.")
    code, model = (
        properties.get("codeConfiguration") or {},
        _asset(world, workspace, "models", dig(properties, "model.assetId")),
    )
    if str(dig(model, "properties.modelType")).lower() != "mlflow_model":  # which brings script and environment along
        invalid(not code.get("codeId"), "A batch deployment of a custom model needs code and a scoring script.")
        invalid(not properties.get("environmentId"), "A batch deployment of a custom model needs an environment.")
    invalid(code and not code.get("scoringScript"), "The property 'codeConfiguration.scoringScript' is required.")
    _asset(world, workspace, "codes", code.get("codeId"))
    _asset(world, workspace, "environments", properties.get("environmentId"))
    timeout = dig(properties, "retrySettings.timeout")
    text = f"The retry timeout '{timeout}' is no ISO 8601 duration such as PT5M."
    invalid(not DURATION.fullmatch(str(timeout)), text)
    for key, value in (dig(old, "properties.properties") or {}).items():
        # rest/api/azureml: "Property dictionary. Properties can be added, but not removed or altered."
        altered = (properties.get("properties") or {}).get(key) != value
        invalid(altered, f"The property '{key}' of a deployment cannot be removed or altered.")


def _check_tags(body: Body) -> None:
    # azure-sdk-for-python#41586
    for number, value in enumerate((body.get("tags") or {}).values()):
        text = (
            "The Endpoint request provided has the following validation errors. Please resolve them and try again. "
            f'Errors: [{{"PropertyName": "Tags.Values[{number}]", '
            '"ErrorMessage": "Tag values must not be null or empty."}]'
        )
        invalid(not value, text)


def _asset(world: World, workspace: str, kind: str, reference: str | None) -> Body | None:
    """The version that a deployment names; refused when it does not exist."""
    found = world.find(asset_id(f"{workspace}/{kind}/x/versions/1", reference)) if reference else None
    text = f"The {kind.removesuffix('s')} '{reference}' could not be found."
    refuse(reference and found is None, text, "ResourceNotFound", 404)
    return found


@code("in_use", DEPLOYMENTS)
def default_in_use(world: World, resource: Body) -> None:
    endpoint = world.find(resource["id"].rsplit("/", 2)[0])
    default = str(dig(endpoint, "properties.defaults.deploymentName")).lower() == resource["name"].lower()
    text = (
        f"The deployment '{resource['name']}' is the default of its endpoint and cannot be deleted: make another one "
        "the default first."
    )
    refuse(default, text, "Conflict", 409)
