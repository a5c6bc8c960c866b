"""What a script says, as read: expressions and queries; `at` is the offset in the script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .types import Type


@dataclass(frozen=True)
class Name:
    text: str
    at: int


@dataclass(frozen=True)
class Node:
    at: int


@dataclass(frozen=True)
class Constant(Node):
    value: Any
    type: Type


@dataclass(frozen=True)
class Column(Node):
    parts: tuple[Name, ...]


@dataclass(frozen=True)
class Parameter(Node):
    name: str


@dataclass(frozen=True)
class Default(Node):
    """The word DEFAULT in place of a value."""


@dataclass(frozen=True)
class Negative(Node):
    operand: Node


@dataclass(frozen=True)
class Arithmetic(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Comparison(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Logical(Node):
    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class IsNull(Node):
    operand: Node
    negated: bool


@dataclass(frozen=True)
class Between(Node):
    operand: Node
    low: Node
    high: Node
    negated: bool


@dataclass(frozen=True)
class Like(Node):
    operand: Node
    pattern: Node
    escape: str | None
    negated: bool


@dataclass(frozen=True)
class InList(Node):
    operand: Node
    values: tuple[Node, ...]
    negated: bool


@dataclass(frozen=True)
class InQuery(Node):
    operand: Node
    query: Query
    negated: bool


@dataclass(frozen=True)
class Exists(Node):
    query: Query


@dataclass(frozen=True)
class Scalar(Node):
    query: Query


@dataclass(frozen=True)
class Case(Node):
    operand: Node | None
    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True)
class Cast(Node):
    operand: Node
    type: Type
    attempt: bool
    style: int | None = None


@dataclass(frozen=True)
class Order:
    expression: Node
    descending: bool


@dataclass(frozen=True)
class Over:
    partition: tuple[Node, ...]
    order: tuple[Order, ...]
    frame: str = ""


@dataclass(frozen=True)
class Call(Node):
    name: str
    arguments: tuple[Node, ...]
    distinct: bool = False
    star: bool = False
    over: Over | None = None
    within: tuple[Order, ...] = ()
    part: str = ""


PREDICATES = (Comparison, Logical, IsNull, Between, Like, InList, InQuery, Exists)


@dataclass(frozen=True)
class Star(Node):
    qualifier: Name | None = None


@dataclass(frozen=True)
class Item:
    expression: Node
    alias: Name | None


@dataclass(frozen=True)
class TableRef(Node):
    """`parts` is [schema.]name; `alias` is how the query calls it."""

    parts: tuple[Name, ...]
    alias: Name | None = None


@dataclass(frozen=True)
class Derived(Node):
    query: Query | Rows
    alias: Name
    columns: tuple[Name, ...] = ()


@dataclass(frozen=True)
class Rows(Node):
    """A VALUES list."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True)
class FileColumn:
    """A column of OPENROWSET's WITH: its name, its type, and its source (a position in CSV, a name in Parquet)."""

    name: Name
    type: Type
    source: str | int | None


@dataclass(frozen=True)
class OpenRowset(Node):
    paths: tuple[Name, ...]
    options: dict[str, str]
    columns: tuple[FileColumn, ...]
    alias: Name


@dataclass(frozen=True)
class Join(Node):
    kind: str
    left: Source
    right: Source
    on: Node | None


Source = TableRef | Derived | OpenRowset | Join


@dataclass(frozen=True)
class Select(Node):
    items: tuple[Item, ...]
    source: Source | None = None
    where: Node | None = None
    group: tuple[Node, ...] = ()
    having: Node | None = None
    distinct: bool = False
    top: Node | None = None


@dataclass(frozen=True)
class Query(Node):
    """Selects joined by UNION [ALL]; `unions[i]` stands between select i and i + 1, True for ALL."""

    selects: tuple[Select | Query, ...]
    unions: tuple[bool, ...] = ()
    tables: tuple[tuple[Name, tuple[Name, ...], Query], ...] = ()
    order: tuple[Order, ...] = ()
    offset: Node | None = None
    fetch: Node | None = None
