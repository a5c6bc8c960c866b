"""The server: durable, whole after a kill, upserts that run twice, and the command line."""

from __future__ import annotations

import datetime
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sql_engine import Principal, Server, SqlError, sid_literal
from sql_engine.__main__ import main

MOMENT = datetime.datetime(2026, 1, 5, 12, tzinfo=datetime.UTC)


def rows_of(*scores: float | None, device: str = "A", day: int = 5) -> pa.Table:
    """Rows of the table of scores, one minute apart, as a Copy would bring them."""
    moments = [MOMENT.replace(day=day) + datetime.timedelta(minutes=i) for i in range(len(scores))]
    columns = {
        "WindowEnd": pa.array(moments, pa.timestamp("us", tz="UTC")),
        "DeviceId": pa.array([device] * len(scores)),
        "Score": pa.array(scores, pa.float64()),
        "Anomaly": pa.array([0] * len(scores), pa.int64()),
    }
    return pa.table(columns)


def upsert(database, rows, principal, **options) -> int:
    options = {"keys": ["WindowEnd", "DeviceId"], **options}
    return database.server.upsert("warehouse", "dbo.scores", options.pop("keys"), rows, principal=principal, **options)


def test_an_upsert_run_twice_leaves_one_row_each(scores, admin) -> None:
    for value in (1.0, 2.0):
        assert upsert(scores, rows_of(value, value), admin) == 2
    found = scores.rows(
        "SELECT WindowEnd, Score FROM scores WHERE DeviceId = 'a' AND WindowEnd > '2026-01-05' ORDER BY 1"
    )
    plain = MOMENT.replace(tzinfo=None)
    assert found == [(plain, 2.0), (plain + datetime.timedelta(minutes=1), 2.0)]


def test_an_upsert_takes_files_and_readers_and_the_primary_key(scores, admin, tmp_path: Path) -> None:
    paths = []
    for number, device in enumerate(("x", "y")):
        paths.append(tmp_path / f"{number}.parquet")
        pq.write_table(rows_of(1.0, device=device), paths[-1])
    assert upsert(scores, paths, admin, keys=None) == 2
    assert upsert(scores, paths[0], admin) == 1
    assert upsert(scores, rows_of(7.0, device="x").to_reader(), admin) == 1
    assert scores.rows("SELECT DeviceId, Score FROM scores WHERE DeviceId IN ('X', 'Y') ORDER BY 1") == [
        ("x", 7),
        ("y", 1),
    ]


