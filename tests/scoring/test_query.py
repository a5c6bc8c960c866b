"""The query on the stream engine, against the brute-force computation and the contract."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from stream_engine import Event, Query, Result, Row, TimePolicy, compile_query, run

from scoring.contract import arrow_schema, query_outputs, query_problems
from scoring.sensors.contract import CONTRACT
from scoring.sensors.simulator import day
from tests.scoring import brute_force

START = datetime(2026, 3, 2, tzinfo=UTC)
FILE = Path(__file__).parents[2] / "scoring/sensors/query.asaql"
POLICY = TimePolicy(late=timedelta(minutes=5), out_of_order=timedelta(minutes=5), action="Drop")


@pytest.fixture(scope="module")
def query() -> Query:
    return compile_query(FILE.read_text(encoding="utf-8"), name=FILE.name)


def played(query: Query, deliveries) -> Result:
    events = [Event(body=body, enqueued=sent) for sent, _, body in deliveries]
    return run(query, {"events": events, "arrivals": events}, policy=POLICY)


def one(query: Query, *events: dict[str, Any]) -> Mapping[str, list[Row]]:
    """Outputs for single events that arrive a second after the last of them was taken."""
    bodies = [json.dumps(event).encode() for event in events]
    return played(query, [(START + timedelta(minutes=6), "", body) for body in bodies]).outputs


def event(**changes: Any) -> dict[str, Any]:
    usual = {"EventId": "e1", "EventTime": "2026-03-02T00:04:00Z", "DeviceId": "d", "SensorId": "s", "Value": 2.5}
    return {name: value for name, value in {**usual, **changes}.items() if value is not ...}


@pytest.fixture(scope="module")
def simulation():
    return day(START, length=timedelta(hours=3))


@pytest.fixture(scope="module")
def result(query, simulation) -> Result:
    return played(query, simulation.deliveries())


def test_the_query_reads_two_inputs_and_writes_the_contracts_rows(query):
    assert query.inputs == ("events", "arrivals")
    assert query_problems(CONTRACT, query.outputs, file=FILE.name) == []


def test_a_column_renamed_in_the_query_is_told_by_file_output_and_column():
    text = FILE.read_text(encoding="utf-8").replace("AS Maximum", "AS Highest")
    problems = query_problems(CONTRACT, compile_query(text).outputs, file=FILE.name)
    assert "query.asaql: output features: column Maximum is missing" in problems


def test_no_step_of_the_query_has_the_name_of_an_input(query):
    # Names are case-insensitive in Stream Analytics: a step `Events` would hide the input `events`.
    text = FILE.read_text(encoding="utf-8").lower()
    assert not [alias for alias in (*query.inputs, *query.outputs) if f"{alias} as (" in text]


def test_features_equal_the_brute_force_computation(result, simulation):
    _, windows = brute_force.classify(simulation.deliveries())
    expected = brute_force.features(simulation).to_dict("records")
    found = sorted(result.outputs["features"], key=lambda row: (row["WindowEnd"], row["DeviceId"], row["SensorId"]))
    assert len(windows) == len(found) == len(expected)
    exact = ("WindowEnd", "DeviceId", "SensorId", "Events", "Minimum", "Maximum")
    for row, wanted in zip(found, expected, strict=True):
        assert {name: row[name] for name in exact} == {name: wanted[name] for name in exact}
        assert row["Mean"] == pytest.approx(wanted["Mean"], abs=1e-9)
        assert row["Deviation"] == pytest.approx(wanted["Deviation"], abs=1e-9)


def test_what_was_sent_is_accounted_for_to_the_last_event(result, simulation):
    events = result.metrics_by_input["events"]
    found = {
        "regular": sum(row["Events"] for row in result.outputs["features"]),
        "duplicates": sum(row["Duplicates"] for row in result.outputs["features"]),
        "malformed": len(result.outputs["rejected"]),
        "late": events["LateInputEvents"],
        "early": events["EarlyInputEvents"],
        "undeserialisable": events["DeserializationError"],
    }
    assert found == simulation.counts
    assert sum(found.values()) == sum(1 for _ in simulation.deliveries())


def test_the_archive_keeps_every_event_that_is_json_as_it_was_sent(result, simulation):
    sent = [(moment, found) for moment, _, body in simulation.deliveries() if (found := brute_force.read(body))]
    archive = result.outputs["raw"]
    assert len(archive) == len(sent)
    key = {(row["EventId"], row["ArrivalTime"]): row for row in archive}
    for moment, found in sent:
        row = key[found["EventId"], moment]
        assert (row["EventTime"], row["DeviceId"]) == (found["EventTime"], found["DeviceId"])
        assert (
            row["Value"] is None
            if found["Value"] is None
            else brute_force.number(row["Value"]) in (brute_force.number(found["Value"]),)
        )


def test_rows_fit_the_contracts_schema(result):
    import pyarrow as pa

    for alias, row in query_outputs(CONTRACT).items():
        table = pa.Table.from_pylist([dict(found) for found in result.outputs[alias]], schema=arrow_schema(row))
        assert table.num_rows
        for column in row.columns:
            assert column.nullable or table[column.name].null_count == 0, f"{alias}.{column.name}"


@pytest.mark.parametrize(
    ("time", "end"),
    [
        ("2026-03-02T00:05:00Z", "00:05"),
        ("2026-03-02T00:05:00.001Z", "00:10"),
        ("2026-03-02T00:04:59.999Z", "00:05"),
        ("2026-03-02T01:03:00+01:00", "00:05"),
    ],
)
def test_a_window_includes_its_end_and_excludes_its_start(query, time, end):
    (row,) = one(query, event(EventTime=time))["features"]
    assert f"{row['WindowEnd']:%H:%M}" == end


def test_copies_count_once_and_are_told(query):
    (row,) = one(query, event(), event(), event(EventId="e2", Value=4.5), event())["features"]
    assert (row["Events"], row["Duplicates"], row["Mean"], row["Deviation"]) == (2, 2, 3.5, 1.0)


def test_a_single_reading_has_deviation_zero_not_null(query):
    (row,) = one(query, event())["features"]
    assert (row["Events"], row["Deviation"]) == (1, 0.0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Value": "n/a"}, "Value is not a number"),
        ({"Value": None}, "Value is not a number"),
        ({"Value": ...}, "Value is not a number"),
        ({"EventTime": "yesterday"}, "EventTime is not a time"),
        ({"EventTime": ""}, "EventTime is not a time"),
        ({"EventTime": ...}, "EventTime is not a time"),
        ({"EventId": ...}, "EventId is missing"),
        ({"DeviceId": None}, "DeviceId is missing"),
        ({"SensorId": ...}, "SensorId is missing"),
    ],
)
def test_an_event_that_cannot_be_read_is_diverted_with_its_reason_and_in_no_window(query, changes, reason):
    outputs = one(query, event(**changes), event(EventId="other"))
    assert [row["Reason"] for row in outputs["rejected"]] == [reason]
    assert [row["Events"] for row in outputs["features"]] == [1]
    assert len(outputs["raw"]) == 2


def test_a_number_sent_as_text_is_a_number(query):
    outputs = one(query, event(Value="2.5"))
    assert outputs["features"][0]["Mean"] == 2.5
    assert outputs["rejected"] == []
