# ruff: noqa: S608 - names are quoted, values are compiled
"""MERGE: the rows of both sides are joined once, each takes its first clause that holds, then all is put in place."""

from __future__ import annotations

from . import statements, tree
from .conversions import Typed
from .environment import Relation
from .errors import Fault, quoted, refused
from .scope import Bound, Scope
from .writing import STAGED, Writer

_TWICE = (
    "The MERGE statement attempted to UPDATE or DELETE the same row more than once. This happens when a target row "
    "matches more than one source row. A MERGE statement cannot UPDATE/DELETE the same row of the target table "
    "multiple times. Refine the ON clause to ensure a target row matches at most one source row, or use the GROUP BY "
    "clause to group the source rows."
)


def merge(writer: Writer, statement: statements.Merge, relation: Relation) -> int:
    """Runs MERGE; the number of rows changed. Faults 8672, 515, 547, 2627, 2628 and the like leave nothing changed."""
    at = statement.table.at
    if relation.is_view:
        raise refused("a change through a view", at, "change the table")
    _require(writer, statement, relation)
    scope = Scope()
    alias = writer.compiler.alias()
    name = statement.table.alias.text if statement.table.alias else relation.name
    table, target = writer.compiler.bound(relation, alias, name, at)
    scope.add(target, at)
    mark = writer.compiler.alias()
    source = f"({writer.compiler.source(statement.source, scope)} CROSS JOIN (SELECT 1 AS m) AS {mark})"
    join = "FULL" if any(when.match == "SOURCE" for when in statement.whens) else "RIGHT"
    joined = f"{table} {join} JOIN {source} ON {writer.compiler.condition(statement.on, scope)}"
    tests = _tests(writer, statement, scope, f"{alias}.rowid", f"{mark}.m")
    values = _values(writer, statement, relation, target, scope, tests)
    choice = _choose([(test, str(index)) for index, test in enumerate(tests)])
    affected = writer.stage(
        f'SELECT * FROM (SELECT {alias}.rowid AS "#row", {choice} AS "#when", {values} FROM {joined}) '
        'WHERE "#when" IS NOT NULL'
    )
    _apply(writer, statement, relation)
    return affected


def _require(writer: Writer, statement: statements.Merge, relation: Relation) -> None:
    """MERGE reads the target to match it, so it needs SELECT besides what its clauses do."""
    at = statement.table.at
    for permission in ("SELECT", *sorted({when.action for when in statement.whens})):
        writer.require(permission, relation, at)


def _tests(writer: Writer, statement: statements.Merge, scope: Scope, row: str, mark: str) -> list[str]:
    kinds = {
        "MATCHED": f"{row} IS NOT NULL AND {mark} IS NOT NULL",
        "TARGET": f"{row} IS NULL",
        "SOURCE": f"{mark} IS NULL",
    }
    tests = []
    for when in statement.whens:
        condition = f" AND {writer.compiler.condition(when.condition, scope)}" if when.condition else ""
        tests.append(kinds[when.match] + condition)
    return tests


def _choose(branches: list[tuple[str, str]]) -> str:
    return "CASE " + " ".join(f"WHEN {test} THEN {value}" for test, value in branches) + " END"


def _values(
    writer: Writer, statement: statements.Merge, relation: Relation, target: Bound, scope: Scope, tests: list[str]
) -> str:
    """For each column of the target: what the chosen clause sets it to, else what it was, else its default."""
    columns = []
    for column in relation.columns:
        branches = []
        old = target.find(column.name)
        for when, test in zip(statement.whens, tests, strict=True):
            value = Typed(old.sql, old.type) if old and when.action != "INSERT" else writer.default(column, when.at)
            for name, node in when.assignments:
                if relation.column(name).name == column.name:
                    given = isinstance(node, tree.Default)
                    value = writer.default(column, node.at) if given else writer.compiler.value(node, scope)
            branches.append((test, writer.assigned(value, column, relation, when.at)))
        columns.append(f"{_choose(branches)} AS {quoted(column.name)}")
    return ", ".join(columns)


def _apply(writer: Writer, statement: statements.Merge, relation: Relation) -> None:
    numbers = {
        action: ", ".join(str(index) for index, when in enumerate(statement.whens) if when.action == action)
        for action in ("UPDATE", "DELETE", "INSERT")
    }
    changing = ", ".join(filter(None, (numbers["UPDATE"], numbers["DELETE"])))
    rows = f'SELECT 1 FROM {STAGED} WHERE "#when" IN ({changing}) GROUP BY "#row" HAVING count(*) > 1'
    if changing and writer.count(f"SELECT count(*) FROM ({rows})"):
        raise Fault(8672, _TWICE, statement.at)
    for action in ("UPDATE", "INSERT"):
        if numbers[action]:
            writer.check_rows(relation, action, statement.at, f'"#when" IN ({numbers[action]})')
    if numbers["DELETE"]:
        writer.remove(relation, f' WHERE s."#when" IN ({numbers["DELETE"]})')
    if numbers["UPDATE"]:
        writer.replace(relation, relation.columns, f' AND s."#when" IN ({numbers["UPDATE"]})')
    if numbers["INSERT"]:
        writer.put(relation, f' WHERE "#when" IN ({numbers["INSERT"]})')
    kept = ", ".join(filter(None, (numbers["UPDATE"], numbers["INSERT"])))
    if kept:
        writer.check_keys(relation, relation.keys, statement.at, f'"#when" IN ({kept})')
