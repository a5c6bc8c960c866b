"""Values in DuckDB: how a JSON field, whose type only the data knows, becomes a typed column without guessing.

A field is read as its JSON text. The common spelling of a type is converted by DuckDB itself; every other one is handed
to the functions of `values`, so that both ways to run agree. What the engine would stop at raises here too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .values import Unconvertible, Value, as_text, cast, load_json, type_of

if TYPE_CHECKING:
    import duckdb


class NotInSql(Exception):
    """This query is not translated: the engine's own stages run it."""


@dataclass(frozen=True, kw_only=True)
class Sql:
    """An SQL expression. `type` is one of Stream Analytics', or

    json: JSON text of any type; number: a DOUBLE that may have been a bigint; null: the literal.
    """

    text: str
    type: str


duck_types = {
    "bigint": "BIGINT",
    "float": "DOUBLE",
    "number": "DOUBLE",
    "nvarchar(max)": "VARCHAR",
    "datetime": "TIMESTAMP",
    "bit": "BOOLEAN",
    "json": "VARCHAR",
}


_exact = 2**53


def text_literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def stop(kind: str, because: str) -> str:
    """An expression that ends the SQL: the engine's own stages then find out what is to be done."""
    return f"error({text_literal(because)})::{duck_types[kind]}"


def key(value: Sql) -> Sql:
    """A value to group or join by: equal values have equal text."""
    if value.type == "json":
        v = value.text
        text = f"""CASE WHEN starts_with({v}, '"') THEN {v} WHEN {v} IS NOT NULL THEN asa_key({v}) END"""
        return Sql(text=text, type="json")
    if value.type in ("bigint", "float", "nvarchar(max)", "datetime"):
        return value
    raise NotInSql(f"grouping by {value.type}")


def number(value: Sql) -> Sql:
    """A value in arithmetic and numeric aggregates."""
    if value.type == "json":
        v = value.text
        # Beyond this, a DOUBLE does not hold every integer; NaN and Infinity are beyond it too.
        parsed = f"TRY_CAST({v} AS DOUBLE)"
        quick = f"CASE WHEN abs({parsed}) <= {_exact} THEN {parsed} END"
        return Sql(text=f"COALESCE({quick}, CASE WHEN {v} IS NOT NULL THEN asa_number({v}) END)", type="number")
    if value.type in ("bigint", "float", "number"):
        return value
    raise NotInSql(f"a number of {value.type}")


def cast_sql(value: Sql, target: str, *, safe: bool) -> Sql:
    """CAST or TRY_CAST."""
    if value.type in (target, "null"):
        return Sql(text=value.text if value.type == target else f"NULL::{duck_types[target]}", type=target)
    if target not in ("bigint", "float", "nvarchar(max)", "datetime"):
        raise NotInSql(f"CAST to {target}")
    if value.type == "json":
        return Sql(text=_from_json(value.text, target, safe), type=target)
    v = value.text
    known = {
        ("bigint", "float"): f"({v})::DOUBLE",
        ("number", "float"): v,
        ("bigint", "nvarchar(max)"): f"({v})::VARCHAR",
        ("datetime", "nvarchar(max)"): f"strftime({v}, '%Y-%m-%dT%H:%M:%S.%f0Z')",
    }
    found = known.get((value.type, target))
    if found is None:
        raise NotInSql(f"CAST from {value.type} to {target}")
    return Sql(text=found, type=target)


# The spellings of a datetime that DuckDB reads itself, by their length: none other has it.
_formats = {
    27: "%Y-%m-%dT%H:%M:%S.%fZ",
    24: "%Y-%m-%dT%H:%M:%S.%gZ",
    20: "%Y-%m-%dT%H:%M:%SZ",
    25: "%Y-%m-%dT%H:%M:%S+00:00",
    32: "%Y-%m-%dT%H:%M:%S.%f+00:00",
}


def moment(v: str, quote: str = "") -> str:
    """A datetime in one of its common spellings, between quotes if it is JSON; NULL for any other text."""
    spellings = " ".join(
        f"WHEN {size + 2 * len(quote)} THEN try_strptime({v}, '{quote}{form}{quote}')"
        for size, form in _formats.items()
    )
    return f"CASE strlen({v}) {spellings} END"


def _from_json(v: str, target: str, safe: bool) -> str:
    quick = {
        "float": f"CASE WHEN isfinite(TRY_CAST({v} AS DOUBLE)) THEN TRY_CAST({v} AS DOUBLE) END",
        "bigint": f"CASE WHEN strlen({v}) <= 18 AND NOT contains({v}, '.') AND {v} < ':' AND {v} >= '-'"
        f" THEN TRY_CAST({v} AS BIGINT) END",
        "nvarchar(max)": f"""CASE WHEN starts_with({v}, '"') AND NOT contains({v}, '\\')"""
        f" THEN substring({v}, 2, length({v}) - 2) END",
        "datetime": moment(v, '"'),
    }[target]
    slow = f"asa_{'try' if safe else 'cast'}_{_short[target]}({v})"
    return f"COALESCE({quick}, CASE WHEN {v} IS NOT NULL THEN {slow} END)"


_short = {"float": "float", "bigint": "bigint", "nvarchar(max)": "text", "datetime": "datetime"}


_functions: dict[str, tuple[Callable[[str], Value], str]] = {}


def register(connection: duckdb.DuckDBPyConnection, *, strict: bool) -> None:
    """Make the functions for uncommon spellings known to DuckDB; if `strict`, such a spelling ends the SQL instead."""
    for function, (call, kind) in _functions.items():
        if strict:
            connection.execute(f"CREATE MACRO {function}(v) AS {stop(kind, 'an uncommon spelling')}")
        else:
            text, result = connection.type("VARCHAR"), connection.type(duck_types[kind])
            connection.create_function(function, call, [text], result, null_handling="special")  # type: ignore[call-overload]


def _key(text: str) -> str:
    value = load_json(text)
    if isinstance(value, int) and not isinstance(value, bool):
        return text
    raise Unconvertible(type_of(value))


def _number(text: str) -> float:
    value = load_json(text)
    if isinstance(value, float) or (isinstance(value, int) and abs(value) <= _exact):
        return float(value)
    raise Unconvertible(type_of(value))


def _caster(target: str, *, safe: bool) -> Callable[[str], Value]:
    def call(text: str) -> Value:
        value = load_json(text)
        try:
            result = cast(value, target)
        except (Unconvertible, OverflowError):
            if safe:
                return None
            raise
        if target == "datetime":
            return result.replace(tzinfo=None)
        return as_text(result) if target == "nvarchar(max)" else result

    return call


_functions |= {"asa_key": (_key, "json"), "asa_number": (_number, "number")}
for _target, _name in _short.items():
    _functions[f"asa_cast_{_name}"] = (_caster(_target, safe=False), _target)
    _functions[f"asa_try_{_name}"] = (_caster(_target, safe=True), _target)
