# ruff: noqa: S608 - names are quoted
"""CREATE SCHEMA, CREATE TABLE, ALTER TABLE ADD and CREATE OR ALTER VIEW."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import duckdb

from . import statements, tree
from .catalog import Catalog
from .environment import Check, ColumnInfo, Key, Relation
from .errors import Fault, quoted
from .expressions import Compiled
from .queries import QueryCompiler
from .scope import Bound, Field, Scope
from .security import Security
from .shaping import exposed, storage
from .writing import Writer


class Definer:
    """Runs the statements that define objects, in the open transaction of a connection."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, catalog: Catalog, security: Security, database: str
    ) -> None:
        self._connection = connection
        self._catalog = catalog
        self._security = security
        self._database = database

    def create_schema(self, statement: statements.CreateSchema) -> None:
        self._security.require_database("CREATE SCHEMA", statement.at)
        self._catalog.add_schema(statement.name)

    def create_table(self, statement: statements.CreateTable, compiler: QueryCompiler) -> None:
        """Faults 2714, 2760, 2705, 1919, 8111 and the like for a table that cannot be."""
        schema_id, schema, name = self._catalog.new_path(statement.table)
        self._security.require_database("CREATE TABLE", statement.at)
        self._security.require_schema(schema_id, schema, statement.table.at)
        _no_doubles(statement.columns, name)
        keys = _keys(statement, name)
        fixed = {column for key in keys if key.primary for column in key.columns}
        columns = tuple(_column(column, fixed, name) for column in statement.columns)
        checks = _checks(statement.checks, name)
        relation = Relation(id=0, schema=schema, name=name, columns=columns, keys=keys, checks=checks)
        self._check_expressions(statement.columns, statement.checks, relation, compiler)
        self._catalog.add_relation(schema_id, relation)
        listed = ", ".join(f"{quoted(column.name)} {column.type.duck}" for column in columns)
        self._connection.execute(f"CREATE TABLE {storage(relation)} ({listed})")

    def _check_expressions(
        self,
        columns: Sequence[statements.ColumnDefinition],
        checks: Sequence[statements.CheckDefinition],
        relation: Relation,
        compiler: QueryCompiler,
    ) -> None:
        for column in columns:
            if column.default is not None:
                compiler.value(column.default[0], Scope())
        fields = tuple(Field(column.name, column.type, quoted(column.name)) for column in relation.columns)
        for check in checks:
            compiler.condition(check.condition, Scope([Bound(relation.name, fields)]))

    def add_columns(self, statement: statements.AddColumns, relation: Relation, writer: Writer) -> None:
        """Adds columns; rows that are there take the default where the column is NOT NULL, else NULL."""
        if relation.is_view:
            raise Fault(4902, f'Cannot find the object "{relation.name}" because it is a view.', statement.table.at)
        if not self._security.allows("ALTER", relation):
            message = (
                f'Cannot find the object "{relation.name}" because it does not exist or you do not have permissions.'
            )
            raise Fault(1088, message, statement.table.at)
        known = {column.name.lower() for column in relation.columns}
        for column in statement.columns:
            if column.name.text.lower() in known:
                message = (
                    f"Column names in each table must be unique. Column name '{column.name.text}' in table "
                    f"'{relation.path}' is specified more than once."
                )
                raise Fault(2705, message, column.name.at)
        _no_doubles(statement.columns, relation.name)
        added = tuple(_column(column, set(), relation.name) for column in statement.columns)
        for definition, column in zip(statement.columns, added, strict=True):
            self._add_column(definition, column, relation, writer)
        self._catalog.add_columns(relation.id, added, len(relation.columns))
        wider = Relation(
            id=relation.id, schema=relation.schema, name=relation.name, columns=(*relation.columns, *added)
        )
        self._check_expressions(statement.columns, statement.checks, wider, writer.compiler)
        self._catalog.add_checks(relation, _checks(statement.checks, relation.name))

    def _add_column(
        self, definition: statements.ColumnDefinition, column: ColumnInfo, relation: Relation, writer: Writer
    ) -> None:
        table, name = storage(relation), quoted(column.name)
        at = definition.name.at
        if column.nullable or not writer.count(f"SELECT count(*) FROM {table}"):
            self._connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {column.type.duck}")
            return
        if column.default is None:
            message = (
                "ALTER TABLE only allows columns to be added that can contain nulls, or have a DEFAULT definition "
                "specified, or the column being added is an identity or timestamp column, or alternatively if none of "
                "the previous conditions are satisfied the table must be empty to allow addition of this column. "
                f"Column '{column.name}' cannot be added to non-empty table '{relation.name}' because it does not "
                "satisfy these conditions."
            )
            raise Fault(4901, message, at)
        value = writer.assigned(writer.default(column, at), column, relation, at)
        text = self._connection.execute(f"SELECT CAST({value} AS VARCHAR)").fetchall()[0][0]
        standard = "NULL" if text is None else "'" + text.replace("'", "''") + "'"
        kind = column.type.duck
        self._connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind} DEFAULT CAST({standard} AS {kind})")
        self._connection.execute(f"ALTER TABLE {table} ALTER COLUMN {name} DROP DEFAULT")

    def create_view(self, statement: statements.CreateView, compile_query: Callable[[tree.Query], Compiled]) -> None:
        """Makes or changes a view after compiling its SELECT, so that 207 and 208 come now, not at the first reader."""
        old = self._catalog.find([part.text for part in statement.view.parts])
        if old is not None and not old.is_view:
            raise Fault(2714, f"There is already an object named '{old.name}' in the database.", statement.view.at)
        if old is None and not statement.create:
            raise self._catalog_missing(statement)
        if old is not None and not statement.alter:
            raise Fault(2714, f"There is already an object named '{old.name}' in the database.", statement.view.at)
        if old is None:
            schema_id, schema, name = self._catalog.new_path(statement.view)
            self._security.require_database("CREATE VIEW", statement.at)
            self._security.require_schema(schema_id, schema, statement.view.at)
        else:
            schema_id, schema, name = self._catalog.schema_id(old.schema) or 0, old.schema, old.name
            if not self._security.allows("ALTER", old):
                raise self._catalog_missing(statement)
        compiled = compile_query(statement.query)
        columns = exposed(compiled, statement.view.parts[-1], statement.columns)
        relation = Relation(
            id=old.id if old else 0,
            schema=schema,
            name=name,
            columns=tuple(ColumnInfo(column, kind) for column, kind in columns),
            query=statement.text,
        )
        self._catalog.add_relation(schema_id, relation)

    def _catalog_missing(self, statement: statements.CreateView) -> Fault:
        name = ".".join(part.text for part in statement.view.parts)
        return Fault(208, f"Invalid object name '{name}'.", statement.view.at)


