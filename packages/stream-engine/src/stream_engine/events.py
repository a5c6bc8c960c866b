"""Events as an input holds them, and their bodies as records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .frame import Record
from .values import Value, load_json


@dataclass(frozen=True, kw_only=True)
class Event:
    """One message of an input.

    `body` is JSON (an object, an array of objects, or objects line by line) or a record; `enqueued` the arrival time;
    `metadata` what GetMetadataPropertyValue can ask for beside EventEnqueuedUtcTime, PartitionId and SequenceNumber,
    as in `{"User": {"SenderClientId": "a"}}`.
    """

    body: bytes | str | Mapping[str, Any]
    enqueued: datetime
    partition: int = 0
    sequence: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.enqueued.tzinfo is None:
            message = f"Event.enqueued: expected a datetime with a time zone, found {self.enqueued!r}"
            raise ValueError(message)


class Undeserializable(ValueError):
    """A body that is not what its format says; counted, never fatal."""


def records(body: bytes | str | Mapping[str, Any]) -> list[Record]:
    """The records of a body. Raises Undeserializable."""
    found = [dict(body)] if isinstance(body, Mapping) else _parse(body)
    if not all(isinstance(value, dict) for value in found):
        raise Undeserializable
    return [_record(value) for value in found]


def arrived(record: Record, event: Event) -> Record:
    """The record with what the service adds to events of a hub: three columns, and metadata."""
    record["EventProcessedUtcTime"] = event.enqueued
    record.setdefault("PartitionId", event.partition)
    record["EventEnqueuedUtcTime"] = event.enqueued
    record.metadata = {
        "EventEnqueuedUtcTime": event.enqueued,
        "EventProcessedUtcTime": event.enqueued,
        "PartitionId": event.partition,
        "SequenceNumber": event.sequence,
        **event.metadata,
    }
    return record


def _record(value: dict[str, Value]) -> Record:
    record = Record(value)
    record.metadata = {}
    return record


def _parse(body: bytes | str) -> list[Value]:
    try:
        value = load_json(body)
    except (ValueError, RecursionError):
        return _parse_lines(body)
    return value if isinstance(value, list) else [value]


def _parse_lines(body: bytes | str) -> list[Value]:
    """JSON line by line, as one message of a hub may hold it."""
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) < 2:
        raise Undeserializable
    try:
        return [load_json(line) for line in lines]
    except (ValueError, RecursionError):
        raise Undeserializable from None
