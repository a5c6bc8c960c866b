"""The tables of the warehouse: made twice without harm, added to, never robbed of a column."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
from sql_engine import Principal, Server

from components import schema
from scoring import problems
from scoring.contract import Column, Contract, Row

ADMIN = Principal(name="warehouse", id="00000000-0000-0000-0000-00000000000a")
FACTORY = "11111111-2222-3333-4444-555555555555"
PROMOTED = schema.Promoted(digest="0123456789abcdef", deployment="sensors-01234567")


def applied(server: Server, contract: Contract) -> None:
    script = schema.script(contract, promoted=PROMOTED)
    server.execute("scores", schema.filled(script, factory="adf", client_id=FACTORY), principal=ADMIN)


def with_column(contract: Contract, name: str) -> Contract:
    added = Column(name=name, type="double", description="One more", nullable=True)
    row = Row(name="prediction", columns=(*contract.prediction.columns, added), key=contract.prediction.key)
    return replace(contract, prediction=row)


@pytest.mark.parametrize("problem", problems.known())
def test_the_schema_is_made_and_made_again(problem: str, tmp_path: Path) -> None:
    contract = problems.contract(problem)
    with Server(tmp_path, admins=[ADMIN.id]) as server:
        server.create_database("scores")
        applied(server, contract)
        applied(server, contract)
        for view in ("scores", "current_scores", "anomalies_per_day", "runs_with_counts", "lineage"):
            assert server.read("scores", f"SELECT * FROM dbo.{view}", principal=ADMIN).num_rows == 0


def test_a_column_that_is_added_keeps_the_rows(tmp_path: Path) -> None:
    contract = problems.contract("sensors")
    with Server(tmp_path, admins=[ADMIN.id]) as server:
        server.create_database("scores")
        applied(server, contract)
        insert = "INSERT INTO dbo.predictions (WindowEnd, DeviceId, SensorId, ModelDigest, Job) VALUES "
        server.execute("scores", insert + "(N'2026-03-09T00:05:00', N'd', N's', N'm', N'j')", principal=ADMIN)
        applied(server, with_column(contract, "Extra"))
        (row,) = server.read("scores", "SELECT DeviceId, Extra FROM dbo.predictions", principal=ADMIN).to_pylist()
        assert row == {"DeviceId": "d", "Extra": None}


def test_adding_a_column_is_no_problem() -> None:
    contract = problems.contract("sensors")
    assert schema.refused(schema.columns(contract), schema.columns(with_column(contract, "Extra"))) == []


def test_a_column_that_goes_is_refused_with_advice() -> None:
    contract = problems.contract("sensors")
    before, after = schema.columns(with_column(contract, "Extra")), schema.columns(with_column(contract, "Renamed"))
    (problem,) = schema.refused(before, after)
    assert problem.startswith("dbo.predictions: column Extra would be renamed or dropped; keep it in the contract")


def test_a_column_of_another_type_is_refused() -> None:
    before = {"predictions": {"Score": "FLOAT"}}
    (problem,) = schema.refused(before, {"predictions": {"Score": "BIGINT"}})
    assert problem.startswith("dbo.predictions: column Score would turn from FLOAT into BIGINT")


def test_a_sid_is_the_client_id_in_the_order_that_sql_server_keeps() -> None:
    assert schema.sid("00112233-4455-6677-8899-aabbccddeeff") == "0x33221100554477668899AABBCCDDEEFF"


def test_predictions_that_no_view_could_show_are_refused_by_name() -> None:
    contract = problems.contract("sensors")
    kept = tuple(column for column in contract.prediction.columns if column.name != "Score")
    without = replace(contract, prediction=Row(name="prediction", columns=kept, key=contract.prediction.key))
    with pytest.raises(schema.SchemaError, match="column Score is missing in row prediction"):
        schema.script(without)


def test_the_page_of_statements_is_fresh() -> None:
    spec = importlib.util.spec_from_file_location("sql", Path(__file__).parents[2] / "tools" / "sql.py")
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.FILE.read_text("utf-8") == tool.document(), "docs/sql.md is stale: run python tools/sql.py"
