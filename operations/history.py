"""Feature rows of past days: what models are trained on and judged by.

Of a problem with events they come from its simulator, by its own query; of one without, from its measured files.
"""

import hashlib
import importlib.metadata
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from operations import problem as problems
from operations.accounting import EVENT_INPUT
from operations.errors import OperationError
from operations.prepare import parquet

TOLERANCE = timedelta(minutes=5)
"""For late events and for those out of order: the stack's defaults."""


@dataclass(frozen=True, kw_only=True)
class History:
    """`days` days before `until`, of a simulated plant of this size."""

    until: datetime
    days: int
    devices: int
    sensors: int
    seed: int

    def facts(self) -> dict[str, Any]:
        return asdict(self) | {"until": self.until.isoformat()}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The rows of the file `source` from `first` on (None: as early as the problem's data is sound), before `until`."""

    source: Path
    until: datetime | None
    first: datetime | None = None

    def facts(self) -> dict[str, Any]:
        digest = hashlib.sha256(self.source.read_bytes()).hexdigest()
        times = {"first": self.first, "until": self.until}
        return {"source": digest} | {name: time and time.isoformat() for name, time in times.items()}


def write(problem: str, history: History | Measured, folder: Path, tell: Callable[[str], None]) -> int:
    """Writes the history's feature rows below `folder` as Parquet; how many there are."""
    if isinstance(history, Measured):
        rows = measured(problem, history)
        (folder / "features.parquet").write_bytes(parquet(rows))
        tell(f"history: {rows.num_rows:,} rows of {history.source.name}")
        return rows.num_rows
    return _simulated(problem, history, folder, tell)


def truth(problem: str, history: History | Measured) -> pa.Table:
    """The keys of the rows of the history that are known to be faulty."""
    if isinstance(history, Measured):
        return problems.source(problem).truth(measured(problem, history))
    key = list(problems.contract(problem).feature.key)
    parts = []
    for number in range(history.days):
        frame = problems.simulator(problem).day(_start(history, number), **_size(history)).truth[key]
        parts.append(pa.table({name: pa.array(frame[name].tolist()) for name in key}))
    return pa.concat_tables(parts, promote_options="default")


def measured(problem: str, history: Measured) -> pa.Table:
    """Raises OperationError when the file is not the problem's, or holds no row of that time."""
    source = problems.source(problem)
    try:
        table = source.read(history.source)
    except source.SourceError as error:
        raise OperationError(str(error)) from error
    rows = source.features(table, history.first or getattr(source, "FIRST", None), history.until)
    if not rows.num_rows:
        every = source.features(table)["WindowEnd"].to_pylist()
        span = f"{min(every):%Y-%m-%d %H:%M}Z to {max(every):%Y-%m-%d %H:%M}Z"
        raise OperationError(f"{history.source}: no rows of that time; it has rows from {span}.")
    return rows


def source_file(problem: str, given: Path | None) -> Path:
    """The file of measured data: the given one, or that of the distribution which the problem's source names.

    Raises OperationError when the distribution is not installed here.
    """
    if given is not None:
        return given
    distribution, name = problems.source(problem).PACKAGE
    try:
        found = importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError as error:
        raise OperationError(
            f"problem {problem!r}: package {distribution} is not installed; name its file {name}: --source FILE"
        ) from error
    return Path(str(found.locate_file(next(file for file in found.files or [] if file.name == name))))


def is_static(problem: str) -> bool:
    """Whether the problem's rows come as files and not as events."""
    return problems.contract(problem).event is None


def day(moment: datetime) -> datetime:
    """The first midnight (UTC) that is not before `moment`."""
    midnight = datetime.combine(moment.astimezone(UTC).date(), time(), UTC)
    return midnight if midnight == moment else midnight + timedelta(days=1)


def _simulated(problem: str, history: History, folder: Path, tell: Callable[[str], None]) -> int:
    # Not forked: a forked child may hang on a lock that a thread of this process held.
    context = multiprocessing.get_context("spawn")
    tell(f"history: {history.days} days of events through the query")
    total = 0
    with ProcessPoolExecutor(min(os.cpu_count() or 1, history.days), mp_context=context) as pool:
        days = [pool.submit(day_features, problem, history, number) for number in range(history.days)]
        for number, one in enumerate(days, start=1):
            name, data, rows = one.result()
            (folder / f"{name}.parquet").write_bytes(data)
            total += rows
            tell(f"  {number / history.days:4.0%} {name}: {rows:,} feature rows")
    return total


def day_features(problem: str, history: History, number: int) -> tuple[str, bytes, int]:
    """Date, Parquet file and number of its feature rows of one day of the history, the oldest being number 0.

    Only the input in event time is fed: features come from it alone, the other one writes the archive.
    """
    from stream_engine import Event, TimePolicy, compile_query, run

    from scoring.contract import arrow_schema

    path = problems.query(problem)
    query = compile_query(path.read_text("utf-8"), name=str(path))
    start = _start(history, number)
    deliveries = problems.simulator(problem).day(start, **_size(history)).deliveries()
    events = [Event(body=body, enqueued=moment) for moment, _, body in deliveries]
    policy = TimePolicy(late=TOLERANCE, out_of_order=TOLERANCE, action="Drop")
    inputs = {alias: events if alias == EVENT_INPUT else [] for alias in query.inputs}
    rows = run(query, inputs, policy=policy).outputs["features"]
    schema = arrow_schema(problems.contract(problem).feature)
    return f"{start:%Y-%m-%d}", parquet(pa.Table.from_pylist(list(map(dict, rows)), schema=schema)), len(rows)


def _start(history: History, number: int) -> datetime:
    return history.until - timedelta(days=history.days - number)


def _size(history: History) -> dict[str, int]:
    return {"devices": history.devices, "sensors": history.sensors, "seed": history.seed}
