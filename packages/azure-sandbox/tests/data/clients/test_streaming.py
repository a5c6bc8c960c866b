"""azure-mgmt-eventhub and -streamanalytics."""

import importlib
import warnings
from collections.abc import Callable
from typing import Any

from answers import HERE, MISSING, names, refusal
from azure.mgmt.eventhub import EventHubManagementClient
from sandbox_world import World

Client = Callable[..., Any]
STANDARD = {**HERE, "sku": {"name": "Standard", "tier": "Standard"}}

with warnings.catch_warnings():  # its newest release has strings with invalid escape sequences
    warnings.simplefilter("ignore")
    analytics: Any = importlib.import_module("azure.mgmt.streamanalytics")
    models: Any = importlib.import_module("azure.mgmt.streamanalytics.models")


def test_namespaces_come_change_and_go(client: Client, group: str) -> None:
    namespaces = client(EventHubManagementClient).namespaces
    made = namespaces.begin_create_or_update(group, "client-hubs", STANDARD).result()
    assert made.service_bus_endpoint == "https://client-hubs.servicebus.windows.net:443/"
    assert namespaces.get(group, "client-hubs").provisioning_state == "Succeeded"
    assert names(namespaces.list_by_resource_group(group)) == ["client-hubs"]
    assert "client-hubs" in names(namespaces.list())
    assert namespaces.update(group, "client-hubs", {"tags": {"a": "b"}}).tags == {"a": "b"}
    assert namespaces.check_name_availability({"name": "client-hubs"}).reason == "NameInUse"
    create = namespaces.begin_create_or_update
    assert refusal(create, group, "client-auto", {**STANDARD, "properties": {"isAutoInflateEnabled": True}})[0] == 400
    assert refusal(create, group, "short", STANDARD) == (400, "InvalidNamespaceName")
    namespaces.begin_delete(group, "client-hubs").result()
    assert refusal(namespaces.get, group, "client-hubs") == MISSING


def test_a_namespace_has_rules_hubs_and_readers(client: Client, group: str) -> None:
    hubs = client(EventHubManagementClient)
    space, group_and_space = hubs.namespaces, (group, "client-parts")
    space.begin_create_or_update(*group_and_space, STANDARD).result()
    space.create_or_update_network_rule_set(*group_and_space, {"properties": {"defaultAction": "Deny"}})
    assert space.get_network_rule_set(*group_and_space).default_action == "Deny"
    space.create_or_update_authorization_rule(*group_and_space, "senders", {"properties": {"rights": ["Send"]}})
    assert space.get_authorization_rule(*group_and_space, "senders").rights == ["Send"]
    assert "senders" in names(space.list_authorization_rules(*group_and_space))
    space.delete_authorization_rule(*group_and_space, "senders")
    assert refusal(space.get_authorization_rule, *group_and_space, "senders")[0] == 404

    made = hubs.event_hubs.create_or_update(*group_and_space, "events", {"properties": {"partitionCount": 2}})
    assert (made.partition_count, made.partition_ids) == (2, ["0", "1"])
    assert hubs.event_hubs.get(*group_and_space, "events").status == "Active"
    assert names(hubs.event_hubs.list_by_namespace(*group_and_space)) == ["events"]
    many = {"properties": {"partitionCount": 33}}
    assert refusal(hubs.event_hubs.create_or_update, *group_and_space, "many", many)[0] == 400

    readers = hubs.consumer_groups
    readers.create_or_update(*group_and_space, "events", "readers", {})
    assert readers.get(*group_and_space, "events", "readers").created_at is not None
    assert names(readers.list_by_event_hub(*group_and_space, "events")) == ["$Default", "readers"]
    assert refusal(readers.create_or_update, *group_and_space, "none", "readers", {}) == (404, "ParentResourceNotFound")
    readers.delete(*group_and_space, "events", "readers")
    assert refusal(readers.get, *group_and_space, "events", "readers")[0] == 404
    hubs.event_hubs.delete(*group_and_space, "events")
    assert refusal(hubs.event_hubs.get, *group_and_space, "events")[0] == 404


JOB: dict[str, Any] = {
    **HERE,
    "sku": {"name": "Standard"},
    "identity": {"type": "SystemAssigned"},
    "compatibility_level": "1.2",
    "transformation": {
        "name": "query",
        "streaming_units": 1,
        "query": "SELECT sensor INTO raw FROM events TIMESTAMP BY at",
    },
}
SOURCE = models.EventHubV2StreamInputDataSource(
    service_bus_namespace="client-source", event_hub_name="events", authentication_mode="Msi"
)
INPUT = models.Input(
    properties=models.StreamInputProperties(datasource=SOURCE, serialization=models.JsonSerialization(encoding="UTF8"))
)
SINK = models.BlobOutputDataSource(
    storage_accounts=[models.StorageAccount(account_name="clientsink1")], container="raw", authentication_mode="Msi"
)
OUTPUT = models.Output(
    datasource=SINK, serialization=models.ParquetSerialization(), time_window="00:01:00", size_window=100
)


