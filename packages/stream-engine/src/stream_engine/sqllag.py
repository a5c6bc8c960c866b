"""LAG in SQL: the row before in order of time. Two rows of one moment end the SQL: it knows not which came first."""

from __future__ import annotations

from .analytic import is_analytic
from .sqlexpressions import SqlExpressions
from .sqltext import NotInSql, Sql, duck_types, key, stop
from .syntax import Call, Expression, Literal, Select, Star, walk
from .windows import duration


def lagged(select: Select, rows: SqlExpressions, slots: dict[Expression, Sql]) -> tuple[str, str]:
    """What the rows of a SELECT are extended by, first and then, as `, … AS …`; `slots` then holds each LAG.

    Partitions come first: DuckDB takes columns for them, and no expression that may end the SQL. Raises NotInSql.
    """
    parts: list[Expression] = [item.value for item in select.items if not isinstance(item.value, Star)]
    parts += [*([select.where] if select.where is not None else []), *select.group]
    partitions = listed = ""
    for node in (found for part in parts for found in walk(part)):
        if isinstance(node, Call) and is_analytic(node) and node not in slots:
            slot = f"__a{len(slots)}"
            keys = [key(rows.compile(each)).text for each in (node.over.partition if node.over else ())]
            partitions += "".join(f", {text} AS {slot}_{number}" for number, text in enumerate(keys))
            compiled = _lag(node, rows, ", ".join(f"{slot}_{number}" for number in range(len(keys))))
            slots[node] = Sql(text=slot, type=compiled.type)
            listed += f", {compiled.text} AS {slot}"
    return partitions, listed


def _lag(node: Call, rows: SqlExpressions, part: str) -> Sql:
    over, argument = node.over, node.arguments[0] if node.arguments else None
    if node.name.upper() != "LAG" or over is None or over.limit is None or over.when is not None:
        raise NotInSql("analytic functions but LAG without WHEN")
    if argument is None or isinstance(argument, Star) or len(node.arguments) > 2:
        raise NotInSql("LAG(*), a default")
    offset = 1
    if len(node.arguments) == 2:
        written = node.arguments[1]
        if not isinstance(written, Literal) or not isinstance(written.value, int):
            raise NotInSql("the offset of LAG")
        offset = written.value
    value = rows.compile(argument)
    if value.type not in duck_types:
        raise NotInSql(f"LAG of {value.type}")
    window = f"OVER ({f'PARTITION BY {part}' if part else ''} ORDER BY __time)"
    tie = f"WHEN lag(__time) {window} = __time THEN {stop(value.type, 'two rows of one moment')}"
    within = f"WHEN __time - lag(__time, {offset}) {window} < {duration(over.limit)}"
    return Sql(text=f"CASE {tie} {within} THEN lag({value.text}, {offset}) {window} END", type=value.type)
