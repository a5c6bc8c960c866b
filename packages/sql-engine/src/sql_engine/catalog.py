"""What a database knows of itself, kept in its own file beside the rows: schemas, tables, views, users, permissions."""

from __future__ import annotations

import json
from collections.abc import Sequence

import duckdb

from . import tree
from .environment import Check, ColumnInfo, Key, Relation
from .errors import Fault
from .lexer import tokens
from .parse_statements import Statements
from .system_views import SYSTEM_SCHEMAS, system_view
from .types import MAX, Type

# Fixed principals: https://learn.microsoft.com/sql/relational-databases/security/authentication-access/database-level-roles
FIXED_ROLES = {
    "public": 0,
    "db_owner": 16384,
    "db_accessadmin": 16385,
    "db_securityadmin": 16386,
    "db_ddladmin": 16387,
    "db_datareader": 16390,
    "db_datawriter": 16391,
    "db_denydatareader": 16392,
    "db_denydatawriter": 16393,
}
_FIRST = """
CREATE SCHEMA data;
CREATE SCHEMA meta;
CREATE SEQUENCE meta.ids START 100;
CREATE TABLE meta.schemas (id INTEGER, name VARCHAR);
CREATE TABLE meta.relations (id INTEGER, schema_id INTEGER, name VARCHAR, kind VARCHAR, query VARCHAR, keys VARCHAR,
    checks VARCHAR);
CREATE TABLE meta.columns (relation INTEGER, position INTEGER, name VARCHAR, type VARCHAR, length INTEGER,
    precision INTEGER, scale INTEGER, nullable BOOLEAN, standard VARCHAR);
CREATE TABLE meta.principals (id INTEGER, name VARCHAR, kind VARCHAR, sid BLOB);
CREATE TABLE meta.members (role INTEGER, member INTEGER);
CREATE TABLE meta.permissions (grantee INTEGER, class VARCHAR, target INTEGER, permission VARCHAR, state VARCHAR);
INSERT INTO meta.schemas VALUES (1, 'dbo');
INSERT INTO meta.principals VALUES (1, 'dbo', 'E', NULL);
"""


