"""How events come in: Event Hubs and Stream Analytics."""

from typing import Any

from azure_sandbox.ids import name_of
from azure_sandbox.rules.types import Body, World, code, dig, refuse

HUBS = "Microsoft.EventHub/namespaces"
JOB = "Microsoft.StreamAnalytics/streamingjobs"
PARTS = (f"{JOB}/inputs", f"{JOB}/outputs", f"{JOB}/functions")
CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
LIMITS = {"basic": (32, 1), "standard": (32, 7), "premium": (100, 90)}  # partitions, days: event-hubs-quotas
RUNNING = ("Starting", "Running", "Stopping", "Degraded", "Restarting", "Scaling")


@code("check", HUBS)
def check_namespace(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    # learn.microsoft.com/azure/event-hubs/event-hubs-auto-inflate, bicep#7900
    properties, sku = body.get("properties") or {}, dig(body, "sku.name").lower()
    inflate, most = properties.get("isAutoInflateEnabled"), properties.get("maximumThroughputUnits") or 0
    refuse(inflate and sku != "standard", f"Auto-inflate is only available in the Standard tier, not in '{sku}'.")
    text = f"MaximumThroughputUnits must be between 1 and 40 when auto-inflate is enabled, not {most}."
    refuse(inflate and not 1 <= most <= 40, text)
    capacity = dig(body, "sku.capacity") or 1
    fits = 1 <= capacity <= (16 if sku == "premium" else 40)
    refuse(not fits, f"The capacity {capacity} is not valid for SKU '{sku}'.")


@code("check", f"{HUBS}/eventhubs")
def check_hub(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    sku, properties = _tier(world, resource_id, 2), body["properties"]
    partitions, days = LIMITS.get(sku, LIMITS["standard"])
    count, before = properties.get("partitionCount", 4), dig(old, "properties.partitionCount")
    text = f"The partition count must be between 1 and {partitions} for a hub in tier '{sku}', not {count}."
    refuse(not 1 <= count <= partitions, text)
    # learn.microsoft.com/azure/event-hubs/dynamically-add-partitions: in the premium and dedicated tiers only
    changed = before and sku != "premium" and properties.get("partitionCount", before) != before
    refuse(changed, f"The partition count of a hub in tier '{sku}' cannot be changed: from {before} to {count}.")
    hours, retention = (
        dig(properties, "retentionDescription.retentionTimeInHours"),
        properties.get("messageRetentionInDays"),
    )
    text = "MessageRetentionInDays and RetentionDescription.RetentionTimeInHours contradict each other: set one."
    refuse(None not in (hours, retention) and hours != retention * 24, text)
    kept = retention if retention is not None else (hours or 24) / 24
    refuse(not 0 < kept <= days, f"The retention must be at most {days} days in tier '{sku}', not {kept:g}.")
    capture = dig(properties, "captureDescription.enabled")
    refuse(capture and sku == "basic", "Capture is not available in the Basic tier.")


@code("fill", f"{HUBS}/eventhubs")
def fill_hub(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    properties = body["properties"]
    hours = dig(properties, "retentionDescription.retentionTimeInHours")
    days = properties.get("messageRetentionInDays") or -(-(hours or 24) // 24)
    count = properties.get("partitionCount") or dig(old, "properties.partitionCount") or 4
    described = {"cleanupPolicy": "Delete", **(properties.get("retentionDescription") or {})}
    return {
        "partitionCount": count,
        "partitionIds": [str(number) for number in range(count)],
        "messageRetentionInDays": days,
        "retentionDescription": {**described, "retentionTimeInHours": hours or days * 24},
        "status": properties.get("status") or "Active",
    }


@code("follow", f"{HUBS}/eventhubs")
def default_group(world: World, resource_id: str, body: Body) -> list[Body]:
    return [{"id": f"{resource_id}/consumergroups/$Default", "properties": {}}]


@code("check", f"{HUBS}/eventhubs/consumergroups")
def check_group(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    sku, own = _tier(world, resource_id, 4), name_of(resource_id).lower() != "$default"
    refuse(sku == "basic" and own, "Consumer groups cannot be created in the Basic tier.")
    groups = world.store.resources(resource_id.rsplit("/", 2)[0], f"{HUBS}/eventhubs/consumergroups")
    full = old is None and len(groups) >= 20 and sku == "standard"
    refuse(full, "The maximum number of 20 consumer groups per Event Hub is reached.")


@code("in_use", f"{HUBS}/eventhubs/consumergroups")
def keep_default_group(world: World, resource: Body) -> None:
    refuse(resource["name"].lower() == "$default", "The default consumer group cannot be deleted.")


def _tier(world: World, resource_id: str, above: int) -> str:
    namespace = world.find(resource_id.rsplit("/", above)[0])
    return str(dig(namespace, "sku.name")).lower()


# Stream Analytics: learn.microsoft.com/azure/stream-analytics, learn.microsoft.com/rest/api/streamanalytics


def unprocessable(when: Any, message: str) -> None:
    refuse(when, message, "UnprocessableEntity", 422)


def refuse_while_running(world: World, job_id: str) -> None:
    """A job that runs cannot be changed, nor what it is made of: it has to be stopped first."""
    job = world.find(job_id) or {}
    state = dig(job, "properties.jobState")
    text = f"The streaming job '{job.get('name')}' is in the state '{state}' and cannot be changed: stop it first."
    refuse(state in RUNNING, text, "Conflict", 409)


@code("check", JOB)
def check_job(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    refuse_while_running(world, resource_id)
    properties = body["properties"]
    transformation = properties.get("transformation")
    unnamed = transformation is not None and not transformation.get("name")
    unprocessable(unnamed, "The property 'name' of the transformation is required.")
    # pulumi-azure-native#688, terraform-provider-azurerm#15926
    early = properties.get("outputStartMode") and not world.store.resources(resource_id, f"{JOB}/inputs")
    unprocessable(early, "The job should have at least one input defined before an output start mode can be set.")
    own = str(properties.get("contentStoragePolicy")).lower() == "jobstorageaccount"
    text = "The content storage policy JobStorageAccount needs a jobStorageAccount."
    unprocessable(own and not properties.get("jobStorageAccount"), text)
    for inline in ("inputs", "outputs", "functions"):
        text = f"Inline '{inline}' are not offered by this sandbox: declare each as a resource of its own."
        unprocessable(properties.get(inline), text)


@code("fill", JOB)
def fill_job(world: World, resource_id: str, body: Body, old: Body | None) -> dict[str, Any]:
    given = body["properties"].get("transformation") or dig(old, "properties.transformation")
    output = dig(old, "properties.lastOutputEventTime")
    filled: dict[str, Any] = {"lastOutputEventTime": output} if output else {}
    if given:
        name = given["name"]
        own = {"id": f"{resource_id}/transformations/{name}", "name": name, "type": f"{JOB}/transformations"}
        filled["transformation"] = {**own, "properties": {"streamingUnits": 3, **(given.get("properties") or {})}}
    return filled


@code("check", f"{JOB}/functions")
def check_function(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    refuse_while_running(world, resource_id.rsplit("/", 2)[0])


@code("check", f"{JOB}/inputs")
def check_input(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    refuse_while_running(world, resource_id.rsplit("/", 2)[0])
    source = dig(body, "properties.datasource")
    properties = source.get("properties") or {}
    if str(source["type"]).lower() not in ("microsoft.eventhub/eventhub", "microsoft.servicebus/eventhub"):
        return
    hub, namespace = properties.get("eventHubName"), properties.get("serviceBusNamespace")
    for key in ("eventHubName", "serviceBusNamespace"):
        unprocessable(not properties.get(key), f"The property 'datasource.properties.{key}' is required.")
    keyless = properties.get("authenticationMode") == "Msi"
    text = "An Event Hub input needs authenticationMode 'Msi' or a shared access policy with its key."
    unprocessable(not keyless and not properties.get("sharedAccessPolicyKey"), text)
    target = _named(world, f"{HUBS}/eventhubs", str(hub), str(namespace))
    action, what = (
        "Microsoft.EventHub/namespaces/messages/receive/action",
        f"EventHub '{hub}' in namespace '{namespace}'",
    )
    _require_access(world, resource_id, keyless, action, target, what)


@code("check", f"{JOB}/outputs")
def check_output(world: World, resource_id: str, body: Body, old: Body | None) -> None:
    refuse_while_running(world, resource_id.rsplit("/", 2)[0])
    source, kind = dig(body, "properties.datasource"), dig(body, "properties.serialization.type")
    properties = source.get("properties") or {}
    if str(source["type"]).lower() != "microsoft.storage/blob":
        return
    container, accounts = properties.get("container"), properties.get("storageAccounts") or []
    unprocessable(not container or not accounts, "A blob output needs 'storageAccounts' and 'container'.")
    unprocessable(not kind, "The property 'serialization' of a blob output is required.")
    # learn.microsoft.com/azure/stream-analytics/blob-storage-azure-data-lake-gen2-output
    sized = dig(body, "properties.sizeWindow") and dig(body, "properties.timeWindow")
    text = "Parquet output needs 'sizeWindow' (minimum rows) and 'timeWindow' (maximum time)."
    unprocessable(kind == "Parquet" and not sized, text)
    account, keyless = accounts[0]["accountName"], properties.get("authenticationMode") == "Msi"
    text = "A blob output needs authenticationMode 'Msi' or the account's key."
    unprocessable(not keyless and not accounts[0].get("accountKey"), text)
    target = _named(world, CONTAINERS, str(container), account)
    action, what = f"{CONTAINERS}/blobs/write", f"container '{container}' of storage account '{account}'"
    _require_access(world, resource_id, keyless, action, target, what)


def _require_access(world: World, part_id: str, keyless: bool, action: str, target: Body | None, what: str) -> None:
    """A PUT validates that the job can reach what it names: pulumi-azure-native#2607."""
    refuse(target is None, f"The {what} could not be found.")
    if target is None or not keyless:
        return
    job = world.find(part_id.rsplit("/", 2)[0]) or {}
    principal = dig(job, "identity.principalId")
    refuse(not principal, f"The job '{job.get('name')}' has no managed identity to access {what}.")
    reason = world.access.explain(principal, action, target["id"], data=True)
    text = (
        f"Access to {what} is not authorized for the managed identity of the streaming job '{job['name']}': it needs "
        f"'{action}' ({reason})."
    )
    refuse(reason, text, "Unauthorized", 401)


def _named(world: World, kind: str, name: str, above: str) -> Body | None:
    """A resource by its own name and that of the namespace or account above it, which are unique in all of Azure."""
    for found in world.store.resources(kind=kind):
        if found["name"].lower() == name.lower() and f"/{above.lower()}/" in found["id"].lower():
            return found
    return None


@code("in_use", *PARTS)
def part_of_a_running_job(world: World, resource: Body) -> None:
    refuse_while_running(world, resource["id"].rsplit("/", 2)[0])


@code("verbs.start", JOB)
def check_start(world: World, resource_id: str, body: Body, job: Body | None) -> None:
    refuse_while_running(world, resource_id)
    what = f"The streaming job '{name_of(resource_id)}' cannot be started: it has no"
    for kind in ("inputs", "outputs"):
        unprocessable(not world.store.resources(resource_id, f"{JOB}/{kind}"), f"{what} {kind}.")
    unprocessable(not dig(job, "properties.transformation.properties.query"), f"{what} transformation query.")
    mode = body.get("outputStartMode") or "JobStartTime"
    known = mode in ("JobStartTime", "CustomTime", "LastOutputEventTime")
    refuse(not known, f"The output start mode '{mode}' is not valid.")
    timed = mode != "CustomTime" or body.get("outputStartTime")
    refuse(not timed, "The output start mode CustomTime needs an outputStartTime.")
    # azure-powershell#14566
    fresh = mode == "LastOutputEventTime" and not dig(job, "properties.lastOutputEventTime")
    text = "The output start mode LastOutputEventTime cannot be used: the job has not produced any output yet."
    refuse(fresh, text)
