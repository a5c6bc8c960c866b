"""The statement that prepares a window: filled in alike here and by Data Factory, each row once, nothing lost."""

from __future__ import annotations

import importlib.metadata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factory_engine.expressions import Scope, evaluate
from sql_engine import Principal, Server, SqlError, query
from sql_engine.folder import FolderStorage

from scoring import preparation, problems
from scoring.contract import arrow_schema
from scoring.plant import source
from scoring.plant.contract import CONTRACT as PLANT
from scoring.sensors.contract import CONTRACT as SENSORS

CALLER = Principal(name="factory", id="22222222-2222-2222-2222-222222222222")
DAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def prepared(problem: str, lake: Path, start: datetime, end: datetime, *, file: str = preparation.FILE) -> pa.Table:
    """The statement's rows for a window, as the scorer will read them."""
    text = preparation.statement(preparation.text(problem, file), lake="lake", start=start, end=end)
    table = query(text, storage=FolderStorage(lake), principal=CALLER).read_all()
    schema = arrow_schema(problems.contract(problem).feature)
    return table.cast(pa.schema([field.with_nullable(True) for field in schema]))


STATEMENTS = [f"{path.parent.name}/{path.name}" for path in sorted(problems.ROOT.glob("*/prepare*.sql"))]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize(("start", "hours"), [(0, 24), (0, 1), (13, 1), (23, 1), (18, 6)])
def test_data_factory_fills_in_what_is_filled_in_here(statement, start, hours):
    begin = DAY + start * HOUR
    end = begin + hours * HOUR
    template = preparation.text(*statement.split("/"))
    parameters = {"windowStart": f"{begin:%Y-%m-%dT%H:%M:%SZ}", "windowEnd": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    scope = Scope(now=lambda: DAY, new_id=lambda: "", references={"pipeline": {"parameters": parameters}})
    expression = preparation.factory_expression(template, lake="lakeaccount0123456789ab")
    assert len(expression) <= 8192
    expected = preparation.statement(template, lake="lakeaccount0123456789ab", start=begin, end=end)
    assert evaluate(expression, scope) == expected
    assert "{" not in expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"end": DAY + 25 * HOUR}, "expected whole hours of a day"),
        ({"end": DAY}, "window 2026-03-02T00:00:00Z to 2026-03-02T00:00:00Z"),
        ({"start": DAY + timedelta(minutes=5)}, "expected whole hours"),
        ({"lake": "lake'; DROP"}, "lake \"lake'; DROP\": expected a storage account's name"),
        ({"template": "SELECT '{lakes}'"}, "placeholder lakes is not one of lake, date"),
        ({"template": "SELECT @x"}, "found @"),
    ],
)
def test_what_cannot_be_filled_in_is_refused(change, message):
    usual = {"template": "SELECT 1", "lake": "lake", "start": DAY, "end": DAY + HOUR}
    arguments = {**usual, **change}
    with pytest.raises(ValueError, match=message):
        preparation.statement(arguments.pop("template"), **arguments)


def test_a_statement_that_is_too_long_for_an_expression_is_refused():
    with pytest.raises(ValueError, match="9003 characters as an expression, at most 8192"):
        preparation.factory_expression("SELECT " + "1" * 8993, lake="lake")


def sensor_rows(*rows: tuple) -> pa.Table:
    """Rows of (minutes after DAY or None, device, events, mean)."""
    schema = pa.schema([field.with_nullable(True) for field in arrow_schema(SENSORS.feature)])
    usual = {"SensorId": "flow", "Duplicates": 0, "Minimum": 0.0, "Maximum": 9.0, "Deviation": 1.0}
    values = []
    for minutes, device, events, mean in rows:
        end = None if minutes is None else DAY + timedelta(minutes=minutes)
        values.append({**usual, "WindowEnd": end, "DeviceId": device, "Events": events, "Mean": mean})
    return pa.Table.from_pylist(values, schema=schema)


@pytest.fixture
def stream(tmp_path):
    def write(**files: pa.Table) -> Path:
        for name, table in files.items():
            path = tmp_path / "lake/features/2026/03/02" / f"{name[1:3]}/{name[3:]}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path)
        return tmp_path

    return write


