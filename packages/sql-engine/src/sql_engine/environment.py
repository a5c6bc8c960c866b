"""What a statement is compiled against: the database's objects, the caller, the clock and the parameters."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from . import tree
from .conversions import Typed
from .errors import Fault, literal, refused
from .scope import Bound
from .types import BIGINT, BIT, DATE, DATETIME2, FLOAT, INT, MAX, NULL, Type, decimal, text


@dataclass(frozen=True)
class ColumnInfo:
    """A column of a table or view. `default` is the T-SQL text of its default value, if it has one."""

    name: str
    type: Type
    nullable: bool = True
    default: str | None = None


@dataclass(frozen=True)
class Key:
    name: str
    columns: tuple[str, ...]
    primary: bool


@dataclass(frozen=True)
class Check:
    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A table, a view (`query` is its SELECT) or a view of the system (`sql` is its DuckDB text)."""

    id: int
    schema: str
    name: str
    columns: tuple[ColumnInfo, ...]
    keys: tuple[Key, ...] = ()
    checks: tuple[Check, ...] = ()
    query: str | None = None
    sql: str | None = None

    @property
    def is_view(self) -> bool:
        return self.query is not None or self.sql is not None

    @property
    def path(self) -> str:
        return f"{self.schema}.{self.name}"

    def column(self, name: tree.Name) -> ColumnInfo:
        """The column of that name; fault 207 when there is none."""
        for column in self.columns:
            if column.name.lower() == name.text.lower():
                return column
        raise Fault(207, f"Invalid column name '{name.text}'.", name.at)


def no_relation(table: tree.TableRef) -> Relation:
    """The lookup where no database lies behind a query."""
    raise Fault(208, f"Invalid object name '{'.'.join(part.text for part in table.parts)}'.", table.at)


def no_metadata(name: str, arguments: tuple[str, ...], at: int) -> int | str | None:
    raise refused(f"the function {name} without a database", at)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """`relation` finds an object and checks that the caller may read it; `rowset` binds an OPENROWSET."""

    database: str
    user: str
    now: datetime.datetime
    parameters: Mapping[str, Typed] = field(default_factory=dict)
    relation: Callable[[tree.TableRef], Relation] = no_relation
    metadata: Callable[[str, tuple[str, ...], int], int | str | None] = no_metadata
    rowset: Callable[[tree.OpenRowset, str], tuple[str, Bound]] | None = None


def parameters(values: Mapping[str, Any] | None) -> dict[str, Typed]:
    """Parameters by lower-case name with its @, as constants; TypeError for a value without a T-SQL type."""
    return {f"@{name.lower().lstrip('@')}": python_value(value) for name, value in (values or {}).items()}


def python_value(value: Any) -> Typed:
    """A Python value as a T-SQL constant."""
    if value is None:
        return Typed("NULL", NULL)
    if isinstance(value, bool):
        return Typed(str(value).upper(), BIT)
    if isinstance(value, int):
        return Typed(f"CAST({value} AS {'INTEGER' if abs(value) < 2**31 else 'BIGINT'})", _integer(value))
    if isinstance(value, float):
        return Typed(f"CAST('{value!r}' AS DOUBLE)", FLOAT)
    if isinstance(value, Decimal):
        _, digits, exponent = value.as_tuple()
        scale = max(-int(exponent), 0)
        kind = decimal(max(len(digits), scale, 1), scale)
        return Typed(f"CAST('{value}' AS {kind.duck})", kind)
    if isinstance(value, str):
        return Typed(literal(value), text(max(len(value), 1) if len(value) <= 4000 else MAX, national=True))
    if isinstance(value, datetime.datetime):
        plain = value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
        return Typed(f"TIMESTAMP '{plain.isoformat(sep=' ')}'", DATETIME2)
    if isinstance(value, datetime.date):
        return Typed(f"DATE '{value.isoformat()}'", DATE)
    raise TypeError(f"a parameter is {type(value).__name__}; expected text, a number, a moment, a bool or None")


def _integer(value: int) -> Type:
    return INT if abs(value) < 2**31 else BIGINT
