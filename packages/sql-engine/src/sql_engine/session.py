"""Runs the batches of a script for one caller: a batch is one transaction, done whole or not at all."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from . import statements, tree
from .binding import check_added_columns
from .catalog import Catalog
from .conversions import Typed
from .definitions import Definer
from .environment import Environment, Relation
from .errors import Fault, SqlError, located, raised
from .expressions import Compiled
from .merging import merge
from .queries import QueryCompiler
from .scope import Scope
from .script import reader_at
from .security import Principals, Security
from .types import Type
from .writing import Writer

Write = statements.Insert | statements.Update | statements.Delete | statements.Merge


@dataclass(frozen=True, kw_only=True)
class ResultSet:
    """What one statement of the script gave.

    `columns` and `rows` are those of a SELECT, else empty; `affected` counts the rows that INSERT, UPDATE, DELETE or
    MERGE changed, else None. `line` is where the statement begins. `skipped` is True for an IF of which nothing ran.
    """

    form: str
    line: int
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    rows: tuple[tuple, ...] = ()
    affected: int | None = None
    skipped: bool = False

    def dicts(self) -> list[dict]:
        """The rows by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Views(QueryCompiler):
    """The compiler that expands views. Who may read a view need not be allowed to read what lies behind it."""

    def __init__(self, environment: Environment, inside: Environment | None = None) -> None:
        super().__init__(environment)
        self._inside = inside or environment

    def _view(self, relation: Relation, at: int) -> str:
        try:
            reader = reader_at(relation.query or "", at)
            compiler = Views(self._inside)
            compiler._counter = self._counter
            compiled = compiler.query(reader.query_expression(top_level=True), None)
            self._counter = compiler._counter
        except Fault as fault:
            message = f"Could not use view or function '{relation.path}' because of binding errors: {fault.message}"
            raise Fault(4413, message, at) from fault
        return compiled.sql


