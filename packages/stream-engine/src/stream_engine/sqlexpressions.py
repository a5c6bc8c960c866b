"""Expressions to DuckDB's SQL, as far as both surely mean the same; `NotInSql` for all others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import units
from .expressions import unit_of
from .sqltext import NotInSql, Sql, cast_sql, duck_types, number, stop, text_literal
from .syntax import Between, Binary, Call, Case, Cast, Column, Expression, In, IsNull, Literal, Star, Unary

Field = Callable[[Column], Sql]
Special = Callable[[Expression], Sql | None]


@dataclass(frozen=True, kw_only=True)
class SqlExpressions:
    """`field` finds a column, `special` is asked first, `time` is the row's time in microseconds."""

    field: Field
    special: Special = lambda _: None
    time: str = '"__time"'

    def compile(self, node: Expression) -> Sql:
        """The expression as SQL. Raises NotInSql."""
        found = self.special(node)
        if found is not None:
            return found
        if isinstance(node, Column):
            return self.field(node)
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise NotInSql(type(node).__name__)
        return method(node)

    def condition(self, node: Expression) -> str:
        compiled = self.compile(node)
        if compiled.type != "bit":
            raise NotInSql("a condition of another type")
        return compiled.text

    def _literal(self, node: Literal) -> Sql:
        if node.value is None:
            return Sql(text="NULL", type="null")
        if isinstance(node.value, str):
            return Sql(text=text_literal(node.value), type="nvarchar(max)")
        kind = "bigint" if isinstance(node.value, int) else "float"
        return Sql(text=f"({node.value!r})::{duck_types[kind]}", type=kind)

    def _unary(self, node: Unary) -> Sql:
        if node.operator == "NOT":
            return Sql(text=f"(NOT {self.condition(node.operand)})", type="bit")
        if node.operator == "~":
            raise NotInSql("bitwise operators")
        operand = number(self.compile(node.operand))
        return Sql(text=f"({node.operator}{operand.text})", type=operand.type)

    def _binary(self, node: Binary) -> Sql:
        if node.operator in ("AND", "OR"):
            return Sql(text=f"({self.condition(node.left)} {node.operator} {self.condition(node.right)})", type="bit")
        if node.operator in "&|^":
            raise NotInSql("bitwise operators")
        left, right = self.compile(node.left), self.compile(node.right)
        if node.operator in "+-*/%":
            return _arithmetic(node.operator, left, right)
        return _comparison(node.operator, left, right)

    def _between(self, node: Between) -> Sql:
        operand, low, high = (self.compile(part) for part in (node.operand, node.low, node.high))
        text = f"({_comparison('>=', operand, low).text} AND {_comparison('<=', operand, high).text})"
        return Sql(text=f"(NOT {text})" if node.negated else text, type="bit")

    def _in(self, node: In) -> Sql:
        operand = self.compile(node.operand)
        text = " OR ".join(_comparison("=", operand, self.compile(choice)).text for choice in node.choices)
        return Sql(text=f"(NOT ({text}))" if node.negated else f"({text})", type="bit")

    def _isnull(self, node: IsNull) -> Sql:
        operand = self.compile(node.operand)
        return Sql(text=f"({operand.text} IS {'NOT ' if node.negated else ''}NULL)", type="bit")

    def _case(self, node: Case) -> Sql:
        branches = []
        subject = self.compile(node.operand) if node.operand is not None else None
        for when, then in node.branches:
            test = self.condition(when) if subject is None else _comparison("=", subject, self.compile(when)).text
            branches.append((test, self.compile(then)))
        other = self.compile(node.otherwise) if node.otherwise is not None else Sql(text="NULL", type="null")
        kind = _common([result for _, result in branches] + [other])
        text = " ".join(f"WHEN {test} THEN {result.text}" for test, result in branches)
        return Sql(text=f"CASE {text} ELSE {other.text} END", type=kind)

    def _cast(self, node: Cast) -> Sql:
        return cast_sql(self.compile(node.operand), node.type, safe=node.safe)

    def _call(self, node: Call) -> Sql:
        called = node.name.upper()
        if node.over is not None or node.distinct:
            raise NotInSql(node.name)
        if called == "SYSTEM.TIMESTAMP":
            return Sql(text=f"make_timestamp({self.time})", type="datetime")
        if called == "DATEDIFF":
            return self._datediff(node)
        values = [self.compile(argument) for argument in node.arguments if not isinstance(argument, Star)]
        if called == "COALESCE" and len(values) > 1:
            return Sql(text=f"COALESCE({', '.join(value.text for value in values)})", type=_common(values))
        if called == "ABS" and len(values) == 1:
            value = number(values[0])
            return Sql(text=f"abs({value.text})", type=value.type)
        raise NotInSql(node.name)

    def _datediff(self, node: Call) -> Sql:
        size = units.lengths.get(unit_of(node.arguments[0]))
        moments = [self.compile(argument) for argument in node.arguments[1:] if not isinstance(argument, Star)]
        if size is None or len(moments) != 2:
            raise NotInSql("DATEDIFF over months")
        start, end = (f"epoch_us({cast_sql(moment, 'datetime', safe=False).text})" for moment in moments)
        floors = [f"floor(({moment})::DOUBLE / {size})" for moment in (end, start)]
        return Sql(text=f"({floors[0]} - {floors[1]})::BIGINT", type="bigint")


