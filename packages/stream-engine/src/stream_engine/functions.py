"""The catalogue of scalar functions: what is in `scalars` runs, what is in `known` is refused by name.

A function is `Function(name, kinds, returns, call)`. `kinds` has one letter an argument:
s text, n number, i integer, d datetime (or ISO 8601 text), a array, r record, * anything, u a unit of time; after `?`
the rest is optional, after `+` the last letter repeats. NULL in gives NULL out, except where `nulls` says the
function looks itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .values import Unconvertible, Value, parse_datetime, type_of


class NoResult(Unconvertible):
    """A function has no result for its arguments; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Function:
    name: str
    kinds: str
    returns: str | None
    call: Callable[..., Value]
    nulls: bool = False

    @property
    def least(self) -> int:
        """The number of arguments that must be given."""
        return len(self.kinds.replace("+", "").partition("?")[0])

    @property
    def most(self) -> int | None:
        """The number of arguments that may be given; None without limit."""
        return None if self.kinds.endswith("+") else len(self.kinds.replace("?", ""))

    def kind(self, index: int) -> str:
        """The letter of one argument."""
        letters = self.kinds.replace("?", "").replace("+", "")
        return letters[min(index, len(letters) - 1)]


_words = {
    "s": "nvarchar(max)",
    "n": "a number",
    "i": "bigint",
    "d": "datetime",
    "a": "array",
    "r": "record",
}


def accept(kind: str, value: Value) -> Value:
    """`value` as an argument of this kind. Raises Unconvertible with the kind's name."""
    if kind == "*":
        return value
    found = type_of(value)
    if kind == "d" and found == "nvarchar(max)":
        return parse_datetime(value)
    if found == {"s": "nvarchar(max)", "d": "datetime", "a": "array", "r": "record"}.get(kind):
        return value
    if kind in "ni" and found in ("bigint", "bit"):
        return int(value)
    if kind == "n" and found == "float":
        return value
    if kind == "i" and found == "float" and value == int(value):
        return int(value)
    raise Unconvertible(_words[kind])


def expected(kind: str) -> str:
    return _words[kind]


scalars: dict[str, Function] = {}


def define(
    name: str, kinds: str, returns: str | None, call: Callable[..., Value], *, nulls: bool = False
) -> Callable[..., Value]:
    """Enter a function into the catalogue."""
    scalars[name] = Function(name=name, kinds=kinds, returns=returns, call=call, nulls=nulls)
    return call


def is_moment(value: Value) -> bool:
    return isinstance(value, datetime)
