# ruff: noqa: S608 - names are quoted, values are compiled
"""Compiles queries to DuckDB. Sources and columns get names of their own, so that none of the script is in the way."""

from __future__ import annotations

from collections.abc import Iterable

from . import tree
from .conversions import Typed, convert, fold
from .environment import Environment, Relation
from .errors import Fault, quoted, refused
from .expressions import Compiled, ExpressionCompiler, directed, grouping_key, has_aggregate
from .functions import merged
from .scope import Bound, Field, Scope
from .shaping import columns_of, exposed, fields, position, storage
from .types import BIGINT, Type, common

Named = tuple[str | None, Typed]


class QueryCompiler(ExpressionCompiler):
    """Compiles the queries of one statement."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._tables: list[dict[str, tuple[str, tuple[tuple[str, Type], ...]]]] = []

    def query(self, query: tree.Query, parent: Scope | None, *, top_level: bool = False) -> Compiled:
        """The query as DuckDB text with columns c1, c2, …"""
        self._tables.append({})
        try:
            opening = self._common_tables(query)
            if len(query.selects) == 1 and isinstance(query.selects[0], tree.Select):
                compiled = self._select(query.selects[0], parent, query)
            else:
                compiled = self._union(query, parent)
        finally:
            self._tables.pop()
        return Compiled(opening + compiled.sql, compiled.columns)

    def _common_tables(self, query: tree.Query) -> str:
        parts = []
        for name, columns, inner in query.tables:
            compiled = self.query(inner, None)
            names = exposed(compiled, name, columns)
            alias = self.alias()
            self._tables[-1][name.text.lower()] = (alias, names)
            parts.append(f"{alias} AS ({compiled.sql})")
        return f"WITH {', '.join(parts)} " if parts else ""

    def _union(self, query: tree.Query, parent: Scope | None) -> Compiled:
        members = [
            self.query(item, parent) if isinstance(item, tree.Query) else self._select(item, parent, None)
            for item in query.selects
        ]
        result = members[0]
        for select, member, keep in zip(query.selects[1:], members[1:], query.unions, strict=False):
            result = self._united(result, member, select.at, keep=keep)
        alias = self.alias()
        scope = Scope([Bound(alias, columns_of(alias, result))], parent)
        return Compiled(
            f"SELECT {alias}.* FROM ({result.sql}) AS {alias}{self._ordering(query, scope, result, alias)}",
            result.columns,
        )

    def _united(self, left: Compiled, right: Compiled, at: int, *, keep: bool) -> Compiled:
        if len(left.columns) != len(right.columns):
            message = (
                "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of "
                "expressions in their target lists."
            )
            raise Fault(205, message, at)
        kinds = [common(one[1], two[1]) for one, two in zip(left.columns, right.columns, strict=True)]
        sides = [self._converted(side, kinds, at) for side in (left, right)]
        columns = tuple((name, kind) for (name, _), kind in zip(left.columns, kinds, strict=True))
        united = Compiled(f"{sides[0]} UNION ALL {sides[1]}", columns)
        return united if keep else self._distinct(united)

    def _converted(self, side: Compiled, kinds: list[Type], at: int) -> str:
        alias = self.alias()
        items = [
            f"{convert(Typed(f'{alias}.c{i}', old), kind, at).sql} AS c{i}"
            for i, ((_, old), kind) in enumerate(zip(side.columns, kinds, strict=True), 1)
        ]
        return f"SELECT {', '.join(items)} FROM ({side.sql}) AS {alias}"

    def _distinct(self, compiled: Compiled) -> Compiled:
        """Rows that differ in case only are one; of their spellings the lowest stays, so that runs agree."""
        alias = self.alias()
        values = [Typed(f"{alias}.c{i}", kind) for i, (_, kind) in enumerate(compiled.columns, 1)]
        kept = [
            f"{f'min({value.sql})' if value.type.is_string else value.sql} AS c{i}" for i, value in enumerate(values, 1)
        ]
        keys = ", ".join(fold(value) for value in values)
        sql = f"SELECT {', '.join(kept)} FROM ({compiled.sql}) AS {alias} GROUP BY {keys}"
        return Compiled(sql, compiled.columns)

    def _ordering(self, query: tree.Query, scope: Scope, result: Compiled, alias: str) -> str:
        terms = []
        for item in query.order:
            index = position(item.expression, [name for name, _ in result.columns])
            if index is None:
                terms.append(directed(fold(self.value(item.expression, scope)), item.descending))
            else:
                value = Typed(f"{alias}.c{index + 1}", result.columns[index][1])
                terms.append(directed(fold(value), item.descending))
        return (f" ORDER BY {', '.join(terms)}" if terms else "") + self._limits(query, None)

    def _limits(self, query: tree.Query, top: tree.Node | None) -> str:
        parts = []
        for word, node in (("LIMIT", query.fetch or top), ("OFFSET", query.offset)):
            if node is not None:
                parts.append(f" {word} {convert(self.value(node, Scope()), BIGINT, node.at).sql}")
        return "".join(parts)

    def _select(self, select: tree.Select, parent: Scope | None, query: tree.Query | None) -> Compiled:
        """One SELECT; `query` gives its ORDER BY when it stands alone."""
        scope = Scope(parent=parent)
        source = f" FROM {self.source(select.source, scope)}" if select.source else ""
        where = f" WHERE {self.condition(select.where, scope)}" if select.where else ""
        orders = query.order if query else ()
        group = self._group(select, scope, orders)
        items = self._items(select, scope)
        having = f" HAVING {self.condition(select.having, scope)}" if select.having else ""
        columns = tuple((name, value.type) for name, value in items)
        listed = ", ".join(f"{value.sql} AS c{i}" for i, (_, value) in enumerate(items, 1))
        body = f"SELECT {listed}{source}{where}{group}{having}"
        if select.distinct:
            return self._distinct_select(Compiled(body, columns), select, query, parent)
        order = self._select_order(orders, items, scope)
        limits = self._limits(query, select.top) if query else self._top(select)
        return Compiled(body + order + limits, columns)

    def _top(self, select: tree.Select) -> str:
        return self._limits(tree.Query(select.at, (select,)), select.top)

    def _distinct_select(
        self, body: Compiled, select: tree.Select, query: tree.Query | None, parent: Scope | None
    ) -> Compiled:
        distinct = self._distinct(body)
        alias = self.alias()
        scope = Scope([Bound(alias, columns_of(alias, body))], parent)
        order = ""
        if query:
            plain = tree.Query(query.at, query.selects, order=query.order, offset=query.offset, fetch=query.fetch)
            try:
                order = self._ordering(plain, scope, body, alias).split(" LIMIT ")[0].split(" OFFSET ")[0]
            except Fault as fault:
                if fault.number not in (207, 4104):
                    raise
                message = "ORDER BY items must appear in the select list if SELECT DISTINCT is specified."
                raise Fault(145, message, fault.at) from fault
        limits = self._limits(query or tree.Query(select.at, (select,)), select.top)
        return Compiled(f"SELECT {alias}.* FROM ({distinct.sql}) AS {alias}{order}{limits}", body.columns)

    def _group(self, select: tree.Select, scope: Scope, orders: tuple[tree.Order, ...]) -> str:
        aggregates = has_aggregate((select.items, select.having, orders))
        if not (select.group or aggregates or select.having):
            return ""
        values = [self.value(node, scope) for node in select.group]
        scope.grouped = {
            grouping_key(value.sql): f"min({value.sql})" if value.type.is_string else value.sql for value in values
        }
        return f" GROUP BY {', '.join(fold(value) for value in values)}" if values else ""

    def _items(self, select: tree.Select, scope: Scope) -> list[Named]:
        items: list[Named] = []
        for item in select.items:
            node = item.expression
            if isinstance(node, tree.Star):
                items += self._star(node, scope)
                continue
            value = self.value(node, scope)
            name = item.alias.text if item.alias else node.parts[-1].text if isinstance(node, tree.Column) else None
            items.append((name, value))
        return items

    def _star(self, node: tree.Star, scope: Scope) -> Iterable[Named]:
        sources = [scope.source(node.qualifier)] if node.qualifier else scope.sources
        if not sources:
            raise Fault(263, "Must specify table to select from.", node.at)
        for source in sources:
            for field in source.fields:
                column = tree.Column(node.at, (tree.Name(source.name, node.at), tree.Name(field.name, node.at)))
                value = Typed(field.sql, field.type) if scope.grouped is None else self.value(column, scope)
                yield field.name, value

    def _select_order(self, orders: tuple[tree.Order, ...], items: list[Named], scope: Scope) -> str:
        terms = []
        for item in orders:
            index = position(item.expression, [name for name, _ in items])
            value = self.value(item.expression, scope) if index is None else items[index][1]
            terms.append(directed(fold(value), item.descending))
        return f" ORDER BY {', '.join(terms)}" if terms else ""

    def source(self, source: tree.Source, scope: Scope) -> str:
        """The text of a FROM; adds what it binds to the scope."""
        if isinstance(source, tree.Join):
            left, right = self.source(source.left, scope), self.source(source.right, scope)
            if source.on is None:
                return f"{left} CROSS JOIN {right}"
            return f"({left} {source.kind} JOIN {right} ON {self.condition(source.on, scope)})"
        alias = self.alias()
        if isinstance(source, tree.OpenRowset):
            if self.environment.rowset is None:
                raise refused("OPENROWSET in Azure SQL", source.at, "it reads files in Synapse serverless")
            sql, bound = self.environment.rowset(source, alias)
            scope.add(bound, source.at)
            return sql
        if isinstance(source, tree.Derived):
            compiled = (
                self._rows(source.query) if isinstance(source.query, tree.Rows) else self.query(source.query, None)
            )
            names = exposed(compiled, source.alias, source.columns)
            scope.add(Bound(source.alias.text, fields(alias, names)), source.at)
            return f"({compiled.sql}) AS {alias}"
        return self._table(source, alias, scope)

    def _table(self, source: tree.TableRef, alias: str, scope: Scope) -> str:
        if len(source.parts) == 1:
            for tables in reversed(self._tables):
                if source.parts[0].text.lower() in tables:
                    inner, names = tables[source.parts[0].text.lower()]
                    scope.add(Bound((source.alias or source.parts[0]).text, fields(alias, names)), source.at)
                    return f"{inner} AS {alias}"
        relation = self.environment.relation(source)
        name = source.alias.text if source.alias else relation.name
        sql, bound = self.bound(relation, alias, name, source.at)
        scope.add(bound, source.at)
        return sql

    def bound(self, relation: Relation, alias: str, name: str, at: int) -> tuple[str, Bound]:
        """A table or view under a DuckDB alias and under the name by which the query calls it."""
        schema = relation.schema if name == relation.name else ""
        if relation.query is not None:
            sql = f"({self._view(relation, at)}) AS {alias}"
            names = tuple((column.name, column.type) for column in relation.columns)
            return sql, Bound(name, fields(alias, names), schema, alias=alias, relation=relation)
        stored = tuple(Field(item.name, item.type, f"{alias}.{quoted(item.name)}") for item in relation.columns)
        return f"{relation.sql or storage(relation)} AS {alias}", Bound(
            name, stored, schema, alias=alias, relation=relation
        )

    def _view(self, relation: Relation, at: int) -> str:
        raise NotImplementedError

    def _rows(self, rows: tree.Rows) -> Compiled:
        return rows_of([[self.value(node, Scope()) for node in row] for row in rows.rows], rows.at)


def rows_of(rows: list[list[Typed]], at: int) -> Compiled:
    """A VALUES list; fault 10709 when its rows differ in length."""
    if len({len(row) for row in rows}) > 1:
        message = "The number of columns for each row in a table value constructor must be the same."
        raise Fault(10709, message, at)
    columns = []
    for column in zip(*rows, strict=True):
        known = any(value.type.name != "null" for value in column)
        columns.append(merged(list(column), at) if known else (list(column), column[0].type))
    selects = [
        "SELECT " + ", ".join(f"{values[row].sql} AS c{i}" for i, (values, _) in enumerate(columns, 1))
        for row in range(len(rows))
    ]
    return Compiled(" UNION ALL ".join(selects), tuple((None, kind) for _, kind in columns))
