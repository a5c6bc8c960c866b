"""azure-mgmt-datafactory."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from answers import HERE, names, refusal
from azure.mgmt.datafactory import DataFactoryManagementClient
from azure.mgmt.datafactory import models as m
from sandbox_world import World

Client = Callable[..., Any]


@pytest.fixture
def factory(client: Client, group: str) -> tuple[str, str]:
    """(group, name) of a factory."""
    name = f"client-{group[-20:].strip('-')}"
    client(DataFactoryManagementClient).factories.create_or_update(
        group, name, {**HERE, "identity": {"type": "SystemAssigned"}}
    )
    return group, name


def test_factories_come_change_and_go(client: Client, factory: tuple[str, str]) -> None:
    factories, (group, name) = client(DataFactoryManagementClient).factories, factory
    found = factories.get(group, name)
    assert (found.provisioning_state, found.version) == ("Succeeded", "2018-06-01")
    assert found.identity.principal_id
    assert names(factories.list_by_resource_group(group)) == [name]
    assert name in names(factories.list())
    assert factories.update(group, name, {"tags": {"a": "b"}}).tags == {"a": "b"}
    assert refusal(factories.create_or_update, group, "a--b", HERE) == (400, "InvalidName")
    factories.delete(group, name)
    assert refusal(factories.get, group, name)[0] == 404


def test_a_factory_is_filled_and_a_pipeline_runs(client: Client, world: World, factory: tuple[str, str]) -> None:
    adf = client(DataFactoryManagementClient)
    user = world.user_identity(f"{world.subscription}/resourceGroups/{factory[0]}/providers", "user")
    credential = {"properties": {"type": "ManagedIdentity", "typeProperties": {"resourceId": user["id"]}}}
    assert adf.credential_operations.create_or_update(*factory, "user", credential).name == "user"
    assert adf.credential_operations.get(*factory, "user").properties.type_properties.resource_id == user["id"]
    assert names(adf.credential_operations.list_by_factory(*factory)) == ["user"]

    blobs = {"type": "AzureBlobStorage", "typeProperties": {"serviceEndpoint": "https://a.blob.core.windows.net"}}
    assert adf.linked_services.create_or_update(*factory, "blobs", {"properties": blobs}).name == "blobs"
    assert adf.linked_services.get(*factory, "blobs").properties.type == "AzureBlobStorage"
    assert names(adf.linked_services.list_by_factory(*factory)) == ["blobs"]

    location = {"type": "AzureBlobStorageLocation", "container": "raw", "fileName": "a"}
    reference = {"type": "LinkedServiceReference", "referenceName": "blobs"}
    files = {"type": "Binary", "linkedServiceName": reference, "typeProperties": {"location": location}}
    assert adf.datasets.create_or_update(*factory, "files", {"properties": files}).name == "files"
    assert adf.datasets.get(*factory, "files").properties.linked_service_name.reference_name == "blobs"
    assert names(adf.datasets.list_by_factory(*factory)) == ["files"]
    lost = {"properties": files | {"linkedServiceName": reference | {"referenceName": "none"}}}
    assert refusal(adf.datasets.create_or_update, *factory, "lost", lost)[0] == 400

    wait = {"name": "wait", "type": "Wait", "typeProperties": {"waitTimeInSeconds": 60}}
    pipeline = {"properties": {"activities": [wait]}}
    assert adf.pipelines.create_or_update(*factory, "waits", pipeline).name == "waits"
    assert adf.pipelines.get(*factory, "waits").activities[0]["typeProperties"] == wait["typeProperties"]
    assert names(adf.pipelines.list_by_factory(*factory)) == ["waits"]
    unknown = {"properties": {"activities": [wait | {"type": "Nap"}]}}
    assert refusal(adf.pipelines.create_or_update, *factory, "naps", unknown)[0] == 400
    run = adf.pipelines.create_run(*factory, "waits").run_id
    assert adf.pipeline_runs.get(*factory, run).status == "InProgress"
    world.clock(advance=120)
    assert adf.pipeline_runs.get(*factory, run).status == "Succeeded"
    asked = m.RunFilterParameters(
        last_updated_after=datetime(2026, 1, 1, tzinfo=UTC), last_updated_before=datetime(2027, 1, 1, tzinfo=UTC)
    )
    (activity,) = adf.activity_runs.query_by_pipeline_run(*factory, run, asked).value
    assert (activity.activity_name, activity.status) == ("wait", "Succeeded")
    assert [one.run_id for one in adf.pipeline_runs.query_by_factory(*factory, asked).value] == [run]

    adf.datasets.delete(*factory, "files")
    assert refusal(adf.datasets.get, *factory, "files")[0] == 404
    adf.linked_services.delete(*factory, "blobs")
    adf.credential_operations.delete(*factory, "user")
    assert names(adf.linked_services.list_by_factory(*factory)) == []


def test_a_trigger_is_started_stopped_and_held_while_it_is_on(client: Client, factory: tuple[str, str]) -> None:
    adf = client(DataFactoryManagementClient)
    wait = {"name": "wait", "type": "Wait", "typeProperties": {"waitTimeInSeconds": 1}}
    adf.pipelines.create_or_update(*factory, "waits", {"properties": {"activities": [wait]}})
    tumbling = {"frequency": "Hour", "interval": 1, "startTime": "2027-01-01T00:00:00Z", "maxConcurrency": 1}
    reference = {"pipelineReference": {"type": "PipelineReference", "referenceName": "waits"}}
    body = {"properties": {"type": "TumblingWindowTrigger", "typeProperties": tumbling, "pipeline": reference}}
    triggers = adf.triggers
    triggers.create_or_update(*factory, "hourly", body)
    assert triggers.get(*factory, "hourly").properties.runtime_state == "Stopped"
    assert names(triggers.list_by_factory(*factory)) == ["hourly"]
    triggers.begin_start(*factory, "hourly").result()
    assert triggers.get(*factory, "hourly").properties.runtime_state == "Started"
    assert refusal(triggers.create_or_update, *factory, "hourly", body) == (400, "TriggerEnabledCannotUpdate")
    assert refusal(triggers.delete, *factory, "hourly") == (400, "TriggerEnabledCannotUpdate")
    triggers.begin_stop(*factory, "hourly").result()
    triggers.delete(*factory, "hourly")
    assert refusal(triggers.get, *factory, "hourly")[0] == 404
    adf.pipelines.delete(*factory, "waits")
    assert refusal(adf.pipelines.get, *factory, "waits")[0] == 404
