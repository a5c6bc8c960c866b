"""A query to one SQL statement for each output: steps as subqueries, windows as arithmetic on microseconds.

Translated: TIMESTAMP BY, WHERE, steps, tumbling, hopping, session and snapshot windows with the plain aggregates, LAG,
and the inner JOIN of two streams. `NotInSql` for anything else; the engine's own stages then run it.
"""

# ruff: noqa: S608 - the SQL is made of the query's quoted names and runs in a database of its own
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .sqlexpressions import SqlExpressions
from .sqlgroups import Grouping, column_name
from .sqllag import lagged
from .sqlsource import Files
from .sqltables import FileTable, SqlColumns, StepTable, Table, join_tables
from .sqltext import NotInSql, Sql, cast_sql, name
from .syntax import Column, Expression, Query, Script, Select, Source, Star, Union, walk


@dataclass(frozen=True, kw_only=True)
class Read:
    """One way in which the query reads an input: its files with the fields read, and the SQL of an event's time."""

    files: Files
    time: str


class Translation:
    """The SQL of a query's outputs, with the columns of each. Raises NotInSql."""

    def __init__(self, script: Script, inputs: Mapping[str, Files], arrival: int, *, strict: bool) -> None:
        if script.tables:
            raise NotInSql("CREATE TABLE")
        self._steps = {step.name.lower(): step.query for step in script.steps}
        self._inputs = inputs
        self._arrival, self._strict = arrival, strict
        selects = [node for node in walk(script) if isinstance(node, Select)]
        self._filtered = any(each.where is not None or each.having is not None or each.joins for each in selects)
        self.reads: list[Read] = []
        self.outputs: dict[str, StepTable] = {}
        for query in script.outputs:
            if isinstance(query, Union):
                raise NotInSql("UNION")
            self.outputs[query.into or "output"] = self._query(query)

    def _query(self, query: Query, alias: str = "") -> StepTable:
        if isinstance(query, Union):
            raise NotInSql("UNION")
        columns, text = self._select(query)
        return StepTable(alias=alias, columns=columns, sql=text)

    def _select(self, select: Select) -> tuple[SqlColumns, str]:
        if select.applies or select.source.partition is not None or len(select.joins) > 1:
            raise NotInSql("APPLY, PARTITION BY, several JOIN")
        source = self._source(select.source)
        for join in select.joins:
            source = join_tables(join, source, self._source(join.source))
        slots: dict[Expression, Sql] = {}
        rows = SqlExpressions(field=source.field, special=slots.get)
        lags = lagged(select, rows, slots)
        where = rows.condition(select.where) if select.where is not None else "TRUE"
        if select.group:
            grouping = Grouping(select, rows, source.field)
            return grouping.columns, grouping.text(_from(source, lags, where))
        columns, listed = _columns(select, rows, source)
        return columns, f"SELECT {listed}, __time FROM ({_from(source, lags, where)})"

    def _source(self, source: Source) -> Table:
        if source.query is not None:
            return self._query(source.query, source.alias)
        step = self._steps.get(source.name.lower())
        if step is not None:
            return self._query(step, source.alias)
        files = self._inputs.get(source.name.lower())
        if files is None or source.over is not None:
            raise NotInSql("substreams, reference data")
        table = FileTable(
            alias=source.alias,
            files=replace(files, fields={}, asked=Counter(), texts=set()),
            strict=self._strict,
            filtered=self._filtered,
        )
        table.time = str(self._arrival)
        if source.timestamp is not None:
            compiled = SqlExpressions(field=table.field).compile(source.timestamp)
            table.time = f"epoch_us({cast_sql(compiled, 'datetime', safe=True).text})"
            if isinstance(source.timestamp, Column):
                table.stamp = source.timestamp.parts[-1].lower()
        self.reads.append(Read(files=table.files, time=table.time))
        return table


def _from(source: Table, lags: tuple[str, str], where: str) -> str:
    partitions, values = lags
    rows = f"SELECT *{partitions} FROM ({source.text()})" if partitions else source.text()
    rows = f"SELECT *{values} FROM ({rows})" if values else rows
    return rows if where == "TRUE" else f"SELECT * FROM ({rows}) WHERE {where}"


def _columns(select: Select, rows: SqlExpressions, source: Table) -> tuple[SqlColumns, str]:
    columns: SqlColumns = {}
    listed: list[str] = []
    for item in select.items:
        if isinstance(item.value, Star):
            if source.columns is None or (item.value.parts and item.value.parts != (select.source.alias,)):
                raise NotInSql("SELECT *")
            columns.update(source.columns)
            listed += [name(written) for written, _ in source.columns.values()]
            continue
        written = item.alias or column_name(item.value)
        compiled = rows.compile(item.value)
        columns[written.lower()] = (written, compiled.type)
        listed.append(f"{compiled.text} AS {name(written)}")
    return columns, ", ".join(listed)
