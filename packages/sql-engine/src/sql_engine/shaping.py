"""The columns of compiled queries: their names, their fields, and what ORDER BY means by them."""

from __future__ import annotations

from collections.abc import Iterable

from . import tree
from .environment import Relation
from .errors import Fault, quoted
from .expressions import Compiled
from .scope import Field
from .types import Type


def exposed(compiled: Compiled, alias: tree.Name, given: tuple[tree.Name, ...]) -> tuple[tuple[str, Type], ...]:
    """The columns of a derived table by name: those given after its alias, else its own; each must have one."""
    if given and len(given) != len(compiled.columns):
        more = "fewer" if len(given) > len(compiled.columns) else "more"
        message = f"'{alias.text}' has {more} columns than were specified in the column list."
        raise Fault(8158, message, alias.at)
    names: list[tuple[str, Type]] = []
    for index, (name, kind) in enumerate(compiled.columns):
        name = given[index].text if given else name
        if name is None:
            raise Fault(8155, f"No column name was specified for column {index + 1} of '{alias.text}'.", alias.at)
        if any(name.lower() == other.lower() for other, _ in names):
            raise Fault(8156, f"The column '{name}' was specified multiple times for '{alias.text}'.", alias.at)
        names.append((name, kind))
    return tuple(names)


def fields(alias: str, names: Iterable[tuple[str, Type]]) -> tuple[Field, ...]:
    """The fields of a compiled query under a DuckDB alias."""
    return tuple(Field(name, kind, f"{alias}.c{i}") for i, (name, kind) in enumerate(names, 1))


def columns_of(alias: str, compiled: Compiled) -> tuple[Field, ...]:
    """Its named columns as fields."""
    return tuple(
        Field(name, kind, f"{alias}.c{i}") for i, (name, kind) in enumerate(compiled.columns, 1) if name is not None
    )


def storage(relation: Relation) -> str:
    """The DuckDB table that holds a table's rows."""
    return f"data.{quoted(relation.path.lower())}"


def position(node: tree.Node, names: list[str | None]) -> int | None:
    """Which column of the select list an ORDER BY term means, by number or by name."""
    if isinstance(node, tree.Constant) and isinstance(node.value, int):
        if not 1 <= node.value <= len(names):
            message = (
                f"The ORDER BY position number {node.value} is out of range of the number of items in the select list."
            )
            raise Fault(108, message, node.at)
        return node.value - 1
    if isinstance(node, tree.Column) and len(node.parts) == 1:
        wanted = node.parts[0].text.lower()
        found = [index for index, name in enumerate(names) if name is not None and name.lower() == wanted]
        return found[0] if found else None
    return None
