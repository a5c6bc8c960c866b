"""What Stream Analytics checks before a job starts, and the plan that comes out of it."""

from datetime import timedelta
from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import normal
from azure_sandbox_storage.storage import CONTAINERS, account_of

from azure_sandbox_streaming.event_hubs import HUBS
from azure_sandbox_streaming.stream_output import Target
from azure_sandbox_streaming.stream_run import RECEIVE, Plan, Source

WRITE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
HUB_SOURCES = ("microsoft.eventhub/eventhub", "microsoft.servicebus/eventhub")


def plan_of(sandbox: Sandbox, job: dict[str, Any], *, starting: bool = True) -> Plan:
    """Raises AzureError 422 with everything that keeps the job from starting. `starting` also asks for the roles."""
    from stream_engine import QueryError, compile_query

    store, name, properties = sandbox.store, job["name"], job["properties"]
    inputs = store.resources(job["id"], "microsoft.streamanalytics/streamingjobs/inputs")
    outputs = store.resources(job["id"], "microsoft.streamanalytics/streamingjobs/outputs")
    text = ((properties.get("transformation") or {}).get("properties") or {}).get("query")
    for found, what in ((text, "a transformation"), (inputs, "at least one input"), (outputs, "at least one output")):
        if not found:
            raise _refused(f"The streaming job '{name}' should have {what} defined.")
    try:
        query = compile_query(str(text), name=f"{name}.query")
    except QueryError as error:
        raise _refused(f"Query compilation error: {error}") from None
    _same_names("Input source", query.inputs, [i["name"] for i in inputs])
    _same_names("Output", tuple(query.outputs), [o["name"] for o in outputs])
    principal_id = (job.get("identity") or {}).get("principalId") or ""
    plan = Plan(
        job_id=normal(job["id"]),
        guid=str(properties.get("jobId") or name),
        principal_id=principal_id,
        query=query,
        policy=_policy(properties),
        sources=tuple(_source(sandbox, one) for one in inputs),
        targets=tuple(Target.of(one) for one in outputs),
    )
    if starting:
        _check_access(sandbox, plan)
    return plan


def _policy(properties: dict[str, Any]) -> Any:
    from stream_engine import TimePolicy

    return TimePolicy(
        late=timedelta(seconds=properties.get("eventsLateArrivalMaxDelayInSeconds", 5)),
        out_of_order=timedelta(seconds=properties.get("eventsOutOfOrderMaxDelayInSeconds", 0)),
        action=properties.get("eventsOutOfOrderPolicy") or "Adjust",
    )


def _same_names(what: str, used: tuple[str, ...], declared: list[str]) -> None:
    lower = {name.lower() for name in declared}
    missing = [alias for alias in used if alias.lower() not in lower]
    idle = [name for name in declared if name.lower() not in {alias.lower() for alias in used}]
    if missing:
        raise _refused(
            f"{what} with name '{missing[0]}' is used in the query but is not defined: there is {', '.join(declared)}."
        )
    if idle:
        raise _refused(f"{what} with name '{idle[0]}' is defined but the query does not use it.")


def _source(sandbox: Sandbox, resource: dict[str, Any]) -> Source:
    name, source = resource["name"], resource["properties"]["datasource"]
    kind = (resource["properties"].get("serialization") or {}).get("type", "Json")
    if str(source["type"]).lower() not in HUB_SOURCES or kind != "Json":
        raise _refused(
            f"Input '{name}': {source['type']} as {kind} is not offered by this sandbox, only Event Hubs as JSON."
        )
    wanted = source["properties"]
    address = (wanted["serviceBusNamespace"].lower(), wanted["eventHubName"].lower())
    hubs = {(h["id"].split("/")[8].lower(), h["name"].lower()): h for h in sandbox.store.resources(kind=HUBS)}
    if address not in hubs:
        raise _refused(f"Input '{name}': the Event Hub '{address[1]}' in namespace '{address[0]}' does not exist.")
    hub, group = hubs[address], wanted.get("consumerGroupName") or "$Default"
    if sandbox.store.resource(f"{hub['id']}/consumergroups/{group}") is None:
        raise _refused(f"Input '{name}': the consumer group '{group}' of Event Hub '{address[1]}' does not exist.")
    return Source(alias=name, hub_id=hub["id"], partitions=int(hub["properties"].get("partitionCount") or 4))


def _check_access(sandbox: Sandbox, plan: Plan) -> None:
    if not plan.principal_id:
        raise _refused("The streaming job has no managed identity, which its inputs and outputs use.")
    containers = {(account_of(c["id"]), c["name"]): c["id"] for c in sandbox.store.resources(kind=CONTAINERS)}
    needs = [(f"Access to the Event Hub of input '{s.alias}'", RECEIVE, s.hub_id) for s in plan.sources]
    for target in plan.targets:
        place = target.container
        if (place.account, place.container) not in containers:
            where = f"container '{place.container}' of account '{place.account}'"
            raise _refused(f"Output '{target.alias}': the {where} does not exist.")
        what = f"Access to the container of output '{target.alias}'"
        needs.append((what, WRITE, containers[place.account, place.container]))
    for what, action, scope in needs:
        if reason := sandbox.access.explain(plan.principal_id, action, scope, data=True):
            raise AzureError(403, "AuthorizationFailed", f"{what} is not authorized: {reason}.")


def _refused(message: str) -> AzureError:
    return AzureError(422, "UnprocessableEntity", message)
