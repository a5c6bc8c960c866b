# ruff: noqa: S608 - the text is constant
"""The views of the system that guards and tools read: sys.… and INFORMATION_SCHEMA.…, over the catalogue's tables."""

from __future__ import annotations

from .environment import ColumnInfo, Relation
from .types import BIT, INT, SYSNAME, Type, text

SYSTEM_SCHEMAS = ("sys", "information_schema")

_KIND = Type("nvarchar", length=60)
_SID = Type("varbinary", length=85)
_OBJECTS = "SELECT r.name AS name, r.id AS object_id, r.schema_id AS schema_id, r.kind AS type FROM meta.relations AS r"
_NAMED = "meta.relations AS r JOIN meta.schemas AS s ON s.id = r.schema_id"
_OBJECT_COLUMNS = {"name": SYSNAME, "object_id": INT, "schema_id": INT, "type": _KIND}

_VIEWS: dict[tuple[str, str], tuple[dict[str, Type], str]] = {
    ("sys", "schemas"): (
        {"name": SYSNAME, "schema_id": INT},
        "SELECT name, id AS schema_id FROM meta.schemas",
    ),
    ("sys", "objects"): (_OBJECT_COLUMNS, _OBJECTS),
    ("sys", "tables"): (_OBJECT_COLUMNS, _OBJECTS + " WHERE r.kind = 'U'"),
    ("sys", "views"): (_OBJECT_COLUMNS, _OBJECTS + " WHERE r.kind = 'V'"),
    ("sys", "columns"): (
        {"object_id": INT, "name": SYSNAME, "column_id": INT, "is_nullable": BIT},
        "SELECT relation AS object_id, name, position AS column_id, nullable AS is_nullable FROM meta.columns",
    ),
    ("sys", "database_principals"): (
        {"name": SYSNAME, "principal_id": INT, "type": _KIND, "sid": _SID},
        "SELECT name, id AS principal_id, kind AS type, sid FROM meta.principals",
    ),
    ("sys", "database_role_members"): (
        {"role_principal_id": INT, "member_principal_id": INT},
        "SELECT role AS role_principal_id, member AS member_principal_id FROM meta.members",
    ),
    ("information_schema", "tables"): (
        {"TABLE_SCHEMA": SYSNAME, "TABLE_NAME": SYSNAME, "TABLE_TYPE": _KIND},
        'SELECT s.name AS "TABLE_SCHEMA", r.name AS "TABLE_NAME", '
        "CASE r.kind WHEN 'U' THEN 'BASE TABLE' ELSE 'VIEW' END AS \"TABLE_TYPE\" FROM " + _NAMED,
    ),
    ("information_schema", "views"): (
        {"TABLE_SCHEMA": SYSNAME, "TABLE_NAME": SYSNAME},
        'SELECT s.name AS "TABLE_SCHEMA", r.name AS "TABLE_NAME" FROM ' + _NAMED + " WHERE r.kind = 'V'",
    ),
    ("information_schema", "schemata"): (
        {"SCHEMA_NAME": SYSNAME},
        'SELECT name AS "SCHEMA_NAME" FROM meta.schemas',
    ),
    ("information_schema", "columns"): (
        {
            "TABLE_SCHEMA": SYSNAME,
            "TABLE_NAME": SYSNAME,
            "COLUMN_NAME": SYSNAME,
            "ORDINAL_POSITION": INT,
            "COLUMN_DEFAULT": text(4000, national=True),
            "IS_NULLABLE": _KIND,
            "DATA_TYPE": SYSNAME,
            "CHARACTER_MAXIMUM_LENGTH": INT,
            "NUMERIC_PRECISION": INT,
            "NUMERIC_SCALE": INT,
        },
        'SELECT s.name AS "TABLE_SCHEMA", r.name AS "TABLE_NAME", c.name AS "COLUMN_NAME", '
        'c.position AS "ORDINAL_POSITION", c.standard AS "COLUMN_DEFAULT", '
        "CASE WHEN c.nullable THEN 'YES' ELSE 'NO' END AS \"IS_NULLABLE\", c.type AS \"DATA_TYPE\", "
        'nullif(c.length, 0) AS "CHARACTER_MAXIMUM_LENGTH", nullif(c.precision, 0) AS "NUMERIC_PRECISION", '
        "CASE WHEN c.type = 'decimal' THEN c.scale END AS \"NUMERIC_SCALE\" "
        "FROM meta.columns AS c JOIN meta.relations AS r ON r.id = c.relation "
        "JOIN meta.schemas AS s ON s.id = r.schema_id",
    ),
}


def system_view(schema: str, name: str) -> Relation | None:
    """The view of the system of that name, which everybody may read; None when the engine has none."""
    found = _VIEWS.get((schema.lower(), name.lower()))
    if found is None:
        return None
    columns, sql = found
    listed = tuple(ColumnInfo(column, kind) for column, kind in columns.items())
    return Relation(id=0, schema=schema, name=name, columns=listed, sql=f"({sql})")


def system_view_names() -> list[str]:
    return [f"{schema.upper() if schema != 'sys' else schema}.{name}" for schema, name in _VIEWS]
