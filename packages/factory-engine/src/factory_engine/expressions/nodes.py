"""The parts of a parsed expression. Positions count characters from 1 in the whole string of the definition."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Literal:
    value: Any
    position: int


@dataclass(frozen=True, kw_only=True)
class Call:
    name: str
    arguments: tuple["Node", ...]
    position: int


@dataclass(frozen=True, kw_only=True)
class Access:
    """`.key` or `[key]`; `optional` is the `?` before it, which turns a missing value into null."""

    key: "Node"
    optional: bool
    position: int


@dataclass(frozen=True, kw_only=True)
class Path:
    root: Call
    accesses: tuple[Access, ...]
    position: int


Node = Literal | Call | Path
