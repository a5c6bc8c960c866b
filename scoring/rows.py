"""Rows in files: Parquet bound to a contract by name on the way in, written whole or not at all on the way out."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scoring.contract import Column, Row, arrow_schema

Reasons = NDArray[np.object_]
"""Per row, why it cannot be used; None where it can."""


class BadFile(Exception):
    """A file as a whole cannot be read as the contract's rows; the message names the file, and a column at fault."""


def read(path: Path, row: Row) -> pa.Table:
    """The file's rows with the contract's columns, in its order and types; other columns are left out.

    Types widen where nothing is lost (float to double, int32 to int64, any timestamp to UTC microseconds); BadFile
    for a missing or ambiguous column, for any other type, and for what is not Parquet.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            problems = _schema_problems(file.schema_arrow, row)
            if problems:
                raise BadFile(f"{path.name}: " + "; ".join(problems))
            table = file.read(columns=list(row.names))
    except (pa.ArrowException, OSError) as error:
        raise BadFile(f"{path.name}: cannot be read as Parquet: {error}") from error
    schema = arrow_schema(row)
    columns = [_cast(path, table[field.name], field) for field in schema]
    return pa.table(columns, schema=pa.schema([field.with_nullable(True) for field in schema]))


def unusable(table: pa.Table, needed: Sequence[str]) -> Reasons:
    """Per row, the first of the needed columns that is null, NaN or infinite, in words."""
    reasons = np.full(table.num_rows, None, dtype=object)
    for name in reversed(needed):
        column = table[name]
        if pa.types.is_floating(column.type):
            values = column.to_numpy()
            reasons[np.isinf(values)] = f"{name} is infinite"
            reasons[np.isnan(values)] = f"{name} is NaN"
        if column.null_count:
            reasons[column.is_null().to_numpy()] = f"{name} is null"
    return reasons


def without_reason(reasons: Reasons) -> NDArray[np.bool_]:
    """Per row, whether there is no reason against it."""
    return np.fromiter((reason is None for reason in reasons), np.bool_, len(reasons))


def write(table: pa.Table, path: Path) -> None:
    """Write the file in a temporary folder, then copy it to its name in one sequential pass, replacing what is there.

    The output folder is a mounted blob container (blobfuse), which takes no seeks and appears whole when it is closed.
    A copy that fails leaves no file.
    """
    with tempfile.TemporaryDirectory(prefix="scoring-") as temporary:
        built = Path(temporary, path.name)
        pq.write_table(table, built)
        try:
            shutil.copyfile(built, path)
        except BaseException:
            with contextlib.suppress(OSError):
                path.unlink()
            raise


def _schema_problems(schema: pa.Schema, row: Row) -> list[str]:
    problems = []
    for column in row.columns:
        fields = [field for field in schema if field.name == column.name]
        if len(fields) != 1:
            state = "is missing" if not fields else f"occurs {len(fields)} times"
            problems.append(f"column {column.name} {state}; the file has {', '.join(schema.names) or 'no columns'}")
        elif not _fits(column, fields[0].type):
            problems.append(f"column {column.name} is {fields[0].type}, expected {column.type}")
    return problems


def _fits(column: Column, type_: pa.DataType) -> bool:
    types = pa.types
    if types.is_null(type_):  # what a writer makes of a column without any value; its rows are rejected one by one
        return True
    if column.type == "string":
        if types.is_dictionary(type_):
            type_ = type_.value_type
        return types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_)
    if column.type == "timestamp":
        return types.is_timestamp(type_)
    if column.type == "int64":
        return types.is_integer(type_)
    return types.is_floating(type_) or types.is_integer(type_) or types.is_decimal(type_)


def _cast(path: Path, column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    try:
        if pa.types.is_timestamp(column.type):
            # Without a zone it is UTC, as all that Stream Analytics writes; nanoseconds are cut to microseconds.
            return column.cast(pa.timestamp("us", tz=column.type.tz), safe=False).cast(field.type)
        return column.cast(field.type)
    except pa.ArrowException as error:
        raise BadFile(f"{path.name}: column {field.name} does not fit {field.type}: {error}") from error
