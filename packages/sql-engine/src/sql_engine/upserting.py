# ruff: noqa: S608 - names are quoted
"""Data Factory's upsert: the rows of a Copy in an interim table, and the MERGE that brings them into the table.

https://learn.microsoft.com/azure/data-factory/connector-azure-sql-database#azure-sql-database-as-the-sink
(upsertSettings: keys, useTempDB, interimSchemaName): by default a global temporary table, which everybody may
make; with a physical one the user needs CREATE TABLE and ALTER on its schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from .environment import ColumnInfo, Relation
from .errors import Fault, literal, quoted
from .reading import column

if TYPE_CHECKING:
    import pyarrow as pa

    Rows = pa.Table | pa.RecordBatchReader | Path | Sequence[Path]

INTERIM = "##InterimTable"


def load(connection: duckdb.DuckDBPyConnection, rows: Rows) -> Relation:
    """Writes the rows into the interim table of this connection; the table as the MERGE sees it."""
    if isinstance(rows, Path | list | tuple):
        paths = [rows] if isinstance(rows, Path) else list(rows)
        listed = ", ".join(literal(str(path)) for path in paths)
        source = f"read_parquet([{listed}], union_by_name = true)"
    else:
        connection.register("incoming", rows)
        source = "incoming"
    try:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE interim AS SELECT * FROM {source}")
    finally:
        if source == "incoming":
            connection.unregister("incoming")
    values = []
    columns = []
    for name, duck, *_ in connection.execute("DESCRIBE temp.interim").fetchall():
        value = column(name, duck, quoted(name), 0)
        values.append(f"{value.sql} AS {quoted(name)}")
        columns.append(ColumnInfo(name, value.type))
    sql = f"(SELECT {', '.join(values)} FROM temp.interim)"
    return Relation(id=-1, schema="tempdb", name=INTERIM, columns=tuple(columns), sql=sql)


def unload(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("DROP TABLE IF EXISTS temp.interim")


def merge_script(relation: Relation, keys: Sequence[str] | None, incoming: Relation) -> str:
    """The MERGE in T-SQL. Fault 0 where keys are missing, 207 for a column that the table has not."""
    names = [item.name for item in incoming.columns]
    known = {item.name.lower() for item in relation.columns}
    for name in names:
        if name.lower() not in known:
            raise Fault(207, f"Invalid column name '{name}': table {relation.path} has no such column.", 0)
    if keys is None:
        keys = next((key.columns for key in relation.keys if key.primary), ())
    if not keys:
        raise Fault(0, f"upsert into {relation.path} needs keys: none are given and the table has no primary key", 0)
    for key in keys:
        if key.lower() not in {name.lower() for name in names}:
            raise Fault(207, f"Invalid column name '{key}': the rows have no such column for the upsert's key.", 0)
    matched = " AND ".join(f"t.{_bracketed(key)} = s.{_bracketed(key)}" for key in keys)
    others = [name for name in names if name.lower() not in {key.lower() for key in keys}]
    update = ", ".join(f"{_bracketed(name)} = s.{_bracketed(name)}" for name in others)
    return (
        f"MERGE INTO {_bracketed(relation.schema)}.{_bracketed(relation.name)} AS t USING {_bracketed(INTERIM)} AS s\n"
        f"ON {matched}\n"
        + (f"WHEN MATCHED THEN UPDATE SET {update}\n" if update else "")
        + f"WHEN NOT MATCHED BY TARGET THEN INSERT ({', '.join(map(_bracketed, names))})\n"
        + f"VALUES ({', '.join(f's.{_bracketed(name)}' for name in names)});"
    )


def _bracketed(name: str) -> str:
    return "[" + name.replace("]", "]]") + "]"
