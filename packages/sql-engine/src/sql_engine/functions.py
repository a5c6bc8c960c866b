"""The functions that a script may call: their arguments, and what each becomes in DuckDB.

The table is closed. A call is checked against it while the script is read, before anything runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

from . import dates, tree
from .conversions import Typed, convert, fold
from .dates import DATE_PARTS
from .errors import Fault, raising, refused
from .types import DATE, FLOAT, INT, MAX, Type, common, decimal, text

Kind = Literal["scalar", "aggregate", "ranking", "offset", "clock", "metadata", "file"]
Build = Callable[[tree.Call, list[Typed]], Typed]


@dataclass(frozen=True)
class Function:
    """`low`..`high` arguments besides a date part; `build` is None where the compiler does the work itself."""

    kind: Kind
    low: int
    high: int
    build: Build | None = None


def check_call(call: tree.Call) -> None:
    """Fault for a function that is not in the table, or called otherwise than the table says."""
    function = FUNCTIONS.get(call.name)
    if function is None:
        raise refused(f"the function {call.name}", call.at)
    if call.star and call.name not in ("COUNT", "COUNT_BIG"):
        raise Fault(102, "Incorrect syntax near '*'.", call.at)
    if not call.star and not function.low <= len(call.arguments) <= function.high:
        wanted = str(function.low) if function.low == function.high else f"{function.low} to {function.high}"
        message = f"The {call.name.lower()} function requires {wanted} argument(s)."
        raise Fault(174 if function.low == function.high else 189, message, call.at)
    if (call.name in DATE_PARTS.functions) != bool(call.part):
        raise Fault(155, f"{call.name} begins with a date part.", call.at)
    if call.distinct and (function.kind != "aggregate" or call.name == "STRING_AGG"):
        raise Fault(102, "Incorrect syntax near the keyword 'DISTINCT'.", call.at)
    if call.within and call.name != "STRING_AGG":
        raise Fault(10757, f"The function '{call.name}' may not have a WITHIN GROUP clause.", call.at)
    if call.over is not None and function.kind not in ("aggregate", "ranking", "offset"):
        raise Fault(4113, f"The function '{call.name}' is not a valid windowing function.", call.at)
    if function.kind == "metadata":
        for argument in call.arguments:
            if not isinstance(argument, tree.Constant) or not isinstance(argument.value, str):
                raise refused(f"{call.name} of what is no string constant", argument.at)
    _check_window(call, function)


def _check_window(call: tree.Call, function: Function) -> None:
    if function.kind in ("ranking", "offset"):
        if call.over is None:
            raise Fault(10753, f"The function '{call.name}' must have an OVER clause.", call.at)
        if not call.over.order:
            raise Fault(4112, f"The function '{call.name}' must have an OVER clause with ORDER BY.", call.at)
    if call.over is not None and (call.distinct or call.name == "STRING_AGG"):
        what = "DISTINCT" if call.distinct else call.name
        raise Fault(10759, f"Use of {what} is not allowed with the OVER clause.", call.at)


def merged(values: list[Typed], at: int) -> tuple[list[Typed], Type]:
    """The values in their common type, as CASE, COALESCE and IIF bring them together."""
    kind = reduce(common, (value.type for value in values))
    if kind.name == "null":
        raise Fault(8133, "At least one of the result expressions must be an expression other than NULL.", at)
    if kind.is_string and any(value.type.is_string and value.type.length == MAX for value in values):
        kind = replace(kind, length=MAX)
    return [convert(value, kind, at) for value in values], kind


def _text(value: Typed, at: int) -> Typed:
    return value if value.type.is_string else convert(value, text(100), at)


def _like_first(pattern: str, *, longer: int | None = None) -> Build:
    """A text function whose result is text as long as its first argument; `longer` fixes another length."""

    def build(call: tree.Call, values: list[Typed]) -> Typed:
        first = _text(values[0], call.at)
        others = [convert(value, INT, call.at).sql if value.type.is_number else value.sql for value in values[1:]]
        kind = first.type if longer is None else replace(first.type, length=longer)
        return Typed(pattern.format(first.sql, *others), kind)

    return build


def _float(pattern: str) -> Build:
    return lambda call, values: Typed(pattern.format(*(convert(value, FLOAT, call.at).sql for value in values)), FLOAT)


def _same(pattern: str) -> Build:
    """A number function whose result has its first argument's type."""

    def build(call: tree.Call, values: list[Typed]) -> Typed:
        first = values[0] if values[0].type.is_number else convert(values[0], FLOAT, call.at)
        others = [convert(value, INT, call.at).sql for value in values[1:]]
        return Typed(f"CAST({pattern.format(first.sql, *others)} AS {first.type.duck})", first.type)

    return build


def _power(call: tree.Call, values: list[Typed]) -> Typed:
    """The result has the first argument's type, whole for whole numbers."""
    first = values[0].type if values[0].type.is_number else FLOAT
    kind = {"tinyint": INT, "smallint": INT, "real": FLOAT}.get(first.name, first)
    kind = decimal(38, kind.scale) if kind.name == "decimal" else kind
    base, exponent = (convert(value, FLOAT, call.at).sql for value in values)
    return convert(Typed(f"power({base}, {exponent})", FLOAT), kind, call.at)