def test_jobs_come_change_and_go(client: Client, group: str) -> None:
    jobs = client(analytics.StreamAnalyticsManagementClient).streaming_jobs
    made = jobs.begin_create_or_replace(group, "client-job", JOB).result()
    assert (made.job_state, made.provisioning_state) == ("Created", "Succeeded")
    assert made.identity.principal_id
    assert jobs.get(group, "client-job", expand="transformation").transformation.streaming_units == 1
    assert names(jobs.list_by_resource_group(group)) == ["client-job"]
    assert "client-job" in names(jobs.list())
    assert jobs.update(group, "client-job", {"tags": {"a": "b"}}).tags == {"a": "b"}
    assert refusal(jobs.begin_start, group, "client-job", {"output_start_mode": "JobStartTime"})[0] in (400, 422)
    level = JOB | {"compatibility_level": "3.0"}
    assert refusal(jobs.begin_create_or_replace, group, "client-job", level)[0] == 422
    jobs.begin_delete(group, "client-job").result()
    assert refusal(jobs.get, group, "client-job") == MISSING


def test_a_job_gets_its_parts_and_runs(client: Client, world: World, group: str) -> None:
    stream, providers = (
        client(analytics.StreamAnalyticsManagementClient),
        f"{world.subscription}/resourceGroups/{group}/providers",
    )
    sink = world.account(providers, "clientsink1", "raw")
    hub = f"{providers}/Microsoft.EventHub/namespaces/client-source"
    world.put(hub, STANDARD)
    world.put(f"{hub}/eventhubs/events", {"properties": {"partitionCount": 1, "messageRetentionInDays": 1}})
    job = (group, "client-running")
    principal = stream.streaming_jobs.begin_create_or_replace(*job, JOB).result().identity.principal_id
    assert refusal(stream.inputs.create_or_replace, *job, "events", INPUT)[0] in (400, 401, 403, 422)
    world.grant(f"{hub}/eventhubs/events", "Azure Event Hubs Data Receiver", principal)
    world.grant(f"{sink}/blobServices/default/containers/raw", "Storage Blob Data Contributor", principal)
    world.clock(advance=121)

    assert stream.inputs.create_or_replace(*job, "events", INPUT).name == "events"
    assert stream.inputs.get(*job, "events").properties.datasource.event_hub_name == "events"
    assert names(stream.inputs.list_by_streaming_job(*job)) == ["events"]
    assert stream.outputs.create_or_replace(*job, "raw", OUTPUT).name == "raw"
    assert stream.outputs.get(*job, "raw").datasource.container == "raw"
    assert names(stream.outputs.list_by_streaming_job(*job)) == ["raw"]

    query = stream.transformations
    assert "SELECT" in query.get(*job, "query").query
    assert query.update(*job, "query", {"streaming_units": 3}).streaming_units == 3
    assert query.create_or_replace(*job, "query", JOB["transformation"]).streaming_units == 1
    assert refusal(query.create_or_replace, *job, "query", {"streaming_units": 2, "query": "SELECT 1"})[0] == 422
    assert refusal(query.get, *job, "other") == refusal(query.update, *job, "other", {"streaming_units": 3}) == MISSING
    assert query.get(*job, "query").streaming_units == 1
    assert (
        world.arm("GET", f"{providers}/Microsoft.StreamAnalytics/streamingjobs/{job[1]}/transformations").status_code
        == 404
    )

    jobs = stream.streaming_jobs
    jobs.begin_start(*job, {"output_start_mode": "JobStartTime"}).result()
    assert jobs.get(*job).job_state == "Running"
    assert refusal(stream.inputs.create_or_replace, *job, "events", INPUT)[0] in (400, 409, 422)
    assert refusal(query.update, *job, "query", {"streaming_units": 3})[0] in (400, 409, 422)
    jobs.begin_stop(*job).result()
    assert jobs.get(*job).job_state == "Stopped"
    stream.outputs.delete(*job, "raw")
    assert refusal(stream.outputs.get, *job, "raw")[0] == 404
    stream.inputs.delete(*job, "events")
    assert names(stream.inputs.list_by_streaming_job(*job)) == []


def test_a_function_belongs_to_its_job(client: Client, group: str) -> None:
    stream, job = client(analytics.StreamAnalyticsManagementClient), (group, "client-scripts")
    stream.streaming_jobs.begin_create_or_replace(*job, JOB).result()
    binding = {"type": "Microsoft.StreamAnalytics/JavascriptUdf", "script": "function (x) { return x; }"}
    properties = {
        "type": "Scalar",
        "inputs": [{"data_type": "any"}],
        "output": {"data_type": "any"},
        "binding": binding,
    }
    functions = stream.functions
    functions.create_or_replace(*job, "same", {"properties": properties})
    assert functions.get(*job, "same").properties.binding.script == binding["script"]
    assert names(functions.list_by_streaming_job(*job)) == ["same"]
    assert refusal(functions.create_or_replace, *job, "no", {"properties": properties})[0] == 400
    functions.delete(*job, "same")
    assert refusal(functions.get, *job, "same")[0] == 404
