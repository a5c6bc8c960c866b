"""Files as inputs: each kind gives the events that were written, and what cannot be read is counted."""

from __future__ import annotations

import json
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from stream_engine import run
from stream_engine.serialize import serialize

query = "SELECT a, b, at FROM i"


def rows(path: Path) -> list[dict[str, Any]]:
    return [dict(row) for row in run(query, {"i": path}).outputs["output"]]


def test_json_is_read_as_lines_or_as_one_array(tmp_path: Path) -> None:
    path = tmp_path / "i.json"
    path.write_text('[{"a": 1},\n {"a": {"x": [2]}}, 3]')
    result = run(query, {"i": path})
    assert [row["a"] for row in result.outputs["output"]] == [1, {"x": [2]}]
    assert result.metrics["DeserializationError"] == 1
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}')
    assert [row["a"] for row in rows(path)] == [1, 2]


def test_csv_is_text_and_a_row_of_another_length_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "i.csv"
    path.write_text('a,b,at\n1,"x, y",\n1,2\n', encoding="utf-8")
    result = run(query, {"i": path})
    assert result.outputs["output"] == [{"a": "1", "b": "x, y", "at": ""}]
    assert result.metrics["DeserializationError"] == 1


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "i.parquet"
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    pyarrow.parquet.write_table(pyarrow.table({"a": [1, None], "b": [{"c": 1.5}, None], "at": [at, at]}), path)
    assert rows(path) == [{"a": 1, "b": {"c": 1.5}, "at": at}, {"a": None, "b": None, "at": at}]


def number(value: int) -> bytes:
    """An Avro long."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    return bytes([*out, value])


def text(value: bytes) -> bytes:
    return number(len(value)) + value


def avro(schema: dict[str, Any], records: list[bytes], codec: str) -> bytes:
    content = b"".join(records)
    if codec == "deflate":
        content = zlib.compress(content)[2:-4]
    if codec == "snappy":
        checksum = struct.pack(">I", zlib.crc32(content))
        content = pyarrow.compress(content, "snappy", asbytes=True) + checksum
    header = number(2) + text(b"avro.schema") + text(json.dumps(schema).encode())
    header += text(b"avro.codec") + text(codec.encode()) + number(0)
    return b"Obj\x01" + header + b"s" * 16 + number(len(records)) + text(content) + b"s" * 16


schema = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "a", "type": ["null", "long"]},
        {"name": "b", "type": {"type": "map", "values": "double"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
def test_avro_is_read_by_its_schema(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "i.avro"
    first = number(1) + number(-7) + number(1) + text(b"x") + struct.pack("<d", 0.5) + number(0) + number(1000)
    second = number(0) + number(0) + number(0)
    path.write_bytes(avro(schema, [first, second], codec))
    assert rows(path) == [
        {"a": -7, "b": {"x": 0.5}, "at": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)},
        {"a": None, "b": {}, "at": datetime(1970, 1, 1, tzinfo=UTC)},
    ]


def test_what_event_hubs_capture_wrote_are_events_with_their_arrival(tmp_path: Path) -> None:
    captured = {
        "type": "record",
        "name": "EventData",
        "fields": [
            {"name": "SequenceNumber", "type": "long"},
            {"name": "Offset", "type": "string"},
            {"name": "EnqueuedTimeUtc", "type": "string"},
            {"name": "SystemProperties", "type": {"type": "map", "values": ["long", "double", "string", "bytes"]}},
            {"name": "Properties", "type": {"type": "map", "values": ["long", "double", "string", "bytes"]}},
            {"name": "Body", "type": ["null", "bytes"]},
        ],
    }
    times = (b"1/2/2026 1:05:09 PM", b"1/2/2026 1:05:10 PM")
    bodies = (number(1) + text(b'{"a": 1}'), number(1) + text(b"{broken"))
    records = [
        number(7)
        + text(b"0")
        + text(time)
        + number(0)
        + number(1)
        + text(b"site")
        + number(2)
        + text(b"north")
        + number(0)
        + body
        for time, body in zip(times, bodies, strict=True)
    ]
    path = tmp_path / "05.avro"
    path.write_bytes(avro(captured, records, "null"))
    text_ = "SELECT a, System.Timestamp() AS at, GetMetadataPropertyValue(i, '[User].[site]') AS site FROM i"
    result = run(text_, {"i": path})
    arrival = datetime(2026, 1, 2, 13, 5, 9, tzinfo=UTC)
    assert result.outputs["output"] == [{"a": 1, "at": arrival, "site": "north"}]
    assert result.metrics["DeserializationError"] == 1


@pytest.mark.parametrize(("name", "content"), [("i.avro", b"Obj\x01\x02"), ("i.avro", b"no"), ("i.xml", b"<a/>")])
def test_a_file_that_is_not_what_its_name_says_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name}: "):
        rows(path)


def test_a_cut_off_avro_is_named(tmp_path: Path) -> None:
    path = tmp_path / "i.avro"
    whole = avro(schema, [number(0) + number(0) + number(0)] * 3, "null")
    without_blocks = whole.index(b"s" * 16) + 16
    for end in set(range(10, len(whole))) - {without_blocks}:
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match="not a readable Avro file"):
            rows(path)


@pytest.mark.parametrize(
    ("form", "suffix"), [("json", "jsonl"), ("json array", "json"), ("avro", "avro"), ("parquet", "parquet")]
)
def test_what_is_written_is_read_again(form: Any, suffix: str, tmp_path: Path) -> None:
    at = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)
    given = [{"a": -(2**40), "b": "é,\n", "at": at}, {"a": None, "b": None, "at": None}]
    path = tmp_path / f"o.{suffix}"
    path.write_bytes(serialize((), given, form))
    told = "2026-01-01T12:00:00.0000050Z" if "json" in form else at
    assert rows(path) == [{**given[0], "at": told}, given[1]]


def test_csv_is_written_with_a_header(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_bytes(serialize((), [{"a": 1.0, "b": 'x"', "at": None}], "csv"))
    assert path.read_bytes() == b'a,b,at\r\n1,"x""",\r\n'
    assert rows(path) == [{"a": "1", "b": 'x"', "at": ""}]
