"""What names mean inside a query: the sources in reach, their columns, and the query around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from . import tree
from .errors import Fault
from .types import Type


@dataclass(frozen=True)
class Field:
    """A column of a source: how the script calls it, its type, and the DuckDB text that reads it."""

    name: str
    type: Type
    sql: str


@dataclass(frozen=True)
class Bound:
    """A source as bound: `name` is how the query calls it; `file` reads filepath(n) where it is an OPENROWSET."""

    name: str
    fields: tuple[Field, ...]
    schema: str = ""
    file: Callable[[int | None], str] | None = None
    alias: str = ""
    relation: object = None

    def find(self, column: str) -> Field | None:
        return next((item for item in self.fields if item.name.lower() == column.lower()), None)


@dataclass
class Scope:
    """The sources of one SELECT. `grouped` maps the text of each GROUP BY expression to what stands for it after."""

    sources: list[Bound] = field(default_factory=list)
    parent: Scope | None = None
    grouped: dict[str, str] | None = None

    def add(self, source: Bound, at: int) -> None:
        for other in self.sources:
            if other.name.lower() == source.name.lower() and other.schema == source.schema:
                message = (
                    f'The objects "{source.name}" and "{other.name}" in the FROM clause have the same exposed names. '
                    "Use correlation names to distinguish them."
                )
                raise Fault(1013, message, at)
        self.sources.append(source)

    def resolve(self, column: tree.Column) -> tuple[Field, Scope]:
        """The field a name means and the scope it lies in; fault 207, 209 or 4104 when none or several do."""
        scope: Scope | None = self
        while scope is not None:
            found = scope._here(column)
            if found is not None:
                return found, scope
            scope = scope.parent
        name = column.parts[-1]
        if len(column.parts) > 1:
            path = ".".join(part.text for part in column.parts)
            raise Fault(4104, f'The multi-part identifier "{path}" could not be bound.', column.at)
        raise Fault(207, f"Invalid column name '{name.text}'.", name.at)

    def _here(self, column: tree.Column) -> Field | None:
        *qualifier, name = column.parts
        sources = self.sources
        if qualifier:
            sources = [source for source in sources if _called(source, [part.text for part in qualifier])]
        found = [item for source in sources if (item := source.find(name.text)) is not None]
        if len(found) > 1:
            raise Fault(209, f"Ambiguous column name '{name.text}'.", name.at)
        if qualifier and sources and not found:
            raise Fault(207, f"Invalid column name '{name.text}'.", name.at)
        return found[0] if found else None

    def source(self, name: tree.Name) -> Bound:
        """The source of that name in this scope; fault 4104 when there is none."""
        for source in self.sources:
            if _called(source, [name.text]):
                return source
        raise Fault(4104, f'The multi-part identifier "{name.text}" could not be bound.', name.at)


def _called(source: Bound, qualifier: list[str]) -> bool:
    if source.name.lower() != qualifier[-1].lower():
        return False
    return len(qualifier) == 1 or source.schema.lower() == qualifier[0].lower()
