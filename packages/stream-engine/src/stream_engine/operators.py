"""Arithmetic and comparison: what two values may meet, and what comes of it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any

from .frame import Frame
from .scope import Compiled, Scope
from .values import Unconvertible, Value, integer, parse_datetime, show

_symbols: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
_numbers = (int, float)


def comparison(symbol: str, left: Compiled, right: Compiled, scope: Scope, at: int) -> Compiled:
    """`left symbol right`; NULL on either side gives NULL. Text meets a datetime as the datetime it spells."""
    compare = _symbols[symbol]
    first, second = left.evaluate, right.evaluate

    def evaluate(frame: Frame) -> Value:
        a, b = first(frame), second(frame)
        if a is None or b is None:
            return None
        if isinstance(a, _numbers) and isinstance(b, _numbers):
            return compare(a, b)
        if type(a) is not type(b) or isinstance(a, (dict, list)):
            a, b = _meet(a, b, symbol, scope, at)
        return compare(a, b)

    return Compiled(type="bit", evaluate=evaluate)


def _meet(a: Value, b: Value, symbol: str, scope: Scope, at: int) -> tuple[Value, Value]:
    try:
        if isinstance(a, datetime) and isinstance(b, str):
            return a, parse_datetime(b)
        if isinstance(a, str) and isinstance(b, datetime):
            return parse_datetime(a), b
    except Unconvertible:
        pass
    raise scope.trouble(f"{show(a)} {symbol} {show(b)} cannot be compared: CAST or TRY_CAST one of them", at)


def arithmetic(symbol: str, left: Compiled, right: Compiled, scope: Scope, at: int) -> Compiled:
    """`left symbol right`: bigint stays bigint (division cuts), with a float it is float; text + text is joined."""
    first, second = left.evaluate, right.evaluate
    calculate = _symbols.get(symbol) or (_divide if symbol == "/" else _remainder)

    def evaluate(frame: Frame) -> Value:
        a, b = first(frame), second(frame)
        if a is None or b is None:
            return None
        if isinstance(a, _numbers) and isinstance(b, _numbers):
            try:
                return _checked(calculate(a, b))
            except ZeroDivisionError:
                raise scope.trouble(f"{show(a)} is divided by zero", at) from None
            except (Unconvertible, OverflowError):
                raise scope.trouble(f"{show(a)} {symbol} {show(b)} overflows", at) from None
        if symbol == "+" and isinstance(a, str) and isinstance(b, str):
            return a + b
        raise scope.trouble(f"{show(a)} {symbol} {show(b)} is not defined: CAST or TRY_CAST first", at)

    return Compiled(type=_result(symbol, left.type, right.type), evaluate=evaluate)


def _checked(value: int | float) -> int | float:
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise OverflowError
    return integer(int(value))


def _divide(a: int | float, b: int | float) -> int | float:
    if isinstance(a, int) and isinstance(b, int):
        quotient = abs(a) // abs(b)
        return quotient if (a < 0) == (b < 0) else -quotient
    return a / b


def _remainder(a: int | float, b: int | float) -> int | float:
    """The sign is the dividend's, as in T-SQL."""
    if isinstance(a, int) and isinstance(b, int):
        return a - b * int(_divide(a, b))
    if b == 0:
        raise ZeroDivisionError
    return math.fmod(a, b)


_bits: dict[str, Callable[[Any, Any], Any]] = {
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "~": lambda a, _: not a if isinstance(a, bool) else ~a,
}


def bitwise(symbol: str, left: Compiled, right: Compiled | None, scope: Scope, at: int) -> Compiled:
    """`left symbol right`, or `~ left`: bit of bits, bigint as soon as one side is a bigint."""
    first, second = left.evaluate, right.evaluate if right is not None else lambda _: False
    calculate = _bits[symbol]

    def evaluate(frame: Frame) -> Value:
        a, b = first(frame), second(frame)
        if a is None or b is None:
            return None
        if isinstance(a, int) and isinstance(b, int):
            return calculate(a, b)
        shown = f"{show(a)} {symbol} {show(b)}" if right is not None else f"{symbol} {show(a)}"
        raise scope.trouble(f"{shown} is not defined: bits are those of a bit or bigint", at)

    types = {left.type, right.type if right is not None else left.type}
    known = "bit" if types == {"bit"} else "bigint" if types <= {"bit", "bigint"} else None
    return Compiled(type=known, evaluate=evaluate)


def _result(symbol: str, left: str | None, right: str | None) -> str | None:
    types = {"bigint" if kind == "bit" else kind for kind in (left, right)}
    if "float" in types and types <= {"float", "bigint"}:
        return "float"
    if types == {"bigint"} or (symbol == "+" and types == {"nvarchar(max)"}):
        return types.pop()
    return None
