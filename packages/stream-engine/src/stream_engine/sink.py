"""Rows of an output to files, named and batched as the service does it.

Source: Microsoft Learn, Blob storage and Azure Data Lake Gen2 output from Azure Stream Analytics: `{date}` and
`{time}` of a path are the row's System.Timestamp(), file names are `schemaHashcode_Guid_Number.extension`, and
Parquet is written when a batch has the minimum of rows or has waited the maximum time.
"""

from __future__ import annotations

import hashlib
import io
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from . import state as states
from .query import OutputColumn
from .stages import Row
from .values import as_text, type_of

if TYPE_CHECKING:
    import pyarrow

_codes = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M"}
date_formats = ("yyyy/MM/dd", "yyyy/dd/MM", "MM/dd/yyyy", "dd/MM/yyyy", "yyyy-MM-dd", "MM-dd-yyyy", "dd-MM-yyyy")
time_formats = ("HH", "HH-mm", "HH/mm")


@dataclass(frozen=True)
class PathPattern:
    """An output's path pattern. `{date}` and `{time}` are the only tokens; a field's name is not one here."""

    pattern: str
    date_format: str = "yyyy/MM/dd"
    time_format: str = "HH"

    def __post_init__(self) -> None:
        for token in re.findall(r"\{([^}]*)\}", self.pattern):
            if token not in ("date", "time"):
                message = f"path pattern {self.pattern!r}: expected {{date}} or {{time}}, found {{{token}}}"
                raise ValueError(message)
        for what, value in (("date", self.date_format), ("time", self.time_format)):
            if re.sub("yyyy|MM|dd|HH|mm|[-/]", "", value):
                message = f"{what} format {value!r}: expected yyyy, MM, dd, HH, mm joined by / or -"
                raise ValueError(message)

    def folder(self, timestamp: datetime) -> str:
        """The folder of a row with this System.Timestamp(), without slashes at its ends."""
        folder = self.pattern
        for token, value in (("{date}", self.date_format), ("{time}", self.time_format)):
            code = re.sub("yyyy|MM|dd|HH|mm", lambda match: _codes[match.group()], value)
            folder = folder.replace(token, timestamp.strftime(code))
        return folder.strip("/")


@dataclass(kw_only=True)
class ParquetBatcher:
    """Gathers rows by folder; a folder's batch is due with `rows` rows or after `seconds` of waiting.

    A column whose type the query does not state takes the type of its values, which must be one.
    """

    pattern: PathPattern
    columns: Sequence[OutputColumn]
    rows: int = 2000
    seconds: float = 60.0
    job: str = field(default_factory=lambda: uuid.uuid4().hex)
    _waiting: dict[str, tuple[datetime, list[dict[str, Any]]]] = field(default_factory=dict)
    _written: int = 0

    def add(self, rows: Iterable[Row], now: datetime) -> None:
        """Take rows that became final at `now`."""
        for row in rows:
            self._waiting.setdefault(self.pattern.folder(row.timestamp), (now, []))[1].append(row)

    def flush(self, now: datetime, *, everything: bool = False) -> list[tuple[str, bytes]]:
        """Path and content of each file that is due at `now`; of all that wait, when the job stops."""
        files = []
        for folder, (since, rows) in list(self._waiting.items()):
            if everything or len(rows) >= self.rows or now - since >= timedelta(seconds=self.seconds):
                del self._waiting[folder]
                files.append(self._file(folder, rows))
        return files

    @property
    def waiting(self) -> int:
        """The number of rows not yet in a file."""
        return sum(len(rows) for _, rows in self._waiting.values())

    def state(self) -> bytes:
        """What `restore` needs, to be kept together with the job's own state."""
        return states.dump([self._waiting, self._written, self.job])

    def restore(self, state: bytes) -> None:
        waiting, self._written, self.job = states.load(state)
        self._waiting = waiting

    def _file(self, folder: str, rows: list[dict[str, Any]]) -> tuple[str, bytes]:
        import pyarrow.parquet

        table = table_of(self.columns, rows)
        schema = hashlib.sha256(str(table.schema).encode()).hexdigest()[:8]
        self._written += 1
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(table, buffer)
        return f"{folder}/{schema}_{self.job}_{self._written}.parquet".lstrip("/"), buffer.getvalue()


def table_of(columns: Sequence[OutputColumn], rows: Sequence[dict[str, Any]]) -> pyarrow.Table:
    """Rows as an Arrow table: datetimes are timestamp[us, UTC], records and arrays JSON text. Raises ValueError."""
    import pyarrow

    names = [column.name for column in columns] or list(dict.fromkeys(name for row in rows for name in row))
    stated = {column.name: column.type for column in columns}
    arrays = []
    fields = []
    for name in names:
        values = [row.get(name) for row in rows]
        kind = stated.get(name) or _found_type(name, values)
        if kind == "string":
            values = [None if value is None else as_text(value) for value in values]
        fields.append(pyarrow.field(name, arrow_type(kind)))
        arrays.append(pyarrow.array(values, arrow_type(kind)))
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


def _found_type(name: str, values: list[Any]) -> str:
    found = {type_of(value) for value in values} - {"null"}
    if found == {"bigint", "float"}:
        return "double"
    if len(found) > 1:
        message = f"column {name} holds {' and '.join(sorted(found))}: CAST it in the query to one type"
        raise ValueError(message)
    kinds = {"bigint": "int64", "float": "double", "datetime": "timestamp", "bit": "boolean"}
    return kinds.get(next(iter(found), ""), "string")
