"""The tree of a query. A node's `at` is its offset in the text and does not count when nodes are compared."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

# Types by the word that stands for them in a query; nvarchar has no other length than max.
types = {
    "BIGINT": "bigint",
    "FLOAT": "float",
    "NVARCHAR": "nvarchar(max)",
    "DATETIME": "datetime",
    "BIT": "bit",
    "RECORD": "record",
    "ARRAY": "array",
}
type_names = tuple(types.values())


@dataclass(frozen=True, kw_only=True)
class Node:
    at: int = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class Literal(Node):
    value: int | float | str | None


@dataclass(frozen=True, kw_only=True)
class Column(Node):
    """`parts` as written: an optional source alias, a column, fields of nested records."""

    parts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Star(Node):
    """`*`, or `alias.*` and `column.*` with what stands before `.*` as `parts`."""

    parts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Unary(Node):
    operator: str
    operand: Expression


@dataclass(frozen=True, kw_only=True)
class Binary(Node):
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, kw_only=True)
class Between(Node):
    operand: Expression
    low: Expression
    high: Expression
    negated: bool


@dataclass(frozen=True, kw_only=True)
class In(Node):
    operand: Expression
    choices: tuple[Expression, ...]
    negated: bool


@dataclass(frozen=True, kw_only=True)
class Like(Node):
    operand: Expression
    pattern: Expression
    escape: Expression | None
    negated: bool


@dataclass(frozen=True, kw_only=True)
class IsNull(Node):
    operand: Expression
    negated: bool


@dataclass(frozen=True, kw_only=True)
class Case(Node):
    operand: Expression | None
    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None


@dataclass(frozen=True, kw_only=True)
class Cast(Node):
    """CAST or, when `safe`, TRY_CAST; `type` is one of `type_names`."""

    operand: Expression
    type: str
    safe: bool


@dataclass(frozen=True, kw_only=True)
class Order(Node):
    by: Expression
    descending: bool


@dataclass(frozen=True, kw_only=True)
class Over(Node):
    """OVER (PARTITION BY … ORDER BY … LIMIT DURATION(unit, n) WHEN …)"""

    partition: tuple[Expression, ...] = ()
    order: tuple[Order, ...] = ()
    limit: Call | None = None
    when: Expression | None = None


@dataclass(frozen=True, kw_only=True)
class Call(Node):
    """A function call; `name` as written, dotted for `System.…` and `udf.…`."""

    name: str
    arguments: tuple[Expression | Star, ...]
    distinct: bool = False
    over: Over | None = None


@dataclass(frozen=True, kw_only=True)
class Field(Node):
    """A field of what a call returns: `System.Window().Id`"""

    operand: Expression
    name: str


Expression = Literal | Column | Unary | Binary | Between | In | Like | IsNull | Case | Cast | Call | Field


@dataclass(frozen=True, kw_only=True)
class Item(Node):
    """One entry of a SELECT list."""

    value: Expression | Star
    alias: str | None


@dataclass(frozen=True, kw_only=True)
class Source(Node):
    """What follows FROM or JOIN: an input or step by name, or a subquery."""

    name: str
    alias: str
    query: Query | None = None
    timestamp: Expression | None = None
    over: tuple[Expression, ...] | None = None
    partition: tuple[Expression, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Join(Node):
    source: Source
    on: Expression
    left: bool


@dataclass(frozen=True, kw_only=True)
class Apply(Node):
    call: Call
    alias: str
    outer: bool


@dataclass(frozen=True, kw_only=True)
class Select(Node):
    items: tuple[Item, ...]
    source: Source
    into: str | None = None
    joins: tuple[Join, ...] = ()
    applies: tuple[Apply, ...] = ()
    where: Expression | None = None
    group: tuple[Expression, ...] = ()
    having: Expression | None = None


@dataclass(frozen=True, kw_only=True)
class Union(Node):
    """UNION, which keeps duplicates. Source: Microsoft's language reference, UNION."""

    selects: tuple[Select, ...]


Query = Select | Union


@dataclass(frozen=True, kw_only=True)
class Step(Node):
    name: str
    query: Query


@dataclass(frozen=True, kw_only=True)
class Table(Node):
    """CREATE TABLE: the declared schema of an input."""

    name: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Script(Node):
    tables: tuple[Table, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Query, ...]


def children(node: object) -> list[Node]:
    """The nodes directly below `node`, in the order they are written."""
    found: list[Node] = []
    pending = [getattr(node, item.name) for item in fields(node)] if isinstance(node, Node) else []
    while pending:
        value = pending.pop(0)
        if isinstance(value, Node):
            found.append(value)
        elif isinstance(value, tuple):
            pending[:0] = list(value)
    return found


def walk(node: Node) -> list[Node]:
    """`node` and everything below it."""
    found = [node]
    for child in children(node):
        found += walk(child)
    return found
