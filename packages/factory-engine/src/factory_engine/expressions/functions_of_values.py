"""Logical, comparing, converting and arithmetic functions."""

import math
import operator
from collections.abc import Callable
from typing import Any

from factory_engine.expressions.conversion import (
    bounded,
    equal,
    kind,
    number,
    to_boolean,
    to_float,
    to_integer,
    to_json,
    to_string,
)
from factory_engine.expressions.errors import ExpressionError
from factory_engine.expressions.signature import function

Lazy = Callable[[], Any]


def _boolean(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    msg = f"{name}() expects boolean, found {kind(value)}"
    raise ExpressionError(msg)


def _and(left: Lazy, right: Lazy) -> bool:
    return _boolean("and", left()) and _boolean("and", right())


def _or(left: Lazy, right: Lazy) -> bool:
    return _boolean("or", left()) or _boolean("or", right())


def _if(condition: Lazy, yes: Lazy, no: Lazy) -> Any:
    return yes() if _boolean("if", condition()) else no()


def _coalesce(*values: Lazy) -> Any:
    return next((found for value in values if (found := value()) is not None), None)


def _comparing(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Numbers with numbers, strings with strings: these the service orders by a culture, not by character codes."""

    def apply(left: Any, right: Any) -> bool:
        if number(left) and number(right):
            return compare(left, right)
        if isinstance(left, str) and isinstance(right, str):
            return compare(*_ordered(left, right))
        msg = f"cannot compare {kind(left)} with {kind(right)}"
        raise ExpressionError(msg)

    return apply


def _ordered(left: str, right: str) -> tuple[str, str]:
    """The strings to compare, where every culture agrees: they differ first in an ASCII letter or digit."""
    small = left.lower(), right.lower()
    first = next((pair for pair in zip(*small, strict=False) if pair[0] != pair[1]), None)
    if (left != right and small[0] == small[1]) or (
        first and not all(each.isascii() and each.isalnum() for each in first)
    ):
        msg = f"the order of '{left}' and '{right}' depends on a culture and is not supported"
        raise ExpressionError(msg)
    return small


def _arithmetic(operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        result = operate(left, right)
        return bounded(result) if isinstance(result, int) else result

    return apply


def _nonzero(value: Any) -> Any:
    if value == 0:
        msg = "division by zero"
        raise ExpressionError(msg)
    return value


def _div(left: Any, right: Any) -> Any:
    """Integers give an integer, cut towards zero."""
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(_nonzero(right))
        return bounded(quotient if (left < 0) == (right < 0) else -quotient)
    return left / _nonzero(right)


def _mod(left: Any, right: Any) -> Any:
    """The remainder has the dividend's sign."""
    if isinstance(left, int) and isinstance(right, int):
        return left - right * _div(left, right)
    return math.fmod(left, _nonzero(right))


def _extreme(name: str, choose: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    def apply(*values: Any) -> Any:
        items: list[Any] = list(values[0]) if len(values) == 1 and isinstance(values[0], list) else list(values)
        if not items or not all(map(number, items)):
            msg = f"{name}() expects numbers or one array of numbers"
            raise ExpressionError(msg)
        return choose(items)

    return apply


_COMPARED = "left:number|string, right:number|string"
_NUMBERS = "left:number, right:number"

FUNCTIONS = (
    function("logical", "and(left:any, right:any)", _and, lazy=True),
    function("logical", "or(left:any, right:any)", _or, lazy=True),
    function("logical", "not(value:boolean)", operator.not_),
    function("logical", "if(condition:any, yes:any, no:any)", _if, lazy=True),
    function("logical", "equals(left:any, right:any)", equal),
    function("logical", f"greater({_COMPARED})", _comparing(operator.gt)),
    function("logical", f"greaterOrEquals({_COMPARED})", _comparing(operator.ge)),
    function("logical", f"less({_COMPARED})", _comparing(operator.lt)),
    function("logical", f"lessOrEquals({_COMPARED})", _comparing(operator.le)),
    function("logical", "coalesce(value:any…)", _coalesce, lazy=True),
    function("conversion", "string(value:any)", to_string),
    function("conversion", "int(value:any)", to_integer),
    function("conversion", "float(value:any)", to_float),
    function("conversion", "bool(value:any)", to_boolean),
    function("conversion", "json(value:any)", to_json),
    function("math", f"add({_NUMBERS})", _arithmetic(operator.add)),
    function("math", f"sub({_NUMBERS})", _arithmetic(operator.sub)),
    function("math", f"mul({_NUMBERS})", _arithmetic(operator.mul)),
    function("math", f"div({_NUMBERS})", _div),
    function("math", f"mod({_NUMBERS})", _mod),
    function("math", "max(value:number|array…)", _extreme("max", max)),
    function("math", "min(value:number|array…)", _extreme("min", min)),
)