class Session:
    """One caller in one database, on one connection."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        database: str,
        security: Security,
        now: datetime.datetime,
        parameters: Mapping[str, Typed],
    ) -> None:
        self.connection = connection
        self._database = database
        self._security = security
        self._catalog = Catalog(connection)
        self._now = now
        self._parameters = parameters
        self.extra: dict[str, Relation] = {}

    def batch(self, batch: statements.Batch, script: str) -> list[ResultSet]:
        """Runs the statements in one transaction; SqlError names the statement that failed and undoes all of them."""
        statement: statements.Statement = batch.statements[0]
        results = []
        self.connection.execute("BEGIN")
        try:
            check_added_columns(batch, self._catalog)
            for statement in batch.statements:
                results += self.statement(statement, script)
            self.connection.execute("COMMIT")
        except BaseException as error:
            self.connection.execute("ROLLBACK")
            fault = fault_of(error, statement.at)
            if fault is None:
                raise
            raise located(fault, script, (statement.at, statement.end)) from error
        return results

    def statement(self, statement: statements.Statement, script: str) -> list[ResultSet]:
        line = script.count("\n", 0, statement.at) + 1
        if isinstance(statement, statements.If):
            holds = self._holds(statement.condition)
            inner = statement.then if holds else statement.otherwise
            if not inner:
                return [ResultSet(form=statement.form, line=line, skipped=True)]
            return [result for item in inner for result in self.statement(item, script)]
        if isinstance(statement, statements.Execute):
            return [result for item in statement.statements for result in self.statement(item, script)]
        if isinstance(statement, statements.SelectStatement):
            compiled = self.compiler().query(statement.query, None, top_level=True)
            return [self._selected(compiled, statement.form, line)]
        return [ResultSet(form=statement.form, line=line, affected=self._change(statement))]

    def compiler(self) -> Views:
        return Views(self.environment(), self.environment(checked=False))

    def environment(self, *, checked: bool = True) -> Environment:
        def relation(table: tree.TableRef) -> Relation:
            extra = self.extra.get(table.parts[-1].text.lower())
            if extra is not None:
                return extra
            found = self._catalog.get(table)
            if checked:
                self._security.require("SELECT", found, table.at)
            return found

        return Environment(
            database=self._database,
            user=self._security.name,
            now=self._now,
            parameters=self._parameters if checked else {},
            relation=relation,
            metadata=self._metadata,
        )

    def _metadata(self, name: str, arguments: tuple[str, ...], at: int) -> int | str | None:
        if name in ("DB_NAME", "USER_NAME"):
            return self._database if name == "DB_NAME" else self._security.name
        return self._catalog.metadata(name, arguments)

    def _holds(self, condition: tree.Node) -> bool:
        test = self.compiler().condition(condition, Scope())
        return bool(self.connection.execute(f"SELECT {test}").fetchall()[0][0])

    def _selected(self, compiled: Compiled, form: str, line: int) -> ResultSet:
        rows = self.connection.execute(compiled.sql).fetchall()
        names = tuple(name or "" for name, _ in compiled.columns)
        return ResultSet(form=form, line=line, columns=names, types=type_names(compiled), rows=tuple(rows))

    def _change(self, statement: statements.Statement) -> int | None:
        definer = Definer(self.connection, self._catalog, self._security, self._database)
        principals = Principals(self.connection, self._catalog, self._security)
        match statement:
            case statements.Insert() | statements.Update() | statements.Delete() | statements.Merge():
                return self._write(statement)
            case statements.CreateSchema():
                definer.create_schema(statement)
            case statements.CreateTable():
                definer.create_table(statement, self.compiler())
            case statements.AddColumns():
                definer.add_columns(statement, self._catalog.get(statement.table), self._writer())
            case statements.CreateView():
                definer.create_view(statement, lambda query: self.compiler().query(query, None))
            case statements.CreateUser():
                principals.create_user(statement)
            case statements.CreateRole():
                principals.create_role(statement)
            case statements.ChangeMember():
                principals.change_member(statement)
            case statements.Permit():
                principals.permit(statement)
            case statements.SetOption():
                pass
            case _:
                raise AssertionError(f"no way to run {statement.form}")
        return None

    def _writer(self) -> Writer:
        return Writer(self.connection, self.compiler(), self._security.require, self._database)

    def writable(self, table: tree.TableRef, interim_schema: str | None) -> Relation:
        """The table of an upsert, when the caller may do all that the upsert does; faults 208, 229, 262 and 2760."""
        relation = self._catalog.get(table)
        for permission in ("SELECT", "INSERT", "UPDATE"):
            self._security.require(permission, relation, table.at)
        if interim_schema is not None:
            self._security.require_database("CREATE TABLE", table.at)
            self._security.require_schema(self._catalog.schema_id(interim_schema) or -1, interim_schema, table.at)
        return relation

    def _write(self, statement: Write) -> int:
        table = self._aliased(statement)
        relation = self._catalog.get(table)
        writer = self._writer()
        match statement:
            case statements.Insert():
                affected = writer.insert(statement, relation)
            case statements.Update():
                affected = writer.update(statement, relation)
            case statements.Delete():
                affected = writer.delete(statement, relation)
            case statements.Merge():
                affected = merge(writer, statement, relation)
        writer.unstage()
        return affected

    def _aliased(self, statement: Write) -> tree.TableRef:
        """The table that UPDATE or DELETE means by an alias of its FROM."""
        table = statement.table
        if (
            isinstance(statement, statements.Update | statements.Delete)
            and statement.source is not None
            and len(table.parts) == 1
        ):
            for source in table_refs(statement.source):
                if source.alias is not None and source.alias.text.lower() == table.parts[0].text.lower():
                    return source
        return table


def table_refs(source: tree.Source) -> list[tree.TableRef]:
    """The tables that a FROM names itself."""
    if isinstance(source, tree.Join):
        return table_refs(source.left) + table_refs(source.right)
    return [source] if isinstance(source, tree.TableRef) else []


def type_names(compiled: Compiled) -> tuple[str, ...]:
    return tuple(str(kind if isinstance(kind, Type) else "") for _, kind in compiled.columns)


def fault_of(error: BaseException, at: int) -> Fault | None:
    """The fault behind an exception of the engine or of DuckDB; None for what is no error of the script."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, SqlError) or not isinstance(error, duckdb.Error):
        return None
    text = str(error)
    known = raised(text)
    if known is not None:
        return known
    if "More than one row returned by a subquery" in text:
        message = (
            "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= "
            "or when the subquery is used as an expression."
        )
        return Fault(512, message, at)
    if isinstance(error, duckdb.OutOfRangeException | duckdb.ConversionException):
        return Fault(8115, "Arithmetic overflow error converting expression to data type of the result.", at)
    return Fault(0, f"sql-engine could not run this statement: {text}", at)
