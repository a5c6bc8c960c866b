"""Types of files and Arrow tables as T-SQL sees them."""

from __future__ import annotations

import re

from .conversions import Typed
from .errors import Fault, literal, raising
from .types import BIGINT, BIT, DATE, DATETIME2, FLOAT, INT, MAX, Type, decimal, text

_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_SAME = {
    "BOOLEAN": BIT,
    "TINYINT": Type("smallint"),
    "SMALLINT": Type("smallint"),
    "INTEGER": INT,
    "BIGINT": BIGINT,
    "UTINYINT": Type("tinyint"),
    "USMALLINT": INT,
    "UINTEGER": BIGINT,
    "UBIGINT": decimal(20, 0),
    "HUGEINT": decimal(38, 0),
    "FLOAT": Type("real"),
    "DOUBLE": FLOAT,
    "DATE": DATE,
    "TIMESTAMP": DATETIME2,
    "TIMESTAMP_S": DATETIME2,
    "TIMESTAMP_MS": DATETIME2,
    "TIMESTAMP_NS": DATETIME2,
    "NULL": text(1, national=True),
    "INT32": INT,
}


def column(name: str, duck: str, sql: str, at: int, *, length: int = MAX) -> Typed:
    """A column of a file as a T-SQL value: moments in UTC, text as NVARCHAR(length), fault 8023 if not finite.

    Fault 0 for a type that has no counterpart (lists, structures, times of day, bytes).
    """
    shape = _DECIMAL.fullmatch(duck)
    if shape:
        return Typed(sql, decimal(int(shape[1]), int(shape[2])))
    if duck.startswith(("VARCHAR", "ENUM", "UUID")):
        return Typed(f"CAST({sql} AS VARCHAR)", text(length, national=True))
    if duck == "TIMESTAMP WITH TIME ZONE":
        # A cast would go through the machine's time zone.
        return Typed(f"make_timestamp(epoch_us({sql}))", DATETIME2)
    kind = _SAME.get(duck)
    if kind is None:
        raise Fault(0, f"column {name} has the type {duck}, which sql-engine has no counterpart for", at)
    if kind.name in ("float", "real"):
        message = literal(f"Column '{name}': the supplied value is not a valid instance of data type {kind.name}.")
        return Typed(
            f"CASE WHEN isfinite({sql}) THEN {sql} WHEN {sql} IS NOT NULL THEN {raising(8023, message, at)} END", kind
        )
    return Typed(f"CAST({sql} AS {kind.duck})", kind)
