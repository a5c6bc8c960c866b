# ruff: noqa: S608 - names are quoted, values are compiled
"""Compiles expressions and conditions to DuckDB, with T-SQL's types, comparisons and errors."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from . import tree
from .aggregates import aggregate, windowed
from .conversions import Typed, convert, fold
from .environment import Environment, python_value
from .errors import Fault, literal, refused
from .functions import FUNCTIONS, merged
from .operators import arithmetic
from .scope import Scope
from .tree import Node
from .types import BIT, DATETIME, DATETIME2, INT, NULL, SYSNAME, Type, common, comparable, text


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A query as DuckDB text whose columns are c1, c2, …; `columns` holds their names in T-SQL (or None) and types."""

    sql: str
    columns: tuple[tuple[str | None, Type], ...]


class ExpressionCompiler:
    """Compiles one statement; `environment` is what names mean."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._counter = 0

    def alias(self) -> str:
        self._counter += 1
        return f"t{self._counter}"

    def query(self, query: tree.Query, parent: Scope | None, *, top_level: bool = False) -> Compiled:
        raise NotImplementedError

    def value(self, node: Node, scope: Scope) -> Typed:
        """A value; faults carry SQL Server's numbers."""
        if scope.grouped and not isinstance(node, tree.Column | tree.Constant):
            found = self._as_group(node, scope)
            if found is not None:
                return found
        method = getattr(self, f"_value_{type(node).__name__.lower()}")
        return method(node, scope)

    def condition(self, node: Node, scope: Scope) -> str:
        """A condition, as DuckDB text in brackets."""
        method = getattr(self, f"_condition_{type(node).__name__.lower()}")
        return f"({method(node, scope)})"

    def _as_group(self, node: Node, scope: Scope) -> Typed | None:
        """What stands for the expression after GROUP BY, when the query groups by it."""
        try:
            plain = self.value(node, Scope(scope.sources, scope.parent))
        except Fault:
            return None
        replacement = (scope.grouped or {}).get(grouping_key(plain.sql))
        return None if replacement is None else Typed(replacement, plain.type)

    def _value_constant(self, node: tree.Constant, scope: Scope) -> Typed:
        return Typed(python_value(node.value).sql, node.type)

    def _value_default(self, node: tree.Default, scope: Scope) -> Typed:
        raise Fault(156, "Incorrect syntax near the keyword 'DEFAULT'.", node.at)

    def _value_parameter(self, node: tree.Parameter, scope: Scope) -> Typed:
        found = self.environment.parameters.get(node.name.lower())
        if found is None:
            raise Fault(137, f'Must declare the scalar variable "{node.name}".', node.at)
        return found

    def _value_column(self, node: tree.Column, scope: Scope) -> Typed:
        field, home = scope.resolve(node)
        if home.grouped is None:
            return Typed(field.sql, field.type)
        found = home.grouped.get(grouping_key(field.sql))
        if found is None:
            raise _not_grouped(".".join(part.text for part in node.parts), node.at)
        return Typed(found, field.type)

    def _value_negative(self, node: tree.Negative, scope: Scope) -> Typed:
        value = self.value(node.operand, scope)
        if not value.type.is_number:
            message = f"Operand data type {value.type.name} is invalid for minus operator."
            raise Fault(8117, message, node.at)
        kind = Type("smallint") if value.type.name == "tinyint" else value.type
        return Typed(f"(-{convert(value, kind, node.at).sql})", kind)

    def _value_arithmetic(self, node: tree.Arithmetic, scope: Scope) -> Typed:
        return arithmetic(node.operator, self.value(node.left, scope), self.value(node.right, scope), node.at)

    def _value_cast(self, node: tree.Cast, scope: Scope) -> Typed:
        value = self.value(node.operand, scope)
        return convert(value, node.type, node.at, attempt=node.attempt, style=node.style)

    def _value_case(self, node: tree.Case, scope: Scope) -> Typed:
        results = [self.value(result, scope) for _, result in node.branches]
        results.append(self.value(node.otherwise, scope) if node.otherwise else Typed("NULL", NULL))
        converted, kind = merged(results, node.at)
        whens = []
        for (condition, _), result in zip(node.branches, converted, strict=False):
            if node.operand is None:
                test = self.condition(condition, scope)
            else:
                test = self.compared("=", self.value(node.operand, scope), self.value(condition, scope), condition.at)
            whens.append(f"WHEN {test} THEN {result.sql}")
        return Typed(f"CASE {' '.join(whens)} ELSE {converted[-1].sql} END", kind)

    def _value_scalar(self, node: tree.Scalar, scope: Scope) -> Typed:
        compiled = self._single(node.query, scope, node.at)
        return Typed(f"({compiled.sql})", compiled.columns[0][1])

    def _single(self, query: tree.Query, scope: Scope, at: int) -> Compiled:
        compiled = self.query(query, scope)
        if len(compiled.columns) != 1:
            message = "Only one expression can be specified in the select list when the subquery is not introduced with"
            raise Fault(116, f"{message} EXISTS.", at)
        return compiled

    def _value_call(self, node: tree.Call, scope: Scope) -> Typed:
        function = FUNCTIONS[node.name]
        if function.kind == "clock":
            kind = DATETIME if node.name in ("GETDATE", "GETUTCDATE") else DATETIME2
            now = python_value(self.environment.now).sql
            return Typed(f"date_trunc('millisecond', {now})" if kind == DATETIME else now, kind)
        if function.kind == "metadata":
            return self._metadata(node)
        if function.kind == "file":
            return self._file(node, scope)
        if function.kind == "aggregate" and node.over is None:
            return self._aggregate(node, scope)
        values = [
            Typed(self.condition(argument, scope), BIT)
            if isinstance(argument, tree.PREDICATES)
            else self.value(argument, scope)
            for argument in node.arguments
        ]
        if node.over is not None:
            over = self._over(node.over, scope)
            return aggregate(node, values, "", over) if function.kind == "aggregate" else windowed(node, values, over)
        assert function.build is not None  # noqa: S101 - every scalar function of the table has one
        return function.build(node, values)

    def _aggregate(self, node: tree.Call, scope: Scope) -> Typed:
        if scope.grouped is None:
            message = (
                "An aggregate may not appear in the WHERE clause unless it is in a subquery contained in a HAVING "
                "clause or a select list, and the column being aggregated is an outer reference."
            )
            raise Fault(147, message, node.at)
        inner = Scope(scope.sources, scope.parent)
        values = [self.value(argument, inner) for argument in node.arguments]
        order = " ORDER BY " + self.order(node.within, inner) if node.within else ""
        return aggregate(node, values, order, "")

    def _over(self, over: tree.Over, scope: Scope) -> str:
        parts = []
        if over.partition:
            parts.append("PARTITION BY " + ", ".join(fold(self.value(node, scope)) for node in over.partition))
        if over.order:
            parts.append("ORDER BY " + self.order(over.order, scope))
        if over.frame:
            parts.append(over.frame)
        return f" OVER ({' '.join(parts)})"

    def order(self, orders: tuple[tree.Order, ...], scope: Scope) -> str:
        """The text after ORDER BY: NULL is the lowest value."""
        return ", ".join(directed(fold(self.value(item.expression, scope)), item.descending) for item in orders)

    def _metadata(self, node: tree.Call) -> Typed:
        arguments = tuple(str(argument.value) for argument in node.arguments if isinstance(argument, tree.Constant))
        found = self.environment.metadata(node.name, arguments, node.at)
        kind = SYSNAME if node.name in ("DB_NAME", "USER_NAME") else INT
        return Typed(f"CAST({python_value(found).sql} AS {kind.duck})", kind)

    def _file(self, node: tree.Call, scope: Scope) -> Typed:
        first = node.arguments[0]
        source = scope.source(first.parts[0]) if isinstance(first, tree.Column) else None
        if source is None or source.file is None:
            raise Fault(4104, f"{node.name.lower()}() hangs on the alias of an OPENROWSET.", node.at)
        number: int | None = 0 if node.name == "FILENAME" else None
        if len(node.arguments) > 1:
            argument = node.arguments[1]
            number = argument.value if isinstance(argument, tree.Constant) else None
        sql = source.file(number)
        if scope.grouped is not None and grouping_key(sql) not in scope.grouped:
            raise _not_grouped(f"{source.name}.{node.name.lower()}()", node.at)
        return Typed(sql, text(1024, national=True))

    def compared(self, operator: str, left: Typed, right: Typed, at: int) -> str:
        """A comparison in the common type; strings without case and trailing blanks."""
        first, second = self._common(left, right, at)
        return f"({fold(first)} {operator} {fold(second)})"

    def _common(self, left: Typed, right: Typed, at: int) -> tuple[Typed, Typed]:
        if not comparable(left.type, right.type):
            raise Fault(206, f"Operand type clash: {left.type.name} is incompatible with {right.type.name}", at)
        kind = common(left.type, right.type)
        return _widen(left, kind, at), _widen(right, kind, at)

    def _condition_comparison(self, node: tree.Comparison, scope: Scope) -> str:
        return self.compared(node.operator, self.value(node.left, scope), self.value(node.right, scope), node.at)

    def _condition_logical(self, node: tree.Logical, scope: Scope) -> str:
        parts = [self.condition(operand, scope) for operand in node.operands]
        return f"NOT {parts[0]}" if node.operator == "NOT" else f" {node.operator} ".join(parts)

    def _condition_isnull(self, node: tree.IsNull, scope: Scope) -> str:
        return f"{self.value(node.operand, scope).sql} IS {'NOT ' if node.negated else ''}NULL"

    def _condition_between(self, node: tree.Between, scope: Scope) -> str:
        value = self.value(node.operand, scope)
        low = self.compared(">=", value, self.value(node.low, scope), node.at)
        high = self.compared("<=", value, self.value(node.high, scope), node.at)
        return f"NOT ({low} AND {high})" if node.negated else f"{low} AND {high}"

    def _condition_like(self, node: tree.Like, scope: Scope) -> str:
        value, pattern = self.value(node.operand, scope), self.value(node.pattern, scope)
        if "[" in pattern.sql:
            raise refused("a character class in LIKE", node.pattern.at)
        escape = f" ESCAPE {literal(node.escape)}" if node.escape else ""
        if not value.type.is_string:
            value = convert(value, text(100), node.at)
        word = "LIKE" if value.type.binary else "ILIKE"
        matched = f"{value.sql} {word} {pattern.sql}{escape}"
        return f"NOT ({matched})" if node.negated else matched

    def _condition_inlist(self, node: tree.InList, scope: Scope) -> str:
        value = self.value(node.operand, scope)
        tests = [self.compared("=", value, self.value(item, scope), node.at) for item in node.values]
        joined = " OR ".join(tests)
        return f"NOT ({joined})" if node.negated else joined

    def _condition_inquery(self, node: tree.InQuery, scope: Scope) -> str:
        value = self.value(node.operand, scope)
        compiled = self._single(node.query, scope, node.at)
        alias = self.alias()
        left, right = self._common(value, Typed(f"{alias}.c1", compiled.columns[0][1]), node.at)
        inside = f"SELECT {fold(right)} FROM ({compiled.sql}) AS {alias}"
        return f"{fold(left)} {'NOT ' if node.negated else ''}IN ({inside})"

    def _condition_exists(self, node: tree.Exists, scope: Scope) -> str:
        return f"EXISTS ({self.query(node.query, scope).sql})"