def _no_doubles(columns: Sequence[statements.ColumnDefinition], table: str) -> None:
    seen: set[str] = set()
    for column in columns:
        if column.name.text.lower() in seen:
            message = f"Column names in each table must be unique. Column name '{column.name.text}' in table '{table}'"
            raise Fault(2705, f"{message} is specified more than once.", column.name.at)
        seen.add(column.name.text.lower())


def _column(definition: statements.ColumnDefinition, fixed: set[str], table: str) -> ColumnInfo:
    name = definition.name.text
    if name in fixed and definition.nullable:
        message = f"Cannot define PRIMARY KEY constraint on nullable column in table '{table}'."
        raise Fault(8111, message, definition.name.at)
    nullable = definition.nullable is not False and name not in fixed
    return ColumnInfo(name, definition.type, nullable, definition.default[1] if definition.default else None)


def _keys(statement: statements.CreateTable, table: str) -> tuple[Key, ...]:
    keys = []
    known = {column.name.text.lower(): column for column in statement.columns}
    for key in statement.keys:
        columns = []
        for name in key.columns:
            column = known.get(name.text.lower())
            if column is None:
                message = f"Column name '{name.text}' does not exist in the target table or view."
                raise Fault(1911, message, name.at)
            if not column.type.is_key:
                message = (
                    f"Column '{column.name.text}' in table '{table}' is of a type that is invalid for use as a key"
                )
                raise Fault(1919, f"{message} column in an index.", name.at)
            columns.append(column.name.text)
        if key.primary and any(other.primary for other in keys):
            raise Fault(8110, f"Cannot add multiple PRIMARY KEY constraints to table '{table}'.", key.at)
        prefix = "PK" if key.primary else "UQ"
        keys.append(Key(key.name or _constraint_name(prefix, table, *columns), tuple(columns), key.primary))
    return tuple(keys)


def _checks(checks: Sequence[statements.CheckDefinition], table: str) -> tuple[Check, ...]:
    return tuple(Check(check.name or _constraint_name("CK", table, check.text), check.text) for check in checks)


def _constraint_name(prefix: str, table: str, *parts: str) -> str:
    """A name as SQL Server makes them up, but the same at every run."""
    return f"{prefix}__{table[:8]}__{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:8].upper()}"
