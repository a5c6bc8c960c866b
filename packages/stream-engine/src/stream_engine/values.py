"""The values of Stream Analytics in Python, and the conversions between its types.

| Stream Analytics | Python | | Stream Analytics | Python |
|---|---|---|---|---|
| bigint | int within 64 bits | | bit | bool |
| float | finite float | | record | dict |
| nvarchar(max) | str | | array | list |
| datetime | aware datetime in UTC | | NULL | None |

A datetime of the service counts 100 ns, one of Python 1 µs: a seventh digit is cut off.
Source: Microsoft's language reference, Data Types (compatibility level 1.2: there is a bit, text is no date).
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

Value = Any
epoch = datetime(1970, 1, 1, tzinfo=UTC)
_microsecond = timedelta(microseconds=1)
_types: dict[type, str] = {
    bool: "bit",
    int: "bigint",
    float: "float",
    str: "nvarchar(max)",
    datetime: "datetime",
    dict: "record",
    list: "array",
}
_integer = re.compile(r"\s*[+-]?\d+\s*")
_number = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


class Unconvertible(ValueError):
    """A value that the asked type cannot hold."""


def type_of(value: Value) -> str:
    """The name of a value's type; 'null' for NULL."""
    return "null" if value is None else _types.get(type(value)) or _types[type(value).__mro__[1]]


def show(value: Value) -> str:
    """A value for a message: its type and, shortened, itself."""
    text = repr(value) if isinstance(value, str) else as_text(value) if value is not None else "NULL"
    return f"{type_of(value)} {text if len(text) <= 60 else text[:57] + '...'}"


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - epoch) // _microsecond


def from_micros(micros: int) -> datetime:
    return epoch + timedelta(microseconds=micros)


def parse_datetime(text: str) -> datetime:
    """ISO 8601 text as UTC; without an offset it is UTC already. Raises Unconvertible."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Unconvertible(text) from None
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise Unconvertible(text) from None


def format_datetime(moment: datetime) -> str:
    """As the service writes it: seven digits of a second, Z."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0Z".rjust(28, "0")


def integer(value: int) -> int:
    """`value`, if 64 bits hold it. Raises Unconvertible."""
    if -(2**63) <= value < 2**63:
        return value
    raise Unconvertible(str(value))


def as_text(value: Value) -> str:
    """A value as nvarchar(max)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return format_datetime(value)
    if isinstance(value, float):
        text = repr(value).upper()
        return text[:-2] if text.endswith(".0") else text
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=as_text, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _to_bigint(value: Value) -> int:
    if isinstance(value, str):
        if _integer.fullmatch(value):
            return integer(int(value))
    elif isinstance(value, (int, float)):
        return integer(math.trunc(value))
    raise Unconvertible(value)


def _to_float(value: Value) -> float:
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str) and _number.fullmatch(value):
        number = float(value)
        if math.isfinite(number):
            return number
    raise Unconvertible(value)


def _to_datetime(value: Value) -> datetime:
    if isinstance(value, str):
        return parse_datetime(value)
    if isinstance(value, datetime):
        return value
    raise Unconvertible(value)


def _to_bit(value: Value) -> bool:
    if isinstance(value, str):
        found = {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())
        if found is not None:
            return found
    elif isinstance(value, (bool, int, float)):
        return value != 0
    raise Unconvertible(value)


def _to_json(kind: type, value: Value) -> Value:
    if isinstance(value, str):
        try:
            value = load_json(value)
        except ValueError:
            raise Unconvertible(value) from None
    if isinstance(value, kind):
        return value
    raise Unconvertible(value)


_casts = {
    "bigint": _to_bigint,
    "float": _to_float,
    "nvarchar(max)": as_text,
    "datetime": _to_datetime,
    "bit": _to_bit,
    "record": lambda value: _to_json(dict, value),
    "array": lambda value: _to_json(list, value),
}


def cast(value: Value, target: str) -> Value:
    """`value` as type `target`; NULL stays NULL. Raises Unconvertible (or OverflowError for a huge bigint)."""
    return None if value is None else _casts[target](value)


def _json_constant(name: str) -> Value:
    raise Unconvertible(name)


def load_json(text: str | bytes) -> Value:
    """JSON text; NaN, Infinity and integers beyond 64 bits are errors (ValueError), as in the service."""
    return _decoder(text if isinstance(text, str) else text.decode("utf-8-sig"))


_decoder = json.JSONDecoder(
    parse_constant=_json_constant, parse_int=lambda text: integer(int(text)), parse_float=lambda text: _to_float(text)
).decode
