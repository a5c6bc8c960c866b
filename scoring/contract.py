"""What a problem's data looks like, stated once: the event, the feature row, the prediction row.

A problem whose rows come as files or tables, and not from sensors, has no event.

`scoring/<problem>/contract.py` holds a problem's `CONTRACT`; everything that names a column takes it from there or is
checked against it. This module needs only the standard library until `arrow_schema` is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

ColumnType = Literal["string", "timestamp", "double", "int64"]

# The names that Stream Analytics' CAST uses, beside the contract's own.
# https://learn.microsoft.com/stream-analytics-query/data-types-azure-stream-analytics
_QUERY_TYPES = {"nvarchar(max)": "string", "datetime": "timestamp", "float": "double", "bigint": "int64"}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its name and type in every file, table and message, what it means, and its unit."""

    name: str
    type: ColumnType
    description: str
    unit: str = ""
    nullable: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """The columns of one kind of row, in order, and those that identify a row."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    def __post_init__(self) -> None:
        names = self.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"row {self.name}: column {', '.join(twice)} is declared more than once")
        unknown = [name for name in self.key if name not in names]
        if unknown:
            raise ValueError(f"row {self.name}: key column {', '.join(unknown)} is not one of {', '.join(names)}")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError naming the row and its columns when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"row {self.name} has no column {name}; it has {', '.join(self.names)}")


@dataclass(frozen=True, kw_only=True)
class Contract:
    """One problem: what sensors send (None when rows come as files or tables), what the model reads, what is stored."""

    problem: str
    event: Row | None
    feature: Row
    prediction: Row

    def __post_init__(self) -> None:
        missing = [name for name in self.feature.key if name not in self.prediction.names]
        if missing:
            raise ValueError(f"problem {self.problem}: prediction rows lack the feature key {', '.join(missing)}")


def arrow_schema(row: Row) -> pa.Schema:
    """The row as a pyarrow schema; timestamps are UTC, in microseconds."""
    import pyarrow as pa

    types = {"string": pa.string(), "timestamp": pa.timestamp("us", tz="UTC"), "double": pa.float64()}
    types["int64"] = pa.int64()
    return pa.schema([pa.field(column.name, types[column.type], column.nullable) for column in row.columns])


def raw_row(contract: Contract) -> Row:
    """What the archive keeps of an event: every field as the text that was sent, and when and where it arrived.

    Order is checked within a partition: without it nobody could tell later which events were too far out of order.

    ValueError for a problem without events.
    """
    if contract.event is None:
        raise ValueError(f"problem {contract.problem} has no event: its rows come as files or tables")
    arrival = Column(name="ArrivalTime", type="timestamp", description="When the event reached the hub", unit="UTC")
    partition = Column(name="PartitionId", type="int64", description="Partition of the hub that took the event")
    return Row(name="raw", columns=(arrival, partition, *_as_text(contract.event)), key=())


def diverted_row(contract: Contract) -> Row:
    """An event that the query could not read: as in the archive, and the reason."""
    return Row(name="rejected", columns=(*raw_row(contract).columns, _REASON), key=())


def rejected_row(contract: Contract) -> Row:
    """A feature row that could not be scored: its key as far as it could be read, the reason, where it stood."""
    key = tuple(replace(contract.feature.column(name), nullable=True) for name in contract.feature.key)
    file = Column(name="File", type="string", description="Name of the input file")
    position = Column(name="Row", type="int64", description="Position in the input file, from 0")
    return Row(name="rejected", columns=(*key, _REASON, file, position), key=("File", "Row"))


_REASON = Column(name="Reason", type="string", description="Why the row could not be used")


def query_outputs(contract: Contract) -> dict[str, Row]:
    """The rows that a problem's query must write, by output alias."""
    return {"features": contract.feature, "raw": raw_row(contract), "rejected": diverted_row(contract)}


class OutputColumn(Protocol):
    """A column of a compiled query's output; `type` is None when no CAST fixes it."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str | None: ...


def query_problems(contract: Contract, outputs: Mapping[str, Sequence[OutputColumn]], *, file: str) -> list[str]:
    """What keeps a compiled query from writing the contract's rows, naming file and column; empty when nothing does."""
    if contract.event is None:
        return [f"{file}: problem {contract.problem} has no event, so there is nothing for a query to read"]
    expected = query_outputs(contract)
    problems = [f"{file}: output {alias} is missing" for alias in expected if alias not in outputs]
    problems += [f"{file}: output {alias} is not one of {', '.join(expected)}" for alias in outputs.keys() - expected]
    for alias, row in expected.items():
        if alias in outputs:
            problems += [f"{file}: output {alias}: {problem}" for problem in output_problems(row, outputs[alias])]
    return problems


def output_problems(row: Row, found: Sequence[OutputColumn]) -> list[str]:
    """How the columns that a statement gives differ from the row's, by name and type; empty when they do not."""
    types = {column.name: column.type for column in found}
    problems = [f"column {name} is missing" for name in row.names if name not in types]
    for name, type_ in types.items():
        if name not in row.names:
            problems.append(f"column {name} is not in the contract's row {row.name}")
        elif type_ is None:
            problems.append(f"column {name} has no CAST; expected {row.column(name).type}")
        elif (read := _QUERY_TYPES.get(type_.lower(), type_.lower())) != row.column(name).type:
            problems.append(f"column {name} is {read}, expected {row.column(name).type}")
    return problems


def prediction_problems(contract: Contract, needed: Mapping[str, str], *, file: str) -> list[str]:
    """What `file` works with, column → type, and the prediction rows do not have; empty when they have it all."""
    row, place = contract.prediction, f"in row {contract.prediction.name} of scoring/{contract.problem}/contract.py"
    there = {column.name: column.type for column in row.columns}
    problems = [f"{file}: column {name} is missing {place}" for name in needed if name not in there]
    return problems + [
        f"{file}: column {name} is {there[name]} {place}, expected {expected}"
        for name, expected in needed.items()
        if there.get(name, expected) != expected
    ]


def event_problems(row: Row, body: Mapping[str, Any]) -> list[str]:
    """What is wrong with one event's JSON object; empty when it is as the contract says."""
    problems = [f"event: column {name} is missing" for name in row.names if name not in body]
    problems += [f"event: column {name} is not in the contract" for name in body if name not in row.names]
    for column in row.columns:
        if column.name in body and not _is_json(column, body[column.name]):
            problems.append(f"event: column {column.name}: found {body[column.name]!r}, expected {column.type}")
    return problems


def _as_text(row: Row) -> tuple[Column, ...]:
    return tuple(replace(column, type="string", nullable=True) for column in row.columns)


def _is_json(column: Column, value: Any) -> bool:
    if value is None:
        return column.nullable
    if column.type == "string":
        return isinstance(value, str)
    if column.type == "int64":
        return isinstance(value, int) and not isinstance(value, bool)
    if column.type == "double":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) and _is_utc(value)


def _is_utc(text: str) -> bool:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return moment.tzinfo is not None
