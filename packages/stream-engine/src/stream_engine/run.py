"""Runs a query over all the data at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .events import Event
from .job import StreamJob
from .query import Query, compile_query
from .stages import Row
from .values import Unconvertible, parse_datetime
from .watermark import TimePolicy

# The arrival time of data that has none, where a query asks for one.
timeless = datetime(2000, 1, 1, tzinfo=UTC)
_begin = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Result:
    """The rows of each output in order of time, and the metrics by Azure's names."""

    outputs: dict[str, list[Row]]
    metrics: dict[str, int]
    metrics_by_input: dict[str, dict[str, int]]


def run(
    query: Query | str,
    inputs: Mapping[str, Iterable[Event | Mapping[str, Any] | bytes | str]],
    *,
    policy: TimePolicy | None = None,
    reference: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> Result:
    """The outputs of a query over the whole of its inputs; every window is closed at the end.

    An `Event` has an arrival time, so the time policy applies, in order of arrival. Plain records (or JSON bytes)
    have none: they are data at rest, ordered by TIMESTAMP BY, with no policy, as in Microsoft's local run; without
    TIMESTAMP BY they all arrive at 2000-01-01T00:00Z. Raises QueryError, StreamError; ValueError when inputs and
    query do not fit.
    """
    query = compile_query(query) if isinstance(query, str) else query
    _check("inputs", query.inputs, inputs, query)
    _check("reference data", query.references, reference or {}, query)
    given = {alias: [_arriving(event) for event in events] for alias, events in inputs.items()}
    partitions = 1 + max((e.partition for events in given.values() for e in events if isinstance(e, Event)), default=0)
    job = StreamJob(query, policy=policy, start=_begin, partitions=partitions, reference=reference)
    outputs: dict[str, list[Row]] = {name: [] for name in query.outputs}
    for alias, events in given.items():
        arriving = sorted((event for event in events if isinstance(event, Event)), key=_arrival)
        at_rest = [event for event in events if not isinstance(event, Event)]
        if arriving and at_rest:
            message = f"input {alias!r}: {len(arriving)} of {len(events)} events have an arrival time: all or none must"
            raise ValueError(message)
        if arriving:
            _extend(outputs, job.push(alias, arriving))
        job.rest(alias, at_rest, arrival=timeless)
    _extend(outputs, job.finish())
    return Result(outputs=outputs, metrics=job.metrics, metrics_by_input=job.metrics_by_input)


def _check(what: str, names: Sequence[str], given: Mapping[str, object], query: Query) -> None:
    """All that the query reads is given, and nothing else."""
    wanted, found = {name.lower() for name in names}, {name.lower() for name in given}
    missing = [name for name in names if name.lower() not in found]
    unknown = [name for name in given if name.lower() not in wanted]
    if missing or unknown:
        problems = [f"no data for {name}" for name in missing] + [f"{name} is not read" for name in unknown]
        message = f"{query.name} reads the {what} {', '.join(names) or '(none)'}: {'; '.join(problems)}"
        raise ValueError(message)


def _arriving(event: Event | Mapping[str, Any] | bytes | str) -> Event | Mapping[str, Any] | bytes | str:
    """A record with EventEnqueuedUtcTime, as the service archives events of a hub, arrived then."""
    if isinstance(event, Event) or not isinstance(event, Mapping):
        return event
    enqueued = event.get("EventEnqueuedUtcTime")
    try:
        enqueued = parse_datetime(enqueued) if isinstance(enqueued, str) else enqueued
    except Unconvertible:
        return event
    if not isinstance(enqueued, datetime):
        return event
    partition = event.get("PartitionId")
    return Event(body=event, enqueued=enqueued, partition=partition if isinstance(partition, int) else 0)


def _arrival(event: Event) -> tuple[datetime, int, int]:
    return event.enqueued, event.partition, event.sequence or 0


def _extend(outputs: dict[str, list[Row]], rows: Mapping[str, list[Row]]) -> None:
    for name, found in rows.items():
        outputs[name] += found
