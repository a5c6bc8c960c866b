"""The problem `plant` on a stack without a stream: 1,001 files are one job; a table gives the same rows."""

import csv
import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.plant.source import FILE_COLUMNS

from .cloud import Cloud
from .trial import FACTORY

CONFIG = {"modelPath": "static/build/models/plant", "schedule": "false", "rowsPerFile": "10000"}
SMALL, ROWS_A_FILE, HUGE = 1000, 5, 20_000
DAY, NEXT = datetime(2018, 1, 2), datetime(2018, 1, 3)
# What the window's preparation left for the job, and what the job said that it did.
PREPARED = """
rows = blobs.container(account, "scoring-input").list_blobs(name_starts_with=f"{window}/")
answer = sorted(blob.name.rpartition("/")[2] for blob in rows if blob.name.endswith(".parquet"))
"""
JOBS = """
jobs = arm.call("GET", f"{workspace}/jobs", api=ML)["value"]
answer = [job["properties"]["status"] for job in jobs]
"""
RESOURCES = """
found = arm.call("GET", f"{group.removesuffix('/providers')}/resources", api="2024-03-01")["value"]
answer = sorted({one["type"].partition("/")[0] for one in found})
"""
AS_ADMIN = FACTORY + "\nanswer = run('schema', {{'script': {script!r}}})"


class Static:
    """The stack, and the files of two days as its historian would deliver them."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        cloud.create("static", like="plant")
        (cloud.project / "static").mkdir()
        self.tells("sh", "-c", "cd static && batch-scoring train --problem plant --until 2018-01-01")
        self.up(**CONFIG)
        measured = _measured()
        _deliver(cloud.project / "static/files/2018/01/02", measured)
        _write_csv(cloud.project / "static/files/2018/01/03/day.csv", _at(measured, NEXT, 300, 24))

    def up(self, **config: str) -> None:
        run = self.cloud.up("static", **config)
        assert run.code == 0, run.text
        self.outputs = self.cloud.outputs("static")
        (self.cloud.project / "static.json").write_text(json.dumps(self.outputs))

    def tells(self, *command: str) -> str:
        ended = self.cloud.run(*command)
        assert ended.returncode == 0, ended.stderr + ended.stdout
        return ended.stdout

    def ours(self, *command: str) -> str:
        return self.tells("batch-scoring", *command, "--outputs", "static.json")

    def refused(self, *command: str) -> str:
        ended = self.cloud.run("batch-scoring", *command, "--outputs", "static.json")
        assert ended.returncode == 1, ended.stdout
        return ended.stdout + ended.stderr

    def as_admin(self, script: str) -> None:
        """What the owner of a table does, who is an administrator of the database too."""
        self.look(AS_ADMIN.format(script=script))

    def look(self, code: str, **names: str) -> Any:
        given = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        return self.cloud.look(given + code, self.outputs)

    def results(self, day: datetime) -> list[dict[str, str]]:
        """The day's scored rows, without the job that scored them."""
        span = ("--from", f"{day:%Y-%m-%d}", "--to", f"{day + timedelta(days=1):%Y-%m-%d}")
        rows = csv.DictReader(io.StringIO(self.ours("results", "--format", "csv", *span)))
        return [{key: value for key, value in row.items() if key != "Job"} for row in rows]


def window(day: datetime) -> str:
    return f"{day:%Y%m%dT%H}-{day + timedelta(days=1):%Y%m%dT%H}"


def _measured() -> pa.Table:
    """Rows that the plant measured when it was well."""
    from operations import history, problem

    source = problem.source("plant")
    return source.read(history.source_file("plant", None)).slice(1000, 288)


def _at(measured: pa.Table, day: datetime, seconds: float, rows: int, first: int = 0) -> pa.Table:
    """So many rows, a new one each so many seconds of the day; values are repeated."""
    table = measured.take(pa.array([number % measured.num_rows for number in range(first, first + rows)]))
    times = [str(day + timedelta(seconds=seconds * number)) for number in range(first, first + rows)]
    return table.set_column(0, "Time", pa.array(times))


