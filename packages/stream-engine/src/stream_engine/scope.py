"""Names: which source a column belongs to, and how its value is fetched from a frame."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .errors import Refused, StreamError, caret
from .frame import Frame
from .syntax import Column
from .values import Value

Evaluate = Callable[[Frame], Value]
# By lower-case name: the name as written, and its type where the query states one.
Columns = dict[str, tuple[str, str | None]]
# The JavaScript functions that a query may call, by lower-case alias.
Functions = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """An expression ready to run; `type` is a type of Stream Analytics, or None when only the data knows."""

    type: str | None
    evaluate: Evaluate


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A source after FROM. `columns` maps lower-case names to (name, type); None for an input without a schema."""

    alias: str
    columns: Columns | None


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The sources and functions an expression may name, and the text it stands in."""

    relations: Sequence[Relation]
    text: str
    name: str
    functions: Functions = field(default_factory=dict)

    def of(self, *relations: Relation) -> Scope:
        """The same place in the text, with these sources."""
        return replace(self, relations=relations)

    def source(self, alias: str) -> int | None:
        """The position of the source with this alias, in any case."""
        folded = alias.lower()
        return next((i for i, relation in enumerate(self.relations) if relation.alias.lower() == folded), None)

    def resolve(self, column: Column) -> tuple[int, tuple[str, ...]]:
        """The source and the path of a column. Raises Refused for an unknown or ambiguous name."""
        parts: tuple[str, ...] = column.parts
        first = parts[0]
        index = self.source(first) if len(parts) > 1 else None
        if index is not None:
            return index, self._known(index, parts[1:], column)
        if len(self.relations) == 1:
            return 0, self._known(0, parts, column)
        owners = [i for i, each in enumerate(self.relations) if each.columns is None or first.lower() in each.columns]
        if len(owners) == 1:
            return owners[0], self._known(owners[0], parts, column)
        if not owners:
            raise Refused(f"no source has a column {first}", column.at)
        aliases = ", ".join(relation.alias for relation in self.relations)
        raise Refused(f"{first} may belong to any of {aliases}: write source.{first}", column.at)

    def _known(self, index: int, parts: tuple[str, ...], column: Column) -> tuple[str, ...]:
        relation = self.relations[index]
        if relation.columns is None:
            return parts
        found = relation.columns.get(parts[0].lower())
        if found is not None:
            return (found[0], *parts[1:])
        names = [name for name, _ in relation.columns.values()]
        close = difflib.get_close_matches(parts[0], names, n=1)
        hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(names)}"
        raise Refused(f"{relation.alias} has no column {parts[0]}: {hint}", column.at)

    def column(self, column: Column) -> Compiled:
        """A column as an expression."""
        index, path = self.resolve(column)
        columns = self.relations[index].columns
        declared = columns[path[0].lower()][1] if columns and len(path) == 1 else None
        evaluate = _plain(index, path[0]) if columns else _searching(index, path[0])
        for part in path[1:]:
            evaluate = _field(evaluate, part)
        return Compiled(type=declared, evaluate=evaluate)

    def trouble(self, message: str, at: int) -> StreamError:
        """The error that stops the running query at this place."""
        line, position, picture = caret(self.text, at)
        return StreamError(f"{self.name}, line {line}, column {position}: {message}\n{picture}")


def field_of(record: Value, name: str) -> Value:
    """A field of a record by name, in any case; NULL when there is no such field or no record."""
    if not isinstance(record, dict):
        return None
    if name in record:
        return record[name]
    folded = name.lower()
    for key, value in record.items():
        if key.lower() == folded:
            return value
    return None


def _plain(index: int, name: str) -> Evaluate:
    def evaluate(frame: Frame) -> Value:
        record = frame.records[index]
        return None if record is None else record.get(name)

    return evaluate


def _searching(index: int, name: str) -> Evaluate:
    def evaluate(frame: Frame) -> Value:
        record = frame.records[index]
        try:
            return record[name]  # type: ignore[index]
        except (KeyError, TypeError):
            return field_of(record, name)

    return evaluate


def _field(operand: Evaluate, name: str) -> Evaluate:
    return lambda frame: field_of(operand(frame), name)