def _common(values: list[Sql]) -> str:
    """The one type of all values that are not the literal NULL."""
    kinds = {value.type for value in values} - {"null"}
    if len(kinds) == 1:
        return kinds.pop()
    raise NotInSql("values of several types")


def _comparison(operator: str, left: Sql, right: Sql) -> Sql:
    kinds = {left.type, right.type}
    if "null" in kinds:
        return Sql(text="NULL::BOOLEAN", type="bit")
    if kinds == {"json"}:
        return _of_fields(operator, left, right)
    if kinds == {"json", "nvarchar(max)"}:
        left, right = _as_text(left), _as_text(right)
    elif kinds <= {"json", "bigint", "float", "number"}:
        left, right = number(left), number(right)
    elif len(kinds) > 1:
        raise NotInSql(f"a comparison of {' and '.join(sorted(kinds))}")
    return Sql(text=f"({left.text} {operator} {right.text})", type="bit")


def _of_fields(operator: str, left: Sql, right: Sql) -> Sql:
    """Two fields, which only the data knows to be text or numbers; anything else stops."""
    text = _comparison(operator, *(cast_sql(each, "nvarchar(max)", safe=True) for each in (left, right))).text
    numbers = _comparison(operator, number(left), number(right)).text
    both = " AND ".join(f"starts_with({each.text}, chr(34))" for each in (left, right))
    none = " OR ".join(f"{each.text} IS NULL" for each in (left, right))
    return Sql(text=f"CASE WHEN {none} THEN NULL WHEN {both} THEN {text} ELSE {numbers} END", type="bit")


def _as_text(value: Sql) -> Sql:
    """A field that must be text, where the engine stops at anything else."""
    if value.type != "json":
        return value
    v = value.text
    guarded = f"""CASE WHEN {v} IS NULL OR starts_with({v}, '"') THEN {v} ELSE {stop("json", "not text")} END"""
    return cast_sql(Sql(text=guarded, type="json"), "nvarchar(max)", safe=True)


def _arithmetic(operator: str, left: Sql, right: Sql) -> Sql:
    if left.type == "nvarchar(max)" and right.type == "nvarchar(max)" and operator == "+":
        return Sql(text=f"({left.text} || {right.text})", type="nvarchar(max)")
    left, right = number(left), number(right)
    kinds = {left.type, right.type}
    kind = "bigint" if kinds == {"bigint"} else "float" if "float" in kinds else "number"
    if kind == "number" and operator in "/%":
        raise NotInSql("a division of which the data decides whether it cuts")
    if operator in "/%":
        zero = stop(kind, "division by zero")
        divided = f"trunc({left.text} / {right.text})" if kind == "bigint" else f"{left.text} / {right.text}"
        if kind == "bigint" or operator == "%":
            raise NotInSql("a division of bigints")
        text = f"CASE WHEN {right.text} = 0 THEN {zero} ELSE {divided} END"
    else:
        text = f"({left.text} {operator} {right.text})"
    if kind != "bigint":
        text = f"CASE WHEN NOT isfinite({text}) THEN {stop(kind, 'overflow')} ELSE {text} END"
    return Sql(text=text, type=kind)
