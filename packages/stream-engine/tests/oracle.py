"""Slow, obvious definitions of what the service does with time and windows; nothing of the engine is used here.

Times are whole seconds after a midnight, so that edges are hit all the time.
"""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime, timedelta
from typing import Any

midnight = datetime(2026, 1, 1, tzinfo=UTC)
# Windows are aligned to this many seconds before midnight.
zero = round((midnight - datetime(1, 1, 1, tzinfo=UTC)).total_seconds())
Row = dict[str, Any]
# Events of an input in order: time in seconds, and the event's fields.
Stream = list[tuple[int, Row]]


def moment(second: float) -> datetime:
    return midnight + timedelta(seconds=second)


# ---- Time: each event's timestamp, from the whole history before it. ----


def in_time(events: list[Row], late: int, disorder: int, action: str) -> Stream:
    """The events that the policy keeps, with their timestamps, in the order in which the query sees them."""
    kept: list[tuple[int, int, int, Row]] = []
    for number, event in enumerate(events):
        time, arrival, partition = event["time"], event["arrival"], event["partition"]
        if time is None or time > arrival + 300:
            continue
        before = [t for t, p, _, _ in kept if p == partition]
        arrivals = [e["arrival"] for e in events[: number + 1] if e["partition"] == partition and e["time"] is not None]
        watermark = max([*(t - disorder for t in before), *(a - late for a in arrivals)])
        for limit in (arrival - late, watermark):
            if time is not None and time < limit:
                time = limit if action == "Adjust" else None
        if time is not None:
            kept.append((time, partition, number, event))
    return [(time, event) for time, _, _, event in sorted(kept, key=lambda each: each[:3])]


# ---- Aggregates and windows, by their definitions. ----


def aggregate(rows: list[Row]) -> Row:
    values = [row["x"] for row in rows if row["x"] is not None]
    return {
        "n": len(rows),
        "c": len(values),
        "d": len(set(values)),
        "s": sum(values) if values else None,
        "a": sum(values) / len(values) if values else None,
        "lo": min(values, default=None),
        "hi": max(values, default=None),
        "dev": statistics.stdev(values) if len(values) > 1 else None,
        "top": max(values, default=None),
        "median": statistics.median(values) if values else None,
        "disc": sorted(values)[math.ceil(len(values) / 4) - 1] if values else None,
        "uda": sum(100 if row["x"] is None else row["x"] for row in rows),
    }


def grouped(ends: list[tuple[int, list[Row]]], key: bool) -> list[Row]:
    """A row for each window's end and, if `key`, each k among its events."""
    found = []
    for end, rows in ends:
        for part in dict.fromkeys(row["k"] for row in rows) if key else [None]:
            members = [row for row in rows if not key or row["k"] == part]
            if members:
                found.append({"ends": moment(end), **({"k": part} if key else {}), **aggregate(members)})
    return found


def aligned(stream: Stream, size: int, hop: int, offset: int) -> list[tuple[int, list[Row]]]:
    ends = [end for end in range(-400, 800) if (end + zero - offset) % hop == 0]
    return [(end, [row for time, row in stream if end - size < time <= end]) for end in ends]


def sliding(stream: Stream, size: int) -> list[tuple[int, list[Row]]]:
    found = []
    for end in range(-400, 800):
        now = [row for time, row in stream if end - size < time <= end]
        if now and now != [row for time, row in stream if end - 1 - size < time <= end - 1]:
            found.append((end, now))
    return found


def sessions(stream: Stream, timeout: int, most: int) -> list[tuple[int, list[Row]]]:
    found: list[tuple[int, int, list[Row]]] = []
    for time, row in stream:
        if not found or time > min(found[-1][0] + timeout, found[-1][1]):
            cut = math.ceil((time + zero) / most) * most + most - zero
            found.append((time, cut, []))
        found[-1] = (time, found[-1][1], [*found[-1][2], row])
    return [(min(last + timeout, cut), rows) for last, cut, rows in found]


def same_interval(a: int, b: int, length: int) -> bool:
    return math.ceil((a + zero) / length) == math.ceil((b + zero) / length)
