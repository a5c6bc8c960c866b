"""Plays a problem's simulated plant: into an event hub at the pace of a clock, or into a file at once."""

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from operations.clock import Clock
from operations.errors import OperationError

BOUNDARY = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


class Simulation(Protocol):
    """What a problem's simulator gives: deliveries as (send time, partition key, body), and how many of each kind."""

    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...
    @property
    def counts(self) -> dict[str, int]: ...
    @property
    def faults(self) -> Any: ...
    @property
    def truth(self) -> Any: ...
    def deliveries(self) -> Iterable[tuple[datetime, str, bytes]]: ...


@dataclass(frozen=True, kw_only=True)
class Progress:
    sent: int
    total: int
    moment: datetime
    seconds: float

    @property
    def rate(self) -> float:
        """Events a second so far."""
        return self.sent / self.seconds if self.seconds else 0.0


def first_start(clock: Clock, first: datetime | None, midnight: datetime) -> datetime:
    """When the plant starts: on a clock in lockstep at `first` or the next midnight; in real time at the next boundary.

    Raises OperationError for a moment that has passed, and for a moment at all where time cannot be moved.
    """
    now = clock.now()
    if not clock.lockstep:
        if first is not None:
            raise OperationError(
                f"--from {first:%Y-%m-%dT%H:%MZ}: the hub takes events at the time they happen; what lies in the past "
                "goes into a file (--to FILE), and a moment to come has to be waited for."
            )
        return next_boundary(now)
    start = midnight if first is None else first
    if start < now:
        raise OperationError(
            f"--from {start:%Y-%m-%dT%H:%MZ}: has passed, the clock shows {now:%Y-%m-%dT%H:%MZ}; expected a later one."
        )
    return start


def boundary(moment: datetime) -> datetime:
    """The moment itself. Raises OperationError unless windows of the plant start there."""
    if next_boundary(moment) != moment:
        raise OperationError(f"--from {moment:%Y-%m-%dT%H:%M:%SZ}: expected a full five minutes: windows start there.")
    return moment


def next_boundary(now: datetime) -> datetime:
    """The first full five minutes that are not before `now`: windows of the plant start there."""
    past = timedelta(minutes=now.minute % 5, seconds=now.second, microseconds=now.microsecond)
    return now if not past else now - past + BOUNDARY


def play(
    simulation: Simulation,
    send: Callable[[list[tuple[str, bytes]]], None],
    clock: Clock,
    on_progress: Callable[[Progress], None],
) -> Progress:
    """Sends a minute's deliveries when the clock shows that minute; leaves the clock at the simulation's end."""
    total, sent, began = sum(simulation.counts.values()), 0, time.monotonic()
    progress = Progress(sent=0, total=total, moment=simulation.start, seconds=0.0)
    for moment, deliveries in groupby(simulation.deliveries(), key=lambda delivery: delivery[0]):
        events = [(key, body) for _, key, body in deliveries]
        clock.reach(moment)
        send(events)
        sent += len(events)
        progress = Progress(sent=sent, total=total, moment=moment, seconds=time.monotonic() - began)
        on_progress(progress)
    clock.reach(simulation.end)
    return progress


def record(simulation: Simulation, progress: Progress, **facts: Any) -> dict[str, Any]:
    """What was sent, as JSON: counts by kind, the truth by window and by fault."""
    return {
        **facts,
        "start": simulation.start.isoformat(),
        "end": simulation.end.isoformat(),
        "sent": progress.sent,
        "counts": simulation.counts,
        "seconds": round(progress.seconds, 1),
        "rate": round(progress.rate),
        "faults": _rows(simulation.faults),
        "truth": _rows(simulation.truth),
    }


def write_json(path: Path, value: Any) -> None:
    """Writes beside `path`, then renames: nobody reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
    os.replace(temporary, path)


def _rows(table: Any) -> list[dict[str, Any]]:
    return json.loads(table.to_json(orient="records", date_format="iso"))
