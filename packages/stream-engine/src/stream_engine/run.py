"""Runs a query over all the data at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from .events import Event
from .fast import fetch, run_fast
from .formats import Body, read_events
from .job import StreamJob, metric_names
from .query import Query, compile_query
from .spilling import Sorted
from .stages import Row
from .userdefined import Given
from .values import Unconvertible, load_json, parse_datetime
from .watermark import TimePolicy

# The arrival time of data that has none, where a query asks for one.
timeless = datetime(2000, 1, 1, tzinfo=UTC)
_begin = datetime(1, 1, 1, tzinfo=UTC)
_by_input = metric_names[:-1]
# So many events arrive at once.
_piece = 1000
Reference = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Result:
    """The rows of each output in order of time, and the metrics by Azure's names."""

    outputs: dict[str, list[Row]]
    metrics: dict[str, int]
    metrics_by_input: dict[str, dict[str, int]]


def run(
    query: Query | str,
    inputs: Mapping[str, Path | Iterable[Body | Path]],
    *,
    policy: TimePolicy | None = None,
    reference: Reference | None = None,
    functions: Given | None = None,
) -> Result:
    """The outputs of a query over the whole of its inputs; every window is closed at the end.

    An input is files (see `formats`), or events. An `Event` has an arrival time, so the time policy applies, in order
    of arrival. Plain records (or JSON bytes) have none: they are data at rest, ordered by TIMESTAMP BY, with no policy,
    as in Microsoft's local run; without TIMESTAMP BY they all arrive at 2000-01-01T00:00Z. A record with the column
    EventEnqueuedUtcTime arrived then. `functions` are those of a query given as text (see `compile_query`).
    Raises QueryError, StreamError; ValueError when inputs and query do not fit.

    Over JSON lines at rest DuckDB does the work, where it can (see `fast`).
    """
    query = compile_query(query, functions=functions) if isinstance(query, str) else query
    check("inputs", query.inputs, inputs, query)
    check("reference data", query.references, reference or {}, query)
    files = {alias: found for alias, given in inputs.items() if (found := _paths(given))}
    if len(files) == len(inputs) and not reference:
        fast = run_fast(query, files, timeless, fetch)
        if fast is not None:
            by_input, metrics = tell(query, fast.counts, sum(len(rows) for rows in fast.outputs.values()))
            return Result(outputs=fast.outputs, metrics=metrics, metrics_by_input=by_input)
    return run_stages(query, inputs, policy=policy, reference=reference)


def run_stages(
    query: Query,
    inputs: Mapping[str, Path | Iterable[Body | Path]],
    *,
    policy: TimePolicy | None = None,
    reference: Reference | None = None,
) -> Result:
    """As `run`, by the engine's own stages, whatever the data."""
    outputs: dict[str, list[Row]] = {name: [] for name in query.outputs}

    def take(name: str, rows: list[Row]) -> None:
        outputs[name] += rows

    job = feed(query, inputs, take, policy=policy, reference=reference)
    return Result(outputs=outputs, metrics=job.metrics, metrics_by_input=job.metrics_by_input)


def feed(
    query: Query,
    inputs: Mapping[str, Path | Iterable[Body | Path]],
    take: Callable[[str, list[Row]], None],
    *,
    policy: TimePolicy | None = None,
    reference: Reference | None = None,
) -> StreamJob:
    """As `run_stages`, but `take` gets the rows of each output in pieces, and memory holds open windows only.

    Events are first put in order, on disk if they are many. Gives the job, for its metrics.
    """
    job = StreamJob(query, policy=policy, start=_begin, reference=reference)
    log = Sorted()
    for alias, events in inputs.items():
        _split(alias, events, job, log)
    waiting = log.take()
    while piece := list(islice(waiting, _piece)):
        for alias in inputs:
            _hand(take, job.push(alias, [entry[-1] for entry in piece if entry[-2] == alias]))
        _hand(take, job.advance(piece[-1][-1].enqueued))
    for rows in job.drain():
        _hand(take, rows)
    return job