def _not_grouped(name: str, at: int) -> Fault:
    message = (
        f"Column '{name}' is invalid in the select list because it is not contained in either an aggregate function or "
        "the GROUP BY clause."
    )
    return Fault(8120, message, at)


def _widen(value: Typed, kind: Type, at: int) -> Typed:
    """For a comparison: the common type, never cutting text."""
    if value.type.is_string and kind.is_string:
        return Typed(value.sql, kind)
    return convert(value, kind, at)


def directed(sql: str, descending: bool) -> str:
    """One term of ORDER BY: NULL is the lowest value."""
    return f"{sql} DESC NULLS LAST" if descending else f"{sql} ASC NULLS FIRST"


def grouping_key(sql: str) -> str:
    """The text by which equal expressions are known: without the places that errors carry."""
    return re.sub(r"(<<tsql \d+) \d+>>", r"\1>>", sql)


def has_aggregate(node: object) -> bool:
    """Whether an aggregate stands in the expression itself, not in a subquery of it."""
    if isinstance(node, tree.Call) and FUNCTIONS[node.name].kind == "aggregate" and node.over is None:
        return True
    return any(has_aggregate(child) for child in _children(node))


def _children(node: object) -> Iterator[object]:
    if isinstance(node, tree.Query) or not (dataclasses.is_dataclass(node) or isinstance(node, tuple)):
        return
    yield from node if isinstance(node, tuple) else [getattr(node, item.name) for item in dataclasses.fields(node)]