def seen(table: pa.Table) -> list[tuple]:
    rows = table.select(["WindowEnd", "DeviceId", "Events", "Mean"]).to_pylist()
    ends = [row["WindowEnd"] and (row["WindowEnd"] - DAY) // timedelta(minutes=1) for row in rows]
    return [(end, row["DeviceId"], row["Events"], row["Mean"]) for end, row in zip(ends, rows, strict=True)]


def test_of_a_window_in_two_files_the_row_with_most_events_stays_then_that_of_the_last_file(stream):
    lake = stream(
        h13a=sensor_rows((780, "p", 10, 1.0), (785, "p", 7, 2.0), (790, "p", 5, 3.0)),
        h13b=sensor_rows((780, "p", 4, 9.0), (785, "p", 7, 2.5), (790, "p", 5, 4.0), (790, "p", 5, 3.5)),
    )
    rows = seen(prepared("sensors", lake, DAY + 13 * HOUR, DAY + 14 * HOUR))
    assert rows == [(780, "p", 10, 1.0), (785, "p", 7, 2.5), (790, "p", 5, 4.0)]


def test_rows_of_files_beside_the_stream_are_scored_as_its_own_are(stream):
    lake = stream(h13a=sensor_rows((780, "p", 10, 1.0), (785, "p", 7, 2.0)))
    beside = lake / "lake/static/2026/03/02/by-hand.parquet"
    beside.parent.mkdir(parents=True)
    rows = ((775, "q", 1, 0.0), (780, "p", 12, 8.0), (785, "p", 3, 9.0), (800, "q", 4, 5.0), (840, "q", 1, 0.0))
    pq.write_table(sensor_rows(*rows, (None, "q", 2, 6.0)), beside)
    found = seen(prepared("sensors", lake, DAY + 13 * HOUR, DAY + 14 * HOUR, file=preparation.BOTH_FILE))
    assert found == [(780, "p", 12, 8.0), (785, "p", 7, 2.0), (800, "q", 4, 5.0)]
    stream(h00a=sensor_rows((5, "p", 1, 1.0)))
    first = seen(prepared("sensors", lake, DAY, DAY + HOUR, file=preparation.BOTH_FILE))
    assert first == [(None, "q", 2, 6.0), (5, "p", 1, 1.0)]


def test_a_window_is_the_folders_of_its_hours(stream):
    one = {f"h{hour:02}a": sensor_rows((60 * hour, "p", 1, float(hour))) for hour in (0, 12, 13, 14, 23)}
    lake = stream(**one)
    for start, hours, found in ((13, 1, [13.0]), (12, 3, [12.0, 13.0, 14.0]), (0, 24, [0.0, 12.0, 13.0, 14.0, 23.0])):
        table = prepared("sensors", lake, DAY + start * HOUR, DAY + (start + hours) * HOUR)
        assert table["Mean"].to_pylist() == found


def test_rows_without_a_whole_key_all_stay_and_names_differ_by_case(stream):
    lake = stream(
        h00a=sensor_rows((5, "Pump", 1, 1.0), (5, "pump", 1, 2.0), (5, None, 1, 3.0), (5, None, 1, 3.0)),
        h00b=sensor_rows((None, "pump", 1, 4.0), (None, "pump", 1, 4.0)),
    )
    rows = seen(prepared("sensors", lake, DAY, DAY + HOUR))
    assert sorted(mean for *_, mean in rows) == [1.0, 2.0, 3.0, 3.0, 4.0, 4.0]


def test_a_day_without_any_file_is_an_error_and_no_empty_result(stream):
    lake = stream(h00a=sensor_rows((5, "p", 1, 1.0)))
    with pytest.raises(SqlError) as caught:
        prepared("sensors", lake, DAY.replace(day=3), DAY.replace(day=3) + HOUR)
    assert caught.value.number == 13807


@pytest.fixture(scope="module")
def measured() -> pa.Table:
    package, name = source.PACKAGE
    files = importlib.metadata.files(package) or []
    return source.read(Path(str(next(file for file in files if file.name == name).locate())))


@pytest.fixture(scope="module", params=[12, 1], ids=["hourly files", "a file per measurement"])
def lake(request, measured, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    days = measured if request.param == 12 else two_days(measured)
    source.write_lake(days, folder / "lake" / "static", rows_a_file=request.param)
    return folder


def two_days(measured: pa.Table) -> pa.Table:
    """The day before the fault and the day of it."""
    chosen = [time[:10] in ("2018-01-01", "2018-01-02") for time in measured["Time"].to_pylist()]
    return measured.filter(pa.array(chosen))


def test_every_measurement_of_the_files_becomes_the_row_that_training_reads(lake, measured):
    days = sorted(path.relative_to(lake / "lake/static") for path in (lake / "lake/static").glob("*/*/*"))
    assert days
    rows = []
    for day in days:
        start = datetime(*map(int, day.parts), tzinfo=UTC)  # type: ignore[misc]
        rows.append(prepared("plant", lake, start, start + 24 * HOUR))
        assert len(list((lake / "lake/static" / day).glob("*.parquet"))) == 1
    first = datetime(*map(int, days[0].parts), tzinfo=UTC)  # type: ignore[misc]
    expected = source.features(measured, first, first + timedelta(days=len(days)))
    assert pa.concat_tables(rows).equals(expected.cast(rows[0].schema))


def test_a_table_of_text_becomes_the_same_rows_as_files(measured, tmp_path):
    day = datetime(2018, 1, 2, tzinfo=UTC)
    written = measured.filter(pa.array([time.startswith("2018-01-02") for time in measured["Time"].to_pylist()]))
    late = pa.Table.from_pylist([written.slice(3, 1).to_pylist()[0] | {"tag100": "7.5"}], schema=written.schema)
    bad = pa.Table.from_pylist([written.slice(4, 1).to_pylist()[0] | {"Time": "yesterday"}], schema=written.schema)
    columns = ", ".join(f"{name} NVARCHAR(32) NULL" for name in source.FILE_COLUMNS)
    with Server(tmp_path, admins=[CALLER.id]) as server:
        server.create_database("plant")
        server.execute(
            "plant", f"CREATE TABLE dbo.measurements (Loaded DATETIME2(3) NOT NULL, {columns})", principal=CALLER
        )
        for hour, rows in enumerate((written, late, bad), start=12):
            fill(server, rows, day + hour * HOUR)
        template = preparation.text("plant", preparation.TABLE_FILE)
        text = preparation.statement(template, lake="none", start=day, end=day + 24 * HOUR)
        found = pa.table(server.read("plant", text, principal=CALLER))
    assert found["WindowEnd"].null_count == 1
    rows = [row for row in found.to_pylist() if row["WindowEnd"] is not None]
    expected = source.features(measured, day, day + 24 * HOUR).to_pylist()
    expected[3]["tag100"] = 7.5
    assert rows == [row | {"WindowEnd": row["WindowEnd"].replace(tzinfo=None)} for row in expected]


def fill(server: Server, rows: pa.Table, loaded: datetime) -> None:
    """Load rows of text as a data owner would, all at once."""
    given = [[f"'{loaded:%Y-%m-%dT%H:%M:%S}'", *(f"N'{value}'" for value in row.values())] for row in rows.to_pylist()]
    values = ", ".join(f"({', '.join(row)})" for row in given)
    server.execute("plant", f"INSERT INTO dbo.measurements VALUES {values}", principal=CALLER)


def test_the_hours_of_a_day_are_the_day(lake):
    day = datetime(2018, 1, 2, tzinfo=UTC)
    hours = [prepared("plant", lake, day + hour * HOUR, day + (hour + 1) * HOUR) for hour in (0, 9, 10, 11, 12, 23)]
    assert [table.num_rows for table in hours] == [12] * 6
    whole = prepared("plant", lake, day, day + 24 * HOUR)
    assert pa.concat_tables([whole.slice(12 * hour, 12) for hour in (0, 9, 10, 11, 12, 23)]) == pa.concat_tables(hours)


def test_a_measurement_delivered_again_replaces_the_earlier_one_and_a_bad_time_is_kept_once(tmp_path, measured):
    day = measured.slice(0, 24)
    source.write_lake(day, tmp_path / "lake" / "static")
    again = day.slice(3, 2).to_pylist()
    again[0] |= {"tag100": "7.5", "tag102": "Bad"}
    again[1] |= {"Time": "yesterday"}
    pq.write_table(pa.Table.from_pylist(again, schema=day.schema), tmp_path / "lake/static/2017/12/24/late.parquet")
    start = datetime(2017, 12, 24, tzinfo=UTC)
    rows = prepared("plant", tmp_path, start, start + HOUR)
    assert rows.num_rows == 13
    unread = [row for row in rows.to_pylist() if row["WindowEnd"] is None]
    assert len(unread) == 1
    replaced = next(row for row in rows.to_pylist() if row["WindowEnd"] == start + timedelta(minutes=15))
    assert (replaced["tag100"], replaced["tag102"]) == (7.5, None)
    assert prepared("plant", tmp_path, start + HOUR, start + 2 * HOUR).num_rows == 12
    assert PLANT.feature.column("tag102").nullable is False, "the scorer rejects such a row"


@pytest.mark.parametrize(("kind", "rows"), [("history", 2160), ("held-back", 865), ("truth", 37)])
def test_the_command_writes_what_training_and_comparison_read(kind, rows, tmp_path, capsys):
    package, name = source.PACKAGE
    file = next(file for file in importlib.metadata.files(package) or [] if file.name == name).locate()
    arguments = ["--csv", str(file), "--output", str(tmp_path / "out"), "--as", kind]
    assert source.main(arguments) == 0
    assert pq.read_table(tmp_path / "out" / f"{kind}.parquet").num_rows == rows
    assert source.main(arguments) == 1
    assert "out: is there already" in capsys.readouterr().err


def test_data_of_another_form_and_a_place_that_is_taken_are_refused_by_name(tmp_path, measured):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(source.SourceError, match=r"other\.csv: found 2 columns, a, b …; expected a column of times"):
        source.read(tmp_path / "other.csv")
    with pytest.raises(source.SourceError, match=r"no\.csv: cannot be read as CSV"):
        source.read(tmp_path / "no.csv")
    (tmp_path / "taken").mkdir()
    with pytest.raises(source.SourceError, match="taken: is there already"):
        source.write_lake(measured.slice(0, 1), tmp_path / "taken")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.csv", "taken"]
