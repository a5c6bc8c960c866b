"""One measured file, read once and in pieces: whether its columns are there, and how much of it can be read."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from operations.errors import OperationError

# As TRY_CAST reads a number: words such as nan and inf are none.
_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
_ARROW = {"string": pa.string(), "double": pa.float64(), "int64": pa.int64()}
_ROWS = 65_536


@dataclass
class Scan:
    """What a file holds.

    `hours`: hour (UTC; None: the time cannot be read) → rows. `numbers`: column → rows with a number. `longest`: column
    → bytes of its longest text. `sample`: column → its first text that is not empty.
    """

    rows: int = 0
    hours: Counter[datetime | None] = field(default_factory=Counter)
    numbers: Counter[str] = field(default_factory=Counter)
    longest: dict[str, int] = field(default_factory=dict)
    sample: dict[str, str] = field(default_factory=dict)


def scan(path: Path, columns: Mapping[str, str], *, time: str, numbers: Sequence[str]) -> Scan:
    """The file's `columns` (name → type, as the contract names types); `numbers` are those that should hold numbers.

    Raises OperationError that names the file, and a column that is not there, twice there or of another type.
    """
    found = Scan()
    for batch in _csv(path, columns) if path.suffix == ".csv" else _parquet(path, columns):
        found.rows += batch.num_rows
        found.hours.update(map(_hour, batch.column(time).to_pylist()))
        for name, kind in columns.items():
            values = batch.column(name)
            if kind == "string":
                _see_text(found, name, values)
            if name in numbers:
                found.numbers[name] += _count_numbers(values)
    return found


def _csv(path: Path, columns: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """The columns as text, as they were written."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            _check_names(path, next(csv.reader(file), []), columns)
        as_text = arrow_csv.ConvertOptions(
            include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
        )
        with arrow_csv.open_csv(path, convert_options=as_text) as reader:
            yield from reader
    except (OSError, ValueError) as error:  # of Arrow's errors and of decoding too
        raise OperationError(f"{path}: found what is not CSV in UTF-8 with a header: {error}") from error


def _parquet(path: Path, columns: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            _check_names(path, file.schema_arrow.names, columns)
            for name, expected in columns.items():
                found = file.schema_arrow.field(name).type
                fits = pa.types.is_timestamp(found) if expected == "timestamp" else found == _ARROW[expected]
                if not fits and not (expected == "string" and pa.types.is_large_string(found)):
                    raise OperationError(f"{path}: column {name}: found {found}, expected {expected}.")
            yield from file.iter_batches(_ROWS, columns=list(columns))
    except (OSError, pa.ArrowInvalid) as error:
        raise OperationError(f"{path}: found what is not Parquet: {error}") from error


def _check_names(path: Path, names: Sequence[str], columns: Mapping[str, str]) -> None:
    missing = [name for name in columns if name not in names]
    twice = [name for name, count in Counter(names).items() if count > 1 and name in columns]
    if missing:
        found = ", ".join(names[:6]) + (f", … ({len(names)} columns)" if len(names) > 6 else "")
        raise OperationError(f"{path}: column {', '.join(missing)}: not there; found {found or 'no header'}.")
    if twice:
        raise OperationError(f"{path}: column {', '.join(twice)}: found more than once, expected once.")


def _see_text(found: Scan, name: str, values: pa.Array) -> None:
    longest = pc.call_function("max", [pc.call_function("binary_length", [values])]).as_py() or 0
    found.longest[name] = max(found.longest.get(name, 0), longest)
    if name not in found.sample and (text := next((text for text in values.to_pylist() if text), None)):
        found.sample[name] = text


def _count_numbers(values: pa.Array) -> int:
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        values = pc.call_function("match_substring_regex", [values], pc.MatchSubstringOptions(_NUMBER))
        return pc.call_function("sum", [values]).as_py() or 0
    return len(values) - values.null_count


def _hour(value: object) -> datetime | None:
    """The hour of a time as TRY_CAST reads it; one without an offset is UTC."""
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return found.replace(minute=0, second=0, microsecond=0)
