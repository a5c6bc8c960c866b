"""Synapse serverless SQL: one SELECT over files of a lake, read through the storage that the caller gives."""

from __future__ import annotations

import datetime
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import duckdb

from .environment import Environment, parameters
from .errors import Fault, located
from .openrowset import Files, Storage
from .script import parse_query
from .session import Views, fault_of

if TYPE_CHECKING:
    import pyarrow as pa

    from .security import Principal

_MEMORY = "512MB"


class _Scratch:
    """A folder for what does not fit into memory; gone with the last reader, also with one that nobody read."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="sql-engine-")
        self.remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


def query(
    script: str,
    *,
    storage: Storage,
    principal: Principal,
    data_sources: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    now: datetime.datetime | None = None,
    rows: int = 100_000,
) -> pa.RecordBatchReader:
    """Runs one SELECT and gives its rows in batches of at most `rows`, in bounded memory.

    `storage` stands for the lake as `principal` may see it; `data_sources` names the locations behind DATA_SOURCE;
    `values` are the query's parameters; `now` is the time of SYSUTCDATETIME(). The result's moments are
    timestamp[us] without a zone, in UTC, as DATETIME2 has none. SqlError as the service's: 13807 where a path means no
    file, 13822 where a file may not be read, 208 and 207 for names; errors in values may come with a later batch.
    """
    scratch = _Scratch()
    connection = duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": scratch.folder})
    moment = (now or datetime.datetime.now(datetime.UTC)).astimezone(datetime.UTC).replace(tzinfo=None)
    files = Files(connection, storage, data_sources or {})
    environment = Environment(
        database="master", user=principal.name, now=moment, parameters=parameters(values), rowset=files.bind
    )
    try:
        compiled = Views(environment).query(parse_query(script, files=True), None, top_level=True)
        reader = connection.sql(compiled.sql).to_arrow_reader(rows)
    except (Fault, duckdb.Error) as error:
        connection.close()
        scratch.remove()
        raise _error(error, script) from error
    names = [name or f"Column{i}" for i, (name, _) in enumerate(compiled.columns, 1)]
    return _named(reader, names, script, connection, scratch)


def _named(
    reader: pa.RecordBatchReader,
    names: list[str],
    script: str,
    connection: duckdb.DuckDBPyConnection,
    scratch: _Scratch,
) -> pa.RecordBatchReader:
    """The reader under the query's column names; the connection and its scratch folder live as long as it does."""
    import pyarrow as pa

    schema = pa.schema([pa.field(name, field.type) for name, field in zip(names, reader.schema, strict=True)])

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            while True:
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
                except Exception as error:
                    raise _error(error, script) from error
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        finally:
            connection.close()
            scratch.remove()

    return pa.RecordBatchReader.from_batches(schema, batches())


def _error(error: Exception, script: str) -> Exception:
    fault = fault_of(error, 0) or fault_of(duckdb.Error(str(error)), 0)
    return located(fault, script, (0, len(script))) if fault is not None else error
