"""Scored rows of committed runs, one for each window and series: the newest run's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from operations import scoring_run
from operations.errors import OperationError
from operations.prepare import distinct, read
from operations.stack import Stack
from scoring.contract import Contract, arrow_schema


def chosen(stack: Stack, start: datetime | None, end: datetime | None) -> list[dict[str, Any]]:
    """Committed runs of hours in start..end, oldest first. Raises OperationError when there is none."""
    every = scoring_run.runs(stack)
    found = [
        run
        for run in every
        if (end is None or datetime.fromisoformat(run["from"]) < end)
        and (start is None or datetime.fromisoformat(run["to"]) > start)
    ]
    if not found:
        there = ", ".join(sorted({run["window"] for run in every})) or "none"
        raise OperationError(f"stack {stack.name!r}: no committed run of these hours; runs there are: {there}.")
    return found


def table(stack: Stack, runs: Sequence[Mapping[str, Any]], contract: Contract) -> pa.Table:
    """The scored rows of `runs` (oldest first) with the contract's columns, in the order of their key; of rows scored
    twice, the newest."""
    tables = []
    for run in runs:
        files = scoring_run.scored(stack, run)
        tables += [read(place, data, contract.prediction) for place, data in files.items()]
    every = pa.concat_tables(tables) if tables else arrow_schema(contract.prediction).empty_table()
    kept = distinct(every, replace(contract.prediction, key=contract.feature.key))
    return kept.sort_by([(name, "ascending") for name in contract.feature.key])


def between(rows: pa.Table, time: str, start: datetime | None, end: datetime | None) -> pa.Table:
    """Rows of windows that end in start..end, both included."""
    if start is not None:
        rows = rows.filter(pc.field(time) >= pc.scalar(start))
    if end is not None:
        rows = rows.filter(pc.field(time) <= pc.scalar(end))
    return rows
