import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest

from scoring.contract import (
    Column,
    Contract,
    Row,
    arrow_schema,
    event_problems,
    query_outputs,
    query_problems,
    raw_row,
    rejected_row,
)
from scoring.sensors import contract as sensors
from scoring.sensors.contract import CONTRACT

ROOT = Path(__file__).parents[2]
EVENT = {"EventId": "a", "EventTime": "2026-03-02T00:00:01.500Z", "DeviceId": "d", "SensorId": "s", "Value": 1.5}


@dataclass
class Output:
    name: str
    type: str | None


def outputs() -> dict[str, list[Output]]:
    rows = query_outputs(CONTRACT)
    return {alias: [Output(column.name, column.type) for column in row.columns] for alias, row in rows.items()}


def test_contract_and_code_list_need_only_the_standard_library():
    program = "import sys, scoring.contract, scoring.sensors.contract, scoring.plant.contract, scoring.code"
    program += ", scoring.problems, scoring.preparation; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"numpy", "pyarrow", "pandas", "sklearn"} & set(loaded.stdout.split())


def test_rows_become_arrow_schemas_with_utc_microseconds():
    schema = arrow_schema(CONTRACT.feature)
    assert schema.names == list(CONTRACT.feature.names)
    assert schema.field("WindowEnd").type == pa.timestamp("us", tz="UTC")
    assert schema.field("Events").type == pa.int64()
    assert schema.field("Mean").type == pa.float64()


def test_a_prediction_is_identified_by_its_window_series_and_model():
    assert CONTRACT.prediction.key == (*CONTRACT.feature.key, "ModelDigest")


def test_rejected_rows_keep_the_key_and_say_where_and_why():
    row = rejected_row(CONTRACT)
    assert row.names == ("WindowEnd", "DeviceId", "SensorId", "Reason", "File", "Row")
    assert all(row.column(name).nullable for name in CONTRACT.feature.key)


def test_every_number_of_the_problem_has_a_unit_or_says_that_it_is_none():
    without = {"Score", "Anomaly"}
    rows = (sensors.EVENT, CONTRACT.feature, CONTRACT.prediction)
    numbers = [column for row in rows for column in row.columns if column.type in ("double", "int64")]
    assert {column.name for column in numbers if not column.unit} == without


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: Row(name="r", columns=(c, c), key=()), "row r: column A is declared more than once"),
        (lambda c: Row(name="r", columns=(c,), key=("B",)), "row r: key column B is not one of A"),
        (lambda c: Contract(problem="p", event=row(c), feature=row(c), prediction=row()), "lack the feature key A"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        change(Column(name="A", type="string", description="a"))


def row(*columns: Column) -> Row:
    return Row(name="r", columns=columns, key=tuple(column.name for column in columns))


def test_a_problem_without_events_has_no_archive_and_no_query():
    static = replace(CONTRACT, event=None)
    assert query_problems(static, outputs(), file="q.asaql") == [
        "q.asaql: problem sensors has no event, so there is nothing for a query to read"
    ]
    with pytest.raises(ValueError, match="problem sensors has no event"):
        raw_row(static)


def test_a_query_that_writes_the_contracts_rows_has_no_problems():
    found = outputs()
    found["features"][0].type = "datetime"
    found["features"][1].type = "nvarchar(max)"
    found["features"][3].type = "bigint"
    found["features"][5].type = "float"
    assert query_problems(CONTRACT, found, file="query.asaql") == []


def renamed(found):
    found["features"][5].name = "Average"


def retyped(found):
    found["features"][5].type = "string"


def without_cast(found):
    found["raw"][2].type = None


def without_output(found):
    del found["rejected"]


def with_another_output(found):
    found["more"] = []


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        (
            renamed,
            [
                "q.asaql: output features: column Mean is missing",
                "q.asaql: output features: column Average is not in the contract's row feature",
            ],
        ),
        (retyped, ["q.asaql: output features: column Mean is string, expected double"]),
        (without_cast, ["q.asaql: output raw: column EventId has no CAST; expected string"]),
        (without_output, ["q.asaql: output rejected is missing"]),
        (with_another_output, ["q.asaql: output more is not one of features, raw, rejected"]),
    ],
)
def test_a_query_that_writes_something_else_is_told_file_output_and_column(change, problems):
    found = outputs()
    change(found)
    assert query_problems(CONTRACT, found, file="q.asaql") == problems


def test_an_event_as_the_contract_says_has_no_problems():
    assert event_problems(sensors.EVENT, EVENT) == []


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("Value", "1.5", "column Value: found '1.5', expected double"),
        ("Value", True, "column Value: found True, expected double"),
        ("Value", None, "column Value: found None, expected double"),
        ("EventTime", "yesterday", "column EventTime: found 'yesterday', expected timestamp"),
        ("EventTime", "2026-03-02T00:00:01", "column EventTime: found '2026-03-02T00:00:01', expected timestamp"),
        ("DeviceId", 7, "column DeviceId: found 7, expected string"),
        ("Extra", 1, "column Extra is not in the contract"),
    ],
)
def test_an_event_with_a_wrong_column_is_told_which(name, value, problem):
    assert event_problems(sensors.EVENT, EVENT | {name: value}) == [f"event: {problem}"]


def test_an_event_without_a_column_is_told_which():
    event = {name: value for name, value in EVENT.items() if name != "SensorId"}
    assert event_problems(sensors.EVENT, event) == ["event: column SensorId is missing"]
