"""What SQL Server sees when it compiles a whole batch: a column added in the batch is not there yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from . import statements, tree
from .catalog import Catalog
from .environment import Relation
from .errors import Fault


def check_added_columns(batch: statements.Batch, catalog: Catalog) -> None:
    """Fault 207 for a statement that names a column which ALTER TABLE adds in the same batch, as SQL Server has it.

    Statements on tables that do not exist yet are bound when they run; so is a string in EXEC.
    """
    added: dict[int, set[str]] = {}
    for statement in _flat(batch.statements):
        if isinstance(statement, statements.AddColumns):
            relation = _find(statement.table, catalog)
            if relation is not None:
                names = {column.name.text.lower() for column in statement.columns}
                added.setdefault(relation.id, set()).update(names - _columns(relation))
        elif added:
            _check(statement, added, catalog)


def _flat(found: tuple[statements.Statement, ...]) -> Iterator[statements.Statement]:
    for statement in found:
        if isinstance(statement, statements.If):
            yield from _flat(statement.then)
            yield from _flat(statement.otherwise)
        elif not isinstance(statement, statements.Execute):
            yield statement


def _check(statement: statements.Statement, added: dict[int, set[str]], catalog: Catalog) -> None:
    nodes = list(_walk(statement))
    relations = [_find(node, catalog) for node in nodes if isinstance(node, tree.TableRef)]
    known = [relation for relation in relations if relation is not None]
    elsewhere = {name for relation in known for name in _columns(relation)}
    fresh = {name for relation in known for name in added.get(relation.id, ())} - elsewhere
    for name in _named(nodes):
        if name.text.lower() in fresh:
            message = f"Invalid column name '{name.text}': it is added in this batch; put GO between."
            raise Fault(207, message, name.at)


def _find(table: tree.TableRef, catalog: Catalog) -> Relation | None:
    return catalog.find([part.text for part in table.parts])


def _columns(relation: Relation) -> set[str]:
    return {column.name.lower() for column in relation.columns}


def _named(nodes: list[object]) -> Iterator[tree.Name]:
    """The columns that a statement names."""
    for node in nodes:
        if isinstance(node, tree.Column):
            yield node.parts[-1]
        elif isinstance(node, statements.Insert):
            yield from node.columns
        elif isinstance(node, statements.Update | statements.When):
            yield from (name for name, _ in node.assignments)


def _walk(node: object) -> Iterator[object]:
    if isinstance(node, tuple):
        for item in node:
            yield from _walk(item)
    elif dataclasses.is_dataclass(node):
        yield node
        for item in dataclasses.fields(node):
            yield from _walk(getattr(node, item.name))