def _split(alias: str, events: Path | Iterable[Body | Path], job: StreamJob, log: Sorted) -> None:
    """Events of an input that have an arrival time go to the log, all others to the job at once. Raises ValueError."""
    arrived, partitions = 0, 1

    def resting() -> Iterator[bytes | str | Mapping[str, Any]]:
        nonlocal arrived, partitions
        for number, body in enumerate(_bodies(events)):
            event = _arriving(body)
            if isinstance(event, Event):
                arrived, partitions = arrived + 1, max(partitions, event.partition + 1)
                log.add((event.enqueued, event.partition, event.sequence or 0, number, alias, event))
            else:
                yield event

    rested = job.rest(alias, resting(), arrival=timeless)
    if arrived and rested:
        message = f"input {alias!r}: {arrived} of {arrived + rested} events have an arrival time: all or none must"
        raise ValueError(message)
    job.widen(partitions)


def tell(
    query: Query, counts: Mapping[str, Mapping[str, int]], written: int
) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Metrics by input and of the job, from what was counted."""
    found = {alias.lower(): each for alias, each in counts.items()}
    by_input = {alias: {name: found[alias.lower()].get(name, 0) for name in _by_input} for alias in query.inputs}
    totals = {name: sum(each[name] for each in by_input.values()) for name in _by_input}
    return by_input, {**totals, "OutputEvents": written}


def check(what: str, names: Sequence[str], given: Mapping[str, object], query: Query) -> None:
    """All that the query reads is given, and nothing else. Raises ValueError."""
    wanted, found = {name.lower() for name in names}, {name.lower() for name in given}
    missing = [name for name in names if name.lower() not in found]
    unknown = [name for name in given if name.lower() not in wanted]
    if missing or unknown:
        problems = [f"no data for {name}" for name in missing] + [f"{name} is not read" for name in unknown]
        message = f"{query.name} reads the {what} {', '.join(names) or '(none)'}: {'; '.join(problems)}"
        raise ValueError(message)


def _paths(given: Path | Iterable[Body | Path]) -> list[Path]:
    """The files that an input is given as; none when it is given as events."""
    if isinstance(given, Path):
        return [given]
    found = [each for each in given if isinstance(each, Path)] if isinstance(given, (list, tuple)) else []
    return found if isinstance(given, (list, tuple)) and len(found) == len(given) else []


def _bodies(given: Path | Iterable[Body | Path]) -> Iterable[Body]:
    for each in [given] if isinstance(given, Path) else given:
        if isinstance(each, Path):
            yield from read_events([each])
        else:
            yield each


def _arriving(body: Body) -> Body:
    """A record with EventEnqueuedUtcTime, as the service archives events of a hub, arrived then."""
    record = _record(body)
    enqueued = record.get("EventEnqueuedUtcTime") if record is not None else None
    try:
        enqueued = parse_datetime(enqueued) if isinstance(enqueued, str) else enqueued
    except Unconvertible:
        return body
    if record is None or not isinstance(enqueued, datetime):
        return body
    partition = record.get("PartitionId")
    return Event(body=record, enqueued=enqueued, partition=partition if isinstance(partition, int) else 0)


def _record(body: Body) -> Mapping[str, Any] | None:
    """The record of a body that may hold an arrival time."""
    if isinstance(body, Mapping):
        return body
    if isinstance(body, Event) or not _names_arrival(body):
        return None
    try:
        value = load_json(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _names_arrival(body: bytes | str) -> bool:
    return b"EventEnqueuedUtcTime" in body if isinstance(body, bytes) else "EventEnqueuedUtcTime" in body


def _hand(take: Callable[[str, list[Row]], None], rows: Mapping[str, list[Row]]) -> None:
    for name, found in rows.items():
        take(name, found)
