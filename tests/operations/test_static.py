"""Files that come in as such are checked before one of them is uploaded, against what the preparation reads."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from operations import problem, put, static
from operations.cli import app
from operations.errors import OperationError
from operations.stack import Stack
from operations.static import Delivery
from operations.windows import Window
from scoring import preparation
from scoring.contract import arrow_schema
from scoring.plant.contract import CONTRACT, NUMBER_TAGS, TEXT_TAGS

SHAPE = static.layout(CONTRACT, preparation.text("plant"))
TAGS = ("tag100", *NUMBER_TAGS, *TEXT_TAGS)
DAY = date(2018, 1, 2)


def rows(count: int = 3, *, first: str = "2018-01-02 06:00:00", **texts: str | None) -> dict[str, list]:
    """Measurements an hour apart as the historian writes them; `texts` replaces a column of all of them."""
    start = datetime.fromisoformat(first)
    times = [str(start.replace(hour=(start.hour + n) % 24)) for n in range(count)]
    return {"Time": times} | {tag: [texts.get(tag, "0.5")] * count for tag in TAGS} | {"tag0": ["x"] * count}


def csv(path: Path, columns: dict[str, list]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def parquet(path: Path, columns: dict[str, list], **types: pa.DataType) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = {name: pa.array(values, pa.string()).cast(types.get(name, pa.string())) for name, values in columns.items()}
    pq.write_table(pa.table(made), path)
    return path


def deliveries(*places: Path, days: tuple[date, ...] = ()) -> list[Delivery]:
    return static.check(static.find(places, days), CONTRACT, SHAPE)


def test_a_folder_nested_by_date_goes_where_the_preparation_reads(tmp_path):
    csv(tmp_path / "2018/01/02/0600.csv", rows())
    parquet(tmp_path / "2018/01/03/day.parquet", rows(first="2018-01-03 00:00:00"))
    csv(tmp_path / "2018/01/03/.0700.csv.part", {})
    found = deliveries(tmp_path)
    assert [delivery.target for delivery in found] == ["2018/01/02/0600.csv", "2018/01/03/day.parquet"]
    assert [delivery.target for delivery in deliveries(tmp_path, days=(DAY,))] == ["2018/01/02/0600.csv"]


def test_a_file_outside_of_such_a_folder_goes_by_its_rows_or_by_the_date_that_is_given(tmp_path):
    assert deliveries(csv(tmp_path / "a.csv", rows()))[0].day == DAY
    assert deliveries(csv(tmp_path / "none.csv", rows(0)), days=(DAY,))[0].target == "2018/01/02/none.csv"


def test_windows_are_counted_from_midnight_and_rows_without_a_time_go_with_the_first(tmp_path):
    columns = rows(3, first="2018-01-02 11:00:00")
    columns["Time"][2] = "soon"
    found = put.windows(deliveries(csv(tmp_path / "a.csv", columns)), 12)
    noon = datetime(2018, 1, 2, 12, tzinfo=UTC)
    midnights = (datetime(2018, 1, day, tzinfo=UTC) for day in (2, 3))
    first, last = midnights
    assert found == {Window(start=first, end=noon): 2, Window(start=noon, end=last): 1}


def test_rows_that_will_be_rejected_are_counted_by_column(tmp_path):
    columns = rows()
    columns["tag8"][0] = columns["tag17"][0] = columns["tag17"][1] = "Bad"
    columns["tag2"] = ["Bad"] * 3  # the model does without it
    assert deliveries(csv(tmp_path / "a.csv", columns))[0].lacking == {"tag8": 1, "tag17": 2}


def without(*names: str) -> dict[str, list]:
    return {name: values for name, values in rows().items() if name not in names}


Write = Callable[[Path], Path]
WRONG: list[tuple[str, Write, str]] = [
    ("a csv of numbers in words", lambda p: csv(p / "a.csv", rows(tag8="1;5")), "a.csv: column tag8: found '1;5' in 3"),
    ("a csv twice a column", lambda p: doubled(p / "a.csv"), "a.csv: column tag8: found more than once, expected once"),
    (
        "a csv without a column",
        lambda p: csv(p / "a.csv", without("tag8")),
        "a.csv: column tag8: not there; found Time",
    ),
    (
        "a csv without a header",
        lambda p: csv(p / "a.csv", {}),
        "a.csv: column Time, tag100, .*: not there; found no head",
    ),
    (
        "a csv without times",
        lambda p: csv(p / "a.csv", rows() | {"Time": ["soon"] * 3}),
        "column Time: found 'soon' in 3",
    ),
    ("a csv without utf-8", lambda p: latin(p / "a.csv"), "a.csv: found what is not CSV in UTF-8"),
    ("a day that is none", lambda p: csv(p / "2018/13/01/a.csv", rows()), "folder 2018/13/01: not a day"),
    ("a file of another kind", lambda p: csv(p / "a.txt", rows()), "a.txt: found .txt; expected .csv or .parquet"),
    ("a file of no rows", lambda p: csv(p / "a.csv", rows(0)), "a.csv: no rows tell its day; expected --date"),
    ("a folder below a day", lambda p: csv(p / "2018/01/02/unit/a.csv", rows()), "below the day's folder 2018/01/02"),
    ("a parquet of numbers", lambda p: parquet(p / "a.parquet", rows(), tag8=pa.float64()), "tag8: found double, expe"),
    ("a parquet that is none", lambda p: csv(p / "a.parquet", rows()), "a.parquet: found what is not Parquet"),
    (
        "a text too long",
        lambda p: csv(p / "a.csv", rows(tag2="B" * 33)),
        "tag2: found a text of 33 bytes; expected at m",
    ),
    (
        "rows of another day",
        lambda p: csv(p / "2018/01/03/a.csv", rows()),
        "column Time: found 3 rows of 2018-01-02; expected 2018-01-03 alone",
    ),
    ("the same name twice", lambda p: same_name(p), "a.csv: would all become 2018/01/02/a.csv"),
]


def doubled(path: Path) -> Path:
    csv(path, rows())
    path.write_text(path.read_text().replace("tag0", "tag8"))
    return path


def latin(path: Path) -> Path:
    csv(path, rows(tag2="Störung"))
    path.write_bytes(path.read_text().encode("latin-1"))
    return path


def same_name(folder: Path) -> Path:
    csv(folder / "one" / "a.csv", rows())
    csv(folder / "two" / "a.csv", rows())
    return folder


@pytest.mark.parametrize(("write", "found"), [pytest.param(write, found, id=name) for name, write, found in WRONG])
def test_what_does_not_fit_is_told_with_file_column_found_and_expected(tmp_path, write, found):
    with pytest.raises(OperationError, match=found):
        deliveries(write(tmp_path))


def test_every_file_that_does_not_fit_is_named_and_nothing_goes(tmp_path):
    for name in "abc":
        csv(tmp_path / f"{name}.csv", without("tag8") if name < "c" else rows())
    with pytest.raises(OperationError) as refused:
        deliveries(tmp_path)
    first, *named = str(refused.value).splitlines()
    assert first == "nothing was uploaded:"
    assert [line.split(":")[0] for line in named] == [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]


@pytest.mark.parametrize(
    ("places", "days", "found"),
    [
        (["a.csv"], (date(2018, 1, 2), date(2018, 1, 3)), "a.csv: lies in no folder yyyy/MM/dd; --date can name one"),
        (["empty"], (), "empty: a folder without files"),
        (["nix.csv"], (), "nix.csv: no such file or folder"),
        (["days"], (date(2018, 1, 5),), "no files of 2018-01-05; there are files of 2018-01-02"),
    ],
)
def test_places_that_give_no_files_are_told(tmp_path, places, days, found):
    csv(tmp_path / "a.csv", rows())
    csv(tmp_path / "days/2018/01/02/a.csv", rows())
    (tmp_path / "empty").mkdir()
    with pytest.raises(OperationError, match=found):
        static.find([tmp_path / place for place in places], days)


def test_a_problem_of_events_takes_no_files():
    contract = problem.contract("sensors")
    with pytest.raises(OperationError, match=r"scoring/sensors/prepare.sql: reads features .* takes no files"):
        static.layout(contract, preparation.text("sensors"))


def test_a_problem_of_a_table_takes_no_files():
    text = preparation.text("plant", preparation.TABLE_FILE)
    found = r"scoring/plant/prepare_table.sql: reads no files .* come from a table, which its owner fills"
    with pytest.raises(OperationError, match=found):
        static.layout(CONTRACT, text, file=preparation.TABLE_FILE)


def test_a_stack_of_events_and_files_takes_feature_rows(tmp_path):
    contract = problem.contract("sensors")
    shape = static.layout(contract, preparation.text("sensors", preparation.BOTH_FILE), file=preparation.BOTH_FILE)
    assert (list(shape.sources), shape.time) == ([".parquet"], "WindowEnd")
    path = tmp_path / "2026/03/02/by-hand.parquet"
    path.parent.mkdir(parents=True)
    row = dict.fromkeys(("Events", "Duplicates", "Mean", "Minimum", "Maximum", "Deviation"), 1)
    row |= {"WindowEnd": datetime(2026, 3, 2, 7, 5, tzinfo=UTC), "DeviceId": "d", "SensorId": "s"}
    pq.write_table(pa.Table.from_pylist([row], schema=arrow_schema(contract.feature)), path)
    (fits,) = static.check(static.find([path], []), contract, shape)
    assert (fits.target, fits.hours) == ("2026/03/02/by-hand.parquet", {datetime(2026, 3, 2, 7, tzinfo=UTC): 1})


def test_rows_that_come_as_files_are_not_scored_from_this_machine(tmp_path):
    outputs = tmp_path / "outputs.json"
    names = dict.fromkeys(Stack.__dataclass_fields__, "x") | {"problem": "plant", "ingestion": "static"}
    outputs.write_text(json.dumps(names))
    hours = ("--from", "2018-01-02", "--to", "2018-01-03")
    refused = CliRunner().invoke(app, ["score", *hours, "--outputs", str(outputs)])
    assert "rows of problem 'plant' come as files" in str(refused.exception)


def test_every_column_that_the_preparation_reads_is_known_by_what_it_becomes():
    assert SHAPE.time == "Time"
    assert SHAPE.becomes == {"Time": "WindowEnd"} | {tag: tag for tag in TAGS}
    assert {suffix: set(columns) for suffix, columns in SHAPE.sources.items()} == {
        ".csv": {"Time", *TAGS},
        ".parquet": {"Time", *TAGS},
    }
