# ruff: noqa: S608 - names are quoted
"""OPENROWSET: files of a lake as a source of a query."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import duckdb

from . import tree
from .conversions import Typed, convert
from .errors import UNNUMBERED, Fault, literal, quoted, refused
from .reading import column
from .scope import Bound, Field
from .types import MAX, Type
from .wildcards import Pattern, missing, pattern, unreadable

FILE = "sql_engine_file"
# The service makes no columns of folders named key=value, as DuckDB would.
_ADDED = f"filename = '{FILE}', hive_partitioning = false"


class Storage(Protocol):
    """The lake as one caller sees it. Both methods raise PermissionError for what the caller may not do."""

    def list(self, url_pattern: str) -> Iterable[tuple[str, int, datetime.datetime]]:
        """Address, size in bytes and time of change of at least the files that the pattern means."""
        ...

    def download(self, url: str) -> Path:
        """A local copy of a file, which must stay until the result has been read; its path holds none of * ? [."""
        ...


class Files:
    """Binds the OPENROWSETs of one query on one connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, storage: Storage, sources: Mapping[str, str]) -> None:
        self._connection = connection
        self._storage = storage
        self._sources = {name.lower(): location for name, location in sources.items()}
        self._local: dict[str, Path] = {}

    def bind(self, node: tree.OpenRowset, alias: str) -> tuple[str, Bound]:
        """The source's DuckDB text under `alias`, and its columns. Faults 13807 and 13822 as Synapse's."""
        kind = node.options.get("FORMAT", "").upper()
        if not kind:
            raise Fault(102, "Incorrect syntax: OPENROWSET needs FORMAT = 'PARQUET' or 'CSV'.", node.at)
        found = self._found(node)
        table = f"files_{alias}"
        self._connection.execute(
            f"CREATE TEMP TABLE {table} (file VARCHAR, url VARCHAR, name VARCHAR, parts VARCHAR[])"
        )
        rows = [(str(path), url, url.rsplit("/", 1)[1], list(parts)) for path, url, parts in found]
        self._connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", rows)
        # A storage may keep equal files once: such a file is read once and its rows come once for each address.
        paths = sorted({row[0] for row in rows})
        reader = _parquet(paths) if kind == "PARQUET" else _csv(paths, node)
        fields = self._fields(node, reader, paths, alias, parquet=kind == "PARQUET")
        source = f"({reader} AS {alias} JOIN {table} AS {alias}f ON {alias}f.file = {alias}.{FILE})"
        wildcards = max(len(parts) for _, _, parts in found)
        return source, Bound(node.alias.text, fields, file=lambda number: _path_sql(alias, number, wildcards, node))

    def _found(self, node: tree.OpenRowset) -> list[tuple[Path, str, tuple[str, ...]]]:
        name = node.options.get("DATA_SOURCE")
        if name is not None and name.lower() not in self._sources:
            message = f'External data source "{name}" does not exist or you do not have permission.'
            raise Fault(UNNUMBERED, message, node.at)
        location = self._sources[name.lower()] if name is not None else None
        found: dict[str, tuple[str, ...]] = {}
        for path in node.paths:
            for url, parts in self._listed(pattern(path.text, location, path.at), path.at):
                found.setdefault(url, parts)
        return [(self._download(url, node.at), url, parts) for url, parts in sorted(found.items())]

    def _listed(self, wanted: Pattern, at: int) -> list[tuple[str, tuple[str, ...]]]:
        try:
            listed = list(self._storage.list(wanted.text))
        except PermissionError as error:
            raise missing(wanted.text, at) from error
        found = [(url, parts) for url, size, _ in listed if size and (parts := wanted.match(url)) is not None]
        if not found:
            raise missing(wanted.text, at)
        return found

    def _download(self, url: str, at: int) -> Path:
        if url not in self._local:
            try:
                self._local[url] = self._storage.download(url)
            except (PermissionError, FileNotFoundError) as error:
                raise unreadable(url, at) from error
        return self._local[url]

    def _fields(
        self, node: tree.OpenRowset, reader: str, paths: list[str], alias: str, *, parquet: bool
    ) -> tuple[Field, ...]:
        # The columns are those of the first file, as in the service; the others give theirs by name.
        first = _parquet(paths[:1]) if parquet else reader
        described = self._connection.execute(f"DESCRIBE SELECT * FROM {first}").fetchall()
        types = {name: duck for name, duck, *_ in described if name != FILE}
        if node.columns:
            return tuple(_declared(item, number, types, alias, node) for number, item in enumerate(node.columns, 1))
        if not parquet and node.options.get("PARSER_VERSION") != "2.0":
            raise refused("a CSV without WITH and without PARSER_VERSION = '2.0'", node.at, "name the columns in WITH")
        values = {
            name: column(name, duck, f"{alias}.{quoted(name)}", node.at, length=8000) for name, duck in types.items()
        }
        return tuple(Field(name, value.type, value.sql) for name, value in values.items())


def _parquet(paths: list[str]) -> str:
    return f"read_parquet([{', '.join(map(literal, paths))}], union_by_name = true, {_ADDED})"


