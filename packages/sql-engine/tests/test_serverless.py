"""Synapse serverless: files of a lake by OPENROWSET, with the paths, types and errors of the service."""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sql_engine import Principal, SqlError, query
from sql_engine.folder import FolderStorage

LAKE = "https://lake.dfs.core.windows.net"
CALLER = Principal(name="factory", id="22222222-2222-2222-2222-222222222222")


def features(*rows: tuple[int, str, float]) -> pa.Table:
    """Feature rows: hour of the window's end, device, mean."""
    moments = [datetime.datetime(2026, 1, 1, hour, tzinfo=datetime.UTC) for hour, _, _ in rows]
    return pa.table(
        {
            "WindowEnd": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "DeviceId": pa.array([device for _, device, _ in rows]),
            "Mean": pa.array([mean for _, _, mean in rows], pa.float64()),
            "Events": pa.array([1] * len(rows), pa.int64()),
        }
    )


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of features, hidden files beside them, and a folder of CSV."""
    root = tmp_path_factory.mktemp("lake")
    files = {
        "13/a.parquet": features((1, "a", 1.0), (2, "b", 2.0)),
        "13/b.parquet": features((1, "A", 5.0), (3, "c", 3.0)),
        "13/_log.parquet": features((9, "hidden", 9.0)),
        "14/a.parquet": features((14, "a", 4.0)).append_column("Extra", pa.array([1])),
        "15/run=j1/a.parquet": features((15, "a", 4.0)).append_column("filename", pa.array(["own"])),
        "14/.tmp/x.parquet": features((9, "hidden", 9.0)),
    }
    for name, table in files.items():
        path = root / "lake/features/2026/01/01" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
    static = root / "lake/static"
    static.mkdir()
    (static / "one.csv").write_text('DeviceId,Mean,At\na,1.5,2026-01-01T00:00:00\n"b, c",,\n', "utf-8")
    (static / "two.tsv").write_text("x\t7\n", "utf-8")
    return root


def run(lake: Path, script: str, **options) -> list[tuple]:
    reader = query(script, storage=FolderStorage(lake), principal=CALLER, **options)
    return [tuple(row.values()) for batch in reader for row in batch.to_pylist()]


def rowset(path: str, rest: str = "FORMAT = 'PARQUET'", *, columns: str = "") -> str:
    return f"OPENROWSET(BULK '{path}', {rest}) {columns} AS r"


HOUR = f"{LAKE}/features/2026/01/01"
OWN = "WITH (filename VARCHAR(9), Mean FLOAT)"
QUERIES = [
    ("one folder", f"SELECT COUNT(*) FROM {rowset(HOUR + '/13/*.parquet')}", [(4,)]),
    ("a folder by its name", f"SELECT COUNT(*) FROM {rowset(HOUR + '/13/')}", [(4,)]),
    ("one file", f"SELECT COUNT(*) FROM {rowset(HOUR + '/13/a.parquet')}", [(2,)]),
    ("a hidden file that is named", f"SELECT COUNT(*) FROM {rowset(HOUR + '/13/_log.parquet')}", [(1,)]),
    ("all below", f"SELECT COUNT(*) FROM {rowset(LAKE + '/features/**')}", [(6,)]),
    (
        "a folder that looks like a partition is no column",
        f"SELECT r.filepath(1) AS job, r.filename, Mean FROM {rowset(HOUR + '/15/run=*/*.parquet', columns=OWN)}",
        [("j1", "own", 4.0)],
    ),
    ("a wildcard inside a name", f"SELECT COUNT(*) FROM {rowset(HOUR + '/1*/a*.parquet')}", [(3,)]),
    ("the blob's address", f"SELECT COUNT(*) FROM {rowset(HOUR.replace('dfs', 'blob') + '/13/*')}", [(4,)]),
    (
        "an abfss path",
        "SELECT COUNT(*) FROM " + rowset("abfss://features@lake.dfs.core.windows.net/2026/01/01/14/*"),
        [(1,)],
    ),
    (
        "two paths",
        f"SELECT COUNT(*) FROM OPENROWSET(BULK ('{HOUR}/13/a.parquet', '{HOUR}/14/*'), FORMAT = 'PARQUET') r",
        [(3,)],
    ),
    (
        "where a row comes from",
        "SELECT r.filepath(4) AS hour, r.filepath(5) AS stem, r.filename() AS name, COUNT(*) AS n FROM "
        + rowset(LAKE + "/features/*/*/*/*/*.parquet")
        + " WHERE r.filepath(4) = '13' GROUP BY r.filepath(4), r.filepath(5), r.filename() ORDER BY name",
        [("13", "a", "a.parquet", 2), ("13", "b", "b.parquet", 2)],
    ),
    (
        "the newest of each key",
        "SELECT DeviceId, Mean FROM (SELECT r.*, ROW_NUMBER() OVER (PARTITION BY WindowEnd, DeviceId "
        f"ORDER BY r.filepath() DESC) AS n FROM {rowset(HOUR + '/13/*.parquet')}) AS d WHERE d.n = 1 ORDER BY DeviceId",
        [("A", 5.0), ("b", 2.0), ("c", 3.0)],
    ),
    (
        "columns by name, NULL where a file has none",
        "SELECT Mean, Nosuch, D FROM "
        + rowset(HOUR + "/14/*", columns="WITH (Nosuch INT, Mean FLOAT, D VARCHAR(3) '$.DeviceId')"),
        [(4.0, None, "a")],
    ),
    (
        "moments as DATETIME2",
        "SELECT CONVERT(date, MIN(WindowEnd)) AS d FROM "
        + rowset(HOUR + "/13/*", columns="WITH (WindowEnd DATETIME2(3))"),
        [(datetime.date(2026, 1, 1),)],
    ),
    ("keys without case", f"SELECT COUNT(DISTINCT DeviceId) FROM {rowset(HOUR + '/13/*')}", [(3,)]),
    (
        "keys of a binary collation",
        "SELECT COUNT(DISTINCT DeviceId), COUNT(*) FROM "
        + rowset(HOUR + "/13/*", columns="WITH (DeviceId VARCHAR(9) COLLATE Latin1_General_100_BIN2_UTF8)")
        + " WHERE DeviceId <> 'C'",
        [(4, 4)],
    ),
    (
        "a CSV with a header, by name",
        "SELECT Mean, DeviceId, At FROM "
        + rowset(
            LAKE + "/static/*.csv",
            "FORMAT = 'CSV', PARSER_VERSION = '2.0', HEADER_ROW = TRUE",
            columns="WITH (At DATETIME2(0), Mean FLOAT, DeviceId VARCHAR(20) COLLATE Latin1_General_100_BIN2_UTF8)",
        )
        + " ORDER BY DeviceId",
        [(1.5, "a", datetime.datetime(2026, 1, 1)), (None, "b, c", None)],
    ),
    (
        "a CSV by position",
        "SELECT d, m FROM "
        + rowset(
            LAKE + "/static/one.csv", "FORMAT = 'CSV', FIRSTROW = 2", columns="WITH (m VARCHAR(9) 2, d VARCHAR(9) 1)"
        )
        + " ORDER BY d",
        [("a", "1.5"), ("b, c", None)],
    ),
    (
        "another separator",
        "SELECT a, TRY_CAST(b AS INT) + 1 FROM "
        + rowset(
            LAKE + "/static/*.tsv",
            "FORMAT = 'CSV', FIELDTERMINATOR = '\\t'",
            columns="WITH (a VARCHAR(5), b VARCHAR(5))",
        ),
        [("x", 8)],
    ),
    (
        "static beside streaming",
        f"SELECT DeviceId FROM {rowset(HOUR + '/14/*')} UNION ALL SELECT DeviceId FROM "
        + rowset(LAKE + "/static/one.csv", "FORMAT = 'CSV', PARSER_VERSION = '2.0', HEADER_ROW = TRUE")
        + " ORDER BY DeviceId",
        [("a",), ("a",), ("b, c",)],
    ),
]


@pytest.mark.parametrize(("script", "expected"), [case[1:] for case in QUERIES], ids=[case[0] for case in QUERIES])
def test_files_are_read_as_the_service_reads_them(lake: Path, script: str, expected: list[tuple]) -> None:
    assert run(lake, script) == expected


def test_a_folder_that_looks_like_a_partition_adds_no_column(lake: Path) -> None:
    reader = query(f"SELECT * FROM {rowset(HOUR + '/15/**')}", storage=FolderStorage(lake), principal=CALLER)
    assert reader.schema.names == ["WindowEnd", "DeviceId", "Mean", "Events", "filename"]


class OneFile(FolderStorage):
    """A lake that keeps every file in one place, as a store by content may."""

    def download(self, url: str) -> Path:
        return super().download(f"{HOUR}/13/a.parquet")


def test_equal_files_kept_once_count_once_for_each_address(lake: Path) -> None:
    script = f"SELECT COUNT(*) AS n, COUNT(DISTINCT r.filepath()) AS f FROM {rowset(HOUR + '/13/*')}"
    assert query(script, storage=OneFile(lake), principal=CALLER).read_all().to_pylist() == [{"n": 4, "f": 2}]


def test_a_data_source_gives_the_place(lake: Path) -> None:
    script = "SELECT COUNT(*) FROM " + rowset("2026/01/01/13/*.parquet", "FORMAT = 'PARQUET', DATA_SOURCE = 'Features'")
    assert run(lake, script, data_sources={"features": f"{LAKE}/features"}) == [(4,)]
    with pytest.raises(SqlError, match='External data source "Features" does not exist'):
        run(lake, script)


ERRORS = [
    ("no file",
     f"SELECT *\nFROM {rowset(HOUR + '/99/*.parquet')}", 13807, 2, f"'{HOUR}/99/*.parquet' cannot be listed."),
    ("a name that is none", f"SELECT Nosuch FROM {rowset(HOUR + '/13/*')}", 207, 1, "'Nosuch'"),
    ("a type that cannot be", f"SELECT * FROM {rowset(HOUR + '/13/*', columns='WITH (Mean INT)')}", -1, 1,
     "Column 'Mean' of type 'INT' is not compatible with external data type 'Parquet physical type: DOUBLE', please "
     "try with 'FLOAT'."),
    ("text that is no number",
     "SELECT * FROM " + rowset(LAKE + "/static/one.csv", "FORMAT = 'CSV'", columns="WITH (a INT)"), 4864, 1,
     f"column a in data file {LAKE}/static/one.csv."),
    ("a table", "SELECT * FROM dbo.scores", 208, 1, "'dbo.scores'"),
    ("no alias", f"SELECT * FROM OPENROWSET(BULK '{HOUR}/13/*', FORMAT = 'PARQUET')", 491, 1, "correlation name"),
    ("a CSV of unknown columns",
     f"SELECT * FROM {rowset(LAKE + '/static/one.csv', 'FORMAT = ' + repr('CSV'))}", 0, 1, "WITH"),
    ("Delta", f"SELECT * FROM {rowset(HOUR, 'FORMAT = ' + repr('DELTA'))}", 0, 1, "'DELTA'"),
    ("an option",
     f"SELECT * FROM {rowset(HOUR, 'FORMAT = ' + repr('CSV') + ', ESCAPECHAR = ' + repr('x'))}", 0, 1, "ESCAPECHAR"),
    ("another host", f"SELECT * FROM {rowset('https://example.org/a/b')}", 0, 1, "https://account.dfs"),
    ("** in the middle", f"SELECT * FROM {rowset(LAKE + '/features/**/01/*.parquet')}", 0, 1, "**"),
    ("CETAS", "CREATE EXTERNAL TABLE t WITH (LOCATION = 'x') AS SELECT 1 AS a", 0, 1, "fails when it runs again"),
    ("two statements", "SELECT 1 AS a; SELECT 2 AS b", 0, 1, "one SELECT"),
    ("filepath too far", f"SELECT r.filepath(2) FROM {rowset(HOUR + '/13/*')}", -1, 1, "1 wildcard"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "number", "line", "part"), [case[1:] for case in ERRORS], ids=[case[0] for case in ERRORS]
)
def test_a_query_that_cannot_be_says_why_and_where(lake: Path, script: str, number: int, line: int, part: str) -> None:
    with pytest.raises(SqlError) as caught:
        run(lake, script)
    assert (caught.value.number, caught.value.line) == (number, line)
    assert part in caught.value.message


class Locked(FolderStorage):
    """A lake of which the caller may list but not read, or not even list."""

    may_list = True

    def list(self, url_pattern: str):
        if not self.may_list:
            raise PermissionError
        return super().list(url_pattern)

    def download(self, url: str) -> Path:
        raise PermissionError


@pytest.mark.parametrize(("may_list", "number"), [(False, 13807), (True, 13822)])
def test_who_may_not_read_the_lake_gets_the_services_error(lake: Path, may_list: bool, number: int) -> None:
    storage = Locked(lake)
    storage.may_list = may_list
    with pytest.raises(SqlError) as caught:
        query(f"SELECT * FROM {rowset(HOUR + '/13/*')}", storage=storage, principal=CALLER)
    assert caught.value.number == number


def test_a_result_comes_in_batches_with_the_querys_names(lake: Path) -> None:
    script = f"SELECT a.WindowEnd AS [Window End], a.DeviceId, 1 FROM {rowset(HOUR + '/13/*').replace('AS r', 'AS a')}"
    script += f" CROSS JOIN {rowset(HOUR + '/13/*')} CROSS JOIN {rowset(HOUR + '/13/*').replace('AS r', 'AS c')}"
    reader = query(script, storage=FolderStorage(lake), principal=CALLER, rows=20)
    assert reader.schema.names == ["Window End", "DeviceId", "Column3"]
    assert reader.schema.types == [pa.timestamp("us"), pa.string(), pa.int32()]
    assert sum(batch.num_rows for batch in reader) == 64


def test_an_error_in_a_later_batch_still_has_its_number_and_place(lake: Path) -> None:
    script = f"SELECT\nCAST(DeviceId AS INT) AS n FROM {rowset(HOUR + '/13/*')}"
    with pytest.raises(SqlError) as caught:
        query(script, storage=FolderStorage(lake), principal=CALLER).read_all()
    assert (caught.value.number, caught.value.line, caught.value.column) == (245, 2, 1)
