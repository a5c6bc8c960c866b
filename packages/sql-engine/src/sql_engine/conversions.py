"""Conversions as SQL Server makes them: its formats, roundings, lengths and error numbers, as DuckDB expressions."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import Fault, literal, raising, refused
from .types import MAX, Type, as_decimal, comparable

_INTEGER = r"[+-]?[0-9]+"
_NUMBER = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)"
_FLOAT = _NUMBER + r"([eE][+-]?[0-9]+)?"
_CLOCK = r"([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,7})?)?Z?)?"
_MOMENT = r"([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})" + _CLOCK
_BIT = {"true": "1", "false": "0"}

# CONVERT's styles from a moment to text. https://learn.microsoft.com/sql/t-sql/functions/cast-and-convert-transact-sql
STYLES = {
    23: "%Y-%m-%d",
    112: "%Y%m%d",
    120: "%Y-%m-%d %H:%M:%S",
    121: "%Y-%m-%d %H:%M:%S.%f",
    126: "%Y-%m-%dT%H:%M:%S.%f",
    127: "%Y-%m-%dT%H:%M:%S.%fZ",
}


@dataclass(frozen=True)
class Typed:
    """A compiled expression: DuckDB text and T-SQL type."""

    sql: str
    type: Type


def fold(value: Typed) -> str:
    """What is compared, grouped and ordered: strings without case and without trailing blanks."""
    if not value.type.is_string:
        return value.sql
    trimmed = f"rtrim({value.sql}, ' ')"
    return trimmed if value.type.binary else f"lower({trimmed})"


def convert(value: Typed, target: Type, at: int, *, attempt: bool = False, style: int | None = None) -> Typed:
    """`value` as `target`; with `attempt` (TRY_CAST) NULL where CAST raises. Fault 529 where there is no conversion."""
    source = value.type
    if source.name == "null":
        return Typed(f"CAST({value.sql} AS {target.duck})", target)
    if source == target:
        return value
    if not comparable(source, target) and not (source.name == "datetime" and target.is_number):
        message = f"Explicit conversion from data type {source.name} to {target.name} is not allowed."
        raise Fault(529, message, at)
    if source.name == "datetime" and target.is_number:
        raise refused("a DATETIME as a number", at, "use DATEDIFF")
    if target.is_string:
        return _to_text(value, target, at, attempt=attempt, style=style)
    if style is not None and not (source.is_string and target.is_moment and style in STYLES):
        raise refused(f"CONVERT's style {style} from {source.name} to {target.name}", at)
    if source.is_string:
        return _from_text(value, target, at, attempt=attempt)
    if target.is_moment:
        return _to_moment(value, target)
    return _to_number(value, target, at, attempt=attempt)


def _to_text(value: Typed, target: Type, at: int, *, attempt: bool, style: int | None) -> Typed:
    source = value.type
    if source.is_string:
        fits = target.length == MAX or (0 <= source.length <= target.length != MAX and source.length != MAX)
        return Typed(value.sql if fits else f"left({value.sql}, {target.length})", target)
    if source.is_moment:
        written = _moment_text(value, style, at)
        return Typed(written if target.length == MAX else f"left({written}, {target.length})", target)
    if style not in (None, 0):
        raise refused(f"CONVERT's style {style} from {source.name} to {target.name}", at)
    written = f"CAST({value.sql} AS VARCHAR)"
    if source.name == "decimal" and source.precision == source.scale < 38:
        # DuckDB writes no zero before the point of such a number.
        written = f"CAST(CAST({value.sql} AS DECIMAL({source.scale + 1},{source.scale})) AS VARCHAR)"
    elif source.name == "bit":
        written = f"CAST(CAST({value.sql} AS INTEGER) AS VARCHAR)"
    elif source.name in ("float", "real"):
        # Style 0: six digits, and an exponent of three.
        written = f"regexp_replace(format('{{:.6g}}', CAST({value.sql} AS DOUBLE)), 'e([+-])(\\d\\d)$', 'e\\g<1>0\\2')"
        written = written.replace("\\g<1>", "\\1")
    if target.length == MAX:
        return Typed(written, target)
    message = literal(f"Arithmetic overflow error converting {source.name} to data type {target.name}.")
    failure = "NULL" if attempt else raising(8115, message, at)
    return Typed(f"CASE WHEN length({written}) > {target.length} THEN {failure} ELSE {written} END", target)


def _moment_text(value: Typed, style: int | None, at: int) -> str:
    source = value.type
    if style is None and source.name == "datetime":
        raise refused("a DATETIME as text without a style", at, "use CONVERT with style 121 or 126")
    style = 23 if source.name == "date" and style in (None, 120, 121) else 121 if style is None else style
    pattern = STYLES.get(style)
    if pattern is None:
        raise refused(f"CONVERT's style {style}", at, f"the styles are {', '.join(map(str, STYLES))}")
    if "%f" not in pattern:
        return f"strftime({value.sql}, '{pattern}')"
    before, after = pattern.split(".%f")
    digits = min(source.scale, 6)
    fraction = f" || '.' || left(strftime({value.sql}, '%f'), {digits})" if digits else ""
    zero = " || '0'" if source.scale == 7 else ""
    return f"(strftime({value.sql}, '{before}'){fraction}{zero}{f' || {literal(after)}' if after else ''})"


def _from_text(value: Typed, target: Type, at: int, *, attempt: bool) -> Typed:
    trimmed = f"trim({value.sql})"
    if target.is_moment:
        pattern, number, message = (
            _MOMENT,
            241,
            "Conversion failed when converting date and/or time from character string.",
        )
        shaped = f"regexp_replace({trimmed}, '^(\\d{{4}})(\\d\\d)(\\d\\d)', '\\1-\\2-\\3')"
        reading = f"rtrim({shaped}, 'Z')"
    elif target.name == "bit":
        pattern, number = r"(?i)([+-]?[0-9]+|true|false)", 245
        message = f"Conversion failed when converting the {value.type.name} value '%' to data type bit."
        reading = f"CASE lower({trimmed}) WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE {trimmed} END"
    elif target.name in ("tinyint", "smallint", "int"):
        pattern, number = _INTEGER, 245
        message = f"Conversion failed when converting the {value.type.name} value '%' to data type {target.name}."
        reading = trimmed
    else:
        pattern = {"bigint": _INTEGER, "decimal": _NUMBER}.get(target.name, _FLOAT)
        name = "numeric" if target.name == "decimal" else target.name
        number, message = 8114, f"Error converting data type {value.type.name} to {name}."
        reading = trimmed
    empty = "WHEN " + trimmed + " = '' THEN '0' " if not target.is_moment and target.name != "decimal" else ""
    guarded = f"CASE {empty}WHEN regexp_full_match({trimmed}, {literal(pattern)}) THEN {reading} END"
    converted = f"try_cast({guarded} AS {_through(target)})"
    if target.name == "bit":
        converted = f"({converted} <> 0)"
    converted = rounded(Typed(converted, Type("datetime2", scale=7)), target)
    if attempt:
        return Typed(converted, target)
    before, sign, after = message.partition("%")
    text = f"{literal(before)} || {value.sql} || {literal(after)}" if sign else literal(message)
    failure = f"CASE WHEN {value.sql} IS NOT NULL THEN {raising(number, text, at)} END"
    return Typed(f"coalesce({converted}, {failure})", target)


def _through(target: Type) -> str:
    return "BIGINT" if target.name == "bit" else target.duck


def _to_moment(value: Typed, target: Type) -> Typed:
    if target.name == "date":
        return Typed(f"CAST({value.sql} AS DATE)", target)
    return Typed(rounded(value, target), target)


def rounded(value: Typed, target: Type) -> str:
    """The moment in `target`'s fraction digits, rounded as DATETIME2 rounds; DuckDB keeps microseconds, six digits."""
    if not target.is_moment or target.name == "date":
        return value.sql
    if value.type.name == "date":
        return f"CAST({value.sql} AS TIMESTAMP)"
    if target.scale >= min(value.type.scale, 6):
        return value.sql
    step = 10 ** (6 - target.scale)
    half = step // 2
    return f"make_timestamp(CAST(floor((epoch_us({value.sql}) + {half}) / {step}.0) AS BIGINT) * {step})"