BAD = [
    ("a key twice among new rows", pa.concat_tables([rows_of(1.0)] * 2), {}, 2627),
    ("a known key twice", pa.concat_tables([rows_of(1.0, device="B", day=2)] * 2), {"keys": ["DeviceId"]}, 8672),
    ("text that is too long", rows_of(1.0, device="a device's name"), {}, 2628),
    ("a value against a CHECK", rows_of(1.0, -1.0), {}, 547),
    ("a value that is no number", rows_of(1.0, float("nan")), {}, 8023),
    ("an unknown column", rows_of(1.0).rename_columns(["WindowEnd", "DeviceId", "Score", "Other"]), {}, 207),
    ("a key that the rows have not", rows_of(1.0).drop_columns(["DeviceId"]), {}, 207),
    ("a missing value", rows_of(1.0).drop_columns(["DeviceId"]), {"keys": ["WindowEnd"]}, 515),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "options", "number"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_an_upsert_that_cannot_be_changes_nothing(scores, admin, rows: pa.Table, options: dict, number: int) -> None:
    before = scores.rows("SELECT * FROM scores ORDER BY WindowEnd")
    with pytest.raises(SqlError) as caught:
        upsert(scores, rows, admin, **options)
    assert caught.value.number == number
    assert scores.rows("SELECT * FROM scores ORDER BY WindowEnd") == before


def test_an_upsert_needs_select_insert_and_update_and_more_for_a_table_of_its_own(scores, admin, factory) -> None:
    scores.run(f"CREATE USER adf WITH SID = {sid_literal(factory.id)}, TYPE = E; EXEC (N'CREATE SCHEMA staging')")
    for permission in ("SELECT", "INSERT", "UPDATE"):
        with pytest.raises(SqlError, match=f"The {permission} permission was denied"):
            upsert(scores, rows_of(1.0), factory)
        scores.run(f"GRANT {permission} ON OBJECT::dbo.scores TO adf")
    upsert(scores, rows_of(1.0), factory)
    for number, grant in ((262, "GRANT CREATE TABLE TO adf"), (2760, "GRANT ALTER ON SCHEMA::staging TO adf")):
        with pytest.raises(SqlError) as caught:
            upsert(scores, rows_of(1.0), factory, interim_schema="staging")
        assert caught.value.number == number
        scores.run(grant)
    assert upsert(scores, rows_of(1.0), factory, interim_schema="staging") == 1


WRITER = """
import sys
from pathlib import Path
import pyarrow as pa
from sql_engine import Principal, Server
admin = Principal(name="deployer", id="11111111-1111-1111-1111-111111111111")
server = Server(Path(sys.argv[1]), admins=[admin.id])
round = int(sys.argv[2])
while True:
    rows = pa.table({"k": pa.array(range(20000), pa.int64()), "round": pa.array([round] * 20000, pa.int64())})
    server.upsert("warehouse", "t", ["k"], rows, principal=admin)
    print(round, flush=True)
    round += 1
"""


def test_a_kill_at_any_moment_leaves_whole_upserts_only(tmp_path: Path, admin) -> None:
    folder = tmp_path / "server"
    with Server(folder, admins=[admin.id]) as server:
        server.create_database("warehouse")
        server.execute("warehouse", "CREATE TABLE t (k BIGINT PRIMARY KEY, round BIGINT)", principal=admin)
    done = 0
    for pause in (0.0, 0.07, 0.19):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(done + 1)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        done = int(process.stdout.readline())
        time.sleep(pause)
        process.kill()
        printed = [int(line) for line in process.communicate()[0].split()]
        with Server(folder, admins=[admin.id]) as server:
            select = "SELECT COUNT(*), MIN(round), MAX(round) FROM t"
            ((count, low, high),) = server.execute("warehouse", select, principal=admin)[0].rows
        assert (count, low) == (20000, high)
        done = high
        assert high >= max([*printed, 1])


def test_databases_live_in_their_folder_and_outlive_the_server(tmp_path: Path, admin) -> None:
    for round in range(2):
        with Server(tmp_path, admins=[admin.id]) as server:
            server.create_database("warehouse")
            server.create_database("Other-1")
            script = "IF OBJECT_ID(N't') IS NULL CREATE TABLE t (a INT); INSERT INTO t VALUES (1)"
            server.execute("WAREHOUSE", script, principal=admin)
            (result,) = server.execute("warehouse", "SELECT COUNT(*) FROM t", principal=admin)
            assert result.rows == ((round + 1,),)
            assert server.databases() == ["Other-1", "warehouse"]
            server.drop_database("other-1")
            assert server.databases() == ["warehouse"]


def test_threads_share_a_server(scores, admin) -> None:
    def work(number: int) -> None:
        for turn in range(5):
            upsert(scores, rows_of(float(turn), device=f"d{number}"), admin)
            scores.run("SELECT COUNT(*) FROM scores")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert scores.rows("SELECT COUNT(*), MIN(Score) FROM scores WHERE DeviceId LIKE 'd%'") == [(4, 4.0)]


@pytest.mark.parametrize("name", ["", "../up", "a/b", "x" * 200])
def test_a_database_needs_a_name_that_can_be_a_files(tmp_path: Path, name: str) -> None:
    with Server(tmp_path) as server, pytest.raises(ValueError, match="database name"):
        server.create_database(name)


def test_a_database_that_is_not_there_cannot_be_opened(database, admin) -> None:
    with pytest.raises(SqlError, match="4060"):
        database.server.execute("nosuch", "SELECT 1", principal=admin)


def test_a_principal_without_a_guid_is_a_mistake_of_the_caller(database) -> None:
    with pytest.raises(ValueError, match="badly formed"):
        database.server.execute("warehouse", "SELECT 1", principal=Principal(name="x", id="no guid"))


def test_the_command_line_runs_scripts_and_queries(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "script.sql"
    script.write_text("CREATE TABLE t (a INT, b NVARCHAR(5));\nINSERT t VALUES (1, NULL);\nSELECT * FROM t", "utf-8")
    run = ["run", "--folder", str(tmp_path / "server"), "--database", "d", str(script)]
    assert main(run) == 0
    assert capsys.readouterr().out == "line 1: CREATE TABLE\nline 2: INSERT … VALUES, 1 row(s)\na\tb\n1\tNULL\n"
    assert main(run) == 1
    assert "Msg 2714, line 1, column 14" in capsys.readouterr().err
    lake = tmp_path / "lake" / "account" / "features" / "one.parquet"
    lake.parent.mkdir(parents=True)
    pq.write_table(pa.table({"n": [1, 2]}), lake)
    script.write_text(
        "SELECT SUM(n) AS s FROM OPENROWSET(BULK 'https://account.dfs.core.windows.net/features/*.parquet', "
        "FORMAT = 'PARQUET') AS r",
        "utf-8",
    )
    assert main(["query", "--files", str(tmp_path / "lake"), str(script)]) == 0
    assert capsys.readouterr().out == "s\n3\n"