def _side(name: str) -> Build:
    """LEFT and RIGHT, which take no negative length."""

    def build(call: tree.Call, values: list[Typed]) -> Typed:
        value, length = _text(values[0], call.at), convert(values[1], INT, call.at).sql
        failure = raising(536, f"'Invalid length parameter passed to the {name} function.'", call.at)
        return Typed(f"CASE WHEN {length} < 0 THEN {failure} ELSE {name}({value.sql}, {length}) END", value.type)

    return build


def _isnull(call: tree.Call, values: list[Typed]) -> Typed:
    first = values[0] if values[0].type.name != "null" else Typed(values[0].sql, values[1].type)
    return Typed(f"coalesce({first.sql}, {convert(values[1], first.type, call.at).sql})", first.type)


def _coalesce(call: tree.Call, values: list[Typed]) -> Typed:
    converted, kind = merged(values, call.at)
    return Typed(f"coalesce({', '.join(value.sql for value in converted)})", kind)


def _nullif(call: tree.Call, values: list[Typed]) -> Typed:
    left, right = merged(values, call.at)[0]
    return Typed(f"CASE WHEN {fold(left)} = {fold(right)} THEN NULL ELSE {values[0].sql} END", values[0].type)


def _extreme(name: str) -> Build:
    def build(call: tree.Call, values: list[Typed]) -> Typed:
        converted, kind = merged(values, call.at)
        if kind.is_string:
            raise refused(f"{call.name} of text", call.at)
        return Typed(f"{name}({', '.join(value.sql for value in converted)})", kind)

    return build


def _concat(call: tree.Call, values: list[Typed]) -> Typed:
    parts = [_text(value, call.at) for value in values]
    lengths = [part.type.length for part in parts]
    length = MAX if MAX in lengths else min(sum(lengths), 4000)
    national = any(part.type.name == "nvarchar" for part in parts)
    joined = ", ".join(f"coalesce({part.sql}, '')" for part in parts)
    return Typed(f"concat({joined})", text(max(length, 1), national=national))


def _concat_ws(call: tree.Call, values: list[Typed]) -> Typed:
    parts = [_text(value, call.at) for value in values]
    national = any(part.type.name == "nvarchar" for part in parts)
    return Typed(f"concat_ws({', '.join(part.sql for part in parts)})", text(4000, national=national))


def _charindex(call: tree.Call, values: list[Typed]) -> Typed:
    needle, hay = (f"lower({_text(value, call.at).sql})" for value in values[:2])
    if len(values) == 2:
        return Typed(f"CAST(instr({hay}, {needle}) AS INTEGER)", INT)
    start = f"greatest({convert(values[2], INT, call.at).sql}, 1)"
    found = f"instr(substring({hay}, {start}), {needle})"
    return Typed(f"CAST(CASE WHEN {found} = 0 THEN 0 ELSE {found} + {start} - 1 END AS INTEGER)", INT)


def _replace(call: tree.Call, values: list[Typed]) -> Typed:
    value, old, new = (_text(item, call.at).sql for item in values)
    pattern = f"regexp_escape({old})"
    safe = f"replace({new}, '\\', '\\\\')"
    sql = f"CASE WHEN {old} = '' THEN {value} ELSE regexp_replace({value}, {pattern}, {safe}, 'gi') END"
    return Typed(sql, text(MAX if values[0].type.length == MAX else 4000, national=True))


def _iif(call: tree.Call, values: list[Typed]) -> Typed:
    (first, second), kind = merged(values[1:], call.at)
    return Typed(f"CASE WHEN {values[0].sql} THEN {first.sql} ELSE {second.sql} END", kind)


def _log(call: tree.Call, values: list[Typed]) -> Typed:
    numbers = [convert(value, FLOAT, call.at).sql for value in values]
    failure = raising(3623, "'An invalid floating point operation occurred.'", call.at)
    value = f"(CASE WHEN {numbers[0]} <= 0 THEN {failure} ELSE ln({numbers[0]}) END)"
    return Typed(value if len(numbers) == 1 else f"({value} / ln({numbers[1]}))", FLOAT)


def _sqrt(call: tree.Call, values: list[Typed]) -> Typed:
    number = convert(values[0], FLOAT, call.at).sql
    failure = raising(3623, "'An invalid floating point operation occurred.'", call.at)
    return Typed(f"(CASE WHEN {number} < 0 THEN {failure} ELSE sqrt({number}) END)", FLOAT)


def _date(build: Callable[..., Typed], *, big: bool | None = None) -> Build:
    if big is None:
        return lambda call, values: build(call.part, *values, call.at)
    return lambda call, values: build(call.part, *values, call.at, big=big)


def _part(part: str) -> Build:
    return lambda call, values: dates.datepart(part, values[0], call.at)


def _scalar(low: int, high: int, build: Build) -> Function:
    return Function("scalar", low, high, build)


