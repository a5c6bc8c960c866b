"""The scalar functions of the language reference, entered into the catalogue of `functions`."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from . import units
from .functions import define
from .values import Unconvertible, Value, as_text, integer, type_of


def _round(value: float, digits: int = 0) -> float:
    """Half away from zero, as T-SQL rounds."""
    scale = 10.0**digits
    rounded = math.copysign(math.floor(abs(value) * scale + 0.5), value) / scale
    return int(rounded) if isinstance(value, int) else rounded


def _power(base: float, exponent: float) -> float:
    try:
        result = float(base) ** exponent
    except (OverflowError, ZeroDivisionError):
        raise Unconvertible(base) from None
    if isinstance(result, complex):
        raise Unconvertible(base)
    return result


def _root(value: float) -> float:
    if value < 0:
        raise Unconvertible(value)
    return math.sqrt(value)


define("ABS", "n", None, lambda x: integer(abs(x)) if isinstance(x, int) else abs(x))
define("CEILING", "n", None, lambda x: x if isinstance(x, int) else float(math.ceil(x)))
define("EXP", "n", "float", math.exp)
define("FLOOR", "n", None, lambda x: x if isinstance(x, int) else float(math.floor(x)))
define("POWER", "nn", "float", _power)
define("ROUND", "n?i", None, _round)
define("SIGN", "n", None, lambda x: (x > 0) - (x < 0) if isinstance(x, int) else float((x > 0) - (x < 0)))
define("SQUARE", "n", "float", lambda x: float(x) * float(x))
define("SQRT", "n", "float", _root)


def _substring(text: str, start: int, length: int) -> str:
    """Positions count from 1; a start before 1 uses up length, as in T-SQL."""
    if length < 0:
        raise Unconvertible(length)
    return text[max(start - 1, 0) : max(start - 1 + length, 0)]


def _charindex(searched: str, text: str, start: int = 1) -> int:
    return text.find(searched, max(start - 1, 0)) + 1


def like_pattern(pattern: str, escape: str | None = None) -> re.Pattern[str]:
    """A LIKE pattern (% _ [a-z] [^a-z]) as a regular expression for fullmatch."""
    parts: list[str] = []
    index = 0
    while index < len(pattern):
        character = pattern[index]
        closing = pattern.find("]", index + 1)
        if escape and character == escape and index + 1 < len(pattern):
            index += 1
            parts.append(re.escape(pattern[index]))
        elif character == "[" and closing > index + 1:
            inside = pattern[index + 1 : closing].replace("\\", "\\\\")
            parts.append(f"[{inside}]")
            index = closing
        else:
            parts.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
        index += 1
    return re.compile("".join(parts), re.DOTALL)


def _patindex(pattern: str, text: str) -> int:
    anchored = not pattern.startswith("%")
    closed = not pattern.endswith("%")
    core = like_pattern(pattern.strip("%")).pattern
    found = re.compile(("^" if anchored else "") + core + (r"\Z" if closed else ""), re.DOTALL).search(text)
    return found.start() + 1 if found else 0


def _regexmatch(text: str, pattern: str) -> int:
    return len(re.findall(pattern, text))


def _concat(*values: Value) -> str:
    return "".join("" if value is None else as_text(value) for value in values)


def _concat_ws(separator: Value, *values: Value) -> str:
    return ("" if separator is None else as_text(separator)).join(as_text(v) for v in values if v is not None)


text = "nvarchar(max)"
define("CHARINDEX", "ss?i", "bigint", _charindex)
define("CONCAT", "**+", text, _concat, nulls=True)
define("CONCAT_WS", "***+", text, _concat_ws, nulls=True)
define("LEFT", "si", text, lambda value, count: value[: max(count, 0)])
define("LEN", "s", "bigint", lambda value: len(value.rstrip(" ")))
define("LOWER", "s", text, str.lower)
define("LTRIM", "s", text, lambda value: value.lstrip(" "))
define("NCHAR", "i", text, chr)
define("PATINDEX", "ss", "bigint", _patindex)
define("REGEXMATCH", "ss", "bigint", _regexmatch)
define("REPLACE", "sss", text, lambda value, old, new: value.replace(old, new) if old else value)
define("REVERSE", "s", text, lambda value: value[::-1])
define("RIGHT", "si", text, lambda value, count: value[-count:] if count > 0 else "")
define("RTRIM", "s", text, lambda value: value.rstrip(" "))
define("SUBSTRING", "sii", text, _substring)
define("TRIM", "s", text, lambda value: value.strip(" "))
define("UNICODE", "s", "bigint", lambda value: ord(value[0]) if value else None)
define("UPPER", "s", text, str.upper)


def _from_parts(year: int, month: int, day: int, hour: int, minute: int, second: int, millisecond: int) -> datetime:
    try:
        return datetime(year, month, day, hour, minute, second, millisecond * 1000, tzinfo=UTC)
    except ValueError:
        raise Unconvertible((year, month, day)) from None


define("DATEADD", "uid", "datetime", units.add)
define("DATEDIFF", "udd", "bigint", units.difference)
define("DATENAME", "ud", text, units.name)
define("DATEPART", "ud", "bigint", units.part)
define("DATETIMEFROMPARTS", "iiiiiii", "datetime", _from_parts)
define("DAY", "d", "bigint", lambda moment: moment.day)
define("MONTH", "d", "bigint", lambda moment: moment.month)
define("YEAR", "d", "bigint", lambda moment: moment.year)


def _coalesce(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)


define("COALESCE", "**+", None, _coalesce, nulls=True)
define("GETTYPE", "*", text, type_of, nulls=True)
define("NULLIF", "**", None, lambda left, right: None if left == right else left, nulls=True)


def _element(values: list[Value], index: int) -> Value:
    return values[index] if 0 <= index < len(values) else None


def _property(record: dict[str, Value], name: str) -> Value:
    if name in record:
        return record[name]
    folded = name.lower()
    return next((value for key, value in record.items() if key.lower() == folded), None)


define("GETARRAYELEMENT", "ai", None, _element)
define("GETARRAYLENGTH", "a", "bigint", len)
define("GETRECORDPROPERTYVALUE", "rs", None, _property)
