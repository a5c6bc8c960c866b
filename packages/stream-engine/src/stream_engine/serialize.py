"""Rows of an output as the bytes of a file: JSON, CSV, Avro or Parquet.

Source: Microsoft Learn, Azure Stream Analytics outputs, serialization; the language reference, type mappings.
"""

from __future__ import annotations

import csv
import io
import json
import struct
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from .query import OutputColumn
from .values import as_text, to_micros, type_of

if TYPE_CHECKING:
    import pyarrow

Format = Literal["json", "json array", "csv", "avro", "parquet"]
suffixes: dict[str, str] = {"json": "json", "json array": "json", "csv": "csv", "avro": "avro", "parquet": "parquet"}
Rows = Sequence[dict[str, Any]]


def serialize(columns: Sequence[OutputColumn], rows: Rows, form: Format, *, delimiter: str = ",") -> bytes:
    """The content of a file of rows. Raises ValueError, naming the column, when a typed format meets two types."""
    if form == "json":
        return "".join(f"{_json(row)}\n" for row in rows).encode()
    if form == "json array":
        return f"[{','.join(_json(row) for row in rows)}]".encode()
    if form == "csv":
        return _csv(columns, rows, delimiter)
    if form == "avro":
        return _avro(columns, rows)
    import pyarrow.parquet

    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table_of(columns, rows), buffer)
    return buffer.getvalue()


def _json(row: dict[str, Any]) -> str:
    return json.dumps(row, default=as_text, ensure_ascii=False, separators=(",", ":"))


def _names(columns: Sequence[OutputColumn], rows: Rows) -> list[str]:
    return [column.name for column in columns] or list(dict.fromkeys(name for row in rows for name in row))


def _csv(columns: Sequence[OutputColumn], rows: Rows, delimiter: str) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter)
    names = _names(columns, rows)
    writer.writerow(names)
    for row in rows:
        writer.writerow(["" if row.get(name) is None else as_text(row[name]) for name in names])
    return buffer.getvalue().encode()


def types_of(columns: Sequence[OutputColumn], rows: Rows) -> dict[str, str]:
    """The type of each column: as the query states it, or as all its values have it. Raises ValueError."""
    stated = {column.name: column.type for column in columns}
    return {name: stated.get(name) or _found(name, [row.get(name) for row in rows]) for name in _names(columns, rows)}


def _found(name: str, values: list[Any]) -> str:
    found = {type_of(value) for value in values} - {"null"}
    if found == {"bigint", "float"}:
        return "double"
    if len(found) > 1:
        message = f"column {name} holds {' and '.join(sorted(found))}: CAST it in the query to one type"
        raise ValueError(message)
    kinds = {"bigint": "int64", "float": "double", "datetime": "timestamp", "bit": "boolean"}
    return kinds.get(next(iter(found), ""), "string")


def table_of(columns: Sequence[OutputColumn], rows: Rows) -> pyarrow.Table:
    """Rows as an Arrow table: datetimes are timestamp[us, UTC], records and arrays JSON text. Raises ValueError."""
    import pyarrow

    arrays, fields = [], []
    for name, kind in types_of(columns, rows).items():
        values = [row.get(name) for row in rows]
        arrow = arrow_type(kind)
        if arrow == pyarrow.string():
            values = [None if value is None else as_text(value) for value in values]
        fields.append(pyarrow.field(name, arrow))
        arrays.append(pyarrow.array(values, arrow))
    return pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields))


def arrow_type(kind: str) -> pyarrow.DataType:
    """The Arrow type of an output column's type."""
    import pyarrow

    return {
        "int64": pyarrow.int64(),
        "double": pyarrow.float64(),
        "timestamp": pyarrow.timestamp("us", tz="UTC"),
        "boolean": pyarrow.bool_(),
    }.get(kind, pyarrow.string())


_avro_types: dict[str, Any] = {
    "int64": "long",
    "double": "double",
    "boolean": "boolean",
    "timestamp": {"type": "long", "logicalType": "timestamp-micros"},
}
_marker = b"stream-engine\x00\x00\x00"


def _avro(columns: Sequence[OutputColumn], rows: Rows) -> bytes:
    """An Avro container file of one block, every column nullable."""
    kinds = types_of(columns, rows)
    fields = [{"name": name, "type": ["null", _avro_types.get(kind, "string")]} for name, kind in kinds.items()]
    schema = json.dumps({"type": "record", "name": "Row", "fields": fields}).encode()
    body = b"".join(_avro_value(row.get(name), kind) for row in rows for name, kind in kinds.items())
    header = _avro_long(1) + _avro_bytes(b"avro.schema") + _avro_bytes(schema) + _avro_long(0)
    block = _avro_long(len(rows)) + _avro_bytes(body) + _marker if rows else b""
    return b"Obj\x01" + header + _marker + block


def _avro_value(value: Any, kind: str) -> bytes:
    if value is None:
        return _avro_long(0)
    if kind == "double":
        return _avro_long(1) + struct.pack("<d", value)
    if kind == "boolean":
        return _avro_long(1) + (b"\x01" if value else b"\x00")
    if kind in ("int64", "timestamp"):
        return _avro_long(1) + _avro_long(to_micros(value) if isinstance(value, datetime) else value)
    return _avro_long(1) + _avro_bytes(as_text(value).encode())


def _avro_long(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    encoded = bytearray()
    while value > 0x7F:
        encoded.append((value & 0x7F) | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _avro_bytes(value: bytes) -> bytes:
    return _avro_long(len(value)) + value
