"""What the query must compute, written a second time without a stream engine: event by event, window by window."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from scoring.sensors.simulator import Delivery, Simulation

TOLERANCE = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(body: bytes) -> dict[str, Any] | None:
    try:
        return json.loads(body)
    except ValueError:
        return None


def moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def window_end(time: datetime) -> datetime:
    """Windows exclude their start and include their end."""
    microseconds = (time - EPOCH) // timedelta(microseconds=1)
    return EPOCH + timedelta(minutes=5) * -(-microseconds // 300_000_000)


def classify(deliveries: Iterable[Delivery]) -> tuple[dict[str, int], dict[tuple[datetime, str, str], list[float]]]:
    """Deliveries of each class, and the distinct readings of each (window end, device, sensor)."""
    counts: dict[str, int] = dict.fromkeys(
        ("regular", "duplicates", "malformed", "late", "early", "undeserialisable"), 0
    )
    windows: dict[tuple[datetime, str, str], list[float]] = defaultdict(list)
    seen: set[str] = set()
    for arrival, _, body in deliveries:
        event = read(body)
        if event is None:
            counts["undeserialisable"] += 1
            continue
        time, value = moment(event["EventTime"]), number(event["Value"])
        if time is None or value is None:
            counts["malformed"] += 1
        elif arrival - time > TOLERANCE:
            counts["late"] += 1
        elif time - arrival > TOLERANCE:
            counts["early"] += 1
        elif event["EventId"] in seen:
            counts["duplicates"] += 1
        else:
            counts["regular"] += 1
            seen.add(event["EventId"])
            windows[window_end(time), event["DeviceId"], event["SensorId"]].append(value)
    return counts, windows


def features(simulation: Simulation) -> pd.DataFrame:
    """Feature rows of the regular readings; Duplicates is left at 0, which no model reads."""
    _, windows = classify(simulation.deliveries())
    rows = [
        (*key, len(values), 0, np.mean(values), min(values), max(values), np.std(values))
        for key, values in sorted(windows.items())
    ]
    names = ["WindowEnd", "DeviceId", "SensorId", "Events", "Duplicates", "Mean", "Minimum", "Maximum", "Deviation"]
    table = pd.DataFrame(rows, columns=names)
    table["WindowEnd"] = table["WindowEnd"].dt.as_unit("us")
    return table
