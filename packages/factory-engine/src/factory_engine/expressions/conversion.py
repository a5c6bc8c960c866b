"""Kinds of JSON values and their strings, as the service's (.NET's) conversions give them."""

import json
from typing import Any

from factory_engine.expressions.errors import ExpressionError


def kind(value: Any) -> str:
    """The kind's name in the service's messages: Null, Boolean, Integer, Float, String, Array or Object."""
    if value is None:
        return "Null"
    for name, types in (("Boolean", bool), ("Integer", int), ("Float", float), ("String", str), ("Array", list)):
        if isinstance(value, types):
            return name
    return "Object"


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def to_string(value: Any) -> str:
    """The string of a value, as `@{…}`, string() and concat() make it: true is `True`, null is empty, 1.0 is `1`."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.15G}"
    return _compact(value)


def _compact(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_compact, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_compact(key)}:{_compact(item)}' for key, item in value.items())}}}"
    text = json.dumps(value, ensure_ascii=False)
    return text.upper() if isinstance(value, float) else text


def equal(left: Any, right: Any) -> bool:
    """Whether two values are equal, as equals() sees it: 1 equals 1.0, but [1] does not equal [1.0]."""
    return left == right if number(left) and number(right) else same(left, right)


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same: kinds must agree, strings and keys are case-sensitive."""
    if kind(left) != kind(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


def to_integer(value: Any) -> int:
    if isinstance(value, bool | int) or (isinstance(value, float) and value.is_integer()):
        return bounded(int(value))
    if isinstance(value, str):
        try:
            return bounded(int(value.strip()))
        except ValueError:
            pass
    msg = f"int() cannot convert {_shown(value)} to an integer"
    raise ExpressionError(msg)


def to_float(value: Any) -> float:
    if number(value):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value.replace(",", ""))
        except ValueError:
            pass
    msg = f"float() cannot convert {_shown(value)} to a number"
    raise ExpressionError(msg)


def to_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if number(value):
        return value != 0
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    msg = f"bool() cannot convert {_shown(value)} to a boolean"
    raise ExpressionError(msg)


def to_json(value: Any) -> Any:
    if not isinstance(value, str):
        msg = f"json() expects a string, found {kind(value)}"
        raise ExpressionError(msg)
    try:
        return json.loads(value, parse_constant=_no_constant) if value else None
    except ValueError:
        msg = f"json() cannot parse {_shown(value)}"
        raise ExpressionError(msg) from None


def bounded(value: int) -> int:
    """`value`, when it fits the 64 bits of the service's integers."""
    if -(2**63) <= value < 2**63:
        return value
    msg = f"the integer {value} does not fit 64 bits"
    raise ExpressionError(msg)


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _shown(value: Any) -> str:
    text = to_string(value)
    return f"the {kind(value).lower()} '{text if len(text) <= 60 else text[:57] + '...'}'"
