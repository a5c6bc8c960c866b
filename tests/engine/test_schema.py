"""The tables of a stack: made by `up`, added to without loss, kept when a contract would rob them, opened to few."""

from typing import Any

import pytest

from .cloud import Cloud
from .trial import FACTORY, SQL

CONTRACT = "scoring/sensors/contract.py"
EXTRA = '        Column(name="Extra", type="double", description="One more", nullable=True),\n'
# The prediction's last column, after which one may be added.
LAST = '        Column(name="Job", type="string", description="Name of the job that scored the row"),\n'
ANSWERS = """
server = f"{{group}}/Microsoft.Sql/servers/{{outputs['sqlServer'].split('.')[0]}}"
for each in arm.call("GET", f"{{server}}/privateEndpointConnections", api=arm.SQL_API)["value"]:
    answered = {{"privateLinkServiceConnectionState": {state!r}}}
    arm.call("PUT", each["id"], api=arm.SQL_API, body={{"properties": answered}})
answer = None
"""
AS_ADMIN = FACTORY + "\nanswer = run('schema', {{'script': {script!r}}})"
KEPT = "INSERT INTO dbo.predictions (WindowEnd, DeviceId, SensorId, ModelDigest, Job, Score) VALUES "
KEPT += "('2026-03-09T00:05:00', N'd', N's', N'm', N'j', 0.5);"


class Tables:
    """A stack without a model: its tables are there all the same."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        cloud.create("tables")
        run = self.up(modelPath="")
        assert run.code == 0, run.text
        assert "the schema is applied" in run.text
        self.outputs = cloud.outputs("tables")

    def up(self, **config: str) -> Any:
        return self.cloud.up("tables", **config)

    def as_admin(self, script: str) -> None:
        self.cloud.look(AS_ADMIN.format(script=script), self.outputs)

    def as_factory(self, text: str) -> list[dict[str, Any]]:
        return self.cloud.look(SQL.format(text=text), self.outputs)


@pytest.fixture(scope="module")
def tables(cloud: Cloud) -> Tables:
    made = Tables(cloud)
    made.as_admin(KEPT)
    return made


def test_a_second_up_applies_nothing(tables: Tables) -> None:
    again = tables.up()
    assert again.code == 0, again.text
    assert "the schema is applied" not in again.text


@pytest.mark.parametrize(
    ("statement", "denied"),
    [
        ("DELETE FROM dbo.runs", "DELETE permission was denied on the object 'runs'"),
        ("SELECT * FROM dbo.promoted", "SELECT permission was denied on the object 'promoted'"),
        ("UPDATE dbo.promoted SET Deployment = N'mine'", "permission was denied on the object 'promoted'"),
        ("CREATE TABLE dbo.mine (a INT)", "CREATE TABLE permission denied"),
    ],
)
def test_the_factory_may_load_and_nothing_else(tables: Tables, statement: str, denied: str) -> None:
    with pytest.raises(AssertionError, match=denied):
        tables.as_factory(statement)


def test_a_column_that_is_added_keeps_the_rows_that_are_there(tables: Tables) -> None:
    tables.cloud.edit(CONTRACT, LAST, LAST + EXTRA)
    added = tables.up()
    assert added.code == 0, added.text
    assert "the schema is applied" in added.text
    assert tables.as_factory("SELECT DeviceId, Score, Extra FROM dbo.predictions") == [
        {"DeviceId": "d", "Score": 0.5, "Extra": None}
    ]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('name="Extra"', 'name="Other"', "dbo.predictions: column Extra would be renamed or dropped; keep it in the"),
        ('"Extra", type="double"', '"Extra", type="int64"', "column Extra would turn from FLOAT(53) into BIGINT"),
        (EXTRA, "", "dbo.predictions: column Extra would be renamed or dropped; keep it in the contract (nullable)"),
    ],
    ids=["renamed", "retyped", "dropped"],
)
def test_a_contract_that_robs_the_tables_of_a_column_ends_up_with_advice(
    tables: Tables, before: str, after: str, told: str
) -> None:
    source = tables.cloud.project / CONTRACT
    kept = source.read_text()
    tables.cloud.edit(CONTRACT, before, after)
    refused = tables.up()
    assert refused.code != 0
    assert "the tables stay as they are" in refused.text
    assert told in refused.text
    source.write_text(kept)
    (row,) = tables.as_factory("SELECT * FROM dbo.predictions")
    assert (row["Extra"], row["Score"], "Other" in row) == (None, 0.5, False)


def test_the_schema_is_applied_and_rows_are_read_behind_a_shut_door_of_the_server(tables: Tables) -> None:
    shut = tables.up(sqlPublicAccess="false")
    assert shut.code == 0, shut.text
    assert "the private endpoint of Data Factory is approved" in shut.text
    assert shut.of("warehouse-azure") == ["deleted"]
    tables.as_admin(KEPT.replace("N'd'", "N'behind the door'"))
    assert len(tables.as_factory("SELECT DeviceId FROM dbo.predictions")) == 2
    state = {"status": "Rejected", "description": "by the owner"}
    tables.cloud.look(ANSWERS.format(state=state), tables.outputs)
    with pytest.raises(AssertionError, match="public network interface on this server is not accessible"):
        tables.as_factory("SELECT DeviceId FROM dbo.predictions")


def test_the_door_opens_again(tables: Tables) -> None:
    opened = tables.up(sqlPublicAccess="true")
    assert opened.code == 0, opened.text
    assert len(tables.as_factory("SELECT DeviceId FROM dbo.predictions")) == 2


def test_up_goes_on_once_the_column_is_back(tables: Tables) -> None:
    again = tables.up()
    assert again.code == 0, again.text
