"""GROUP BY windows in SQL: the end of a window is arithmetic on microseconds; a hopping window repeats its rows."""

# ruff: noqa: S608 - the SQL is made of the query's quoted names and runs in a database of its own
from __future__ import annotations

from collections.abc import Callable

from .sqlexpressions import SqlExpressions
from .sqltext import NotInSql, Sql, key, name, number, stop
from .syntax import Call, Column, Expression, Select, Star
from .windows import Window, origin, windows_of

# Aggregates whose result is a float whatever they are fed with.
_floats = {
    "AVG": "avg",
    "STDEV": "stddev_samp",
    "STDEVP": "stddev_pop",
    "VAR": "var_samp",
    "VARP": "var_pop",
}


class Grouping:
    """The SQL of a grouped SELECT over rows with `__time`. Raises NotInSql.

    `identity` tells which columns are the same; `columns` are those of the result, by lower-case name.
    """

    def __init__(self, select: Select, rows: SqlExpressions, identity: Callable[[Column], Sql]) -> None:
        self._rows, self._identity = rows, identity
        self._sources = {source.alias.lower() for source in (select.source, *(join.source for join in select.joins))}
        self._window, keys = _split(select)
        self._keys = [rows.compile(node) for node in keys]
        self._slots = {self._same(node): self._key(number) for number, node in enumerate(keys)}
        self._measures: list[str] = []
        self._partition = [key(rows.compile(node)) for node in self._window.partition]
        groups = SqlExpressions(field=self._ungrouped, special=self._special)
        self.columns: dict[str, tuple[str, str]] = {}
        listed = []
        for item in select.items:
            if isinstance(item.value, Star):
                raise NotInSql("SELECT *")
            written = item.alias or column_name(item.value)
            compiled = groups.compile(item.value)
            self.columns[written.lower()] = (written, compiled.type)
            listed.append(f"{compiled.text} AS {name(written)}")
        self._listed = ", ".join(listed)
        self._having = groups.condition(select.having) if select.having is not None else "TRUE"

    def text(self, rows: str) -> str:
        """The SELECT over the SQL of its rows."""
        keys = [f"{each.text} AS __k{number}" for number, each in enumerate(self._keys)]
        measures = [f"{text} AS __m{number}" for number, text in enumerate(self._measures)]
        names = [f"__k{number}" for number in range(len(keys))]
        if self._window.kind == "session":
            grouped = self._sessions(rows, keys, measures, names)
        else:
            end = f"{self._ends(rows)[0]} AS __end"
            listed = ", ".join([*keys, end, *measures])
            by = ", ".join([*names, "__end"])
            grouped = f"SELECT {listed} FROM ({self._ends(rows)[1]}) GROUP BY {by}"
        # Whether equal keys have equal text is looked at once for each group.
        checked = [f"{key(Sql(text=n, type=each.type)).text} AS {n}" for n, each in zip(names, self._keys, strict=True)]
        replaced = f" REPLACE ({', '.join(checked)})" if checked else ""
        inner = f"SELECT *{replaced}, __end AS __time FROM ({grouped})"
        return f"SELECT {self._listed}, __time FROM ({inner}) WHERE {self._having}"

    def _ends(self, rows: str) -> tuple[str, str]:
        """The expression of a row's window end, and the rows it is evaluated over."""
        window = self._window
        if window.kind == "snapshot":
            return "__time", rows
        first = _ceiling("__time", window.hop, origin + window.offset)
        if window.size == window.hop:
            return first, rows
        repeated = f"SELECT *, unnest(range({first}, __time + {window.size}, {window.hop})) AS __hop FROM ({rows})"
        return "__hop", repeated

    def _sessions(self, rows: str, keys: list[str], measures: list[str], names: list[str]) -> str:
        """Sessions by the gap to the row before; one that its maximum duration would cut ends the SQL."""
        if {each.text for each in self._partition} != {key(each).text for each in self._keys}:
            raise NotInSql("sessions whose partition is not what they are grouped by")
        parts = [f"__p{number}" for number in range(len(keys))]
        part = f"PARTITION BY {', '.join(parts)}" if parts else ""
        listed = "".join(f", {each.text} AS {n}" for each, n in zip(self._partition, parts, strict=False))
        rows = f"SELECT *{listed} FROM ({rows})"
        gap = f"__time - lag(__time) OVER ({part} ORDER BY __time)"
        marked = f"SELECT *, COALESCE(({gap}) > {self._window.size}, TRUE) AS __opens FROM ({rows})"
        over = f"OVER ({part} ORDER BY __time ROWS UNBOUNDED PRECEDING)"
        numbered = f"SELECT *, count_if(__opens) {over} AS __session FROM ({marked})"
        cut = f"{_ceiling('min(__time)', self._window.hop, origin)} + {self._window.hop}"
        end = f"CASE WHEN max(__time) + {self._window.size} > {cut} THEN {stop('bigint', 'a session is cut')}"
        end += f" ELSE max(__time) + {self._window.size} END AS __end"
        listed = ", ".join([*keys, end, *measures])
        return f"SELECT {listed} FROM ({numbered}) GROUP BY {', '.join([*names, '__session'])}"

    def _special(self, node: Expression) -> Sql | None:
        found = self._slots.get(self._same(node))
        if found is not None:
            return found
        if isinstance(node, Call) and (
            node.name.upper() in _floats or node.name.upper() in ("COUNT", "SUM", "MIN", "MAX")
        ):
            return self._measure(node)
        return None

    def _measure(self, node: Call) -> Sql:
        if len(node.arguments) != 1 or node.over is not None:
            raise NotInSql(node.name)
        called, argument = node.name.upper(), node.arguments[0]
        if isinstance(argument, Star):
            return self._add("count(*)", "bigint")
        if isinstance(argument, Column) and len(argument.parts) == 1 and argument.parts[0].lower() in self._sources:
            raise NotInSql("a source as an argument")
        value = self._rows.compile(argument)
        if called == "COUNT":
            text = f"count(DISTINCT {key(value).text})" if node.distinct else f"count({value.text})"
            return self._add(text, "bigint")
        if node.distinct:
            raise NotInSql("DISTINCT")
        if called in _floats:
            return self._add(f"{_floats[called]}({number(value).text})", "float")
        if called == "SUM":
            value = number(value)
            text = f"sum({value.text})"
            return self._add(f"({text})::BIGINT" if value.type == "bigint" else text, value.type)
        if value.type not in ("nvarchar(max)", "datetime"):
            value = number(value)
        return self._add(f"{called.lower()}({value.text})", value.type)

    def _add(self, text: str, kind: str) -> Sql:
        if text not in self._measures:
            self._measures.append(text)
        return Sql(text=f"__m{self._measures.index(text)}", type=kind)

    def _key(self, index: int) -> Sql:
        return Sql(text=f"__k{index}", type=self._keys[index].type)

    def _same(self, node: Expression) -> object:
        return self._identity(node) if isinstance(node, Column) else node

    def _ungrouped(self, column: Column) -> Sql:
        raise NotInSql(f"{'.'.join(column.parts)} outside aggregates")


def _split(select: Select) -> tuple[Window, list[Expression]]:
    window: Window | None = None
    keys: list[Expression] = []
    for node in select.group:
        found = list(windows_of(node) or ())
        if not found:
            keys.append(node)
        elif len(found) > 1 or found[0].kind == "sliding":
            raise NotInSql("sliding windows, several windows")
        else:
            window = found[0]
    if window is None:
        raise NotInSql("no window")
    return window, keys


def _ceiling(time: str, size: int, base: int) -> str:
    """The first boundary base + n * size at or after a time; times lie after the base."""
    return f"(({time} - ({base}) + {size - 1}) // {size} * {size} + ({base}))"


def column_name(value: Expression) -> str:
    """The name of a column without AS."""
    if isinstance(value, Column):
        return value.parts[-1]
    if isinstance(value, Call):
        return value.name.rpartition(".")[2]
    raise NotInSql("a column without a name")
