"""What `run()` makes of files and rows, good and bad: rows in = scored + rejected, and nothing lost."""

import datetime
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring import score
from scoring.code import stage
from scoring.contract import arrow_schema, rejected_row
from scoring.rows import BadFile
from scoring.sensors.contract import CONTRACT
from scoring.sensors.model import SeriesModel

NAN, INF = float("nan"), float("inf")


def put(table: pa.Table, name: str, position: int, value) -> pa.Table:
    """The table with one value changed."""
    values = table[name].to_pylist()
    values[position] = value
    return table.set_column(table.column_names.index(name), name, pa.array(values, table.schema.field(name).type))


def test_every_row_of_a_good_file_is_scored_in_the_contracts_columns(job, rows, capsys):
    job.start()
    assert job.run([job.file("a.parquet", rows)]) == ["a.parquet: in=180 scored=180 rejected=0"]
    assert job.written == ["a.scored.parquet"]
    found = pq.read_table(job.output / "a.scored.parquet")
    assert found.schema.equals(arrow_schema(CONTRACT.prediction))
    for name in (*CONTRACT.feature.key, "Mean"):
        assert found[name].to_pylist() == rows[name].to_pylist()
    log = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["event"] for entry in log] == ["ready", "scored"]
    assert (log[1]["file"], log[1]["in"], log[1]["scored"], log[1]["rejected"]) == ("a.parquet", 180, 180, 0)


def test_a_second_run_of_a_mini_batch_replaces_its_output_by_the_same_bytes(job, rows):
    job.start()
    file = job.file("a.parquet", put(rows, "Mean", 3, NAN))
    job.run([file])
    first = {name: (job.output / name).read_bytes() for name in job.written}
    job.run([file])
    assert {name: (job.output / name).read_bytes() for name in job.written} == first


def test_many_files_are_scored_in_one_call_per_series(job, rows, monkeypatch):
    job.start()
    calls = []
    predict = SeriesModel.predict
    monkeypatch.setattr(SeriesModel, "predict", lambda self, *a: calls.append(1) or predict(self, *a))
    files = [job.file(f"{number}.parquet", rows.slice(number * 15, 15)) for number in range(12)]
    assert job.run(files) == [f"{number}.parquet: in=15 scored=15 rejected=0" for number in range(12)]
    assert len(calls) == 15


def test_a_file_alone_gives_the_same_rows_as_among_others(job, rows, monkeypatch):
    job.start()
    files = [job.file("a.parquet", rows.slice(0, 100)), job.file("b.parquet", rows.slice(100))]
    job.run(files)
    together = [job.table(name) for name in job.written]
    monkeypatch.setattr(score, "BLOCK_ROWS", 10)
    job.run(files)
    assert all(job.table(name).equals(table) for name, table in zip(job.written, together, strict=True))


def as_zoneless_milliseconds(table):
    return table.set_column(
        0, "WindowEnd", table["WindowEnd"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.timestamp("ms"))
    )


def as_nanoseconds_elsewhere(table):
    return table.set_column(0, "WindowEnd", table["WindowEnd"].cast(pa.timestamp("ns", tz="Europe/Paris")))


def with_smaller_types(table):
    table = table.set_column(1, "DeviceId", table["DeviceId"].dictionary_encode())
    return table.set_column(3, "Events", table["Events"].cast(pa.int16()))


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.select(table.column_names[::-1]),
        lambda table: table.append_column("Extra", pa.nulls(table.num_rows)),
        as_zoneless_milliseconds,
        as_nanoseconds_elsewhere,
        with_smaller_types,
    ],
    ids=["reordered", "an extra column", "milliseconds without zone", "nanoseconds elsewhere", "smaller types"],
)
def test_columns_are_bound_by_name_and_harmless_differences_change_nothing(job, rows, change):
    job.start()
    job.run([job.file("a.parquet", rows), job.file("b.parquet", change(rows))])
    assert job.table("a.scored.parquet").equals(job.table("b.scored.parquet"))


def test_single_precision_is_widened(job, rows):
    job.start()
    narrow = rows.set_column(5, "Mean", rows["Mean"].cast(pa.float32()))
    job.run([job.file("a.parquet", rows), job.file("b.parquet", narrow)])
    assert np.allclose(job.table("a.scored.parquet")["Expected"], job.table("b.scored.parquet")["Expected"])
    assert np.allclose(job.table("a.scored.parquet")["Score"], job.table("b.scored.parquet")["Score"], rtol=1e-3)


def test_an_empty_file_gives_an_output_of_no_rows(job, rows):
    job.start()
    assert job.run([job.file("a.parquet", rows.slice(0, 0))]) == ["a.parquet: in=0 scored=0 rejected=0"]
    assert pq.read_table(job.output / "a.scored.parquet").schema.equals(arrow_schema(CONTRACT.prediction))
    assert job.written == ["a.scored.parquet"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Mean", NAN, "Mean is NaN"),
        ("Mean", INF, "Mean is infinite"),
        ("Mean", None, "Mean is null"),
        ("Deviation", -INF, "Deviation is infinite"),
        ("Deviation", -1.0, "Deviation is negative"),
        ("Deviation", None, "Deviation is null"),
        ("Events", None, "Events is null"),
        ("DeviceId", None, "DeviceId is null"),
        ("WindowEnd", None, "WindowEnd is null"),
        ("DeviceId", "pump-999", "no model for device pump-999, sensor flow"),
        ("Mean", 1e300, "the model's Score is infinite"),
    ],
)
def test_a_row_that_cannot_be_scored_is_rejected_with_its_reason_and_costs_no_other(job, rows, name, value, reason):
    job.start()
    position = 16
    sensor = rows["SensorId"][position].as_py()
    broken = put(rows, name, position, value)
    lines = job.run([job.file("a.parquet", rows), job.file("b.parquet", broken)])
    assert lines[1] == "b.parquet: in=180 scored=179 rejected=1"
    rejected = pq.read_table(job.output / "b.rejected.parquet")
    assert rejected.schema.equals(arrow_schema(rejected_row(CONTRACT)))
    (row,) = rejected.to_pylist()
    assert (row["Reason"], row["File"], row["Row"]) == (reason.replace("flow", sensor), "b.parquet", position)
    assert row["SensorId"] == sensor
    others = job.table("a.scored.parquet").drop(index=position).reset_index(drop=True)
    assert job.table("b.scored.parquet").equals(others)


