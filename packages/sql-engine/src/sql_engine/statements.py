"""The statements of a script, as read."""

from __future__ import annotations

from dataclasses import dataclass, field

from .tree import Name, Node, Query, Rows, Source, TableRef
from .types import Type


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement: `form` is its line in the table of forms, `at`..`end` its place in the script."""

    form: str
    at: int
    end: int = 0


@dataclass(frozen=True, kw_only=True)
class SelectStatement(Statement):
    query: Query


@dataclass(frozen=True, kw_only=True)
class Insert(Statement):
    table: TableRef
    columns: tuple[Name, ...]
    source: Query | Rows


@dataclass(frozen=True, kw_only=True)
class Update(Statement):
    table: TableRef
    assignments: tuple[tuple[Name, Node], ...]
    source: Source | None
    where: Node | None


@dataclass(frozen=True, kw_only=True)
class Delete(Statement):
    table: TableRef
    source: Source | None
    where: Node | None


@dataclass(frozen=True)
class When:
    """A clause of MERGE; `match` is MATCHED, TARGET (not matched by target) or SOURCE (not matched by source)."""

    at: int
    match: str
    condition: Node | None
    action: str
    assignments: tuple[tuple[Name, Node], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Merge(Statement):
    table: TableRef
    source: Source
    on: Node
    whens: tuple[When, ...]


@dataclass(frozen=True)
class ColumnDefinition:
    name: Name
    type: Type
    nullable: bool | None
    default: tuple[Node, str] | None = None


@dataclass(frozen=True)
class KeyDefinition:
    name: str | None
    columns: tuple[Name, ...]
    primary: bool
    at: int


@dataclass(frozen=True)
class CheckDefinition:
    name: str | None
    condition: Node
    text: str


@dataclass(frozen=True, kw_only=True)
class CreateTable(Statement):
    table: TableRef
    columns: tuple[ColumnDefinition, ...]
    keys: tuple[KeyDefinition, ...] = ()
    checks: tuple[CheckDefinition, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AddColumns(Statement):
    table: TableRef
    columns: tuple[ColumnDefinition, ...]
    checks: tuple[CheckDefinition, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CreateView(Statement):
    view: TableRef
    columns: tuple[Name, ...]
    query: Query
    text: str
    create: bool
    alter: bool


@dataclass(frozen=True, kw_only=True)
class CreateSchema(Statement):
    name: Name


@dataclass(frozen=True, kw_only=True)
class CreateUser(Statement):
    name: Name
    sid: bytes
    kind: str


@dataclass(frozen=True, kw_only=True)
class CreateRole(Statement):
    name: Name


@dataclass(frozen=True, kw_only=True)
class ChangeMember(Statement):
    role: Name
    member: Name
    add: bool


@dataclass(frozen=True, kw_only=True)
class Permit(Statement):
    """GRANT, DENY or REVOKE; `securable` is ("DATABASE", ()), ("SCHEMA", (name,)) or ("OBJECT", ([schema,] name))."""

    verb: str
    permissions: tuple[str, ...]
    securable: tuple[str, tuple[Name, ...]]
    principals: tuple[Name, ...]


@dataclass(frozen=True, kw_only=True)
class SetOption(Statement):
    """SET NOCOUNT ON and its like: what they ask for holds anyway."""


@dataclass(frozen=True, kw_only=True)
class If(Statement):
    condition: Node
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Execute(Statement):
    """EXEC (N'…'): the statements of the string."""

    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Batch:
    statements: tuple[Statement, ...] = field(default=())
