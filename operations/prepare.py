"""From the feature files of some hours to the input of one job: each row once, in balanced files, with their counts."""

import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from operations.errors import OperationError
from scoring.contract import Row, arrow_schema

ROWS_A_FILE = 1000
MOST_EVENTS = "Events"
_ORDER = "__order"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """`files` by name; `rows` in them together; `read` is how many there were before `duplicates` were left out."""

    files: Mapping[str, bytes]
    rows: int
    read: int
    counts: Mapping[str, int]

    @property
    def duplicates(self) -> int:
        return self.read - self.rows

    @property
    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 over the files: the same rows give the same digest."""
        total = hashlib.sha256()
        for name in sorted(self.files):
            total.update(f"{name}\n{len(self.files[name])}\n".encode() + self.files[name])
        return total.hexdigest()[:16]

    def manifest(self, **facts: Any) -> dict[str, Any]:
        files = [
            {"name": name, "rows": self.counts[name], "sha256": hashlib.sha256(self.files[name]).hexdigest()}
            for name in sorted(self.files)
        ]
        counts = {"rows": self.rows, "read": self.read, "duplicates": self.duplicates}
        return {**facts, **counts, "digest": self.digest, "files": files}


def prepare(features: Mapping[str, bytes], row: Row, *, rows_a_file: int = ROWS_A_FILE) -> Prepared:
    """Reads Parquet `features` by file name and cuts their distinct rows into files of at most `rows_a_file` rows.

    Raises OperationError that names file, column, what was found and what the contract expects.
    """
    tables = [read(name, features[name], row) for name in sorted(features)]
    every = pa.concat_tables(tables) if tables else arrow_schema(row).empty_table()
    once = distinct(every, row)
    chunks = balanced(once, rows_a_file)
    names = [f"rows-{index:05d}.parquet" for index in range(len(chunks))]
    return Prepared(
        files={name: parquet(chunk) for name, chunk in zip(names, chunks, strict=True)},
        rows=once.num_rows,
        read=every.num_rows,
        counts={name: chunk.num_rows for name, chunk in zip(names, chunks, strict=True)},
    )


def read(name: str, data: bytes, row: Row) -> pa.Table:
    """One Parquet file with the contract's columns, by name; other columns are left out."""
    try:
        table = pq.read_table(io.BytesIO(data))
    except pa.ArrowInvalid as error:
        raise OperationError(f"{name}: not a Parquet file: {error}") from error
    schema = arrow_schema(row)
    missing = [column for column in schema.names if column not in table.column_names]
    if missing:
        found = ", ".join(table.column_names)
        raise OperationError(
            f"{name}: column {', '.join(missing)} is missing; found {found}; expected row {row.name!r}."
        )
    columns = []
    for field in schema:
        try:
            columns.append(table.column(field.name).cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            found = table.schema.field(field.name).type
            raise OperationError(f"{name}: column {field.name}: {found}, expected {field.type}: {error}") from error
    # What a row lacks is the scoring script's to judge, row by row: nullable here.
    return pa.table(columns, names=schema.names)


def distinct(table: pa.Table, row: Row) -> pa.Table:
    """One row of each key, sorted by key: the one with the most events; among equals the last, by file name and place.

    Stream Analytics writes at least once: after a restart a window may lie in two files. Rows without a whole key
    cannot be told apart, so all of them stay.
    """
    key = list(row.key)
    whole = pc.field(key[0]).is_valid()
    for name in key[1:]:
        whole = whole & pc.field(name).is_valid()
    table = table.append_column(_ORDER, pa.array(range(table.num_rows), pa.int64()))
    most = [(MOST_EVENTS, "descending")] if MOST_EVENTS in row.names else []
    keyed = table.filter(whole).sort_by([*((name, "ascending") for name in key), *most, (_ORDER, "descending")])
    keyed = keyed.set_column(keyed.num_columns - 1, _ORDER, pa.array(range(keyed.num_rows), pa.int64()))
    first = keyed.group_by(key, use_threads=False).aggregate([(_ORDER, "min")]).column(f"{_ORDER}_min")
    kept = keyed.take(first)
    return pa.concat_tables([kept, table.filter(~whole)]).drop_columns([_ORDER]).combine_chunks()


def balanced(table: pa.Table, most: int) -> list[pa.Table]:
    """The rows in order, in as few pieces as hold `most` rows each; their sizes differ by one row at most."""
    count = math.ceil(table.num_rows / most)
    edges = [table.num_rows * index // count for index in range(count + 1)] if count else [0]
    return [table.slice(start, end - start) for start, end in pairwise(edges)]


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="snappy")
    return sink.getvalue()


def rows_of(files: Sequence[bytes]) -> int:
    """Rows in Parquet files, from their footers."""
    return sum(pq.read_metadata(io.BytesIO(data)).num_rows for data in files)
