"""Rows that could not be scored: why, how many, and when."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operations import scoring_run
from operations.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Rows with one reason; `first` and `last` are None when none of them has a time."""

    reason: str
    rows: int
    first: datetime | None
    last: datetime | None


def rejected(stack: Stack, runs: Sequence[Mapping[str, Any]]) -> pa.Table | None:
    """The rejected rows of the runs, or None when there are none."""
    tables = []
    for run in runs:
        if run["rejected"]:
            files = scoring_run.outputs(stack, f"{run['window']}/{run['attempt']}")
            tables += [
                pq.read_table(io.BytesIO(data)) for name, data in files.items() if name.endswith(scoring_run.REJECTED)
            ]
    return pa.concat_tables(tables) if tables else None


def reasons(table: pa.Table, time: str) -> list[Rejection]:
    """By reason, the most frequent first."""
    times: dict[str, list[datetime | None]] = {}
    for reason, moment in zip(table.column("Reason").to_pylist(), table.column(time).to_pylist(), strict=True):
        times.setdefault(reason, []).append(moment)
    found = []
    for reason, every in times.items():
        told = sorted(moment for moment in every if moment is not None)
        edges = (told[0], told[-1]) if told else (None, None)
        found.append(Rejection(reason=reason, rows=len(every), first=edges[0], last=edges[1]))
    return sorted(found, key=lambda one: (-one.rows, one.reason))
