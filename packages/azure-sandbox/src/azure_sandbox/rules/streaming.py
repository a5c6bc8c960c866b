"""How events come in: Event Hubs and Stream Analytics."""

import uuid
from typing import Any

from azure_sandbox.errors import AzureError
from azure_sandbox.ids import name_of
from azure_sandbox.rules.types import Body, Check, Type, World, dig

HUBS = "Microsoft.EventHub/namespaces"
JOB = "Microsoft.StreamAnalytics/streamingjobs"
NAMES = "learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"
QUOTAS = "learn.microsoft.com/azure/event-hubs/event-hubs-quotas"
ENTITY = r"[A-Za-z0-9]([-\w.]{0,254}[A-Za-z0-9])?"
HUB_LIMITS = {"basic": (32, 1), "standard": (32, 7), "premium": (100, 90)}  # partitions, days of retention
RUNNING = ("Starting", "Running", "Stopping", "Degraded", "Restarting", "Scaling")


def _check_namespace(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    properties, sku = body.get("properties") or {}, dig(body, "sku.name").lower()
    if properties.get("isAutoInflateEnabled"):
        # learn.microsoft.com/azure/event-hubs/event-hubs-auto-inflate
        if sku != "standard":
            raise AzureError(400, "BadRequest", f"Auto-inflate is only available in the Standard tier, not in '{sku}'.")
        most = properties.get("maximumThroughputUnits") or 0
        if not 1 <= most <= 40:
            message = f"MaximumThroughputUnits must be between 1 and 40 when auto-inflate is enabled, not {most}."
            raise AzureError(400, "BadRequest", message)
    if not 1 <= (dig(body, "sku.capacity") or 1) <= (40 if sku != "premium" else 16):
        raise AzureError(400, "BadRequest", f"The capacity {dig(body, 'sku.capacity')} is not valid for SKU '{sku}'.")


def _fill_namespace(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    return {
        "serviceBusEndpoint": f"https://{name_of(resource_id)}.servicebus.windows.net:443/",
        "metricId": f"{world.directory.subscription_id}:{name_of(resource_id).lower()}",
        "status": "Active",
        "createdAt": dig(old, "properties.createdAt") or world.clock.stamp(),
        "updatedAt": world.clock.stamp(),
    }


def _check_hub(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    space = world.find(resource_id.rsplit("/", 2)[0]) or {}
    sku = str(dig(space, "sku.name")).lower()
    partitions, days = HUB_LIMITS.get(sku, HUB_LIMITS["standard"])
    properties = body.setdefault("properties", {})
    if not 1 <= properties.get("partitionCount", 4) <= partitions:
        message = (
            f"The partition count must be between 1 and {partitions} for a hub in tier '{sku}', not "
            f"{properties['partitionCount']}."
        )
        raise AzureError(400, "BadRequest", message)
    hours = dig(properties, "retentionDescription.retentionTimeInHours")
    retention = properties.get("messageRetentionInDays")
    if hours is not None and retention is not None and hours != retention * 24:
        message = "MessageRetentionInDays and RetentionDescription.RetentionTimeInHours contradict each other: set one."
        raise AzureError(400, "BadRequest", message)
    retention = retention if retention is not None else (hours or 24) / 24
    if not 0 < retention <= days:
        raise AzureError(
            400, "BadRequest", f"The retention must be at most {days} days in tier '{sku}', not {retention:g}."
        )
    before = dig(old, "properties.partitionCount")
    if before and sku != "premium" and properties.get("partitionCount", before) != before:
        # learn.microsoft.com/azure/event-hubs/dynamically-add-partitions: premium and dedicated only
        message = (
            f"Partition count of an Event Hub cannot be changed in tier '{sku}': from {before} to "
            f"{properties['partitionCount']}."
        )
        raise AzureError(400, "BadRequest", message)
    if sku == "basic" and dig(properties, "captureDescription.enabled"):
        raise AzureError(400, "BadRequest", "Capture is not available in the Basic tier.")


def _fill_hub(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    properties = body["properties"]
    hours = dig(properties, "retentionDescription.retentionTimeInHours")
    days = properties.get("messageRetentionInDays") or -(-(hours or 24) // 24)
    count = properties.get("partitionCount") or dig(old, "properties.partitionCount") or 4
    described = {"cleanupPolicy": "Delete", **(properties.get("retentionDescription") or {})}
    return {
        "partitionCount": count,
        "partitionIds": [str(n) for n in range(count)],
        "messageRetentionInDays": days,
        "retentionDescription": {**described, "retentionTimeInHours": hours or days * 24},
        "status": properties.get("status") or "Active",
        "createdAt": dig(old, "properties.createdAt") or world.clock.stamp(),
        "updatedAt": world.clock.stamp(),
    }


def _check_group(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    space = world.find(resource_id.rsplit("/", 4)[0]) or {}
    if str(dig(space, "sku.name")).lower() == "basic" and name_of(resource_id).lower() != "$default":
        raise AzureError(400, "BadRequest", "Consumer groups cannot be created in the Basic tier.")
    groups = world.store.resources(resource_id.rsplit("/", 2)[0], f"{HUBS}/eventhubs/consumergroups")
    if old is None and len(groups) >= 20 and str(dig(space, "sku.name")).lower() == "standard":
        raise AzureError(400, "BadRequest", "The maximum number of 20 consumer groups per Event Hub is reached.")


def _default_group(world: World, resource_id: str, body: Body) -> list[Body]:
    return [{"id": f"{resource_id}/consumergroups/$Default", "properties": {}}]


def _keep_default_group(world: World, resource: Body) -> None:
    if resource["name"].lower() == "$default":
        raise AzureError(400, "BadRequest", "The default consumer group cannot be deleted.")


# Stream Analytics: learn.microsoft.com/azure/stream-analytics/, /rest/api/streamanalytics/


def refuse_while_running(world: World, resource_id: str) -> None:
    """A job that runs cannot be changed, nor what it is made of (how-to: "stop the job to edit it")."""
    job = world.find(resource_id) or {}
    state = dig(job, "properties.jobState")
    if state in RUNNING:
        message = f"The streaming job '{job['name']}' is in the state '{state}' and cannot be changed: stop it first."
        raise AzureError(409, "Conflict", message)


def _check_job(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    refuse_while_running(world, resource_id)
    properties = body.setdefault("properties", {})
    transformation = properties.get("transformation")
    if transformation is not None and not transformation.get("name"):
        raise AzureError(422, "UnprocessableEntity", "The property 'name' of the transformation is required.")
    if properties.get("outputStartMode") and not _children(world, resource_id, "inputs"):
        # pulumi-azure-native#688, terraform-provider-azurerm#15926
        message = "The job should have at least one input defined before an output start mode can be set."
        raise AzureError(422, "UnprocessableEntity", message)
    if str(properties.get("contentStoragePolicy")).lower() == "jobstorageaccount" and not properties.get(
        "jobStorageAccount"
    ):
        raise AzureError(
            422, "UnprocessableEntity", "The content storage policy JobStorageAccount needs a jobStorageAccount."
        )
    for inline in ("inputs", "outputs", "functions"):
        if properties.get(inline):
            message = f"Inline '{inline}' are not offered by this sandbox: declare each as a resource of its own."
            raise AzureError(422, "UnprocessableEntity", message)


def _fill_job(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    properties = body["properties"]
    filled: dict[str, Any] = {
        "jobId": dig(old, "properties.jobId") or str(uuid.uuid4()),
        "createdDate": dig(old, "properties.createdDate") or world.clock.stamp(),
        "jobState": dig(old, "properties.jobState") or "Created",
    }
    if properties.get("transformation") or dig(old, "properties.transformation"):
        given = properties.get("transformation") or dig(old, "properties.transformation")
        spread = {"streamingUnits": 3, **(given.get("properties") or {})}
        filled["transformation"] = {
            "id": f"{resource_id}/transformations/{given['name']}",
            "name": given["name"],
            "type": f"{JOB}/transformations",
            "properties": spread,
        }
    return filled


def _part_of_a_stopped_job(check: Check) -> Check:
    def wrapped(world: World, resource_id: str, body: Body, old: Body | None) -> None:
        refuse_while_running(world, resource_id.rsplit("/", 2)[0])
        check(world, resource_id, body, old)

    return wrapped


def _check_input(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    source = dig(body, "properties.datasource")
    if str(source["type"]).lower() in ("microsoft.eventhub/eventhub", "microsoft.servicebus/eventhub"):
        properties = source.get("properties") or {}
        for key in ("eventHubName", "serviceBusNamespace"):
            if not properties.get(key):
                raise AzureError(422, "UnprocessableEntity", f"The property 'datasource.properties.{key}' is required.")
        if properties.get("authenticationMode") != "Msi" and not properties.get("sharedAccessPolicyKey"):
            message = "An Event Hub input needs authenticationMode 'Msi' or a shared access policy with its key."
            raise AzureError(422, "UnprocessableEntity", message)
        action = "Microsoft.EventHub/namespaces/messages/receive/action"
        hub = _named(world, f"{HUBS}/eventhubs", properties["eventHubName"], properties["serviceBusNamespace"])
        what = f"EventHub '{properties['eventHubName']}' in namespace '{properties['serviceBusNamespace']}'"
        _require_access(world, resource_id, properties, action, hub, what)


def _check_output(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    source, kind = dig(body, "properties.datasource"), dig(body, "properties.serialization.type")
    if str(source["type"]).lower() != "microsoft.storage/blob":
        return
    properties = source.get("properties") or {}
    if not properties.get("container") or not properties.get("storageAccounts"):
        raise AzureError(422, "UnprocessableEntity", "A blob output needs 'storageAccounts' and 'container'.")
    if not kind:
        raise AzureError(422, "UnprocessableEntity", "The property 'serialization' of a blob output is required.")
    if kind == "Parquet" and not (dig(body, "properties.sizeWindow") and dig(body, "properties.timeWindow")):
        # learn.microsoft.com/azure/stream-analytics/blob-storage-azure-data-lake-gen2-output
        message = "Parquet output needs 'sizeWindow' (minimum rows) and 'timeWindow' (maximum time)."
        raise AzureError(422, "UnprocessableEntity", message)
    account = properties["storageAccounts"][0]
    if properties.get("authenticationMode") != "Msi" and not account.get("accountKey"):
        message = "A blob output needs authenticationMode 'Msi' or the account's key."
        raise AzureError(422, "UnprocessableEntity", message)
    action = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
    container = _named(
        world,
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        properties["container"],
        account["accountName"],
    )
    what = f"container '{properties['container']}' of storage account '{account['accountName']}'"
    _require_access(world, resource_id, properties, action, container, what)


def _require_access(
    world: World, resource_id: str, properties: Body, action: str, target: Body | None, what: str
) -> None:
    """PUT validates that the job can reach what it names: pulumi-azure-native#2607."""
    if target is None:
        raise AzureError(400, "BadRequest", f"The {what} could not be found.")
    if properties.get("authenticationMode") != "Msi":
        return
    job = world.find(resource_id.rsplit("/", 2)[0]) or {}
    principal = dig(job, "identity.principalId")
    if not principal:
        raise AzureError(400, "BadRequest", f"The job '{job.get('name')}' has no managed identity to access {what}.")
    if not world.access.allows(principal, action, target["id"], data=True):
        reason = world.access.explain(principal, action, target["id"], data=True)
        message = (
            f"Access to {what} is not authorized for the managed identity of the streaming job "
            f"'{job['name']}': it needs '{action}' ({reason})."
        )
        raise AzureError(401, "Unauthorized", message)


def _named(world: World, kind: str, name: str, above: str) -> Body | None:
    """A resource by its own name and that of the namespace or account above it, which are unique in all of Azure."""
    return next(
        (
            found
            for found in world.store.resources(kind=kind)
            if found["name"].lower() == name.lower() and f"/{above.lower()}/" in found["id"].lower()
        ),
        None,
    )


def _children(world: World, job_id: str, kind: str) -> list[Body]:
    return world.store.resources(job_id, f"{JOB}/{kind}")


def _check_start(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    refuse_while_running(world, resource_id)
    job = world.find(resource_id) or {}
    for kind in ("inputs", "outputs"):
        if not _children(world, resource_id, kind):
            message = f"The streaming job '{job['name']}' cannot be started: it has no {kind}."
            raise AzureError(422, "UnprocessableEntity", message)
    if not dig(job, "properties.transformation.properties.query"):
        message = f"The streaming job '{job['name']}' cannot be started: it has no transformation query."
        raise AzureError(422, "UnprocessableEntity", message)
    mode = body.get("outputStartMode") or "JobStartTime"
    if mode not in ("JobStartTime", "CustomTime", "LastOutputEventTime"):
        raise AzureError(400, "BadRequest", f"The output start mode '{mode}' is not valid.")
    if mode == "CustomTime" and not body.get("outputStartTime"):
        raise AzureError(400, "BadRequest", "The output start mode CustomTime needs an outputStartTime.")
    if mode == "LastOutputEventTime" and not dig(job, "properties.lastOutputEventTime"):
        # azure-powershell#14566
        message = "The output start mode LastOutputEventTime cannot be used: the job has not produced any output yet."
        raise AzureError(400, "BadRequest", message)


PART = {
    "names": r"[-\w]{3,63}",
    "source": NAMES,
    "invalid": "UnprocessableEntity",
    "in_use": lambda world, resource: refuse_while_running(world, resource["id"].rsplit("/", 2)[0]),
}

TYPES = (
    Type(
        name=HUBS,
        source=QUOTAS,
        names=r"[A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9]",
        bad_name=(
            "InvalidNamespaceName",
            (
                "The namespace name '{name}' is invalid: 6 to 50 letters, digits and hyphens, starting "
                "with a letter, ending with a letter or digit."
            ),
        ),
        tracked=True,
        required=("sku.name",),
        allowed={
            "sku.name": ("Basic", "Standard", "Premium"),
            "properties.minimumTlsVersion": ("1.0", "1.1", "1.2", "1.3"),
            "properties.publicNetworkAccess": ("Enabled", "Disabled", "SecuredByPerimeter"),
        },
        fixed=("properties.zoneRedundant",),
        defaults={
            "sku.capacity": 1,
            "properties.isAutoInflateEnabled": False,
            "properties.maximumThroughputUnits": 0,
            "properties.disableLocalAuth": False,
            "properties.publicNetworkAccess": "Enabled",
            "properties.minimumTlsVersion": "1.2",
            "properties.zoneRedundant": True,
            "properties.kafkaEnabled": True,
        },
        unique=(409, "Conflict", "The specified namespace name '{name}' is not available: it is already in use."),
        check=_check_namespace,
        fill=_fill_namespace,
        slow="operation",
    ),
    Type(
        name=f"{HUBS}/networkRuleSets",
        source="learn.microsoft.com/azure/event-hubs/network-security",
        names="default",
        implicit=True,
        allowed={
            "properties.defaultAction": ("Allow", "Deny"),
            "properties.publicNetworkAccess": ("Enabled", "Disabled"),
        },
        defaults={"properties.defaultAction": "Allow", "properties.publicNetworkAccess": "Enabled"},
    ),
    Type(name=f"{HUBS}/authorizationRules", source=NAMES, names=ENTITY, required=("properties.rights",)),
    Type(
        name=f"{HUBS}/eventhubs",
        source=QUOTAS,
        names=ENTITY,
        check=_check_hub,
        fill=_fill_hub,
        follow=_default_group,
    ),
    Type(
        name=f"{HUBS}/eventhubs/consumergroups",
        source=QUOTAS,
        names=r"\$Default|[A-Za-z0-9]([-\w.]{0,48}[A-Za-z0-9])?",
        check=_check_group,
        fill=lambda world, i, body, old: {
            "createdAt": dig(old, "properties.createdAt") or world.clock.stamp(),
            "updatedAt": world.clock.stamp(),
        },
        in_use=_keep_default_group,
    ),
    Type(
        name=JOB,
        source=NAMES,
        names=r"[-\w]{3,63}",
        tracked=True,
        allowed={
            "properties.sku.name": ("Standard", "StandardV2"),
            "properties.compatibilityLevel": ("1.0", "1.1", "1.2"),
            "properties.eventsOutOfOrderPolicy": ("Adjust", "Drop"),
            "properties.outputErrorPolicy": ("Stop", "Drop"),
            "properties.contentStoragePolicy": ("SystemAccount", "JobStorageAccount"),
            "properties.outputStartMode": ("JobStartTime", "CustomTime", "LastOutputEventTime"),
            "properties.jobType": ("Cloud", "Edge"),
            "properties.transformation.properties.streamingUnits": (
                1,
                3,
                *range(6, 397, 6),
                7,
                10,
                13,
                20,
                30,
                40,
                50,
                60,
                66,
                80,
                90,
                100,
                120,
            ),
            "identity.type": ("SystemAssigned", "UserAssigned", "None"),
        },
        within={
            "properties.eventsLateArrivalMaxDelayInSeconds": (-1, 1814399),
            "properties.eventsOutOfOrderMaxDelayInSeconds": (0, 599),
        },
        required=("properties.sku.name",),
        defaults={
            "properties.compatibilityLevel": "1.0",
            "properties.eventsOutOfOrderPolicy": "Adjust",
            "properties.outputErrorPolicy": "Stop",
            "properties.eventsLateArrivalMaxDelayInSeconds": 5,
            "properties.eventsOutOfOrderMaxDelayInSeconds": 0,
            "properties.dataLocale": "en-US",
            "properties.contentStoragePolicy": "SystemAccount",
            "properties.jobType": "Cloud",
        },
        check=_check_job,
        fill=_fill_job,
        kept=("properties.jobState", "properties.lastOutputEventTime"),
        verbs={"start": _check_start},
        invalid="UnprocessableEntity",
    ),
    Type(
        name=f"{JOB}/inputs",
        required=("properties.type", "properties.datasource.type", "properties.serialization.type"),
        allowed={
            "properties.type": ("Stream", "Reference"),
            "properties.serialization.type": ("Avro", "Csv", "Json", "Parquet", "CustomClr", "Delta"),
        },
        check=_part_of_a_stopped_job(_check_input),
        **PART,
    ),
    Type(
        name=f"{JOB}/outputs",
        required=("properties.datasource.type",),
        allowed={"properties.serialization.type": ("Avro", "Csv", "Json", "Parquet", "CustomClr", "Delta")},
        check=_part_of_a_stopped_job(_check_output),
        **PART,
    ),
    Type(
        name=f"{JOB}/functions",
        required=("properties.type",),
        check=_part_of_a_stopped_job(lambda *_: None),
        **PART,
    ),
)
