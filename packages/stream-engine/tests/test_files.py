"""Files in, files out: JSON lines for people, Parquet as the service batches it."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet
import pytest
from stream_engine import OutputColumn, Row
from stream_engine.__main__ import main
from stream_engine.sink import ParquetBatcher, PathPattern
from stream_engine.testing import same_rows

query = """SELECT System.Timestamp() AS ends, COUNT(*) AS n INTO counts
           FROM i TIMESTAMP BY t GROUP BY TumblingWindow(minute, 5)
           SELECT t, x INTO plain FROM i"""


def arguments(folder: Path, *inputs: str) -> list[str]:
    (folder / "query.asaql").write_text(query)
    given = [part for name in inputs for part in ("--input", name)]
    return ["run", "--query", str(folder / "query.asaql"), *given, "--output", str(folder / "out")]


def test_the_command_writes_one_file_for_each_output_and_the_same_bytes_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text('{"t": "2026-01-01T00:01:00Z", "x": 1.5}\n\nnot json\n')
    (tmp_path / "b.jsonl").write_text('{"t": "2026-01-01T00:02:00Z", "x": {"y": [true, null]}}\n')
    command = arguments(tmp_path, f"i={tmp_path / 'a.jsonl'}", f"i={tmp_path / 'b.jsonl'}")
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "input i: InputEvents 2" in said
    assert "DeserializationError 1" in said
    out = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert out == {
        "counts.jsonl": b'{"ends":"2026-01-01T00:05:00.0000000Z","n":2}\n',
        "plain.jsonl": b'{"t":"2026-01-01T00:01:00Z","x":1.5}\n{"t":"2026-01-01T00:02:00Z","x":{"y":[true,null]}}\n',
    }
    assert main(command) == 0
    assert out == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize(
    ("text", "alias", "message"),
    [
        ("SELECT a FROM i ORDER BY a", "i", "ORDER BY"),
        ("SELECT a FROM i", "other", "no data for i; other is not read"),
        ("SELECT CAST(t AS bigint) AS t FROM i", "i", "CAST cannot make a bigint"),
    ],
)
def test_nothing_is_written_when_anything_fails(
    text: str, alias: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "i.jsonl").write_text('{"t": "x"}\n')
    command = arguments(tmp_path, f"{alias}={tmp_path / 'i.jsonl'}")
    (tmp_path / "query.asaql").write_text(text)
    assert main(command) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*"))


def test_a_path_pattern_puts_a_row_into_the_folder_of_its_window_end() -> None:
    moment = datetime(2026, 1, 2, 13, 0, tzinfo=UTC)
    assert PathPattern("features/{date}/{time}").folder(moment) == "features/2026/01/02/13"
    assert PathPattern("{date}/{time}", "yyyy-MM-dd", "HH-mm").folder(moment) == "2026-01-02/13-00"
    with pytest.raises(ValueError, match=r"found \{device\}"):
        PathPattern("{device}/{date}")
    with pytest.raises(ValueError, match="time format"):
        PathPattern("{time}", time_format="h")


def _row(minute: int, **values: object) -> Row:
    row = Row(values)
    row.timestamp = datetime(2026, 1, 1, minute // 60, minute % 60, tzinfo=UTC)
    return row


columns = (
    OutputColumn(name="n", type="int64"),
    OutputColumn(name="at", type="timestamp"),
    OutputColumn(name="x", type=None),
)


def test_parquet_is_due_with_enough_rows_or_after_enough_time() -> None:
    now = datetime(2026, 1, 1, 2, tzinfo=UTC)
    batcher = ParquetBatcher(pattern=PathPattern("{date}/{time}"), columns=columns, rows=3, seconds=60, job="job")
    batcher.add([_row(minute, n=minute, at=now, x=1.5) for minute in (10, 20, 70)], now)
    assert batcher.flush(now) == []
    batcher.add([_row(30, n=30, at=now, x=None)], now + timedelta(seconds=30))
    ((path, content),) = batcher.flush(now + timedelta(seconds=30))
    assert path.startswith("2026/01/01/00/")
    table = pyarrow.parquet.read_table(io.BytesIO(content))
    assert table.column("n").to_pylist() == [10, 20, 30]
    assert [str(field.type) for field in table.schema] == ["int64", "timestamp[us, tz=UTC]", "double"]
    again = ParquetBatcher(pattern=PathPattern("{date}/{time}"), columns=columns, rows=3, seconds=60)
    again.restore(batcher.state())
    for kept in (batcher, again):
        ((late, _),) = kept.flush(now + timedelta(seconds=60))
        assert late.startswith("2026/01/01/01/")
        assert late.endswith("_job_2.parquet")
        assert kept.waiting == 0


def test_a_column_of_two_types_is_refused_by_name() -> None:
    batcher = ParquetBatcher(pattern=PathPattern(""), columns=columns)
    batcher.add([_row(1, x="a"), _row(1, x=1)], datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="column x holds bigint and nvarchar"):
        batcher.flush(datetime(2026, 1, 1, tzinfo=UTC), everything=True)


def test_rows_are_compared_without_regard_to_order_but_by_type() -> None:
    same_rows([{"a": 1}, {"a": 0.1 + 0.2}], [{"a": 0.3}, {"a": 1}])
    with pytest.raises(AssertionError, match="missing"):
        same_rows([{"a": 1}], [{"a": 1}, {"a": 1}])
    with pytest.raises(AssertionError, match="not expected"):
        same_rows([{"a": True}], [{"a": 1}])


def test_the_package_is_light_to_import() -> None:
    import subprocess
    import sys

    code = "import sys, stream_engine; print([m for m in ('duckdb', 'pyarrow', 'numpy', 'pandas') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == []
