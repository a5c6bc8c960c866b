"""What reaches the world, and the answers it gives in the service's shape."""

from collections.abc import Callable
from typing import Any

import pytest
from factory_engine import ActivityError, Factory, Invocation
from factory_engine.outputs import copy_output, metadata_output, script_output, web_output
from factory_engine.testing import ScriptedWorld, activity, factory_of, run_pipeline, web
from factory_engine.world import CopyRequest, MetadataRequest, ScriptRequest, WebRequest

OK = ["Succeeded"]


def test_secure_input_and_output_stay_out_of_records_but_reach_expressions() -> None:
    secret = web("A", policy={"secureInput": True, "secureOutput": True})
    after = web("B", {"A": OK}, properties={"url": "https://x/@{activity('A').output.key}"})
    world = ScriptedWorld()
    world.answers = {"A": [{"key": "k"}]}
    _, runs = run_pipeline(factory_of(secret, after), "score", world)
    assert (runs[0]["input"], runs[0]["output"]) == ({}, {})
    assert world.requests[1].url == "https://x/k"


LAKE = {
    "linked_services": {
        "lake": {
            "type": "AzureBlobFS",
            "parameters": {"account": {"type": "String"}},
            "typeProperties": {"url": "https://@{linkedService().account}.dfs.core.windows.net"},
        },
        "warehouse": {"type": "AzureSqlDatabase", "typeProperties": {"database": "scores"}},
    },
    "datasets": {
        "hour": {
            "properties": {
                "type": "Parquet",
                "linkedServiceName": {"referenceName": "lake", "parameters": {"account": "@dataset().account"}},
                "parameters": {"folder": {"type": "String"}, "account": {"type": "String", "defaultValue": "plant"}},
                "typeProperties": {"location": {"type": "AzureBlobFSLocation", "folderPath": "@dataset().folder"}},
            }
        }
    },
}


def lake(*activities: dict[str, Any]) -> Factory:
    return Factory(pipelines={"score": {"activities": list(activities)}}, **LAKE)


def hour(folder: str) -> dict[str, Any]:
    return {"referenceName": "Hour", "type": "DatasetReference", "parameters": {"folder": folder}}


def test_a_copy_gets_its_datasets_and_linked_services_with_all_parameters_put_in() -> None:
    copy = activity(
        "Prepare",
        "Copy",
        {
            "source": {"type": "ParquetSource", "q": "@{add(1, 1)}"},
            "sink": {"type": "ParquetSink"},
            "parallelCopies": 2,
        },
        inputs=[hour("@concat('a/', 'b')")],
        outputs=[hour("@@{literal}")],
    )
    world = ScriptedWorld()
    run_pipeline(lake(copy), "score", world)
    (request,) = world.requests
    assert isinstance(request, CopyRequest)
    assert request.input.properties == {"location": {"type": "AzureBlobFSLocation", "folderPath": "a/b"}}
    assert request.output.properties["location"]["folderPath"] == "@{literal}"
    assert request.input.linked_service.properties == {"url": "https://plant.dfs.core.windows.net"}
    assert (request.source["q"], request.settings) == ("2", {"parallelCopies": 2})


def test_a_script_and_a_look_at_metadata_reach_the_world() -> None:
    script = activity(
        "Upsert",
        "Script",
        {"scripts": [{"type": "NonQuery", "text": "delete from t where h = '@{add(1, 2)}'"}]},
        linkedServiceName={"referenceName": "warehouse", "type": "LinkedServiceReference"},
    )
    look = activity("Look", "GetMetadata", {"dataset": hour("@concat('f')"), "fieldList": ["exists", "childItems"]})
    world = ScriptedWorld()
    record, runs = run_pipeline(lake(script, look), "score", world)
    first, second = world.requests
    assert isinstance(first, ScriptRequest)
    assert isinstance(second, MetadataRequest)
    assert first.scripts[0]["text"] == "delete from t where h = '3'"
    assert (second.fields, second.dataset.properties["location"]["folderPath"]) == (("exists", "childItems"), "f")
    assert (record["status"], runs[0]["linkedServiceName"]) == ("Succeeded", "warehouse")


def test_a_web_request_carries_method_headers_body_identity_and_timeout() -> None:
    call = web(
        "Invoke",
        properties={
            "method": "post",
            "url": "https://x/jobs",
            "headers": {"azureml-model-deployment": "@{toLower('D1')}"},
            "body": {"properties": {"n": "@add(1, 1)"}},
            "authentication": {"type": "MSI", "resource": "https://ml.azure.com"},
            "httpRequestTimeout": "00:05:00",
        },
    )
    world = ScriptedWorld()
    run_pipeline(factory_of(call), "score", world)
    (request,) = world.requests
    assert isinstance(request, WebRequest)
    assert (request.method, request.timeout, request.body) == ("POST", 300, {"properties": {"n": 2}})
    assert request.headers == {"azureml-model-deployment": "d1"}
    assert request.authentication == {"type": "MSI", "resource": "https://ml.azure.com"}


def test_system_variables_are_those_of_the_run() -> None:
    text = "@{pipeline().DataFactory} @{pipeline().Pipeline} @{pipeline().TriggerType} @{pipeline().TriggerName}"
    put = activity("Put", "SetVariable", {"variableName": "v", "value": text})
    factory = factory_of(put, variables={"v": {"type": "String"}})
    invocation = Invocation(kind="TumblingWindowTrigger", name="hourly", id="t1")
    record, runs = run_pipeline(factory, "score", ScriptedWorld(), invocation=invocation)
    assert runs[0]["output"]["value"] == "plant score TumblingWindowTrigger hourly"
    assert record["invokedBy"] == {"id": "t1", "name": "hourly", "invokedByType": "TumblingWindowTrigger"}


OUTPUTS: list[tuple[Callable[[], Any], Any]] = [
    (lambda: web_output("u", 200, {"H": "v"}, b'{"a": 1}')["ADFWebActivityResponseHeaders"], {"H": "v"}),
    (lambda: web_output("u", 202, {}, b"").get("a"), None),
    (lambda: copy_output(seconds=2, data_read=2048, data_written=1, rows_read=3, rows_copied=3)["throughput"], 1.0),
    (lambda: "filesWritten" in copy_output(seconds=2, data_read=1, data_written=1), False),
    (lambda: script_output([[{"n": 1}]])["resultSets"], [{"rowCount": 1, "rows": [{"n": 1}]}]),
    (lambda: metadata_output(["exists"], None)["exists"], False),
    (lambda: "size" in metadata_output(["itemName"], {"itemName": "f", "size": 1}), False),
]


@pytest.mark.parametrize(("make", "value"), OUTPUTS)
def test_outputs_have_the_services_shape(make: Callable[[], Any], value: Any) -> None:
    assert make() == value


FAILURES: list[tuple[Callable[[], Any], str]] = [
    (lambda: web_output("https://x", 403, {}, b"no"), "Error calling the endpoint 'https://x'"),
    (lambda: web_output("https://x", 200, {}, b"[1]"), "not a valid JObject"),
    (lambda: web_output("https://x", 200, {}, b"text"), "not a valid JObject"),
    (lambda: metadata_output(["itemName"], None), "missing"),
]


@pytest.mark.parametrize(("make", "message"), FAILURES)
def test_answers_that_the_service_does_not_take_fail_the_activity(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ActivityError, match=message):
        make()
