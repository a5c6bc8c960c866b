"""The types of T-SQL that the engine knows, their order of precedence, and what stores them in DuckDB."""

from __future__ import annotations

from dataclasses import dataclass, replace

MAX = -1
"""Length of NVARCHAR(MAX)."""


@dataclass(frozen=True)
class Type:
    """One T-SQL type. `length` counts characters (MAX for MAX); `scale` counts fraction digits; `binary` is a collation
    that tells case apart.
    """

    name: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    binary: bool = False

    def __str__(self) -> str:
        if self.name in STRINGS or self.name == "varbinary":
            return f"{self.name}({'max' if self.length == MAX else self.length})"
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return f"datetime2({self.scale})" if self.name == "datetime2" else self.name

    @property
    def is_string(self) -> bool:
        return self.name in STRINGS

    @property
    def is_integer(self) -> bool:
        return self.name in INTEGERS

    @property
    def is_number(self) -> bool:
        return self.name in INTEGERS or self.name in ("decimal", "real", "float")

    @property
    def is_moment(self) -> bool:
        return self.name in ("date", "datetime", "datetime2")

    @property
    def duck(self) -> str:
        """The DuckDB type that stores it."""
        return f"DECIMAL({self.precision},{self.scale})" if self.name == "decimal" else _DUCK[self.name]

    @property
    def is_key(self) -> bool:
        """Whether an index may hold it; VARCHAR(MAX) may not (error 1919)."""
        return self.length != MAX


STRINGS = ("varchar", "nvarchar")
INTEGERS = ("tinyint", "smallint", "int", "bigint")

_DUCK = {
    "null": "INTEGER",
    "bit": "BOOLEAN",
    "tinyint": "UTINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "float": "DOUBLE",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "datetime2": "TIMESTAMP",
    "varchar": "VARCHAR",
    "nvarchar": "VARCHAR",
    "varbinary": "BLOB",
}

# https://learn.microsoft.com/sql/t-sql/data-types/data-type-precedence-transact-sql, lowest first
_PRECEDENCE = (
    *("null", "varbinary", "varchar", "nvarchar", "bit", "tinyint", "smallint", "int", "bigint"),
    *("decimal", "real", "float", "date", "datetime", "datetime2"),
)

NULL = Type("null")
BIT = Type("bit")
INT = Type("int")
BIGINT = Type("bigint")
FLOAT = Type("float")
DATE = Type("date")
DATETIME = Type("datetime", scale=3)
DATETIME2 = Type("datetime2", scale=7)
SYSNAME = Type("nvarchar", length=128)

_DIGITS = {"bit": 1, "tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}

# Names in a script, and the range of what may stand in brackets after them.
SPELLINGS = {
    "bit": "bit", "tinyint": "tinyint", "smallint": "smallint", "int": "int", "integer": "int", "bigint": "bigint",
    "decimal": "decimal", "numeric": "decimal", "dec": "decimal", "real": "real", "float": "float", "date": "date",
    "datetime": "datetime", "datetime2": "datetime2", "varchar": "varchar", "nvarchar": "nvarchar",
    "sysname": "nvarchar", "varbinary": "varbinary",
}  # fmt: skip


def text(length: int, *, national: bool = False) -> Type:
    """A string type of that many characters."""
    return Type("nvarchar" if national else "varchar", length=length)


def decimal(precision: int, scale: int) -> Type:
    """DECIMAL within SQL Server's bound of 38 digits; the whole digits win over the fraction, of which six stay."""
    if precision > 38:
        scale, precision = max(min(scale, 6), 38 - (precision - scale)), 38
    return Type("decimal", precision=precision, scale=scale)


def as_decimal(kind: Type) -> Type:
    """The DECIMAL that holds every value of an exact number type."""
    return kind if kind.name == "decimal" else decimal(_DIGITS.get(kind.name, 10), 0)


def common(left: Type, right: Type) -> Type:
    """The type to which both operands are converted: the one of higher precedence, wide enough for both."""
    low, high = sorted((left, right), key=lambda kind: _PRECEDENCE.index(kind.name))
    if high.is_string:
        if low.is_string:
            length = MAX if MAX in (low.length, high.length) else max(low.length, high.length)
            return replace(high, length=length, binary=high.binary or low.binary)
        return high
    if high.name == "decimal" and (low.is_integer or low.name in ("decimal", "bit")):
        other = as_decimal(low)
        scale = max(high.scale, other.scale)
        return decimal(max(high.precision - high.scale, other.precision - other.scale) + scale, scale)
    if high.name == "datetime2" and low.is_moment:
        return replace(high, scale=max(high.scale, low.scale))
    return high


def comparable(left: Type, right: Type) -> bool:
    """Whether T-SQL compares the two without an explicit conversion."""
    moments, numbers = left.is_moment or right.is_moment, _numeric(left) or _numeric(right)
    binary = (left.name == "varbinary") != (right.name == "varbinary")
    return "null" in (left.name, right.name) or not ((moments and numbers) or binary)


def _numeric(kind: Type) -> bool:
    return kind.is_number or kind.name == "bit"
