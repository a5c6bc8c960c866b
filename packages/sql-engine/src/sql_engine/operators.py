"""Arithmetic with T-SQL's result types: integers divide to integers, + joins strings, a zero divisor is an error."""

from __future__ import annotations

from dataclasses import replace

from .conversions import Typed, convert
from .errors import Fault, raising
from .types import MAX, Type, as_decimal, common, decimal, text

_NAMES = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}


def arithmetic(operator: str, left: Typed, right: Typed, at: int) -> Typed:
    """left operator right; fault 402 or 8117 for types without that operator."""
    if operator == "+" and (left.type.is_string or right.type.is_string):
        strings = [value for value in (left, right) if value.type.is_string or value.type.name == "null"]
        if len(strings) == 2:
            return _joined(left, right)
    kind = common(left.type, right.type)
    if not kind.is_number:
        if left.type.is_moment or right.type.is_moment:
            names = f"The data types {left.type.name} and {right.type.name} are incompatible in the"
            raise Fault(402, f"{names} {_NAMES[operator]} operator.", at)
        raise Fault(8117, f"Operand data type {kind.name} is invalid for {_NAMES[operator]} operator.", at)
    if kind.name == "decimal":
        return _decimal(operator, left, right, at)
    first, second = convert(left, kind, at).sql, convert(right, kind, at).sql
    if operator in ("/", "%"):
        divided = f"({first} {'//' if operator == '/' and kind.is_integer else operator} {second})"
        return Typed(_guarded(divided, second, at), kind)
    return Typed(f"({first} {operator} {second})", kind)


def _guarded(divided: str, divisor: str, at: int) -> str:
    failure = raising(8134, "'Divide by zero error encountered.'", at)
    return f"(CASE WHEN {divisor} = 0 THEN {failure} ELSE {divided} END)"


def _joined(left: Typed, right: Typed) -> Typed:
    lengths = (left.type.length, right.type.length)
    national = "nvarchar" in (left.type.name, right.type.name)
    length = MAX if MAX in lengths else min(sum(lengths), 4000 if national else 8000)
    kind = replace(text(max(length, 1), national=national), binary=left.type.binary or right.type.binary)
    return Typed(f"({left.sql} || {right.sql})", kind)


def _decimal(operator: str, left: Typed, right: Typed, at: int) -> Typed:
    """https://learn.microsoft.com/sql/t-sql/data-types/precision-scale-and-length-transact-sql"""
    one, two = (_exact(value, at) for value in (left, right))
    p1, s1, p2, s2 = one.type.precision, one.type.scale, two.type.precision, two.type.scale
    whole = max(p1 - s1, p2 - s2)
    kind: Type = {
        "+": decimal(whole + max(s1, s2) + 1, max(s1, s2)),
        "-": decimal(whole + max(s1, s2) + 1, max(s1, s2)),
        "*": decimal(p1 + p2 + 1, s1 + s2),
        "/": decimal(p1 - s1 + s2 + max(6, s1 + p2 + 1), max(6, s1 + p2 + 1)),
        "%": decimal(min(p1 - s1, p2 - s2) + max(s1, s2), max(s1, s2)),
    }[operator]
    if operator in ("/", "%"):
        # DuckDB divides decimals as doubles: about 15 digits of the quotient are right.
        first, second = f"CAST({one.sql} AS DOUBLE)", f"CAST({two.sql} AS DOUBLE)"
        return Typed(f"CAST({_guarded(f'({first} {operator} {second})', second, at)} AS {kind.duck})", kind)
    return Typed(f"CAST(({one.sql} {operator} {two.sql}) AS {kind.duck})", kind)


def _exact(value: Typed, at: int) -> Typed:
    if value.type.is_string:
        return convert(value, decimal(38, 10), at)
    return convert(value, as_decimal(value.type), at)
