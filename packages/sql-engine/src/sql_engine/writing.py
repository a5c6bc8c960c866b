# ruff: noqa: S608 - names are quoted, values are compiled
"""INSERT, UPDATE and DELETE: new rows are made in a table aside, checked, then put in place.

DuckDB's own keys are not used: they know no case-insensitive text, and they refuse a row deleted and inserted in one
transaction. Keys, NOT NULL and CHECK are checked here, with SQL Server's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import duckdb

from . import statements, tree
from .conversions import Typed, assign, fold
from .environment import ColumnInfo, Key, Relation
from .errors import Fault, quoted, refused
from .parse_statements import check_count
from .queries import QueryCompiler, rows_of
from .scope import Bound, Field, Scope
from .script import reader_at
from .shaping import storage
from .types import NULL

Require = Callable[[str, Relation, int], None]
STAGED = "temp.staged"


class Writer:
    """Runs the statements that change rows, in the open transaction of a connection."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, compiler: QueryCompiler, require: Require, database: str
    ) -> None:
        self.connection = connection
        self.compiler = compiler
        self.require = require
        self.database = database

    def count(self, sql: str) -> int:
        return self.connection.execute(sql).fetchall()[0][0]

    def stage(self, sql: str) -> int:
        """Makes the table of new rows; how many there are."""
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE staged AS {sql}")
        return self.count(f"SELECT count(*) FROM {STAGED}")

    def unstage(self) -> None:
        self.connection.execute(f"DROP TABLE IF EXISTS {STAGED}")

    def insert(self, statement: statements.Insert, relation: Relation) -> int:
        """Runs INSERT; the number of rows."""
        self._require_table(relation, statement.table.at)
        self.require("INSERT", relation, statement.table.at)
        targets = [relation.column(name) for name in statement.columns] or list(relation.columns)
        self._no_doubles(statement.columns)
        source = statement.source
        if isinstance(source, tree.Rows):
            check_count(len(targets), len(source.rows[0]), statement.at)
            rows = [
                [self._given(node, target) for node, target in zip(row, targets, strict=False)] for row in source.rows
            ]
            compiled = rows_of(rows, statement.at) if len({len(row) for row in source.rows}) == 1 else None
            if compiled is None:
                raise Fault(10709, "The number of columns for each row must be the same.", source.at)
        else:
            compiled = self.compiler.query(source, None, top_level=True)
            if len(compiled.columns) != len(targets):
                more = "fewer" if len(compiled.columns) > len(targets) else "more"
                message = (
                    f"The select list for the INSERT statement contains {_opposite(more)} items than the insert list."
                )
                raise Fault(121 if more == "fewer" else 120, message, statement.at)
        given = {
            target.name: Typed(f"s.c{i}", kind)
            for i, (target, (_, kind)) in enumerate(zip(targets, compiled.columns, strict=True), 1)
        }
        values = self.stored(relation, given, statement.at)
        affected = self.stage(f"SELECT {values} FROM ({compiled.sql}) AS s")
        self.check_rows(relation, "INSERT", statement.at)
        self.put(relation)
        self.check_keys(relation, relation.keys, statement.at)
        return affected

    def _given(self, node: tree.Node, column: ColumnInfo) -> Typed:
        return self.default(column, node.at) if isinstance(node, tree.Default) else self.compiler.value(node, Scope())

    def stored(self, relation: Relation, given: dict[str, Typed], at: int) -> str:
        """Every column of the table as it is stored, from the values given and the defaults of the others."""
        parts = []
        for column in relation.columns:
            value = given[column.name] if column.name in given else self.default(column, at)
            parts.append(f"{self.assigned(value, column, relation, at)} AS {quoted(column.name)}")
        return ", ".join(parts)

    def assigned(self, value: Typed, column: ColumnInfo, relation: Relation, at: int) -> str:
        stored = assign(value, column.type, column.name, f"{self.database}.{relation.path}", at)
        return f"CAST({stored} AS {column.type.duck})"

    def default(self, column: ColumnInfo, at: int) -> Typed:
        """The column's default value, else NULL."""
        if column.default is None:
            return Typed("NULL", NULL)
        return self.compiler.value(reader_at(column.default, at).value(), Scope())

    def put(self, relation: Relation, where: str = "") -> None:
        names = ", ".join(quoted(column.name) for column in relation.columns)
        self.connection.execute(f"INSERT INTO {storage(relation)} ({names}) SELECT {names} FROM {STAGED}{where}")

    def update(self, statement: statements.Update, relation: Relation) -> int:
        """Runs UPDATE; the number of rows. Of several source rows for one row, the service takes any, and so do we."""
        self._require_table(relation, statement.table.at)
        self.require("UPDATE", relation, statement.table.at)
        self._no_doubles([name for name, _ in statement.assignments])
        scope, target, source = self._target(statement.table, statement.source, relation)
        reads = statement.where is not None or any(not _is_constant(node) for _, node in statement.assignments)
        if reads:
            self.require("SELECT", relation, statement.table.at)
        given = {
            relation.column(name).name: self._set(node, relation.column(name), scope)
            for name, node in statement.assignments
        }
        old = {field.name: Typed(field.sql, field.type) for field in target.fields}
        values = self.stored(relation, {**old, **given}, statement.at)
        where = f" WHERE {self.compiler.condition(statement.where, scope)}" if statement.where else ""
        row = f"{target.alias}.rowid"
        affected = self.stage(f'SELECT DISTINCT ON ({row}) {row} AS "#row", {values} FROM {source}{where}')
        self.check_rows(relation, "UPDATE", statement.at)
        self.replace(relation, [column for column in relation.columns if column.name in given])
        touched = [key for key in relation.keys if set(key.columns) & set(given)]
        self.check_keys(relation, touched, statement.at)
        return affected

    def _set(self, node: tree.Node, column: ColumnInfo, scope: Scope) -> Typed:
        return self.default(column, node.at) if isinstance(node, tree.Default) else self.compiler.value(node, scope)

    def replace(self, relation: Relation, columns: Iterable[ColumnInfo], where: str = "") -> None:
        """Writes the staged values of these columns over the rows they belong to."""
        parts = ", ".join(f"{quoted(column.name)} = s.{quoted(column.name)}" for column in columns)
        condition = f'd.rowid = s."#row"{where}'
        self.connection.execute(f"UPDATE {storage(relation)} AS d SET {parts} FROM {STAGED} AS s WHERE {condition}")

    def delete(self, statement: statements.Delete, relation: Relation) -> int:
        """Runs DELETE; the number of rows."""
        self._require_table(relation, statement.table.at)
        self.require("DELETE", relation, statement.table.at)
        if statement.where is not None:
            self.require("SELECT", relation, statement.table.at)
        scope, target, source = self._target(statement.table, statement.source, relation)
        where = f" WHERE {self.compiler.condition(statement.where, scope)}" if statement.where else ""
        affected = self.stage(f'SELECT DISTINCT {target.alias}.rowid AS "#row" FROM {source}{where}')
        self.remove(relation)
        return affected

    def remove(self, relation: Relation, where: str = "") -> None:
        self.connection.execute(
            f'DELETE FROM {storage(relation)} WHERE rowid IN (SELECT s."#row" FROM {STAGED} AS s{where})'
        )

    def _target(self, table: tree.TableRef, source: tree.Source | None, relation: Relation) -> tuple[Scope, Bound, str]:
        """The scope of an UPDATE or DELETE, the table to change in it, and the text of its FROM."""
        scope = Scope()
        if source is None:
            alias = self.compiler.alias()
            sql, bound = self.compiler.bound(relation, alias, relation.name, table.at)
            scope.add(bound, table.at)
            return scope, bound, sql
        sql = self.compiler.source(source, scope)
        name = table.parts[-1].text.lower()
        for bound in scope.sources:
            same = isinstance(bound.relation, Relation) and bound.relation.id == relation.id
            if same and (bound.name.lower() == name or relation.name.lower() == name):
                return scope, bound, sql
        raise refused("UPDATE or DELETE of a table that its FROM does not name", table.at)

    def _require_table(self, relation: Relation, at: int) -> None:
        if relation.sql is not None:
            raise Fault(259, "Ad hoc updates to system catalogs are not allowed.", at)
        if relation.is_view:
            raise refused("a change through a view", at, "change the table")

    def _no_doubles(self, names: Iterable[tree.Name]) -> None:
        seen: set[str] = set()
        for name in names:
            if name.text.lower() in seen:
                message = f"The column name '{name.text}' is specified more than once in the SET clause or column list."
                raise Fault(
                    264, f"{message} A column cannot be assigned more than one value in the same clause.", name.at
                )
            seen.add(name.text.lower())

    def check_rows(self, relation: Relation, verb: str, at: int, where: str = "TRUE") -> None:
        """Fault 515 for a NULL where none may be, 547 for a row against a CHECK, among the staged rows."""
        fixed = [column for column in relation.columns if not column.nullable]
        if fixed:
            tests = ", ".join(f"count(*) FILTER (WHERE {quoted(column.name)} IS NULL)" for column in fixed)
            counts = self.connection.execute(f"SELECT {tests} FROM {STAGED} WHERE {where}").fetchall()[0]
            for column, nulls in zip(fixed, counts, strict=True):
                if nulls:
                    message = (
                        f"Cannot insert the value NULL into column '{column.name}', table "
                        f"'{self.database}.{relation.path}'; column does not allow nulls. {verb} fails."
                    )
                    raise Fault(515, message, at)
        for check in relation.checks:
            scope = Scope([Bound(relation.name, _staged_fields(relation))])
            test = self.compiler.condition(reader_at(check.text, at).condition(), scope)
            if self.count(f"SELECT count(*) FROM {STAGED} AS s WHERE {where} AND NOT {test}"):
                message = (
                    f'The {verb} statement conflicted with the CHECK constraint "{check.name}". The conflict occurred '
                    f'in database "{self.database}", table "{relation.path}".'
                )
                raise Fault(547, message, at)

    def check_keys(self, relation: Relation, keys: Iterable[Key], at: int, where: str = "TRUE") -> None:
        """Fault 2627 for a key that the staged rows brought in twice or that was there before."""
        for key in keys:
            columns = [next(item for item in relation.columns if item.name == name) for name in key.columns]
            folded = ", ".join(fold(Typed(quoted(column.name), column.type)) for column in columns)
            shown = ", ".join(f"any_value({quoted(column.name)})" for column in columns)
            among = (
                f"({folded}) IN (SELECT ({folded}) FROM {STAGED} WHERE {where})"
                if len(columns) > 1
                else (f"{folded} IN (SELECT {folded} FROM {STAGED} WHERE {where})")
            )
            # A UNIQUE key takes one NULL, and IN never finds one.
            among += "".join(f" OR {quoted(column.name)} IS NULL" for column in columns if column.nullable)
            found = self.connection.execute(
                f"SELECT {shown} FROM {storage(relation)} WHERE {among} GROUP BY {folded} HAVING count(*) > 1 LIMIT 1"
            ).fetchall()
            if found:
                raise Fault(2627, _duplicate(relation, key, found[0]), at)


def _duplicate(relation: Relation, key: Key, values: tuple) -> str:
    kind = "PRIMARY KEY" if key.primary else "UNIQUE KEY"
    shown = ", ".join("<NULL>" if value is None else str(value) for value in values)
    return (
        f"Violation of {kind} constraint '{key.name}'. Cannot insert duplicate key in object '{relation.path}'. "
        f"The duplicate key value is ({shown})."
    )


def _staged_fields(relation: Relation) -> tuple[Field, ...]:
    return tuple(Field(column.name, column.type, f"{quoted(column.name)}") for column in relation.columns)


def _is_constant(node: tree.Node) -> bool:
    return isinstance(node, tree.Constant | tree.Parameter | tree.Default)


def _opposite(word: str) -> str:
    return "more" if word == "fewer" else "fewer"