def test_a_column_without_any_value_rejects_every_row_and_scores_none(job, rows):
    job.start()
    file = job.file("a.parquet", rows.set_column(5, "Mean", pa.nulls(180)))
    assert job.run([file]) == ["a.parquet: in=180 scored=0 rejected=180"]
    assert set(job.table("a.rejected.parquet")["Reason"]) == {"Mean is null"}
    assert len(job.table("a.scored.parquet")) == 0


def test_a_column_that_the_model_does_not_read_may_be_null(job, rows):
    job.start()
    assert job.run([job.file("a.parquet", put(rows, "Minimum", 3, None))]) == [
        "a.parquet: in=180 scored=180 rejected=0"
    ]


def missing(job, rows):
    return job.file("x.parquet", rows.drop_columns(["Deviation"]))


def renamed(job, rows):
    return job.file("x.parquet", rows.rename_columns(["WindowEnd", "Device", *rows.column_names[2:]]))


def text(job, rows):
    return job.file("x.parquet", rows.set_column(5, "Mean", rows["Mean"].cast(pa.string())))


def fraction(job, rows):
    return job.file("x.parquet", rows.set_column(3, "Events", rows["Events"].cast(pa.float64())))


def date(job, rows):
    return job.file("x.parquet", rows.set_column(0, "WindowEnd", pa.array([datetime.date(2026, 3, 9)] * 180)))


def ambiguous(job, rows):
    return job.file("x.parquet", rows.append_column("Mean", rows["Mean"]))


def unfitting(job, rows):
    return job.file("x.parquet", rows.set_column(3, "Events", pa.array([2**63] * 180, pa.uint64())))


def truncated(job, rows):
    path = job.file("x.parquet", rows)
    path.write_bytes(path.read_bytes()[:-100])
    return path


def flipped(job, rows):
    path = job.file("x.parquet", rows, write_page_checksum=True, compression="none", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    return path


def no_bytes(job, rows):
    (job.inputs / "x.parquet").write_bytes(b"")
    return job.inputs / "x.parquet"


def comma_separated(job, rows):
    (job.inputs / "x.csv").write_text("WindowEnd,DeviceId\n")
    return job.inputs / "x.csv"


def absent(job, rows):
    return job.inputs / "x.parquet"


def rejected_before(job, rows):
    return job.file("x.rejected.parquet", rows)


BAD_FILES = [
    (missing, r"x\.parquet: column Deviation is missing; the file has WindowEnd, DeviceId"),
    (renamed, r"x\.parquet: column DeviceId is missing; the file has WindowEnd, Device, "),
    (text, r"x\.parquet: column Mean is string, expected double"),
    (fraction, r"x\.parquet: column Events is double, expected int64"),
    (date, r"x\.parquet: column WindowEnd is date32\[day\], expected timestamp"),
    (ambiguous, r"x\.parquet: column Mean occurs 2 times"),
    (unfitting, r"x\.parquet: column Events does not fit int64"),
    (truncated, r"x\.parquet: cannot be read as Parquet"),
    (flipped, r"x\.parquet: cannot be read as Parquet"),
    (no_bytes, r"x\.parquet: cannot be read as Parquet"),
    (comma_separated, r"x\.csv: cannot be read as Parquet"),
    (absent, r"x\.parquet: cannot be read as Parquet"),
    (rejected_before, r"x\.rejected\.parquet: is named like rejected rows"),
]


@pytest.mark.parametrize(("make", "message"), BAD_FILES, ids=[make.__name__ for make, _ in BAD_FILES])
def test_a_bad_file_fails_with_its_name_after_the_others_are_written(job, rows, make, message):
    job.start()
    files = [job.file("a.parquet", rows), make(job, rows), job.file("z.parquet", rows)]
    with pytest.raises(BadFile, match="1 of 3 files are bad: " + message):
        job.run(files)
    assert job.written == ["a.scored.parquet", "z.scored.parquet"]
    assert len(job.table("z.scored.parquet")) == 180


def test_two_files_for_one_output_are_refused(job, rows):
    job.start()
    files = [job.file("a.parquet", rows), job.file("a.pq", rows)]
    with pytest.raises(BadFile, match=r"a\.pq: another file of the mini-batch has the same name a"):
        job.run(files)


def test_a_full_disk_leaves_no_half_written_output(job, rows):
    job.start()
    (job.output / "a.scored.parquet").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        job.run([job.file("a.parquet", rows)])
    assert job.written == []


def test_the_staged_code_folder_scores_by_itself(job, rows, tmp_path):
    stage("sensors", tmp_path / "code")
    program = f"import score; score.init(); print(*score.run([{str(job.file('a.parquet', rows))!r}]))"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path / "code", capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "a.parquet: in=180 scored=180 rejected=0"
    job.start()
    staged = job.table("a.scored.parquet")
    job.run([job.inputs / "a.parquet"])
    assert staged.equals(job.table("a.scored.parquet")), "code digest and all"
