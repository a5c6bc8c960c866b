"""The fast way over files: DuckDB reads, filters and aggregates; the engine's own stages run what is not translated.

First the strict SQL: it ends at the first line that is not plainly an event with all fields that are read. Then those
lines are looked at one by one, and the SQL that leaves them out runs; where they hold what it cannot see, or any value
is one that the engine would stop at, the stages run after all. So the result is the same, and only the speed differs.

What DuckDB reads and the service does not, NaN and integers beyond 64 bits, is looked for in every line, since an event
that holds it cannot be deserialised. Three rare things still go unnoticed: a comma before a closing bracket, a float
beyond 1.8e308 in a field that is not read, and which of two fields of one name counts (here the first).
"""

# ruff: noqa: S608 - the SQL is made of the query's quoted names and runs in a database of its own
from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .query import Query
from .sqllines import count_lines
from .sqlquery import Read, Translation
from .sqlsource import Files, malformed, open_files
from .sqltables import StepTable
from .sqltext import NotInSql, name, register, stop, text_literal
from .stages import Row
from .syntax import Select, walk
from .values import from_micros, load_json, to_micros

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")
# Aggregation stays below the first of these; sorting spills to disk; a join starts with the second.
memory = ("160MB", "2GB", "75%")


@dataclass(frozen=True, kw_only=True)
class Fast:
    """What `sink` made of each output, and the metrics of each input that the SQL counts."""

    outputs: dict[str, Any]
    counts: dict[str, dict[str, int]]


Sink = Callable[["duckdb.DuckDBPyConnection", str, StepTable], T]


def run_fast(query: Query, inputs: Mapping[str, Sequence[Path]], arrival: datetime, sink: Sink[Any]) -> Fast | None:
    """The outputs of a query over JSON-lines files, each handed to `sink` as SQL; None when the stages must run."""
    import duckdb

    try:
        files = {alias.lower(): open_files(alias, paths) for alias, paths in inputs.items()}
        joins = any(isinstance(node, Select) and node.joins for node in walk(query.script))
        strict, limits = True, list(memory[1:] if joins else memory)
        while True:
            try:
                with _connection(limits[0], strict=strict) as connection:
                    return _run(query, files, arrival, sink, connection, strict=strict)
            except (duckdb.InvalidInputException, duckdb.BinderException):
                if not strict:
                    return None
                strict = False
            except duckdb.OutOfMemoryException:
                del limits[0]
                if not limits:
                    return None
    except (NotInSql, duckdb.Error):
        return None


def _run(
    query: Query,
    files: Mapping[str, Files],
    arrival: datetime,
    sink: Sink[Any],
    connection: duckdb.DuckDBPyConnection,
    *,
    strict: bool,
) -> Fast:
    translation = Translation(query.script, files, to_micros(arrival), strict=strict)
    for table in translation.outputs.values():
        if any(kind in ("number", "null") for _, kind in table.columns.values()):
            raise NotInSql("a column of which only the data knows the type")
    paths = {read.files.alias: read.files.paths for read in translation.reads}
    with ThreadPoolExecutor(1) as beside:
        sizes = {alias: beside.submit(_sizes, found) for alias, found in paths.items()}
        outputs = {into: sink(connection, into, table) for into, table in translation.outputs.items()}
        counts = {alias: size.result() for alias, size in sizes.items()}
    if not strict:
        _count_odd(translation.reads, counts, connection)
    return Fast(outputs=outputs, counts=counts)


def _sizes(paths: Sequence[Path]) -> dict[str, int]:
    found = [count_lines(path) for path in paths]
    counts = {"InputEvents": sum(lines for lines, _ in found), "InputEventBytes": sum(size for _, size in found)}
    return {**counts, "DeserializationError": 0, "ConversionErrors": 0}


@contextmanager
def _connection(limit: str, *, strict: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    with tempfile.TemporaryDirectory(prefix="stream-engine-") as folder, duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{limit}'")
        connection.execute(f"SET temp_directory = {text_literal(folder)}")
        connection.execute("SET preserve_insertion_order = false")
        register(connection, strict=strict)
        yield connection


def _count_odd(
    reads: Sequence[Read], counts: Mapping[str, dict[str, int]], connection: duckdb.DuckDBPyConnection
) -> None:
    """Count lines that are no events, and events without a time. Raises NotInSql for a line the SQL cannot see."""
    for alias, found in counts.items():
        mine = [read for read in reads if read.files.alias == alias]
        every = Files(alias=alias, paths=mine[0].files.paths, spellings=mine[0].files.spellings)
        for read in mine:
            every.fields.update(read.files.fields)
        bad = malformed([line for (line,) in connection.execute(every.odd_lines()).fetchall()], every)
        found["DeserializationError"] = bad
        found["InputEvents"] -= bad
        for time, raw in {read.time: read.files.raw() for read in mine}.items():
            missing = connection.execute(f"SELECT count_if({time} IS NULL) FROM ({raw})").fetchone()
            without = missing[0] if missing is not None else 0
            found["ConversionErrors"] += without - bad if without else 0


def fetch(connection: duckdb.DuckDBPyConnection, into: str, table: StepTable) -> list[Row]:
    """The rows of an output, in order of time and then of their columns."""
    kinds = [kind for _, kind in table.columns.values()]
    names = [written for written, _ in table.columns.values()]
    rows = []
    for values in connection.execute(_ordered(table)).fetchall():
        row = Row({n: _value(v, kind) for n, v, kind in zip(names, values, kinds, strict=False)})
        row.timestamp = from_micros(values[-1])
        rows.append(row)
    return rows


def _ordered(table: StepTable) -> str:
    listed = ", ".join(name(written) for written, _ in table.columns.values())
    checked = ", ".join(_checked(written, kind) for written, kind in table.columns.values())
    return f"SELECT {checked}, __time FROM ({table.sql}) ORDER BY __time, {listed}"


def _checked(written: str, kind: str) -> str:
    """A column; what DuckDB takes for JSON, and the service does not, ends the SQL."""
    v = name(written)
    if kind != "json":
        return v
    wrong = f"{v} BETWEEN 'I' AND 'O' OR {v} = '-Infinity' OR ({v} < ':' AND {v} >= '-' AND strlen({v}) > 18)"
    return f"CASE WHEN {wrong} THEN {stop(kind, 'no JSON')} ELSE {v} END AS {v}"


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "json":
        return load_json(value)
    return value.replace(tzinfo=UTC) if kind == "datetime" else value


def copy_lines(folder: Path) -> Sink[int]:
    """A sink that writes `.<output>.jsonl.partial` as JSON lines and gives the number of rows."""

    def sink(connection: duckdb.DuckDBPyConnection, into: str, table: StepTable) -> int:
        path = folder / f".{into}.jsonl.partial"
        shown = ", ".join(f"{_shown(written, kind)} AS {name(written)}" for written, kind in table.columns.values())
        target = str(path).replace("'", "''")
        copied = connection.execute(f"COPY (SELECT {shown} FROM ({_ordered(table)})) TO '{target}' (FORMAT json)")
        count = copied.fetchone()
        return count[0] if count is not None else 0

    return sink


def _shown(written: str, kind: str) -> str:
    if kind == "datetime":
        return f"strftime({name(written)}, '%Y-%m-%dT%H:%M:%S.%f0Z')"
    return f"{name(written)}::JSON" if kind == "json" else name(written)
