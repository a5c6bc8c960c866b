"""The raw archive of a stack, as the events that it was made from."""

import io
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from stream_engine import Event

from operations.errors import OperationError
from scoring.contract import Contract, Row, raw_row

_NUMBER = re.compile(r"_(\d+)\.parquet$")


def events(files: Mapping[str, bytes], contract: Contract) -> list[Event]:
    """Events of archived Parquet files by path: each in its arrival time and partition, in order of arrival.

    Stream Analytics writes at least once: after a restart a row may be there a second time, in a file of another life
    of the job. It counts as often as in the life that wrote it most often. Events of one partition and one moment stay
    in the order in which they were written. Raises OperationError that names the file and what it lacks.
    """
    row, event = raw_row(contract), contract.event
    found: list[Event] = []
    taken: Counter[tuple[Any, ...]] = Counter()
    lives: defaultdict[str, Counter[tuple[Any, ...]]] = defaultdict(Counter)
    for path in sorted(files, key=_in_order):
        here = lives[_NUMBER.sub("", path.rpartition("/")[2])]
        for values in _rows(path, files[path], row):
            here[values] += 1
            if here[values] > taken[values]:
                taken[values] = here[values]
                found.append(_event(dict(zip(row.names, values, strict=True)), event))
    return sorted(found, key=lambda event: event.enqueued)


def _rows(path: str, data: bytes, row: Row) -> Iterator[tuple[Any, ...]]:
    try:
        table = pq.read_table(io.BytesIO(data))
    except pa.ArrowInvalid as error:
        raise OperationError(f"{path}: not a Parquet file: {error}") from error
    missing = [name for name in row.names if name not in table.column_names]
    if missing:
        found = ", ".join(table.column_names)
        raise OperationError(f"{path}: column {', '.join(missing)} is missing; found {found}; was it archived before?")
    return zip(*(table[name].to_pylist() for name in row.names), strict=True)


def _event(archived: Mapping[str, Any], row: Row | None) -> Event:
    """The event as it was sent, as far as the archive tells: what it lacked and what was null are the same there."""
    body = {
        column.name: _number(archived[column.name]) if column.type in ("double", "int64") else archived[column.name]
        for column in (row.columns if row else ())
        if archived[column.name] is not None
    }
    return Event(body=body, enqueued=archived["ArrivalTime"], partition=archived["PartitionId"] or 0)


def _number(text: str) -> float | int | str:
    """The number that was archived as text; text that is none stays what it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else text


def _in_order(path: str) -> tuple[str, int, str]:
    """Files of a folder by the number in which the name of the service's files ends, as it wrote them."""
    number = _NUMBER.search(path)
    return path.rpartition("/")[0], int(number[1]) if number else 0, path
