"""Files as inputs: JSON (lines or an array), CSV, Avro, Parquet and what Event Hubs Capture writes.

A file's kind is told by its suffix. What cannot be deserialised is handed on as an empty body, which the job counts.
Source: Microsoft Learn, Stream data as input; Capture events through Azure Event Hubs.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from .events import Event
from .values import Unconvertible, load_json, parse_datetime

Body = Event | Mapping[str, Any] | bytes | str
undeserializable = b""
csv_delimiters = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " ", "bar": "|"}


def read_events(paths: Iterable[Path], *, delimiter: str = ",", encoding: str = "utf-8-sig") -> Iterator[Body]:
    """The bodies of all files, one after the other; `delimiter` and `encoding` are those of CSV.

    Raises ValueError for a suffix that is none of .json .jsonl .ndjson .csv .avro .parquet.
    """
    for path in paths:
        kind = path.suffix.lower()
        if kind in (".json", ".jsonl", ".ndjson", ".txt", ""):
            yield from _json(path)
        elif kind == ".csv":
            yield from _csv(path, delimiter, encoding)
        elif kind == ".parquet":
            yield from _parquet(path)
        elif kind == ".avro":
            from .avro import read_avro

            yield from map(_captured, read_avro(path))
        else:
            message = f"{path}: expected .json, .jsonl, .ndjson, .csv, .avro or .parquet, found {kind!r}"
            raise ValueError(message)


def _json(path: Path) -> Iterator[Body]:
    with path.open("rb") as lines:
        start = lines.read(1 << 16).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        lines.seek(0)
        if start == b"[":
            yield from _array(lines.read())
            return
        for line in lines:
            if line.strip():
                yield line.rstrip(b"\r\n")


def _array(content: bytes) -> Iterator[Body]:
    """The elements of a file that is one array; when it is not, its lines are taken one by one."""
    try:
        values = load_json(content)
    except (ValueError, RecursionError):
        yield from (line.strip() for line in content.splitlines() if line.strip())
        return
    yield from (value if isinstance(value, dict) else undeserializable for value in values)


def _csv(path: Path, delimiter: str, encoding: str) -> Iterator[Body]:
    """Rows of text below a header; a row of another length cannot be deserialised."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=delimiter, strict=False)
        header = next(rows, None)
        for row in rows:
            if row and header is not None:
                yield dict(zip(header, row, strict=True)) if len(row) == len(header) else undeserializable


def _parquet(path: Path) -> Iterator[Body]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from (plain(row) for row in batch.to_pylist())


def _captured(record: dict[str, Any]) -> Body:
    """A record of Event Hubs Capture as the event it was; any other record as it is."""
    if not {"SequenceNumber", "Offset", "EnqueuedTimeUtc", "Body"} <= record.keys():
        return plain(record)
    try:
        enqueued = _capture_time(record["EnqueuedTimeUtc"])
    except (Unconvertible, ValueError):
        return undeserializable
    metadata = {"User": dict(record.get("Properties") or {})}
    body = record["Body"]
    sequence = record["SequenceNumber"]
    return Event(body=body if isinstance(body, bytes) else b"", enqueued=enqueued, sequence=sequence, metadata=metadata)


def _capture_time(text: str) -> datetime:
    """Capture writes `8/26/2026 1:05:09 PM`, in UTC."""
    try:
        return datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
    except ValueError:
        return parse_datetime(text)


def plain(value: Any) -> Any:
    """A value of Parquet or Avro as one of the engine's."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, Decimal):
        return float(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