def _to_number(value: Typed, target: Type, at: int, *, attempt: bool) -> Typed:
    source = value.type
    if target.name == "bit":
        return Typed(f"({value.sql} <> 0)", target)
    sql = value.sql
    if target.is_integer and source.name in ("float", "real", "decimal"):
        sql = f"trunc({sql})"
    if _holds(source, target):
        return Typed(f"CAST({sql} AS {target.duck})", target)
    if attempt:
        return Typed(f"try_cast({sql} AS {target.duck})", target)
    name = "numeric" if target.name == "decimal" else target.name
    message = literal(f"Arithmetic overflow error converting expression to data type {name}.")
    failure = f"CASE WHEN {value.sql} IS NOT NULL THEN {raising(8115, message, at)} END"
    return Typed(f"coalesce(try_cast({sql} AS {target.duck}), {failure})", target)


def _holds(source: Type, target: Type) -> bool:
    """Whether every value of one number type is one of the other, but for digits that a float cannot keep."""
    if target.name == "decimal":
        exact = as_decimal(source) if source.name not in ("real", "float") else None
        return exact is not None and exact.precision - exact.scale <= target.precision - target.scale
    order = ("bit", "tinyint", "smallint", "int", "bigint", "decimal", "real", "float")
    return order.index(source.name) < order.index(target.name)


def assign(value: Typed, target: Type, column: str, table: str, at: int) -> str:
    """`value` as it is stored in a column: converted, and refused (2628) where text is too long, never cut."""
    if value.type.is_string and target.is_string and target.length != MAX:
        if 0 < value.type.length <= target.length:
            return value.sql
        message = (
            f"'String or binary data would be truncated in table ' || {literal(repr(table))} || ', column ' || "
            f"{literal(repr(column))} || '. Truncated value: ''' || left({value.sql}, {target.length}) || '''.'"
        )
        # Blanks at the end are cut without an error, as ANSI_WARNINGS has it.
        short = f"left({value.sql}, {target.length})"
        fits = f"length(rtrim({value.sql}, ' ')) <= {target.length}"
        return f"CASE WHEN {value.sql} IS NULL OR {fits} THEN {short} ELSE {raising(2628, message, at)} END"
    if value.type.name != "null" and not comparable(value.type, target):
        raise Fault(206, f"Operand type clash: {value.type.name} is incompatible with {target.name}", at)
    return convert(value, target, at).sql