class Catalog:
    """Reads and writes the catalogue through one connection, inside whatever transaction is open there."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def create(self) -> None:
        """Makes the tables of an empty database file; nothing when they are there."""
        known = self._rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = 'meta'")
        if not known:
            self._connection.execute("BEGIN;" + _FIRST)
            for name, number in FIXED_ROLES.items():
                self._connection.execute("INSERT INTO meta.principals VALUES (?, ?, 'R', NULL)", [number, name])
            self._connection.execute("COMMIT")

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple]:
        return self._connection.execute(sql, list(values)).fetchall()

    def _next_id(self) -> int:
        return self._rows("SELECT nextval('meta.ids')")[0][0]

    def schema_id(self, name: str) -> int | None:
        found = self._rows("SELECT id FROM meta.schemas WHERE lower(name) = lower(?)", [name])
        return found[0][0] if found else None

    def add_schema(self, name: tree.Name) -> None:
        """Fault 2714 when it exists."""
        if self.schema_id(name.text) is not None or name.text.lower() in SYSTEM_SCHEMAS:
            raise Fault(2714, f"There is already an object named '{name.text}' in the database.", name.at)
        self._rows("INSERT INTO meta.schemas VALUES (?, ?) RETURNING id", [self._next_id(), name.text])

    def find(self, parts: Sequence[str]) -> Relation | None:
        """The table or view of that [schema,] name; dbo where no schema is given."""
        schema, name = ("dbo", *parts)[-2:]
        if schema.lower() in SYSTEM_SCHEMAS:
            return system_view(schema, name)
        found = self._rows(
            "SELECT r.id, s.name, r.name, r.query, r.keys, r.checks FROM meta.relations r JOIN meta.schemas s "
            "ON s.id = r.schema_id WHERE lower(s.name) = lower(?) AND lower(r.name) = lower(?)",
            [schema, name],
        )
        if not found:
            return None
        number, schema, name, query, keys, checks = found[0]
        return Relation(
            id=number,
            schema=schema,
            name=name,
            columns=self._columns(number),
            keys=tuple(Key(key["name"], tuple(key["columns"]), key["primary"]) for key in json.loads(keys)),
            checks=tuple(Check(check["name"], check["text"]) for check in json.loads(checks)),
            query=query,
        )

    def _columns(self, number: int) -> tuple[ColumnInfo, ...]:
        rows = self._rows("SELECT * FROM meta.columns WHERE relation = ? ORDER BY position", [number])
        return tuple(
            ColumnInfo(name, Type(kind, length, precision, scale), nullable, default)
            for _, _, name, kind, length, precision, scale, nullable, default in rows
        )

    def get(self, table: tree.TableRef) -> Relation:
        """As `find`; fault 208 when there is none."""
        parts = [part.text for part in table.parts]
        found = self.find(parts)
        if found is None:
            raise Fault(208, f"Invalid object name '{'.'.join(parts)}'.", table.at)
        return found

    def new_path(self, table: tree.TableRef) -> tuple[int, str, str]:
        """Schema id, schema and name of what is to be made; fault 2760 or 2714 when that cannot be."""
        schema, name = ("dbo", *(part.text for part in table.parts))[-2:]
        number = self.schema_id(schema)
        if number is None:
            message = (
                f'The specified schema name "{schema}" either does not exist or you do not have permission to use it.'
            )
            raise Fault(2760, message, table.at)
        if self.find((schema, name)) is not None:
            raise Fault(2714, f"There is already an object named '{name}' in the database.", table.at)
        return number, schema, name

    def add_relation(self, schema_id: int, relation: Relation) -> int:
        """Writes a new table or view, or a view anew under its id; the id."""
        number = relation.id or self._next_id()
        if relation.id:
            self._connection.execute("DELETE FROM meta.relations WHERE id = ?", [number])
            self._connection.execute("DELETE FROM meta.columns WHERE relation = ?", [number])
        keys = [{"name": key.name, "columns": key.columns, "primary": key.primary} for key in relation.keys]
        checks = [{"name": check.name, "text": check.text} for check in relation.checks]
        values = [number, schema_id, relation.name, "V" if relation.is_view else "U", relation.query]
        self._connection.execute(
            "INSERT INTO meta.relations VALUES (?, ?, ?, ?, ?, ?, ?)", [*values, json.dumps(keys), json.dumps(checks)]
        )
        self.add_columns(number, relation.columns, 0)
        return number

    def add_columns(self, number: int, columns: Sequence[ColumnInfo], after: int) -> None:
        for position, column in enumerate(columns, after + 1):
            kind = column.type
            shape = [kind.name, kind.length, kind.precision, kind.scale, column.nullable, column.default]
            self._connection.execute(
                "INSERT INTO meta.columns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [number, position, column.name, *shape]
            )

    def add_checks(self, relation: Relation, checks: Sequence[Check]) -> None:
        found = [{"name": check.name, "text": check.text} for check in (*relation.checks, *checks)]
        values = [json.dumps(found), relation.id]
        self._connection.execute("UPDATE meta.relations SET checks = ? WHERE id = ?", values)

    def principal_id(self, name: str) -> int | None:
        found = self._rows("SELECT id FROM meta.principals WHERE lower(name) = lower(?)", [name])
        return found[0][0] if found else None

    def metadata(self, function: str, arguments: tuple[str, ...]) -> int | None:
        """OBJECT_ID, COL_LENGTH, SCHEMA_ID and DATABASE_PRINCIPAL_ID; None where there is no such thing."""
        if function == "SCHEMA_ID":
            return self.schema_id(arguments[0].strip("[]"))
        if function == "DATABASE_PRINCIPAL_ID":
            return self.principal_id(arguments[0].strip("[]"))
        relation = self.find(_path(arguments[0]))
        if relation is None:
            return None
        if function == "OBJECT_ID":
            kind = arguments[1].strip().upper() if len(arguments) > 1 else ""
            return relation.id if kind in ("", "V" if relation.is_view else "U") else None
        column = next(
            (item for item in relation.columns if item.name.lower() == arguments[1].strip("[]").lower()), None
        )
        return None if column is None else _bytes(column.type)


def _path(text: str) -> tuple[str, ...]:
    """The parts of a name inside a string, as OBJECT_ID reads it."""
    return tuple(part.text for part in Statements(tokens(text), text).path())


def _bytes(kind: Type) -> int:
    """COL_LENGTH's answer. https://learn.microsoft.com/sql/t-sql/functions/col-length-transact-sql"""
    if kind.is_string:
        return MAX if kind.length == MAX else kind.length * (2 if kind.name == "nvarchar" else 1)
    if kind.name == "decimal":
        return next(size for limit, size in ((9, 5), (19, 9), (28, 13), (38, 17)) if kind.precision <= limit)
    if kind.name == "datetime2":
        return 6 if kind.scale < 3 else 7 if kind.scale < 5 else 8
    sizes = {
        "bit": 1,
        "tinyint": 1,
        "smallint": 2,
        "int": 4,
        "bigint": 8,
        "real": 4,
        "float": 8,
        "date": 3,
        "datetime": 8,
    }
    return sizes[kind.name]
