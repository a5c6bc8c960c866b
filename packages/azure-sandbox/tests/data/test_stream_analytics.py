"""Stream Analytics jobs: what keeps one from starting, what a running one writes, and that a kill changes nothing."""

import io
import json
import os
import signal
import zlib
from datetime import datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
import requests
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import ContainerClient
from sandbox_world import PLACE, World

QUERY = """
SELECT CAST(System.Timestamp() AS datetime) AS WindowEnd, CAST(DeviceId AS nvarchar(max)) AS DeviceId,
       CAST(COUNT(*) AS bigint) AS Events
INTO windows FROM events TIMESTAMP BY EventTime GROUP BY DeviceId, TumblingWindow(minute, 5)

SELECT CAST(DeviceId AS nvarchar(max)) AS DeviceId, CAST(Number AS bigint) AS Number INTO raw FROM arrivals
"""


class Stream:
    """A job of its own in a group of its own, declared step by step as a program would."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.providers = world.group(name)
        self.space = f"{self.providers}/Microsoft.EventHub/namespaces/{name}space"
        self.hub = f"{self.space}/eventhubs/hub"
        self.job = f"{self.providers}/Microsoft.StreamAnalytics/streamingjobs/{name}"
        world.put(self.space, {"location": PLACE, "sku": {"name": "Standard"}, "properties": {}})
        world.put(self.hub, {"properties": {"partitionCount": 2}})
        world.put(f"{self.hub}/consumergroups/features", {"properties": {}})
        self.account = world.account(self.providers, f"{name}lake", "windows", "raw")
        deployer = world.identity("deployer")["objectId"]
        world.grant(self.hub, "Azure Event Hubs Data Sender", deployer)
        world.grant(self.account, "Storage Blob Data Reader", deployer)

    def declare(self, query: str = QUERY, **properties: Any) -> None:
        settings = {"eventsLateArrivalMaxDelayInSeconds": 60, "eventsOutOfOrderPolicy": "Adjust", **properties}
        transformation = {"name": "main", "properties": {"query": query, "streamingUnits": 3}}
        body = {"sku": {"name": "Standard"}, "compatibilityLevel": "1.2", "transformation": transformation, **settings}
        self.world.put(self.job, {"location": PLACE, "identity": {"type": "SystemAssigned"}, "properties": body})

    def allow(self) -> list[str]:
        principal = self.world.arm("GET", self.job).json()["identity"]["principalId"]
        made = [self.world.grant(self.hub, "Azure Event Hubs Data Receiver", principal)]
        for container in ("windows", "raw"):
            scope = f"{self.account}/blobServices/default/containers/{container}"
            made.append(self.world.grant(scope, "Storage Blob Data Contributor", principal))
        self.world.clock(advance=121)
        return made

    def connect(
        self, inputs: tuple[str, ...] = ("events", "arrivals"), outputs: tuple[str, ...] = ("windows", "raw")
    ) -> None:
        for alias in inputs:
            source = {"serviceBusNamespace": f"{self.name}space", "eventHubName": "hub", "authenticationMode": "Msi"}
            source["consumerGroupName"] = "features" if alias == "events" else "$Default"
            body: Any = {"type": "Stream", "serialization": {"type": "Json", "properties": {"encoding": "UTF8"}}}
            body["datasource"] = {"type": "Microsoft.EventHub/EventHub", "properties": source}
            self.world.put(f"{self.job}/inputs/{alias}", {"properties": body})
        for alias in outputs:
            target = {
                "container": alias,
                "pathPattern": "{date}/{time}",
                "dateFormat": "yyyy/MM/dd",
                "timeFormat": "HH",
            }
            target |= {"storageAccounts": [{"accountName": f"{self.name}lake"}], "authenticationMode": "Msi"}
            body = {
                "serialization": {"type": "Parquet", "properties": {}},
                "sizeWindow": 1000,
                "timeWindow": "00:02:00",
            }
            body["datasource"] = {"type": "Microsoft.Storage/Blob", "properties": target}
            self.world.put(f"{self.job}/outputs/{alias}", {"properties": body})

    def start(self, **body: str) -> requests.Response:
        return self.world.arm("POST", f"{self.job}/start", {"outputStartMode": "JobStartTime", **body})

    def stop(self) -> None:
        """As a client does: accepted, then asked for until it has ended."""
        answer = self.world.arm("POST", f"{self.job}/stop")
        assert answer.status_code == 202
        while answer.status_code == 202:
            place, _, query = answer.headers["Location"].removeprefix("https://management.azure.com").partition("?")
            answer = self.world.arm("GET", place, **{"api-version": query.partition("=")[2]})
        assert answer.status_code == 200

    def state(self) -> dict[str, Any]:
        return self.world.arm("GET", self.job).json()["properties"]

    def send(self, numbers: range) -> None:
        token = ManagedIdentityCredential().get_token("https://eventhubs.azure.net/.default").token
        now = datetime.fromisoformat(self.world.clock())
        bodies = [{"DeviceId": f"d{n % 2}", "EventTime": now.isoformat(), "Number": n} for n in numbers]
        batch = [{"Body": json.dumps(body)} for body in bodies]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/vnd.microsoft.servicebus.json"}
        url = f"https://{self.name}space.servicebus.windows.net/hub/messages"
        assert requests.post(url, data=json.dumps(batch), headers=headers, timeout=30).status_code == 201

    def rows(self, container: str) -> list[dict[str, Any]]:
        url = f"https://{self.name}lake.blob.core.windows.net"
        with ContainerClient(url, container, credential=ManagedIdentityCredential()) as client:
            blobs = [client.download_blob(name).readall() for name in client.list_blob_names()]
        return [row for blob in blobs for row in pq.read_table(io.BytesIO(blob)).to_pylist()]

    def names(self, container: str) -> list[str]:
        url = f"https://{self.name}lake.blob.core.windows.net"
        with ContainerClient(url, container, credential=ManagedIdentityCredential()) as client:
            return list(client.list_blob_names())


@pytest.fixture
def stream(world: World, request: pytest.FixtureRequest) -> Stream:
    return Stream(world, f"s{zlib.crc32(request.node.name.encode())}")


def ready(stream: Stream) -> list[str]:
    stream.declare()
    made = stream.allow()
    stream.connect()
    assert stream.start().status_code < 300
    return made


def test_a_job_writes_windows_and_an_archive_where_the_path_pattern_says(stream: Stream) -> None:
    ready(stream)
    began = datetime.fromisoformat(stream.world.clock())
    for minute in range(12):
        stream.send(range(minute * 10, minute * 10 + 10))
        stream.world.clock(advance=60)
    stream.world.clock(advance=600)
    assert sorted(row["Number"] for row in stream.rows("raw")) == list(range(120))
    windows = stream.rows("windows")
    assert sum(row["Events"] for row in windows) == 120
    assert {row["DeviceId"] for row in windows} == {"d0", "d1"}
    assert all(row["WindowEnd"].minute % 5 == 0 and row["WindowEnd"].second == 0 for row in windows)
    folders = {name.rsplit("/", 1)[0] for name in stream.names("windows")}
    assert folders == {row["WindowEnd"].strftime("%Y/%m/%d/%H") for row in windows}
    assert datetime.fromisoformat(stream.state()["lastOutputEventTime"]) > began


def totals(stream: Stream) -> dict[tuple[str, str], float]:
    """Metric and logical name → total of the last hour."""
    now = datetime.fromisoformat(stream.world.clock())
    span = f"{(now - timedelta(hours=1)).isoformat()}/{(now + timedelta(minutes=1)).isoformat()}"
    asked = {"metricnames": "InputEvents,OutputEvents", "interval": "P1D", "aggregation": "Total", "timespan": span}
    asked["$filter"] = "LogicalName eq '*'"
    answer = stream.world.arm("GET", f"{stream.job}/providers/Microsoft.Insights/metrics", **asked).json()
    return {
        (metric["name"]["value"], series["metadatavalues"][0]["value"]): sum(d["total"] for d in series["data"])
        for metric in answer["value"]
        for series in metric["timeseries"]
    }


def test_metrics_count_what_came_in_and_went_out(stream: Stream) -> None:
    ready(stream)
    stream.send(range(30))
    stream.world.clock(advance=600)
    found = totals(stream)
    assert found[("InputEvents", "events")] == found[("InputEvents", "arrivals")] == 30
    assert found[("OutputEvents", "raw")] == 30
    path = f"{stream.job}/providers/Microsoft.Insights/metrics"
    refused = stream.world.arm("GET", path, metricnames="NoSuchMetric")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "BadRequest")


def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(stream: Stream) -> None:
    ready(stream)
    for minute in range(9):
        stream.send(range(minute * 10, minute * 10 + 10))
        stream.world.clock(advance=45)
        if minute in (2, 5, 6):
            os.kill(stream.world.server["pid"], signal.SIGKILL)
            stream.world.start()
    stream.world.clock(advance=900)
    assert sorted(row["Number"] for row in stream.rows("raw")) == list(range(90))
    assert sum(row["Events"] for row in stream.rows("windows")) == 90
    assert totals(stream)[("InputEvents", "events")] == 90


def test_a_stopped_job_goes_on_where_it_stopped(stream: Stream) -> None:
    ready(stream)
    stream.send(range(10))
    stream.world.clock(advance=700)
    stream.stop()
    assert stream.state()["jobState"] == "Stopped"
    stream.send(range(10, 20))
    stream.world.clock(advance=700)
    assert stream.start(outputStartMode="LastOutputEventTime").status_code < 300
    stream.world.clock(advance=700)
    assert sorted(row["Number"] for row in stream.rows("raw")) == list(range(20))
    assert sum(row["Events"] for row in stream.rows("windows")) == 20


def test_a_job_that_starts_anew_keeps_what_was_written_before(stream: Stream) -> None:
    ready(stream)
    for numbers in (range(10), range(10, 20)):
        stream.send(numbers)
        stream.world.clock(advance=700)
        stream.stop()
        assert stream.start().status_code < 300
    assert sorted(row["Number"] for row in stream.rows("raw")) == list(range(20))


def test_a_running_job_that_loses_a_role_waits_and_loses_nothing(stream: Stream) -> None:
    receiver, _, raw = ready(stream)
    for gone in (receiver, raw):
        assignment = stream.world.arm("GET", gone).json()["properties"]
        stream.world.arm("DELETE", gone)
        stream.send(range(10))
        stream.world.clock(advance=300)
        assert stream.state()["jobState"] == "Degraded"
        scope = gone.split("/providers/Microsoft.Authorization")[0]
        body = {key: assignment[key] for key in ("roleDefinitionId", "principalId", "principalType")}
        stream.world.put(
            f"{scope}/providers/Microsoft.Authorization/roleAssignments/{gone[-36:]}", {"properties": body}
        )
        stream.world.clock(advance=121)
        stream.world.clock(advance=300)
        assert stream.state()["jobState"] == "Running"
    assert sorted(row["Number"] for row in stream.rows("raw")) == sorted([*range(10), *range(10)])


BAD_QUERY = "SELECT DeviceId INTO windows FROM events WHERE"


@pytest.mark.parametrize(
    ("case", "status", "text"),
    [
        ("no input", 422, "no inputs"),
        ("no output", 422, "no outputs"),
        ("input not declared", 422, "Input source with name 'arrivals' is used in the query but is not defined"),
        ("output not used", 422, "Output with name 'raw' is defined but the query does not use it"),
        ("query wrong", 422, "Query compilation error"),
        ("no role", 403, "Access to the container of output 'raw' is not authorized: no role assignment of"),
        ("running", 409, "'Running'"),
        ("no last output", 400, "has not produced any output yet"),
    ],
)
def test_a_job_that_cannot_run_does_not_start(stream: Stream, case: str, status: int, text: str) -> None:
    only_windows = QUERY.split("SELECT CAST(DeviceId")[0]
    stream.declare(BAD_QUERY if case == "query wrong" else only_windows if case == "output not used" else QUERY)
    grants = stream.allow()
    inputs = (
        ()
        if case == "no input"
        else ("events",)
        if case in ("input not declared", "output not used")
        else ("events", "arrivals")
    )
    stream.connect(inputs, () if case == "no output" else ("windows", "raw"))
    if case == "no role":
        stream.world.arm("DELETE", grants[-1])
    if case == "running":
        assert stream.start().status_code < 300
    refused = stream.start(outputStartMode="LastOutputEventTime" if case == "no last output" else "JobStartTime")
    assert refused.status_code == status, refused.text
    assert text in refused.json()["error"]["message"]
