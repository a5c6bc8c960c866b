"""What is declared of the conducted half: sources by config, identities, the windows' trigger, nothing secret."""

import pytest

from components import factory_control

from .declared import Declared, declare
from .test_program import of, one

PLANT = {"problem": "plant", "ingestion": "static", "modelPath": ""}


def test_a_static_stack_declares_no_hub_and_no_stream() -> None:
    kinds = {resource.type.partition(":")[0] for resource in declare("dev", **PLANT)}
    assert not kinds & {"eventhub", "streamanalytics"}
    assert {"datafactory", "sql", "synapse", "machinelearningservices"} <= kinds


def test_a_static_window_waits_for_no_watermark_and_a_streaming_one_does() -> None:
    def names(stack: list[Declared]) -> list[str]:
        (found,) = [r for r in of(stack, "datafactory:Pipeline") if r.inputs["pipelineName"] == "score"]
        return [activity["name"] for activity in found.inputs["activities"]]

    assert "Watermark passed" not in names(declare("dev", **PLANT))
    assert names(declare("dev", modelPath=""))[0] == "Watermark passed"


@pytest.mark.parametrize(
    ("stack", "folders", "reads"),
    [
        ({}, ["features"], "serverless_query"),
        ({"ingestion": "both"}, ["features", "static"], "serverless_query"),
        ({**PLANT, "staticSource": "table"}, [], "warehouse_query"),
        (PLANT, ["static"], "serverless_query"),
    ],
    ids=["streaming", "both", "a table", "files"],
)
def test_a_window_is_prepared_from_where_its_rows_are(stack: dict[str, str], folders: list[str], reads: str) -> None:
    declared = of(declare("dev", **{"modelPath": "", **stack}), "datafactory:Pipeline")
    (found,) = [r for r in declared if r.inputs["pipelineName"] == "score"]
    activities = {activity["name"]: activity for activity in found.inputs["activities"]}
    assert [name for name in activities if name.startswith("Rows in")] == [f"Rows in {name}" for name in folders]
    assert activities["Prepare"]["inputs"][0]["referenceName"] == reads


def test_a_table_beside_events_is_refused() -> None:
    with pytest.raises(Exception, match=r"staticSource and ingestion: found table and streaming, allowed: a table"):
        declare("dev", modelPath="", staticSource="table")


def test_a_problem_that_lacks_the_statement_for_its_sources_is_refused() -> None:
    with pytest.raises(Exception, match=r"scoring/sensors/prepare_table.sql: there is no such file"):
        declare("dev", modelPath="", ingestion="static", staticSource="table")


def test_a_problem_without_events_is_refused_where_events_are_expected() -> None:
    with pytest.raises(Exception, match=r"ingestion: found 'streaming', but problem plant has no events"):
        declare("dev", problem="plant", modelPath="")


def test_the_server_has_one_administrator_and_no_password(stack: list[Declared]) -> None:
    server = one(stack, "sql:Server")
    assert server["administrators"]["sid"] == "warehouse-identity-client"
    assert server["administrators"]["azureADOnlyAuthentication"] is True
    assert one(stack, "synapse:WorkspaceSqlAadAdmin")["sid"] == "warehouse-identity-client"


def test_only_the_schemas_pipeline_uses_the_administrator(stack: list[Declared]) -> None:
    users = [r.inputs["pipelineName"] for r in of(stack, "datafactory:Pipeline") if "_admin" in str(r.inputs)]
    assert users == ["schema"]


def test_the_trigger_is_due_once_the_last_event_can_no_longer_come(stack: list[Declared]) -> None:
    trigger = one(stack, "datafactory:Trigger")["properties"]
    assert (trigger["delay"], trigger["maxConcurrency"]) == ("0.00:13:00", 1)  # 300 + 300 + 60 + 120 seconds
    assert trigger["startTime"] in ("2026-03-09T13:00:00Z", "2026-03-10T00:00:00Z")


@pytest.mark.parametrize(
    ("hours", "start"),
    [(1, "2026-03-09T13:00:00Z"), (6, "2026-03-09T18:00:00Z"), (24, "2026-03-10T00:00:00Z")],
)
def test_the_first_window_begins_after_the_factory(hours: int, start: str) -> None:
    assert factory_control.next_window("2026-03-09T12:34:56Z", hours) == start


def test_pools_are_there_only_where_asked_for() -> None:
    kinds = {resource.type for resource in declare("dev", modelPath="")}
    assert not kinds & {"synapse:SqlPool", "synapse:BigDataPool"}
    asked = {resource.type for resource in declare("dev", modelPath="", dedicatedPool="true", sparkPool="true")}
    assert {"synapse:SqlPool", "synapse:BigDataPool"} <= asked
