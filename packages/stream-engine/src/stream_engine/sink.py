"""Rows of an output to files, named and batched as the service does it.

Source: Microsoft Learn, Blob storage and Azure Data Lake Gen2 output from Azure Stream Analytics: `{date}` and
`{time}` of a path are the row's System.Timestamp(), file names are `schemaHashcode_Guid_Number.extension`, and
Parquet is written when a batch has the minimum of rows or has waited the maximum time.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from . import state as states
from .query import OutputColumn
from .serialize import Format, arrow_type, serialize, suffixes, table_of, types_of
from .stages import Row

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
class Batcher:
    """Gathers rows by folder; a folder's batch is due with `rows` rows or after `seconds` of waiting.

    A column whose type the query does not state takes the type of its values, which must be one.
    """

    pattern: PathPattern
    columns: Sequence[OutputColumn]
    rows: int = 2000
    seconds: float = 60.0
    job: str = field(default_factory=lambda: uuid.uuid4().hex)
    form: Format = "parquet"
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
                files.append(self._file(folder, rows))
                del self._waiting[folder]
        return files

    @property
    def waiting(self) -> int:
        """The number of rows not yet in a file."""
        return sum(len(rows) for _, rows in self._waiting.values())

    def state(self) -> bytes:
        """What `restore` needs, to be kept together with the job's own state."""
        return states.dump([self._waiting, self._written, self.job])

    def restore(self, state: bytes) -> None:
        """Go on where `state` was taken."""
        self._waiting, self._written, self.job = states.load(state)

    def _file(self, folder: str, rows: list[dict[str, Any]]) -> tuple[str, bytes]:
        content = serialize(self.columns, rows, self.form)
        typed = self.form in ("avro", "parquet")
        schema = types_of(self.columns, rows) if typed else [column.name for column in self.columns]
        code = hashlib.sha256(repr(schema).encode()).hexdigest()[:8]
        self._written += 1
        return f"{folder}/{code}_{self.job}_{self._written}.{suffixes[self.form]}".lstrip("/"), content


ParquetBatcher = Batcher

__all__ = ["Batcher", "ParquetBatcher", "PathPattern", "arrow_type", "date_formats", "table_of", "time_formats"]
