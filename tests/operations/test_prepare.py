"""What a job reads: every row once, in balanced files, counted."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.errors import OperationError
from operations.prepare import balanced, distinct, parquet, prepare
from scoring.sensors.contract import FEATURE
from tests.operations.rows import feature, feature_file, features

KEY = list(FEATURE.key)

written = st.lists(
    st.builds(
        feature,
        st.sampled_from([5, 10, 15]),
        device=st.sampled_from(["a", "b"]),
        events=st.integers(1, 4),
        mean=st.floats(-10, 10),
    ),
    max_size=12,
)


def rows_of(prepared) -> list[dict]:
    return [
        row for name in sorted(prepared.files) for row in pq.read_table(io.BytesIO(prepared.files[name])).to_pylist()
    ]


def key(row: dict) -> tuple:
    return tuple(row[name] for name in KEY)


@settings(deadline=None, max_examples=60)
@given(files=st.lists(written, max_size=3), size=st.integers(1, 5))
def test_every_key_is_there_once_with_the_most_events_then_the_last_by_file_name(files, size):
    named = {f"{index}.parquet": feature_file(*rows) for index, rows in enumerate(files)}
    prepared = prepare(named, FEATURE, rows_a_file=size)

    expected = {}
    for row in (row for rows in files for row in rows):  # in the order of file names
        best = expected.get(key(row))
        if best is None or row["Events"] >= best["Events"]:
            expected[key(row)] = row
    assert rows_of(prepared) == [expected[k] for k in sorted(expected)]
    assert prepared.read == sum(map(len, files)) == prepared.rows + prepared.duplicates


@given(rows=st.integers(0, 200), most=st.integers(1, 50))
def test_pieces_are_as_few_as_can_be_and_differ_by_one_row_at_most(rows, most):
    pieces = balanced(pa.table({"n": list(range(rows))}), most)
    sizes = [piece.num_rows for piece in pieces]
    assert len(sizes) == -(-rows // most)
    assert sum(sizes) == rows
    assert not sizes or (max(sizes) - min(sizes) <= 1 and max(sizes) <= most)
    assert [n for piece in pieces for n in piece.column("n").to_pylist()] == list(range(rows))


def test_the_manifest_counts_what_the_files_hold():
    rows = [feature(5 * n) for n in range(1, 8)]
    prepared = prepare({"a.parquet": feature_file(*rows), "b.parquet": feature_file(rows[0])}, FEATURE, rows_a_file=3)
    manifest = prepared.manifest(window="w")
    assert [(entry["name"], entry["rows"]) for entry in manifest["files"]] == [
        ("rows-00000.parquet", 2),
        ("rows-00001.parquet", 2),
        ("rows-00002.parquet", 3),
    ]
    assert (manifest["rows"], manifest["read"], manifest["duplicates"], manifest["window"]) == (7, 8, 1, "w")


def test_the_digest_follows_the_rows_and_not_how_they_lay_in_files():
    rows = [feature(5), feature(10)]
    one = prepare({"a": feature_file(*rows)}, FEATURE)
    two = prepare({"x": feature_file(rows[1]), "y": feature_file(*rows)}, FEATURE)
    other = prepare({"a": feature_file(rows[0], feature(10, mean=2.0))}, FEATURE)
    assert one.digest == two.digest != other.digest


def test_rows_without_a_whole_key_all_stay_since_they_cannot_be_told_apart():
    schema = pa.schema([field.with_nullable(True) for field in features().schema])
    broken = [feature(5) | {"DeviceId": None}] * 2
    table = pa.Table.from_pylist([feature(5), feature(5), *broken], schema=schema)
    assert distinct(table, FEATURE).num_rows == 3


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"not parquet", "x.parquet: not a Parquet file"),
        (parquet(features().drop_columns(["Mean"])), "x.parquet: column Mean is missing"),
        (
            parquet(features(feature(5)).set_column(5, "Mean", pa.array(["high"]))),
            "x.parquet: column Mean: string, expected",
        ),
    ],
)
def test_a_file_that_is_not_of_the_contract_is_named_with_its_column(data, found):
    with pytest.raises(OperationError, match=found):
        prepare({"x.parquet": data}, FEATURE)


def test_no_features_make_no_files():
    assert prepare({}, FEATURE).files == {}