def _deliver(folder: Path, measured: pa.Table) -> None:
    """1,000 files of five rows, and the rest of the day in one of 20,000."""
    seconds = 86_400 / (SMALL * ROWS_A_FILE + HUGE)
    for number in range(SMALL):
        _write_csv(folder / f"{number:04}.csv", _at(measured, DAY, seconds, ROWS_A_FILE, number * ROWS_A_FILE))
    pq.write_table(_at(measured, DAY, seconds, HUGE, SMALL * ROWS_A_FILE), folder / "rest.parquet")


def _write_csv(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FILE_COLUMNS)
        writer.writerows(row.values() for row in table.to_pylist())


@pytest.fixture(scope="module")
def static(cloud: Cloud) -> Static:
    return Static(cloud)


def test_a_static_stack_has_neither_event_hubs_nor_stream_analytics(static: Static) -> None:
    kinds = static.look(RESOURCES)
    assert not {"Microsoft.EventHub", "Microsoft.StreamAnalytics"} & set(kinds)
    assert {"Microsoft.DataFactory", "Microsoft.MachineLearningServices", "Microsoft.Sql"} <= set(kinds)


def test_a_thousand_small_files_and_a_huge_one_are_one_job_of_three_mini_batches(static: Static) -> None:
    said = static.ours("put", "static/files")
    assert "1,002 files went to" in said
    assert f"window {window(DAY)}: 25,000 rows" in said
    before = len(static.look(JOBS))
    said = static.ours("rerun", window(DAY))
    assert "25,000 rows in = 25,000 scored + 0 rejected" in said
    assert len(static.look(JOBS)) == before + 1
    assert len(static.look(PREPARED, window=window(DAY))) == 3
    rows = static.results(DAY)
    assert len(rows) == len({row["WindowEnd"] for row in rows}) == 25_000


def test_a_second_run_changes_nothing_that_a_reader_sees(static: Static) -> None:
    before = static.results(DAY)
    static.ours("rerun", window(DAY))
    assert static.results(DAY) == before


def test_a_row_of_another_day_in_a_days_folder_is_refused_and_counts_nowhere(static: Static) -> None:
    folder = static.cloud.project / "static/astray/2018/01/03"
    _write_csv(folder / "astray.csv", _at(_measured(), DAY, 60, 3))
    refused = static.refused("put", "static/astray")
    assert "column Time: found 3 rows of 2018-01-02; expected 2018-01-03 alone" in refused


def test_a_table_of_the_database_gives_the_same_scores_as_files(static: Static) -> None:
    assert "24 rows in = 24 scored + 0 rejected" in static.ours("rerun", window(NEXT))
    before = static.results(NEXT)
    static.up(staticSource="table")
    assert "come from a table, which its owner fills" in static.refused("put", "static/files")
    columns = ", ".join(f"{name} NVARCHAR(32) NULL" for name in FILE_COLUMNS)
    rows = _at(_measured(), NEXT, 300, 24).to_pylist()
    texts = [", ".join(f"N'{value}'" for value in row.values()) for row in rows]
    values = ", ".join(f"('2018-01-03', {row})" for row in texts)
    names = ", ".join(("Loaded", *FILE_COLUMNS))
    static.as_admin(f"CREATE TABLE dbo.measurements (Loaded DATETIME2(3) NOT NULL, {columns});")
    static.as_admin(f"INSERT INTO dbo.measurements ({names}) VALUES {values};")
    assert "SELECT permission was denied on the object 'measurements'" in static.refused("rerun", window(NEXT))
    static.as_admin("GRANT SELECT ON OBJECT::dbo.measurements TO loader;")
    assert "24 rows in = 24 scored + 0 rejected" in static.ours("rerun", window(NEXT))
    assert static.results(NEXT) == before