FUNCTIONS: dict[str, Function] = {
    "ABS": _scalar(1, 1, _same("abs({})")),
    "CEILING": _scalar(1, 1, _same("ceil({})")),
    "FLOOR": _scalar(1, 1, _same("floor({})")),
    "ROUND": _scalar(2, 2, _same("round({}, {})")),
    "SIGN": _scalar(1, 1, _same("sign({})")),
    "SQUARE": _scalar(1, 1, _float("({0} * {0})")),
    "EXP": _scalar(1, 1, _float("exp({})")),
    "SQRT": _scalar(1, 1, _sqrt),
    "LOG": _scalar(1, 2, _log),
    "LOG10": _scalar(1, 1, _float("log10({})")),
    "POWER": _scalar(2, 2, _power),
    "ISNULL": _scalar(2, 2, _isnull),
    "COALESCE": _scalar(2, 99, _coalesce),
    "NULLIF": _scalar(2, 2, _nullif),
    "IIF": _scalar(3, 3, _iif),
    "GREATEST": _scalar(1, 99, _extreme("greatest")),
    "LEAST": _scalar(1, 99, _extreme("least")),
    "LEN": _scalar(
        1, 1, lambda call, v: Typed(f"CAST(length(rtrim({_text(v[0], call.at).sql}, ' ')) AS INTEGER)", INT)
    ),
    "LEFT": _scalar(2, 2, _side("left")),
    "RIGHT": _scalar(2, 2, _side("right")),
    "SUBSTRING": _scalar(3, 3, _like_first("substring({0}, greatest({1}, 1), greatest({2} + least({1}, 1) - 1, 0))")),
    "UPPER": _scalar(1, 1, _like_first("upper({})")),
    "LOWER": _scalar(1, 1, _like_first("lower({})")),
    "LTRIM": _scalar(1, 1, _like_first("ltrim({}, ' ')")),
    "RTRIM": _scalar(1, 1, _like_first("rtrim({}, ' ')")),
    "TRIM": _scalar(1, 1, _like_first("trim({}, ' ')")),
    "REVERSE": _scalar(1, 1, _like_first("reverse({})")),
    "REPLICATE": _scalar(2, 2, _like_first("repeat({}, {})", longer=4000)),
    "REPLACE": _scalar(3, 3, _replace),
    "CHARINDEX": _scalar(2, 3, _charindex),
    "CONCAT": _scalar(2, 254, _concat),
    "CONCAT_WS": _scalar(3, 254, _concat_ws),
    "DATEADD": _scalar(2, 2, _date(dates.dateadd)),
    "DATEDIFF": _scalar(2, 2, _date(dates.datediff, big=False)),
    "DATEDIFF_BIG": _scalar(2, 2, _date(dates.datediff, big=True)),
    "DATEPART": _scalar(1, 1, _date(dates.datepart)),
    "DATETRUNC": _scalar(1, 1, _date(dates.datetrunc)),
    "YEAR": _scalar(1, 1, _part("year")),
    "MONTH": _scalar(1, 1, _part("month")),
    "DAY": _scalar(1, 1, _part("day")),
    "DATEFROMPARTS": _scalar(3, 3, lambda call, v: dates.from_parts(v, call.at, DATE)),
    "EOMONTH": _scalar(1, 2, lambda call, v: dates.eomonth(v[0], v[1] if len(v) > 1 else None, call.at)),
    "SYSUTCDATETIME": Function("clock", 0, 0),
    "SYSDATETIME": Function("clock", 0, 0),
    "GETUTCDATE": Function("clock", 0, 0),
    "GETDATE": Function("clock", 0, 0),
    "COUNT": Function("aggregate", 1, 1),
    "COUNT_BIG": Function("aggregate", 1, 1),
    "SUM": Function("aggregate", 1, 1),
    "AVG": Function("aggregate", 1, 1),
    "MIN": Function("aggregate", 1, 1),
    "MAX": Function("aggregate", 1, 1),
    "STDEV": Function("aggregate", 1, 1),
    "STDEVP": Function("aggregate", 1, 1),
    "VAR": Function("aggregate", 1, 1),
    "VARP": Function("aggregate", 1, 1),
    "STRING_AGG": Function("aggregate", 2, 2),
    "ROW_NUMBER": Function("ranking", 0, 0),
    "RANK": Function("ranking", 0, 0),
    "DENSE_RANK": Function("ranking", 0, 0),
    "NTILE": Function("ranking", 1, 1),
    "LAG": Function("offset", 1, 3),
    "LEAD": Function("offset", 1, 3),
    "FIRST_VALUE": Function("offset", 1, 1),
    "LAST_VALUE": Function("offset", 1, 1),
    "OBJECT_ID": Function("metadata", 1, 2),
    "COL_LENGTH": Function("metadata", 2, 2),
    "SCHEMA_ID": Function("metadata", 1, 1),
    "DATABASE_PRINCIPAL_ID": Function("metadata", 1, 1),
    "DB_NAME": Function("metadata", 0, 0),
    "USER_NAME": Function("metadata", 0, 0),
    "FILEPATH": Function("file", 1, 2),
    "FILENAME": Function("file", 1, 1),
}

__all__ = ["DATE_PARTS", "FUNCTIONS", "Function", "check_call", "merged"]
