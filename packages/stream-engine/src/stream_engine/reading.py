"""How a query reads an input: TIMESTAMP BY, substreams, and the columns that CREATE TABLE declares."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import Refused
from .expressions import ExpressionCompiler
from .frame import Record
from .scope import Columns, Evaluate, Relation, Scope, field_of
from .syntax import Call, Expression, Source, Table, walk
from .values import Unconvertible, cast
from .watermark import Reader, TimePolicy


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the query says of an input's columns: those of its CREATE TABLE, or nothing."""

    table: Table | None
    place: Scope

    @property
    def columns(self) -> Columns | None:
        if self.table is None:
            return None
        return {name.lower(): (name, kind) for name, kind in self.table.columns}

    def relation(self, alias: str) -> Relation:
        return Relation(alias=alias, columns=self.columns)

    def scope(self, alias: str) -> Scope:
        return self.place.of(self.relation(alias))

    def conform(self, record: Record) -> Record | None:
        """The record with the declared columns in their types; None when one does not convert."""
        if self.table is None:
            return record
        conformed = Record()
        conformed.metadata = record.metadata
        try:
            for name, kind in self.table.columns:
                conformed[name] = cast(field_of(record, name), kind)
        except (Unconvertible, OverflowError):
            return None
        return conformed


def compile_reader(alias: str, source: Source, shape: Shape, policy: TimePolicy, partitions: int) -> Reader:
    """The reader of an input as one FROM or JOIN reads it. Raises Refused."""
    timestamp = over = None
    if source.timestamp is not None:
        _timeless(source.timestamp)
        compiler = ExpressionCompiler(shape.scope(source.alias))
        compiled = compiler.compile(source.timestamp)
        if compiled.type not in ("datetime", "nvarchar(max)", None):
            raise Refused(f"TIMESTAMP BY takes a datetime, this is a {compiled.type}", source.timestamp.at)
        timestamp = compiled.evaluate
        over = _listed(source.over, compiler) if source.over is not None else None
    conform = shape.conform if shape.table is not None else None
    return Reader(alias, timestamp, policy, partitions, over=over, conform=conform)


def _listed(nodes: tuple[Expression, ...], compiler: ExpressionCompiler) -> Evaluate:
    """Several expressions as one key."""
    parts = [compiler.compile(node).evaluate for node in nodes]
    return parts[0] if len(parts) == 1 else lambda frame: [part(frame) for part in parts]


def _timeless(timestamp: Expression) -> None:
    for node in walk(timestamp):
        if isinstance(node, Call) and node.name.upper() == "SYSTEM.TIMESTAMP":
            raise Refused("System.Timestamp() has no value inside TIMESTAMP BY", node.at)