def _csv(paths: list[str], node: tree.OpenRowset) -> str:
    """The reader of CSV files: text only where WITH gives the types, else with types guessed from the files."""
    options = node.options
    header = options.get("HEADER_ROW", "FALSE").upper() == "TRUE"
    if header and options.get("PARSER_VERSION") != "2.0":
        raise refused("HEADER_ROW without PARSER_VERSION = '2.0'", node.at)
    terminator = options.get("ROWTERMINATOR", r"\n").lower()
    if terminator not in (r"\n", r"\r\n", "0x0a"):
        raise refused(f"ROWTERMINATOR = '{options['ROWTERMINATOR']}'", node.at)
    delimiter = {r"\t": "\t", "0x09": "\t"}.get(
        options.get("FIELDTERMINATOR", ","), options.get("FIELDTERMINATOR", ",")
    )
    quote = options.get("FIELDQUOTE", '"')
    first = int(options.get("FIRSTROW", "1"))
    parts = [
        f"[{', '.join(map(literal, paths))}]",
        _ADDED,
        f"header = {str(header).lower()}",
        f"delim = {literal(delimiter)}",
        f"quote = {literal(quote)}",
        f"escape = {literal(quote)}",
        f"all_varchar = {str(bool(node.columns)).lower()}",
        f"skip = {first - 1}",
        "null_padding = true",
        "sample_size = -1",
    ]
    return f"read_csv({', '.join(parts)})"


def _declared(item: tree.FileColumn, number: int, types: dict[str, str], alias: str, node: tree.OpenRowset) -> Field:
    """A column of WITH: by name (exactly) in Parquet and under HEADER_ROW, by position in other CSV; absent is NULL."""
    csv = node.options["FORMAT"].upper() == "CSV"
    by_position = csv and node.options.get("HEADER_ROW", "FALSE").upper() != "TRUE"
    name: str | None
    if isinstance(item.source, int) or (by_position and item.source is None):
        position = item.source if isinstance(item.source, int) else number
        if not csv:
            raise refused("a column's position in Parquet", item.name.at, "give its path in quotes")
        name = list(types)[position - 1] if 1 <= position <= len(types) else None
    else:
        name = str(item.source).removeprefix("$.") if item.source is not None else item.name.text
    if name is None or name not in types:
        return Field(item.name.text, item.type, f"CAST(NULL AS {item.type.duck})")
    value = column(name, types[name], f"{alias}.{quoted(name)}", item.name.at)
    if csv:
        return Field(item.name.text, item.type, _from_csv(value, item, alias))
    _must_fit(value.type, item)
    return Field(item.name.text, item.type, _shortened(convert(value, item.type, item.name.at), item.type).sql)


def _from_csv(value: Typed, item: tree.FileColumn, alias: str) -> str:
    """CSV text as its type; an empty field is NULL."""
    if item.type.is_string:
        return _shortened(value, item.type).sql
    given = Typed(f"nullif({value.sql}, '')", value.type)
    converted = convert(given, item.type, item.name.at, attempt=True).sql
    where = f"' in data file ' || {alias}f.url || '.'"
    message = literal(
        "Bulk load data conversion error (type mismatch or invalid character for the specified codepage) for column "
        f"{item.name.text}"
    )
    failure = f"error('<<tsql 4864 {item.name.at}>>' || {message} || {where} || '<<end>>')"
    return f"coalesce({converted}, CASE WHEN {given.sql} IS NOT NULL THEN {failure} END)"


def _shortened(value: Typed, kind: Type) -> Typed:
    if not kind.is_string or kind.length == MAX or (value.type.is_string and 0 < value.type.length <= kind.length):
        return Typed(value.sql, kind)
    return Typed(f"left({value.sql}, {kind.length})", kind)


_PHYSICAL = {
    "bit": "BOOLEAN",
    "int": "INT32",
    "bigint": "INT64",
    "real": "FLOAT",
    "float": "DOUBLE",
    "date": "INT32, logical type: DATE",
    "datetime2": "INT64, logical type: TIMESTAMP",
    "nvarchar": "BYTE_ARRAY, logical type: UTF8",
}


def _must_fit(found: Type, item: tree.FileColumn) -> None:
    """A Parquet column is read as its own kind of type; Synapse converts no text to numbers while it reads."""
    kinds = [_kind(found), _kind(item.type)]
    if kinds[0] != kinds[1]:
        message = (
            f"Column '{item.name.text}' of type '{str(item.type).upper()}' is not compatible with external data type "
            f"'Parquet physical type: {_PHYSICAL.get(found.name, found.name.upper())}', please try with "
            f"'{'VARCHAR(8000)' if found.is_string else str(found).upper()}'."
        )
        raise Fault(UNNUMBERED, message, item.name.at)


def _kind(kind: Type) -> str:
    if kind.is_string:
        return "text"
    if kind.is_integer:
        return "integer"
    return {"datetime2": "moment", "datetime": "moment", "real": "float"}.get(kind.name, kind.name)


def _path_sql(alias: str, number: int | None, wildcards: int, node: tree.OpenRowset) -> str:
    """filepath() is the address, filepath(n) what the n-th wildcard stood for, filename() (number 0) the name."""
    if number is None:
        return f"{alias}f.url"
    if number == 0:
        return f"{alias}f.name"
    if not 1 <= number <= wildcards:
        raise Fault(UNNUMBERED, f"filepath({number}): the path has {wildcards} wildcard(s).", node.at)
    return f"{alias}f.parts[{number}]"
