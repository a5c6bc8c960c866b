"""A compiled query: what it reads, what it writes, and where it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from .errors import QueryError, Refused
from .javascript import Script as Function
from .parser import parse
from .planner import Graph, Settings, plan
from .syntax import Script
from .userdefined import Given, load

# The names under which columns are declared elsewhere: in contracts, Parquet and Arrow.
_plain_types = {
    "bigint": "int64",
    "float": "double",
    "nvarchar(max)": "string",
    "datetime": "timestamp",
    "bit": "boolean",
    "record": "record",
    "array": "array",
}


@dataclass(frozen=True, kw_only=True)
class OutputColumn:
    """A column of an output; `type` is int64, double, string, timestamp, boolean, record, array, or None if unsaid."""

    name: str
    type: str | None


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query that compiled.

    `inputs` are the streams it reads, `references` its reference data (joined without DATEDIFF). `outputs` holds no
    columns for an output of SELECT *: only the data knows them.

    `lookback` is by how much a job that starts anew must read events that arrived before its start, so that every row
    stamped from then on is what it would have been: the longest chain of windows, and five minutes for early events.
    Sessions are the exception: where the maximum duration cuts one depends on where it began, so within an unbroken
    run of events only a job that kept its state cuts at the same moments.
    """

    text: str
    name: str
    script: Script
    inputs: tuple[str, ...]
    references: tuple[str, ...]
    outputs: dict[str, tuple[OutputColumn, ...]]
    functions: Mapping[str, Function]
    lookback: timedelta

    def graph(self, settings: Settings) -> Graph:
        """A fresh graph of stages for one run."""
        return plan(self.script, self.text, self.name, settings, self.functions)


def compile_query(text: str, *, name: str = "query", functions: Given | None = None) -> Query:
    """Compile a query's text, with the JavaScript functions that it may call by alias: scripts or files with them.

    Raises QueryError, which points at the place in the query or script, before any row is read; OSError.
    """
    loaded = load(functions)
    try:
        script = parse(text)
        graph = plan(script, text, name, Settings(), loaded)
    except Refused as refused:
        raise QueryError(refused.message, text=text, offset=refused.at, name=name) from None
    inputs = tuple(dict.fromkeys(reader.alias for reader in graph.readers))
    outputs = {alias: _columns(columns) for alias, columns in graph.columns.items()}
    return Query(
        text=text,
        name=name,
        script=script,
        inputs=inputs,
        references=tuple(graph.references),
        outputs=outputs,
        functions=loaded,
        lookback=timedelta(microseconds=max((reader.lookback for reader in graph.readers), default=0)),
    )


def _columns(columns: dict[str, tuple[str, str | None]] | None) -> tuple[OutputColumn, ...]:
    return tuple(
        OutputColumn(name=name, type=None if kind is None else _plain_types[kind])
        for name, kind in (columns or {}).values()
    )
